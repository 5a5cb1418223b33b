/* seal_agreement: an SLA with a VAL service provider. DELETE is refused while a VAL server of it is valid, unless
** the agreement is terminated; then all that hung on it goes with it.
**
**    INSERT INTO seal_agreement(agreement_id, val_provider_id, stop_time) VALUES ('sla-7', 'acme', '2027-01-01');
*/
#include "tables/relation/checks.h"

static int agreement_check(SealRow *row) {
  int rc = seal_check_window(row, AGREEMENT_START_TIME, AGREEMENT_STOP_TIME);
  return rc == SQLITE_OK ? seal_check_status(row, AGREEMENT_STATUS) : rc;
}

static int agreement_after(SealRow *row, int removed) {
  static const int when[] = {AGREEMENT_STATUS, AGREEMENT_START_TIME, AGREEMENT_STOP_TIME, -1};
  int rc = seal_note_state(row, SEAL_AGREEMENT, removed, when);
  if (rc != SQLITE_OK) return rc;
  return seal_notify_row(row, SEAL_AGREEMENT, removed, AGREEMENT_STATUS, AGREEMENT_STOP_TIME);
}

const SealRelation seal_relation_agreement = {
    .is = &seal_description_agreement,
    .check = agreement_check,
    .after = agreement_after,
};
