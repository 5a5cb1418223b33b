/* Configurations (registrar.h): what a VAL server provisioned, stored whole or not at all.
**
**    seal_configuration_data     one message's worth: VAL server, SEAL service, its own end
**      seal_configuration_service  one VAL service in it: the term it was granted under, counters
**        seal_identity_data          its rows, ids (service << 28) + 0, 1, 2, …
**
** Everything is judged before anything is written, so that a refusal leaves no trace and needs no
** savepoint; a fault of the system after that is SQLite's to roll back.
*/
#include "registrar/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int seal_conf_id(Seal *p, char out[SEAL_CONF_ID], int n, const SealText *texts) {
  sqlite3_str *all = sqlite3_str_new(p->store.db);
  for (int i = 0; i < n; i++) {
    sqlite3_str_appendf(all, "%d:", texts[i].n);
    sqlite3_str_append(all, texts[i].p ? texts[i].p : "", texts[i].n);
  }
  unsigned char hash[SEAL_SHA256_SIZE];
  int rc = sqlite3_str_errcode(all);
  if (rc == SQLITE_OK && seal_sha256(p->crypto, sqlite3_str_value(all),
                                     (size_t)sqlite3_str_length(all), hash) != SEAL_VALID) {
    rc = SQLITE_ERROR;
  }
  sqlite3_free(sqlite3_str_finish(all));
  if (rc != SQLITE_OK) return rc;
  for (int i = 0; i < (SEAL_CONF_ID - 1) / 2; i++) {
    sqlite3_snprintf(3, out + 2 * i, "%02x", hash[i]);
  }
  return SQLITE_OK;
}

int seal_configuration_find(Seal *p, int64_t val_server, const char *seal_service, SealText conf_id,
                            int64_t at, int64_t *id, SealError *err) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&p->store, SQL_CONFIGURATION_FIND, &row, "iits", at, val_server,
                          seal_service, &conf_id);
  if (rc == SQLITE_ROW) *id = sqlite3_column_int64(row, 0);
  seal_store_reset(row);
  if (rc == SQLITE_ROW) return SQLITE_OK;
  if (rc != SQLITE_DONE) return rc;
  char quoted[SEAL_QUOTE_MAX + 8];
  return seal_refuse(err, SEAL_RESOURCE_CONTEXT_NOT_FOUND, "there is no configuration \"%s\"",
                     seal_quote(conf_id, quoted));
}

int seal_hold(Seal *p, int64_t term, int64_t until, int64_t val_server, int64_t identities,
              int64_t key_records) {
  if (identities == 0 && key_records == 0) return SQLITE_OK;
  int rc = seal_store_run(&p->store, SQL_TERM_USE_ADD, "iii", term, identities, key_records);
  if (rc == SQLITE_OK) {
    rc = seal_store_run(&p->store, SQL_TERM_HELD_ADD, "iiiii", term, until, val_server, identities,
                        key_records);
  }
  if (rc == SQLITE_OK && (identities < 0 || key_records < 0)) {
    rc = seal_store_run(&p->store, SQL_TERM_HELD_CLEAN, "iii", term, until, val_server);
  }
  return rc;
}

int seal_configuration_make(Seal *p, const SealConfiguration *conf, int64_t val_server,
                            int64_t until, int64_t at, int64_t *id) {
  int rc = seal_store_run(&p->store, SQL_CONFIGURATION_INSERT, "tituisssi", conf->conf_id,
                          val_server, conf->seal_service, conf->exp_time, until, &conf->supp_feat,
                          &conf->end_pt, &conf->notification_destination, at);
  *id = sqlite3_last_insert_rowid(p->store.db);
  return rc;
}

int seal_service_make(Seal *p, int64_t configuration, const SealService *service, int64_t *id) {
  int rc = seal_store_run(&p->store, SQL_SERVICE_INSERT, "isiss", configuration,
                          &service->val_service_id, service->grant.term, &service->key_format,
                          &service->scope);
  *id = sqlite3_last_insert_rowid(p->store.db);
  return rc;
}

/* Bytes first, so that rows go into the index in its order. */
static int compare_ids(const void *a, const void *b) {
  const SealId *x = a, *y = b;
  int n = x->n < y->n ? x->n : y->n;
  int order = memcmp(x->p, y->p, (size_t)n);
  if (order == 0) order = (x->n > y->n) - (x->n < y->n);
  return order ? order : x->is_ue - y->is_ue;
}

static int same_id(const SealId *x, const SealId *y) {
  return x->n == y->n && x->is_ue == y->is_ue && memcmp(x->p, y->p, (size_t)x->n) == 0;
}

/* Sorts the identities of a service and takes repeated ones out: they are stored and counted once. */
static int sort_ids(SealService *service) {
  size_t n = 0;
  if (service->n_ids == 0) return SQLITE_OK;
  service->sorted = sqlite3_malloc64(service->n_ids * sizeof *service->sorted);
  if (service->sorted == NULL) return SQLITE_NOMEM;
  memcpy(service->sorted, service->ids, service->n_ids * sizeof *service->sorted);
  qsort(service->sorted, service->n_ids, sizeof *service->sorted, compare_ids);
  for (size_t i = 0; i < service->n_ids; i++) {
    if (n > 0 && same_id(&service->sorted[i], &service->sorted[n - 1])) continue;
    service->sorted[n++] = service->sorted[i];
  }
  service->n_sorted = n;
  return SQLITE_OK;
}

static int sort_all(SealConfiguration *conf) {
  int rc = SQLITE_OK;
  for (size_t i = 0; rc == SQLITE_OK && i < conf->n_services; i++)
    rc = sort_ids(&conf->services[i]);
  return rc;
}

/* What was given shows what is stored: where an identity was repeated, the sorted ones. */
static void sort_done(SealConfiguration *conf) {
  for (size_t i = 0; i < conf->n_services; i++) {
    SealService *service = &conf->services[i];
    if (service->n_sorted < service->n_ids && service->sorted != NULL) {
      memcpy(service->ids, service->sorted, service->n_sorted * sizeof *service->ids);
      service->n_ids = service->n_sorted;
    }
    sqlite3_free(service->sorted);
    service->sorted = NULL;
  }
}

/* Adds what one service takes to the tally of its term. */
static void tally_add(SealTally *tally, size_t *n, const SealService *service) {
  size_t i = 0;
  while (i < *n && tally[i].term != service->grant.term) i++;
  if (i == *n) {
    tally[i] = (SealTally){service->grant.term, 0, 0};
    (*n)++;
  }
  tally[i].identities += (int64_t)service->n_sorted;
  tally[i].key_records += (int64_t)service->n_records;
}

/* Gives back what the configuration that is replaced holds. */
static int tally_old(Seal *p, int64_t configuration, SealTally **tally, size_t *n, size_t more) {
  sqlite3_stmt *row = NULL;
  size_t size = 16;
  int rc = SQLITE_DONE;
  *n = 0;
  *tally = sqlite3_malloc64((size + more) * sizeof **tally);
  if (*tally == NULL) return SQLITE_NOMEM;
  if (configuration != 0) {
    rc = seal_store_row(&p->store, SQL_CONFIGURATION_TALLY, &row, "i", configuration);
  }
  for (; rc == SQLITE_ROW; rc = sqlite3_step(row)) {
    if (*n == size) {
      size *= 2;
      SealTally *bigger = sqlite3_realloc64(*tally, (size + more) * sizeof *bigger);
      if (bigger == NULL) {
        seal_store_reset(row);
        return SQLITE_NOMEM;
      }
      *tally = bigger;
    }
    (*tally)[(*n)++] = (SealTally){sqlite3_column_int64(row, 0), -sqlite3_column_int64(row, 1),
                                   -sqlite3_column_int64(row, 2)};
  }
  seal_store_reset(row);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Key records need a token that may bring them, and a key to seal them with. */
static int check_records(Seal *p, const SealRequester *who, SealError *err) {
  int rc = seal_scope_check(who, SEAL_KM, 1, err);
  return rc == SQLITE_OK ? seal_key_current(p, err) : rc;
}

/* Judges every VAL service of a configuration; gives when it itself ends and until when it holds. */
static int authorize_all(Seal *p, const SealRequester *who, SealConfiguration *conf,
                         int64_t replaces, int64_t at, int64_t *until, SealError *err) {
  SealTally *tally;
  size_t n;
  *until = conf->exp_time;
  conf->valid_until = SEAL_UNBOUNDED;
  int rc = tally_old(p, conf->keep ? 0 : replaces, &tally, &n, conf->n_services);
  for (size_t i = 0; rc == SQLITE_OK && i < conf->n_services; i++) {
    SealService *service = &conf->services[i];
    SealAsk ask = {
        .val_server = who->val_server,
        .seal_service = conf->seal_service,
        .val_service_id = service->val_service_id,
        .at = at,
        .exp_time = conf->exp_time,
        .identities = conf->keep ? 0 : (int64_t)service->n_sorted,
        .key_records = conf->keep ? 0 : (int64_t)service->n_records,
        .key_format = service->key_format,
        .scope = service->scope,
        .tally = tally,
        .n_tally = n,
        .invocation = SEAL_BY_MESSAGE,
    };
    rc = seal_authorize(p, &ask, &service->grant, err);
    if (rc == SQLITE_OK && service->n_records > 0) rc = check_records(p, who, err);
    if (rc != SQLITE_OK) break;
    tally_add(tally, &n, service);
    if (service->grant.until < *until) *until = service->grant.until;
    if (service->grant.valid_until < conf->valid_until) {
      conf->valid_until = service->grant.valid_until;
    }
  }
  sqlite3_free(tally);
  return rc;
}

/* Stores the key records of a service, each sealed. */
static int store_records(Seal *p, int64_t service, const SealRequester *who, const char *conf_id,
                         const SealService *from, SealError *err) {
  int rc = SQLITE_OK;
  SealRecordPlace place = {
      .val_server_id = {who->val_server_id, (int)strlen(who->val_server_id)},
      .conf_id = {conf_id, (int)strlen(conf_id)},
      .val_service_id = from->val_service_id,
  };
  for (size_t i = 0; rc == SQLITE_OK && i < from->n_records; i++) {
    int64_t rowid;
    rc = seal_record_store(p, service, (int64_t)i, &place, &from->records[i], &rowid, err);
  }
  return rc;
}

static int store_services(Seal *p, int64_t id, int64_t until, const SealRequester *who,
                          const SealConfiguration *conf, SealError *err) {
  int rc = SQLITE_OK;
  for (size_t i = 0; rc == SQLITE_OK && i < conf->n_services; i++) {
    const SealService *service = &conf->services[i];
    int64_t service_id, stored = (int64_t)service->n_sorted;
    rc = seal_service_make(p, id, service, &service_id);
    if (rc == SQLITE_OK) {
      rc = seal_ids_insert(p, service_id << SEAL_ROW_BITS, service_id, service->sorted,
                           service->n_sorted);
    }
    int64_t records = (int64_t)service->n_records;
    if (rc == SQLITE_OK) rc = store_records(p, service_id, who, conf->conf_id, service, err);
    if (rc == SQLITE_OK) {
      rc = seal_store_run(&p->store, SQL_SERVICE_COUNT, "iiii", service_id, stored, records,
                          stored + records);
    }
    if (rc == SQLITE_OK) {
      rc = seal_hold(p, service->grant.term, until, who->val_server, stored, records);
    }
  }
  return rc;
}

/* The entries that an effect on a configuration leaves in the three ledgers. */
static int record(Seal *p, const SealRequester *who, const SealConfiguration *conf, int64_t at,
                  const char *operation, int result) {
  int64_t identities = 0, records = 0;
  for (size_t i = 0; i < conf->n_services; i++) {
    identities += (int64_t)conf->services[i].n_sorted;
    records += (int64_t)conf->services[i].n_records;
  }
  char *object = sqlite3_mprintf("seal_configuration:%s", conf->conf_id);
  char *detail =
      sqlite3_mprintf("{\"seal_service\":\"%s\",\"val_services\":%lld,"
                      "\"identities\":%lld}",
                      conf->seal_service, (long long)conf->n_services, (long long)identities);
  int rc = object && detail ? SQLITE_OK : SQLITE_NOMEM;
  SealEvent event = {at, who->val_server_id, operation, object, "done", NULL, detail};
  if (rc == SQLITE_OK) rc = seal_audit_write(p, &event);
  if (rc == SQLITE_OK) rc = seal_change_write(p, at, conf->seal_service, object, operation);
  if (rc == SQLITE_OK) {
    rc = seal_usage_write(p, at, who->val_server, conf->seal_service, operation, result,
                          conf->conf_id, identities, records);
  }
  sqlite3_free(object);
  sqlite3_free(detail);
  return rc;
}

/* What a configuration is called, whose it is and when it ends by itself. */
typedef struct Head {
  char conf_id[SEAL_ID_MAX + 1];
  const char *seal_service;
  int64_t val_server, exp_time, until;
} Head;

static int load_head(Seal *p, int64_t id, Head *out) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&p->store, SQL_CONFIGURATION_LOAD, &row, "i", id);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  SealText conf_id = seal_column_text(row, 0);
  sqlite3_snprintf(sizeof out->conf_id, out->conf_id, "%.*s", conf_id.n,
                   conf_id.p ? conf_id.p : "");
  out->val_server = sqlite3_column_int64(row, 1);
  out->seal_service = seal_service_name(seal_column_text(row, 2));
  out->exp_time = seal_column_until(row, 3);
  out->until = sqlite3_column_int64(row, 4);
  seal_store_reset(row);
  return out->seal_service ? SQLITE_OK : SQLITE_CORRUPT_VTAB;
}

/* Writes what stands beside the services of a stored configuration. */
static int amend(Seal *p, const SealRequester *who, const SealConfiguration *conf, int64_t id,
                 int64_t until, int64_t at) {
  int rc = SQLITE_OK;
  Head head;
  if (conf->keep) {
    rc = load_head(p, id, &head);
    if (rc == SQLITE_OK && head.until != until) {
      rc = seal_store_run(&p->store, SQL_CONFIGURATION_HELD_MOVE, "iiii", id, head.until, until,
                          who->val_server);
    }
  }
  if (rc != SQLITE_OK) return rc;
  rc = seal_store_run(&p->store, SQL_CONFIGURATION_UPDATE, "iuisssi", id, conf->exp_time, until,
                      &conf->supp_feat, &conf->end_pt, &conf->notification_destination, at);
  if (rc != SQLITE_OK || !conf->keep || head.until == until) return rc;
  return seal_occupancy_change(p, id, 0, at);
}

/* Writes what was judged. */
static int put(Seal *p, const SealRequester *who, const SealConfiguration *conf, int64_t replaces,
               int64_t until, int64_t at, SealError *err) {
  int64_t id = replaces, removed = 0;
  int rc;
  if (replaces == 0) {
    rc = seal_configuration_make(p, conf, who->val_server, until, at, &id);
  } else {
    rc = conf->keep ? SQLITE_OK : seal_configuration_clear(p, id, INT64_MAX, at, &removed);
    if (rc == SQLITE_OK) rc = amend(p, who, conf, id, until, at);
  }
  if (rc == SQLITE_OK && !conf->keep) rc = store_services(p, id, until, who, conf, err);
  return rc == SQLITE_OK && !conf->keep ? seal_occupancy_open(p, id, 0, at) : rc;
}

/* The endpoint and destination that a VAL server gives are its own from then on. */
static int contact(Seal *p, const SealRequester *who, const SealConfiguration *conf, int64_t at) {
  if (conf->end_pt.p == NULL && conf->notification_destination.p == NULL) return SQLITE_OK;
  int rc = seal_store_run(&p->store, SQL_VAL_SERVER_CONTACT, "iss", who->val_server, &conf->end_pt,
                          &conf->notification_destination);
  if (rc != SQLITE_OK || sqlite3_changes(p->store.db) == 0) return rc;
  char *object = sqlite3_mprintf("seal_val_server:%s", who->val_server_id);
  SealEvent event = {at, who->val_server_id, "update", object, "done", NULL, NULL};
  rc = object ? seal_audit_write(p, &event) : SQLITE_NOMEM;
  if (rc == SQLITE_OK) rc = seal_change_write(p, at, NULL, object, "update");
  sqlite3_free(object);
  return rc;
}

int seal_configuration_put(Seal *p, const SealRequester *who, SealConfiguration *conf,
                           int64_t replaces, int64_t at, const char *operation, SealError *err) {
  int64_t until;
  int rc = seal_settle(p);
  if (rc == SQLITE_OK) rc = sort_all(conf);
  if (rc == SQLITE_OK) rc = authorize_all(p, who, conf, replaces, at, &until, err);
  if (rc == SQLITE_OK) rc = seal_consume(p, who, err);
  if (rc == SQLITE_OK) rc = put(p, who, conf, replaces, until, at, err);
  if (rc == SQLITE_OK) rc = contact(p, who, conf, at);
  if (rc == SQLITE_OK) rc = record(p, who, conf, at, operation, replaces ? 200 : 201);
  sort_done(conf);
  return rc;
}

int seal_configuration_authorize(Seal *p, int64_t val_server, const char *seal_service, int64_t id,
                                 int64_t at, SealError *err) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&p->store, SQL_CONFIGURATION_SERVICES, &row, "i", id);
  int any = rc == SQLITE_ROW;
  while (rc == SQLITE_ROW) {
    SealGrant grant;
    SealAsk ask = {
        .val_server = val_server,
        .seal_service = seal_service,
        .val_service_id = seal_column_text(row, 4),
        .at = at,
        .exp_time = SEAL_UNBOUNDED,
        .invocation = SEAL_BY_MESSAGE,
    };
    rc = seal_authorize(p, &ask, &grant, err);
    if (rc == SQLITE_OK) rc = sqlite3_step(row);
  }
  seal_store_reset(row);
  if (rc != SQLITE_DONE || any) return rc == SQLITE_DONE ? SQLITE_OK : rc;
  return seal_use_authorize(p, val_server, seal_service, at, SEAL_BY_MESSAGE, err);
}

int seal_configuration_delete(Seal *p, const SealRequester *who, int64_t id, const char *conf_id,
                              const char *seal_service, int64_t at, SealError *err) {
  int64_t removed = 0;
  SealConfiguration conf = {.conf_id = conf_id, .seal_service = seal_service};
  int rc = seal_settle(p);
  if (rc == SQLITE_OK) rc = seal_consume(p, who, err);
  if (rc == SQLITE_OK) rc = seal_configuration_clear(p, id, INT64_MAX, at, &removed);
  if (rc == SQLITE_OK) rc = seal_store_run(&p->store, SQL_CONFIGURATION_DELETE, "i", id);
  if (rc == SQLITE_OK) rc = record(p, who, &conf, at, "DELETE", 204);
  return rc;
}

/* The entries of an operator's act on a configuration. */
static int record_operator(Seal *p, const char *conf_id, const char *seal_service, int64_t at,
                           const char *operation) {
  char *object = sqlite3_mprintf("seal_configuration:%s", conf_id);
  SealEvent event = {at, "operator", operation, object, "done", NULL, NULL};
  int rc = object ? seal_audit_write(p, &event) : SQLITE_NOMEM;
  if (rc == SQLITE_OK) rc = seal_change_write(p, at, seal_service, object, operation);
  sqlite3_free(object);
  return rc;
}

int seal_configuration_change(Seal *p, int64_t id, const int64_t *exp_time, SealText supp_feat,
                              int64_t at) {
  Head head;
  int rc = seal_settle(p);
  at = seal_at(p, at);
  if (rc == SQLITE_OK) rc = load_head(p, id, &head);
  if (rc != SQLITE_OK) return rc;
  int64_t until = exp_time ? *exp_time : head.until;
  if (head.until != until) {
    rc = seal_store_run(&p->store, SQL_CONFIGURATION_HELD_MOVE, "iiii", id, head.until, until,
                        head.val_server);
  }
  if (rc == SQLITE_OK) {
    rc = seal_store_run(&p->store, SQL_CONFIGURATION_RESCHEDULE, "iuisi", id,
                        exp_time ? *exp_time : head.exp_time, until, &supp_feat, at);
  }
  if (rc == SQLITE_OK && head.until != until) rc = seal_occupancy_change(p, id, 0, at);
  return rc == SQLITE_OK ? record_operator(p, head.conf_id, head.seal_service, at, "update") : rc;
}

int seal_configuration_remove(Seal *p, int64_t id, int64_t at) {
  Head head;
  int64_t removed = 0;
  int rc = seal_settle(p);
  if (rc == SQLITE_OK) rc = load_head(p, id, &head);
  if (rc != SQLITE_OK) return rc;
  at = seal_at(p, at);
  rc = seal_configuration_clear(p, id, INT64_MAX, at, &removed);
  if (rc == SQLITE_OK) rc = seal_store_run(&p->store, SQL_CONFIGURATION_DELETE, "i", id);
  return rc == SQLITE_OK ? record_operator(p, head.conf_id, head.seal_service, at, "delete") : rc;
}
