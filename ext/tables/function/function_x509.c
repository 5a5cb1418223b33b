/* seal_x509(chain, anchors, options): a certificate chain judged in SQL; seal_this_update(crl), seal_next_update(crl): from
** when and until when a CRL holds.
**
**    SELECT ok, reason, subject, san, not_after
**      FROM seal_x509(:chain, :anchors, '{"at": "2026-11-30", "identity": {"dns": "v2x.example"}}');
**
** An eponymous virtual table of exactly one row, and pure: it looks at its arguments alone. What is
** refused is a row with ok = 0 and a reason; running out of memory, a fault inside, and options
** that are none are SQL errors, so that nobody takes them for an answer. Chain and anchors are PEM
** text, or blobs of PEM or DER; NULL is as if empty.
*/
#include <string.h>
#include "tables/function/function_x509.h"
#include "base/instant.h"
#include "base/json.h"

SQLITE_EXTENSION_INIT3

/* The arguments are hidden columns, last. */
enum {
  COL_OK,
  COL_REASON,
  COL_SUBJECT,
  COL_SAN,
  COL_NOT_BEFORE,
  COL_NOT_AFTER,
  COL_THUMBPRINT,
  COL_CHAIN,
  COL_ANCHORS,
  COL_OPTIONS
};
enum { ARG_CHAIN, ARG_ANCHORS, ARG_OPTIONS, ARG_COUNT };

#define X509_CACHE        4   /* sets of anchors and CRLs that a connection keeps parsed */
#define X509_POLICIES_MAX 64  /* OIDs in the options */
#define X509_OID_MAX      128 /* characters of one */

/* A set, known again by the SHA-256 of its anchors and of its CRLs. */
typedef struct X509Set {
  unsigned char anchors[SEAL_SHA256_SIZE], crls[SEAL_SHA256_SIZE];
  int has_crls;
  SealCertSet *set;
  sqlite3_uint64 used;
} X509Set;

typedef struct X509Table {
  sqlite3_vtab base;
  SealCrypto *crypto;
  sqlite3_uint64 clock;
  X509Set cache[X509_CACHE];
} X509Table;

typedef struct X509Cursor {
  sqlite3_vtab_cursor base;
  int done;
  SealReason reason;
  SealX509 x509;
} X509Cursor;

/* Bytes of an argument: of a text its UTF-8, of a blob itself. */
typedef struct X509Bytes {
  const char *p;
  size_t n;
} X509Bytes;

static int x509_bytes(sqlite3_value *value, X509Bytes *out) {
  int type = sqlite3_value_type(value);

  out->p =
      type == SQLITE_BLOB ? sqlite3_value_blob(value) : (const char *)sqlite3_value_text(value);
  out->n = (size_t)sqlite3_value_bytes(value);
  if (out->p) return SQLITE_OK;
  if (type != SQLITE_NULL && (type != SQLITE_BLOB || out->n > 0)) return SQLITE_NOMEM;
  out->p = "";
  out->n = 0;
  return SQLITE_OK;
}

static int x509_error(sqlite3_vtab *vtab, char *text) {
  sqlite3_free(vtab->zErrMsg);
  vtab->zErrMsg = text;
  return text ? SQLITE_ERROR : SQLITE_NOMEM;
}

/* --- The table ------------------------------------------------------------------------------ */

static int x509_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                        sqlite3_vtab **out, char **error) {
  X509Table *table;
  int rc = sqlite3_declare_vtab(db, "CREATE TABLE x(ok, reason, subject, san, not_before, "
                                    "not_after, thumbprint, chain HIDDEN, anchors HIDDEN, "
                                    "options HIDDEN)");

  (void)argc;
  (void)argv;
  (void)error;
  if (rc != SQLITE_OK) return rc;
  table = sqlite3_malloc64(sizeof *table);
  if (!table) return SQLITE_NOMEM;
  memset(table, 0, sizeof *table);
  table->crypto = aux;
  *out = &table->base;
  return SQLITE_OK;
}

static int x509_disconnect(sqlite3_vtab *vtab) {
  X509Table *table = (X509Table *)vtab;

  for (int i = 0; i < X509_CACHE; i++) seal_certset_free(table->cache[i].set);
  sqlite3_free(table);
  return SQLITE_OK;
}

/* Every argument is needed: a plan that cannot give one is refused, and a query that has none is
** an error. xFilter gets them in their order. */
static int x509_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info) {
  int found[ARG_COUNT] = {-1, -1, -1}, unusable = 0;

  for (int i = 0; i < info->nConstraint; i++) {
    int arg = info->aConstraint[i].iColumn - COL_CHAIN;

    if (arg < 0 || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    if (!info->aConstraint[i].usable) {
      unusable = 1;
    } else if (found[arg] < 0) {
      found[arg] = i;
    }
  }
  for (int arg = 0; arg < ARG_COUNT; arg++) {
    if (found[arg] < 0) {
      if (unusable) return SQLITE_CONSTRAINT;
      return x509_error(vtab, sqlite3_mprintf("seal_x509 needs a chain, anchors and options"));
    }
    info->aConstraintUsage[found[arg]].argvIndex = arg + 1;
    info->aConstraintUsage[found[arg]].omit = 1;
  }
  info->estimatedCost = 1000;
  info->estimatedRows = 1;
  info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
  return SQLITE_OK;
}

static int x509_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out) {
  X509Cursor *cursor = sqlite3_malloc64(sizeof *cursor);

  (void)vtab;
  if (!cursor) return SQLITE_NOMEM;
  memset(cursor, 0, sizeof *cursor);
  cursor->done = 1;
  *out = &cursor->base;
  return SQLITE_OK;
}

static int x509_close(sqlite3_vtab_cursor *base) {
  X509Cursor *cursor = (X509Cursor *)base;

  seal_x509_clear(&cursor->x509);
  sqlite3_free(cursor);
  return SQLITE_OK;
}

/* --- The options: JSON ---------------------------------------------------------------------- */

/* The options, and what they point into. */
typedef struct X509Options {
  SealX509Policy policy;
  const char *crls; /* NULL: none are given */
  size_t n_crls;
  json_t *root;
  const char *policies[X509_POLICIES_MAX + 1];
} X509Options;

/* Each reader below takes one member and gives NULL, or what the member must be. */
typedef const char *(*X509Read)(X509Options *, const json_t *);

static const char *x509_read_at(X509Options *o, const json_t *value) {
  static const char what[] = "an instant: RFC 3339, a date, or seconds since 1970";

  if (json_is_string(value)) {
    return seal_instant_parse(json_string_value(value), json_string_length(value), &o->policy.at)
               ? what
               : NULL;
  }
  o->policy.at = json_integer_value(value);
  if (o->policy.at < SEAL_INSTANT_MIN || o->policy.at > SEAL_INSTANT_MAX) return what;
  return json_is_integer(value) ? NULL : what;
}

static const char *x509_read_purpose(X509Options *o, const json_t *value) {
  const char *text = json_is_string(value) ? json_string_value(value) : "";

  if (strcmp(text, "client") == 0) {
    o->policy.purpose = SEAL_X509_CLIENT;
  } else if (strcmp(text, "server") == 0) {
    o->policy.purpose = SEAL_X509_SERVER;
  } else if (strcmp(text, "path") == 0) {
    o->policy.purpose = SEAL_X509_PATH;
  } else {
    return "\"client\", \"server\" or \"path\"";
  }
  return NULL;
}

static const char *x509_read_identity(X509Options *o, const json_t *value) {
  static const char what[] = "an object with one string: {\"dns\"|\"uri\"|\"ip\": value}";
  static const char *const kind[] = {
      [SEAL_SAN_DNS] = "dns", [SEAL_SAN_URI] = "uri", [SEAL_SAN_IP] = "ip"};

  if (!json_is_object(value) || json_object_size(value) != 1) return what;
  for (int i = SEAL_SAN_DNS; i <= SEAL_SAN_IP; i++) {
    const json_t *identity = json_object_get(value, kind[i]);

    if (!json_is_string(identity)) continue;
    o->policy.san = i;
    o->policy.identity = json_string_value(identity);
    return NULL;
  }
  return what;
}

static const char *x509_read_crls(X509Options *o, const json_t *value) {
  o->crls = json_string_value(value);
  o->n_crls = json_string_length(value);
  return o->crls ? NULL : "a string: CRLs in PEM";
}

/* 1 if the text is an OID in numbers (X.660 7.6): 2 arcs or more, no leading zeros; the first up to
** 2, the second below 40 where the first is not 2. */
static int x509_is_oid(const char *text) {
  size_t n = text ? strlen(text) : 0;
  int arcs = 0;

  if (n < 3 || n > X509_OID_MAX || text[0] < '0' || text[0] > '2' || text[1] != '.') return 0;
  for (const char *p = text; *p; arcs++) {
    size_t digits = strspn(p, "0123456789");

    if (digits == 0 || (digits > 1 && *p == '0')) return 0;
    if (arcs == 1 && text[0] != '2' && (digits > 2 || (digits == 2 && *p > '3'))) return 0;
    p += digits;
    if (*p == '.' && p[1])
      p++;
    else if (*p)
      return 0;
  }
  return arcs >= 2;
}

static const char *x509_read_policies(X509Options *o, const json_t *value) {
  static const char what[] = "an array of 1 to 64 OIDs such as \"1.3.6.1.4.1.1\"";
  size_t n = json_array_size(value);

  if (n < 1 || n > X509_POLICIES_MAX) return what;
  for (size_t i = 0; i < n; i++) {
    o->policies[i] = json_string_value(json_array_get(value, i));
    if (!x509_is_oid(o->policies[i])) return what;
  }
  o->policy.policies = o->policies;
  return NULL;
}

static const char *x509_read_flag(int *flag, const json_t *value) {
  if (json_is_integer(value) && (json_integer_value(value) & ~1) == 0) {
    *flag = (int)json_integer_value(value);
    return NULL;
  }
  *flag = json_is_true(value);
  return json_is_boolean(value) ? NULL : "true or false";
}

static const char *x509_read_explicit(X509Options *o, const json_t *value) {
  return x509_read_flag(&o->policy.explicit_policy, value);
}

static const char *x509_read_mapping(X509Options *o, const json_t *value) {
  return x509_read_flag(&o->policy.inhibit_mapping, value);
}

static const char *x509_read_any(X509Options *o, const json_t *value) {
  return x509_read_flag(&o->policy.inhibit_any_policy, value);
}

/* Reads the members; null is as if absent. Gives SQLITE_OK, or an error that names the member. */
static int x509_option_members(sqlite3_vtab *vtab, X509Options *o) {
  static const struct {
    const char *name;
    X509Read read;
  } member[] = {{"at", x509_read_at},
                {"purpose", x509_read_purpose},
                {"identity", x509_read_identity},
                {"crls", x509_read_crls},
                {"policies", x509_read_policies},
                {"explicit_policy", x509_read_explicit},
                {"inhibit_mapping", x509_read_mapping},
                {"inhibit_any_policy", x509_read_any}};
  const size_t count = sizeof member / sizeof *member;
  const char *name, *wrong;
  json_t *value;

  json_object_foreach(o->root, name, value) {
    size_t i = 0;

    while (i < count && strcmp(member[i].name, name) != 0) i++;
    if (i == count) {
      return x509_error(vtab,
                        sqlite3_mprintf("seal_x509: options have an unknown member \"%w\"", name));
    }
    wrong = json_is_null(value) ? NULL : member[i].read(o, value);
    if (wrong) {
      return x509_error(
          vtab, sqlite3_mprintf("seal_x509: options member \"%s\" must be %s", name, wrong));
    }
  }
  value = json_object_get(o->root, "at");
  if (!value || json_is_null(value)) {
    return x509_error(vtab, sqlite3_mprintf("seal_x509: options need the member \"at\""));
  }
  return SQLITE_OK;
}

/* Reads the JSON twice: jansson leaves out bytes that it has no memory for, and says nothing. What is
** not the same both times is none; *out is the caller's. */
static SealReason x509_json(X509Bytes text, json_t **out) {
  json_t *again = NULL;
  SealReason reason = seal_json_parse(text.p, text.n, 4, out);
  SealReason second = seal_json_parse(text.p, text.n, 4, &again);

  if (reason != second || (reason == SEAL_VALID && !json_equal(*out, again))) reason = SEAL_NOMEM;
  json_decref(again);
  return reason;
}

/* Reads the options; o->root is the caller's also on error. */
static int x509_options(sqlite3_vtab *vtab, X509Bytes text, X509Options *o) {
  SealReason reason;

  memset(o, 0, sizeof *o);
  reason = x509_json(text, &o->root);
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  if (reason != SEAL_VALID || !json_is_object(o->root)) {
    return x509_error(vtab, sqlite3_mprintf("seal_x509: options are not a JSON object"));
  }
  return x509_option_members(vtab, o);
}

/* --- The one row ---------------------------------------------------------------------------- */

/* The parsed set, from the cache or into it, in the place of the one unused longest. */
static SealReason x509_set(X509Table *table, X509Bytes anchors, const X509Options *o,
                           const SealCertSet **out) {
  X509Set key = {.has_crls = o->crls != NULL}, *oldest = &table->cache[0];
  SealReason reason;

  *out = NULL;
  if (anchors.n > SEAL_ANCHORS_MAX) return SEAL_REASON_ANCHORS_TOO_LARGE;
  if (o->n_crls > SEAL_CRL_MAX) return SEAL_REASON_CRL_TOO_LARGE;
  reason = seal_sha256(table->crypto, anchors.p, anchors.n, key.anchors);
  if (reason == SEAL_VALID && o->crls) {
    reason = seal_sha256(table->crypto, o->crls, o->n_crls, key.crls);
  }
  /* There is nothing else that a hash of bytes in memory can fail for. */
  if (reason != SEAL_VALID) return SEAL_NOMEM;
  for (int i = 0; i < X509_CACHE; i++) {
    X509Set *kept = &table->cache[i];

    if (kept->set && kept->has_crls == key.has_crls &&
        memcmp(kept->anchors, key.anchors, sizeof key.anchors) == 0 &&
        memcmp(kept->crls, key.crls, sizeof key.crls) == 0) {
      kept->used = ++table->clock;
      *out = kept->set;
      return SEAL_VALID;
    }
    if (kept->used < oldest->used) oldest = kept;
  }
  reason = seal_certset_parse(table->crypto, anchors.p, anchors.n, o->crls, o->n_crls, &key.set);
  if (reason != SEAL_VALID) return reason;
  seal_certset_free(oldest->set);
  key.used = ++table->clock;
  *oldest = key;
  *out = key.set;
  return SEAL_VALID;
}

static int x509_judge(X509Table *table, X509Cursor *cursor, X509Bytes chain, X509Bytes anchors,
                      const X509Options *o) {
  const SealCertSet *set;

  seal_x509_clear(&cursor->x509);
  cursor->x509.not_before = cursor->x509.not_after = INT64_MIN;
  cursor->reason = x509_set(table, anchors, o, &set);
  if (cursor->reason == SEAL_VALID) {
    cursor->reason =
        seal_x509_verify(table->crypto, chain.p, chain.n, set, &o->policy, &cursor->x509);
  }
  if (cursor->reason == SEAL_NOMEM) return SQLITE_NOMEM;
  if (cursor->reason == SEAL_INTERNAL) {
    return x509_error(&table->base, sqlite3_mprintf("cryptography failed inside"));
  }
  return SQLITE_OK;
}

static int x509_filter(sqlite3_vtab_cursor *base, int index, const char *index_text, int argc,
                       sqlite3_value **argv) {
  X509Cursor *cursor = (X509Cursor *)base;
  X509Table *table = (X509Table *)base->pVtab;
  X509Bytes bytes[ARG_COUNT];
  X509Options options = {.root = NULL};
  int rc = SQLITE_OK;

  (void)index;
  (void)index_text;
  (void)argc;
  cursor->done = 0;
  for (int arg = 0; arg < ARG_COUNT && rc == SQLITE_OK; arg++) {
    rc = x509_bytes(argv[arg], &bytes[arg]);
  }
  if (rc == SQLITE_OK) rc = x509_options(&table->base, bytes[ARG_OPTIONS], &options);
  if (rc == SQLITE_OK) {
    rc = x509_judge(table, cursor, bytes[ARG_CHAIN], bytes[ARG_ANCHORS], &options);
  }
  json_decref(options.root);
  return rc;
}

static int x509_next(sqlite3_vtab_cursor *base) {
  ((X509Cursor *)base)->done = 1;
  return SQLITE_OK;
}

static int x509_eof(sqlite3_vtab_cursor *base) {
  return ((X509Cursor *)base)->done;
}

static int x509_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
  (void)base;
  *rowid = 1;
  return SQLITE_OK;
}

static void x509_result_text(sqlite3_context *context, const char *text) {
  if (text) sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static void x509_result_instant(sqlite3_context *context, int64_t t) {
  char text[SEAL_INSTANT_SIZE];

  if (t == INT64_MIN) return;
  seal_instant_text(t, text);
  sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static void x509_result_json(sqlite3_context *context, const json_t *value) {
  char *text;

  if (!value) return;
  text = json_dumps(value, JSON_COMPACT);
  if (text) {
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
  } else {
    sqlite3_result_error_nomem(context);
  }
  free(text);
}

/* A column that is not known is NULL: what is left when nothing is set. */
static int x509_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column) {
  const X509Cursor *cursor = (const X509Cursor *)base;
  const SealX509 *x = &cursor->x509;

  switch (column) {
  case COL_OK:
    sqlite3_result_int(context, cursor->reason == SEAL_VALID);
    break;
  case COL_REASON:
    if (cursor->reason != SEAL_VALID) x509_result_text(context, seal_reason_text(cursor->reason));
    break;
  case COL_SUBJECT:
    x509_result_text(context, x->subject);
    break;
  case COL_SAN:
    x509_result_json(context, x->san);
    break;
  case COL_NOT_BEFORE:
    x509_result_instant(context, x->not_before);
    break;
  case COL_NOT_AFTER:
    x509_result_instant(context, x->not_after);
    break;
  case COL_THUMBPRINT:
    if (x->thumbprint[0]) x509_result_text(context, x->thumbprint);
    break;
  default:
    break;
  }
  return SQLITE_OK;
}

/* What a CRL says of its time: when it was issued, or when the next one is due. NULL gives NULL; what is no CRL, or says
** no such time, is an error. */
static void x509_crl_time(sqlite3_context *context, sqlite3_value **argv, int next) {
  X509Bytes crl;
  int64_t issued, due;

  if (sqlite3_value_type(argv[0]) == SQLITE_NULL) return;
  if (x509_bytes(argv[0], &crl) != SQLITE_OK) {
    sqlite3_result_error_nomem(context);
    return;
  }
  SealReason reason = seal_crl_period(sqlite3_user_data(context), crl.p, crl.n, &issued, &due);
  if (reason == SEAL_VALID) {
    x509_result_instant(context, next ? due : issued);
  } else if (reason == SEAL_NOMEM) {
    sqlite3_result_error_nomem(context);
  } else if (reason == SEAL_INTERNAL) {
    sqlite3_result_error(context, "cryptography failed inside", -1);
  } else {
    sqlite3_result_error(
        context,
        next ? "seal_next_update: not a CRL that says when the next one is due"
             : "seal_this_update: not a CRL that says from when on, and when the next one is due",
        -1);
  }
}

static void x509_this_update(sqlite3_context *context, int argc, sqlite3_value **argv) {
  (void)argc;
  x509_crl_time(context, argv, 0);
}

static void x509_next_update(sqlite3_context *context, int argc, sqlite3_value **argv) {
  (void)argc;
  x509_crl_time(context, argv, 1);
}

/* Without xCreate the module is eponymous only: no table of it can be made. */
int seal_x509_register(sqlite3 *db, SealCrypto *c) {
  static const sqlite3_module module = {
      .xConnect = x509_connect,
      .xBestIndex = x509_best_index,
      .xDisconnect = x509_disconnect,
      .xOpen = x509_open,
      .xClose = x509_close,
      .xFilter = x509_filter,
      .xNext = x509_next,
      .xEof = x509_eof,
      .xColumn = x509_column,
      .xRowid = x509_rowid,
  };

  int rc = sqlite3_create_module_v2(db, "seal_x509", &module, c, NULL);
  if (rc == SQLITE_OK) {
    rc = sqlite3_create_function_v2(db, "seal_this_update", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                    c, x509_this_update, NULL, NULL, NULL);
  }
  if (rc != SQLITE_OK) return rc;
  return sqlite3_create_function_v2(db, "seal_next_update", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                    c, x509_next_update, NULL, NULL, NULL);
}
