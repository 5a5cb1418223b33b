/* Charging records (charge.h).
**
**    an act ------> usage: an event ------> a record for each VAL service, in the same transaction
**    occupancy ---> the command `charge` -> a record for each day, VAL server, VAL service, term and price
**
** An act is one invocation of a term, however many VAL services are under it: so the record of the first of them
** carries the invocation and its price, and those of the others say 0. A record's amount is rounded once, half up, to 9
** decimals: what an invocation costs never has more, and identity-seconds × price / 86400 may not end. An invoice sums
** exactly these.
*/
#include "base/decimal.h"
#include "base/text.h"
#include "registrar/ledger/ledger.h"

#include <assert.h>
#include <string.h>

#define DAY            86400
#define REFERENCE_SIZE (3 * SEAL_ID_MAX + 64)

/* Makes room for `more` behind the n of *size. */
static int make_room(void **memory, size_t *size, size_t n, size_t more, size_t each) {
  size_t larger = *size ? *size : 8;
  while (larger < n + more) larger *= 2;
  if (larger == *size) return SQLITE_OK;
  void *room = sqlite3_realloc64(*memory, larger * each);
  if (room == NULL) return SQLITE_NOMEM;
  *memory = room;
  *size = larger;
  return SQLITE_OK;
}

int seal_names_add(SealNames *names, int64_t term, SealText val_service_id, int units) {
  size_t n = val_service_id.p ? (size_t)val_service_id.n : 0;
  void *services = names->services, *text = names->text;
  int rc = make_room(&services, &names->size, names->n, 1, sizeof *names->services);
  names->services = services;
  if (rc == SQLITE_OK) rc = make_room(&text, &names->text_size, names->n_text, n, 1);
  names->text = text;
  if (rc != SQLITE_OK) return rc;
  if (n > 0) memcpy(names->text + names->n_text, val_service_id.p, n);
  names->services[names->n++] = (SealNamed){term, names->n_text, n, units};
  names->n_text += n;
  return SQLITE_OK;
}

void seal_names_clear(SealNames *names) {
  sqlite3_free(names->services);
  sqlite3_free(names->text);
  memset(names, 0, sizeof *names);
}

/* What an API is called, and where it is. */
typedef struct Api {
  const char *name, *path;
} Api;

/* Configurations of key management are ours, and carry what SS_KMParametersProvisioning is for; a KM Request of
** TS 33.434 is another way to what SS_KeyInfoRetrieval gives. */
static Api api_of(SealApi api, const char *seal_service) {
  switch (api) {
  case SEAL_API_KEY_PROVISIONING:
    return (Api){"SS_KMParametersProvisioning", "/ss-kpp/v1/request"};
  case SEAL_API_KEY_RETRIEVAL:
    return (Api){"SS_KeyInfoRetrieval", "/ss-kir/v1/key-records"};
  case SEAL_API_KM_REQUEST:
    return (Api){"SS_KeyInfoRetrieval", "/skm/v1/km-request"};
  default:
    assert(api == SEAL_API_CONFIGURATIONS);
    if (strcmp(seal_service, SEAL_IDM) == 0)
      return (Api){"SS_IdmParameterProvisioning", "/ss-ipp/v1/configurations"};
    return (Api){"SS_KMParametersProvisioning", "/ss-kmpp/v1/configurations"};
  }
}

/* The URI of what was asked for: a configuration has one of its own. */
static Api reference(const SealUse *use, char out[REFERENCE_SIZE]) {
  Api api = api_of(use->api, use->seal_service);
  char encoded[3 * SEAL_ID_MAX + 1] = "";
  size_t n = use->conf_id && use->api == SEAL_API_CONFIGURATIONS ? strlen(use->conf_id) : 0;
  if (n <= SEAL_ID_MAX) (void)seal_percent_encode(use->conf_id ? use->conf_id : "", n, encoded);
  sqlite3_snprintf(REFERENCE_SIZE, out, "%s%s%s", api.path, encoded[0] ? "/" : "", encoded);
  return (Api){api.name, out};
}

/* Linear in the VAL services, which were stored one by one as well. */
int seal_charge_event(Seal *p, const SealUse *use, int64_t usage_seq) {
  char uri[REFERENCE_SIZE];
  Api api = reference(use, uri);
  const SealNames *names = use->names;
  int rc = SQLITE_OK;
  for (size_t i = 0; rc == SQLITE_OK && names != NULL && i < names->n; i++) {
    const SealNamed *service = &names->services[i];
    SealText name = {service->n ? names->text + service->at : NULL, (int)service->n};
    rc = seal_store_run(seal_store(p), SQL_CHARGE_INVOCATION, "iisitt", usage_seq, service->term,
                        &name, (int64_t)service->units, api.name, api.path);
  }
  return rc;
}

int seal_charge_rows(Seal *p, const SealUse *use, int64_t usage_seq, int64_t term,
                     SealText val_service_id, int units) {
  char uri[REFERENCE_SIZE];
  Api api = reference(use, uri);
  return seal_store_run(seal_store(p), units ? SQL_CHARGE_INVOCATION : SQL_CHARGE_ANOTHER, "iisitt",
                        usage_seq, term, &val_service_id, (int64_t)units, api.name, api.path);
}

/************************************************************************************************
** The commands.
*/
typedef struct State {
  int64_t until; /* SEAL_INSTANT_MIN: no day is charged */
  int64_t taken, exported, last;
} State;

static int state_read(Seal *p, State *out) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_CHARGE_STATE, &row, "");
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  int never = sqlite3_column_type(row, CHARGE_STATE_UNTIL) == SQLITE_NULL;
  out->until = never ? SEAL_INSTANT_MIN : sqlite3_column_int64(row, CHARGE_STATE_UNTIL);
  out->taken = sqlite3_column_int64(row, CHARGE_STATE_TAKEN);
  out->exported = sqlite3_column_int64(row, CHARGE_STATE_EXPORTED);
  out->last = sqlite3_column_int64(row, CHARGE_STATE_LAST);
  seal_store_reset(row);
  return SQLITE_OK;
}

/* What a quantity of identity-seconds costs; "": it has no price. SQLITE_CORRUPT_VTAB for a stored price that is no
** decimal, SQLITE_TOOBIG for a sum that is too large. */
static int amount_of(int64_t quantity, SealText price, char out[SEAL_DECIMAL_SIZE]) {
  SealDecimal sum = {0, 0}, each;
  out[0] = 0;
  if (quantity < 1) return SQLITE_CORRUPT_VTAB;
  if (price.p == NULL) return SQLITE_OK;
  if (seal_decimal_read(price.p, (size_t)price.n, &each) != 0) return SQLITE_CORRUPT_VTAB;
  if (seal_decimal_add(&sum, each, quantity) != 0) return SQLITE_TOOBIG;
  seal_decimal_text(sum, DAY, SEAL_DECIMAL_PLACES, out);
  return SQLITE_OK;
}

/* Writes the record of one row of charge_days. */
static int write_day(Seal *p, sqlite3_stmt *row, int64_t at) {
  char amount[SEAL_DECIMAL_SIZE];
  SealText who[] = {
      seal_column_text(row, CHARGE_DAYS_AGREEMENT_ID),
      seal_column_text(row, CHARGE_DAYS_VAL_PROVIDER_ID),
      seal_column_text(row, CHARGE_DAYS_VAL_SERVER_ID),
      seal_column_text(row, CHARGE_DAYS_VAL_SERVICE_ID),
      seal_column_text(row, CHARGE_DAYS_TERM),
      seal_column_text(row, CHARGE_DAYS_PRICE),
      seal_column_text(row, CHARGE_DAYS_CURRENCY),
  };
  const char *seal_service = seal_service_name(seal_column_text(row, CHARGE_DAYS_SEAL_SERVICE));
  int64_t from = sqlite3_column_int64(row, CHARGE_DAYS_FROM_TIME);
  int64_t quantity = sqlite3_column_int64(row, CHARGE_DAYS_QUANTITY);
  if (seal_service == NULL) return SQLITE_CORRUPT_VTAB;
  Api api = api_of(SEAL_API_CONFIGURATIONS, seal_service);
  int rc = amount_of(quantity, who[5], amount);
  if (rc != SQLITE_OK) return rc;
  return seal_store_run(seal_store(p), SQL_CHARGE_DAY_INSERT, "iiissstssssititt", at, from,
                        from + DAY, &who[0], &who[1], &who[2], seal_service, &who[3], &who[4],
                        &who[5], &who[6], quantity, amount[0] ? amount : NULL,
                        sqlite3_column_int64(row, CHARGE_DAYS_RATING_GROUP), api.name, api.path);
}

int seal_charge_days(Seal *p, int64_t at, int64_t *made) {
  State state;
  sqlite3_stmt *row = NULL;
  int64_t until = at - (at - SEAL_INSTANT_MIN) % DAY;
  *made = 0;
  int rc = seal_audit_head(p);
  if (rc == SQLITE_OK) rc = state_read(p, &state);
  if (rc != SQLITE_OK) return rc;
  if (until <= state.until) return SQLITE_DONE;
  rc = seal_store_row(seal_store(p), SQL_CHARGE_DAYS, &row, "ii", state.until, until);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(row)) {
    int bad = write_day(p, row, at);
    if (bad != SQLITE_OK) {
      rc = bad;
      break;
    }
    ++*made;
  }
  seal_store_reset(row);
  if (rc == SQLITE_DONE) rc = seal_store_run(seal_store(p), SQL_CHARGE_UNTIL, "i", until);
  if (rc == SQLITE_OK) seal_txn(p)->charged = until;
  return rc;
}

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

int seal_charge_taken(Seal *p, const SealTaken *more, SealTaken *known, SealError *err) {
  State state;
  int rc = state_read(p, &state);
  if (rc != SQLITE_OK) return rc;
  if (more->taken > state.last || more->exported > state.last) {
    return seal_refuse(err, SEAL_MODIFICATION_NOT_ALLOWED,
                       "record %lld is not there: the last one is %lld",
                       (long long)larger(more->taken, more->exported), (long long)state.last);
  }
  known->taken = larger(more->taken, state.taken);
  known->exported = larger(larger(more->exported, state.exported), known->taken);
  if (known->taken == state.taken && known->exported == state.exported) return SQLITE_DONE;
  return seal_store_run(seal_store(p), SQL_CHARGE_TAKEN, "ii", known->taken, known->exported);
}

int seal_charge_restored(Seal *p, int64_t taken, int64_t at) {
  State state;
  int rc = state_read(p, &state);
  if (rc == SQLITE_OK && taken > state.last) {
    rc = seal_store_run(seal_store(p), SQL_CHARGE_RESTORED, "ii", taken, at);
  }
  if (rc != SQLITE_OK) return rc;
  return seal_store_run(seal_store(p), SQL_CHARGE_TAKEN, "ii", larger(taken, state.taken),
                        larger(taken, state.exported));
}
