/* seal_term: what an agreement grants, for a SEAL service and a VAL service. DELETE is refused while a
** configuration under it is valid.
**
**    INSERT INTO seal_term(agreement_id, seal_service, val_service_id, max_identities)
**    VALUES ('sla-7', 'identity-management', 'v2x', 100000);
*/
#include "tables/relation/checks.h"

static int term_check(SealRow *row) {
  int rc = seal_check_window(row, TERM_START_TIME, TERM_STOP_TIME);
  if (rc != SQLITE_OK) return rc;
  return seal_check_parent(row, TERM_AGREEMENT_ID, &seal_description_agreement);
}

/* What a term's identity-day costs is noted as of now; of a new one, as of ever. */
static int term_after(SealRow *row, int removed) {
  static const int when[] = {TERM_START_TIME, TERM_STOP_TIME, -1};
  static const int prices[] = {TERM_PRICE_PER_IDENTITY_DAY, TERM_CURRENCY, -1};
  int is_new = row->old == NULL;
  int rc = seal_note_state(row, SEAL_TERM, removed, when);
  if (rc == SQLITE_OK) rc = seal_notify_row(row, SEAL_TERM, removed, -1, TERM_STOP_TIME);
  if (rc != SQLITE_OK || removed || !(is_new || seal_row_changes(row, prices))) return rc;
  return seal_occupancy_price(row->p, row->rowid, is_new ? SEAL_INSTANT_MIN : row->at.t);
}

const SealRelation seal_relation_term = {
    .is = &seal_description_term,
    .counts = 1,
    .check = term_check,
    .after = term_after,
};
