/* What the SLA grants (registrar.h). seal_authorize is the only place where an SLA is judged: rows,
** messages, tokens and the SEAL servers' questions all come here.
**
** It costs one look-up of agreement and term, and, where the term has a quota, one of the counters:
** never a count of rows (sql/statements/authorize.sql).
*/
#include "registrar/internal.h"

#include <string.h>

/* Columns of authorize_term. */
enum {
  T_AGREEMENT,
  T_STATUS,
  T_START,
  T_STOP,
  T_SERVER_EXP,
  T_TERM,
  T_TERM_START,
  T_TERM_STOP,
  T_MAX_IDENTITIES,
  T_MAX_KEY_RECORDS,
  T_MAX_VALIDITY,
  T_KEY_FORMATS,
  T_SCOPES
};

/* 1 if `at` lies before the start in column i. */
static int before(sqlite3_stmt *row, int i, int64_t at) {
  return sqlite3_column_type(row, i) != SQLITE_NULL && at < sqlite3_column_int64(row, i);
}

static int check_agreement(sqlite3_stmt *row, const SealAsk *ask, SealError *err) {
  SealText status = seal_column_text(row, T_STATUS);
  if (status.p == NULL) return seal_text_missing(row, T_STATUS);
  if (strcmp(status.p, "terminated") == 0) {
    return seal_refuse(err, SEAL_SLA_EXPIRED, "the agreement is terminated");
  }
  if (ask->at >= seal_column_until(row, T_STOP)) {
    return seal_refuse(err, SEAL_SLA_EXPIRED, "the agreement has ended");
  }
  if (strcmp(status.p, "active") != 0) {
    return seal_refuse(err, SEAL_SLA_NOT_ACTIVE, "the agreement is %s", status.p);
  }
  if (before(row, T_START, ask->at)) {
    return seal_refuse(err, SEAL_SLA_NOT_ACTIVE, "the agreement has not started");
  }
  return SQLITE_OK;
}

static int check_term(sqlite3_stmt *row, const SealAsk *ask, SealError *err) {
  char quoted[SEAL_QUOTE_MAX + 8];
  if (sqlite3_column_type(row, T_TERM) == SQLITE_NULL && ask->val_service_id.p == NULL) {
    return seal_refuse(err, SEAL_SLA_SERVICE_NOT_GRANTED, "no term grants %s", ask->seal_service);
  }
  if (sqlite3_column_type(row, T_TERM) == SQLITE_NULL) {
    return seal_refuse(err, SEAL_SLA_SERVICE_NOT_GRANTED,
                       "no term grants %s for val service \"%s\"", ask->seal_service,
                       seal_quote(ask->val_service_id, quoted));
  }
  if (ask->val_service_id.p == NULL) return SQLITE_OK;
  if (before(row, T_TERM_START, ask->at)) {
    return seal_refuse(err, SEAL_SLA_NOT_ACTIVE, "the term for val service \"%s\" has not started",
                       seal_quote(ask->val_service_id, quoted));
  }
  if (ask->at >= seal_column_until(row, T_TERM_STOP)) {
    return seal_refuse(err, SEAL_SLA_EXPIRED, "the term for val service \"%s\" has ended",
                       seal_quote(ask->val_service_id, quoted));
  }
  return SQLITE_OK;
}

/* max_validity: more is refused, none asked gets it from now. */
static int check_validity(sqlite3_stmt *row, const SealAsk *ask, SealGrant *out, SealError *err) {
  int64_t max = seal_column_until(row, T_MAX_VALIDITY);
  out->until = ask->exp_time;
  if (max == SEAL_UNBOUNDED) return SQLITE_OK;
  int64_t latest = max > SEAL_INSTANT_MAX - ask->at ? SEAL_INSTANT_MAX : ask->at + max;
  if (ask->exp_time == SEAL_UNBOUNDED) out->until = latest;
  if (out->until <= latest) return SQLITE_OK;
  char quoted[SEAL_QUOTE_MAX + 8];
  return seal_refuse(err, SEAL_SLA_VALIDITY_EXCEEDED,
                     "val service \"%s\" may be valid for %lld seconds, %lld asked",
                     seal_quote(ask->val_service_id, quoted), (long long)max,
                     (long long)(ask->exp_time - ask->at));
}

/* 1 if the JSON array in column i lists the word; 1 also when there is no array: anything goes.
** -1: the stored value is not an array of strings. */
static int listed(sqlite3_stmt *row, int i, SealText word) {
  if (sqlite3_column_type(row, i) == SQLITE_NULL) return 1;
  SealText text = seal_column_text(row, i);
  json_t *array = NULL, *item;
  size_t index;
  int found = 0;
  if (text.p == NULL || seal_json_parse(text.p, (size_t)text.n, 2, &array) != SEAL_VALID) return -1;
  json_array_foreach(array, index, item) {
    if (json_string_length(item) == (size_t)word.n && json_is_string(item) &&
        memcmp(json_string_value(item), word.p, (size_t)word.n) == 0) {
      found = 1;
    }
  }
  json_decref(array);
  return found;
}

/* The next word of a space-separated list from *at on; n of 0 at its end. */
static SealText next_word(SealText list, int *at) {
  while (*at < list.n && list.p[*at] == ' ') (*at)++;
  SealText word = {list.p + *at, 0};
  while (*at < list.n && list.p[*at] != ' ') (*at)++, word.n++;
  return word;
}

static int check_key(sqlite3_stmt *row, const SealAsk *ask, SealError *err) {
  char quoted[SEAL_QUOTE_MAX + 8], service[SEAL_QUOTE_MAX + 8];
  if (ask->key_format.p != NULL) {
    int found = listed(row, T_KEY_FORMATS, ask->key_format);
    if (found < 0) return SQLITE_CORRUPT_VTAB;
    if (!found) {
      return seal_refuse(err, SEAL_SLA_KEY_FORMAT_NOT_GRANTED,
                         "key format \"%s\" is not granted for val service \"%s\"",
                         seal_quote(ask->key_format, quoted),
                         seal_quote(ask->val_service_id, service));
    }
  }
  int at = 0;
  if (ask->scope.p == NULL) return SQLITE_OK;
  for (SealText word = next_word(ask->scope, &at); word.n > 0; word = next_word(ask->scope, &at)) {
    int found = listed(row, T_SCOPES, word);
    if (found < 0) return SQLITE_CORRUPT_VTAB;
    if (!found) {
      return seal_refuse(err, SEAL_SLA_SCOPE_NOT_GRANTED,
                         "scope \"%s\" is not granted for val service \"%s\"",
                         seal_quote(word, quoted), seal_quote(ask->val_service_id, service));
    }
  }
  return SQLITE_OK;
}

/* One quota: `held` now, `other` by the rest of the same act, `asked` more. */
static int check_quota(const SealAsk *ask, const char *what, int64_t max, int64_t held,
                       int64_t other, int64_t asked, int64_t *left, SealError *err) {
  *left = SEAL_UNBOUNDED;
  if (max == SEAL_UNBOUNDED) return SQLITE_OK;
  *left = max - held - other;
  if (asked <= *left || (asked + other <= 0 && asked >= 0)) return SQLITE_OK;
  char quoted[SEAL_QUOTE_MAX + 8];
  return seal_refuse(err, SEAL_SLA_QUOTA_EXCEEDED,
                     "val service \"%s\" may hold %lld %s, %lld asked",
                     seal_quote(ask->val_service_id, quoted), (long long)max, what,
                     (long long)(held + other + asked));
}

static int check_quotas(Seal *p, sqlite3_stmt *row, const SealAsk *ask, SealGrant *out,
                        SealError *err) {
  int64_t max_identities = seal_column_until(row, T_MAX_IDENTITIES);
  int64_t max_key_records = seal_column_until(row, T_MAX_KEY_RECORDS);
  out->identities = out->key_records = SEAL_UNBOUNDED;
  if (max_identities == SEAL_UNBOUNDED && max_key_records == SEAL_UNBOUNDED) return SQLITE_OK;
  int64_t identities = 0, key_records = 0, other_identities = 0, other_key_records = 0;
  sqlite3_stmt *held;
  int rc = seal_store_row(&p->store, SQL_AUTHORIZE_HELD, &held, "iii", out->term, ask->at,
                          out->agreement);
  if (rc == SQLITE_ROW) {
    identities = sqlite3_column_int64(held, 0);
    key_records = sqlite3_column_int64(held, 1);
  }
  seal_store_reset(held);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return rc;
  for (size_t i = 0; i < ask->n_tally; i++) {
    if (ask->tally[i].term != out->term) continue;
    other_identities += ask->tally[i].identities;
    other_key_records += ask->tally[i].key_records;
  }
  rc = check_quota(ask, "identities", max_identities, identities, other_identities, ask->identities,
                   &out->identities, err);
  if (rc != SQLITE_OK) return rc;
  return check_quota(ask, "key records", max_key_records, key_records, other_key_records,
                     ask->key_records, &out->key_records, err);
}

static int64_t earliest(int64_t a, int64_t b) {
  return a < b ? a : b;
}

int seal_authorize(Seal *p, const SealAsk *ask, SealGrant *out, SealError *err) {
  sqlite3_stmt *row;
  memset(out, 0, sizeof *out);
  int rc = seal_store_row(&p->store, SQL_AUTHORIZE_TERM, &row, "its", ask->val_server,
                          ask->seal_service, &ask->val_service_id);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  out->agreement = sqlite3_column_int64(row, T_AGREEMENT);
  out->term = sqlite3_column_int64(row, T_TERM);
  rc = check_agreement(row, ask, err);
  if (rc == SQLITE_OK) rc = check_term(row, ask, err);
  if (ask->val_service_id.p == NULL || rc != SQLITE_OK) {
    seal_store_reset(row);
    return rc;
  }
  rc = check_validity(row, ask, out, err);
  if (rc == SQLITE_OK) rc = check_key(row, ask, err);
  if (rc == SQLITE_OK) rc = check_quotas(p, row, ask, out, err);
  out->valid_until =
      earliest(earliest(out->until, seal_column_until(row, T_SERVER_EXP)),
               earliest(seal_column_until(row, T_STOP), seal_column_until(row, T_TERM_STOP)));
  seal_store_reset(row);
  return rc;
}

int seal_serves(Seal *p, const char *seal_service, SealText val_service_id, SealText id, int64_t at,
                int64_t *until) {
  sqlite3_stmt *row;
  int rc;
  *until = INT64_MIN;
  if (id.p != NULL) {
    rc = seal_store_row(&p->store, SQL_SERVES_IDENTITY, &row, "itss", at, seal_service,
                        &val_service_id, &id);
  } else if (strcmp(seal_service, SEAL_KM) == 0) {
    rc = seal_store_row(&p->store, SQL_SERVES_KEY, &row, "is", at, &val_service_id);
  } else {
    return SQLITE_OK;
  }
  if (rc == SQLITE_ROW && sqlite3_column_type(row, 0) != SQLITE_NULL) {
    *until = sqlite3_column_int64(row, 0);
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}
