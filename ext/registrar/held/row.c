/* Rows (registrar.h): one INSERT into seal_identity or seal_key, and a million of them.
**
** The first row of a transaction for a credential, VAL service and end pays for everything: the
** credential, the SLA, the configuration. What was found out is kept as a slot; a later row that asks
** for the same costs one insert:
**
**    row --> same as a slot? --yes--> quota left? --> insert, count in the slot
**              |no
**              +--> seal_settle, authenticate, authorize, consume, configuration --> new slot
**
** Slots' counts reach counters and ledgers in seal_flush: before a savepoint, before a commit, before
** anything else looks. A rolled back savepoint throws away what is in memory only.
*/
#include "registrar/internal.h"

#include <assert.h>
#include <string.h>

#define SLOTS                                                                                      \
  64 /* different (credential, VAL service, end) that one transaction may mix at speed */

typedef struct Slot {
  /* What a row must ask for to belong here. */
  const char *seal_service;
  char *credential;
  int n_credential;
  SealText val_server_id, val_service_id, conf_id; /* as asked for; copies */
  int64_t exp_time, asked_at;
  /* What was found out. */
  int64_t configuration, service, term, until, val_server, at;
  int64_t
      asked_term; /* the term that was judged; `term` is the one that the service counts under */
  int64_t valid_until; /* of credential and grant: from here on, ask again */
  int64_t left;        /* identities that the term still allows, SEAL_UNBOUNDED: any number */
  int64_t next;        /* the next row's place */
  SealSeen seen;       /* the rows so far */
  char conf_id_text[SEAL_ID_MAX + 1];
  char val_server_text[SEAL_ID_MAX + 1];
  /* What has to be written. */
  int64_t added, removed, changed;
  int records;       /* the rows are key records */
  const char *actor; /* "operator" for what the operator takes away, else NULL */
} Slot;

struct SealPending {
  Slot slots[SLOTS];
  int n;
  int dirty; /* a slot has something to write */
  int last;  /* the slot of the last row: mostly the next one's too */
};

SealPending *seal_pending_new(void) {
  SealPending *pending = sqlite3_malloc(sizeof *pending);
  if (pending != NULL) memset(pending, 0, sizeof *pending);
  return pending;
}

static void free_copy(SealText *text) {
  sqlite3_free((char *)text->p);
  text->p = NULL;
}

static void slot_clear(Slot *slot) {
  if (slot->credential != NULL) seal_wipe(slot->credential, (size_t)slot->n_credential);
  sqlite3_free(slot->credential);
  free_copy(&slot->val_server_id);
  free_copy(&slot->val_service_id);
  free_copy(&slot->conf_id);
  seal_seen_clear(&slot->seen);
  memset(slot, 0, sizeof *slot);
}

void seal_pending_drop(SealPending *pending) {
  for (int i = 0; i < pending->n; i++) slot_clear(&pending->slots[i]);
  pending->n = pending->last = pending->dirty = 0;
}

void seal_pending_free(SealPending *pending) {
  if (pending == NULL) return;
  seal_pending_drop(pending);
  sqlite3_free(pending);
}

/* Writes the ledgers' entries for what a slot gathered. */
static int slot_record(Seal *p, const Slot *slot) {
  const char *operation = slot->actor == NULL ? "INSERT" : slot->removed ? "delete" : "update";
  char *object = sqlite3_mprintf("seal_configuration:%s", slot->conf_id_text);
  char *detail = sqlite3_mprintf("{\"seal_service\":\"%s\",\"added\":%lld,\"removed\":%lld,"
                                 "\"changed\":%lld}",
                                 slot->seal_service, (long long)slot->added,
                                 (long long)slot->removed, (long long)slot->changed);
  int rc = object && detail ? SQLITE_OK : SQLITE_NOMEM;
  SealEvent event = {
      slot->at, slot->actor ? slot->actor : slot->val_server_text, operation, object, "done", NULL,
      detail};
  if (rc == SQLITE_OK) rc = seal_audit_write(p, &event);
  if (rc == SQLITE_OK) rc = seal_change_write(p, slot->at, slot->seal_service, object, operation);
  if (rc == SQLITE_OK && slot->actor == NULL) {
    rc = seal_usage_rows(p, slot->at, slot->val_server, slot->seal_service, slot->conf_id_text,
                         slot->asked_term,
                         strcmp(slot->seal_service, SEAL_IDM) == 0 ? slot->added : 0,
                         slot->records ? slot->added : 0);
  }
  sqlite3_free(object);
  sqlite3_free(detail);
  return rc;
}

static int slot_flush(Seal *p, Slot *slot) {
  int64_t change = slot->added - slot->removed;
  int64_t identities = strcmp(slot->seal_service, SEAL_IDM) == 0 ? change : 0;
  int64_t records = slot->records ? change : 0;
  if (slot->added == 0 && slot->removed == 0 && slot->changed == 0) return SQLITE_OK;
  int rc = seal_store_run(&p->store, SQL_SERVICE_COUNT, "iiii", slot->service, identities, records,
                          slot->next);
  if (rc == SQLITE_OK)
    rc = seal_hold(p, slot->term, slot->until, slot->val_server, identities, records);
  if (rc == SQLITE_OK && identities + records != 0) {
    rc = seal_occupancy_change(p, slot->configuration, slot->service, slot->at);
  }
  if (rc == SQLITE_OK) {
    rc = seal_store_run(&p->store, SQL_CONFIGURATION_TOUCH, "ii", slot->configuration, slot->at);
  }
  if (rc == SQLITE_OK) rc = slot_record(p, slot);
  slot->added = slot->removed = slot->changed = 0;
  return rc;
}

int seal_flush(Seal *p) {
  SealPending *pending = p->pending;
  int rc = seal_batch_flush(p);
  if (rc != SQLITE_OK || !pending->dirty) return rc;
  /* The host's last_insert_rowid() is the row that it inserted, not one of ours. */
  sqlite3_int64 rowid = sqlite3_last_insert_rowid(p->store.db);
  p->busy++;
  for (int i = 0; rc == SQLITE_OK && i < pending->n; i++) rc = slot_flush(p, &pending->slots[i]);
  p->busy--;
  pending->dirty = 0;
  sqlite3_set_last_insert_rowid(p->store.db, rowid);
  return rc;
}

int seal_settle(Seal *p) {
  int rc = seal_flush(p);
  seal_pending_drop(p->pending);
  return rc;
}

static int same_text(SealText a, SealText b) {
  if (a.p == NULL || b.p == NULL) return a.p == b.p;
  return a.n == b.n && memcmp(a.p, b.p, (size_t)a.n) == 0;
}

/* 1 if a row asks for what the slot stands for, and nothing has ended since. */
static int slot_serves(const Slot *slot, const SealRowAsk *ask, int64_t now) {
  return slot->actor == NULL && slot->seal_service == ask->seal_service &&
         slot->exp_time == ask->exp_time && slot->asked_at == ask->at &&
         same_text(slot->val_service_id, ask->val_service_id) &&
         same_text(slot->conf_id, ask->conf_id) &&
         same_text(slot->val_server_id, ask->val_server_id) &&
         slot->n_credential == ask->credential.n && ask->credential.p != NULL &&
         seal_same(slot->credential, ask->credential.p, (size_t)ask->credential.n) &&
         now < slot->valid_until;
}

static Slot *slot_find(SealPending *pending, const SealRowAsk *ask, int64_t now) {
  if (pending->last < pending->n && slot_serves(&pending->slots[pending->last], ask, now)) {
    return &pending->slots[pending->last];
  }
  for (int i = 0; i < pending->n; i++) {
    if (!slot_serves(&pending->slots[i], ask, now)) continue;
    pending->last = i;
    return &pending->slots[i];
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

/* Gives a free slot that stands for what the row asks for. */
static int slot_new(Seal *p, const SealRowAsk *ask, Slot **out) {
  SealPending *pending = p->pending;
  if (pending->n == SLOTS) {
    int rc = seal_settle(p);
    if (rc != SQLITE_OK) return rc;
  }
  Slot *slot = &pending->slots[pending->n];
  slot->seal_service = ask->seal_service;
  slot->exp_time = ask->exp_time;
  slot->asked_at = ask->at;
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
  pending->last = pending->n++;
  *out = slot;
  return SQLITE_OK;
}

/* Who asks, and whether that is the VAL server that the row names. */
static int row_authenticate(Seal *p, const SealRowAsk *ask, SealRequester *who, SealError *err) {
  SealCredential credential;
  json_t *json = NULL;
  int rc = seal_credential_read(ask->credential, &credential, &json, err);
  if (rc == SQLITE_OK) rc = seal_authenticate(p, &credential, ask->at, who, err);
  json_decref(json);
  if (rc == SQLITE_OK) rc = seal_scope_check(who, ask->seal_service, ask->record != NULL, err);
  if (rc != SQLITE_OK || ask->val_server_id.p == NULL) return rc;
  if ((size_t)ask->val_server_id.n == strlen(who->val_server_id) &&
      memcmp(ask->val_server_id.p, who->val_server_id, strlen(who->val_server_id)) == 0) {
    return SQLITE_OK;
  }
  return seal_refuse(err, SEAL_REQUESTER_MISMATCH,
                     "val_server_id is not the VAL server that the credential proves");
}

/* The conf_id of the VAL server's standing configuration for an end, and a term: rows under another
** term stand apart, so that the end of the one does not end the other. */
static int standing_conf_id(Seal *p, const SealRequester *who, const char *seal_service,
                            int64_t exp_time, int64_t until, int64_t term,
                            char out[SEAL_ID_MAX + 1]) {
  char ends[3][24];
  sqlite3_snprintf(sizeof ends[0], ends[0], "%lld", (long long)exp_time);
  sqlite3_snprintf(sizeof ends[1], ends[1], "%lld", (long long)until);
  sqlite3_snprintf(sizeof ends[2], ends[2], "%lld", (long long)term);
  SealText texts[] = {
      {"standing", 8},
      {who->val_server_id, (int)strlen(who->val_server_id)},
      {seal_service, (int)strlen(seal_service)},
      {ends[0], (int)strlen(ends[0])},
      {ends[1], (int)strlen(ends[1])},
      {ends[2], (int)strlen(ends[2])},
  };
  return seal_conf_id(p, out, sizeof texts / sizeof *texts, texts);
}

/* Reads a configuration for a row: *found is its row id or 0. */
static int conf_by_id(Seal *p, const char *conf_id, int64_t *found) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&p->store, SQL_CONFIGURATION_BY_CONF_ID, &row, "t", conf_id);
  *found = rc == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The end of a configuration that the row names: it takes the place of the row's own. */
static int conf_end(Seal *p, int64_t configuration, const SealRowAsk *ask, int64_t *exp_time,
                    int64_t *until, SealError *err) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&p->store, SQL_CONFIGURATION_LOAD, &row, "i", configuration);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  *exp_time = seal_column_until(row, 3);
  *until = sqlite3_column_int64(row, 4);
  seal_store_reset(row);
  if (ask->exp_time == SEAL_UNBOUNDED || ask->exp_time == *exp_time) return SQLITE_OK;
  return seal_refuse(err, SEAL_MODIFICATION_NOT_ALLOWED,
                     "exp_time is not that of the configuration");
}

/* What a row's place depends on, found out step by step. */
typedef struct Place {
  SealRequester who;
  SealGrant grant;
  int64_t at, exp_time, until;
  int64_t until_before; /* of a configuration that the row's term ends earlier; else `until` */
  int64_t configuration, service, next;
  int64_t term; /* under which the service is held, once it is there */
  char conf_id[SEAL_ID_MAX + 1];
} Place;

static int check_exp_time(const SealRowAsk *ask, int64_t at, SealError *err) {
  if (ask->exp_time > at) return SQLITE_OK;
  return seal_refuse(err, SEAL_OPTIONAL_IE_INCORRECT, "exp_time is not in the future");
}

/* Judges the row: who, which configuration, what the SLA grants. Writes nothing. */
static int place_judge(Seal *p, const SealRowAsk *ask, Place *place, SealError *err) {
  place->at = seal_at(p, ask->at);
  place->exp_time = ask->exp_time;
  place->until = SEAL_UNBOUNDED;
  int rc = check_exp_time(ask, place->at, err);
  if (rc == SQLITE_OK) rc = row_authenticate(p, ask, &place->who, err);
  if (rc == SQLITE_OK && ask->conf_id.p != NULL) {
    rc = seal_configuration_find(p, place->who.val_server, ask->seal_service, ask->conf_id,
                                 place->at, &place->configuration, err);
    if (rc == SQLITE_OK) {
      rc = conf_end(p, place->configuration, ask, &place->exp_time, &place->until, err);
    }
    sqlite3_snprintf(sizeof place->conf_id, place->conf_id, "%.*s", ask->conf_id.n, ask->conf_id.p);
  }
  if (rc != SQLITE_OK) return rc;
  SealAsk what = {
      .val_server = place->who.val_server,
      .seal_service = ask->seal_service,
      .val_service_id = ask->val_service_id,
      .at = place->at,
      .exp_time = place->exp_time,
      .identities = ask->id.n > 0,
      .key_records = ask->record != NULL,
      .key_format = ask->key_format,
      .scope = ask->scope,
      .invocation = SEAL_BY_ROWS,
  };
  rc = seal_authorize(p, &what, &place->grant, err);
  place->until_before = place->until;
  if (rc == SQLITE_OK && place->grant.until < place->until) place->until = place->grant.until;
  if (rc != SQLITE_OK || ask->conf_id.p != NULL) return rc;
  place->until_before = place->until;
  rc = standing_conf_id(p, &place->who, ask->seal_service, ask->exp_time, place->until,
                        place->grant.term, place->conf_id);
  if (rc == SQLITE_OK) rc = conf_by_id(p, place->conf_id, &place->configuration);
  return rc;
}

/* Finds the VAL service in the configuration; place->service stays 0 when it is not there yet. */
static int place_service(Seal *p, const SealRowAsk *ask, Place *place) {
  if (place->configuration == 0) return SQLITE_OK;
  sqlite3_stmt *row;
  int rc = seal_store_row(&p->store, SQL_SERVICE_FIND, &row, "is", place->configuration,
                          &ask->val_service_id);
  if (rc == SQLITE_ROW) {
    place->service = sqlite3_column_int64(row, 0);
    place->term = sqlite3_column_int64(row, 1);
    place->next = sqlite3_column_int64(row, 2);
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A configuration that asked for no end gets the one that max_validity gives its rows. What slots know
** of its end is forgotten; nothing is pending here. */
static int place_shorten(Seal *p, const Place *place) {
  assert(!p->pending->dirty);
  seal_pending_drop(p->pending);
  int rc = seal_store_run(&p->store, SQL_CONFIGURATION_HELD_MOVE, "iiii", place->configuration,
                          place->until_before, place->until, place->who.val_server);
  if (rc == SQLITE_OK) {
    rc = seal_store_run(&p->store, SQL_CONFIGURATION_SHORTEN, "ii", place->configuration,
                        place->until);
  }
  return rc == SQLITE_OK ? seal_occupancy_change(p, place->configuration, 0, place->at) : rc;
}

/* Makes what is missing: the configuration, the VAL service in it. */
static int place_make(Seal *p, const SealRowAsk *ask, Place *place) {
  int rc = SQLITE_OK;
  if (place->configuration != 0 && place->until < place->until_before) {
    rc = place_shorten(p, place);
  } else if (place->configuration == 0) {
    SealConfiguration conf = {
        .conf_id = place->conf_id, .seal_service = ask->seal_service, .exp_time = place->exp_time};
    rc = seal_configuration_make(p, &conf, place->who.val_server, place->until, place->at,
                                 &place->configuration);
  }
  if (rc == SQLITE_OK && place->service == 0) {
    SealService service = {.val_service_id = ask->val_service_id,
                           .key_format = ask->key_format,
                           .scope = ask->scope,
                           .grant = place->grant};
    rc = seal_service_make(p, place->configuration, &service, &place->service);
    if (rc == SQLITE_OK) {
      rc = seal_occupancy_terms(p, place->configuration, place->grant.term, place->at);
    }
  }
  return rc;
}

static int slot_fill(Seal *p, const SealRowAsk *ask, const Place *place, Slot **out) {
  int rc = slot_new(p, ask, out);
  if (rc != SQLITE_OK) return rc;
  Slot *slot = *out;
  slot->configuration = place->configuration;
  slot->service = place->service;
  slot->term = place->term ? place->term : place->grant.term;
  slot->asked_term = place->grant.term;
  slot->until = place->until;
  slot->val_server = place->who.val_server;
  slot->at = place->at;
  slot->valid_until =
      place->who.until < place->grant.valid_until ? place->who.until : place->grant.valid_until;
  slot->left = place->grant.identities;
  slot->next = place->next;
  slot->seen.sure = place->next == 0;
  /* A slot that there is for the same service does not see what goes through this one. */
  for (int i = 0; i < p->pending->n - 1; i++) {
    if (p->pending->slots[i].service == slot->service) p->pending->slots[i].seen.sure = 0;
  }
  memcpy(slot->conf_id_text, place->conf_id, sizeof slot->conf_id_text);
  memcpy(slot->val_server_text, place->who.val_server_id, sizeof slot->val_server_text);
  return SQLITE_OK;
}

/* 1 in *there if the service holds the identity already. */
static int id_exists(Seal *p, int64_t service, const SealId *id, int *there) {
  SealText none = {NULL, 0}, text = {id->p, id->n};
  sqlite3_stmt *row = NULL;
  int rc = seal_batch_flush(p);
  *there = 0;
  if (rc != SQLITE_OK) return rc;
  rc = seal_store_row(&p->store, SQL_IDENTITY_FIND, &row, "iss", service, id->is_ue ? &none : &text,
                      id->is_ue ? &text : &none);
  *there = rc == SQLITE_ROW;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A constraint of storage failed; whether the code says which is up to the host's settings. */
static int is_constraint(int rc) {
  return (rc & 0xff) == SQLITE_CONSTRAINT;
}

/* What is there already: replaced by itself, or a UNIQUE failure. */
static int already_there(const SealRowAsk *ask) {
  return ask->on_conflict == SQLITE_REPLACE ? SQLITE_OK : SQLITE_CONSTRAINT_UNIQUE;
}

/* Takes one more identity from every slot of the term, and a place from every slot of the service: rows
** that ask in another way, with another token say, come to the same one. */
static void take_one(SealPending *pending, const Slot *slot) {
  for (int i = 0; i < pending->n; i++) {
    Slot *other = &pending->slots[i];
    if (other->service == slot->service) other->next = slot->next;
    if (other->term == slot->term && other->left != SEAL_UNBOUNDED) other->left--;
  }
}

static int insert_id(Seal *p, Slot *slot, const SealRowAsk *ask, int64_t *rowid) {
  if (slot->next >= SEAL_ROWS_MAX) return SQLITE_FULL;
  *rowid = (slot->service << SEAL_ROW_BITS) + slot->next;
  int rc = seal_batch_insert(p, &slot->seen, *rowid, slot->service, &ask->id);
  if (is_constraint(rc)) return already_there(ask);
  if (rc != SQLITE_OK) return rc;
  slot->next++;
  slot->added++;
  p->pending->dirty = 1;
  take_one(p->pending, slot);
  return SQLITE_OK;
}

/* The row of the service's record for the id; *there is 0 where there is none. */
static int record_exists(Seal *p, int64_t service, const SealRecord *record, int64_t *there) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&p->store, SQL_RECORD_THERE, &row, "isss", service, &record->val_user_id,
                          &record->val_ue_id, &record->client_id);
  *there = rc == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Stores a record, in the place of the one that it replaces. */
static int insert_record(Seal *p, Slot *slot, const SealRowAsk *ask, int64_t replaced,
                         int64_t *rowid, SealError *err) {
  int rc = SQLITE_OK;
  if (replaced != 0) rc = seal_store_run(&p->store, SQL_RECORD_DELETE, "i", replaced);
  SealRecordPlace place = {
      .val_server_id = {slot->val_server_text, (int)strlen(slot->val_server_text)},
      .conf_id = {slot->conf_id_text, (int)strlen(slot->conf_id_text)},
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
  p->pending->dirty = 1;
  return SQLITE_OK;
}

/* The first row of its kind in this transaction. */
static int insert_first(Seal *p, const SealRowAsk *ask, int64_t *rowid, SealError *err) {
  Place place;
  Slot *slot;
  memset(&place, 0, sizeof place);
  int there = 0;
  int64_t replaced = 0;
  int rc = seal_flush(p);
  if (rc == SQLITE_OK && ask->record != NULL) rc = seal_key_current(p, err);
  if (rc == SQLITE_OK) rc = place_judge(p, ask, &place, err);
  if (rc == SQLITE_OK) rc = place_service(p, ask, &place);
  if (rc == SQLITE_OK && place.service != 0) {
    if (ask->id.n > 0) {
      rc = id_exists(p, place.service, &ask->id, &there);
    } else if (ask->record != NULL) {
      rc = record_exists(p, place.service, ask->record, &replaced);
      there = replaced != 0 && ask->on_conflict != SQLITE_REPLACE;
    } else {
      there = ask->on_conflict != SQLITE_REPLACE;
    }
    if (rc == SQLITE_OK && there) return already_there(ask);
  }
  if (rc == SQLITE_OK) rc = seal_consume(p, &place.who, err);
  int made = place.service == 0;
  if (rc == SQLITE_OK) rc = place_make(p, ask, &place);
  if (rc == SQLITE_OK) rc = slot_fill(p, ask, &place, &slot);
  if (rc != SQLITE_OK) return rc;
  if (ask->id.n > 0) return insert_id(p, slot, ask, rowid);
  if (ask->record != NULL) return insert_record(p, slot, ask, replaced, rowid, err);
  *rowid = place.service;
  if (!made) {
    rc = seal_store_run(&p->store, SQL_SERVICE_UPDATE_KEY, "iss", place.service, &ask->key_format,
                        &ask->scope);
  }
  slot->added++;
  p->pending->dirty = 1;
  return rc;
}

int seal_row_insert(Seal *p, const SealRowAsk *ask, int64_t *rowid, SealError *err) {
  int64_t now = seal_at(p, ask->at);
  Slot *slot = ask->id.n > 0 ? slot_find(p->pending, ask, now) : NULL;
  if (slot == NULL) return insert_first(p, ask, rowid, err);
  if (slot->left > 0) return insert_id(p, slot, ask, rowid);
  int there;
  int rc = id_exists(p, slot->service, &ask->id, &there);
  if (rc != SQLITE_OK) return rc;
  return there ? already_there(ask) : insert_first(p, ask, rowid, err);
}

int seal_row_configuration(Seal *p, const SealRowAsk *ask, SealText supp_feat, int64_t *rowid,
                           SealError *err) {
  Place place;
  memset(&place, 0, sizeof place);
  place.at = seal_at(p, ask->at);
  int64_t found = 0;
  int rc = seal_settle(p);
  if (rc == SQLITE_OK) rc = check_exp_time(ask, place.at, err);
  if (rc == SQLITE_OK) rc = row_authenticate(p, ask, &place.who, err);
  if (rc == SQLITE_OK) {
    rc = seal_use_authorize(p, place.who.val_server, ask->seal_service, place.at,
                            SEAL_NO_INVOCATION, err);
  }
  if (rc != SQLITE_OK) return rc;
  if (ask->conf_id.p != NULL) {
    sqlite3_snprintf(sizeof place.conf_id, place.conf_id, "%.*s", ask->conf_id.n, ask->conf_id.p);
  } else {
    rc = standing_conf_id(p, &place.who, ask->seal_service, ask->exp_time, ask->exp_time, 0,
                          place.conf_id);
  }
  if (rc == SQLITE_OK) rc = conf_by_id(p, place.conf_id, &found);
  if (rc == SQLITE_OK && found != 0) return SQLITE_CONSTRAINT_UNIQUE;
  if (rc == SQLITE_OK) rc = seal_consume(p, &place.who, err);
  if (rc == SQLITE_OK) {
    SealConfiguration conf = {.conf_id = place.conf_id,
                              .seal_service = ask->seal_service,
                              .exp_time = ask->exp_time,
                              .supp_feat = supp_feat};
    rc = seal_configuration_make(p, &conf, place.who.val_server, ask->exp_time, place.at, rowid);
  }
  char *object = sqlite3_mprintf("seal_configuration:%s", place.conf_id);
  if (rc == SQLITE_OK && object == NULL) rc = SQLITE_NOMEM;
  SealEvent event = {place.at, place.who.val_server_id, "INSERT", object, "done", NULL, NULL};
  if (rc == SQLITE_OK) rc = seal_audit_write(p, &event);
  if (rc == SQLITE_OK) rc = seal_change_write(p, place.at, ask->seal_service, object, "INSERT");
  sqlite3_free(object);
  return rc;
}

/* The slot in which the operator's acts on a service's rows are gathered. */
static int operator_slot(Seal *p, const char *seal_service, int64_t service, int64_t at,
                         Slot **out) {
  SealPending *pending = p->pending;
  for (int i = 0; i < pending->n; i++) {
    if (pending->slots[i].actor != NULL && pending->slots[i].service == service) {
      *out = &pending->slots[i];
      return SQLITE_OK;
    }
  }
  SealRowAsk nothing = {.seal_service = seal_service};
  int rc = slot_new(p, &nothing, out);
  if (rc != SQLITE_OK) return rc;
  Slot *slot = *out;
  slot->actor = "operator";
  slot->service = service;
  slot->at = seal_at(p, at);
  sqlite3_stmt *row;
  rc = seal_store_row(&p->store, SQL_SERVICE_LOAD, &row, "i", service);
  if (rc == SQLITE_ROW) {
    slot->configuration = sqlite3_column_int64(row, 0);
    slot->term = sqlite3_column_int64(row, 1);
  }
  seal_store_reset(row);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  rc = seal_store_row(&p->store, SQL_CONFIGURATION_LOAD, &row, "i", slot->configuration);
  if (rc == SQLITE_ROW) {
    SealText conf_id = seal_column_text(row, 0);
    sqlite3_snprintf(sizeof slot->conf_id_text, slot->conf_id_text, "%.*s", conf_id.n, conf_id.p);
    slot->val_server = sqlite3_column_int64(row, 1);
    slot->until = sqlite3_column_int64(row, 4);
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
}

int seal_row_delete(Seal *p, SealRowKind kind, int64_t rowid, int64_t at) {
  static const enum SealSql sql[] = {SQL_IDENTITY_DELETE, SQL_SERVICE_DELETE, SQL_RECORD_DELETE};
  int64_t service = kind == SEAL_ROW_KEY ? rowid : rowid >> SEAL_ROW_BITS, removed = 0;
  Slot *slot;
  int rc = seal_batch_flush(p);
  if (rc == SQLITE_OK)
    rc = operator_slot(p, kind == SEAL_ROW_IDENTITY ? SEAL_IDM : SEAL_KM, service, at, &slot);
  if (rc != SQLITE_OK) return rc;
  if (kind == SEAL_ROW_KEY) {
    rc = seal_occupancy_close(p, slot->configuration, service, slot->at);
    if (rc == SQLITE_OK) rc = seal_service_records_clear(p, service, &removed);
  }
  if (rc == SQLITE_OK) rc = seal_store_run(&p->store, sql[kind], "i", rowid);
  if (rc != SQLITE_OK) return rc;
  slot->records = kind == SEAL_ROW_RECORD;
  slot->removed += sqlite3_changes64(p->store.db);
  p->pending->dirty = 1;
  if (kind == SEAL_ROW_KEY) rc = seal_occupancy_terms(p, slot->configuration, slot->term, slot->at);
  if (rc != SQLITE_OK || removed == 0) return rc;
  return seal_hold(p, slot->term, slot->until, slot->val_server, 0, -removed);
}

int seal_row_update(Seal *p, const SealRowAsk *ask, int64_t rowid) {
  int identity = ask->id.n > 0;
  SealText none = {NULL, 0}, text = {ask->id.p, ask->id.n};
  Slot *slot;
  int rc = operator_slot(p, ask->seal_service, identity ? rowid >> SEAL_ROW_BITS : rowid, ask->at,
                         &slot);
  if (rc != SQLITE_OK) return rc;
  if (identity) {
    rc = seal_store_run(&p->store, SQL_IDENTITY_UPDATE, "iss", rowid, ask->id.is_ue ? &none : &text,
                        ask->id.is_ue ? &text : &none);
  } else {
    rc = seal_store_run(&p->store, SQL_SERVICE_UPDATE_KEY, "iss", rowid, &ask->key_format,
                        &ask->scope);
  }
  if (is_constraint(rc)) return SQLITE_CONSTRAINT_UNIQUE;
  if (rc != SQLITE_OK) return rc;
  slot->changed++;
  p->pending->dirty = 1;
  return SQLITE_OK;
}
