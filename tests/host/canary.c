/* Handles a secret as a careful host does, closes the database, and looks for the secret in its own
** memory: what a core of the process would hold. Test only.
**
**    canary EXTENSION DATABASE TOKEN HMAC
**
** The database has a VAL server v2x.example whose term allows key records; TOKEN is an access token with
** SKeyProv, good at noon of 15 November 2026, HMAC a token of the VAL server under some other psk. Secrets are bound without a copy (SQLITE_STATIC) and
** wiped by this program when they were used; whatever is found after sqlite3_close is the extension's, or
** SQLite's. Prints for each secret how often it was found; exit 1 if anything fails.
*/
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 48 /* bytes of each secret; all but the key are text */
#define MASK 0x15

/* Secrets as they never stand in memory: each byte masked. */
static unsigned char masked[3][SIZE];
static const char *const names[] = {"key", "psk", "key_info"};

static void fail(const char *what, sqlite3 *db) {
  fprintf(stderr, "canary: %s: %s\n", what, db ? sqlite3_errmsg(db) : "failed");
  exit(1);
}

/* Makes secrets that nothing else in this process has. */
static void make(void) {
  FILE *f = fopen("/dev/urandom", "rb");
  if (f == NULL || fread(masked, 1, sizeof masked, f) != sizeof masked) fail("urandom", NULL);
  fclose(f);
  for (int i = 0; i < 3; i++) {
    for (int k = 0; k < SIZE; k++) masked[i][k] = (unsigned char)('a' + masked[i][k] % 26) ^ MASK;
  }
}

static void wipe(volatile unsigned char *p, size_t n) {
  while (n-- > 0) *p++ = 0;
}

/* Runs a statement with one secret, bound where it lies, and a text. */
static void run(sqlite3 *db, const char *sql, int secret, int n, const char *text) {
  sqlite3_stmt *stmt;
  unsigned char plain[SIZE];
  for (int k = 0; k < SIZE; k++) plain[k] = masked[secret][k] ^ MASK;
  if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) fail(sql, db);
  int rc = secret == 2 ? sqlite3_bind_text(stmt, 1, (char *)plain, n, SQLITE_STATIC)
                       : sqlite3_bind_blob(stmt, 1, plain, n, SQLITE_STATIC);
  if (rc == SQLITE_OK && text != NULL) rc = sqlite3_bind_text(stmt, 2, text, -1, SQLITE_STATIC);
  if (rc != SQLITE_OK) fail(sql, db);
  while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) (void)sqlite3_column_int(stmt, 0);
  if (rc != SQLITE_DONE || sqlite3_finalize(stmt) != SQLITE_OK) fail(sql, db);
  wipe(plain, sizeof plain);
}

/* Reads key_info as a host does that looks and keeps no copy. */
static void look(sqlite3 *db) {
  sqlite3_stmt *stmt;
  static const char sql[] = "SELECT key_info FROM seal_key_record WHERE at IS NULL";
  if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) fail(sql, db);
  if (sqlite3_step(stmt) != SQLITE_ROW || sqlite3_column_bytes(stmt, 0) != SIZE) fail(sql, db);
  const unsigned char *text = sqlite3_column_text(stmt, 0);
  for (int k = 0; k < SIZE; k++) {
    if ((text[k] ^ MASK) != masked[2][k]) fail("key_info is another", NULL);
  }
  if (sqlite3_finalize(stmt) != SQLITE_OK) fail(sql, db);
}

/* How often the first 16 bytes of a secret stand in n bytes. */
static int count(const unsigned char *p, size_t n, const unsigned char *secret) {
  int found = 0;
  for (size_t i = 0; i + 16 <= n; i++) {
    size_t k = 0;
    while (k < 16 && (p[i + k] ^ MASK) == secret[k]) k++;
    found += k == 16;
  }
  return found;
}

/* Searches every writable page of this process. */
static void search(int found[3]) {
  FILE *maps = fopen("/proc/self/maps", "r"), *mem = fopen("/proc/self/mem", "rb");
  static unsigned char page[1 << 16];
  char line[512];
  if (maps == NULL || mem == NULL) fail("/proc/self", NULL);
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long from, to;
    char mode[8];
    if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[1] != 'w') continue;
    for (unsigned long at = from; at < to; at += sizeof page - 16) {
      size_t n = to - at < sizeof page ? to - at : sizeof page;
      if (at <= (unsigned long)page && (unsigned long)page < at + n) continue;
      if (fseeko(mem, (off_t)at, SEEK_SET) != 0) continue;
      n = fread(page, 1, n, mem);
      for (int i = 0; i < 3; i++) found[i] += count(page, n, masked[i]);
    }
  }
  fclose(maps);
  fclose(mem);
}

int main(int argc, char **argv) {
  sqlite3 *db;
  char *message = NULL;
  int found[3] = {0, 0, 0};
  if (argc != 5) fail("usage: canary EXTENSION DATABASE TOKEN HMAC", NULL);
  make();
  if (sqlite3_open(argv[2], &db) != SQLITE_OK) fail(argv[2], db);
  if (sqlite3_enable_load_extension(db, 1) != SQLITE_OK ||
      sqlite3_load_extension(db, argv[1], NULL, &message) != SQLITE_OK) {
    fail(message ? message : argv[1], db);
  }
  run(db, "SELECT seal_unlock(?1)", 0, 32, NULL);
  run(db,
      "INSERT INTO seal_credential(val_server_id, type, value) VALUES ('v2x.example', 'psk', ?1)",
      1, SIZE, NULL);
  run(db,
      "INSERT INTO seal_key_record(credential, val_service_id, key_format, key_info, at) "
      "VALUES (?2, 'v2x', 'f', ?1, 1794744000)",
      2, SIZE, argv[3]);
  look(db);
  /* A token that is authenticated by HMAC makes the registrar open the psk. */
  sqlite3_stmt *stmt;
  if (sqlite3_prepare_v2(db, "SELECT seal_authenticate(?1, 1794744000)", -1, &stmt, NULL) !=
          SQLITE_OK ||
      sqlite3_bind_text(stmt, 1, argv[4], -1, SQLITE_STATIC) != SQLITE_OK ||
      sqlite3_step(stmt) != SQLITE_CONSTRAINT ||
      strstr(sqlite3_errmsg(db), "CREDENTIAL_INVALID") == NULL) {
    fail("a token under another psk", db);
  }
  (void)sqlite3_finalize(stmt);
  search(found);
  if (found[0] == 0) fail("the search does not find the key while it is in use", NULL);
  if (sqlite3_close(db) != SQLITE_OK) fail("close", db);
  memset(found, 0, sizeof found);
  search(found);
  for (int i = 0; i < 3; i++) printf("%s %d\n", names[i], found[i]);
  return 0;
}
