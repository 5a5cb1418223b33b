/* seal_jws(token, jwks), seal_jwt(token, jwks, policy) and seal_thumbprint(key_or_certificate); and for who has no key yet
** seal_generate_key([alg]), seal_public_key(jwk) and seal_sign(claims, jwk [, header]).
**
**    SELECT ok, reason, alg, kid, header, payload FROM seal_jws(:token, :jwks);
**    SELECT ok, reason, claims FROM seal_jwt(:token, :jwks, '{"iss": "as", "at": 1800000000}');
**
** The first two are eponymous virtual tables of exactly one row. What is refused is a row with
** ok = 0 and a reason; running out of memory, a fault inside, and a policy that is none are SQL
** errors, so that nobody takes them for an answer.
*/
#include <string.h>
#include "tables/function/function_jose.h"
#include "tables/relation/relation.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/text.h"
#include "crypto/jose/private.h"

SQLITE_EXTENSION_INIT3

/* Columns of both tables; the arguments are hidden columns, last. */
enum {
  COL_OK,
  COL_REASON,
  COL_ALG,
  COL_KID,
  COL_HEADER,
  COL_BODY,
  COL_TOKEN,
  COL_JWKS,
  COL_POLICY
};
enum { ARG_TOKEN, ARG_JWKS, ARG_POLICY, ARG_COUNT };

#define JOSE_CACHE 8 /* sets of keys that a table keeps parsed */

/* A set of keys, known again by the SHA-256 of its text: no text with a secret is kept. */
typedef struct JoseKeys {
  unsigned char digest[SEAL_SHA256_SIZE];
  SealKeySet *set;
  sqlite3_uint64 used;
} JoseKeys;

typedef struct JoseTable {
  sqlite3_vtab base;
  SealCrypto *crypto;
  int args; /* 2: seal_jws, 3: seal_jwt */
  sqlite3_uint64 clock;
  JoseKeys cache[JOSE_CACHE];
} JoseTable;

typedef struct JoseCursor {
  sqlite3_vtab_cursor base;
  int done;
  SealReason reason;
  SealJwt jwt; /* of seal_jws, only jwt.jws */
} JoseCursor;

/* Bytes of an argument: of a text its UTF-8, of a blob itself. */
typedef struct JoseBytes {
  const char *p;
  size_t n;
} JoseBytes;

static JoseBytes jose_bytes(sqlite3_value *value) {
  JoseBytes bytes;

  if (sqlite3_value_type(value) == SQLITE_BLOB) {
    bytes.p = sqlite3_value_blob(value);
  } else {
    bytes.p = (const char *)sqlite3_value_text(value);
  }
  bytes.n = (size_t)sqlite3_value_bytes(value);
  if (!bytes.p) bytes.n = 0;
  return bytes;
}

static int jose_error(sqlite3_vtab *vtab, char *text) {
  sqlite3_free(vtab->zErrMsg);
  vtab->zErrMsg = text;
  return text ? SQLITE_ERROR : SQLITE_NOMEM;
}

static int jose_connect(sqlite3 *db, SealCrypto *c, int args, sqlite3_vtab **out) {
  JoseTable *table;
  int rc = sqlite3_declare_vtab(
      db, args == 3 ? "CREATE TABLE x(ok, reason, alg, kid, header, claims, token HIDDEN, "
                      "jwks HIDDEN, policy HIDDEN)"
                    : "CREATE TABLE x(ok, reason, alg, kid, header, payload, token HIDDEN, "
                      "jwks HIDDEN)");

  if (rc != SQLITE_OK) return rc;
  table = sqlite3_malloc64(sizeof *table);
  if (!table) return SQLITE_NOMEM;
  memset(table, 0, sizeof *table);
  table->crypto = c;
  table->args = args;
  *out = &table->base;
  return SQLITE_OK;
}

static int jose_connect_jws(sqlite3 *db, void *aux, int argc, const char *const *argv,
                            sqlite3_vtab **out, char **error) {
  (void)argc;
  (void)argv;
  (void)error;
  return jose_connect(db, aux, 2, out);
}

static int jose_connect_jwt(sqlite3 *db, void *aux, int argc, const char *const *argv,
                            sqlite3_vtab **out, char **error) {
  (void)argc;
  (void)argv;
  (void)error;
  return jose_connect(db, aux, 3, out);
}

static int jose_disconnect(sqlite3_vtab *vtab) {
  JoseTable *table = (JoseTable *)vtab;

  for (int i = 0; i < JOSE_CACHE; i++) seal_keyset_free(table->cache[i].set);
  sqlite3_free(table);
  return SQLITE_OK;
}

/* Every argument is needed: a plan that cannot give one is refused, and a query that has none is
** an error. xFilter gets them in their order. */
static int jose_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info) {
  JoseTable *table = (JoseTable *)vtab;
  int found[ARG_COUNT] = {-1, -1, -1}, unusable = 0;

  for (int i = 0; i < info->nConstraint; i++) {
    int arg = info->aConstraint[i].iColumn - COL_TOKEN;

    if (arg < 0 || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    if (!info->aConstraint[i].usable) {
      unusable = 1;
    } else if (found[arg] < 0) {
      found[arg] = i;
    }
  }
  for (int arg = 0; arg < table->args; arg++) {
    if (found[arg] < 0) {
      if (unusable) return SQLITE_CONSTRAINT;
      return jose_error(vtab,
                        sqlite3_mprintf("%s needs %s", table->args == 3 ? "seal_jwt" : "seal_jws",
                                        table->args == 3 ? "a token, a JWK set and a policy"
                                                         : "a token and a JWK set"));
    }
    info->aConstraintUsage[found[arg]].argvIndex = arg + 1;
    info->aConstraintUsage[found[arg]].omit = 1;
  }
  info->estimatedCost = 100;
  info->estimatedRows = 1;
  info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
  return SQLITE_OK;
}

static int jose_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out) {
  JoseCursor *cursor = sqlite3_malloc64(sizeof *cursor);

  (void)vtab;
  if (!cursor) return SQLITE_NOMEM;
  memset(cursor, 0, sizeof *cursor);
  cursor->done = 1;
  *out = &cursor->base;
  return SQLITE_OK;
}

static int jose_close(sqlite3_vtab_cursor *base) {
  JoseCursor *cursor = (JoseCursor *)base;

  seal_jwt_clear(&cursor->jwt);
  sqlite3_free(cursor);
  return SQLITE_OK;
}

/* The parsed set of a text, from the cache or into it, in the place of the one unused longest. */
static SealReason jose_keys(JoseTable *table, JoseBytes text, const SealKeySet **out) {
  unsigned char digest[SEAL_SHA256_SIZE];
  SealReason reason = seal_sha256(table->crypto, text.p, text.n, digest);
  JoseKeys *oldest = &table->cache[0];
  SealKeySet *set = NULL;

  *out = NULL;
  if (reason != SEAL_VALID) return reason;
  for (int i = 0; i < JOSE_CACHE; i++) {
    JoseKeys *keys = &table->cache[i];

    if (keys->set && memcmp(keys->digest, digest, sizeof digest) == 0) {
      keys->used = ++table->clock;
      *out = keys->set;
      return SEAL_VALID;
    }
    if (keys->used < oldest->used) oldest = keys;
  }
  reason = seal_keyset_parse(table->crypto, text.p, text.n, SEAL_KEYSET_ANY, &set);
  if (reason != SEAL_VALID) return reason;
  seal_keyset_free(oldest->set);
  oldest->set = set;
  oldest->used = ++table->clock;
  memcpy(oldest->digest, digest, sizeof digest);
  *out = set;
  return SEAL_VALID;
}

/* --- The policy of seal_jwt: JSON ----------------------------------------------------------- */

/* The policy, and what it points into. */
typedef struct JosePolicy {
  SealJwtPolicy policy;
  json_t *root;
  const char *algs[16];
} JosePolicy;

/* Each reader below takes one member and gives NULL, or what the member must be. */
typedef const char *(*JoseRead)(JosePolicy *, const json_t *);

static const char *jose_read_iss(JosePolicy *p, const json_t *value) {
  p->policy.iss = json_string_value(value);
  return p->policy.iss ? NULL : "a string";
}

static const char *jose_read_aud(JosePolicy *p, const json_t *value) {
  p->policy.aud[0] = json_string_value(value);
  return p->policy.aud[0] ? NULL : "a string";
}

static const char *jose_read_at(JosePolicy *p, const json_t *value) {
  static const char what[] = "an instant: RFC 3339, a date, or seconds since 1970";

  if (json_is_string(value)) {
    return seal_instant_parse(json_string_value(value), json_string_length(value), &p->policy.at)
               ? what
               : NULL;
  }
  p->policy.at = json_integer_value(value);
  if (p->policy.at < SEAL_INSTANT_MIN || p->policy.at > SEAL_INSTANT_MAX) return what;
  return json_is_integer(value) ? NULL : what;
}

static const char *jose_read_leeway(JosePolicy *p, const json_t *value) {
  p->policy.leeway = json_integer_value(value);
  return json_is_integer(value) && p->policy.leeway >= 0 && p->policy.leeway <= 30
             ? NULL
             : "an integer from 0 to 30";
}

static const char *jose_read_lifetime(JosePolicy *p, const json_t *value) {
  p->policy.max_lifetime = json_integer_value(value);
  return json_is_integer(value) && p->policy.max_lifetime > 0 ? NULL : "a positive integer";
}

static const char *jose_read_algs(JosePolicy *p, const json_t *value) {
  static const char what[] =
      "an array of algorithms of RFC 7518 3.1, EdDSA, Ed25519 or Ed448, each once";
  size_t n = json_array_size(value);

  if (!json_is_array(value) || n >= sizeof p->algs / sizeof *p->algs) return what;
  for (size_t i = 0; i < n; i++) {
    const char *name = json_string_value(json_array_get(value, i));

    if (!name || !seal_alg_known(name)) return what;
    p->algs[i] = name;
  }
  p->policy.algs = p->algs;
  return NULL;
}

static const char *jose_read_typ(JosePolicy *p, const json_t *value) {
  p->policy.typ = json_string_value(value);
  return p->policy.typ ? NULL : "a string or null";
}

static const char *jose_read_x5t(JosePolicy *p, const json_t *value) {
  unsigned char hash[SEAL_SHA256_SIZE + 1];
  const char *text = json_string_value(value);

  p->policy.x5t_s256 = text;
  if (text && text[0] == 0) return NULL;
  return text && strlen(text) == 43 && seal_b64url_decode(text, 43, hash) == SEAL_SHA256_SIZE
             ? NULL
             : "the x5t#S256 of a certificate, or \"\"";
}

/* Reads the members; null is as if absent, but for typ, where it means any. Gives SQLITE_OK, or an
** error that names the member. */
static int jose_policy_members(sqlite3_vtab *vtab, JosePolicy *p) {
  static const struct {
    const char *name;
    JoseRead read;
  } member[] = {{"iss", jose_read_iss},      {"aud", jose_read_aud},
                {"at", jose_read_at},        {"leeway", jose_read_leeway},
                {"algs", jose_read_algs},    {"max_lifetime", jose_read_lifetime},
                {"x5t#S256", jose_read_x5t}, {"typ", jose_read_typ}};
  const size_t count = sizeof member / sizeof *member;
  const char *name, *wrong;
  json_t *value;

  json_object_foreach(p->root, name, value) {
    size_t i = 0;

    while (i < count && strcmp(member[i].name, name) != 0) i++;
    if (i == count) {
      return jose_error(vtab,
                        sqlite3_mprintf("seal_jwt: policy has an unknown member \"%w\"", name));
    }
    if (json_is_null(value)) {
      if (strcmp(name, "typ") == 0) p->policy.any_typ = 1;
      continue;
    }
    wrong = member[i].read(p, value);
    if (wrong) {
      return jose_error(vtab,
                        sqlite3_mprintf("seal_jwt: policy member \"%s\" must be %s", name, wrong));
    }
  }
  value = json_object_get(p->root, "at");
  if (!value || json_is_null(value)) {
    return jose_error(vtab, sqlite3_mprintf("seal_jwt: policy needs the member \"at\""));
  }
  return SQLITE_OK;
}

/* Reads a policy; p->root is the caller's also on error. A token that is bound to a certificate is
** refused where the policy names none: a bound token is no bearer token (RFC 8705 3). */
static int jose_policy(sqlite3_vtab *vtab, JoseBytes text, JosePolicy *p) {
  SealReason reason;

  memset(p, 0, sizeof *p);
  p->policy.x5t_s256 = "";
  reason = text.p ? seal_json_parse(text.p, text.n, 8, &p->root) : SEAL_REASON_JSON_INVALID;
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  if (reason != SEAL_VALID || !json_is_object(p->root)) {
    return jose_error(vtab, sqlite3_mprintf("seal_jwt: policy is not a JSON object"));
  }
  return jose_policy_members(vtab, p);
}

/* --- The one row ---------------------------------------------------------------------------- */

static int jose_filter(sqlite3_vtab_cursor *base, int index, const char *index_text, int argc,
                       sqlite3_value **argv) {
  JoseCursor *cursor = (JoseCursor *)base;
  JoseTable *table = (JoseTable *)base->pVtab;
  JoseBytes token = jose_bytes(argv[ARG_TOKEN]), jwks = jose_bytes(argv[ARG_JWKS]);
  JosePolicy policy = {.root = NULL};
  const SealKeySet *set = NULL;
  int rc = SQLITE_OK;

  (void)index;
  (void)index_text;
  (void)argc;
  seal_jwt_clear(&cursor->jwt);
  cursor->done = 0;
  if (table->args == 3) rc = jose_policy(&table->base, jose_bytes(argv[ARG_POLICY]), &policy);
  if (rc == SQLITE_OK) {
    cursor->reason = jose_keys(table, jwks, &set);
    if (cursor->reason == SEAL_VALID && table->args == 3) {
      cursor->reason =
          seal_jwt_verify(table->crypto, token.p, token.n, set, &policy.policy, &cursor->jwt);
    } else if (cursor->reason == SEAL_VALID) {
      cursor->reason =
          seal_jws_verify(table->crypto, token.p, token.n, set, NULL, &cursor->jwt.jws);
    }
    if (cursor->reason == SEAL_NOMEM) rc = SQLITE_NOMEM;
    if (cursor->reason == SEAL_INTERNAL) {
      rc = jose_error(&table->base, sqlite3_mprintf("cryptography failed inside"));
    }
  }
  json_decref(policy.root);
  return rc;
}

static int jose_next(sqlite3_vtab_cursor *base) {
  ((JoseCursor *)base)->done = 1;
  return SQLITE_OK;
}

static int jose_eof(sqlite3_vtab_cursor *base) {
  return ((JoseCursor *)base)->done;
}

static int jose_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
  (void)base;
  *rowid = 1;
  return SQLITE_OK;
}

/* 1 if the bytes are UTF-8 (RFC 3629) without NUL, so that SQL can take them as a text. */
static int jose_is_text(const unsigned char *p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    unsigned char first = p[i], second = i + 1 < n ? p[i + 1] : 0;
    size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;

    if (first == 0 || (first >= 0x80 && first < 0xc2) || first > 0xf4 || more >= n - i) return 0;
    /* Overlong forms, surrogates, and what is above U+10FFFF. */
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
        (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
      return 0;
    }
    for (; more > 0; more--) {
      if ((p[++i] & 0xc0) != 0x80) return 0;
    }
  }
  return 1;
}

/* The payload, only of a token that is believed: a text where it is one, else a blob. */
static void jose_result_body(sqlite3_context *context, const SealJws *jws) {
  const char *body = (const char *)jws->payload;

  if (jose_is_text(jws->payload, jws->payload_size)) {
    sqlite3_result_text64(context, body, jws->payload_size, SQLITE_TRANSIENT, SQLITE_UTF8);
  } else {
    sqlite3_result_blob64(context, body, jws->payload_size, SQLITE_TRANSIENT);
  }
}

static int jose_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column) {
  const JoseCursor *cursor = (const JoseCursor *)base;
  const SealJws *jws = &cursor->jwt.jws;
  int ok = cursor->reason == SEAL_VALID;

  switch (column) {
  case COL_OK:
    sqlite3_result_int(context, ok);
    break;
  case COL_REASON:
    if (!ok) sqlite3_result_text(context, seal_reason_text(cursor->reason), -1, SQLITE_STATIC);
    break;
  case COL_ALG:
    if (jws->alg[0]) sqlite3_result_text(context, jws->alg, -1, SQLITE_TRANSIENT);
    break;
  case COL_KID:
    if (jws->kid) sqlite3_result_text(context, jws->kid, -1, SQLITE_TRANSIENT);
    break;
  case COL_HEADER:
    if (jws->header) sqlite3_result_text(context, jws->header_text, -1, SQLITE_TRANSIENT);
    break;
  case COL_BODY:
    if (ok) jose_result_body(context, jws);
    break;
  default:
    break; /* the arguments are not given back: a key may be a secret */
  }
  return SQLITE_OK;
}

static void jose_thumbprint(sqlite3_context *context, int argc, sqlite3_value **argv) {
  JoseBytes bytes = jose_bytes(argv[0]);
  char text[44];
  SealReason reason;

  (void)argc;
  if (sqlite3_value_type(argv[0]) == SQLITE_NULL) return;
  reason = seal_thumbprint(sqlite3_user_data(context), bytes.p, bytes.n, text);
  if (reason == SEAL_VALID) {
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
  } else if (reason == SEAL_NOMEM) {
    sqlite3_result_error_nomem(context);
  } else if (reason == SEAL_INTERNAL) {
    sqlite3_result_error(context, "cryptography failed inside", -1);
  } else {
    sqlite3_result_error(context, "seal_thumbprint: neither a JWK nor a certificate", -1);
  }
}

/* Gives a text that holds a secret, and wipes it; or why there is none. */
static void give(sqlite3_context *context, const char *function, SealReason reason, char *text) {
  if (reason == SEAL_VALID) {
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
    seal_wipe(text, strlen(text));
    free(text);
  } else if (reason == SEAL_NOMEM) {
    sqlite3_result_error_nomem(context);
  } else {
    seal_function_fail(context, sqlite3_mprintf("%s: %s", function, seal_reason_text(reason)));
  }
}

/* seal_generate_key([alg]): a new private key as a JWK. */
static void jose_generate(sqlite3_context *context, int argc, sqlite3_value **argv) {
  const char *alg = argc ? (const char *)sqlite3_value_text(argv[0]) : NULL;
  char *jwk = NULL;
  SealReason reason = seal_private_make(sqlite3_user_data(context), alg ? alg : "ES256", &jwk);
  give(context, "seal_generate_key", reason, jwk);
}

/* seal_public_key(jwk): its public half. */
static void jose_public(sqlite3_context *context, int argc, sqlite3_value **argv) {
  JoseBytes jwk = jose_bytes(argv[0]);
  char *half = NULL;
  (void)argc;
  if (sqlite3_value_type(argv[0]) == SQLITE_NULL) return;
  SealReason reason = seal_private_half(sqlite3_user_data(context), jwk.p, jwk.n, &half);
  give(context, "seal_public_key", reason, half);
}

/* seal_sign(claims, jwk [, header]): a compact JWS. */
static void jose_sign(sqlite3_context *context, int argc, sqlite3_value **argv) {
  JoseBytes claims = jose_bytes(argv[0]), jwk = jose_bytes(argv[1]), header = {NULL, 0};
  char *token = NULL;
  if (sqlite3_value_type(argv[0]) == SQLITE_NULL || sqlite3_value_type(argv[1]) == SQLITE_NULL)
    return;
  if (argc > 2 && sqlite3_value_type(argv[2]) != SQLITE_NULL) header = jose_bytes(argv[2]);
  SealReason reason = seal_private_sign(sqlite3_user_data(context), jwk.p, jwk.n, header.p,
                                        header.n, claims.p, claims.n, &token);
  give(context, "seal_sign", reason, token);
}

static const sqlite3_module jose_jws = {.iVersion = 0,
                                        .xConnect = jose_connect_jws,
                                        .xBestIndex = jose_best_index,
                                        .xDisconnect = jose_disconnect,
                                        .xOpen = jose_open,
                                        .xClose = jose_close,
                                        .xFilter = jose_filter,
                                        .xNext = jose_next,
                                        .xEof = jose_eof,
                                        .xColumn = jose_column,
                                        .xRowid = jose_rowid};

static const sqlite3_module jose_jwt = {.iVersion = 0,
                                        .xConnect = jose_connect_jwt,
                                        .xBestIndex = jose_best_index,
                                        .xDisconnect = jose_disconnect,
                                        .xOpen = jose_open,
                                        .xClose = jose_close,
                                        .xFilter = jose_filter,
                                        .xNext = jose_next,
                                        .xEof = jose_eof,
                                        .xColumn = jose_column,
                                        .xRowid = jose_rowid};

int seal_jose_register(sqlite3 *db, SealCrypto *c) {
  int rc = sqlite3_create_module_v2(db, "seal_jws", &jose_jws, c, NULL);

  if (rc == SQLITE_OK) rc = sqlite3_create_module_v2(db, "seal_jwt", &jose_jwt, c, NULL);
  if (rc == SQLITE_OK) {
    rc = sqlite3_create_function_v2(db, "seal_thumbprint", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, c,
                                    jose_thumbprint, NULL, NULL, NULL);
  }
  static const struct {
    const char *name;
    int n_args, flags;
    void (*run)(sqlite3_context *, int, sqlite3_value **);
  } functions[] = {
      {"seal_generate_key", 0, SQLITE_DIRECTONLY, jose_generate},
      {"seal_generate_key", 1, SQLITE_DIRECTONLY, jose_generate},
      {"seal_public_key", 1, SQLITE_DETERMINISTIC, jose_public},
      {"seal_sign", 2, SQLITE_DIRECTONLY, jose_sign},
      {"seal_sign", 3, SQLITE_DIRECTONLY, jose_sign},
  };
  for (size_t i = 0; rc == SQLITE_OK && i < sizeof functions / sizeof *functions; i++) {
    rc = sqlite3_create_function_v2(db, functions[i].name, functions[i].n_args,
                                    SQLITE_UTF8 | functions[i].flags, c, functions[i].run, NULL,
                                    NULL, NULL);
  }
  return rc;
}
