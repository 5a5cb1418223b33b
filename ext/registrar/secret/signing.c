/* The registrar's signing keys (secret.h): ES256, sealed at rest. The newest signs; those before it verify
** as long as what they signed may be about, and sign bundles for SEAL servers that don't know the newest yet.
**
**    rc = seal_signing_key(p, &key, err);
**    if (rc == SQLITE_OK) rc = seal_reason_rc(seal_jws_sign(seal_crypto(p), key, typ, text, n, &jws));
**    seal_key_free(key);
*/
#include "registrar/secret/secret.h"

#include <stdlib.h>
#include <string.h>

/* Opens the key of a row, of one form or the other. */
static int open_key(Seal *p, sqlite3_stmt *row, SealKey **out, SealError *err) {
  void *der = NULL;
  int n = 0;
  int rc = seal_secret_open(p, SEAL_FOR_KEY, sqlite3_column_int64(row, SIGNING_KEY_ID),
                            seal_column_text(row, SIGNING_KEY_KID),
                            sqlite3_column_blob(row, SIGNING_KEY_PRIVATE),
                            sqlite3_column_bytes(row, SIGNING_KEY_PRIVATE), &der, &n, err);
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(seal_key_import(seal_crypto(p), der, (size_t)n, out));
    if (rc == SQLITE_CONSTRAINT_VTAB) rc = SQLITE_CORRUPT_VTAB;
  }
  seal_secret_free(der, n);
  return rc;
}

/* Opens what was found (rc, row) of the signing keys, and leaves the row. */
static int take_key(Seal *p, int rc, sqlite3_stmt *row, SealKey **out, SealError *err) {
  if (rc == SQLITE_ROW) rc = open_key(p, row, out, err);
  seal_store_reset(row);
  if (rc != SQLITE_DONE) return rc;
  return seal_refuse(err, SEAL_SEALED, "there is no signing key yet: command rotate-key");
}

int seal_signing_key(Seal *p, SealKey **out, SealError *err) {
  sqlite3_stmt *row = NULL;
  *out = NULL;
  int rc = seal_unlocked(p, err);
  if (rc == SQLITE_OK) rc = seal_store_row(seal_store(p), SQL_SIGNING_KEY, &row, "");
  return take_key(p, rc, row, out, err);
}

int seal_signing_key_before(Seal *p, const SealKey *key, int64_t at, SealKey **out,
                            SealError *err) {
  sqlite3_stmt *row = NULL;
  *out = NULL;
  int rc = seal_store_row(seal_store(p), SQL_SIGNING_KEY_BEFORE, &row, "ti", seal_key_kid(key), at);
  if (rc == SQLITE_ROW) rc = open_key(p, row, out, err);
  seal_store_reset(row);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int seal_signing_key_known(Seal *p, int64_t change, int64_t at, SealKey **out, SealError *err) {
  sqlite3_stmt *row = NULL;
  *out = NULL;
  int rc = seal_unlocked(p, err);
  if (rc == SQLITE_OK) {
    rc = seal_store_row(seal_store(p), SQL_SIGNING_KEY_KNOWN, &row, "ii", change, at);
  }
  return take_key(p, rc, row, out, err);
}

int seal_signing_forget(Seal *p, int64_t at) {
  return seal_store_run(seal_store(p), SQL_SIGNING_FORGET, "i", at);
}

/* Stores a new key, sealed. */
static int key_store(Seal *p, const SealKey *key, int64_t at, int leaked, SealError *err) {
  unsigned char *der = NULL;
  void *sealed = NULL;
  size_t n = 0;
  int n_sealed = 0;
  const char *kid = seal_key_kid(key);
  int rc = seal_reason_rc(seal_key_export(seal_crypto(p), key, &der, &n));
  if (rc == SQLITE_OK) {
    rc = seal_secret_seal(p, SEAL_FOR_KEY, (SealText){kid, (int)strlen(kid)}, der, (int)n, &sealed,
                          &n_sealed, err);
  }
  if (der != NULL) seal_wipe(der, n);
  free(der);
  if (rc == SQLITE_OK) rc = seal_signing_forget(p, at);
  if (rc == SQLITE_OK) rc = seal_store_run(seal_store(p), SQL_SIGNING_RETIRE, "i", at);
  if (rc == SQLITE_OK && leaked) rc = seal_store_run(seal_store(p), SQL_SIGNING_REVOKE, "");
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_SIGNING_INSERT, "ttbi", kid, seal_key_public(key),
                        sealed, n_sealed, at);
  }
  if (rc == SQLITE_OK) rc = seal_store_run(seal_store(p), SQL_SIGNING_NAME, "t", kid);
  sqlite3_free(sealed);
  return rc;
}

int seal_rotate_key(Seal *p, int64_t at, int leaked, char **jwk, SealError *err) {
  SealKey *key = NULL;
  *jwk = NULL;
  int rc = seal_unlocked(p, err);
  if (rc == SQLITE_OK) rc = seal_reason_rc(seal_key_generate(seal_crypto(p), &key));
  if (rc == SQLITE_OK) rc = key_store(p, key, at, leaked, err);
  if (rc == SQLITE_OK) {
    *jwk = sqlite3_mprintf("%s", seal_key_public(key));
    if (*jwk == NULL) rc = SQLITE_NOMEM;
  }
  seal_key_free(key);
  return rc;
}

int seal_signing_jwks(Seal *p, int64_t at, char **jwks) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_SIGNING_JWKS, &row, "i", at);
  *jwks = NULL;
  if (rc == SQLITE_ROW) {
    const char *text = (const char *)sqlite3_column_text(row, SIGNING_JWKS_JWKS);
    *jwks = sqlite3_mprintf("%s", text ? text : "{\"keys\":[]}");
    rc = *jwks ? SQLITE_OK : SQLITE_NOMEM;
  }
  seal_store_reset(row);
  return rc;
}
