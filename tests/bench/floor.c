/* One whole operation in bare C and SQL (bench.h): a POST of /ss-ipp/v1 with one identity and an ES256
** token, as someone would write it who needs this one thing, here, and no more.
**
**    request --> jansson --> ES256 with a cached EVP_PKEY --> claims --> SLA row --> quota
**       --> used jti, configuration, service, identity, counters, audit with SHA-256, usage, change
**       --> answer, kept under the message id
**
** It works on the registrar's own tables, with prepared statements, in one transaction. What fails
** ends the program: it is never asked for anything wrong.
*/
#include "bench.h"

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  F_BEGIN,
  F_MESSAGE_FIND,
  F_SLA,
  F_HELD,
  F_AUDIT_HEAD,
  F_REPLAY,
  F_CONFIGURATION,
  F_SERVICE,
  F_IDENTITY,
  F_TERM_USE,
  F_TERM_HELD,
  F_AUDIT,
  F_CHANGE,
  F_USAGE,
  F_MESSAGE,
  F_COMMIT,
  F_ANSWER,
  F_COUNT
};

static const char *const sql[F_COUNT] = {
    [F_BEGIN] = "BEGIN IMMEDIATE",
    [F_MESSAGE_FIND] = "SELECT id FROM seal_message_data WHERE message_id = ?1 AND val_server ="
                       " (SELECT id FROM seal_val_server_data WHERE val_server_id = ?2)",
    [F_SLA] =
        "SELECT v.id, v.status, v.exp_time, k.status, k.start_time, k.exp_time, a.agreement_id,"
        " a.val_provider_id, a.status, a.start_time, a.stop_time, t.id, t.start_time,"
        " t.stop_time, t.max_identities, t.max_validity, r.identifier"
        " FROM seal_val_server_data AS v"
        " JOIN seal_credential_data AS k ON k.val_server = v.id"
        " JOIN seal_agreement_data AS a ON a.id = v.agreement"
        " JOIN seal_term_data AS t ON t.agreement = a.id"
        "  AND t.seal_service = 'identity-management' AND t.val_service_id = ?2"
        " JOIN seal_registrar_data AS r"
        " WHERE v.val_server_id = ?1",
    [F_HELD] = "SELECT identities - (SELECT coalesce(sum(identities), 0) FROM seal_term_held"
               "  WHERE term = ?1 AND until <= ?2) FROM seal_term_use WHERE term = ?1",
    [F_AUDIT_HEAD] = "SELECT seq, hash FROM seal_audit_data ORDER BY seq DESC LIMIT 1",
    [F_REPLAY] = "INSERT INTO seal_credential_replay(iss, jti, until, txn) VALUES (?1, ?2, ?3, ?4)",
    [F_CONFIGURATION] = "INSERT INTO seal_configuration_data(conf_id, val_server, seal_service,"
                        " exp_time, until, created_time, updated_time)"
                        " VALUES (?1, ?2, 'identity-management', ?3, ?3, ?4, ?4)",
    [F_SERVICE] = "INSERT INTO seal_configuration_service(configuration, val_service_id, term,"
                  " identities, key_records, next) VALUES (?1, ?2, ?3, 1, 0, 1)",
    [F_IDENTITY] = "INSERT INTO seal_identity_data(id, service, val_user_id) VALUES (?1, ?2, ?3)",
    [F_TERM_USE] = "INSERT INTO seal_term_use(term, identities, key_records) VALUES (?1, 1, 0)"
                   " ON CONFLICT DO UPDATE SET identities = identities + 1",
    [F_TERM_HELD] = "INSERT INTO seal_term_held(term, until, val_server, identities, key_records)"
                    " VALUES (?1, ?2, ?3, 1, 0)"
                    " ON CONFLICT DO UPDATE SET identities = identities + 1",
    [F_AUDIT] =
        "INSERT INTO seal_audit_data(seq, time, actor, action, object, outcome, detail, hash)"
        " VALUES (?1, ?2, ?3, 'POST', ?4, 'done', ?5, ?6)",
    [F_CHANGE] = "INSERT INTO seal_change_data(time, seal_service, object, operation)"
                 " VALUES (?1, 'identity-management', ?2, 'POST')",
    [F_USAGE] = "INSERT INTO seal_usage_data(time, agreement_id, val_provider_id, val_server_id,"
                " seal_service, operation, result, conf_id, identities, key_records)"
                " VALUES (?1, ?2, ?3, ?4, 'identity-management', 'POST', 201, ?5, 1, 0)",
    [F_MESSAGE] = "INSERT INTO seal_message_data(message_id, digest, time, status, headers, body,"
                  " val_server) VALUES (?1, ?2, ?3, 201, '{}', ?4, ?5)",
    [F_COMMIT] = "COMMIT",
    [F_ANSWER] = "SELECT status, body FROM seal_message_data WHERE message_id = ?1",
};

struct Floor {
  sqlite3 *db;
  sqlite3_stmt *stmt[F_COUNT];
  EVP_PKEY *key;
  EVP_MD_CTX *ctx, *hash; /* of the signature; of SHA-256 alone */
  EVP_MD *sha256;
};

/* What is found out about the request before anything is written. */
typedef struct Post {
  int64_t now, exp_time, exp;
  int64_t val_server, term;
  char agreement_id[64], val_provider_id[64];
  const char *iss, *jti, *val_service_id, *val_user_id; /* in the JSON */
  json_t *request, *claims;
  unsigned char digest[32];
} Post;

Floor *floor_open(sqlite3 *db) {
  Floor *floor = calloc(1, sizeof *floor);
  if (floor == NULL) bench_fail("out of memory");
  floor->db = db;
  for (int i = 0; i < F_COUNT; i++) floor->stmt[i] = host_prepare(db, sql[i]);
  floor->key = host_key();
  floor->ctx = EVP_MD_CTX_new();
  floor->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
  floor->hash = EVP_MD_CTX_new();
  if (floor->ctx == NULL || floor->hash == NULL || floor->sha256 == NULL)
    bench_fail("OpenSSL failed");
  return floor;
}

void floor_close(Floor *floor) {
  for (int i = 0; i < F_COUNT; i++) (void)sqlite3_finalize(floor->stmt[i]);
  EVP_MD_CTX_free(floor->ctx);
  EVP_MD_CTX_free(floor->hash);
  EVP_MD_free(floor->sha256);
  free(floor);
}

/* Binds by letter (i int64_t, t text, b 32 bytes) and steps; 1 on a row. */
static int step(Floor *floor, int which, const char *types, ...) {
  sqlite3_stmt *stmt = floor->stmt[which];
  va_list ap;
  va_start(ap, types);
  for (int i = 1; *types; types++, i++) {
    if (*types == 'i') {
      (void)sqlite3_bind_int64(stmt, i, va_arg(ap, int64_t));
    } else if (*types == 't') {
      (void)sqlite3_bind_text(stmt, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
    } else {
      (void)sqlite3_bind_blob(stmt, i, va_arg(ap, const void *), 32, SQLITE_STATIC);
    }
  }
  va_end(ap);
  int rc = sqlite3_step(stmt);
  if (rc == SQLITE_ROW) return 1;
  if (rc != SQLITE_DONE) bench_fail("%s: %s", sql[which], sqlite3_errmsg(floor->db));
  (void)sqlite3_reset(stmt);
  return 0;
}

static void reset(Floor *floor, int which) {
  (void)sqlite3_reset(floor->stmt[which]);
}

static void hash(Floor *floor, const void *p, size_t n, unsigned char out[32]) {
  if (EVP_DigestInit_ex2(floor->hash, floor->sha256, NULL) != 1 ||
      EVP_DigestUpdate(floor->hash, p, n) != 1 || EVP_DigestFinal_ex(floor->hash, out, NULL) != 1) {
    bench_fail("SHA-256 failed");
  }
}

/* Decodes base64url; gives the number of bytes. */
static size_t decode(const char *in, size_t n, unsigned char *out) {
  static signed char value[256];
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  unsigned bits = 0;
  int held = 0;
  size_t size = 0;
  if (value['B'] == 0) {
    memset(value, -1, sizeof value);
    for (int i = 0; i < 64; i++) value[(unsigned char)digits[i]] = (signed char)i;
  }
  for (size_t i = 0; i < n; i++) {
    int digit = value[(unsigned char)in[i]];
    if (digit < 0) bench_fail("not base64url");
    bits = bits << 6 | (unsigned)digit;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out[size++] = (unsigned char)(bits >> held);
  }
  return size;
}

static json_t *parse(const void *text, size_t n) {
  json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
  if (json == NULL) bench_fail("not JSON");
  return json;
}

/* Verifies an ES256 token; gives its claims. */
static json_t *verify(Floor *floor, const char *token) {
  unsigned char raw[1024], der[80], *end = der;
  const char *dot = strchr(token, '.'), *last = strrchr(token, '.');
  json_t *header = parse(raw, decode(token, (size_t)(dot - token), raw));
  if (strcmp(json_string_value(json_object_get(header, "alg")), "ES256") != 0) bench_fail("alg");
  json_decref(header);
  if (decode(last + 1, strlen(last + 1), raw) != 64) bench_fail("signature");
  ECDSA_SIG *sig = ECDSA_SIG_new();
  if (ECDSA_SIG_set0(sig, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL)) != 1) {
    bench_fail("signature");
  }
  int n = i2d_ECDSA_SIG(sig, &end);
  ECDSA_SIG_free(sig);
  if (EVP_DigestVerifyInit_ex(floor->ctx, NULL, "SHA256", NULL, NULL, floor->key, NULL) != 1 ||
      EVP_DigestVerify(floor->ctx, der, (size_t)n, (const unsigned char *)token,
                       (size_t)(last - token)) != 1) {
    bench_fail("the signature is wrong");
  }
  return parse(raw, decode(dot + 1, (size_t)(last - dot - 1), raw));
}

static const char *text_member(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  if (text == NULL) bench_fail("%s is not a string", name);
  return text;
}

/* "2031-02-03T04:05:06Z" */
static int64_t instant(const char *text) {
  struct tm tm = {0};
  if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
             &tm.tm_min, &tm.tm_sec) != 6) {
    bench_fail("not an instant");
  }
  tm.tm_year -= 1900;
  tm.tm_mon--;
  return timegm(&tm);
}

static void read_request(Floor *floor, const char *request, Post *post) {
  size_t n = strlen(request);
  memset(post, 0, sizeof *post);
  post->now = time(NULL);
  hash(floor, request, n, post->digest);
  post->request = parse(request, n);
  if (strcmp(text_member(post->request, "method"), "POST") != 0 ||
      strcmp(text_member(post->request, "uri"), "/ss-ipp/v1/configurations") != 0) {
    bench_fail("another request");
  }
  post->claims = verify(floor, text_member(post->request, "authorization") + 7);
  post->iss = text_member(post->claims, "iss");
  post->jti = text_member(post->claims, "jti");
  post->exp = json_integer_value(json_object_get(post->claims, "exp"));
  const json_t *body = json_object_get(post->request, "body");
  const json_t *service = json_array_get(json_object_get(body, "valSvcConf"), 0);
  const json_t *id = json_array_get(json_object_get(service, "idList"), 0);
  post->exp_time = instant(text_member(body, "expTime"));
  post->val_service_id = text_member(service, "valServiceId");
  post->val_user_id = text_member(id, "valUserId");
  if (post->now >= post->exp || post->exp > post->now + 3600 || post->exp_time <= post->now ||
      strcmp(post->iss, text_member(post->claims, "sub")) != 0 ||
      strcmp(post->iss, text_member(body, "valServerId")) != 0) {
    bench_fail("the claims are wrong");
  }
}

static int is_active(sqlite3_stmt *row, int i) {
  return strcmp((const char *)sqlite3_column_text(row, i), "active") == 0;
}

/* 1 if `now` lies between the instants in columns i and k (k of -1: there is no first). */
static int is_within(sqlite3_stmt *row, int i, int k, int64_t now) {
  if (i >= 0 && sqlite3_column_type(row, i) != SQLITE_NULL && now < sqlite3_column_int64(row, i)) {
    return 0;
  }
  return sqlite3_column_type(row, k) == SQLITE_NULL || now < sqlite3_column_int64(row, k);
}

/* Checks requester, SLA and quota. */
static void judge(Floor *floor, Post *post) {
  sqlite3_stmt *row = floor->stmt[F_SLA];
  if (!step(floor, F_SLA, "tt", post->iss, post->val_service_id)) bench_fail("no SLA");
  int64_t now = post->now, max = sqlite3_column_int64(row, 14);
  if (!is_active(row, 1) || !is_active(row, 3) || !is_active(row, 8) ||
      !is_within(row, -1, 2, now) || !is_within(row, 4, 5, now) || !is_within(row, 9, 10, now) ||
      !is_within(row, 12, 13, now) || sqlite3_column_type(row, 15) != SQLITE_NULL) {
    bench_fail("the SLA does not grant it");
  }
  if (strcmp(text_member(post->claims, "aud"), (const char *)sqlite3_column_text(row, 16)) != 0) {
    bench_fail("aud");
  }
  post->val_server = sqlite3_column_int64(row, 0);
  post->term = sqlite3_column_int64(row, 11);
  snprintf(post->agreement_id, sizeof post->agreement_id, "%s", sqlite3_column_text(row, 6));
  snprintf(post->val_provider_id, sizeof post->val_provider_id, "%s", sqlite3_column_text(row, 7));
  reset(floor, F_SLA);
  if (step(floor, F_HELD, "ii", post->term, now) &&
      sqlite3_column_int64(floor->stmt[F_HELD], 0) + 1 > max) {
    bench_fail("the quota is used up");
  }
  reset(floor, F_HELD);
}

/* The audit entry, chained to the one before, and the two other ledgers. */
static void record(Floor *floor, const Post *post, const char *conf_id, int64_t seq,
                   const unsigned char before[32]) {
  unsigned char entry[32];
  char object[120], detail[100], text[512];
  snprintf(object, sizeof object, "seal_configuration:%s/%s", post->iss, conf_id);
  snprintf(detail, sizeof detail,
           "{\"seal_service\":\"identity-management\",\"val_services\":1,\"identities\":1}");
  memcpy(text, before, 32);
  int n = snprintf(text + 32, sizeof text - 32, "%lld,%lld,%s,POST,%s,done,,%s", (long long)seq,
                   (long long)post->now, post->iss, object, detail);
  hash(floor, text, 32 + (size_t)n, entry);
  step(floor, F_AUDIT, "iitttb", seq, post->now, post->iss, object, detail, entry);
  step(floor, F_CHANGE, "it", post->now, object);
  step(floor, F_USAGE, "itttt", post->now, post->agreement_id, post->val_provider_id, post->iss,
       conf_id);
}

static void store(Floor *floor, const Post *post, const char *message_id, const char *conf_id) {
  int64_t seq = 0;
  unsigned char before[32] = {0};
  sqlite3_stmt *head = floor->stmt[F_AUDIT_HEAD];
  if (step(floor, F_AUDIT_HEAD, "")) {
    seq = sqlite3_column_int64(head, 0);
    memcpy(before, sqlite3_column_blob(head, 1), 32);
  }
  reset(floor, F_AUDIT_HEAD);
  step(floor, F_REPLAY, "ttii", post->iss, post->jti, post->exp + 30, seq + 1);
  step(floor, F_CONFIGURATION, "tiii", conf_id, post->val_server, post->exp_time, post->now);
  step(floor, F_SERVICE, "iti", (int64_t)sqlite3_last_insert_rowid(floor->db), post->val_service_id,
       post->term);
  int64_t service = sqlite3_last_insert_rowid(floor->db);
  step(floor, F_IDENTITY, "iit", service << 28, service, post->val_user_id);
  step(floor, F_TERM_USE, "i", post->term);
  step(floor, F_TERM_HELD, "iii", post->term, post->exp_time, post->val_server);
  record(floor, post, conf_id, seq + 1, before);
  char response[1024], until[32];
  time_t t = post->exp_time;
  struct tm tm;
  strftime(until, sizeof until, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
  snprintf(
      response, sizeof response,
      "{\"status\":201,\"headers\":{\"Location\":\"/ss-ipp/v1/configurations/%s\","
      "\"Content-Type\":\"application/json\"},\"body\":{\"valServerId\":\"%s\",\"valSvcConf\":[{"
      "\"valServiceId\":\"%s\",\"idList\":[{\"valUserId\":\"%s\"}]}],\"expTime\":\"%s\"}}",
      conf_id, post->iss, post->val_service_id, post->val_user_id, until);
  step(floor, F_MESSAGE, "tbiti", message_id, post->digest, post->now, response, post->val_server);
}

char *floor_post(Floor *floor, const char *message_id, const char *request) {
  static const char hex[] = "0123456789abcdef";
  unsigned char id[32];
  char conf_id[33];
  Post post;
  step(floor, F_BEGIN, "");
  read_request(floor, request, &post);
  if (step(floor, F_MESSAGE_FIND, "tt", message_id, post.iss))
    bench_fail("the message was there before");
  judge(floor, &post);
  hash(floor, message_id, strlen(message_id), id);
  for (int i = 0; i < 32; i++) conf_id[i] = hex[id[i / 2] >> (i % 2 ? 0 : 4) & 15];
  conf_id[32] = 0;
  store(floor, &post, message_id, conf_id);
  step(floor, F_COMMIT, "");
  json_decref(post.claims);
  json_decref(post.request);
  if (!step(floor, F_ANSWER, "t", message_id)) bench_fail("there is no answer");
  char *answer = strdup((const char *)sqlite3_column_text(floor->stmt[F_ANSWER], 1));
  reset(floor, F_ANSWER);
  return answer;
}
