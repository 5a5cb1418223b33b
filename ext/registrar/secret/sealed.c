/* Secrets (secret.h): what is sealed under the key that seal_unlock gave to this connection.
**
**    psk credentials      AES-256-GCM, one key for each purpose, a random nonce; the row's identity is
**    key records          associated data, so that a sealed value means nothing in another row's place
**    private signing keys
**    answers that hold a token or a key
**
** The database holds a check value, sealed too: it tells the right key from another. The key itself is
** kept in memory only, and wiped when the connection closes.
*/
#include "registrar/secret/secret.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_PURPOSE "seal_registrar_check"
#define CHECK_TEXT    "the SEAL registrar's check value"
#define CHECK_SIZE    ((int)sizeof CHECK_TEXT - 1)

/* The keys of this connection: 32 bytes each, NULL while sealed. */
typedef struct Keys {
  unsigned char *key;    /* what seal_unlock gave */
  unsigned char *before; /* the one at this transaction's start, once it has changed */
  int64_t generation;
} Keys;

static void key_free(unsigned char **key) {
  if (*key != NULL) seal_wipe(*key, SEAL_AEAD_KEY);
  sqlite3_free(*key);
  *key = NULL;
}

static void keys_clear(void *state) {
  Keys *keys = state;
  key_free(&keys->key);
  key_free(&keys->before);
}

/* The key that seal_unlock gave; NULL while sealed. */
static const unsigned char *current_key(Seal *p) {
  const Keys *keys = seal_room_made(p, SEAL_ROOM_SECRET);
  return keys ? keys->key : NULL;
}

int seal_is_unlocked(Seal *p) {
  return current_key(p) != NULL;
}

int64_t seal_key_generation(Seal *p) {
  const Keys *keys = seal_room_made(p, SEAL_ROOM_SECRET);
  return keys ? keys->generation : 0;
}

int seal_unlocked(Seal *p, SealError *err) {
  if (seal_is_unlocked(p)) return SQLITE_OK;
  return seal_refuse(err, SEAL_SEALED, "this connection is not unlocked: seal_unlock(key)");
}

int seal_reason_rc(SealReason reason) {
  if (reason == SEAL_VALID) return SQLITE_OK;
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  return reason == SEAL_INTERNAL ? SQLITE_ERROR : SQLITE_CONSTRAINT_VTAB;
}

static int refuse_stale(SealError *err) {
  return seal_refuse(err, SEAL_SEALED, "the database has another key by now");
}

/* SQLITE_OK if the key is the database's, SQLITE_DONE if the database has none yet,
** SQLITE_CONSTRAINT_VTAB if it is another. */
static int check_key(Seal *p, const unsigned char key[SEAL_AEAD_KEY]) {
  sqlite3_stmt *row;
  unsigned char plain[CHECK_SIZE];
  int rc = seal_store_row(seal_store(p), SQL_SEAL_CHECK, &row, "");
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  int n = sqlite3_column_bytes(row, SEAL_CHECK_SEAL_CHECK);
  if (sqlite3_column_type(row, SEAL_CHECK_SEAL_CHECK) == SQLITE_NULL) {
    rc = SQLITE_DONE;
  } else if (n != CHECK_SIZE + SEAL_AEAD_OVERHEAD) {
    rc = SQLITE_CORRUPT_VTAB;
  } else {
    rc = seal_reason_rc(seal_aead_open(seal_crypto(p), key, CHECK_PURPOSE, "", 0,
                                       sqlite3_column_blob(row, SEAL_CHECK_SEAL_CHECK), (size_t)n,
                                       plain));
  }
  seal_store_reset(row);
  return rc;
}

static int copy_key(const unsigned char *key, unsigned char **out) {
  *out = sqlite3_malloc(SEAL_AEAD_KEY);
  if (*out == NULL) return SQLITE_NOMEM;
  memcpy(*out, key, SEAL_AEAD_KEY);
  return SQLITE_OK;
}

int seal_unlock(Seal *p, const unsigned char *key, int n, SealError *err) {
  unsigned char *copy = NULL;
  if (n != SEAL_AEAD_KEY) {
    return seal_refuse(err, SEAL_SEALED, "the key has %d bytes, not %d", n, SEAL_AEAD_KEY);
  }
  int rc = check_key(p, key);
  if (rc == SQLITE_CONSTRAINT_VTAB) {
    return seal_refuse(err, SEAL_SEALED, "this is not the key of this database");
  }
  if (rc != SQLITE_OK && rc != SQLITE_DONE) return rc;
  Keys *keys = seal_room(p, SEAL_ROOM_SECRET, sizeof *keys, keys_clear);
  rc = keys ? copy_key(key, &copy) : SQLITE_NOMEM;
  if (rc == SQLITE_OK) {
    keys_clear(keys);
    keys->key = copy;
    keys->generation++;
  }
  return rc;
}

int seal_key_current(Seal *p, SealError *err) {
  int rc = seal_unlocked(p, err);
  if (rc == SQLITE_OK) rc = check_key(p, current_key(p));
  if (rc == SQLITE_CONSTRAINT_VTAB && err->cause == SEAL_CAUSE_NONE) rc = refuse_stale(err);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The key before a rekey of this transaction holds again. */
static void go_back(Keys *keys) {
  key_free(&keys->key);
  keys->key = keys->before;
  keys->before = NULL;
  keys->generation++;
}

/* What a rekey of this transaction put in place holds only as long as the database agrees; the key before it is
** kept until the transaction has ended, since a savepoint may be taken back before the rest is. */
int seal_secret_duty(Seal *p, SealDuty duty) {
  Keys *keys = seal_room_made(p, SEAL_ROOM_SECRET);
  if (keys == NULL || keys->before == NULL) return SQLITE_OK;
  if (duty == SEAL_ENDED_COMMIT) key_free(&keys->before);
  if (duty == SEAL_ENDED_ROLLBACK) go_back(keys);
  if (duty == SEAL_TAKEN_BACK && check_key(p, keys->key) != SQLITE_OK &&
      check_key(p, keys->before) != SQLITE_CONSTRAINT_VTAB) {
    go_back(keys);
  }
  return SQLITE_OK;
}

static int seal_with(Seal *p, const unsigned char *key, const char *purpose, SealText aad,
                     const void *plain, int n, void **out, int *n_out) {
  *n_out = n + SEAL_AEAD_OVERHEAD;
  *out = sqlite3_malloc(*n_out);
  if (*out == NULL) return SQLITE_NOMEM;
  int rc = seal_reason_rc(
      seal_aead_seal(seal_crypto(p), key, purpose, aad.p, (size_t)aad.n, plain, (size_t)n, *out));
  if (rc == SQLITE_OK) return SQLITE_OK;
  sqlite3_free(*out);
  *out = NULL;
  return rc == SQLITE_CONSTRAINT_VTAB ? SQLITE_ERROR : rc;
}

/* The first secret of a database brings the check value with it. */
static int write_check(Seal *p, const unsigned char *key) {
  void *sealed;
  int n;
  int rc = seal_with(p, key, CHECK_PURPOSE, (SealText){"", 0}, CHECK_TEXT, CHECK_SIZE, &sealed, &n);
  if (rc == SQLITE_OK) rc = seal_store_run(seal_store(p), SQL_SEAL_CHECK_SET, "b", sealed, n);
  sqlite3_free(sealed);
  return rc;
}

int seal_secret_seal(Seal *p, const char *purpose, SealText aad, const void *plain, int n,
                     void **out, int *n_out, SealError *err) {
  assert(n >= 0 && purpose != NULL);
  *out = NULL;
  int rc = seal_unlocked(p, err);
  if (rc == SQLITE_OK) rc = check_key(p, current_key(p));
  if (rc == SQLITE_DONE) rc = write_check(p, current_key(p));
  if (rc == SQLITE_CONSTRAINT_VTAB && err->cause == SEAL_CAUSE_NONE) rc = refuse_stale(err);
  return rc == SQLITE_OK ? seal_with(p, current_key(p), purpose, aad, plain, n, out, n_out) : rc;
}

/* A tag does not hold: because the key is not the database's any more, or the value not what was sealed. */
static int refuse_lost(Seal *p, const char *purpose, int64_t id, SealError *err) {
  int rc = check_key(p, current_key(p));
  if (rc == SQLITE_CONSTRAINT_VTAB) return refuse_stale(err);
  return rc == SQLITE_OK || rc == SQLITE_DONE ? seal_lost(err, purpose, id) : rc;
}

int seal_secret_open(Seal *p, const char *purpose, int64_t id, SealText aad, const void *sealed,
                     int n, void **out, int *n_out, SealError *err) {
  *out = NULL;
  *n_out = n - SEAL_AEAD_OVERHEAD;
  int rc = seal_unlocked(p, err);
  if (rc != SQLITE_OK) return rc;
  if (*n_out < 0 || sealed == NULL) return refuse_lost(p, purpose, id, err);
  *out = sqlite3_malloc(*n_out + 1);
  if (*out == NULL) return SQLITE_NOMEM;
  rc = seal_reason_rc(seal_aead_open(seal_crypto(p), current_key(p), purpose, aad.p, (size_t)aad.n,
                                     sealed, (size_t)n, *out));
  ((char *)*out)[*n_out] = 0;
  if (rc == SQLITE_OK) return SQLITE_OK;
  sqlite3_free(*out);
  *out = NULL;
  return rc == SQLITE_CONSTRAINT_VTAB ? refuse_lost(p, purpose, id, err) : rc;
}

void seal_secret_free(void *secret, int n) {
  if (secret != NULL) seal_wipe(secret, (size_t)n);
  sqlite3_free(secret);
}

void seal_secret_done(void *secret) {
  if (secret != NULL) seal_wipe(secret, (size_t)sqlite3_msize(secret));
  sqlite3_free(secret);
}

/************************************************************************************************
** psk credentials.
*/
/* 1 if a value is meant as a JWK: text that begins with a brace. Bytes at random are no text. */
static int is_jwk_text(const char *p, int n) {
  int first = 0;
  while (first < n && memchr(" \t\r\n", p[first], 4) != NULL) first++;
  if (first == n || p[first] != '{' || !seal_is_utf8(p, (size_t)n)) return 0;
  for (int i = first; i < n; i++) {
    if ((unsigned char)p[i] < 0x20 && memchr("\t\r\n", p[i], 3) == NULL) return 0;
  }
  return 1;
}

SealReason seal_psk_parse(Seal *p, const void *value, int n, const char *alg, SealKeySet **out) {
  if (is_jwk_text(value, n)) {
    return seal_keyset_parse(seal_crypto(p), value, (size_t)n, SEAL_KEYSET_SECRET, out);
  }
  size_t size = (size_t)n * 2 + 80;
  char *text = n <= 4096 ? sqlite3_malloc64(size) : NULL;
  *out = NULL;
  if (text == NULL) return n <= 4096 ? SEAL_NOMEM : SEAL_REASON_KEY_SIZE;
  sqlite3_snprintf((int)size, text, "{\"kty\":\"oct\",\"alg\":\"%s\",\"k\":\"", alg);
  size_t at = strlen(text);
  at += seal_b64url_encode(value, (size_t)n, text + at);
  memcpy(text + at, "\"}", 3);
  SealReason reason = seal_keyset_parse(seal_crypto(p), text, at + 2, SEAL_KEYSET_SECRET, out);
  seal_secret_free(text, (int)size);
  return reason;
}

/* A psk is sealed to its VAL server and its credential_id: as credential_identity in
** sql/statements/secret.sql, whose length() counts characters. */
int seal_credential_seal(Seal *p, SealText val_server_id, SealText credential_id, const void *value,
                         int n, void **out, int *n_out, SealError *err) {
  char *aad = sqlite3_mprintf("%d:%.*s%d:%.*s", seal_characters(val_server_id), val_server_id.n,
                              val_server_id.p, seal_characters(credential_id), credential_id.n,
                              credential_id.p);
  if (aad == NULL) return SQLITE_NOMEM;
  int rc = seal_secret_seal(p, SEAL_FOR_PSK, (SealText){aad, (int)strlen(aad)}, value, n, out,
                            n_out, err);
  sqlite3_free(aad);
  return rc;
}

int seal_psk_open(Seal *p, int64_t id, SealText aad, const void *sealed, int n, const char *alg,
                  SealKeySet **out, SealError *err) {
  void *value;
  int n_value;
  *out = NULL;
  if (strcmp(alg, "HS384") != 0 && strcmp(alg, "HS512") != 0) alg = "HS256";
  int rc = seal_secret_open(p, SEAL_FOR_PSK, id, aad, sealed, n, &value, &n_value, err);
  if (rc != SQLITE_OK) return rc;
  SealReason reason = seal_psk_parse(p, value, n_value, alg, out);
  seal_secret_free(value, n_value);
  /* Too short for this algorithm: no key for this token. */
  return seal_reason_rc(reason);
}

/************************************************************************************************
** Answers that hold a token or a key.
*/
/* As reseal_answer in sql/statements/secret.sql. */
char *seal_answer_name(int64_t val_server, SealText message_id) {
  return sqlite3_mprintf("%lld:%.*s", (long long)val_server, message_id.n, message_id.p);
}

int seal_answer_seal(Seal *p, SealText name, const char *response, void **out, int *n,
                     SealError *err) {
  return seal_secret_seal(p, SEAL_FOR_ANSWER, name, response, (int)strlen(response), out, n, err);
}

int seal_answer_open(Seal *p, int64_t id, SealText name, const void *sealed, int n, void **out,
                     int *n_out, SealError *err) {
  return seal_secret_open(p, SEAL_FOR_ANSWER, id, name, sealed, n, out, n_out, err);
}

/************************************************************************************************
** Another key.
*/
/* Seals one stored value again. */
static int reseal(Seal *p, const unsigned char *key, const char *purpose, SealText aad,
                  const void *sealed, int n, enum SealSql update, int64_t id, SealError *err) {
  void *plain = NULL, *again = NULL;
  int n_plain = 0, n_again = 0;
  int rc = seal_secret_open(p, purpose, id, aad, sealed, n, &plain, &n_plain, err);
  if (rc == SQLITE_OK) rc = seal_with(p, key, purpose, aad, plain, n_plain, &again, &n_again);
  if (rc == SQLITE_OK) rc = seal_store_run(seal_store(p), update, "ib", id, again, n_again);
  seal_secret_free(plain, n_plain);
  sqlite3_free(again);
  return rc;
}

/* Seals every value of one purpose again, in the order of row ids, so that the updates don't disturb
** the reading. */
static int reseal_all(Seal *p, const unsigned char *key, const char *purpose, enum SealSql next,
                      enum SealSql update, int64_t *count, SealError *err) {
  int64_t id = -1;
  for (;;) {
    sqlite3_stmt *row;
    int rc = seal_store_row(seal_store(p), next, &row, "i", id);
    if (rc != SQLITE_ROW) {
      seal_store_reset(row);
      return rc == SQLITE_DONE ? SQLITE_OK : rc;
    }
    id = sqlite3_column_int64(row, RESEAL_PSK_ID);
    rc = reseal(p, key, purpose, seal_column_text(row, RESEAL_PSK_NAME),
                sqlite3_column_blob(row, RESEAL_PSK_VALUE),
                sqlite3_column_bytes(row, RESEAL_PSK_VALUE), update, id, err);
    seal_store_reset(row);
    if (rc != SQLITE_OK) return rc;
    (*count)++;
  }
}

int seal_rekey(Seal *p, const unsigned char *key, int n, int64_t *count, SealError *err) {
  unsigned char *copy = NULL;
  *count = 0;
  if (n != SEAL_AEAD_KEY) {
    return seal_refuse(err, SEAL_SEALED, "the key has %d bytes, not %d", n, SEAL_AEAD_KEY);
  }
  int rc = seal_key_current(p, err);
  if (rc == SQLITE_OK) rc = copy_key(key, &copy);
  if (rc == SQLITE_OK) {
    rc = reseal_all(p, key, SEAL_FOR_PSK, SQL_RESEAL_PSK, SQL_RESEAL_PSK_SET, count, err);
  }
  if (rc == SQLITE_OK) {
    rc = reseal_all(p, key, SEAL_FOR_KEY, SQL_RESEAL_KEY, SQL_RESEAL_KEY_SET, count, err);
  }
  if (rc == SQLITE_OK) {
    rc = reseal_all(p, key, SEAL_FOR_RECORD, SQL_RESEAL_RECORD, SQL_RESEAL_RECORD_SET, count, err);
  }
  if (rc == SQLITE_OK) {
    rc = reseal_all(p, key, SEAL_FOR_ANSWER, SQL_RESEAL_ANSWER, SQL_RESEAL_ANSWER_SET, count, err);
  }
  if (rc == SQLITE_OK) rc = write_check(p, key);
  if (rc != SQLITE_OK) {
    key_free(&copy);
    return rc;
  }
  Keys *keys = seal_room_made(p, SEAL_ROOM_SECRET);
  assert(keys != NULL); /* it is unlocked */
  if (keys->before == NULL) {
    keys->before = keys->key;
  } else {
    key_free(&keys->key);
  }
  keys->key = copy;
  keys->generation++;
  return SQLITE_OK;
}
