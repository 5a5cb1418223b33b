/* What a SEAL server proves itself with at the registrar (exchange.h): a token of one use, signed with the key of its own
** database, whose public half the registrar has as seal_server.jwk.
**
**    {"iss":"sims-1","sub":"sims-1","aud":"urn:seal:registrar","iat":…,"exp":…,"jti":"…"}
*/
#include "registrar/exchange/exchange_int.h"

#include <stdlib.h>
#include <string.h>

/* Whom it is for, if nobody said: the registrar of the anchor. Refuses where there is no such anchor. */
static int registrar_of(Seal *p, int64_t at, char out[SEAL_ID_MAX + 1], SealError *err) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_APPLY_ANCHOR, &row, "i", at);
  if (rc == SQLITE_ROW) {
    SealText iss = seal_column_text(row, APPLY_ANCHOR_ISS);
    sqlite3_snprintf(SEAL_ID_MAX + 1, out, "%.*s", iss.p ? iss.n : (int)strlen(SEAL_REGISTRAR_ID),
                     iss.p ? iss.p : SEAL_REGISTRAR_ID);
  }
  seal_store_reset(row);
  if (rc != SQLITE_DONE) return rc == SQLITE_ROW ? SQLITE_OK : rc;
  return seal_refuse(err, SEAL_MODIFICATION_NOT_ALLOWED,
                     "this is no SEAL server's database: it has no anchor of type registrar");
}

int seal_assertion(Seal *p, const char *aud, int64_t ttl, int64_t at, char **token,
                   SealError *err) {
  unsigned char nonce[16];
  char jti[32], identifier[SEAL_ID_MAX + 1], registrar[SEAL_ID_MAX + 1], *text = NULL, *jws = NULL;
  SealKey *key = NULL;
  *token = NULL;
  int rc = registrar_of(p, at, registrar, err);
  if (rc == SQLITE_OK) rc = seal_identifier(p, identifier);
  if (rc == SQLITE_OK) rc = seal_signing_key(p, &key, err);
  if (rc == SQLITE_OK) rc = seal_reason_rc(seal_random(seal_crypto(p), nonce, sizeof nonce));
  if (rc == SQLITE_OK) {
    seal_b64url_encode(nonce, sizeof nonce, jti);
    json_t *claims = json_pack("{s:s,s:s,s:s,s:I,s:I,s:s}", "iss", identifier, "sub", identifier,
                               "aud", aud ? aud : registrar, "iat", (json_int_t)at, "exp",
                               (json_int_t)(at + ttl), "jti", jti);
    text = claims ? seal_json_dump(claims) : NULL;
    json_decref(claims);
    rc = text ? SQLITE_OK : SQLITE_NOMEM;
  }
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(seal_jws_sign(seal_crypto(p), key, "JWT", text, strlen(text), &jws));
  }
  if (rc == SQLITE_OK && (*token = sqlite3_mprintf("%s", jws)) == NULL) rc = SQLITE_NOMEM;
  if (jws != NULL) seal_wipe(jws, strlen(jws));
  free(jws);
  sqlite3_free(text);
  seal_key_free(key);
  return rc;
}
