/* seal_key_record: the keys of VAL users, opaque to the registrar; key_info is sealed at rest, and readable only
** unlocked. VAL servers insert through an access token for it; DELETE is the operator's own act.
**
**    INSERT INTO seal_key_record(credential, val_service_id, val_user_id, key_info) VALUES (:token, 'v2x', 'alice', :key);
*/
#include "registrar/held/records.h"
#include "tables/relation/checks.h"

#include <string.h>

static int record_insert(SealRow *row, int64_t *rowid) {
  SealRecord record = {
      .val_user_id = seal_row_text(row, KEY_RECORD_VAL_USER_ID),
      .val_ue_id = seal_row_text(row, KEY_RECORD_VAL_UE_ID),
      .client_id = seal_row_text(row, KEY_RECORD_CLIENT_ID),
      .payload_id = seal_row_text(row, KEY_RECORD_PAYLOAD_ID),
      .key_format = seal_row_text(row, KEY_RECORD_KEY_FORMAT),
      .key_info = seal_row_text(row, KEY_RECORD_KEY_INFO),
      .user_uri = seal_row_text(row, KEY_RECORD_USER_URI),
      .skmc_uri = seal_row_text(row, KEY_RECORD_SKMC_URI),
  };
  SealRowAsk ask = {
      .seal_service = SEAL_KM,
      .credential = row->credential,
      .val_server_id = seal_row_text(row, KEY_RECORD_VAL_SERVER_ID),
      .val_service_id = seal_row_text(row, KEY_RECORD_VAL_SERVICE_ID),
      .conf_id = seal_row_text(row, KEY_RECORD_CONF_ID),
      .key_format = record.key_format,
      .record = &record,
      .exp_time = seal_row_int(row, KEY_RECORD_EXP_TIME),
      .at = row->at,
      .requester = row->requester,
      .on_conflict = row->on_conflict,
  };
  if ((record.val_user_id.p != NULL) + (record.val_ue_id.p != NULL) + (record.client_id.p != NULL) >
      1) {
    return seal_refuse(row->err, SEAL_MANDATORY_IE_INCORRECT,
                       "seal_key_record: at most one of val_user_id, val_ue_id and client_id");
  }
  if (record.key_info.n > SEAL_KEY_INFO_MAX) {
    return seal_row_refuse(row, KEY_RECORD_KEY_INFO, "is over %d bytes", SEAL_KEY_INFO_MAX);
  }
  int rc = seal_row_insert(row->p, &ask, rowid, row->err);
  const int key[] = {KEY_RECORD_CONF_ID, KEY_RECORD_VAL_SERVICE_ID,
                     record.val_ue_id.p   ? KEY_RECORD_VAL_UE_ID
                     : record.client_id.p ? KEY_RECORD_CLIENT_ID
                                          : KEY_RECORD_VAL_USER_ID,
                     -1};
  return seal_row_unique_of(row, rc, key);
}

static int record_delete(SealRow *row) {
  return seal_row_delete(row->p, SEAL_ROW_RECORD, row->rowid, row->at.t);
}

/* Opens key_info. A value that does not hold names its row, and stops nothing else. */
static int record_column(Seal *p, sqlite3_context *ctx, sqlite3_stmt *row, int column) {
  if (column != KEY_RECORD_KEY_INFO) return 0;
  SealError err;
  void *plain = NULL;
  int n = 0;
  memset(&err, 0, sizeof err);
  SealRecordPlace place = {
      .val_server_id = seal_column_text(row, KEY_RECORD_VAL_SERVER_ID + 1),
      .conf_id = seal_column_text(row, KEY_RECORD_CONF_ID + 1),
      .val_service_id = seal_column_text(row, KEY_RECORD_VAL_SERVICE_ID + 1),
  };
  SealRecord record = {
      .val_user_id = seal_column_text(row, KEY_RECORD_VAL_USER_ID + 1),
      .val_ue_id = seal_column_text(row, KEY_RECORD_VAL_UE_ID + 1),
      .client_id = seal_column_text(row, KEY_RECORD_CLIENT_ID + 1),
      .payload_id = seal_column_text(row, KEY_RECORD_PAYLOAD_ID + 1),
  };
  int rc = seal_record_open(p, sqlite3_column_int64(row, SEAL_VIEW_ID), &place, &record,
                            sqlite3_column_blob(row, KEY_RECORD_KEY_INFO + 1),
                            sqlite3_column_bytes(row, KEY_RECORD_KEY_INFO + 1), &plain, &n, &err);
  if (rc == SQLITE_OK) {
    /* Bytes that are no text stay bytes. */
    if (seal_is_utf8(plain, (size_t)n)) {
      sqlite3_result_text(ctx, plain, n, seal_secret_done);
    } else {
      sqlite3_result_blob(ctx, plain, n, seal_secret_done);
    }
  } else {
    seal_column_fail(ctx, rc, &err);
  }
  seal_error_clear(&err);
  return 1;
}

const SealRelation seal_relation_key_record = {
    .is = &seal_description_key_record,
    .credential = 1,
    .waits = 1,
    .insert_row = record_insert,
    .delete_row = record_delete,
    .column = record_column,
};
