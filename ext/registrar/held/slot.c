/* Slots (held_int.h): what was found out for the first row of its kind in a transaction, so that a later one
** which asks for the same costs one insert; and what the rows of a slot have yet to write.
**
**    SealSlot *slot = seal_slot_find(slots, ask);
**    if (slot == NULL) …                            the row is the first of its kind
**
** What slots add up to reaches counters and ledgers, and slots are forgotten, when the gate says so: this is
** the room's answer to it. A slot's facts hold as long as only rows were written (or, of slots of acts, only acts):
** the gate has them forgotten before anything else is, so that no slot outlives what it stands for. There are 64
** at most: then all are written and forgotten, and it begins anew.
*/
#include "registrar/held/held_int.h"

#include <assert.h>
#include <string.h>

static void free_copy(SealText *text) {
  sqlite3_free((char *)text->p);
  text->p = NULL;
}

static void slot_clear(SealSlot *slot) {
  if (slot->credential != NULL) seal_wipe(slot->credential, (size_t)slot->n_credential);
  sqlite3_free(slot->credential);
  free_copy(&slot->val_server_id);
  free_copy(&slot->val_service_id);
  free_copy(&slot->conf_id);
  seal_seen_clear(&slot->seen);
  memset(slot, 0, sizeof *slot);
}

static void forget_slots(SealSlots *slots) {
  for (int i = 0; i < slots->n; i++) slot_clear(&slots->slot[i]);
  slots->n = slots->last = slots->dirty = 0;
}

static void slots_clear(void *state) {
  SealSlots *slots = state;
  forget_slots(slots);
  sqlite3_free(slots->batch);
}

SealSlots *seal_slots(Seal *p) {
  SealSlots *slots = seal_room(p, SEAL_ROOM_HELD, sizeof *slots, slots_clear);
  return slots != NULL && seal_batch_ready(&slots->batch) == SQLITE_OK ? slots : NULL;
}

int seal_slot_go_on(Seal *p, SealSlot *slot, SealAt at) {
  if (slot->at.t == at.t) return SQLITE_OK;
  int rc = seal_slots_settle(p, seal_slots(p));
  if (rc == SQLITE_OK) slot->at = at;
  return rc;
}

void seal_slots_forget(Seal *p) {
  SealSlots *slots = seal_slots(p);
  assert(slots == NULL || !slots->dirty);
  if (slots != NULL) forget_slots(slots);
}

/* What a slot's rows come to for its term: more held, or, of the operator's acts, less. */
static SealTally tally(const SealSlot *slot, int64_t n) {
  int identities = strcmp(slot->seal_service, SEAL_IDM) == 0;
  return (SealTally){slot->term, identities ? n : 0, slot->records ? n : 0};
}

/* Writes the ledgers' entries for what a slot gathered. */
static int record_slot(Seal *p, const SealSlot *slot) {
  const char *operation = slot->operation[0] ? slot->operation
                          : !slot->act       ? "INSERT"
                          : slot->removed    ? "delete"
                                             : "update";
  const char *actor = slot->act ? "operator" : slot->val_server_text;
  char *object = seal_configuration_name(seal_text_from(slot->val_server_text),
                                         seal_text_from(slot->conf_id_text));
  char *detail = sqlite3_mprintf("{\"seal_service\":\"%s\",\"added\":%lld,\"removed\":%lld,"
                                 "\"changed\":%lld}",
                                 slot->seal_service, (long long)slot->added,
                                 (long long)slot->removed, (long long)slot->changed);
  int rc = object && detail ? SQLITE_OK : SQLITE_NOMEM;
  SealEvent event = {slot->at.t, actor, operation, object, "done", NULL, detail};
  if (rc == SQLITE_OK) {
    rc = seal_audit_traced(p, &event, slot->traceparent);
  }
  if (rc == SQLITE_OK) {
    rc = seal_change_write(p, slot->at.t, slot->seal_service, object, operation);
  }
  sqlite3_free(object);
  sqlite3_free(detail);
  return rc;
}

/* Counts what a slot gathered under its term: with the rows' usage, or, for an act, by itself; a message is counted by
** whoever brings it (row.c). A record that
** takes the place of another is used, and adds nothing. */
static int count(Seal *p, const SealSlot *slot) {
  SealTally used = tally(slot, slot->added), less = tally(slot, -slot->removed);
  SealTally more = tally(slot, slot->added - slot->removed);
  SealUse use = {
      .time = slot->at.t,
      .val_server = slot->val_server,
      .seal_service = slot->seal_service,
      .operation = "INSERT",
      .conf_id = slot->conf_id_text,
      .result = 201,
      .holds = 1,
  };
  int rc = slot->act || slot->operation[0] ? SQLITE_OK
                                           : seal_usage_rows(p, &use, &used, slot->val_service_id);
  if (rc == SQLITE_OK && slot->removed > 0) {
    rc = seal_store_run(seal_store(p), SQL_TERM_USE_ADD, "iii", less.term, less.identities,
                        less.key_records);
  }
  return rc == SQLITE_OK ? seal_hold_until(p, &more, slot->until, slot->val_server) : rc;
}

/* Writes what a slot gathered to the counters and the ledgers. */
static int write_one(Seal *p, SealSlot *slot) {
  SealTally more = tally(slot, slot->added - slot->removed);
  if (slot->added == 0 && slot->removed == 0 && slot->changed == 0) return SQLITE_OK;
  int rc = seal_store_run(seal_store(p), SQL_SERVICE_COUNT, "iiii", slot->service, more.identities,
                          more.key_records, slot->next);
  if (rc == SQLITE_OK) rc = record_slot(p, slot);
  if (rc == SQLITE_OK) rc = count(p, slot);
  if (rc == SQLITE_OK && more.identities + more.key_records != 0) {
    rc = seal_occupancy_change(p, slot->configuration, slot->service, slot->at.t);
  }
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_CONFIGURATION_TOUCH, "ii", slot->configuration,
                        slot->at.t);
  }
  if (rc == SQLITE_OK) {
    rc = seal_notify_level(p, slot->val_server, slot->term,
                           slot->records ? SEAL_LEVEL_KEY_RECORDS : SEAL_LEVEL_IDENTITIES,
                           &slot->level, slot->at.t);
  }
  slot->level.crossed = 0;
  slot->added = slot->removed = slot->changed = 0;
  return rc;
}

/* A fault stays until what could not be written is dropped. One that ended the transaction on its way, as an
** interrupt does, has dropped it already. */
static int keep_fault(SealSlots *slots, int drops, int rc) {
  if (slots->drops == drops) slots->fault = rc;
  return rc;
}

int seal_held_duty(Seal *p, SealDuty duty) {
  SealSlots *slots = seal_room_made(p, SEAL_ROOM_HELD);
  int rc = SQLITE_OK;
  if (slots == NULL) return SQLITE_OK;
  int drops = slots->drops;
  switch (duty) {
  case SEAL_WRITE_ROWS:
    rc = slots->fault;
    if (rc == SQLITE_OK) rc = seal_batch_write(p, slots->batch);
    return keep_fault(slots, drops, rc);
  case SEAL_WRITE_COUNTERS:
    rc = slots->fault;
    for (int i = 0; rc == SQLITE_OK && slots->dirty && i < slots->n; i++) {
      rc = write_one(p, &slots->slot[i]);
    }
    slots->dirty = 0;
    if (rc == SQLITE_OK && !slots->refused_wait) rc = seal_refused_write(p, slots);
    return keep_fault(slots, drops, rc);
  case SEAL_FORGET_SLOTS:
    forget_slots(slots);
    return SQLITE_OK;
  case SEAL_DROP:
    seal_batch_drop(slots->batch);
    slots->n_refused = 0;
    slots->fault = SQLITE_OK;
    slots->drops++;
    return SQLITE_OK;
  case SEAL_ASSERT_WRITTEN:
    assert(!slots->dirty && slots->n_refused == 0 && slots->fault == SQLITE_OK &&
           seal_batch_is_empty(slots->batch));
    return SQLITE_OK;
  default:
    return SQLITE_OK;
  }
}

int seal_slots_settle(Seal *p, SealSlots *slots) {
  slots->refused_wait = 1;
  int rc = seal_gate_first(p);
  slots->refused_wait = 0;
  return rc;
}

/* The same text, or none in both. */
static int same_text(SealText a, SealText b) {
  return a.p == NULL || b.p == NULL ? a.p == b.p : seal_text_same(a, b);
}

/* 1 if a row asks for what the slot stands for, and nothing has ended since. */
static int slot_serves(const SealSlot *slot, const SealRowAsk *ask) {
  return !slot->act && slot->seal_service == ask->seal_service && slot->exp_time == ask->exp_time &&
         slot->at.by_host == ask->at.by_host && (ask->at.by_host || slot->at.t == ask->at.t) &&
         same_text(slot->val_service_id, ask->val_service_id) &&
         same_text(slot->conf_id, ask->conf_id) &&
         same_text(slot->val_server_id, ask->val_server_id) && ask->credential.p != NULL &&
         seal_same(slot->credential, (size_t)slot->n_credential, ask->credential.p,
                   (size_t)ask->credential.n) &&
         ask->at.t < slot->valid_until;
}

SealSlot *seal_slot_find(SealSlots *slots, const SealRowAsk *ask) {
  if (slots->last < slots->n && slot_serves(&slots->slot[slots->last], ask)) {
    return &slots->slot[slots->last];
  }
  for (int i = 0; i < slots->n; i++) {
    if (!slot_serves(&slots->slot[i], ask)) continue;
    slots->last = i;
    return &slots->slot[i];
  }
  return NULL;
}

static int copy_text(SealText *out, SealText from) {
  *out = (SealText){NULL, from.n};
  if (from.p == NULL) return SQLITE_OK;
  char *copy = sqlite3_malloc(from.n + 1);
  if (copy == NULL) return SQLITE_NOMEM;
  memcpy(copy, from.p, (size_t)from.n);
  copy[from.n] = 0;
  out->p = copy;
  return SQLITE_OK;
}

int seal_slot_new(Seal *p, const SealRowAsk *ask, SealSlot **out) {
  SealSlots *slots = seal_slots(p);
  if (slots == NULL) return SQLITE_NOMEM;
  /* A row that is the first of its kind finds nothing waiting: all of them may go. */
  if (slots->n == SEAL_SLOTS) {
    assert(!slots->dirty);
    forget_slots(slots);
  }
  SealSlot *slot = &slots->slot[slots->n];
  slot->seal_service = ask->seal_service;
  slot->exp_time = ask->exp_time;
  slot->at = ask->at;
  SealText credential;
  int rc = copy_text(&credential, ask->credential);
  slot->credential = (char *)credential.p;
  slot->n_credential = credential.n;
  if (rc == SQLITE_OK) rc = copy_text(&slot->val_server_id, ask->val_server_id);
  if (rc == SQLITE_OK) rc = copy_text(&slot->val_service_id, ask->val_service_id);
  if (rc == SQLITE_OK) rc = copy_text(&slot->conf_id, ask->conf_id);
  if (rc != SQLITE_OK) {
    slot_clear(slot);
    return rc;
  }
  slots->last = slots->n++;
  *out = slot;
  return SQLITE_OK;
}
