/* The relations that the operator writes: registrar, agreement, term, VAL server, credential.
**
** What hangs on what, and what DELETE means: refused while something valid hangs on the row, unless
** the row is terminated; then all that hung on it goes with it.
*/
#include "tables/relation.h"

#include <string.h>

#define COUNT(array) ((int)(sizeof array / sizeof *array))
#define STATUS       "active suspended terminated"

/* 'terminated' is for good. */
static int check_status(SealRow *row) {
  int i = seal_relation_column(row->relation, "status");
  if (row->old == NULL || !row->cells[i].changed) return SQLITE_OK;
  const char *old = (const char *)sqlite3_column_text(row->old, i + 1);
  if (old == NULL) return seal_text_missing(row->old, i + 1);
  if (strcmp(old, "terminated") != 0) return SQLITE_OK;
  return seal_refuse(row->err, SEAL_MODIFICATION_NOT_ALLOWED,
                     "seal_%s.status: terminated is for good", row->relation->name);
}

/* A window must not end before it starts. */
static int check_window(SealRow *row, const char *start, const char *stop) {
  int i = seal_relation_column(row->relation, start), k = seal_relation_column(row->relation, stop);
  int64_t from = seal_row_int(row, i), until = seal_row_int(row, k);
  if (from == SEAL_UNBOUNDED || until > from) return SQLITE_OK;
  return seal_row_refuse(row, k, "does not come after %s", start);
}

/* The row that a foreign key names must exist. */
static int check_parent(SealRow *row, const char *name, const SealRelation *parent) {
  int i = seal_relation_column(row->relation, name);
  SealText key = seal_row_text(row, i);
  int64_t id;
  char quoted[SEAL_QUOTE_MAX + 8];
  int rc = seal_relation_find(row->p, parent, &key, 1, &id);
  if (rc != SQLITE_OK || id != 0) return rc;
  return seal_row_refuse(row, i, "FOREIGN KEY constraint failed: there is no seal_%s \"%s\"",
                         parent->name, seal_quote(key, quoted));
}

/************************************************************************************************
** seal_registrar
*/
static const SealColumn registrar_columns[] = {
    {"identifier", SEAL_KIND_ID, SEAL_COL_REQUIRED, NULL},
    {"skms_uri", SEAL_KIND_TEXT, 0, NULL},
    {"format", SEAL_KIND_COUNT, SEAL_COL_READ_ONLY, NULL},
    {"installed_time", SEAL_KIND_INSTANT, SEAL_COL_READ_ONLY, NULL},
    {"sealed", SEAL_KIND_COUNT, SEAL_COL_READ_ONLY, NULL},
    {"signing_kid", SEAL_KIND_TEXT, SEAL_COL_READ_ONLY, NULL},
    {"last_sweep_time", SEAL_KIND_INSTANT, SEAL_COL_READ_ONLY, NULL},
    {"agreements", SEAL_KIND_COUNT, SEAL_COL_READ_ONLY, NULL},
    {"val_servers", SEAL_KIND_COUNT, SEAL_COL_READ_ONLY, NULL},
    {"configurations", SEAL_KIND_COUNT, SEAL_COL_READ_ONLY, NULL},
    {"identities", SEAL_KIND_COUNT, SEAL_COL_READ_ONLY, NULL},
    {"key_records", SEAL_KIND_COUNT, SEAL_COL_READ_ONLY, NULL},
};

const SealRelation seal_relation_registrar = {
    .name = "registrar",
    .columns = registrar_columns,
    .n_columns = COUNT(registrar_columns),
    .create = SQL_CREATE_REGISTRAR,
    .drop = SQL_DROP_REGISTRAR,
    .view = SQL_VIEW_REGISTRAR,
    .view_all = SQL_VIEW_REGISTRAR,
    .find = SEAL_NO_SQL,
    .insert = SEAL_NO_SQL,
    .update = SQL_REGISTRAR_UPDATE,
    .in_use = SEAL_NO_SQL,
    .counts = 1,
};

/************************************************************************************************
** seal_agreement
*/
static const SealColumn agreement_columns[] = {
    {"agreement_id", SEAL_KIND_ID, SEAL_COL_KEY, NULL},
    {"val_provider_id", SEAL_KIND_ID, SEAL_COL_REQUIRED, NULL},
    {"start_time", SEAL_KIND_INSTANT, 0, NULL},
    {"stop_time", SEAL_KIND_INSTANT, 0, NULL},
    {"status", SEAL_KIND_WORD, 0, STATUS},
    {"max_val_servers", SEAL_KIND_COUNT, 0, NULL},
    {"at", SEAL_KIND_INSTANT, SEAL_COL_HIDDEN, NULL},
};

static int agreement_check(SealRow *row) {
  int rc = check_window(row, "start_time", "stop_time");
  return rc == SQLITE_OK ? check_status(row) : rc;
}

static const enum SealSql agreement_remove[] = {
    SQL_AGREEMENT_REMOVE_IDENTITIES,
    SQL_AGREEMENT_REMOVE_SERVICES,
    SQL_AGREEMENT_REMOVE_CONFIGURATIONS,
    SQL_AGREEMENT_REMOVE_HELD,
    SQL_AGREEMENT_REMOVE_USE,
    SQL_AGREEMENT_REMOVE_TERMS,
    SQL_AGREEMENT_REMOVE_CREDENTIALS,
    SQL_AGREEMENT_REMOVE_VAL_SERVERS,
    SQL_AGREEMENT_REMOVE,
    SEAL_NO_SQL,
};

const SealRelation seal_relation_agreement = {
    .name = "agreement",
    .columns = agreement_columns,
    .n_columns = COUNT(agreement_columns),
    .create = SQL_CREATE_AGREEMENT,
    .drop = SQL_DROP_AGREEMENT,
    .view = SQL_VIEW_AGREEMENT,
    .view_all = SQL_VIEW_AGREEMENT,
    .find = SQL_AGREEMENT_FIND,
    .insert = SQL_AGREEMENT_INSERT,
    .update = SQL_AGREEMENT_UPDATE,
    .in_use = SQL_AGREEMENT_IN_USE,
    .remove = agreement_remove,
    .check = agreement_check,
};

/************************************************************************************************
** seal_term
*/
static const SealColumn term_columns[] = {
    {"agreement_id", SEAL_KIND_ID, SEAL_COL_KEY, NULL},
    {"seal_service", SEAL_KIND_SERVICE, SEAL_COL_KEY, NULL},
    {"val_service_id", SEAL_KIND_ID, SEAL_COL_KEY, NULL},
    {"max_identities", SEAL_KIND_COUNT, 0, NULL},
    {"max_key_records", SEAL_KIND_COUNT, 0, NULL},
    {"max_validity", SEAL_KIND_COUNT, 0, NULL},
    {"key_formats", SEAL_KIND_WORDS, 0, NULL},
    {"scopes", SEAL_KIND_WORDS, 0, NULL},
    {"allowed_total_invocations", SEAL_KIND_COUNT, 0, NULL},
    {"allowed_invocations_per_second", SEAL_KIND_COUNT, 0, NULL},
    {"allowed_invocation_time_ranges", SEAL_KIND_RANGES, 0, NULL},
    {"start_time", SEAL_KIND_INSTANT, 0, NULL},
    {"stop_time", SEAL_KIND_INSTANT, 0, NULL},
    {"price_per_invocation", SEAL_KIND_DECIMAL, 0, NULL},
    {"price_per_identity_day", SEAL_KIND_DECIMAL, 0, NULL},
    {"currency", SEAL_KIND_CURRENCY, 0, NULL},
    {"at", SEAL_KIND_INSTANT, SEAL_COL_HIDDEN, NULL},
};

static int term_check(SealRow *row) {
  int rc = check_window(row, "start_time", "stop_time");
  return rc == SQLITE_OK ? check_parent(row, "agreement_id", &seal_relation_agreement) : rc;
}

static const enum SealSql term_remove[] = {
    SQL_TERM_REMOVE_HELD,
    SQL_TERM_REMOVE_USE,
    SQL_TERM_REMOVE,
    SEAL_NO_SQL,
};

const SealRelation seal_relation_term = {
    .name = "term",
    .columns = term_columns,
    .n_columns = COUNT(term_columns),
    .create = SQL_CREATE_TERM,
    .drop = SQL_DROP_TERM,
    .view = SQL_VIEW_TERM,
    .view_all = SQL_VIEW_TERM,
    .find = SQL_TERM_FIND,
    .insert = SQL_TERM_INSERT,
    .update = SQL_TERM_UPDATE,
    .in_use = SQL_TERM_IN_USE,
    .remove = term_remove,
    .clear = seal_term_clear,
    .check = term_check,
};

/************************************************************************************************
** seal_val_server
*/
static const SealColumn val_server_columns[] = {
    {"val_server_id", SEAL_KIND_ID, SEAL_COL_KEY, NULL},
    {"agreement_id", SEAL_KIND_ID, SEAL_COL_REQUIRED | SEAL_COL_FIXED, NULL},
    {"end_pt", SEAL_KIND_ENDPOINT, 0, NULL},
    {"notification_destination", SEAL_KIND_TEXT, 0, NULL},
    {"exp_time", SEAL_KIND_INSTANT, 0, NULL},
    {"status", SEAL_KIND_WORD, 0, STATUS},
    {"at", SEAL_KIND_INSTANT, SEAL_COL_HIDDEN, NULL},
};

/* max_val_servers: those that have not ended count. */
static int check_max_val_servers(SealRow *row) {
  SealText agreement_id = seal_row_text(row, seal_relation_column(row->relation, "agreement_id"));
  SealText val_server_id = seal_row_text(row, 0);
  sqlite3_stmt *quota;
  int rc = seal_store_row(&row->p->store, SQL_VAL_SERVER_QUOTA, &quota, "sis", &agreement_id,
                          seal_at(row->p, row->at), &val_server_id);
  int64_t max = rc == SQLITE_ROW ? seal_column_until(quota, 0) : SEAL_UNBOUNDED;
  int64_t held = rc == SQLITE_ROW ? sqlite3_column_int64(quota, 1) : 0;
  seal_store_reset(quota);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_OK : rc;
  if (held + 1 <= max) return SQLITE_OK;
  char quoted[SEAL_QUOTE_MAX + 8];
  return seal_refuse(row->err, SEAL_SLA_QUOTA_EXCEEDED,
                     "agreement \"%s\" may have %lld VAL servers, %lld asked",
                     seal_quote(agreement_id, quoted), (long long)max, (long long)(held + 1));
}

/* 1 if the row was there and had ended: a later end brings it back, and it counts again. */
static int comes_back(const SealRow *row) {
  int i = seal_relation_column(row->relation, "exp_time");
  if (row->old == NULL) return 0;
  int64_t at = seal_at(row->p, row->at);
  return seal_column_until(row->old, i + 1) <= at && seal_row_int(row, i) > at;
}

static int val_server_check(SealRow *row) {
  int rc = check_parent(row, "agreement_id", &seal_relation_agreement);
  if (rc == SQLITE_OK) rc = check_status(row);
  if (rc == SQLITE_OK && (row->old == NULL || comes_back(row))) rc = check_max_val_servers(row);
  return rc;
}

static const enum SealSql val_server_remove[] = {
    SQL_VAL_SERVER_REMOVE_USE,
    SQL_VAL_SERVER_REMOVE_HELD,
    SQL_VAL_SERVER_REMOVE_IDENTITIES,
    SQL_VAL_SERVER_REMOVE_SERVICES,
    SQL_VAL_SERVER_REMOVE_CONFIGURATIONS,
    SQL_VAL_SERVER_REMOVE_CREDENTIALS,
    SQL_VAL_SERVER_REMOVE,
    SEAL_NO_SQL,
};

const SealRelation seal_relation_val_server = {
    .name = "val_server",
    .columns = val_server_columns,
    .n_columns = COUNT(val_server_columns),
    .create = SQL_CREATE_VAL_SERVER,
    .drop = SQL_DROP_VAL_SERVER,
    .view = SQL_VIEW_VAL_SERVER,
    .view_all = SQL_VIEW_VAL_SERVER,
    .find = SQL_VAL_SERVER_FIND,
    .insert = SQL_VAL_SERVER_INSERT,
    .update = SQL_VAL_SERVER_UPDATE,
    .in_use = SQL_VAL_SERVER_IN_USE,
    .remove = val_server_remove,
    .check = val_server_check,
};

/************************************************************************************************
** seal_credential
*/
static const SealColumn credential_columns[] = {
    {"credential_id", SEAL_KIND_ID, SEAL_COL_KEY | SEAL_COL_DERIVED, NULL},
    {"val_server_id", SEAL_KIND_ID, SEAL_COL_REQUIRED | SEAL_COL_FIXED, NULL},
    {"type", SEAL_KIND_WORD, SEAL_COL_REQUIRED | SEAL_COL_FIXED, "jwk x509 psk"},
    {"value", SEAL_KIND_VALUE, SEAL_COL_REQUIRED | SEAL_COL_FIXED | SEAL_COL_WRITE_ONLY, NULL},
    {"start_time", SEAL_KIND_INSTANT, 0, NULL},
    {"exp_time", SEAL_KIND_INSTANT, 0, NULL},
    {"status", SEAL_KIND_WORD, 0, "active revoked"},
    {"at", SEAL_KIND_INSTANT, SEAL_COL_HIDDEN, NULL},
};

/* Checks the value and computes the thumbprint, which is the credential_id where none is given. */
static int credential_check(SealRow *row) {
  int rc = check_window(row, "start_time", "exp_time");
  if (rc != SQLITE_OK || row->old != NULL) return rc;
  rc = check_parent(row, "val_server_id", &seal_relation_val_server);
  if (rc != SQLITE_OK) return rc;
  SealCell *value = &row->cells[seal_relation_column(row->relation, "value")];
  SealText type = seal_row_text(row, seal_relation_column(row->relation, "type"));
  int n = sqlite3_value_bytes(value->value);
  const void *bytes = sqlite3_value_blob(value->value);
  if (bytes == NULL) bytes = "";
  rc = seal_credential_check(row->p, type, bytes, n, row->thumbprint, row->err);
  if (rc != SQLITE_OK || row->cells[0].form != SEAL_CELL_NULL) return rc;
  row->cells[0].form = SEAL_CELL_TEXT;
  row->cells[0].text = row->thumbprint;
  return SQLITE_OK;
}

static const enum SealSql credential_remove[] = {SQL_CREDENTIAL_REMOVE, SEAL_NO_SQL};

const SealRelation seal_relation_credential = {
    .name = "credential",
    .columns = credential_columns,
    .n_columns = COUNT(credential_columns),
    .create = SQL_CREATE_CREDENTIAL,
    .drop = SQL_DROP_CREDENTIAL,
    .view = SQL_VIEW_CREDENTIAL,
    .view_all = SQL_VIEW_CREDENTIAL,
    .find = SQL_CREDENTIAL_FIND,
    .insert = SQL_CREDENTIAL_INSERT,
    .update = SQL_CREDENTIAL_UPDATE,
    .in_use = SEAL_NO_SQL,
    .remove = credential_remove,
    .check = credential_check,
};
