/* The scalar functions. None writes the database.
**
**    SELECT seal_version();                                             -- the text of VERSION
**    SELECT seal_serves('identity-management', 'v2x', 'alice@acme.example');
**
** To add a function: its body here, a line in `functions`.
*/
#include "tables/function/function_scalar.h"
#include "base/address.h"
#include "registrar/exchange/exchange.h"
#include "store/json_text.h"
#include "tables/relation/relation.h"

#include <openssl/crypto.h>
#include <string.h>

#define COUNT(array) (sizeof array / sizeof *array)

/* What may look at the database, the clock or a secret runs only in SQL that the application itself
** wrote, never from the schema. */
#define LOOKS (SQLITE_UTF8 | SQLITE_DIRECTONLY)
#define PURE  (SQLITE_UTF8 | SQLITE_DETERMINISTIC)

static void fail_function(sqlite3_context *ctx, Seal *p, int rc, SealError *err) {
  char *text = NULL;
  if (rc == SQLITE_NOMEM) {
    sqlite3_result_error_nomem(ctx);
  } else if (err->cause != SEAL_CAUSE_NONE) {
    text = sqlite3_mprintf("%s: %s", seal_cause_text(err->cause), err->detail);
  } else if (seal_store_format_fault(seal_store(p)) != NULL) {
    text = sqlite3_mprintf("%s", seal_store_format_fault(seal_store(p)));
  } else {
    text = sqlite3_mprintf("seal: %s", sqlite3_errcode(seal_db(p)) == SQLITE_OK
                                           ? sqlite3_errstr(rc)
                                           : sqlite3_errmsg(seal_db(p)));
  }
  if (rc != SQLITE_NOMEM && text == NULL) sqlite3_result_error_nomem(ctx);
  if (text != NULL) {
    sqlite3_result_error(ctx, text, -1);
    sqlite3_result_error_code(ctx, rc == SQLITE_CONSTRAINT_VTAB ? SQLITE_CONSTRAINT : rc);
    seal_log(rc, rc == SQLITE_CONSTRAINT_VTAB, 0, text);
    sqlite3_free(text);
  }
  seal_error_clear(err);
}

/* The last, optional argument of functions that look at the clock; left out, the statement's instant. 0, or
** an error is set. */
static int argument_at(sqlite3_context *ctx, int argc, sqlite3_value **argv, int i, SealAt *at) {
  if (i >= argc || sqlite3_value_type(argv[i]) == SQLITE_NULL) {
    *at = seal_function_at(sqlite3_user_data(ctx));
    return 0;
  }
  at->by_host = 0;
  if (seal_value_instant(argv[i], &at->t) == 0) return 0;
  seal_function_fail(ctx, seal_no_instant("at", argv[i]));
  return -1;
}

/* seal_version(): the version of the registrar. */
static void version(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  (void)argv;
  sqlite3_result_text(ctx, SEAL_VERSION, -1, SQLITE_STATIC);
}

/* seal_debug(): versions and build of everything linked, a line each. */
static void debug(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  (void)argv;
  char *text = sqlite3_mprintf("Version: %s\n"
                               "SQLite: %s (built with %s)\n"
                               "OpenSSL: %s (built with %s)\n"
                               "jansson: %s (built with %s)\n"
                               "Compiler: %s\n"
                               "Flags: %s",
                               SEAL_VERSION, sqlite3_libversion(), SQLITE_VERSION,
                               OpenSSL_version(OPENSSL_VERSION), OPENSSL_VERSION_TEXT,
                               jansson_version_str(), JANSSON_VERSION, __VERSION__, SEAL_CFLAGS);
  if (text == NULL) {
    sqlite3_result_error_nomem(ctx);
  } else {
    sqlite3_result_text(ctx, text, -1, sqlite3_free);
  }
}

/* seal_schema(): the text of sql/install.sql. */
static void schema(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  (void)argv;
  sqlite3_result_text(ctx, seal_sql[SQL_INSTALL], -1, SQLITE_STATIC);
}

/* seal_authenticate(credential [, at]): the VAL server that it proves, or "seal:" and the SEAL server. Consumes no jti. */
static void authenticate_function(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  Seal *p = sqlite3_user_data(ctx);
  SealError err;
  SealRequester who;
  SealCredential credential;
  json_t *json = NULL;
  SealAt at;
  memset(&err, 0, sizeof err);
  if (argument_at(ctx, argc, argv, 1, &at)) return;
  int rc = seal_enter(p);
  if (rc == SQLITE_OK)
    rc = seal_credential_read(seal_value_text(argv[0]), &credential, &json, &err);
  if (rc == SQLITE_OK) rc = seal_authenticate(p, &credential, at, SEAL_WHO_ANY, &who, &err);
  if (rc == SQLITE_OK) {
    char id[SEAL_ID_MAX + 8];
    sqlite3_snprintf(sizeof id, id, "%s%s", who.seal_server ? "seal:" : "",
                     who.seal_server ? who.seal_server_id : who.val_server_id);
    sqlite3_result_text(ctx, id, -1, SQLITE_TRANSIENT);
  } else {
    fail_function(ctx, p, rc, &err);
  }
  json_decref(json);
}

/* seal_serves(seal_service, val_service_id, id [, at]): until when a SEAL server must serve the VAL
** user or UE; NULL = must not. */
static void serves_function(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  Seal *p = sqlite3_user_data(ctx);
  SealError err;
  char quoted[SEAL_QUOTE_MAX + 8], text[SEAL_INSTANT_SIZE];
  int64_t until = INT64_MIN;
  SealAt at;
  memset(&err, 0, sizeof err);
  if (argument_at(ctx, argc, argv, 3, &at)) return;
  const char *service = seal_service_name(seal_value_text(argv[0]));
  int rc = seal_enter(p);
  if (rc == SQLITE_OK && service == NULL) {
    rc = seal_refuse(&err, SEAL_MANDATORY_IE_INCORRECT,
                     "seal_service: \"%s\" is not a SEAL service: " SEAL_SERVICES(", "),
                     seal_quote(seal_value_text(argv[0]), quoted));
  }
  if (rc == SQLITE_OK) {
    rc = seal_serves(p, service, seal_value_text(argv[1]), seal_value_text(argv[2]), at.t, &until);
  }
  if (rc != SQLITE_OK) {
    fail_function(ctx, p, rc, &err);
  } else if (until != INT64_MIN) {
    seal_instant_text(until, text);
    sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
  }
}

/* seal_unlock(key): this connection may now read and write sealed values; 32 bytes. Gives 1. */
static void unlock(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  Seal *p = sqlite3_user_data(ctx);
  SealError err;
  memset(&err, 0, sizeof err);
  SealText key = seal_value_text(argv[0]);
  int rc = seal_enter(p);
  if (rc == SQLITE_OK) rc = seal_unlock(p, (const unsigned char *)key.p, key.n, &err);
  if (rc == SQLITE_OK) {
    sqlite3_result_int(ctx, 1);
  } else {
    fail_function(ctx, p, rc, &err);
  }
}

/* seal_jwks(): the registrar's public keys, as a JWK Set. */
static void jwks(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  (void)argv;
  Seal *p = sqlite3_user_data(ctx);
  SealError err;
  char *text = NULL;
  memset(&err, 0, sizeof err);
  int rc = seal_enter(p);
  if (rc == SQLITE_OK) rc = seal_signing_jwks(p, seal_function_at(p).t, &text);
  if (rc == SQLITE_OK) {
    sqlite3_result_text(ctx, text, -1, sqlite3_free);
  } else {
    fail_function(ctx, p, rc, &err);
  }
}

/* 32 bytes from as many pairs of hexadecimal digits: 0, or -1. */
static int read_hash(SealText text, unsigned char out[SEAL_SHA256_SIZE]) {
  if (text.p == NULL || text.n != 2 * SEAL_SHA256_SIZE) return -1;
  for (int i = 0; i < text.n; i++) {
    char c = text.p[i] >= 'A' && text.p[i] <= 'F' ? (char)(text.p[i] + 'a' - 'A') : text.p[i];
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return -1;
    out[i / 2] = (unsigned char)(i % 2 ? out[i / 2] << 4 | digit : digit);
  }
  return 0;
}

/* seal_audit_verify([through [, hash]]): NULL, or the first audit entry that does not hold. With `through`, the
** chain must reach that entry; with `hash`, in hexadecimal digits, the entry must have it. */
static void audit_verify(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  Seal *p = sqlite3_user_data(ctx);
  SealError err;
  int64_t through = SEAL_UNBOUNDED, first_bad = 0;
  unsigned char bytes[SEAL_SHA256_SIZE], *hash = NULL;
  memset(&err, 0, sizeof err);
  if (argc > 0 && sqlite3_value_type(argv[0]) != SQLITE_NULL) {
    int is_number = sqlite3_value_numeric_type(argv[0]) == SQLITE_INTEGER;
    through = is_number ? sqlite3_value_int64(argv[0]) : 0;
    if (through < 1) {
      seal_function_fail(ctx, sqlite3_mprintf("through: the number of an audit entry is needed"));
      return;
    }
  }
  if (argc > 1 && sqlite3_value_type(argv[1]) != SQLITE_NULL) {
    hash = bytes;
    if (through == SEAL_UNBOUNDED || read_hash(seal_value_text(argv[1]), bytes) != 0) {
      seal_function_fail(
          ctx, sqlite3_mprintf(
                   "hash: 64 hexadecimal digits are needed, and the entry's number before them"));
      return;
    }
  }
  int rc = seal_enter(p);
  if (rc == SQLITE_OK) rc = seal_audit_verify(p, through, hash, &first_bad);
  if (rc != SQLITE_OK) {
    fail_function(ctx, p, rc, &err);
  } else if (first_bad != 0) {
    sqlite3_result_int64(ctx, first_bad);
  }
}

/* seal_bundle(seal_server_id [, since [, at]]): the signed changes after `since` (a number, or the `to` of
** the bundle before; NULL: a full copy) for one SEAL server. */
static void bundle(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  Seal *p = sqlite3_user_data(ctx);
  SealError err;
  SealBundle out = {.jws = NULL};
  SealAt at;
  SealText since = {NULL, 0};
  memset(&err, 0, sizeof err);
  if (argument_at(ctx, argc, argv, 2, &at)) return;
  if (argc > 1) since = seal_value_text(argv[1]);
  int rc = seal_enter(p);
  if (rc == SQLITE_OK) {
    rc = seal_bundle(p, seal_value_text(argv[0]), since, at.t, &out, &err);
  }
  if (rc == SQLITE_OK) {
    sqlite3_result_text(ctx, out.jws, -1, sqlite3_free);
  } else {
    fail_function(ctx, p, rc, &err);
  }
}

/* seal_instant(value): an instant, given as relations take one or as digits in a text, as RFC 3339 in UTC; NULL for NULL.
** What is none is an error that quotes it: so that a report does not read another period than it was asked for. */
static void instant(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  char text[SEAL_INSTANT_SIZE];
  int64_t t;
  (void)argc;
  if (sqlite3_value_type(argv[0]) == SQLITE_NULL) return;
  int rc = seal_value_instant(argv[0], &t);
  if (rc != 0 && sqlite3_value_type(argv[0]) == SQLITE_TEXT &&
      sqlite3_value_numeric_type(argv[0]) == SQLITE_INTEGER) {
    rc = seal_value_instant(argv[0], &t);
  }
  if (rc == 0) {
    seal_instant_text(t, text);
    sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
    return;
  }
  seal_function_fail(ctx, seal_no_instant("seal_instant", argv[0]));
}

/* seal_http_target(uri): where an http or https URI leads: JSON with host and port; NULL: it is no such URI. */
static void http_target(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  SealText host;
  int port;
  (void)argc;
  if (!seal_http_target(seal_value_text(argv[0]), &host, &port)) return;
  sqlite3_str *out = sqlite3_str_new(NULL);
  sqlite3_str_appendall(out, "{\"host\":");
  seal_json_append(out, host.p, (size_t)host.n);
  sqlite3_str_appendf(out, ",\"port\":%d}", port);
  char *text = sqlite3_str_finish(out);
  if (text == NULL) {
    sqlite3_result_error_nomem(ctx);
  } else {
    sqlite3_result_text(ctx, text, -1, sqlite3_free);
  }
}

/* seal_address_allowed(address, host, list): 1 if something may be sent to the address that the host stands for. */
static void address_allowed(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  sqlite3_result_int(ctx, seal_address_allowed(seal_value_text(argv[0]), seal_value_text(argv[1]),
                                               seal_value_text(argv[2])));
}

static const struct {
  const char *name;
  int n_args;
  int flags;
  void (*run)(sqlite3_context *, int, sqlite3_value **);
} functions[] = {
    {"seal_debug", 0, PURE, debug},
    {"seal_schema", 0, PURE, schema},
    {"seal_authenticate", 1, LOOKS, authenticate_function},
    {"seal_authenticate", 2, LOOKS, authenticate_function},
    {"seal_serves", 3, LOOKS, serves_function},
    {"seal_serves", 4, LOOKS, serves_function},
    {"seal_unlock", 1, LOOKS, unlock},
    {"seal_jwks", 0, LOOKS, jwks},
    {"seal_audit_verify", 0, LOOKS, audit_verify},
    {"seal_audit_verify", 1, LOOKS, audit_verify},
    {"seal_audit_verify", 2, LOOKS, audit_verify},
    {"seal_bundle", 1, LOOKS, bundle},
    {"seal_bundle", 2, LOOKS, bundle},
    {"seal_bundle", 3, LOOKS, bundle},
    {"seal_instant", 1, PURE, instant},
    {"seal_http_target", 1, PURE, http_target},
    {"seal_address_allowed", 3, PURE, address_allowed},
    {"seal_version", 0, PURE, version}, /* the last: where it is, all is registered (seal.c) */
};

static void owner_gone(void *p) {
  seal_close(p);
}

int seal_function_register(Seal *p) {
  int rc = SQLITE_OK;
  for (size_t i = 0; rc == SQLITE_OK && i < COUNT(functions); i++) {
    seal_own(p);
    rc =
        sqlite3_create_function_v2(seal_db(p), functions[i].name, functions[i].n_args,
                                   functions[i].flags, p, functions[i].run, NULL, NULL, owner_gone);
  }
  return rc;
}
