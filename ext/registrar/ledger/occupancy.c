/* Occupancy (ledger.h): what was held, from when to when, to the second.
**
**    a VAL service of a configuration   |---3---|-----------5-----------|--2--|
**    its agreement                      |-------|  suspended  |---------------|  stop_time
**    what seal_occupancy shows          |---3---|             |----5----|--2--|
**
** The first line is written where numbers change: one row for a VAL service of a message, or for what a
** transaction's rows come to; and, for a configuration of several terms, which those are, once for all of its VAL
** services. The second is written where the operator changes a status or a window: one row,
** whatever hangs on it. Only who reads brings the two together (view_occupancy in
** sql/statements/occupancy.sql), so that neither expiry nor the sweep has to write anything.
**
** History doesn't run backwards: a change with an instant before the last one takes effect with it. Nor does it change
** where it is charged: what is done as of an instant in a day that has a charging record counts from the end of the last
** such day on, so that what was charged stays what was held.
*/
#include "registrar/ledger/ledger.h"

/* From when on what is done at *at counts. */
static int not_charged(Seal *p, int64_t *at) {
  int rc = seal_audit_head(p);
  if (rc == SQLITE_OK && *at < seal_txn(p)->charged) *at = seal_txn(p)->charged;
  return rc;
}

int seal_occupancy_close(Seal *p, int64_t configuration, int64_t service, int64_t at) {
  int rc = not_charged(p, &at);
  if (rc != SQLITE_OK) return rc;
  return seal_store_run(seal_store(p), SQL_OCCUPANCY_CLOSE, "iii", configuration, at, service);
}

int seal_occupancy_new(Seal *p, int64_t configuration, int64_t at) {
  int rc = not_charged(p, &at);
  if (rc != SQLITE_OK) return rc;
  return seal_store_run(seal_store(p), SQL_OCCUPANCY_NEW, "ii", configuration, at);
}

int seal_occupancy_change(Seal *p, int64_t configuration, int64_t service, int64_t at) {
  int rc = not_charged(p, &at);
  if (rc == SQLITE_OK) rc = seal_occupancy_close(p, configuration, service, at);
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_OCCUPANCY_AGAIN, "iii", configuration, at, service);
  }
  if (rc != SQLITE_OK) return rc;
  return seal_store_run(seal_store(p), SQL_OCCUPANCY_OPEN, "iii", configuration, at, service);
}

int seal_occupancy_terms(Seal *p, int64_t configuration, int64_t at) {
  int rc = not_charged(p, &at);
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_OCCUPANCY_TERM_FORGET, "ii", configuration, at);
  }
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_OCCUPANCY_TERM_CUT, "ii", configuration, at);
  }
  if (rc != SQLITE_OK) return rc;
  return seal_store_run(seal_store(p), SQL_OCCUPANCY_TERM_ADD, "ii", configuration, at);
}

int seal_occupancy_term(Seal *p, int64_t configuration, int64_t term, int came, int64_t at) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_OCCUPANCY_UNDER, &row, "ii", configuration, term);
  int64_t n = rc == SQLITE_ROW ? sqlite3_column_int64(row, OCCUPANCY_UNDER_N) : 0;
  seal_store_reset(row);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  return n > (came != 0) ? SQLITE_OK : seal_occupancy_terms(p, configuration, at);
}

int seal_occupancy_state(Seal *p, SealParent kind, int64_t id, int64_t since) {
  int64_t k = kind;
  int rc = not_charged(p, &since);
  if (rc == SQLITE_OK)
    rc = seal_store_run(seal_store(p), SQL_OCCUPANCY_GAP_FORGET, "iii", k, id, since);
  if (rc == SQLITE_OK)
    rc = seal_store_run(seal_store(p), SQL_OCCUPANCY_GAP_CUT, "iii", k, id, since);
  return rc == SQLITE_OK ? seal_store_run(seal_store(p), SQL_OCCUPANCY_GAP_ADD, "iii", k, id, since)
                         : rc;
}

int seal_occupancy_price(Seal *p, int64_t term, int64_t since) {
  int rc = not_charged(p, &since);
  if (rc == SQLITE_OK)
    rc = seal_store_run(seal_store(p), SQL_OCCUPANCY_PRICE_FORGET, "ii", term, since);
  if (rc == SQLITE_OK)
    rc = seal_store_run(seal_store(p), SQL_OCCUPANCY_PRICE_CUT, "ii", term, since);
  return rc == SQLITE_OK ? seal_store_run(seal_store(p), SQL_OCCUPANCY_PRICE_ADD, "ii", term, since)
                         : rc;
}

int seal_occupancy_gone(Seal *p, SealParent kind, int64_t id, int64_t at) {
  int64_t k = kind;
  int rc = not_charged(p, &at);
  if (rc == SQLITE_OK) rc = seal_store_run(seal_store(p), SQL_OCCUPANCY_GONE_PARTY, "ii", k, id);
  return rc == SQLITE_OK ? seal_store_run(seal_store(p), SQL_OCCUPANCY_GONE, "iii", k, id, at) : rc;
}
