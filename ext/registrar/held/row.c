/* Rows (held.h): one INSERT into seal_identity, seal_key or seal_key_record, and a million of them.
**
** The first row of a transaction for a credential, VAL service and end pays for everything: the credential,
** the SLA, the configuration. What was found out is kept as a slot; a later row that asks for the same costs
** one insert:
**
**    row --> same as a slot? --yes--> quota left? --> insert, count in the slot
**              |no
**              +--> authenticate, configuration, authorize, consume, make what is missing --> new slot
**
** A row without a conf_id lies in the VAL server's standing configuration for its end: that of the term which
** grants it, made at first use. A row in a VAL service that another term covers by now brings that VAL service
** under this term with it: the grant's term is the one that counts.
*/
#include "registrar/held/held_int.h"

#include <assert.h>
#include <string.h>

/* Who asks, and whether that is the VAL server that the row names. */
static int authenticate_row(Seal *p, const SealRowAsk *ask, SealRequester *who, SealError *err) {
  SealCredential credential;
  json_t *json = NULL;
  if (ask->act != NULL) {
    *who = *ask->act->who;
    return SQLITE_OK;
  }
  int rc = seal_credential_read(ask->credential, &credential, &json, err);
  if (rc == SQLITE_OK) rc = seal_authenticate(p, &credential, ask->at, SEAL_WHO_VAL, who, err);
  json_decref(json);
  if (rc == SQLITE_OK && ask->requester != NULL) {
    memcpy(ask->requester, who->val_server_id, sizeof who->val_server_id);
  }
  if (rc == SQLITE_OK) rc = seal_scope_check(who, ask->seal_service, ask->record != NULL, err);
  if (rc != SQLITE_OK || ask->val_server_id.p == NULL) return rc;
  if (seal_text_is(ask->val_server_id, who->val_server_id)) return SQLITE_OK;
  return seal_refuse(err, SEAL_REQUESTER_MISMATCH,
                     "val_server_id is not the VAL server that the credential proves");
}

/* Where a row goes, found out step by step. */
typedef struct Place {
  SealRequester who;
  SealGrant grant;
  int64_t exp_time, until;
  int64_t until_before; /* of a configuration that the row's term ends earlier; else `until` */
  int64_t configuration, service;
  SealTally held; /* what the VAL service holds, and under which term */
  int64_t next;
  int adds; /* 0: the row is there, and takes its own place */
  char conf_id[SEAL_ID_MAX + 1];
  char key_format[SEAL_ID_MAX + 1]; /* of a record that came without one: the term's only one */
} Place;

static int check_exp_time(const SealRowAsk *ask, SealError *err) {
  if (ask->exp_time > ask->at.t) return SQLITE_OK;
  return seal_refuse(err, SEAL_OPTIONAL_IE_INCORRECT, "exp_time is not in the future");
}

/* The configuration that the row names: its own, of this SEAL service, valid; its end is the row's. */
static int find_named(Seal *p, const SealRowAsk *ask, Place *place, SealError *err) {
  SealHead head;
  int rc = seal_configuration_find(p, place->who.val_server, ask->seal_service, ask->conf_id,
                                   ask->at.t, &place->configuration, err);
  if (rc == SQLITE_OK) rc = seal_head_load(p, place->configuration, &head);
  if (rc != SQLITE_OK) return rc;
  place->exp_time = head.exp_time;
  place->until = head.until;
  memcpy(place->conf_id, head.conf_id, sizeof place->conf_id);
  if (ask->exp_time == SEAL_UNBOUNDED || ask->exp_time == head.exp_time) return SQLITE_OK;
  return seal_refuse(err, SEAL_OPTIONAL_IE_INCORRECT, "exp_time is not that of the configuration");
}

/* The VAL service in the configuration: place->service stays 0 if it is not there yet. */
static int find_service(Seal *p, const SealRowAsk *ask, Place *place) {
  if (place->configuration == 0) return SQLITE_OK;
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_SERVICE_FIND, &row, "is", place->configuration,
                          &ask->val_service_id);
  if (rc == SQLITE_ROW) {
    place->service = sqlite3_column_int64(row, SERVICE_FIND_ID);
    place->next = sqlite3_column_int64(row, SERVICE_FIND_NEXT);
    place->held = (SealTally){sqlite3_column_int64(row, SERVICE_FIND_TERM),
                              sqlite3_column_int64(row, SERVICE_FIND_IDENTITIES),
                              sqlite3_column_int64(row, SERVICE_FIND_KEY_RECORDS)};
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The standing configuration for the row's end under the term that grants it, if there is one. */
static int find_standing(Seal *p, const SealRowAsk *ask, Place *place) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_CONFIGURATION_STANDING, &row, "iitui",
                          place->who.val_server, place->grant.term, ask->seal_service,
                          ask->exp_time, place->until);
  if (rc == SQLITE_ROW) {
    SealText conf_id = seal_column_text(row, CONFIGURATION_STANDING_CONF_ID);
    place->configuration = sqlite3_column_int64(row, CONFIGURATION_STANDING_ID);
    sqlite3_snprintf(sizeof place->conf_id, place->conf_id, "%.*s", conf_id.n,
                     conf_id.p ? conf_id.p : "");
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Judges the row by what its VAL service will hold with it. */
static int authorize_row(Seal *p, const SealRowAsk *ask, Place *place, SealError *err) {
  SealInvocation back;
  memset(&back, 0, sizeof back);
  SealAsk what = {
      .val_server = place->who.val_server,
      .seal_service = ask->seal_service,
      .val_service_id = ask->val_service_id,
      .at = ask->at.t,
      .exp_time = place->exp_time,
      .identities = place->held.identities + (ask->id.n > 0 && place->adds),
      .key_records = place->held.key_records + (ask->record != NULL && place->adds),
      .key_format = ask->key_format,
      .scope = ask->scope,
      .only_format = ask->record ? place->key_format : NULL,
      .tally = &back,
      .invocation = ask->act ? SEAL_BY_MESSAGE : SEAL_BY_ROWS,
      .touched = ask->act ? ask->act->touched : NULL,
  };
  int rc = SQLITE_OK;
  if (place->held.term != 0) {
    rc = seal_invocation_note(&back, place->held.term, -place->held.identities,
                              -place->held.key_records);
  }
  if (rc == SQLITE_OK) rc = seal_authorize(p, &what, &place->grant, err);
  seal_invocation_clear(&back);
  place->until_before = place->until;
  if (rc == SQLITE_OK && place->grant.until < place->until) place->until = place->grant.until;
  return rc;
}

/* Finds out where the row goes, and whether it may. Writes nothing. */
static int judge_row(Seal *p, const SealRowAsk *ask, Place *place, SealError *err) {
  place->exp_time = ask->exp_time;
  place->until = SEAL_UNBOUNDED;
  int named = ask->conf_id.p != NULL;
  int rc = check_exp_time(ask, err);
  if (rc == SQLITE_OK) rc = authenticate_row(p, ask, &place->who, err);
  if (rc == SQLITE_OK && named) rc = find_named(p, ask, place, err);
  if (rc == SQLITE_OK && named) rc = find_service(p, ask, place);
  if (rc == SQLITE_OK) rc = authorize_row(p, ask, place, err);
  if (rc != SQLITE_OK || named) return rc;
  place->until_before = place->until;
  rc = find_standing(p, ask, place);
  if (rc == SQLITE_OK) rc = find_service(p, ask, place);
  if (rc != SQLITE_OK || place->service == 0) return rc;
  if (place->held.term != place->grant.term) return authorize_row(p, ask, place, err);
  /* It stands under the very term that was judged: what it holds was counted there, and is not twice. */
  if (place->grant.identities != SEAL_UNBOUNDED) place->grant.identities += place->held.identities;
  return SQLITE_OK;
}

/* Makes the standing configuration. */
static int make_standing(Seal *p, const SealRowAsk *ask, Place *place) {
  assert(place->configuration == 0);
  SealText texts[] = {
      seal_text_from("standing"),
      seal_text_from(place->who.val_server_id),
      seal_text_from(ask->seal_service),
  };
  SealConfiguration conf = {.conf_id = place->conf_id,
                            .derived = place->conf_id,
                            .seal_service = ask->seal_service,
                            .exp_time = place->exp_time};
  int rc = seal_conf_id(p, place->conf_id, 3, texts);
  if (rc != SQLITE_OK) return rc;
  return seal_configuration_make(p, &conf, place->who.val_server, place->until, place->grant.term,
                                 ask->at.t, &place->configuration);
}

/* A configuration that asked for no end gets the one that max_validity gives its rows. What slots know of its
** end is forgotten; the row is the first of its kind, so that none has anything to write. */
static int shorten(Seal *p, const SealRowAsk *ask, const Place *place) {
  assert(place->configuration != 0 && place->until < place->until_before);
  int rc = seal_configuration_move(p, place->configuration, place->who.val_server,
                                   place->until_before, place->until);
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_CONFIGURATION_SHORTEN, "ii", place->configuration,
                        place->until);
  }
  seal_slots_forget(p);
  return rc == SQLITE_OK ? seal_occupancy_change(p, place->configuration, 0, ask->at.t) : rc;
}

/* Makes what is missing: the configuration, the VAL service in it, its place under the grant's term. */
static int make_place(Seal *p, const SealRowAsk *ask, Place *place) {
  int rc = SQLITE_OK;
  if (place->configuration != 0 && place->until < place->until_before) {
    rc = shorten(p, ask, place);
  } else if (place->configuration == 0) {
    rc = make_standing(p, ask, place);
  }
  if (rc != SQLITE_OK) return rc;
  if (place->service != 0) {
    if (place->held.term == place->grant.term) return SQLITE_OK;
    rc = seal_service_move(p, place->service, &place->held, place->grant.term, place->until,
                           place->who.val_server);
    seal_slots_forget(p);
    if (rc == SQLITE_OK) {
      rc = seal_occupancy_change(p, place->configuration, place->service, ask->at.t);
    }
    return rc == SQLITE_OK ? seal_occupancy_terms(p, place->configuration, ask->at.t) : rc;
  }
  SealService service = {.val_service_id = ask->val_service_id,
                         .key_format = ask->key_format,
                         .scope = ask->scope,
                         .grant = place->grant};
  rc = seal_service_make(p, place->configuration, &service, (SealCount){0, 0, 0}, &place->service);
  if (rc != SQLITE_OK || ask->conf_id.p == NULL) return rc;
  return seal_occupancy_term(p, place->configuration, place->grant.term, 1, ask->at.t);
}

/* What is held under the slot's term goes from `before` to `after`. */
static void raise_level(SealSlot *slot, int64_t before, int64_t after) {
  slot->level.crossed |= seal_level_crossed(slot->level.limit, before, after);
  slot->level.held = after;
}

static int fill_slot(Seal *p, const SealRowAsk *ask, const Place *place, SealSlot **out) {
  int rc = seal_slot_new(p, ask, out);
  if (rc != SQLITE_OK) return rc;
  SealSlots *slots = seal_slots(p);
  SealSlot *slot = *out;
  slot->configuration = place->configuration;
  slot->service = place->service;
  slot->term = place->grant.term;
  slot->until = place->until;
  slot->val_server = place->who.val_server;
  slot->valid_until =
      place->who.until < place->grant.valid_until ? place->who.until : place->grant.valid_until;
  slot->left = place->grant.identities;
  if (slot->left != SEAL_UNBOUNDED) slot->left -= place->held.identities;
  slot->next = place->next;
  if (ask->act != NULL) {
    sqlite3_snprintf(sizeof slot->operation, slot->operation, "%s", ask->act->operation);
    sqlite3_snprintf(sizeof slot->traceparent, slot->traceparent, "%s", place->who.traceparent);
  }
  slot->level = ask->record != NULL ? place->grant.record_level : place->grant.identity_level;
  slot->level.crossed = 0;
  if (place->held.term != 0 && place->held.term != place->grant.term) {
    int64_t moved = ask->record != NULL ? place->held.key_records : place->held.identities;
    raise_level(slot, slot->level.held, slot->level.held + moved);
  }
  slot->seen.sure = place->next == 0;
  /* A slot that there is for the same service does not see what goes through this one. */
  for (int i = 0; i < slots->n - 1; i++) {
    if (slots->slot[i].service == slot->service) slots->slot[i].seen.sure = 0;
  }
  memcpy(slot->conf_id_text, place->conf_id, sizeof slot->conf_id_text);
  memcpy(slot->val_server_text, place->who.val_server_id, sizeof slot->val_server_text);
  return SQLITE_OK;
}

/* The row of the identity in the service, stored or waiting; *there is 0 if it has none. */
static int id_exists(Seal *p, int64_t service, const SealId *id, int64_t *there) {
  int rc = seal_batch_write(p, seal_slots(p)->batch);
  *there = 0;
  return rc == SQLITE_OK ? seal_identity_row(p, service, id, there) : rc;
}

/* What is there is told to nobody whose token was used before: that is the refusal then. */
static int may_know(Seal *p, const SealRowAsk *ask, const Place *place, SealError *err) {
  if (ask->on_conflict == SQLITE_REPLACE) return SQLITE_OK;
  return seal_use_check(p, &place->who, SEAL_USE_ROWS, err);
}

/* What is there already stays as row `there`: it is replaced by itself, or a UNIQUE failure. */
static int already_there(const SealRowAsk *ask, int64_t there, int64_t *rowid) {
  if (ask->on_conflict != SQLITE_REPLACE) return SQLITE_CONSTRAINT_UNIQUE;
  *rowid = there;
  return SQLITE_OK;
}

/* Takes one more identity from every slot of the term, and a place from every slot of the service: rows
** that ask in another way, with another token say, come to the same one. */
static void take_one(SealSlots *slots, const SealSlot *slot) {
  for (int i = 0; i < slots->n; i++) {
    SealSlot *other = &slots->slot[i];
    if (other->service == slot->service) other->next = slot->next;
    if (other->term == slot->term && other->left != SEAL_UNBOUNDED) other->left--;
  }
}

/* What other slots of the VAL server crossed of the same limit is told with this one, in its order. */
static void gather_levels(SealSlots *slots, SealSlot *slot) {
  for (int i = 0; i < slots->n; i++) {
    SealSlot *other = &slots->slot[i];
    if (other == slot || other->term != slot->term || other->val_server != slot->val_server)
      continue;
    slot->level.crossed |= other->level.crossed;
    other->level.crossed = 0;
  }
}

static int insert_id(Seal *p, SealSlots *slots, SealSlot *slot, const SealRowAsk *ask,
                     int64_t *rowid) {
  if (slot->next >= SEAL_ROWS_MAX) return SQLITE_FULL;
  *rowid = (slot->service << SEAL_ROW_BITS) + slot->next;
  int rc = seal_batch_insert(p, slots->batch, &slot->seen, *rowid, slot->service, &ask->id);
  if ((rc & 0xff) == SQLITE_CONSTRAINT) {
    int64_t there;
    rc = id_exists(p, slot->service, &ask->id, &there);
    return rc == SQLITE_OK ? already_there(ask, there, rowid) : rc;
  }
  if (rc != SQLITE_OK) return rc;
  slot->next++;
  slot->added++;
  slots->dirty = 1;
  if (slot->left != SEAL_UNBOUNDED) {
    int64_t held = slot->level.limit - slot->left;
    raise_level(slot, held, held + 1);
    if (slot->level.crossed) gather_levels(slots, slot);
  }
  take_one(slots, slot);
  return SQLITE_OK;
}

/* The row of the service's record for the id; *there is 0 if it has none. */
static int record_exists(Seal *p, int64_t service, const SealRecord *record, int64_t *there) {
  sqlite3_stmt *row;
  int rc =
      seal_store_row(seal_store(p), SQL_RECORD_THERE, &row, "issss", service, &record->val_user_id,
                     &record->val_ue_id, &record->client_id, &record->payload_id);
  *there = rc == SQLITE_ROW ? sqlite3_column_int64(row, RECORD_THERE_ID) : 0;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Stores a record, in the place of the one that it replaces. */
static int insert_record(Seal *p, SealSlots *slots, SealSlot *slot, const SealRowAsk *ask,
                         int64_t replaced, int64_t *rowid, SealError *err) {
  int rc = SQLITE_OK;
  if (replaced != 0) rc = seal_store_run(seal_store(p), SQL_RECORD_DELETE, "i", replaced);
  SealRecordPlace place = {
      .val_server_id = seal_text_from(slot->val_server_text),
      .conf_id = seal_text_from(slot->conf_id_text),
      .val_service_id = slot->val_service_id,
  };
  if (rc == SQLITE_OK) {
    rc = seal_record_store(p, slot->service, slot->next, &place, ask->record, rowid, err);
  }
  if (rc != SQLITE_OK) return rc;
  slot->records = 1;
  slot->next++;
  slot->added++;
  slot->removed += replaced != 0;
  raise_level(slot, slot->level.held, slot->level.held + (replaced == 0));
  slots->dirty = 1;
  return SQLITE_OK;
}

/* What is there of the row already, in a VAL service that is there: its row in *there if it can't be inserted,
** that of the key record that it takes the place of in *replaced. */
static int look(Seal *p, const SealRowAsk *ask, const Place *place, int64_t *replaced,
                int64_t *there) {
  int rc = SQLITE_OK;
  *there = 0;
  *replaced = 0;
  if (place->service == 0) return SQLITE_OK;
  if (ask->id.n > 0) return id_exists(p, place->service, &ask->id, there);
  if (ask->record != NULL) rc = record_exists(p, place->service, ask->record, replaced);
  if (ask->on_conflict == SQLITE_REPLACE) return rc;
  *there = ask->record == NULL ? place->service : *replaced;
  return rc;
}

/* Judges the row, and looks what is there of it. What replaces itself needs no more than there is: OR REPLACE is
** judged so first. */
static int judge_and_look(Seal *p, const SealRowAsk *ask, Place *place, int64_t *replaced,
                          int64_t *there, SealError *err) {
  place->adds = ask->on_conflict != SQLITE_REPLACE;
  int rc = judge_row(p, ask, place, err);
  if (rc == SQLITE_OK) rc = look(p, ask, place, replaced, there);
  if (rc != SQLITE_OK || place->adds || *there != 0 || *replaced != 0) return rc;
  memset(place, 0, sizeof *place);
  place->adds = 1;
  return judge_row(p, ask, place, err);
}

/* Stores the first row of its kind in the place that was found and judged. */
static int insert_judged(Seal *p, const SealRowAsk *ask, Place *place, int64_t replaced,
                         int64_t *rowid, SealError *err) {
  SealSlots *slots = seal_slots(p);
  SealSlot *slot = NULL;
  int made = place->service == 0;
  int rc = make_place(p, ask, place);
  if (rc == SQLITE_OK) rc = fill_slot(p, ask, place, &slot);
  if (rc != SQLITE_OK) return rc;
  if (ask->id.n > 0) return insert_id(p, slots, slot, ask, rowid);
  if (ask->record != NULL) return insert_record(p, slots, slot, ask, replaced, rowid, err);
  *rowid = place->service;
  if (!made) {
    rc = seal_store_run(seal_store(p), SQL_SERVICE_UPDATE_KEY, "iss", place->service,
                        &ask->key_format, &ask->scope);
  }
  slot->added++;
  slots->dirty = 1;
  return rc;
}

/* The first row of its kind in this transaction. */
static int insert_first(Seal *p, const SealRowAsk *given, int64_t *rowid, SealError *err) {
  SealSlots *slots = seal_slots(p);
  SealRowAsk ask = *given;
  SealRecord record;
  Place place;
  memset(&place, 0, sizeof place);
  int64_t there = 0, replaced = 0;
  int rc = slots ? seal_slots_settle(p, slots) : SQLITE_NOMEM;
  if (rc == SQLITE_OK && ask.record != NULL) rc = seal_key_current(p, err);
  if (rc == SQLITE_OK) rc = judge_and_look(p, &ask, &place, &replaced, &there, err);
  if (rc == SQLITE_OK && there != 0) {
    rc = may_know(p, &ask, &place, err);
    return rc == SQLITE_OK ? already_there(&ask, there, rowid) : rc;
  }
  if (rc == SQLITE_OK && place.key_format[0]) {
    record = *ask.record;
    ask.key_format = record.key_format = seal_text_from(place.key_format);
    ask.record = &record;
  }
  if (rc == SQLITE_OK) {
    rc = seal_consume(p, &place.who, ask.act ? ask.act->use : SEAL_USE_ROWS, err);
  }
  return rc == SQLITE_OK ? insert_judged(p, &ask, &place, replaced, rowid, err) : rc;
}

int seal_row_insert(Seal *p, const SealRowAsk *ask, int64_t *rowid, SealError *err) {
  SealSlots *slots = seal_slots(p);
  if (slots == NULL) return SQLITE_NOMEM;
  SealSlot *slot = ask->id.n > 0 ? seal_slot_find(slots, ask) : NULL;
  if (slot == NULL) return insert_first(p, ask, rowid, err);
  int64_t there;
  int rc = seal_slot_go_on(p, slot, ask->at);
  if (rc != SQLITE_OK) return rc;
  if (slot->left > 0) return insert_id(p, slots, slot, ask, rowid);
  rc = id_exists(p, slot->service, &ask->id, &there);
  if (rc != SQLITE_OK) return rc;
  return there != 0 ? already_there(ask, there, rowid) : insert_first(p, ask, rowid, err);
}

int seal_record_put(Seal *p, const SealAct *act, SealText val_service_id, const SealRecord *record,
                    char conf_id[SEAL_ID_MAX + 1], SealError *err) {
  int64_t rowid;
  SealRowAsk ask = {
      .seal_service = SEAL_KM,
      .val_service_id = val_service_id,
      .record = record,
      .exp_time = SEAL_UNBOUNDED,
      .at = {act->at, 0},
      .act = act,
      .on_conflict = SQLITE_REPLACE,
  };
  assert(act->touched != NULL);
  int rc = insert_first(p, &ask, &rowid, err);
  if (rc != SQLITE_OK) return rc;
  SealSlots *slots = seal_slots(p);
  int64_t term = slots->slot[slots->last].term;
  memcpy(conf_id, slots->slot[slots->last].conf_id_text, SEAL_ID_MAX + 1);
  SealUse use = {
      .time = act->at,
      .val_server = act->who->val_server,
      .seal_service = SEAL_KM,
      .operation = act->operation,
      .conf_id = conf_id,
      .result = 200,
      .holds = 1,
      .api = SEAL_API_KEY_PROVISIONING,
      .names = &act->touched->names,
  };
  rc = seal_slots_settle(p, slots);
  if (rc == SQLITE_OK) seal_slots_forget(p);
  /* What was judged counted what the VAL service holds as well: the message brings one. */
  seal_invocation_clear(act->touched);
  if (rc == SQLITE_OK) rc = seal_invocation_of_service(act->touched, term, val_service_id, 0, 1);
  return rc == SQLITE_OK ? seal_usage_write(p, &use, act->touched->terms, act->touched->n) : rc;
}

/* The entries that a new, empty configuration leaves: an invocation of the term that grants it. */
static int record_configuration(Seal *p, const SealRowAsk *ask, const Place *place) {
  SealUse use = {
      .time = ask->at.t,
      .val_server = place->who.val_server,
      .seal_service = ask->seal_service,
      .operation = "INSERT",
      .conf_id = place->conf_id,
      .result = 201,
  };
  SealTally unit = {place->grant.term, 0, 0};
  char *object = seal_configuration_name(seal_text_from(place->who.val_server_id),
                                         seal_text_from(place->conf_id));
  SealEvent event = {ask->at.t, place->who.val_server_id, "INSERT", object, "done", NULL, NULL};
  int rc = object ? seal_audit_write(p, &event) : SQLITE_NOMEM;
  if (rc == SQLITE_OK) rc = seal_change_write(p, ask->at.t, ask->seal_service, object, "INSERT");
  if (rc == SQLITE_OK) rc = seal_usage_rows(p, &use, &unit, (SealText){NULL, 0});
  sqlite3_free(object);
  return rc;
}

/* Judges a configuration without VAL services. */
static int authorize_empty(Seal *p, const SealRowAsk *ask, Place *place, SealError *err) {
  SealAsk what = {
      .val_server = place->who.val_server,
      .seal_service = ask->seal_service,
      .at = ask->at.t,
      .exp_time = SEAL_UNBOUNDED,
      .invocation = SEAL_BY_ROWS,
  };
  return seal_authorize(p, &what, &place->grant, err);
}

int seal_row_configuration(Seal *p, const SealRowAsk *ask, SealText supp_feat, int64_t *rowid,
                           SealError *err) {
  Place place;
  memset(&place, 0, sizeof place);
  int64_t found = 0;
  int rc = check_exp_time(ask, err);
  if (rc == SQLITE_OK) rc = authenticate_row(p, ask, &place.who, err);
  if (rc == SQLITE_OK) rc = authorize_empty(p, ask, &place, err);
  if (rc != SQLITE_OK) return rc;
  if (ask->conf_id.p != NULL) {
    sqlite3_snprintf(sizeof place.conf_id, place.conf_id, "%.*s", ask->conf_id.n, ask->conf_id.p);
    rc = seal_configuration_by_name(p, place.who.val_server, ask->conf_id, &found);
  } else {
    SealText texts[] = {seal_text_from("row"), seal_text_from(place.who.val_server_id),
                        seal_text_from(ask->seal_service)};
    rc = seal_conf_id(p, place.conf_id, 3, texts);
  }
  if (rc == SQLITE_OK && found != 0) {
    rc = may_know(p, ask, &place, err);
    return rc == SQLITE_OK ? SQLITE_CONSTRAINT_UNIQUE : rc;
  }
  if (rc == SQLITE_OK) rc = seal_consume(p, &place.who, SEAL_USE_ROWS, err);
  if (rc == SQLITE_OK) {
    SealConfiguration conf = {.conf_id = place.conf_id,
                              .derived = ask->conf_id.p == NULL ? place.conf_id : NULL,
                              .seal_service = ask->seal_service,
                              .exp_time = ask->exp_time,
                              .supp_feat = supp_feat};
    rc =
        seal_configuration_make(p, &conf, place.who.val_server, ask->exp_time, 0, ask->at.t, rowid);
    /* A name that was given may have been another's of the same VAL server before. */
    if (rc == SQLITE_OK && ask->conf_id.p != NULL) rc = seal_occupancy_terms(p, *rowid, ask->at.t);
  }
  return rc == SQLITE_OK ? record_configuration(p, ask, &place) : rc;
}
