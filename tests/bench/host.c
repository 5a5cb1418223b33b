/* What a host of the extension has (bench.h): databases, a VAL server's key, tokens, requests.
*/
#include "bench.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void *need(void *p) {
  if (p == NULL) bench_fail("out of memory, or OpenSSL failed");
  return p;
}

/************************************************************************************************
** Databases.
*/
void host_run(sqlite3 *db, const char *format, ...) {
  va_list ap;
  char *message = NULL;
  va_start(ap, format);
  char *sql = need(sqlite3_vmprintf(format, ap));
  va_end(ap);
  if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
    bench_fail("%.200s: %s", sql, message);
  sqlite3_free(sql);
}

sqlite3_stmt *host_prepare(sqlite3 *db, const char *sql) {
  sqlite3_stmt *stmt;
  if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK) {
    bench_fail("%.200s: %s", sql, sqlite3_errmsg(db));
  }
  return stmt;
}

void host_finish(sqlite3_stmt *stmt) {
  while (sqlite3_step(stmt) == SQLITE_ROW) continue;
  if (sqlite3_reset(stmt) != SQLITE_OK) {
    bench_fail("%.200s: %s", sqlite3_sql(stmt), sqlite3_errmsg(sqlite3_db_handle(stmt)));
  }
}

int64_t host_int(sqlite3 *db, const char *sql) {
  sqlite3_stmt *stmt = host_prepare(db, sql);
  if (sqlite3_step(stmt) != SQLITE_ROW) bench_fail("%s: no row", sql);
  int64_t value = sqlite3_column_int64(stmt, 0);
  (void)sqlite3_finalize(stmt);
  return value;
}

static char *file_of(const Bench *bench, const char *name, const char *suffix) {
  return need(sqlite3_mprintf("%s/%s.db%s", bench->folder, name, suffix));
}

static void forget(const Bench *bench, const char *name) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    char *file = file_of(bench, name, suffixes[i]);
    (void)unlink(file);
    sqlite3_free(file);
  }
}

sqlite3 *host_open(const Bench *bench, const char *name, int fresh, int seal,
                   const char *synchronous) {
  sqlite3 *db;
  char *file = file_of(bench, name, "");
  if (fresh) forget(bench, name);
  if (sqlite3_open(file, &db) != SQLITE_OK) bench_fail("%s: %s", file, sqlite3_errmsg(db));
  sqlite3_free(file);
  host_run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = %s; PRAGMA cache_size = -%d",
           synchronous, HOST_CACHE_KB);
  if (seal) host_load(bench, db);
  return db;
}

sqlite3 *host_open_memory(void) {
  sqlite3 *db;
  if (sqlite3_open(":memory:", &db) != SQLITE_OK) bench_fail("%s", sqlite3_errmsg(db));
  return db;
}

void host_load(const Bench *bench, sqlite3 *db) {
  char *message = NULL;
  (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, NULL);
  if (sqlite3_load_extension(db, bench->lib, NULL, &message) != SQLITE_OK)
    bench_fail("%s", message);
}

void host_close(sqlite3 *db) {
  if (sqlite3_close(db) != SQLITE_OK) bench_fail("close: %s", sqlite3_errmsg(db));
}

void host_install(sqlite3 *db, int64_t max_identities) {
  sqlite3_stmt *schema = host_prepare(db, "SELECT seal_schema()");
  if (sqlite3_step(schema) != SQLITE_ROW) bench_fail("there is no schema");
  host_run(db, "%s", sqlite3_column_text(schema, 0));
  (void)sqlite3_finalize(schema);
  char *jwk = host_jwk();
  host_run(db,
           "BEGIN;"
           "INSERT INTO seal_agreement(agreement_id, val_provider_id, start_time, stop_time)"
           " VALUES ('sla-7', 'acme', '2020-01-01', '2099-01-01');"
           "INSERT INTO seal_term(agreement_id, seal_service, val_service_id, max_identities)"
           " VALUES ('sla-7', 'identity-management', '%q', nullif(%lld, 0));"
           "INSERT INTO seal_val_server(val_server_id, agreement_id) VALUES ('%q', 'sla-7');"
           "INSERT INTO seal_credential(val_server_id, type, value) VALUES ('%q', 'jwk', '%q');"
           "COMMIT",
           HOST_SERVICE, (long long)max_identities, HOST_SERVER, HOST_SERVER, jwk);
  free(jwk);
}

sqlite3 *host_copy(const Bench *bench, sqlite3 *db, const char *name, const char *synchronous) {
  char *file = file_of(bench, name, "");
  forget(bench, name);
  host_run(db, "VACUUM INTO '%q'", file);
  sqlite3_free(file);
  return host_open(bench, name, 0, 0, synchronous);
}

/************************************************************************************************
** Keys and tokens.
*/
/* base64url without padding; returns the end of what was written. */
static char *base64url(char *out, const unsigned char *in, size_t n) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  unsigned bits = 0;
  int held = 0;
  for (size_t i = 0; i < n; i++) {
    bits = bits << 8 | in[i];
    for (held += 8; held >= 6; held -= 6) *out++ = digits[bits >> (held - 6) & 63];
  }
  if (held > 0) *out++ = digits[bits << (6 - held) & 63];
  *out = 0;
  return out;
}

static EVP_PKEY *signing_key(void) {
  static EVP_PKEY *key;
  if (key == NULL) key = need(EVP_EC_gen("P-256"));
  return key;
}

void *host_key(void) {
  return signing_key();
}

char *host_jwk(void) {
  unsigned char point[65];
  char x[48], y[48];
  size_t n;
  if (EVP_PKEY_get_octet_string_param(signing_key(), OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point,
                                      &n) != 1 ||
      n != sizeof point) {
    bench_fail("the public key can't be read");
  }
  base64url(x, point + 1, 32);
  base64url(y, point + 33, 32);
  char *jwk = need(malloc(256));
  snprintf(jwk, 256,
           "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"x\":\"%s\",\"y\":\"%s\"}", x, y);
  return jwk;
}

/* An ES256 signature: R || S, 32 bytes each (RFC 7518 3.4). */
static void sign(const char *text, size_t n, unsigned char out[64]) {
  unsigned char der[80];
  size_t size = sizeof der;
  EVP_MD_CTX *ctx = need(EVP_MD_CTX_new());
  if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, signing_key()) != 1 ||
      EVP_DigestSign(ctx, der, &size, (const unsigned char *)text, n) != 1) {
    bench_fail("signing failed");
  }
  EVP_MD_CTX_free(ctx);
  const unsigned char *at = der;
  ECDSA_SIG *sig = need(d2i_ECDSA_SIG(NULL, &at, (long)size));
  if (BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32) != 32 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32) != 32) {
    bench_fail("the signature does not fit");
  }
  ECDSA_SIG_free(sig);
}

int64_t host_serial(void) {
  static int64_t serial;
  return ++serial;
}

char *host_token(void) {
  static const char header[] = "{\"alg\":\"ES256\"}";
  char claims[512], *token = need(malloc(1024));
  unsigned char signature[64];
  long long now = (long long)time(NULL);
  int n = snprintf(claims, sizeof claims,
                   "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":\"urn:seal:registrar\",\"iat\":%lld,"
                   "\"exp\":%lld,\"jti\":\"%lld-%lld\"}",
                   HOST_SERVER, HOST_SERVER, now, now + 3000, now, (long long)host_serial());
  char *end = base64url(token, (const unsigned char *)header, sizeof header - 1);
  *end++ = '.';
  end = base64url(end, (const unsigned char *)claims, (size_t)n);
  sign(token, (size_t)(end - token), signature);
  *end++ = '.';
  base64url(end, signature, sizeof signature);
  return token;
}

/************************************************************************************************
** Requests.
*/
void host_name(char out[32], int64_t i) {
  snprintf(out, 32, "u%08lld@acme.example", (long long)i);
}

int *host_shuffled(int n) {
  uint64_t state = 88172645463325252u;
  int *list = need(malloc((size_t)n * sizeof *list));
  for (int i = 0; i < n; i++) list[i] = i;
  for (int i = n - 1; i > 0; i--) {
    state ^= state << 13; /* xorshift64: the same order in every run */
    state ^= state >> 7;
    state ^= state << 17;
    int k = (int)(state % (uint64_t)(i + 1)), swap = list[i];
    list[i] = list[k];
    list[k] = swap;
  }
  return list;
}

char *host_request(const int *users, int n, int64_t first, const char *exp_time) {
  char *token = host_token(), name[32];
  size_t room = 2048 + (size_t)n * 64;
  char *text = need(malloc(room)), *end = text;
  end += snprintf(text, room,
                  "{\"method\":\"POST\",\"uri\":\"/ss-ipp/v1/configurations\","
                  "\"authorization\":\"Bearer %s\",\"contentType\":\"application/json\","
                  "\"body\":{\"valServerId\":\"%s\",\"expTime\":\"%s\","
                  "\"valSvcConf\":[{\"valServiceId\":\"%s\",\"idList\":[",
                  token, HOST_SERVER, exp_time, HOST_SERVICE);
  for (int i = 0; i < n; i++) {
    host_name(name, first + users[i]);
    end += sprintf(end, "%s{\"valUserId\":\"%s\"}", i ? "," : "", name);
  }
  strcpy(end, "]}]}}");
  free(token);
  return text;
}

struct HostPost {
  sqlite3_stmt *insert, *answer;
};

HostPost *host_post_open(sqlite3 *db) {
  HostPost *post = need(malloc(sizeof *post));
  post->insert = host_prepare(db, "INSERT INTO seal_message(message_id, request) VALUES (?1, ?2)");
  post->answer =
      host_prepare(db, "SELECT status, response FROM seal_message WHERE message_id = ?1");
  return post;
}

double host_post(HostPost *post, const char *message_id, const char *request) {
  double t = bench_now();
  if (sqlite3_bind_text(post->insert, 1, message_id, -1, SQLITE_STATIC) != SQLITE_OK ||
      sqlite3_bind_text(post->insert, 2, request, -1, SQLITE_STATIC) != SQLITE_OK ||
      sqlite3_bind_text(post->answer, 1, message_id, -1, SQLITE_STATIC) != SQLITE_OK) {
    bench_fail("bind");
  }
  host_finish(post->insert);
  if (sqlite3_step(post->answer) != SQLITE_ROW || sqlite3_column_int(post->answer, 0) != 201) {
    bench_fail("refused: %s", sqlite3_column_text(post->answer, 1));
  }
  char *copy = need(strdup((const char *)sqlite3_column_text(post->answer, 1)));
  (void)sqlite3_reset(post->answer);
  t = bench_now() - t;
  free(copy);
  return t;
}

void host_post_close(HostPost *post) {
  (void)sqlite3_finalize(post->insert);
  (void)sqlite3_finalize(post->answer);
  free(post);
}
