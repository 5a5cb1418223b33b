/* seal_notification: what VAL servers are told. The registrar writes its rows; who delivers them says how that went.
**
**    UPDATE seal_notification SET delivered_time = unixepoch(), attempts = attempts + 1, last_error = NULL WHERE seq = 7;
*/
#include "tables/relation/relation.h"

static int notification_check(SealRow *row) {
  if (row->cells[NOTIFICATION_ATTEMPTS].form != SEAL_CELL_NULL) return SQLITE_OK;
  return seal_refuse(row->err, SEAL_MANDATORY_IE_MISSING, "seal_notification.attempts is needed");
}

const SealRelation seal_relation_notification = {
    .is = &seal_description_notification,
    .counts = 1,
    .untold = 1,
    .check = notification_check,
};
