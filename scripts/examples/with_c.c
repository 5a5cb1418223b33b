/* The registrar in C: a VAL server with a key of its own, one user that its SLA allows, one that it does not.
**
** The extension is in every connection of the process: sqlite3_auto_extension has its entry point. Where that comes
** from, either of two ways:
**
**    cc -o with_c scripts/examples/with_c.c -lsqlite3                    opened at run time:
**    ./with_c [LIBRARY]
**
**    cc -DLINKED -o with_c scripts/examples/with_c.c -lsqlite3 \
**      /usr/local/lib/seal/seal.so -Wl,-rpath,/usr/local/lib/seal         linked: the loader brings it
**    ./with_c
**
** Needs Debian's libsqlite3-dev. One connection alone: sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1,
** NULL) and sqlite3_load_extension(db, "/usr/local/lib/seal/seal", NULL, &message).
*/
#include <dlfcn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

/* Frees nothing: the process ends. */
static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

typedef void Entry(void);

#ifdef LINKED
int sqlite3_seal_init(sqlite3 *db, char **message, const sqlite3_api_routines *api);

static Entry *entry(const char *library) {
  (void)library;
  return (Entry *)sqlite3_seal_init;
}
#else
static Entry *entry(const char *library) {
  void *handle = dlopen(library, RTLD_NOW);
  void *found = handle ? dlsym(handle, "sqlite3_seal_init") : NULL;
  if (found == NULL) fail(dlerror());
  return (Entry *)found;
}
#endif

/* Statements without parameters or rows. */
static void run(sqlite3 *db, const char *sql) {
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail(sqlite3_errmsg(db));
}

/* One statement with up to two parameters (NULL: there is none). Gives its first value, which sqlite3_free() takes back,
** or NULL: there was none, or, where *rc is not SQLITE_OK, an error that sqlite3_errmsg() tells. */
static char *one(sqlite3 *db, const char *sql, const char *first, const char *second, int *rc) {
  sqlite3_stmt *stmt = NULL;
  char *value = NULL;
  *rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
  if (*rc == SQLITE_OK && first != NULL) *rc = sqlite3_bind_text(stmt, 1, first, -1, SQLITE_STATIC);
  if (*rc == SQLITE_OK && second != NULL)
    *rc = sqlite3_bind_text(stmt, 2, second, -1, SQLITE_STATIC);
  if (*rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
    value = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
  }
  int ended = sqlite3_finalize(stmt);
  if (*rc == SQLITE_OK) *rc = ended;
  return value;
}

static char *must(sqlite3 *db, const char *sql, const char *first) {
  int rc;
  char *value = one(db, sql, first, NULL, &rc);
  if (rc != SQLITE_OK) fail(sqlite3_errmsg(db));
  return value;
}

/* Stores a user for the VAL server. Each act is proved by a token that the VAL server signs; a token serves once. */
static int provision(sqlite3 *db, const char *private_key, const char *user) {
  int rc;
  char *token =
      must(db,
           "SELECT seal_sign(json_object('iss', 'v2x.acme.example', 'sub', 'v2x.acme.example',"
           " 'aud', 'urn:seal:registrar', 'iat', unixepoch(), 'exp', unixepoch() + 300, 'jti', "
           "hex(randomblob(16))), ?)",
           private_key);
  sqlite3_free(one(db,
                   "INSERT INTO seal_identity(credential, val_service_id, val_user_id, exp_time)"
                   " VALUES (?, 'v2x', ?, '2098-12-31')",
                   token, user, &rc));
  sqlite3_free(token);
  return rc;
}

static void print(sqlite3 *db, const char *sql) {
  char *line = must(db, sql, NULL);
  printf("%s\n", line ? line : "");
  sqlite3_free(line);
}

int main(int argc, char **argv) {
  /* Before any connection is opened. The registrar's functions and modules are then in each; the relations come once,
  ** with the database. */
  if (sqlite3_auto_extension(entry(argc > 1 ? argv[1] : "/usr/local/lib/seal/seal.so")) !=
      SQLITE_OK)
    fail("out of memory");
  sqlite3 *db = NULL;
  if (sqlite3_open(":memory:", &db) != SQLITE_OK) fail(sqlite3_errmsg(db));
  char *schema = must(db, "SELECT seal_schema()", NULL);
  run(db, schema);
  sqlite3_free(schema);
  print(db, "SELECT 'seal ' || seal_version()");

  /* The contract: what acme may provision, and who acts for it. */
  run(db, "INSERT INTO seal_agreement(agreement_id, val_provider_id) VALUES ('sla-7', 'acme');"
          "INSERT INTO seal_term(agreement_id, seal_service, val_service_id, max_identities)"
          " VALUES ('sla-7', 'identity-management', 'v2x', 1);"
          "INSERT INTO seal_val_server(val_server_id, agreement_id) VALUES ('v2x.acme.example', "
          "'sla-7');");

  /* The VAL server's key pair: the registrar is given the public half. */
  char *private_key = must(db, "SELECT seal_generate_key()", NULL);
  sqlite3_free(must(db,
                    "INSERT INTO seal_credential(val_server_id, type, value)"
                    " VALUES ('v2x.acme.example', 'jwk', seal_public_key(?))",
                    private_key));

  if (provision(db, private_key, "alice@acme.example") != SQLITE_OK) fail(sqlite3_errmsg(db));
  print(db, "SELECT 'valid ' || val_service_id || ' ' || val_user_id || ' until ' || valid_until "
            "FROM seal_identity");

  /* The contract allows one user. The refusal is SQLITE_CONSTRAINT; its text begins with its cause. */
  if (provision(db, private_key, "bob@acme.example") == SQLITE_CONSTRAINT)
    printf("refused %s\n", sqlite3_errmsg(db));

  /* What was stored stays; what was refused left nothing. */
  print(db, "SELECT 'stored ' || count(*) FROM seal_identity");
  sqlite3_free(private_key);
  return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
