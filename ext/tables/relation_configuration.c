/* seal_configuration: what a VAL server provisioned, as a whole; the rows of the other relations lie in one. VAL
** servers insert through a credential and the SLA; UPDATE and DELETE are the operator's own acts.
**
**    INSERT INTO seal_configuration(credential, seal_service, exp_time) VALUES (:jwt, 'identity-management', '2026-12-01');
*/
#include "registrar/held/records.h"
#include "tables/relation/relation.h"

#include <string.h>

/* TS 29.571 SupportedFeatures: hexadecimal digits. */
static int check_supp_feat(SealRow *row) {
  SealText text = seal_row_text(row, CONFIGURATION_SUPP_FEAT);
  for (int i = 0; i < text.n; i++) {
    if (strchr("0123456789abcdefABCDEF", text.p[i]) == NULL) {
      return seal_row_refuse(row, CONFIGURATION_SUPP_FEAT, "is not a string of hexadecimal digits");
    }
  }
  return SQLITE_OK;
}

static int configuration_insert(SealRow *row, int64_t *rowid) {
  SealRowAsk ask = {
      .seal_service = seal_service_name(seal_row_text(row, CONFIGURATION_SEAL_SERVICE)),
      .credential = row->credential,
      .val_server_id = seal_row_text(row, CONFIGURATION_VAL_SERVER_ID),
      .conf_id = seal_row_text(row, CONFIGURATION_CONF_ID),
      .exp_time = seal_row_int(row, CONFIGURATION_EXP_TIME),
      .at = row->at,
      .requester = row->requester,
  };
  int rc = check_supp_feat(row);
  if (rc == SQLITE_OK) {
    rc = seal_row_configuration(row->p, &ask, seal_row_text(row, CONFIGURATION_SUPP_FEAT), rowid,
                                row->err);
  }
  return rc == SQLITE_CONSTRAINT_UNIQUE ? seal_row_unique(row) : rc;
}

static int configuration_update(SealRow *row) {
  int rc = check_supp_feat(row);
  if (rc != SQLITE_OK) return rc;
  int64_t exp_time = seal_row_int(row, CONFIGURATION_EXP_TIME);
  return seal_configuration_change(row->p, row->rowid,
                                   row->cells[CONFIGURATION_EXP_TIME].changed ? &exp_time : NULL,
                                   seal_row_text(row, CONFIGURATION_SUPP_FEAT), row->at.t);
}

static int configuration_delete(SealRow *row) {
  return seal_configuration_remove(row->p, row->rowid, row->at.t);
}

const SealRelation seal_relation_configuration = {
    .is = &seal_description_configuration,
    .credential = 1,
    .counts = 1,
    .insert_row = configuration_insert,
    .update_row = configuration_update,
    .delete_row = configuration_delete,
};
