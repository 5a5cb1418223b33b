/* The door: registers what the tables of functions and relations list, and nothing else.
**
**    .load build/seal
**    .read sql/install.sql
**
** Loading reads no file, no environment and no network, writes nothing and starts no thread, so that
** a host may load it by sqlite3_auto_extension before any database is open.
**
** The rooms, lowest first; each may call those before it, and none behind it (scripts/floors):
**
**    base  crypto  crypto/jose | crypto/x509  store
**    registrar/  txn  secret  ledger  who  sla  held  exchange
**    tables/relation  tables | tables/function  messages  seal.c
*/
#include "messages/messages.h"
#include "registrar/held/held.h"
#include "tables/function/function_at.h"
#include "tables/function/function_charging.h"
#include "tables/function/function_columns.h"
#include "tables/function/function_decimal.h"
#include "tables/function/function_scalar.h"
#include "tables/function/function_jose.h"
#include "tables/relation/relation.h"
#include "tables/results.h"
#include "tables/function/function_x509.h"

#include <openssl/crypto.h>

SQLITE_EXTENSION_INIT1

#define X(NAME) extern const SealRelation seal_relation_##NAME;
#include "relations.inc"
#undef X

static const SealRelation *const relations[] = {
#define X(NAME) &seal_relation_##NAME,
#include "relations.inc"
#undef X
    NULL,
};

/* The rooms that have something to do at the gate. */
static SealRoomDuty *const duties[] = {seal_held_duty, seal_secret_duty, seal_results_duty, NULL};

#define OLDEST_SQLITE 3040000

static int refuse(char **message, const char *format, const char *detail) {
  if (message != NULL) *message = sqlite3_mprintf(format, detail);
  return SQLITE_ERROR;
}

/* Whether this connection has the extension: loading twice is harmless, what the first left stays in use.
** An error, or SQLITE_OK. */
static int find_loaded(sqlite3 *db, int *loaded) {
  sqlite3_stmt *stmt = NULL;
  *loaded = sqlite3_prepare_v2(db, seal_sql[SQL_LOADED], -1, &stmt, NULL) == SQLITE_OK;
  (void)sqlite3_finalize(stmt);
  if (*loaded) return SQLITE_OK;
  /* That left an error behind, which would make sqlite3_open fail where it loads by itself: a success
  ** takes it away. And when memory has run out under a running statement, SQLite destroys a new module's
  ** data but keeps the module: none may be made then. */
  int rc = sqlite3_prepare_v2(db, seal_sql[SQL_NOT_LOADED], -1, &stmt, NULL);
  (void)sqlite3_finalize(stmt);
  return rc;
}

int sqlite3_seal_init(sqlite3 *db, char **message, const sqlite3_api_routines *api);

__attribute__((visibility("default"))) int sqlite3_seal_init(sqlite3 *db, char **message,
                                                             const sqlite3_api_routines *api) {
  /* Two SQLite libraries in one process would share the one pointer: the second is refused, by its
  ** own allocator, before anything of the first is called. */
  if (sqlite3_api != NULL && sqlite3_api != api) {
    if (message != NULL) {
      *message = api->mprintf("seal: another SQLite library in this process has loaded it already");
    }
    return SQLITE_ERROR;
  }
  /* Another thread may be using it. */
  if (sqlite3_api == NULL) SQLITE_EXTENSION_INIT2(api);
  if (sqlite3_libversion_number() < OLDEST_SQLITE) {
    return refuse(message, "seal: SQLite 3.40 or newer is needed, this is %s",
                  sqlite3_libversion());
  }
  if (OPENSSL_version_major() != OPENSSL_VERSION_MAJOR) {
    return refuse(message, "seal: built for another OpenSSL than %s",
                  OpenSSL_version(OPENSSL_VERSION));
  }
  int loaded, rc = find_loaded(db, &loaded);
  if (rc != SQLITE_OK || loaded) return rc;
  Seal *p = seal_open(db, duties);
  if (p == NULL) return refuse(message, "seal: %s", "out of memory, or OpenSSL lacks an algorithm");
  rc = seal_relation_register(p, relations);
  if (rc == SQLITE_OK) rc = seal_charging_register(p);
  if (rc == SQLITE_OK) rc = seal_at_register(p);
  if (rc == SQLITE_OK) rc = seal_columns_register(db);
  if (rc == SQLITE_OK) rc = seal_decimal_register(db);
  if (rc == SQLITE_OK) rc = seal_jose_register(db, seal_crypto(p));
  if (rc == SQLITE_OK) rc = seal_x509_register(db, seal_crypto(p));
  if (rc == SQLITE_OK) rc = seal_function_register(p);
  seal_close(p);
  return rc;
}
