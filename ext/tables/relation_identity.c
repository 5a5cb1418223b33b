/* The relations that VAL servers write, through a credential and the SLA: configuration, identity,
** key. UPDATE and DELETE are the operator's own acts.
**
**    INSERT INTO seal_identity(credential, val_service_id, val_user_id) VALUES (:jwt, 'v2x', 'alice');
*/
#include "tables/relation/relation.h"
#include "registrar/held/records.h"

#include <string.h>

#define COUNT(array) ((int)(sizeof array / sizeof *array))

/* What the row functions answer, as a refusal of this row. */
static int row_result(SealRow *row, int rc) {
  return rc == SQLITE_CONSTRAINT_UNIQUE ? seal_row_unique(row) : rc;
}

/************************************************************************************************
** seal_configuration
*/
enum {
  C_VAL_SERVER_ID,
  C_CONF_ID,
  C_SEAL_SERVICE,
  C_EXP_TIME,
  C_VALID_UNTIL,
  C_CREATED_TIME,
  C_UPDATED_TIME,
  C_SUPP_FEAT
};

static const SealColumn configuration_columns[] = {
    {"val_server_id", SEAL_KIND_ID, SEAL_COL_KEY | SEAL_COL_DERIVED, NULL},
    {"conf_id", SEAL_KIND_ID, SEAL_COL_KEY | SEAL_COL_DERIVED, NULL},
    {"seal_service", SEAL_KIND_SERVICE, SEAL_COL_REQUIRED | SEAL_COL_FIXED, NULL},
    {"exp_time", SEAL_KIND_INSTANT, 0, NULL},
    {"valid_until", SEAL_KIND_INSTANT, SEAL_COL_READ_ONLY, NULL},
    {"created_time", SEAL_KIND_INSTANT, SEAL_COL_READ_ONLY, NULL},
    {"updated_time", SEAL_KIND_INSTANT, SEAL_COL_READ_ONLY, NULL},
    {"supp_feat", SEAL_KIND_TEXT, 0, NULL},
    {"credential", SEAL_KIND_VALUE, SEAL_COL_HIDDEN, NULL},
    {"at", SEAL_KIND_INSTANT, SEAL_COL_HIDDEN, NULL},
};

/* TS 29.571 SupportedFeatures: hexadecimal digits. */
static int check_supp_feat(SealRow *row) {
  SealText text = seal_row_text(row, C_SUPP_FEAT);
  for (int i = 0; i < text.n; i++) {
    if (strchr("0123456789abcdefABCDEF", text.p[i]) == NULL) {
      return seal_row_refuse(row, C_SUPP_FEAT, "is not a string of hexadecimal digits");
    }
  }
  return SQLITE_OK;
}

static int configuration_insert(SealRow *row, int64_t *rowid) {
  SealRowAsk ask = {
      .seal_service = seal_service_name(seal_row_text(row, C_SEAL_SERVICE)),
      .credential = row->credential,
      .val_server_id = seal_row_text(row, C_VAL_SERVER_ID),
      .conf_id = seal_row_text(row, C_CONF_ID),
      .exp_time = seal_row_int(row, C_EXP_TIME),
      .at = row->at,
  };
  int rc = check_supp_feat(row);
  if (rc == SQLITE_OK) {
    rc = seal_row_configuration(row->p, &ask, seal_row_text(row, C_SUPP_FEAT), rowid, row->err);
  }
  return row_result(row, rc);
}

static int configuration_update(SealRow *row) {
  int rc = check_supp_feat(row);
  if (rc != SQLITE_OK) return rc;
  int64_t exp_time = seal_row_int(row, C_EXP_TIME);
  return seal_configuration_change(row->p, row->rowid,
                                   row->cells[C_EXP_TIME].changed ? &exp_time : NULL,
                                   seal_row_text(row, C_SUPP_FEAT), row->at.t);
}

static int configuration_delete(SealRow *row) {
  return seal_configuration_remove(row->p, row->rowid, row->at.t);
}

const SealRelation seal_relation_configuration = {
    .name = "configuration",
    .columns = configuration_columns,
    .n_columns = COUNT(configuration_columns),
    .create = SQL_CREATE_CONFIGURATION,
    .drop = SQL_DROP_CONFIGURATION,
    .view = SQL_VIEW_CONFIGURATION,
    .view_all = SQL_VIEW_CONFIGURATION,
    .find = SEAL_NO_SQL,
    .insert = SEAL_NO_SQL,
    .update = SEAL_NO_SQL,
    .in_use = SEAL_NO_SQL,
    .counts = 1,
    .insert_row = configuration_insert,
    .update_row = configuration_update,
    .delete_row = configuration_delete,
};

/************************************************************************************************
** seal_identity
*/
enum { I_VAL_SERVER_ID, I_VAL_SERVICE_ID, I_VAL_USER_ID, I_VAL_UE_ID, I_CONF_ID, I_EXP_TIME };

static const SealColumn identity_columns[] = {
    {"val_server_id", SEAL_KIND_ID, SEAL_COL_FIXED, NULL},
    {"val_service_id", SEAL_KIND_ID, SEAL_COL_REQUIRED | SEAL_COL_FIXED, NULL},
    {"val_user_id", SEAL_KIND_ID, SEAL_COL_LOOKUP, NULL},
    {"val_ue_id", SEAL_KIND_ID, SEAL_COL_LOOKUP, NULL},
    {"conf_id", SEAL_KIND_ID, SEAL_COL_FIXED, NULL},
    {"exp_time", SEAL_KIND_INSTANT, SEAL_COL_FIXED, NULL},
    {"valid_until", SEAL_KIND_INSTANT, SEAL_COL_READ_ONLY, NULL},
    {"credential", SEAL_KIND_VALUE, SEAL_COL_HIDDEN, NULL},
    {"at", SEAL_KIND_INSTANT, SEAL_COL_HIDDEN, NULL},
};

/* The one identity that a row has. */
static int identity_id(SealRow *row, SealId *id) {
  SealText user = seal_row_text(row, I_VAL_USER_ID), ue = seal_row_text(row, I_VAL_UE_ID);
  if ((user.p == NULL) == (ue.p == NULL)) {
    return seal_refuse(row->err, SEAL_MANDATORY_IE_INCORRECT,
                       "seal_identity: exactly one of val_user_id and val_ue_id is needed");
  }
  *id = user.p ? (SealId){user.p, user.n, 0} : (SealId){ue.p, ue.n, 1};
  return SQLITE_OK;
}

/* A UNIQUE failure names the columns that SQLite would, had the row this key. */
static int identity_result(SealRow *row, const SealId *id, int rc) {
  if (rc != SQLITE_CONSTRAINT_UNIQUE) return rc;
  sqlite3_free(row->err->detail);
  row->err->detail = sqlite3_mprintf("UNIQUE constraint failed: seal_identity.conf_id, "
                                     "seal_identity.val_service_id, seal_identity.%s",
                                     id->is_ue ? "val_ue_id" : "val_user_id");
  return row->err->detail ? SQLITE_CONSTRAINT_VTAB : SQLITE_NOMEM;
}

static int identity_insert(SealRow *row, int64_t *rowid) {
  SealRowAsk ask = {
      .seal_service = SEAL_IDM,
      .credential = row->credential,
      .val_server_id = seal_row_text(row, I_VAL_SERVER_ID),
      .val_service_id = seal_row_text(row, I_VAL_SERVICE_ID),
      .conf_id = seal_row_text(row, I_CONF_ID),
      .exp_time = seal_row_int(row, I_EXP_TIME),
      .at = row->at,
      .on_conflict = row->on_conflict,
  };
  int rc = identity_id(row, &ask.id);
  if (rc == SQLITE_OK) rc = seal_row_insert(row->p, &ask, rowid, row->err);
  return identity_result(row, &ask.id, rc);
}

static int identity_update(SealRow *row) {
  SealRowAsk ask = {.seal_service = SEAL_IDM, .at = row->at};
  int rc = identity_id(row, &ask.id);
  if (rc == SQLITE_OK) rc = seal_row_update(row->p, &ask, row->rowid);
  return identity_result(row, &ask.id, rc);
}

static int identity_delete(SealRow *row) {
  return seal_row_delete(row->p, SEAL_ROW_IDENTITY, row->rowid, row->at.t);
}

const SealRelation seal_relation_identity = {
    .name = "identity",
    .waits = 1,
    .columns = identity_columns,
    .n_columns = COUNT(identity_columns),
    .create = SQL_CREATE_IDENTITY,
    .drop = SQL_DROP_IDENTITY,
    .view = SQL_VIEW_IDENTITY,
    .view_all = SQL_VIEW_IDENTITY_ALL,
    .find = SEAL_NO_SQL,
    .insert = SEAL_NO_SQL,
    .update = SEAL_NO_SQL,
    .in_use = SEAL_NO_SQL,
    .insert_row = identity_insert,
    .update_row = identity_update,
    .delete_row = identity_delete,
};

/************************************************************************************************
** seal_key
*/
enum { K_VAL_SERVER_ID, K_VAL_SERVICE_ID, K_KEY_FORMAT, K_SCOPE, K_CONF_ID, K_EXP_TIME };

static const SealColumn key_columns[] = {
    {"val_server_id", SEAL_KIND_ID, SEAL_COL_FIXED, NULL},
    {"val_service_id", SEAL_KIND_ID, SEAL_COL_REQUIRED | SEAL_COL_FIXED, NULL},
    {"key_format", SEAL_KIND_ID, SEAL_COL_REQUIRED, NULL},
    {"scope", SEAL_KIND_TEXT, 0, NULL},
    {"conf_id", SEAL_KIND_ID, SEAL_COL_FIXED, NULL},
    {"exp_time", SEAL_KIND_INSTANT, SEAL_COL_FIXED, NULL},
    {"valid_until", SEAL_KIND_INSTANT, SEAL_COL_READ_ONLY, NULL},
    {"credential", SEAL_KIND_VALUE, SEAL_COL_HIDDEN, NULL},
    {"at", SEAL_KIND_INSTANT, SEAL_COL_HIDDEN, NULL},
};

static int key_result(SealRow *row, int rc) {
  if (rc != SQLITE_CONSTRAINT_UNIQUE) return rc;
  sqlite3_free(row->err->detail);
  row->err->detail = sqlite3_mprintf("UNIQUE constraint failed: seal_key.conf_id, "
                                     "seal_key.val_service_id");
  return row->err->detail ? SQLITE_CONSTRAINT_VTAB : SQLITE_NOMEM;
}

static int check_scope(SealRow *row) {
  SealText scope = seal_row_text(row, K_SCOPE);
  if (scope.p == NULL || seal_is_scope(scope)) return SQLITE_OK;
  return seal_row_refuse(row, K_SCOPE, "is not words with single spaces between them");
}

static int key_insert(SealRow *row, int64_t *rowid) {
  SealRowAsk ask = {
      .seal_service = SEAL_KM,
      .credential = row->credential,
      .val_server_id = seal_row_text(row, K_VAL_SERVER_ID),
      .val_service_id = seal_row_text(row, K_VAL_SERVICE_ID),
      .conf_id = seal_row_text(row, K_CONF_ID),
      .key_format = seal_row_text(row, K_KEY_FORMAT),
      .scope = seal_row_text(row, K_SCOPE),
      .exp_time = seal_row_int(row, K_EXP_TIME),
      .at = row->at,
      .on_conflict = row->on_conflict,
  };
  int rc = check_scope(row);
  if (rc == SQLITE_OK) rc = seal_row_insert(row->p, &ask, rowid, row->err);
  return key_result(row, rc);
}

static int key_update(SealRow *row) {
  SealRowAsk ask = {
      .seal_service = SEAL_KM,
      .key_format = seal_row_text(row, K_KEY_FORMAT),
      .scope = seal_row_text(row, K_SCOPE),
      .at = row->at,
  };
  int rc = check_scope(row);
  if (rc == SQLITE_OK) rc = seal_row_update(row->p, &ask, row->rowid);
  return key_result(row, rc);
}

static int key_delete(SealRow *row) {
  return seal_row_delete(row->p, SEAL_ROW_KEY, row->rowid, row->at.t);
}

const SealRelation seal_relation_key = {
    .name = "key",
    .waits = 1,
    .columns = key_columns,
    .n_columns = COUNT(key_columns),
    .create = SQL_CREATE_KEY,
    .drop = SQL_DROP_KEY,
    .view = SQL_VIEW_KEY,
    .view_all = SQL_VIEW_KEY,
    .find = SEAL_NO_SQL,
    .insert = SEAL_NO_SQL,
    .update = SEAL_NO_SQL,
    .in_use = SEAL_NO_SQL,
    .insert_row = key_insert,
    .update_row = key_update,
    .delete_row = key_delete,
};

/************************************************************************************************
** seal_key_record: key_info is sealed at rest, and readable only unlocked.
*/
enum {
  R_VAL_SERVER_ID,
  R_VAL_SERVICE_ID,
  R_VAL_USER_ID,
  R_VAL_UE_ID,
  R_CLIENT_ID,
  R_KEY_FORMAT,
  R_KEY_INFO,
  R_USER_URI,
  R_CONF_ID,
  R_EXP_TIME
};

static const SealColumn key_record_columns[] = {
    {"val_server_id", SEAL_KIND_ID, SEAL_COL_FIXED, NULL},
    {"val_service_id", SEAL_KIND_ID, SEAL_COL_REQUIRED | SEAL_COL_FIXED, NULL},
    {"val_user_id", SEAL_KIND_ID, SEAL_COL_FIXED, NULL},
    {"val_ue_id", SEAL_KIND_ID, SEAL_COL_FIXED, NULL},
    {"client_id", SEAL_KIND_ID, SEAL_COL_FIXED, NULL},
    {"key_format", SEAL_KIND_ID, SEAL_COL_FIXED, NULL},
    {"key_info", SEAL_KIND_VALUE,
     SEAL_COL_REQUIRED | SEAL_COL_FIXED | SEAL_COL_WRITE_ONLY | SEAL_COL_VIRTUAL, NULL},
    {"user_uri", SEAL_KIND_TEXT, SEAL_COL_FIXED, NULL},
    {"conf_id", SEAL_KIND_ID, SEAL_COL_FIXED, NULL},
    {"exp_time", SEAL_KIND_INSTANT, SEAL_COL_FIXED, NULL},
    {"valid_until", SEAL_KIND_INSTANT, SEAL_COL_READ_ONLY, NULL},
    {"credential", SEAL_KIND_VALUE, SEAL_COL_HIDDEN, NULL},
    {"at", SEAL_KIND_INSTANT, SEAL_COL_HIDDEN, NULL},
};

static int record_insert(SealRow *row, int64_t *rowid) {
  SealRecord record = {
      .val_user_id = seal_row_text(row, R_VAL_USER_ID),
      .val_ue_id = seal_row_text(row, R_VAL_UE_ID),
      .client_id = seal_row_text(row, R_CLIENT_ID),
      .key_format = seal_row_text(row, R_KEY_FORMAT),
      .key_info = seal_row_text(row, R_KEY_INFO),
      .user_uri = seal_row_text(row, R_USER_URI),
  };
  SealRowAsk ask = {
      .seal_service = SEAL_KM,
      .credential = row->credential,
      .val_server_id = seal_row_text(row, R_VAL_SERVER_ID),
      .val_service_id = seal_row_text(row, R_VAL_SERVICE_ID),
      .conf_id = seal_row_text(row, R_CONF_ID),
      .key_format = record.key_format,
      .record = &record,
      .exp_time = seal_row_int(row, R_EXP_TIME),
      .at = row->at,
      .on_conflict = row->on_conflict,
  };
  if ((record.val_user_id.p != NULL) + (record.val_ue_id.p != NULL) + (record.client_id.p != NULL) >
      1) {
    return seal_refuse(row->err, SEAL_MANDATORY_IE_INCORRECT,
                       "seal_key_record: at most one of val_user_id, val_ue_id and client_id");
  }
  int rc = seal_row_insert(row->p, &ask, rowid, row->err);
  if (rc != SQLITE_CONSTRAINT_UNIQUE) return rc;
  sqlite3_free(row->err->detail);
  row->err->detail = sqlite3_mprintf("UNIQUE constraint failed: seal_key_record.conf_id, "
                                     "seal_key_record.val_service_id, seal_key_record.%s",
                                     record.val_ue_id.p   ? "val_ue_id"
                                     : record.client_id.p ? "client_id"
                                                          : "val_user_id");
  return row->err->detail ? SQLITE_CONSTRAINT_VTAB : SQLITE_NOMEM;
}

static int record_delete(SealRow *row) {
  return seal_row_delete(row->p, SEAL_ROW_RECORD, row->rowid, row->at.t);
}

/* Opens key_info. A value that does not hold names its row, and stops nothing else. */
static int record_column(Seal *p, sqlite3_context *ctx, sqlite3_stmt *row, int column) {
  if (column != R_KEY_INFO) return 0;
  SealError err;
  void *plain = NULL;
  int n = 0;
  memset(&err, 0, sizeof err);
  SealRecordPlace place = {
      .val_server_id = seal_column_text(row, R_VAL_SERVER_ID + 1),
      .conf_id = seal_column_text(row, R_CONF_ID + 1),
      .val_service_id = seal_column_text(row, R_VAL_SERVICE_ID + 1),
  };
  SealRecord record = {
      .val_user_id = seal_column_text(row, R_VAL_USER_ID + 1),
      .val_ue_id = seal_column_text(row, R_VAL_UE_ID + 1),
      .client_id = seal_column_text(row, R_CLIENT_ID + 1),
  };
  int rc = seal_record_open(p, sqlite3_column_int64(row, SEAL_VIEW_ID), &place, &record,
                            sqlite3_column_blob(row, R_KEY_INFO + 1),
                            sqlite3_column_bytes(row, R_KEY_INFO + 1), &plain, &n, &err);
  if (rc == SQLITE_OK) {
    sqlite3_result_text(ctx, plain, n, seal_secret_done);
  } else {
    seal_column_fail(ctx, rc, &err);
  }
  seal_error_clear(&err);
  return 1;
}

const SealRelation seal_relation_key_record = {
    .name = "key_record",
    .waits = 1,
    .columns = key_record_columns,
    .n_columns = COUNT(key_record_columns),
    .create = SQL_CREATE_KEY_RECORD,
    .drop = SQL_DROP_KEY_RECORD,
    .view = SQL_VIEW_KEY_RECORD,
    .view_all = SQL_VIEW_KEY_RECORD,
    .find = SEAL_NO_SQL,
    .insert = SEAL_NO_SQL,
    .update = SEAL_NO_SQL,
    .in_use = SEAL_NO_SQL,
    .insert_row = record_insert,
    .delete_row = record_delete,
    .column = record_column,
};
