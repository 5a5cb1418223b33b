/* Bundles (exchange.h): what one SEAL server is told, signed.
**
**    {"iss":"urn:seal:registrar", "aud":"sims-1", "seal_service":"identity-management", "iat":…,
**     "from":"17", "to":"42", "seq":42, "more":false,
**     "objects":[{"object":"seal_agreement:sla-7", "state":{…}},
**                {"object":"seal_configuration:v2x.acme.example/9f…", "state":{…}, "rows":[[0,"u","alice"],…]},
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
** Where a bundle would get too large it ends, with `to` the place to go on from ("more"):
**    42              every change up to 42
**    i42.R.57        every change before 42, and of 42's object the rows up to row id R
**    f42.3.17.0.0    a full copy of what change 42 left: of the fourth kind of object those up to row id 17
**    f42.4.17.R.57   the same, and of the configuration with row id 17 the rows up to row id R
** 57 is the last change when its rows up to R were told: a configuration that changed after it is told
** again from its start.
**
** A bundle says what is committed, or what this transaction has written; one that is handed on before its
** transaction commits may tell what never was.
*/
#include "registrar/exchange/exchange_int.h"

#include <stdlib.h>
#include <string.h>

#define PLACE 128 /* bytes of such a place */

/* The kinds of object, in the order of a full copy: parents first. */
static const enum SealSql kinds[] = {SQL_BUNDLE_ALL_AGREEMENT, SQL_BUNDLE_ALL_TERM,
                                     SQL_BUNDLE_ALL_VAL_SERVER, SQL_BUNDLE_ALL_POLICY,
                                     SQL_BUNDLE_ALL_CONFIGURATION};
#define N_KINDS       ((int)(sizeof kinds / sizeof *kinds))
#define CONFIGURATION (N_KINDS - 1)

/************************************************************************************************
** Which objects.
*/
/* The next object of the change feed, or of a kind. */
static int next_object(SealTeller *t, enum SealSql sql, int64_t after, SealTold *out) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(t->p), sql, &row, "i", after);
  memset(out, 0, sizeof *out);
  if (rc == SQLITE_ROW) {
    out->id = sqlite3_column_int64(row, CHANGE_NEXT_SEQ);
    out->name = sqlite3_mprintf("%s", (const char *)sqlite3_column_text(row, CHANGE_NEXT_OBJECT));
    if (sql == SQL_CHANGE_NEXT) {
      out->is_key = sqlite3_column_int(row, CHANGE_NEXT_IS_KEY);
      out->ended = sqlite3_column_int(row, CHANGE_NEXT_ENDED);
    }
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

/* Where a server is, and what it is told next. */
typedef struct Place {
  int64_t seq;  /* every change up to this one */
  int kind;     /* of a full copy; -1: none */
  int64_t id;   /* of a full copy: objects of the kind up to this row id */
  int64_t row;  /* rows of the next object, or of the full copy's, up to this row id */
  int64_t told; /* the last change when those were told */
} Place;

static int refuse_since(SealTeller *t, const char *why) {
  return seal_refuse(t->err, SEAL_MANDATORY_IE_INCORRECT, "since %s", why);
}

/* Every change after a place, as far as there is room. */
static int changes(SealTeller *t, Place *at, int64_t last) {
  int rc = SQLITE_OK;
  while (rc == SQLITE_OK && at->seq < last && !seal_tell_full(t)) {
    SealTold object;
    rc = next_object(t, SQL_CHANGE_NEXT, at->seq, &object);
    if (rc == SQLITE_OK && object.id != at->seq + 1) {
      rc = refuse_since(t, "lies before what the change feed still holds: ask for a full copy");
    } else if (rc == SQLITE_OK) {
      rc = at->row ? seal_tell_more(t, &object, at->row, at->told) : seal_tell(t, &object);
    }
    sqlite3_free(object.name);
    at->row = t->last_row;
    if (at->row != 0) break;
    at->seq++;
  }
  return rc;
}

/* Goes on with the rows of a full copy's configuration, unless another has its row id by now: that one
** is a change, and told as such. */
static int copy_more(SealTeller *t, Place *at) {
  SealTold object;
  int rc = next_object(t, kinds[CONFIGURATION], at->id - 1, &object);
  if (rc == SQLITE_OK && object.id == at->id) rc = seal_tell_more(t, &object, at->row, at->told);
  sqlite3_free(object.name);
  at->row = t->last_row;
  return rc;
}

/* A full copy from a place on. */
static int full_copy(SealTeller *t, Place *at) {
  int rc = at->row ? copy_more(t, at) : SQLITE_OK;
  while (rc == SQLITE_OK && at->row == 0 && at->kind < N_KINDS && !seal_tell_full(t)) {
    SealTold object;
    rc = next_object(t, kinds[at->kind], at->id, &object);
    if (rc == SQLITE_OK && object.id != 0) rc = seal_tell(t, &object);
    sqlite3_free(object.name);
    at->id = object.id;
    at->row = t->last_row;
    if (object.id == 0) at->kind++;
  }
  if (at->kind == N_KINDS) at->kind = -1;
  return rc;
}

/* Reads numbers with points between them; returns how many there are, -1 for anything else. */
static int read_numbers(const char *text, int64_t out[5]) {
  int n = 0;
  while (n < 5 && *text >= '0' && *text <= '9') {
    char *end;
    out[n++] = strtoll(text, &end, 10);
    if (*end == 0) return n;
    if (*end != '.') return -1;
    text = end + 1;
  }
  return -1;
}

/* Reads a place that write_place wrote; 0, or -1 when it is none. */
static int read_place(const char *text, int64_t last, Place *out) {
  int64_t n[5];
  *out = (Place){.seq = last, .kind = -1};
  if (text == NULL) {
    out->kind = 0;
    return 0;
  }
  if (text[0] == 'f' && read_numbers(text + 1, n) == 5 && n[1] < N_KINDS) {
    *out = (Place){n[0], (int)n[1], n[2], n[3], n[4]};
    return n[0] > last || (out->row && out->kind != CONFIGURATION) ? -1 : 0;
  }
  if (text[0] == 'i' && read_numbers(text + 1, n) == 3 && n[0] > 0 && n[1] > 0) {
    *out = (Place){n[0] - 1, -1, 0, n[1], n[2]};
    return n[0] > last ? -1 : 0;
  }
  if (read_numbers(text, n) != 1) return -1;
  out->seq = n[0];
  return n[0] > last ? -1 : 0;
}

static void write_place(const Place *at, char to[PLACE]) {
  if (at->kind >= 0) {
    sqlite3_snprintf(PLACE, to, "f%lld.%d.%lld.%lld.%lld", (long long)at->seq, at->kind,
                     (long long)at->id, (long long)at->row, (long long)(at->row ? at->told : 0));
  } else if (at->row != 0) {
    sqlite3_snprintf(PLACE, to, "i%lld.%lld.%lld", (long long)at->seq + 1, (long long)at->row,
                     (long long)at->told);
  } else {
    sqlite3_snprintf(PLACE, to, "%lld", (long long)at->seq);
  }
}

/* Gathers the objects after a place; gives the place after them, the last change that it is behind, and
** whether there is more to tell. */
static int gather_objects(SealTeller *t, const char *from, char to[PLACE], int64_t *seq,
                          int *more) {
  int64_t last;
  Place at;
  int rc = last_change(t->p, &last);
  if (rc != SQLITE_OK) return rc;
  if (read_place(from, last, &at) != 0) return refuse_since(t, "is no place of this registrar's");
  rc = at.kind >= 0 ? full_copy(t, &at) : changes(t, &at, last);
  at.told = last;
  *seq = at.seq;
  *more = at.kind >= 0 || at.seq < last;
  write_place(&at, to);
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
static char *payload(const SealTeller *t, const char *identifier, SealText aud, int64_t at,
                     const char *from, const char *to, int64_t seq, int more) {
  sqlite3_str *out = sqlite3_str_new(NULL);
  sqlite3_str_appendf(out, "{\"iat\":%lld,\"seq\":%lld,\"more\":%s", (long long)at, (long long)seq,
                      more ? "true" : "false");
  append_payload_member(out, "iss", identifier);
  sqlite3_str_appendall(out, ",\"aud\":");
  seal_json_append(out, aud.p, (size_t)aud.n);
  append_payload_member(out, "seal_service", t->seal_service);
  append_payload_member(out, "from", from);
  append_payload_member(out, "to", to);
  const char *objects = sqlite3_str_value(t->out);
  sqlite3_str_appendall(out, ",\"objects\":[");
  if (objects != NULL) sqlite3_str_appendall(out, objects);
  sqlite3_str_appendall(out, "]}");
  return sqlite3_str_finish(out);
}

int seal_bundle(Seal *p, SealText seal_server_id, SealText since, int64_t at, char **jws,
                SealError *err) {
  SealTeller t = {.p = p, .err = err, .out = sqlite3_str_new(NULL), .told = json_object()};
  char to[PLACE], identifier[SEAL_ID_MAX + 1], *text = NULL, *signed_text = NULL;
  char *from = since.p ? sqlite3_mprintf("%.*s", since.n, since.p) : NULL;
  int64_t seq = 0;
  int more = 0;
  SealKey *key = NULL;
  *jws = NULL;
  int rc = t.told == NULL || (since.p && from == NULL) ? SQLITE_NOMEM : SQLITE_OK;
  if (rc == SQLITE_OK) rc = load_server(&t, seal_server_id);
  if (rc == SQLITE_OK) rc = seal_identifier(p, identifier);
  if (rc == SQLITE_OK) rc = seal_signing_key(p, &key, err);
  if (rc == SQLITE_OK) rc = gather_objects(&t, from, to, &seq, &more);
  if (rc == SQLITE_OK) rc = sqlite3_str_errcode(t.out);
  if (rc == SQLITE_OK) {
    text = payload(&t, identifier, seal_server_id, at, from, to, seq, more);
    rc = text ? SQLITE_OK : SQLITE_NOMEM;
  }
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(
        seal_jws_sign(seal_crypto(p), key, SEAL_BUNDLE_TYPE, text, strlen(text), &signed_text));
  }
  if (rc == SQLITE_OK) {
    *jws = sqlite3_mprintf("%s", signed_text);
    if (*jws == NULL) rc = SQLITE_NOMEM;
  }
  free(signed_text);
  seal_key_free(key);
  json_decref(t.told);
  sqlite3_free(sqlite3_str_finish(t.out));
  sqlite3_free(t.jwk);
  sqlite3_free(from);
  sqlite3_free(text);
  return rc;
}
