/* seal_key: the key parameters of a VAL service. VAL servers insert through a credential and the SLA; UPDATE and
** DELETE are the operator's own acts.
**
**    INSERT INTO seal_key(credential, val_service_id, key_format, scope) VALUES (:jwt, 'v2x', 'jwk', 'read');
*/
#include "registrar/held/records.h"
#include "tables/relation/checks.h"

/* A configuration has the key parameters of a VAL service once. */
static int key_result(SealRow *row, int rc) {
  static const int key[] = {KEY_CONF_ID, KEY_VAL_SERVICE_ID, -1};
  return seal_row_unique_of(row, rc, key);
}

static int check_scope_words(SealRow *row) {
  SealText scope = seal_row_text(row, KEY_SCOPE);
  if (scope.p == NULL || seal_is_scope(scope)) return SQLITE_OK;
  return seal_row_refuse(row, KEY_SCOPE, "is not words with single spaces between them");
}

static int key_insert(SealRow *row, int64_t *rowid) {
  SealRowAsk ask = {
      .seal_service = SEAL_KM,
      .credential = row->credential,
      .val_server_id = seal_row_text(row, KEY_VAL_SERVER_ID),
      .val_service_id = seal_row_text(row, KEY_VAL_SERVICE_ID),
      .conf_id = seal_row_text(row, KEY_CONF_ID),
      .key_format = seal_row_text(row, KEY_KEY_FORMAT),
      .scope = seal_row_text(row, KEY_SCOPE),
      .exp_time = seal_row_int(row, KEY_EXP_TIME),
      .at = row->at,
      .requester = row->requester,
      .on_conflict = row->on_conflict,
  };
  int rc = check_scope_words(row);
  if (rc == SQLITE_OK) rc = seal_row_insert(row->p, &ask, rowid, row->err);
  return key_result(row, rc);
}

static int key_update(SealRow *row) {
  SealRowAsk ask = {
      .seal_service = SEAL_KM,
      .key_format = seal_row_text(row, KEY_KEY_FORMAT),
      .scope = seal_row_text(row, KEY_SCOPE),
      .at = row->at,
  };
  int rc = check_scope_words(row);
  if (rc == SQLITE_OK) rc = seal_row_update(row->p, &ask, row->rowid);
  return key_result(row, rc);
}

static int key_delete(SealRow *row) {
  return seal_row_delete(row->p, SEAL_ROW_KEY, row->rowid, row->at.t);
}

const SealRelation seal_relation_key = {
    .is = &seal_description_key,
    .credential = 1,
    .waits = 1,
    .insert_row = key_insert,
    .update_row = key_update,
    .delete_row = key_delete,
};
