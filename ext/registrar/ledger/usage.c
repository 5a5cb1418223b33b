/* Usage (ledger.h): one entry for each chargeable event, with a unit for each term that it was an invocation
** of. The terms are those of the grants; what is counted is what they allowed.
**
**    SealTally unit = {grant.term, 3, 0};
**    rc = seal_usage_write(p, &use, &unit, 1);
*/
#include "registrar/ledger/ledger.h"

#include <assert.h>

int seal_usage_last(Seal *p, int64_t *seq) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_USAGE_LAST, &row, "");
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  *seq = sqlite3_column_int64(row, USAGE_LAST_SEQ);
  seal_store_reset(row);
  return SQLITE_OK;
}

/* Where this transaction's usage of rows begins, asked before its first rows are counted. What was taken back
** since may have given numbers free that lie below. */
static int usage_start(Seal *p) {
  SealTxn *txn = seal_txn(p);
  int64_t last;
  if (txn->usage_known) return SQLITE_OK;
  int rc = seal_usage_last(p, &last);
  if (rc != SQLITE_OK) return rc;
  if (txn->usage_start == 0 || last < txn->usage_start) txn->usage_start = last + 1;
  txn->usage_known = 1;
  return SQLITE_OK;
}

/* Counts an invocation of a term, with what is held by it, and notes it as a unit of the event. */
static int write_unit(Seal *p, int64_t seq, const SealUse *use, const SealTally *unit) {
  int rc = seal_store_run(seal_store(p), SQL_TERM_USE_INVOKE, "iiii", unit->term, use->time,
                          use->holds ? unit->identities : 0, use->holds ? unit->key_records : 0);
  if (rc != SQLITE_OK) return rc;
  return seal_store_run(seal_store(p), SQL_USAGE_UNIT_INSERT, "iiii", seq, unit->term,
                        unit->identities, unit->key_records);
}

static int write_event(Seal *p, const SealUse *use, int64_t identities, int64_t key_records,
                       int64_t *seq) {
  assert(use->operation != NULL);
  int rc = seal_store_run(seal_store(p), SQL_USAGE_INSERT, "iittitii", use->time, use->val_server,
                          use->seal_service, use->operation, (int64_t)use->result, use->conf_id,
                          identities, key_records);
  *seq = sqlite3_last_insert_rowid(seal_db(p));
  return rc;
}

int seal_usage_write(Seal *p, const SealUse *use, const SealTally *units, size_t n) {
  int64_t seq, identities = 0, key_records = 0;
  for (size_t i = 0; i < n; i++) {
    identities += units[i].identities;
    key_records += units[i].key_records;
  }
  int rc = write_event(p, use, identities, key_records, &seq);
  for (size_t i = 0; rc == SQLITE_OK && i < n; i++) rc = write_unit(p, seq, use, &units[i]);
  return rc == SQLITE_OK ? seal_charge_event(p, use, seq) : rc;
}

/* The event of this transaction's rows; *seq is 0 if there is none yet. */
static int find_rows(Seal *p, int64_t val_server, const char *seal_service, int64_t *seq) {
  const SealTxn *txn = seal_txn(p);
  sqlite3_stmt *row;
  int rc = usage_start(p);
  *seq = 0;
  if (rc != SQLITE_OK || !txn->usage_rows) return rc;
  rc = seal_store_row(seal_store(p), SQL_USAGE_ROWS_FIND, &row, "iit", txn->usage_start - 1,
                      val_server, seal_service);
  if (rc == SQLITE_ROW) *seq = sqlite3_column_int64(row, USAGE_ROWS_FIND_SEQ);
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int seal_usage_counted(Seal *p, int64_t val_server, const char *seal_service, int64_t term,
                       int *counted) {
  sqlite3_stmt *row;
  int64_t seq;
  *counted = 0;
  int rc = find_rows(p, val_server, seal_service, &seq);
  if (rc != SQLITE_OK || seq == 0) return rc;
  rc = seal_store_row(seal_store(p), SQL_USAGE_UNIT_FIND, &row, "ii", seq, term);
  *counted = rc == SQLITE_ROW;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The term's first rows of the event: they are an invocation of it. */
static int first_of_term(Seal *p, int64_t seq, const SealUse *use, const SealTally *unit,
                         SealText val_service_id) {
  int rc = write_unit(p, seq, use, unit);
  if (rc != SQLITE_OK) return rc;
  return seal_charge_rows(p, use, seq, unit->term, val_service_id, 1);
}

int seal_usage_rows(Seal *p, const SealUse *use, const SealTally *unit, SealText val_service_id) {
  int64_t seq;
  int rc = find_rows(p, use->val_server, use->seal_service, &seq);
  if (rc == SQLITE_OK && seq == 0) {
    seal_txn(p)->usage_rows = 1;
    rc = write_event(p, use, unit->identities, unit->key_records, &seq);
    return rc == SQLITE_OK ? first_of_term(p, seq, use, unit, val_service_id) : rc;
  }
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_USAGE_ADD, "iii", seq, unit->identities,
                        unit->key_records);
  }
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_USAGE_UNIT_ADD, "iiii", seq, unit->term,
                        unit->identities, unit->key_records);
  }
  if (rc != SQLITE_OK) return rc;
  if (sqlite3_changes(seal_db(p)) == 0) return first_of_term(p, seq, use, unit, val_service_id);
  rc = seal_charge_rows(p, use, seq, unit->term, val_service_id, 0);
  if (rc != SQLITE_OK || !use->holds) return rc;
  return seal_store_run(seal_store(p), SQL_TERM_USE_ADD, "iii", unit->term, unit->identities,
                        unit->key_records);
}
