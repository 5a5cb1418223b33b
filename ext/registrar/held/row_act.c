/* The operator's acts on single rows (records.h): UPDATE and DELETE of an identity, key parameters or a key
** record. They are gathered in slots as rows are, one for each VAL service, so that a statement on a million
** rows leaves one entry for each; the gate lets acts and rows never wait together.
*/
#include "registrar/held/held_int.h"

#include <string.h>

/* The slot in which the acts on a service's rows are gathered. */
static int act_slot(Seal *p, const char *seal_service, int64_t service, int64_t at,
                    SealSlot **out) {
  SealSlots *slots = seal_slots(p);
  SealHead head;
  if (slots == NULL) return SQLITE_NOMEM;
  for (int i = 0; i < slots->n; i++) {
    if (slots->slot[i].act && slots->slot[i].service == service) {
      *out = &slots->slot[i];
      return seal_slot_go_on(p, *out, (SealAt){at, 0});
    }
  }
  SealRowAsk nothing = {.seal_service = seal_service, .at = {at, 0}};
  int rc = slots->n == SEAL_SLOTS ? seal_slots_settle(p, slots) : SQLITE_OK;
  if (rc == SQLITE_OK) rc = seal_slot_new(p, &nothing, out);
  if (rc != SQLITE_OK) return rc;
  SealSlot *slot = *out;
  slot->act = 1;
  slot->service = service;
  sqlite3_stmt *row;
  rc = seal_store_row(seal_store(p), SQL_SERVICE_LOAD, &row, "i", service);
  if (rc == SQLITE_ROW) {
    slot->configuration = sqlite3_column_int64(row, SERVICE_LOAD_CONFIGURATION);
    slot->term = sqlite3_column_int64(row, SERVICE_LOAD_TERM);
  }
  seal_store_reset(row);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  rc = seal_head_load(p, slot->configuration, &head);
  if (rc != SQLITE_OK) return rc;
  memcpy(slot->conf_id_text, head.conf_id, sizeof slot->conf_id_text);
  memcpy(slot->val_server_text, head.val_server_id, sizeof slot->val_server_text);
  slot->val_server = head.val_server;
  slot->until = head.until;
  return SQLITE_OK;
}

/* What a service of key management holds goes with it. */
static int clear_records(Seal *p, const SealSlot *slot) {
  SealTally back = {slot->term, 0, 0};
  int64_t removed = 0;
  int rc = seal_occupancy_close(p, slot->configuration, slot->service, slot->at.t);
  if (rc == SQLITE_OK) rc = seal_service_records_clear(p, slot->service, &removed);
  back.key_records = -removed;
  return rc == SQLITE_OK ? seal_hold(p, &back, slot->until, slot->val_server) : rc;
}

int seal_identity_row(Seal *p, int64_t service, const SealId *id, int64_t *row) {
  SealText none = {NULL, 0}, text = {id->p, id->n};
  sqlite3_stmt *found;
  int rc = seal_store_row(seal_store(p), SQL_IDENTITY_FIND, &found, "iss", service,
                          id->is_ue ? &none : &text, id->is_ue ? &text : &none);
  *row = rc == SQLITE_ROW ? sqlite3_column_int64(found, IDENTITY_FIND_ID) : 0;
  seal_store_reset(found);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int seal_row_delete(Seal *p, SealRowKind kind, int64_t rowid, int64_t at) {
  static const enum SealSql sql[] = {SQL_IDENTITY_DELETE, SQL_SERVICE_DELETE, SQL_RECORD_DELETE};
  int64_t service = kind == SEAL_ROW_KEY ? rowid : rowid >> SEAL_ROW_BITS;
  SealSlot *slot;
  int rc = act_slot(p, kind == SEAL_ROW_IDENTITY ? SEAL_IDM : SEAL_KM, service, at, &slot);
  if (rc == SQLITE_OK && kind == SEAL_ROW_KEY) rc = clear_records(p, slot);
  if (rc == SQLITE_OK) rc = seal_store_run(seal_store(p), sql[kind], "i", rowid);
  if (rc != SQLITE_OK) return rc;
  slot->records = kind == SEAL_ROW_RECORD;
  slot->removed += sqlite3_changes64(seal_db(p));
  seal_slots(p)->dirty = 1;
  if (kind != SEAL_ROW_KEY) return SQLITE_OK;
  return seal_occupancy_term(p, slot->configuration, slot->term, 0, slot->at.t);
}

/* OR REPLACE: another row of the VAL service that has the identity goes. */
static int make_room(Seal *p, const SealRowAsk *ask, int64_t rowid) {
  int64_t there = 0;
  int rc = seal_identity_row(p, rowid >> SEAL_ROW_BITS, &ask->id, &there);
  if (rc != SQLITE_OK || there == 0 || there == rowid) return rc;
  return seal_row_delete(p, SEAL_ROW_IDENTITY, there, ask->at.t);
}

int seal_row_update(Seal *p, const SealRowAsk *ask, int64_t rowid) {
  int identity = ask->id.n > 0;
  SealText none = {NULL, 0}, text = {ask->id.p, ask->id.n};
  SealSlot *slot;
  int rc = identity && ask->on_conflict == SQLITE_REPLACE ? make_room(p, ask, rowid) : SQLITE_OK;
  if (rc != SQLITE_OK) return rc;
  rc = act_slot(p, ask->seal_service, identity ? rowid >> SEAL_ROW_BITS : rowid, ask->at.t, &slot);
  if (rc != SQLITE_OK) return rc;
  if (identity) {
    rc = seal_store_run(seal_store(p), SQL_IDENTITY_UPDATE, "iss", rowid,
                        ask->id.is_ue ? &none : &text, ask->id.is_ue ? &text : &none);
  } else {
    rc = seal_store_run(seal_store(p), SQL_SERVICE_UPDATE_KEY, "iss", rowid, &ask->key_format,
                        &ask->scope);
  }
  if ((rc & 0xff) == SQLITE_CONSTRAINT) return SQLITE_CONSTRAINT_UNIQUE;
  if (rc != SQLITE_OK) return rc;
  slot->changed++;
  seal_slots(p)->dirty = 1;
  return SQLITE_OK;
}
