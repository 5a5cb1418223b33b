/* seal_val_server: a server of the VAL service provider, under an agreement. DELETE is refused while a
** configuration of it is valid, unless it or its agreement is terminated.
**
**    INSERT INTO seal_val_server(val_server_id, agreement_id) VALUES ('v2x.acme.example', 'sla-7');
*/
#include "tables/relation/checks.h"

/* max_val_servers: those that have not ended count. */
static int check_max_val_servers(SealRow *row) {
  SealText agreement_id = seal_row_text(row, VAL_SERVER_AGREEMENT_ID);
  SealText val_server_id = seal_row_text(row, VAL_SERVER_VAL_SERVER_ID);
  sqlite3_stmt *quota;
  int rc = seal_store_row(seal_store(row->p), SQL_VAL_SERVER_QUOTA, &quota, "sis", &agreement_id,
                          row->at.t, &val_server_id);
  int64_t max = rc == SQLITE_ROW ? seal_column_until(quota, VAL_SERVER_QUOTA_MAX_VAL_SERVERS)
                                 : SEAL_UNBOUNDED;
  int64_t held = rc == SQLITE_ROW ? sqlite3_column_int64(quota, VAL_SERVER_QUOTA_HELD) : 0;
  seal_store_reset(quota);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_OK : rc;
  if (held + 1 <= max) return SQLITE_OK;
  char quoted[SEAL_QUOTE_MAX + 8];
  return seal_refuse(row->err, SEAL_SLA_QUOTA_EXCEEDED,
                     "agreement \"%s\" may have %lld VAL servers, %lld asked",
                     seal_quote(agreement_id, quoted), (long long)max, (long long)(held + 1));
}

/* 1 if the row was there and had ended: a later end brings it back, and it counts again. */
static int comes_back(const SealRow *row) {
  if (row->old == NULL) return 0;
  int64_t at = row->at.t;
  return seal_column_until(row->old, VAL_SERVER_EXP_TIME + 1) <= at &&
         seal_row_int(row, VAL_SERVER_EXP_TIME) > at;
}

/* When it was registered is stored as well: tokens of an issuer's that are older are not for this one. */
static int val_server_check(SealRow *row) {
  sqlite3_snprintf(sizeof row->extra, row->extra, "%lld", (long long)row->at.t);
  int rc = seal_check_parent(row, VAL_SERVER_AGREEMENT_ID, &seal_description_agreement);
  if (rc == SQLITE_OK) rc = seal_check_status(row, VAL_SERVER_STATUS);
  if (rc == SQLITE_OK && (row->old == NULL || comes_back(row))) rc = check_max_val_servers(row);
  return rc;
}

static int val_server_after(SealRow *row, int removed) {
  static const int when[] = {VAL_SERVER_STATUS, VAL_SERVER_EXP_TIME, -1};
  int rc = seal_note_state(row, SEAL_VAL_SERVER, removed, when);
  if (rc == SQLITE_OK && row->old != NULL &&
      row->cells[VAL_SERVER_NOTIFICATION_DESTINATION].changed) {
    rc = seal_notify_follow(row->p, row->rowid,
                            seal_row_text(row, VAL_SERVER_NOTIFICATION_DESTINATION));
  }
  if (rc != SQLITE_OK) return rc;
  return seal_notify_row(row, SEAL_VAL_SERVER, removed, VAL_SERVER_STATUS, VAL_SERVER_EXP_TIME);
}

const SealRelation seal_relation_val_server = {
    .is = &seal_description_val_server,
    .check = val_server_check,
    .after = val_server_after,
};
