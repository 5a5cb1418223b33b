/* Bundles (exchange.h): what one SEAL server is told, signed.
**
**    {"form":2, "iss":"urn:seal:registrar", "aud":"sims-1", "seal_service":"identity-management",
**     "iat":…, "until":…, "epoch":1794268800, "from":"1794268800.17.5b…", "to":"1794268800.42.9f…", "seq":42,
**     "more":false, "keys":{"keys":[…]},
**     "objects":[{"object":"seal_agreement:sla-7", "state":{…}},
**                {"object":"seal_configuration:v2x.acme.example/9f…", "state":{…}, "services":[…]},
**                {"object":"seal_val_server:gone", "state":null}]}
**
** A bundle names each object that changed and gives its present state, not the change: so a later bundle
** makes up for what an earlier one could not know, and the same change twice is one. What a state refers
** to comes before it. With an agreement, a term or a VAL server goes what hangs on it; so where one was
** removed and made again, its end is told too, and then what there is of it now.
**
** An object's rows are, by SEAL service: identities ("u", "e") for identity management; digests of
** identities ("d") for the others, who have to know whom they serve, but not by name; key records ("r")
** for key management, encrypted to the server's key.
**
** Where a bundle would get too large it ends, with `to` the place to go on from ("more"; place.c). A place belongs
** to a history: a copy of the database that goes on by itself begins another epoch, and has other hashes. From a
** place of another history only a full copy ("from": null) leads on.
**
** "until" is the registrar's clock and its stale_after: up to then the SEAL server may serve without another
** bundle. "keys" are the keys that will sign the next ones.
**
** A bundle says what is committed, or what this transaction has written; one that is handed on before its
** transaction commits may tell what never was.
*/
#include "registrar/exchange/exchange_int.h"

#include <stdlib.h>
#include <string.h>

/* The kinds of object, in the order of a full copy: parents first. */
static const struct {
  enum SealSql all;
  const SealDescription *is;
} kinds[] = {
    {SQL_BUNDLE_ALL_AGREEMENT, &seal_description_agreement},
    {SQL_BUNDLE_ALL_TERM, &seal_description_term},
    {SQL_BUNDLE_ALL_VAL_SERVER, &seal_description_val_server},
    {SQL_BUNDLE_ALL_POLICY, &seal_description_policy},
    {SQL_BUNDLE_ALL_CONFIGURATION, &seal_description_configuration},
};
#define N_KINDS ((int)(sizeof kinds / sizeof *kinds))

/************************************************************************************************
** Which objects.
*/
/* The next object of the change feed. */
static int next_change(SealTeller *t, int64_t after, SealTold *out) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(t->p), SQL_CHANGE_NEXT, &row, "i", after);
  memset(out, 0, sizeof *out);
  if (rc == SQLITE_ROW) {
    out->id = sqlite3_column_int64(row, CHANGE_NEXT_SEQ);
    out->name = sqlite3_mprintf("%s", (const char *)sqlite3_column_text(row, CHANGE_NEXT_OBJECT));
    out->is_key = sqlite3_column_int(row, CHANGE_NEXT_IS_KEY);
    out->ended = sqlite3_column_int(row, CHANGE_NEXT_ENDED);
    if (out->name == NULL) rc = SQLITE_NOMEM;
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The next object of a kind: its row id, and behind it its key. */
static int next_of_kind(SealTeller *t, int kind, int64_t after, SealTold *out) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(t->p), kinds[kind].all, &row, "i", after);
  memset(out, 0, sizeof *out);
  if (rc == SQLITE_ROW) {
    sqlite3_str *name = sqlite3_str_new(NULL);
    out->id = sqlite3_column_int64(row, BUNDLE_ALL_AGREEMENT_ID);
    sqlite3_str_appendall(name, kinds[kind].is->prefix);
    for (int i = 1; i <= kinds[kind].is->n_keys; i++) {
      if (i > 1) sqlite3_str_appendchar(name, 1, '/');
      seal_name_append(name, seal_column_text(row, i));
    }
    out->name = sqlite3_str_finish(name);
    if (out->name == NULL) rc = SQLITE_NOMEM;
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int last_change(Seal *p, int64_t *seq) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_CHANGE_LAST, &row, "");
  *seq = rc == SQLITE_ROW ? sqlite3_column_int64(row, CHANGE_LAST_SEQ) : 0;
  seal_store_reset(row);
  return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int refuse_since(SealTeller *t, const char *why) {
  return seal_refuse(t->err, SEAL_MANDATORY_IE_INCORRECT, "since %s", why);
}

static int refuse_pruned(SealTeller *t) {
  return refuse_since(t, "lies before what the change feed still holds: ask for a full copy");
}

/* Every change after a place, as far as there is room. */
static int changes(SealTeller *t, SealPlace *at, int64_t last) {
  int rc = SQLITE_OK;
  while (rc == SQLITE_OK && at->seq < last && !seal_tell_full(t)) {
    SealTold object;
    rc = next_change(t, at->seq, &object);
    if (rc == SQLITE_OK && object.id != at->seq + 1) {
      rc = refuse_pruned(t);
    } else if (rc == SQLITE_OK) {
      rc = seal_tell(t, &object, &at->cut, at->last);
    }
    sqlite3_free(object.name);
    at->cut = t->cut;
    if (at->cut.stage) break;
    at->seq++;
  }
  return rc;
}

/* A full copy from a place on. Where an object was cut and another has its row id by now, that one is a change, and
** told from its start. */
static int full_copy(SealTeller *t, SealPlace *at) {
  int rc = SQLITE_OK;
  while (rc == SQLITE_OK && at->kind < N_KINDS && !seal_tell_full(t)) {
    SealTold object;
    rc = next_of_kind(t, at->kind, at->cut.stage ? at->id - 1 : at->id, &object);
    if (object.id != at->id) memset(&at->cut, 0, sizeof at->cut);
    if (rc == SQLITE_OK && object.id != 0) rc = seal_tell(t, &object, &at->cut, at->last);
    sqlite3_free(object.name);
    if (object.id == 0) at->kind++;
    at->id = object.id;
    at->cut = t->cut;
    if (at->cut.stage) break;
  }
  if (at->kind == N_KINDS) at->kind = -1;
  return rc;
}

/* Whether a place is one of this history: its epoch, and the change that it is known by. What is missing of a place
** that is a number alone is put in. */
static int check_history(SealTeller *t, SealPlace *at, int64_t epoch, int64_t last) {
  char hash[SEAL_PLACE_HASH + 1];
  int alone = at->epoch < 0;
  int64_t known_by = at->last;
  if (alone && known_by > last) return refuse_since(t, "is no place of this registrar's");
  if (alone) at->epoch = epoch;
  int same = at->epoch == epoch && known_by <= last;
  int rc = same ? seal_place_hash(t->p, known_by, hash) : SQLITE_OK;
  if (rc == SQLITE_DONE) return refuse_pruned(t);
  if (rc != SQLITE_OK) return rc;
  if (alone) memcpy(at->hash, hash, sizeof hash);
  if (same && strcmp(at->hash, hash) == 0) return SQLITE_OK;
  return seal_refuse(t->err, SEAL_MODIFICATION_NOT_ALLOWED,
                     "since is a place of another history than this registrar's, which is a "
                     "restored copy or has lost changes: ask for a full copy");
}

/* Where a bundle begins and ends, and what it says of the registrar. */
typedef struct Bundle {
  SealPlace at;
  int64_t known,
      acked; /* the change up to which the server knows the registrar, its keys too; and its own */
  char from[SEAL_PLACE], to[SEAL_PLACE], identifier[SEAL_ID_MAX + 1];
  int full, more;
  int64_t iat, until; /* until: SEAL_UNBOUNDED: no end */
  char *keys;
} Bundle;

/* The epoch, and until when the bundle allows to serve. */
static int load_registrar(SealTeller *t, Bundle *b, int64_t *epoch) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(t->p), SQL_BUNDLE_REGISTRAR, &row, "");
  b->until = SEAL_UNBOUNDED;
  if (rc == SQLITE_ROW) {
    *epoch = sqlite3_column_int64(row, BUNDLE_REGISTRAR_EPOCH);
    int64_t seconds = sqlite3_column_int64(row, BUNDLE_REGISTRAR_STALE_AFTER);
    if (sqlite3_column_type(row, BUNDLE_REGISTRAR_STALE_AFTER) != SQLITE_NULL) {
      b->until = seconds > SEAL_INSTANT_MAX - b->iat ? SEAL_INSTANT_MAX : b->iat + seconds;
    }
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
}

/* Gathers the objects after a place; gives the place after them, and whether there is more to tell. */
static int gather_objects(SealTeller *t, SealText since, Bundle *b) {
  int64_t last = 0, epoch = 0;
  char text[SEAL_PLACE];
  SealPlace *at = &b->at;
  int rc = load_registrar(t, b, &epoch);
  if (rc == SQLITE_OK) rc = last_change(t->p, &last);
  if (rc != SQLITE_OK) return rc;
  b->full = since.p == NULL;
  *at = (SealPlace){.epoch = epoch, .seq = last, .last = last};
  if (!b->full) {
    if (since.n >= SEAL_PLACE) return refuse_since(t, "is no place of this registrar's");
    sqlite3_snprintf(sizeof text, text, "%.*s", since.n, since.p);
    if (seal_place_read(text, at) != 0 || at->kind >= N_KINDS) {
      return refuse_since(t, "is no place of this registrar's");
    }
    rc = check_history(t, at, epoch, last);
    if (rc != SQLITE_OK) return rc;
    seal_place_write(at, b->from);
    b->known = at->last;
    if (at->kind < 0) b->acked = at->seq;
  }
  rc = at->kind >= 0 ? full_copy(t, at) : changes(t, at, last);
  at->last = last;
  if (rc == SQLITE_OK) rc = seal_place_hash(t->p, last, at->hash);
  if (rc == SQLITE_DONE) rc = refuse_pruned(t);
  b->more = at->kind >= 0 || at->seq < last;
  seal_place_write(at, b->to);
  return rc;
}

/************************************************************************************************
** The bundle.
*/
static int load_server(SealTeller *t, SealText seal_server_id) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(t->p), SQL_BUNDLE_SERVER, &row, "s", &seal_server_id);
  if (rc == SQLITE_ROW) {
    const char *jwk = (const char *)sqlite3_column_text(row, BUNDLE_SERVER_JWK);
    sqlite3_snprintf(sizeof t->seal_service, t->seal_service, "%s",
                     (const char *)sqlite3_column_text(row, BUNDLE_SERVER_SEAL_SERVICE));
    t->identity = strcmp(t->seal_service, SEAL_IDM) == 0;
    t->key = strcmp(t->seal_service, SEAL_KM) == 0;
    t->jwk = jwk ? sqlite3_mprintf("%s", jwk) : NULL;
    SealText status = seal_column_text(row, BUNDLE_SERVER_STATUS);
    rc = jwk && t->jwk == NULL ? SQLITE_NOMEM : SQLITE_OK;
    if (rc == SQLITE_OK && (status.p == NULL || strcmp(status.p, "active") != 0)) {
      rc = seal_refuse(t->err, SEAL_REQUESTER_NOT_ACTIVE, "the SEAL server is not active");
    }
  } else if (rc == SQLITE_DONE) {
    rc = seal_refuse(t->err, SEAL_RESOURCE_CONTEXT_NOT_FOUND, "there is no such SEAL server");
  }
  seal_store_reset(row);
  return rc;
}

static void append_payload_member(sqlite3_str *out, const char *name, const char *text) {
  sqlite3_str_appendf(out, ",\"%s\":", name);
  if (text == NULL) {
    sqlite3_str_appendall(out, "null");
  } else {
    seal_json_append(out, text, strlen(text));
  }
}

/* The payload around the objects. */
static char *payload(const SealTeller *t, const Bundle *b, SealText aud) {
  sqlite3_str *out = sqlite3_str_new(NULL);
  sqlite3_str_appendf(out, "{\"form\":%d,\"iat\":%lld,\"epoch\":%lld,\"seq\":%lld,\"more\":%s",
                      SEAL_BUNDLE_FORM, (long long)b->iat, (long long)b->at.epoch,
                      (long long)b->at.seq, b->more ? "true" : "false");
  if (b->until != SEAL_UNBOUNDED) sqlite3_str_appendf(out, ",\"until\":%lld", (long long)b->until);
  append_payload_member(out, "iss", b->identifier);
  sqlite3_str_appendall(out, ",\"aud\":");
  seal_json_append(out, aud.p, (size_t)aud.n);
  append_payload_member(out, "seal_service", t->seal_service);
  append_payload_member(out, "from", b->full ? NULL : b->from);
  append_payload_member(out, "to", b->to);
  const char *objects = sqlite3_str_value(t->out);
  sqlite3_str_appendf(out, ",\"keys\":%s,\"objects\":[", b->keys);
  if (objects != NULL) sqlite3_str_append(out, objects, sqlite3_str_length(t->out));
  sqlite3_str_appendall(out, "]}");
  return sqlite3_str_finish(out);
}

int seal_bundle(Seal *p, SealText seal_server_id, SealText since, int64_t at, SealBundle *out,
                SealError *err) {
  SealTeller t = {.p = p, .err = err, .out = sqlite3_str_new(NULL), .told = json_object()};
  Bundle b = {.iat = at, .known = -1, .acked = -1};
  char *text = NULL, *signed_text = NULL;
  SealKey *key = NULL;
  memset(out, 0, sizeof *out);
  int rc = t.told == NULL ? SQLITE_NOMEM : load_server(&t, seal_server_id);
  if (rc == SQLITE_OK) rc = seal_identifier(p, b.identifier);
  if (rc == SQLITE_OK) rc = seal_signing_jwks(p, at, &b.keys);
  if (rc == SQLITE_OK) rc = gather_objects(&t, since, &b);
  if (rc == SQLITE_OK) rc = seal_signing_key_known(p, b.known, at, &key, err);
  if (rc == SQLITE_OK) rc = sqlite3_str_errcode(t.out);
  if (rc == SQLITE_OK) {
    text = payload(&t, &b, seal_server_id);
    rc = text ? SQLITE_OK : SQLITE_NOMEM;
  }
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(
        seal_jws_sign(seal_crypto(p), key, SEAL_BUNDLE_TYPE, text, strlen(text), &signed_text));
  }
  if (rc == SQLITE_OK) {
    out->jws = sqlite3_mprintf("%s", signed_text);
    out->news = b.full || b.until != SEAL_UNBOUNDED || strcmp(b.from, b.to) != 0;
    out->acked = b.acked;
    if (out->jws == NULL) rc = SQLITE_NOMEM;
  }
  free(signed_text);
  seal_key_free(key);
  json_decref(t.told);
  sqlite3_free(sqlite3_str_finish(t.out));
  sqlite3_free(t.jwk);
  sqlite3_free(b.keys);
  sqlite3_free(text);
  return rc;
}

int seal_bundle_acked(Seal *p, int64_t seal_server, int64_t acked) {
  return seal_store_run(seal_store(p), SQL_SERVER_ACKED, "ii", seal_server, acked);
}

int seal_new_epoch(Seal *p, int64_t at, int64_t *epoch) {
  sqlite3_stmt *row;
  int rc = seal_store_run(seal_store(p), SQL_EPOCH_BEGIN, "i", at);
  if (rc != SQLITE_OK) return rc;
  rc = seal_store_row(seal_store(p), SQL_EPOCH_IS, &row, "");
  if (rc == SQLITE_ROW) *epoch = sqlite3_column_int64(row, EPOCH_IS_EPOCH);
  seal_store_reset(row);
  return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
}
