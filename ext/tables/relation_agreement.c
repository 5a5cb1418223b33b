/* The relations that the operator writes: registrar, agreement, term, VAL server, credential.
**
** What hangs on what, and what DELETE means: refused while something valid hangs on the row, unless
** the row is terminated; then all that hung on it goes with it.
*/
#include "tables/relation/relation.h"
#include "registrar/held/records.h"

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

/* 1 if the statement gives one of these columns another value (names end with NULL). */
static int changes(const SealRow *row, const char *const *names) {
  for (; *names; names++) {
    if (row->cells[seal_relation_column(row->relation, *names)].changed) return 1;
  }
  return 0;
}

/* What hangs on the row is valid at other times from now on, and was as before until now. A new row has
** no before. */
static int note_state(SealRow *row, SealParent kind, int is_new, int removed,
                      const char *const *names) {
  int64_t at = is_new ? SEAL_INSTANT_MIN : row->at.t;
  if (removed) return seal_occupancy_gone(row->p, kind, row->rowid, at);
  return changes(row, names) ? seal_occupancy_state(row->p, kind, row->rowid, at) : SQLITE_OK;
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
    {"applied", SEAL_KIND_TEXT, SEAL_COL_READ_ONLY, NULL},
};

/* sealed: 1 while this connection is not unlocked. */
static int registrar_bind(Seal *p, sqlite3_stmt *view) {
  return sqlite3_bind_int(view, 2, !seal_is_unlocked(p));
}

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
    .bind = registrar_bind,
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

static int agreement_after(SealRow *row, int removed) {
  static const char *const names[] = {"status", "start_time", "stop_time", NULL};
  return note_state(row, SEAL_AGREEMENT, row->old == NULL, removed, names);
}

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
    .remove = seal_remove_agreement,
    .check = agreement_check,
    .after = agreement_after,
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

static int term_after(SealRow *row, int removed) {
  static const char *const names[] = {"start_time", "stop_time", NULL};
  static const char *const prices[] = {"price_per_identity_day", "currency", NULL};
  int is_new = row->old == NULL;
  int rc = note_state(row, SEAL_TERM, is_new, removed, names);
  if (rc != SQLITE_OK || removed || !(is_new || changes(row, prices))) return rc;
  return seal_occupancy_price(row->p, row->rowid, is_new ? SEAL_INSTANT_MIN : row->at.t);
}

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
    .remove = seal_remove_term,
    .check = term_check,
    .after = term_after,
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
  int rc = seal_store_row(seal_store(row->p), SQL_VAL_SERVER_QUOTA, &quota, "sis", &agreement_id,
                          row->at.t, &val_server_id);
  int64_t max = rc == SQLITE_ROW ? seal_column_until(quota, VAL_SERVER_QUOTA_MAX_VAL_SERVERS)
                                 : SEAL_UNBOUNDED;
  int64_t held = rc == SQLITE_ROW ? sqlite3_column_int64(quota, VAL_SERVER_QUOTA_HELD) : 0;
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
  int64_t at = row->at.t;
  return seal_column_until(row->old, i + 1) <= at && seal_row_int(row, i) > at;
}

static int val_server_check(SealRow *row) {
  int rc = check_parent(row, "agreement_id", &seal_relation_agreement);
  if (rc == SQLITE_OK) rc = check_status(row);
  if (rc == SQLITE_OK && (row->old == NULL || comes_back(row))) rc = check_max_val_servers(row);
  return rc;
}

static int val_server_after(SealRow *row, int removed) {
  static const char *const names[] = {"status", "exp_time", NULL};
  return note_state(row, SEAL_VAL_SERVER, row->old == NULL, removed, names);
}

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
    .remove = seal_remove_val_server,
    .check = val_server_check,
    .after = val_server_after,
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

/* A secret is stored sealed. */
static int seal_value(SealRow *row, SealCell *cell, const void *bytes, int n) {
  int n_sealed;
  int i = seal_relation_column(row->relation, "val_server_id");
  int rc = seal_credential_seal(row->p, seal_row_text(row, i), seal_row_text(row, 0), bytes, n,
                                &row->owned, &n_sealed, row->err);
  if (rc != SQLITE_OK) return rc;
  cell->form = SEAL_CELL_BLOB;
  cell->text = row->owned;
  cell->i = n_sealed;
  return SQLITE_OK;
}

/* The thumbprint is the credential_id where none is given. */
static void default_credential_id(SealRow *row) {
  if (row->cells[0].form != SEAL_CELL_NULL) return;
  row->cells[0].form = SEAL_CELL_TEXT;
  row->cells[0].text = row->extra;
}

/* A certificate by itself proves a VAL server: it can't be registered twice. */
static int check_certificate(SealRow *row) {
  sqlite3_stmt *there;
  int i = seal_relation_column(row->relation, "value");
  int rc =
      seal_store_row(seal_store(row->p), SQL_AUTHENTICATE_CERTIFICATE, &there, "t", row->extra);
  seal_store_reset(there);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_OK : rc;
  return seal_row_refuse(row, i, "UNIQUE constraint failed: the certificate is registered already");
}

/* The bytes of a value that a statement gave. */
static const void *value_bytes(const SealCell *cell, int *n) {
  *n = sqlite3_value_bytes(cell->value);
  const void *bytes = sqlite3_value_blob(cell->value);
  return bytes ? bytes : "";
}

static int credential_check(SealRow *row) {
  int rc = check_window(row, "start_time", "exp_time");
  if (rc != SQLITE_OK || row->old != NULL) return rc;
  rc = check_parent(row, "val_server_id", &seal_relation_val_server);
  if (rc != SQLITE_OK) return rc;
  int n;
  SealCell *value = &row->cells[seal_relation_column(row->relation, "value")];
  SealText type = seal_row_text(row, seal_relation_column(row->relation, "type"));
  const void *bytes = value_bytes(value, &n);
  rc = seal_credential_check(row->p, type, bytes, n, row->extra, row->err);
  if (rc == SQLITE_OK && type.n == 4) rc = check_certificate(row);
  if (rc == SQLITE_OK) default_credential_id(row);
  if (rc == SQLITE_OK && memcmp(type.p, "psk", 3) == 0) rc = seal_value(row, value, bytes, n);
  return rc;
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

/************************************************************************************************
** seal_anchor: whom the registrar trusts besides. A CRL must be above the one that is stored.
*/
enum { A_ANCHOR_ID, A_TYPE, A_SUBJECT, A_ISS, A_VALUE };

static const SealColumn anchor_columns[] = {
    {"anchor_id", SEAL_KIND_ID, SEAL_COL_KEY, NULL},
    {"type", SEAL_KIND_WORD, SEAL_COL_REQUIRED | SEAL_COL_FIXED, "ca crl issuer"},
    {"subject", SEAL_KIND_TEXT, 0, NULL},
    {"iss", SEAL_KIND_ID, SEAL_COL_FIXED, NULL},
    {"value", SEAL_KIND_VALUE, SEAL_COL_REQUIRED | SEAL_COL_WRITE_ONLY, NULL},
    {"exp_time", SEAL_KIND_INSTANT, 0, NULL},
    {"status", SEAL_KIND_WORD, 0, "active revoked"},
    {"at", SEAL_KIND_INSTANT, SEAL_COL_HIDDEN, NULL},
};

static int anchor_check(SealRow *row) {
  SealText type = seal_row_text(row, A_TYPE), iss = seal_row_text(row, A_ISS);
  char *subject = NULL;
  int n;
  if ((type.n == 6) != (iss.p != NULL)) {
    return seal_row_refuse(row, A_ISS, "is for an anchor of type issuer, which needs it");
  }
  if (!row->cells[A_VALUE].changed) return SQLITE_OK;
  const void *bytes = value_bytes(&row->cells[A_VALUE], &n);
  int rc = seal_anchor_check(row->p, type, bytes, n, row->at.t, &subject, row->extra, row->err);
  row->owned = subject;
  if (rc == SQLITE_OK && subject != NULL) {
    row->cells[A_SUBJECT].form = SEAL_CELL_TEXT;
    row->cells[A_SUBJECT].text = subject;
  }
  return rc;
}

static const enum SealSql anchor_remove[] = {SQL_ANCHOR_REMOVE, SEAL_NO_SQL};

const SealRelation seal_relation_anchor = {
    .name = "anchor",
    .columns = anchor_columns,
    .n_columns = COUNT(anchor_columns),
    .create = SQL_CREATE_ANCHOR,
    .drop = SQL_DROP_ANCHOR,
    .view = SQL_VIEW_ANCHOR,
    .view_all = SQL_VIEW_ANCHOR,
    .find = SQL_ANCHOR_FIND,
    .insert = SQL_ANCHOR_INSERT,
    .update = SQL_ANCHOR_UPDATE,
    .in_use = SEAL_NO_SQL,
    .remove = anchor_remove,
    .check = anchor_check,
};

/************************************************************************************************
** seal_server: whom the registrar tells. jwk is the public key that key records are encrypted to.
*/
enum { S_SEAL_SERVER_ID, S_SEAL_SERVICE, S_END_PT, S_JWK };

static const SealColumn server_columns[] = {
    {"seal_server_id", SEAL_KIND_ID, SEAL_COL_KEY, NULL},
    {"seal_service", SEAL_KIND_SERVICE, SEAL_COL_REQUIRED | SEAL_COL_FIXED, NULL},
    {"end_pt", SEAL_KIND_ENDPOINT, 0, NULL},
    {"jwk", SEAL_KIND_TEXT, 0, NULL},
    {"acked", SEAL_KIND_COUNT, 0, NULL},
    {"status", SEAL_KIND_WORD, 0, STATUS},
    {"at", SEAL_KIND_INSTANT, SEAL_COL_HIDDEN, NULL},
};

static int server_check(SealRow *row) {
  SealText jwk = seal_row_text(row, S_JWK), type = {"jwk", 3};
  char thumbprint[44];
  int rc = check_status(row);
  if (rc != SQLITE_OK || jwk.p == NULL || !row->cells[S_JWK].changed) return rc;
  SealError err;
  memset(&err, 0, sizeof err);
  rc = seal_credential_check(row->p, type, jwk.p, jwk.n, thumbprint, &err);
  if (rc == SQLITE_CONSTRAINT_VTAB) rc = seal_row_refuse(row, S_JWK, "is not one public JWK");
  seal_error_clear(&err);
  return rc;
}

static const enum SealSql server_remove[] = {SQL_SERVER_REMOVE, SEAL_NO_SQL};

const SealRelation seal_relation_server = {
    .name = "server",
    .columns = server_columns,
    .n_columns = COUNT(server_columns),
    .create = SQL_CREATE_SERVER,
    .drop = SQL_DROP_SERVER,
    .view = SQL_VIEW_SERVER,
    .view_all = SQL_VIEW_SERVER,
    .find = SQL_SERVER_FIND,
    .insert = SQL_SERVER_INSERT,
    .update = SQL_SERVER_UPDATE,
    .in_use = SEAL_NO_SQL,
    .remove = server_remove,
    .check = server_check,
};

/************************************************************************************************
** seal_policy: VAL-service-specific configuration that a SEAL server is given.
*/
static const SealColumn policy_columns[] = {
    {"seal_service", SEAL_KIND_SERVICE, SEAL_COL_KEY, NULL},
    {"val_service_id", SEAL_KIND_ID, SEAL_COL_KEY, NULL},
    {"name", SEAL_KIND_ID, SEAL_COL_KEY, NULL},
    {"value", SEAL_KIND_JSON, SEAL_COL_REQUIRED, NULL},
    {"start_time", SEAL_KIND_INSTANT, 0, NULL},
    {"exp_time", SEAL_KIND_INSTANT, 0, NULL},
    {"at", SEAL_KIND_INSTANT, SEAL_COL_HIDDEN, NULL},
};

static int policy_check(SealRow *row) {
  return check_window(row, "start_time", "exp_time");
}

static const enum SealSql policy_remove[] = {SQL_POLICY_REMOVE, SEAL_NO_SQL};

const SealRelation seal_relation_policy = {
    .name = "policy",
    .columns = policy_columns,
    .n_columns = COUNT(policy_columns),
    .create = SQL_CREATE_POLICY,
    .drop = SQL_DROP_POLICY,
    .view = SQL_VIEW_POLICY,
    .view_all = SQL_VIEW_POLICY,
    .find = SQL_POLICY_FIND,
    .insert = SQL_POLICY_INSERT,
    .update = SQL_POLICY_UPDATE,
    .in_use = SEAL_NO_SQL,
    .remove = policy_remove,
    .check = policy_check,
};
