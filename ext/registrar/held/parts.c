/* The parts that a configuration is stored in (held_int.h), and the counters that go with them:
**
**    seal_configuration_data     one message's worth: VAL server, SEAL service, its own end
**      seal_configuration_service  one VAL service in it: the term it was granted under, how much it holds
**        seal_identity_data          its rows, ids (service << 28) + 0, 1, 2, …
**    seal_term_use, seal_term_held   what is held under a term, in all and by VAL server and end
*/
#include "registrar/held/held_int.h"

#include <assert.h>
#include <string.h>

int seal_head_load(Seal *p, int64_t id, SealHead *out) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_CONFIGURATION_LOAD, &row, "i", id);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  SealText conf_id = seal_column_text(row, CONFIGURATION_LOAD_CONF_ID);
  SealText val_server_id = seal_column_text(row, CONFIGURATION_LOAD_VAL_SERVER_ID);
  sqlite3_snprintf(sizeof out->conf_id, out->conf_id, "%.*s", conf_id.n,
                   conf_id.p ? conf_id.p : "");
  sqlite3_snprintf(sizeof out->val_server_id, out->val_server_id, "%.*s", val_server_id.n,
                   val_server_id.p ? val_server_id.p : "");
  out->val_server = sqlite3_column_int64(row, CONFIGURATION_LOAD_VAL_SERVER);
  out->seal_service = seal_service_name(seal_column_text(row, CONFIGURATION_LOAD_SEAL_SERVICE));
  out->exp_time = seal_column_until(row, CONFIGURATION_LOAD_EXP_TIME);
  out->until = sqlite3_column_int64(row, CONFIGURATION_LOAD_UNTIL);
  seal_store_reset(row);
  return out->seal_service ? SQLITE_OK : SQLITE_CORRUPT_VTAB;
}

char *seal_head_name(const SealHead *head) {
  return seal_configuration_name(seal_text_from(head->val_server_id),
                                 seal_text_from(head->conf_id));
}

int seal_configuration_by_name(Seal *p, int64_t val_server, SealText conf_id, int64_t *id) {
  sqlite3_stmt *row;
  int rc =
      seal_store_row(seal_store(p), SQL_CONFIGURATION_BY_NAME, &row, "is", val_server, &conf_id);
  *id = rc == SQLITE_ROW ? sqlite3_column_int64(row, CONFIGURATION_BY_NAME_ID) : 0;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The head of a text's SHA-256, in hexadecimal digits. */
static int name_from(Seal *p, const char *text, size_t n, char out[SEAL_CONF_ID]) {
  unsigned char hash[SEAL_SHA256_SIZE];
  int rc = seal_reason_rc(seal_sha256(seal_crypto(p), text, n, hash));
  for (int i = 0; rc == SQLITE_OK && i < (SEAL_CONF_ID - 1) / 2; i++) {
    sqlite3_snprintf(3, out + 2 * i, "%02x", hash[i]);
  }
  return rc;
}

int seal_conf_id(Seal *p, char out[SEAL_CONF_ID], int n, const SealText *texts) {
  int64_t seq;
  int rc = seal_audit_next(p, &seq);
  if (rc != SQLITE_OK) return rc;
  sqlite3_str *all = sqlite3_str_new(seal_db(p));
  for (int i = 0; i < n; i++) {
    sqlite3_str_appendf(all, "%d:", texts[i].n);
    sqlite3_str_append(all, texts[i].p ? texts[i].p : "", texts[i].n);
  }
  sqlite3_str_appendf(all, "%lld", (long long)seq);
  rc = sqlite3_str_errcode(all);
  if (rc == SQLITE_OK) {
    rc = name_from(p, sqlite3_str_value(all), (size_t)sqlite3_str_length(all), out);
  }
  sqlite3_free(sqlite3_str_finish(all));
  return rc;
}

int seal_configuration_make(Seal *p, const SealConfiguration *conf, int64_t val_server,
                            int64_t until, int64_t standing, int64_t at, int64_t *id) {
  assert(conf->conf_id != NULL && conf->seal_service != NULL);
  assert(conf->derived == NULL || conf->derived == conf->conf_id);
  for (;;) {
    int rc = seal_store_run(seal_store(p), SQL_CONFIGURATION_INSERT, "tituisii", conf->conf_id,
                            val_server, conf->seal_service, conf->exp_time, until, &conf->supp_feat,
                            at, standing);
    *id = sqlite3_last_insert_rowid(seal_db(p));
    if (rc != SQLITE_OK || sqlite3_changes(seal_db(p)) != 0) return rc;
    if (conf->derived == NULL) return SQLITE_CONSTRAINT_UNIQUE;
    rc = name_from(p, conf->derived, strlen(conf->derived), conf->derived);
    if (rc != SQLITE_OK) return rc;
  }
}

int seal_configuration_move(Seal *p, int64_t id, int64_t val_server, int64_t until_before,
                            int64_t until) {
  if (until == until_before) return SQLITE_OK;
  return seal_store_run(seal_store(p), SQL_CONFIGURATION_HELD_MOVE, "iiii", id, until_before, until,
                        val_server);
}

int seal_service_make(Seal *p, int64_t configuration, const SealService *service, SealCount count,
                      int64_t *id) {
  assert(count.identities >= 0 && count.key_records >= 0 && count.next >= 0);
  assert(service->grant.term != 0);
  int rc = seal_store_run(seal_store(p), SQL_SERVICE_INSERT, "isissiii", configuration,
                          &service->val_service_id, service->grant.term, &service->key_format,
                          &service->scope, count.identities, count.key_records, count.next);
  *id = sqlite3_last_insert_rowid(seal_db(p));
  return rc;
}

int seal_hold_until(Seal *p, const SealTally *more, int64_t until, int64_t val_server) {
  if (more->identities == 0 && more->key_records == 0) return SQLITE_OK;
  int rc = seal_store_run(seal_store(p), SQL_TERM_HELD_ADD, "iiiii", more->term, until, val_server,
                          more->identities, more->key_records);
  if (rc != SQLITE_OK || (more->identities >= 0 && more->key_records >= 0)) return rc;
  return seal_store_run(seal_store(p), SQL_TERM_HELD_CLEAN, "iii", more->term, until, val_server);
}

int seal_hold(Seal *p, const SealTally *more, int64_t until, int64_t val_server) {
  if (more->identities == 0 && more->key_records == 0) return SQLITE_OK;
  int rc = seal_store_run(seal_store(p), SQL_TERM_USE_ADD, "iii", more->term, more->identities,
                          more->key_records);
  return rc == SQLITE_OK ? seal_hold_until(p, more, until, val_server) : rc;
}

int seal_service_move(Seal *p, int64_t service, const SealTally *held, int64_t term, int64_t until,
                      int64_t val_server) {
  if (held->term == term) return SQLITE_OK;
  SealTally back = {held->term, -held->identities, -held->key_records};
  SealTally more = {term, held->identities, held->key_records};
  int rc = seal_hold(p, &back, until, val_server);
  if (rc == SQLITE_OK) rc = seal_hold(p, &more, until, val_server);
  if (rc == SQLITE_OK) rc = seal_store_run(seal_store(p), SQL_SERVICE_MOVE, "ii", service, term);
  return rc;
}
