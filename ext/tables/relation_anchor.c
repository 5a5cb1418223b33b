/* seal_anchor: whom the registrar trusts besides. A CRL must be above the one that is stored; an anchor of type
** registrar makes the database a SEAL server's.
**
**    INSERT INTO seal_anchor(anchor_id, type, value) VALUES ('acme-ca', 'ca', readfile('ca.pem'));
*/
#include "registrar/exchange/exchange.h"
#include "tables/relation/checks.h"

static int anchor_check(SealRow *row) {
  SealText type = seal_row_text(row, ANCHOR_TYPE), iss = seal_row_text(row, ANCHOR_ISS);
  char *subject = NULL;
  int n;
  if (seal_text_is(type, "registrar")) {
    int rc = row->old == NULL ? seal_apply_ready(row->p, row->err) : SQLITE_OK;
    if (rc != SQLITE_OK) return rc;
  } else if (seal_text_is(type, "issuer") != (iss.p != NULL)) {
    return seal_row_refuse(row, ANCHOR_ISS,
                           "is for an anchor of type issuer, which needs it, or registrar");
  }
  if (!row->cells[ANCHOR_VALUE].changed) return SQLITE_OK;
  const void *bytes = seal_cell_bytes(&row->cells[ANCHOR_VALUE], &n);
  int rc = seal_anchor_check(row->p, type, bytes, n, row->at.t, &subject, row->extra, row->err);
  row->owned = subject;
  if (rc == SQLITE_OK && subject != NULL) {
    row->cells[ANCHOR_SUBJECT].form = SEAL_CELL_TEXT;
    row->cells[ANCHOR_SUBJECT].text = subject;
  }
  return rc;
}

const SealRelation seal_relation_anchor = {
    .is = &seal_description_anchor,
    .check = anchor_check,
};
