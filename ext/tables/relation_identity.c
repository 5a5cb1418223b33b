/* seal_identity: the VAL users and UEs that may use a VAL service. VAL servers insert through a credential and the
** SLA; UPDATE and DELETE are the operator's own acts.
**
**    INSERT INTO seal_identity(credential, val_service_id, val_user_id) VALUES (:jwt, 'v2x', 'alice');
*/
#include "registrar/held/records.h"
#include "tables/relation/checks.h"

/* The one identity that a row has. */
static int identity_id(SealRow *row, SealId *id) {
  SealText user = seal_row_text(row, IDENTITY_VAL_USER_ID),
           ue = seal_row_text(row, IDENTITY_VAL_UE_ID);
  if ((user.p == NULL) == (ue.p == NULL)) {
    return seal_refuse(row->err, SEAL_MANDATORY_IE_INCORRECT,
                       "seal_identity: exactly one of val_user_id and val_ue_id is needed");
  }
  *id = user.p ? (SealId){user.p, user.n, 0} : (SealId){ue.p, ue.n, 1};
  return SQLITE_OK;
}

/* The key that a configuration holds an identity once by is none of the relation's. */
static int identity_result(SealRow *row, const SealId *id, int rc) {
  const int key[] = {IDENTITY_CONF_ID, IDENTITY_VAL_SERVICE_ID,
                     id->is_ue ? IDENTITY_VAL_UE_ID : IDENTITY_VAL_USER_ID, -1};
  return seal_row_unique_of(row, rc, key);
}

static int identity_insert(SealRow *row, int64_t *rowid) {
  SealRowAsk ask = {
      .seal_service = SEAL_IDM,
      .credential = row->credential,
      .val_server_id = seal_row_text(row, IDENTITY_VAL_SERVER_ID),
      .val_service_id = seal_row_text(row, IDENTITY_VAL_SERVICE_ID),
      .conf_id = seal_row_text(row, IDENTITY_CONF_ID),
      .exp_time = seal_row_int(row, IDENTITY_EXP_TIME),
      .at = row->at,
      .requester = row->requester,
      .on_conflict = row->on_conflict,
  };
  int rc = identity_id(row, &ask.id);
  if (rc == SQLITE_OK) rc = seal_row_insert(row->p, &ask, rowid, row->err);
  return identity_result(row, &ask.id, rc);
}

static int identity_update(SealRow *row) {
  SealRowAsk ask = {.seal_service = SEAL_IDM, .at = row->at, .on_conflict = row->on_conflict};
  int rc = identity_id(row, &ask.id);
  if (rc == SQLITE_OK) rc = seal_row_update(row->p, &ask, row->rowid);
  return identity_result(row, &ask.id, rc);
}

static int identity_delete(SealRow *row) {
  return seal_row_delete(row->p, SEAL_ROW_IDENTITY, row->rowid, row->at.t);
}

const SealRelation seal_relation_identity = {
    .is = &seal_description_identity,
    .credential = 1,
    .waits = 1,
    .insert_row = identity_insert,
    .update_row = identity_update,
    .delete_row = identity_delete,
};
