/* Bundles (registrar.h): what one SEAL server is told, signed.
**
**    {"iss":"urn:seal:registrar", "aud":"sims-1", "seal_service":"identity-management", "iat":…,
**     "from":"17", "to":"42", "seq":42, "more":false,
**     "objects":[{"object":"seal_agreement:sla-7", "state":{…}},
**                {"object":"seal_configuration:9f…", "state":{…}, "rows":[[0,"u","alice"],…]},
**                {"object":"seal_val_server:gone", "state":null}]}
**
** A bundle names each object that changed and gives its present state, not the change: so a later bundle
** makes up for what an earlier one could not know, and the same change twice is one. What a state refers
** to comes before it. An object's rows are, by SEAL service: identities ("u", "e") for identity management;
** digests of identities ("d") for the others, who have to know whom they serve, but not by name; key
** records ("r") for key management, encrypted to the server's key.
**
** Where a bundle would get too large it ends, with `to` the place to go on from ("more"):
**    42            every change up to 42
**    i42.7340032   every change before 42, and of 42's object the rows up to row id 7340032
**    f42.3.17.0    a full copy of what change 42 left: of the third kind of object those up to row id 17
*/
#include "registrar/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PLACE 96 /* bytes of such a place */

typedef struct Builder {
  Seal *p;
  SealError *err;
  sqlite3_str *out; /* the objects */
  json_t *told;     /* names of objects that are in it */
  char seal_service[SEAL_ID_MAX + 1];
  char *jwk;        /* the server's key, or NULL */
  int identity;     /* it is identity management's: ids by name */
  int full;         /* the bundle is full */
  int64_t last_row; /* where the rows of an object that did not fit stop; 0: all are in */
} Builder;

static int is_full(Builder *b) {
  b->full = sqlite3_str_length(b->out) >= SEAL_BUNDLE_MAX;
  return b->full;
}

/* Opens an object's entry, once per bundle; 0 when it is in already. */
static int open_object(Builder *b, const char *object, int *rc) {
  if (json_object_get(b->told, object) != NULL) return 0;
  if (json_object_set_new(b->told, object, json_true()) != 0) {
    *rc = SQLITE_NOMEM;
    return 0;
  }
  sqlite3_str_appendf(b->out, "%s{\"object\":", sqlite3_str_length(b->out) ? ",\n" : "");
  seal_json_append(b->out, object, strlen(object));
  return 1;
}

/* The parts of an object's name: "seal_term:a/b/c", each with %2F and %25 decoded, in place. */
int seal_name_split(char *name, char *parts[3]) {
  int n = 0;
  char *to = name;
  parts[n++] = to;
  for (const char *from = name; *from; from++) {
    if (*from == '/' && n < 3) {
      *to++ = 0;
      parts[n++] = to;
    } else if (*from == '%' && (strncmp(from, "%2F", 3) == 0 || strncmp(from, "%25", 3) == 0)) {
      *to++ = from[2] == 'F' ? '/' : '%';
      from += 2;
    } else {
      *to++ = *from;
    }
  }
  *to = 0;
  return n;
}

/* Appends the state of an object that has no rows, as its statement gives it; null when it is gone. */
static int append_state(Builder *b, enum SealSql sql, char *const parts[3], int n) {
  sqlite3_stmt *row;
  static const char types[] = "ttt";
  int rc = seal_store_row(&b->p->store, sql, &row, types + 3 - n, parts[0], n > 1 ? parts[1] : NULL,
                          n > 2 ? parts[2] : NULL);
  const char *state = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(row, 0) : "null";
  if (state == NULL) rc = SQLITE_NOMEM;
  if (rc == SQLITE_ROW || rc == SQLITE_DONE) sqlite3_str_appendf(b->out, ",\"state\":%s}", state);
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* An object without rows, by its kind and the parts of its name. */
static int tell(Builder *b, const char *kind, enum SealSql sql, int several, const char *name) {
  char *parts[3] = {NULL, NULL, NULL}, *copy = sqlite3_mprintf("%s", name);
  char *object = sqlite3_mprintf("%s:%s", kind, name);
  int rc = copy && object ? SQLITE_OK : SQLITE_NOMEM;
  if (rc == SQLITE_OK && open_object(b, object, &rc)) {
    int n = 1;
    parts[0] = copy;
    if (several) n = seal_name_split(copy, parts);
    rc = append_state(b, sql, parts, n);
  }
  sqlite3_free(copy);
  sqlite3_free(object);
  return rc;
}

/************************************************************************************************
** Configurations.
*/
static void append_text(sqlite3_str *out, SealText text) {
  if (text.p == NULL) {
    sqlite3_str_appendall(out, "null");
  } else {
    seal_json_append(out, text.p, (size_t)text.n);
  }
}

/* [place, "u" or "e", id], or [place, "d", digest]. */
static int append_identity(Builder *b, sqlite3_stmt *row) {
  int is_ue = sqlite3_column_type(row, 3) == SQLITE_NULL;
  SealText id = seal_column_text(row, is_ue ? 4 : 3);
  if (id.p == NULL) return SQLITE_CORRUPT_VTAB;
  sqlite3_str_appendf(b->out, "[%d,\"%s\",", sqlite3_column_int(row, 1),
                      !b->identity ? "d"
                      : is_ue      ? "e"
                                   : "u");
  if (b->identity) {
    append_text(b->out, id);
  } else {
    unsigned char digest[SEAL_SHA256_SIZE];
    char text[48];
    int rc = seal_member_digest(b->p, seal_column_text(row, 2), id, digest);
    if (rc != SQLITE_OK) return rc;
    seal_b64url_encode(digest, sizeof digest, text);
    sqlite3_str_appendf(b->out, "\"%s\"", text);
  }
  sqlite3_str_appendchar(b->out, 1, ']');
  return SQLITE_OK;
}

/* [place, "r", JWE]: the record's members, encrypted to the server's key. */
static int append_record(Builder *b, const char *conf_id, sqlite3_stmt *row) {
  void *plain = NULL;
  char *jwe = NULL;
  int n = 0;
  SealRecord record = {
      .val_user_id = seal_column_text(row, 3),
      .val_ue_id = seal_column_text(row, 4),
      .client_id = seal_column_text(row, 5),
      .key_format = seal_column_text(row, 6),
      .user_uri = seal_column_text(row, 8),
  };
  if (b->jwk == NULL) {
    return seal_refuse(b->err, SEAL_MANDATORY_IE_MISSING,
                       "the SEAL server has no jwk to encrypt key records to");
  }
  SealRecordPlace place = {
      .val_server_id = seal_column_text(row, 9),
      .conf_id = {conf_id, (int)strlen(conf_id)},
      .val_service_id = seal_column_text(row, 2),
  };
  int rc = seal_record_open(b->p, sqlite3_column_int64(row, 0), &place, &record,
                            sqlite3_column_blob(row, 7), sqlite3_column_bytes(row, 7), &plain, &n,
                            b->err);
  if (rc != SQLITE_OK) return rc;
  sqlite3_str *text = sqlite3_str_new(NULL);
  sqlite3_str_appendall(text, "{\"val_user_id\":");
  append_text(text, record.val_user_id);
  sqlite3_str_appendall(text, ",\"val_ue_id\":");
  append_text(text, record.val_ue_id);
  sqlite3_str_appendall(text, ",\"client_id\":");
  append_text(text, record.client_id);
  sqlite3_str_appendall(text, ",\"key_format\":");
  append_text(text, record.key_format);
  sqlite3_str_appendall(text, ",\"user_uri\":");
  append_text(text, record.user_uri);
  sqlite3_str_appendall(text, ",\"key_info\":");
  append_text(text, (SealText){plain, n});
  sqlite3_str_appendall(text, "}");
  rc = sqlite3_str_errcode(text);
  size_t size = (size_t)sqlite3_str_length(text);
  char *json = sqlite3_str_finish(text);
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(seal_jwe_encrypt(b->p->crypto, b->jwk, strlen(b->jwk), json, size, &jwe));
  }
  if (rc == SQLITE_CONSTRAINT_VTAB) {
    rc = seal_refuse(b->err, SEAL_MANDATORY_IE_INCORRECT,
                     "the SEAL server's jwk is no P-256 key to encrypt key records to");
  }
  if (rc == SQLITE_OK) {
    sqlite3_str_appendf(b->out, "[%d,\"r\",\"%s\"]", sqlite3_column_int(row, 1), jwe);
  }
  seal_secret_free(json, json ? (int)size : 0);
  seal_secret_free(plain, n);
  free(jwe);
  return rc;
}

/* The rows of a configuration after a row id, as many as there is room for. */
static int append_rows(Builder *b, int64_t id, int identities, const char *conf_id, int64_t after) {
  sqlite3_stmt *row;
  const char *comma = "";
  sqlite3_str_appendall(b->out, ",\"rows\":[");
  int rc = seal_store_row(&b->p->store, identities ? SQL_BUNDLE_IDENTITIES : SQL_BUNDLE_RECORDS,
                          &row, "ii", id, after);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(row)) {
    if (*comma && is_full(b)) {
      b->last_row = after;
      break;
    }
    sqlite3_str_appendall(b->out, comma);
    int bad = identities ? append_identity(b, row) : append_record(b, conf_id, row);
    if (bad != SQLITE_OK) {
      rc = bad;
      break;
    }
    after = sqlite3_column_int64(row, 0);
    comma = ",";
  }
  seal_store_reset(row);
  sqlite3_str_appendall(b->out, "]}");
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* What a configuration refers to: agreement, terms, VAL server. */
static int tell_parents(Builder *b, int64_t id, const char *agreement_id,
                        const char *val_server_id) {
  sqlite3_stmt *row;
  int rc = tell(b, "seal_agreement", SQL_BUNDLE_AGREEMENT, 0, agreement_id);
  if (rc == SQLITE_OK) rc = tell(b, "seal_val_server", SQL_BUNDLE_VAL_SERVER, 0, val_server_id);
  if (rc != SQLITE_OK) return rc;
  rc = seal_store_row(&b->p->store, SQL_BUNDLE_CONFIGURATION_TERMS, &row, "i", id);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(row)) {
    sqlite3_str *name = sqlite3_str_new(NULL);
    for (int i = 0; i < 3; i++) {
      if (i) sqlite3_str_appendchar(name, 1, '/');
      seal_name_append(name, seal_column_text(row, i), 1);
    }
    char *text = sqlite3_str_finish(name);
    int bad = text ? tell(b, "seal_term", SQL_BUNDLE_TERM, 1, text) : SQLITE_NOMEM;
    sqlite3_free(text);
    if (bad != SQLITE_OK) {
      rc = bad;
      break;
    }
  }
  seal_store_reset(row);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A configuration that is there: its parents, its state, its rows after a row id. */
static int tell_found(Builder *b, const char *conf_id, sqlite3_stmt *row, int64_t after) {
  int64_t id = sqlite3_column_int64(row, 0);
  int rc = SQLITE_OK;
  SealText service = seal_column_text(row, 1);
  int identities = service.p != NULL && strcmp(service.p, SEAL_IDM) == 0;
  char *object = sqlite3_mprintf("seal_configuration:%s", conf_id);
  if (object == NULL) return SQLITE_NOMEM;
  /* Key parameters are for key management alone; of identities everyone is told something. */
  int allowed = identities || strcmp(b->seal_service, SEAL_KM) == 0;
  if (allowed && after == 0) {
    rc = tell_parents(b, id, (const char *)sqlite3_column_text(row, 2),
                      (const char *)sqlite3_column_text(row, 3));
  }
  if (rc == SQLITE_OK && allowed && open_object(b, object, &rc)) {
    if (after == 0) {
      sqlite3_str_appendf(b->out, ",\"state\":%s", (const char *)sqlite3_column_text(row, 4));
    }
    rc = append_rows(b, id, identities, conf_id, after);
  }
  sqlite3_free(object);
  return rc;
}

static int tell_configuration(Builder *b, const char *conf_id, int64_t after) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&b->p->store, SQL_BUNDLE_CONFIGURATION, &row, "t", conf_id);
  if (rc == SQLITE_ROW) {
    rc = tell_found(b, conf_id, row, after);
  } else if (rc == SQLITE_DONE) {
    char *object = sqlite3_mprintf("seal_configuration:%s", conf_id);
    rc = object ? SQLITE_OK : SQLITE_NOMEM;
    if (object != NULL && open_object(b, object, &rc))
      sqlite3_str_appendall(b->out, ",\"state\":null}");
    sqlite3_free(object);
  }
  seal_store_reset(row);
  return rc;
}

/************************************************************************************************
** Which objects.
*/
/* A term refers to its agreement, a VAL server too. */
static int tell_with_agreement(Builder *b, const char *kind, enum SealSql sql, int several,
                               const char *name) {
  char *copy = sqlite3_mprintf("%s", name), *parts[3];
  int rc = copy ? SQLITE_OK : SQLITE_NOMEM;
  if (rc == SQLITE_OK && several) {
    (void)seal_name_split(copy, parts);
    rc = tell(b, "seal_agreement", SQL_BUNDLE_AGREEMENT, 0, parts[0]);
  } else if (rc == SQLITE_OK) {
    sqlite3_stmt *row;
    rc = seal_store_row(&b->p->store, SQL_BUNDLE_VAL_SERVER_AGREEMENT, &row, "t", name);
    const char *agreement = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(row, 0) : NULL;
    if (agreement != NULL) rc = tell(b, "seal_agreement", SQL_BUNDLE_AGREEMENT, 0, agreement);
    if (rc == SQLITE_DONE) rc = SQLITE_OK;
    seal_store_reset(row);
  }
  sqlite3_free(copy);
  return rc == SQLITE_OK ? tell(b, kind, sql, several, name) : rc;
}

/* Tells of one object by its name, if it is for this server at all. */
static int tell_object(Builder *b, const char *object, int64_t after) {
  const char *mark = strchr(object, ':');
  size_t n = mark ? (size_t)(mark - object) : 0;
  if (n == 14 && memcmp(object, "seal_agreement", n) == 0) {
    return tell(b, "seal_agreement", SQL_BUNDLE_AGREEMENT, 0, mark + 1);
  }
  if (n == 9 && memcmp(object, "seal_term", n) == 0) {
    return tell_with_agreement(b, "seal_term", SQL_BUNDLE_TERM, 1, mark + 1);
  }
  if (n == 15 && memcmp(object, "seal_val_server", n) == 0) {
    return tell_with_agreement(b, "seal_val_server", SQL_BUNDLE_VAL_SERVER, 0, mark + 1);
  }
  if (n == 18 && memcmp(object, "seal_configuration", n) == 0) {
    return tell_configuration(b, mark + 1, after);
  }
  size_t service = strlen(b->seal_service);
  if (n == 11 && memcmp(object, "seal_policy", n) == 0 &&
      strncmp(mark + 1, b->seal_service, service) == 0 && mark[1 + service] == '/') {
    return tell(b, "seal_policy", SQL_BUNDLE_POLICY, 1, mark + 1);
  }
  return SQLITE_OK; /* credentials, anchors, SEAL servers: told to nobody */
}

/* One object of a statement that gives row id or number, and name; *id is 0 where there is none. */
static int next_object(Builder *b, enum SealSql sql, int64_t after, int64_t *id, char **object) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&b->p->store, sql, &row, "i", after);
  *id = 0;
  *object = NULL;
  if (rc == SQLITE_ROW) {
    *id = sqlite3_column_int64(row, 0);
    *object = sqlite3_mprintf("%s", (const char *)sqlite3_column_text(row, 1));
    if (*object == NULL) rc = SQLITE_NOMEM;
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Every change after `seq`, as far as there is room; rows of the first one's object after `row`. */
static int changes(Builder *b, int64_t seq, int64_t row, char to[PLACE], int64_t *last) {
  int64_t id = 0;
  int rc = SQLITE_OK;
  sqlite3_snprintf(PLACE, to, "%lld", (long long)seq);
  *last = seq;
  while (rc == SQLITE_OK && !is_full(b)) {
    char *object;
    rc = next_object(b, SQL_CHANGE_NEXT, seq, &id, &object);
    if (rc == SQLITE_OK && id != 0) rc = tell_object(b, object, row);
    sqlite3_free(object);
    if (rc != SQLITE_OK || id == 0) break;
    row = 0;
    if (b->last_row != 0) {
      sqlite3_snprintf(PLACE, to, "i%lld.%lld", (long long)id, (long long)b->last_row);
      *last = seq;
      return SQLITE_OK;
    }
    seq = id;
    *last = seq;
    sqlite3_snprintf(PLACE, to, "%lld", (long long)seq);
  }
  return rc;
}

/* A full copy from a place on: kind of object, row id, and row id of a row of it. */
static int full_copy(Builder *b, int64_t seq, int kind, int64_t id, int64_t row, char to[PLACE]) {
  static const enum SealSql kinds[] = {SQL_BUNDLE_ALL_AGREEMENT, SQL_BUNDLE_ALL_TERM,
                                       SQL_BUNDLE_ALL_VAL_SERVER, SQL_BUNDLE_ALL_POLICY,
                                       SQL_BUNDLE_ALL_CONFIGURATION};
  int rc = SQLITE_OK;
  while (rc == SQLITE_OK && kind < (int)(sizeof kinds / sizeof *kinds)) {
    char *object;
    int64_t next;
    if (is_full(b)) break;
    rc = next_object(b, kinds[kind], id, &next, &object);
    if (rc == SQLITE_OK && next != 0) rc = tell_object(b, object, row);
    sqlite3_free(object);
    row = 0;
    if (rc == SQLITE_OK && b->last_row != 0) break;
    id = next;
    if (next == 0) kind++;
  }
  if (rc == SQLITE_OK && kind == (int)(sizeof kinds / sizeof *kinds)) {
    sqlite3_snprintf(PLACE, to, "%lld", (long long)seq);
  } else {
    sqlite3_snprintf(PLACE, to, "f%lld.%d.%lld.%lld", (long long)seq, kind, (long long)id,
                     (long long)b->last_row);
  }
  return rc;
}

/* Reads numbers with points between them; returns how many there are, -1 for anything else. */
static int read_numbers(const char *text, int64_t out[4]) {
  int n = 0;
  while (n < 4 && *text >= '0' && *text <= '9') {
    char *end;
    out[n++] = strtoll(text, &end, 10);
    if (*end == 0) return n;
    if (*end != '.') return -1;
    text = end + 1;
  }
  return -1;
}

static int last_change(Seal *p, int64_t *seq) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&p->store, SQL_CHANGE_LAST, &row, "");
  *seq = rc == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
  seal_store_reset(row);
  return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* Gathers the objects after a place. */
static int gather(Builder *b, const char *from, char to[PLACE], int64_t *seq) {
  int64_t n[4];
  if (from == NULL) {
    int rc = last_change(b->p, seq);
    return rc == SQLITE_OK ? full_copy(b, *seq, 0, 0, 0, to) : rc;
  }
  if (from[0] == 'f' && read_numbers(from + 1, n) == 4 && n[1] < 5) {
    *seq = n[0];
    /* A row means that its object is the one after the row id. */
    return full_copy(b, n[0], (int)n[1], n[2], n[3], to);
  }
  if (from[0] == 'i' && read_numbers(from + 1, n) == 2 && n[0] > 0) {
    return changes(b, n[0] - 1, n[1], to, seq);
  }
  if (read_numbers(from, n) == 1) {
    int rc = last_change(b->p, seq);
    if (rc == SQLITE_OK && n[0] <= *seq) return changes(b, n[0], 0, to, seq);
    if (rc != SQLITE_OK) return rc;
  }
  return seal_refuse(b->err, SEAL_MANDATORY_IE_INCORRECT, "since is no place of this registrar's");
}

/************************************************************************************************
** The bundle.
*/
static int load_server(Builder *b, SealText seal_server_id) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&b->p->store, SQL_BUNDLE_SERVER, &row, "s", &seal_server_id);
  if (rc == SQLITE_ROW) {
    const char *jwk = (const char *)sqlite3_column_text(row, 1);
    sqlite3_snprintf(sizeof b->seal_service, b->seal_service, "%s",
                     (const char *)sqlite3_column_text(row, 0));
    b->identity = strcmp(b->seal_service, SEAL_IDM) == 0;
    b->jwk = jwk ? sqlite3_mprintf("%s", jwk) : NULL;
    SealText status = seal_column_text(row, 2);
    rc = jwk && b->jwk == NULL ? SQLITE_NOMEM : SQLITE_OK;
    if (rc == SQLITE_OK && (status.p == NULL || strcmp(status.p, "active") != 0)) {
      rc = seal_refuse(b->err, SEAL_REQUESTER_NOT_ACTIVE, "the SEAL server is not active");
    }
  } else if (rc == SQLITE_DONE) {
    rc = seal_refuse(b->err, SEAL_RESOURCE_CONTEXT_NOT_FOUND, "there is no such SEAL server");
  }
  seal_store_reset(row);
  return rc;
}

static void append_member(sqlite3_str *out, const char *name, const char *text) {
  sqlite3_str_appendf(out, ",\"%s\":", name);
  append_text(out, (SealText){text, text ? (int)strlen(text) : 0});
}

/* The payload around the objects. */
static char *payload(const Builder *b, const char *identifier, SealText aud, int64_t at,
                     const char *from, const char *to, int64_t seq, int more) {
  sqlite3_str *out = sqlite3_str_new(NULL);
  sqlite3_str_appendf(out, "{\"iat\":%lld,\"seq\":%lld,\"more\":%s", (long long)at, (long long)seq,
                      more ? "true" : "false");
  append_member(out, "iss", identifier);
  sqlite3_str_appendall(out, ",\"aud\":");
  append_text(out, aud);
  append_member(out, "seal_service", b->seal_service);
  append_member(out, "from", from);
  append_member(out, "to", to);
  const char *objects = sqlite3_str_value(b->out);
  sqlite3_str_appendall(out, ",\"objects\":[");
  if (objects != NULL) sqlite3_str_appendall(out, objects);
  sqlite3_str_appendall(out, "]}");
  return sqlite3_str_finish(out);
}

/* Whether there is more to tell after this bundle. */
static int is_more(Seal *p, const char *to, int64_t seq, int *more) {
  int64_t last;
  int rc = last_change(p, &last);
  *more = to[0] == 'i' || to[0] == 'f' || last > seq;
  return rc;
}

int seal_bundle(Seal *p, SealText seal_server_id, SealText since, int64_t at, char **jws,
                SealError *err) {
  Builder b = {.p = p, .err = err, .out = sqlite3_str_new(NULL), .told = json_object()};
  char to[PLACE], identifier[SEAL_ID_MAX + 1], *text = NULL, *signed_text = NULL;
  char *from = since.p ? sqlite3_mprintf("%.*s", since.n, since.p) : NULL;
  int64_t seq = 0;
  int more = 0;
  SealKey *key = NULL;
  *jws = NULL;
  int rc = b.told == NULL || (since.p && from == NULL) ? SQLITE_NOMEM : SQLITE_OK;
  if (rc == SQLITE_OK) rc = seal_flush(p); /* rows of this transaction that wait to be stored */
  if (rc == SQLITE_OK) rc = load_server(&b, seal_server_id);
  if (rc == SQLITE_OK) rc = seal_identifier(p, identifier);
  if (rc == SQLITE_OK) rc = seal_signing_key(p, &key, err);
  if (rc == SQLITE_OK) rc = gather(&b, from, to, &seq);
  if (rc == SQLITE_OK) rc = is_more(p, to, seq, &more);
  if (rc == SQLITE_OK) rc = sqlite3_str_errcode(b.out);
  if (rc == SQLITE_OK) {
    text = payload(&b, identifier, seal_server_id, at, from, to, seq, more);
    rc = text ? SQLITE_OK : SQLITE_NOMEM;
  }
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(
        seal_jws_sign(p->crypto, key, SEAL_BUNDLE_TYPE, text, strlen(text), &signed_text));
  }
  if (rc == SQLITE_OK) {
    *jws = sqlite3_mprintf("%s", signed_text);
    if (*jws == NULL) rc = SQLITE_NOMEM;
  }
  free(signed_text);
  seal_key_free(key);
  json_decref(b.told);
  sqlite3_free(sqlite3_str_finish(b.out));
  sqlite3_free(b.jwk);
  sqlite3_free(from);
  sqlite3_free(text);
  return rc;
}
