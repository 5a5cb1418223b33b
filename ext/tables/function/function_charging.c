/* seal_charging([from [, until]]): one TS 32.291 ChargingDataRequest for each charging record.
**
**    SELECT seq, request FROM seal_charging('2026-11-01', '2026-12-01');
**
** Records stand in the order of their numbers, and one reads the same however often it is exported, but for
** retransmissionIndicator, which the command `charged` moves: all of it comes from seal_charge, nothing from what an
** agreement says today. Post-event charging: each is a one-time event. `WHERE seq > ?` reads no more than it asks for. The
** JSON is made by sql/statements/charging.sql.
*/
#include "tables/function/function_charging.h"
#include "tables/relation/relation.h"

#include <string.h>

enum { COL_SEQ, COL_TIME, COL_REQUEST, COL_FROM, COL_UNTIL };

typedef struct ChargingTable {
  sqlite3_vtab base;
  Seal *p;
} ChargingTable;

typedef struct ChargingCursor {
  sqlite3_vtab_cursor base;
  sqlite3_stmt *stmt;
  int eof;
} ChargingCursor;

static int charging_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                            sqlite3_vtab **out, char **message) {
  (void)argc;
  (void)argv;
  (void)message;
  int rc = sqlite3_declare_vtab(db, "CREATE TABLE x(seq INTEGER, time TEXT, request TEXT, "
                                    "\"from\" HIDDEN, \"until\" HIDDEN)");
  /* It looks at the ledgers: not for what a hostile schema runs. */
  if (rc == SQLITE_OK) rc = sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  if (rc != SQLITE_OK) return rc;
  ChargingTable *table = sqlite3_malloc(sizeof *table);
  if (table == NULL) return SQLITE_NOMEM;
  memset(table, 0, sizeof *table);
  table->p = aux;
  *out = &table->base;
  return SQLITE_OK;
}

static int charging_disconnect(sqlite3_vtab *base) {
  sqlite3_free(base);
  return SQLITE_OK;
}

/* What a plan is given, as bits of idxNum in this order: the arguments, and bounds of seq. */
enum { ARG_FROM, ARG_UNTIL, ARG_SEQ_IS, ARG_SEQ_FROM, ARG_SEQ_TO, ARGS };

/* Which of them a constraint is; -1: none. Of bounds that leave the limit itself out, SQLite does so. */
static int argument_of(int column, int op) {
  if (column >= COL_FROM) return op == SQLITE_INDEX_CONSTRAINT_EQ ? column - COL_FROM : -1;
  if (column != COL_SEQ && column != -1) return -1;
  switch (op) {
  case SQLITE_INDEX_CONSTRAINT_EQ:
    return ARG_SEQ_IS;
  case SQLITE_INDEX_CONSTRAINT_GT:
  case SQLITE_INDEX_CONSTRAINT_GE:
    return ARG_SEQ_FROM;
  case SQLITE_INDEX_CONSTRAINT_LT:
  case SQLITE_INDEX_CONSTRAINT_LE:
    return ARG_SEQ_TO;
  default:
    return -1;
  }
}

static int charging_best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
  int found[ARGS] = {-1, -1, -1, -1, -1}, n = 0;
  (void)base;
  for (int i = 0; i < info->nConstraint; i++) {
    int arg = argument_of(info->aConstraint[i].iColumn, info->aConstraint[i].op);
    if (arg < 0) continue;
    if (info->aConstraint[i].usable) {
      found[arg] = i;
    } else if (arg <= ARG_UNTIL) {
      return SQLITE_CONSTRAINT;
    }
  }
  for (int arg = 0; arg < ARGS; arg++) {
    if (found[arg] < 0) continue;
    info->idxNum |= 1 << arg;
    info->aConstraintUsage[found[arg]].argvIndex = ++n;
    info->aConstraintUsage[found[arg]].omit = arg <= ARG_UNTIL;
  }
  int bounds = info->idxNum >> ARG_SEQ_IS;
  info->estimatedCost = bounds & 1 ? 10 : bounds ? 100000 : 1000000;
  info->estimatedRows = bounds & 1 ? 1 : bounds ? 10000 : 100000;
  info->orderByConsumed =
      info->nOrderBy == 1 && info->aOrderBy[0].iColumn == COL_SEQ && !info->aOrderBy[0].desc;
  return SQLITE_OK;
}

static int charging_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out) {
  (void)base;
  ChargingCursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (cursor == NULL) return SQLITE_NOMEM;
  memset(cursor, 0, sizeof *cursor);
  *out = &cursor->base;
  return SQLITE_OK;
}

static int charging_close(sqlite3_vtab_cursor *base) {
  Seal *p = ((ChargingTable *)base->pVtab)->p;
  seal_store_finalize(seal_store(p), ((ChargingCursor *)base)->stmt);
  sqlite3_free(base);
  return SQLITE_OK;
}

static int charging_next(sqlite3_vtab_cursor *base) {
  ChargingCursor *cursor = (ChargingCursor *)base;
  int rc = sqlite3_step(cursor->stmt);
  cursor->eof = rc != SQLITE_ROW;
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Reads an argument: NULL leaves *out as it is. */
static int read_instant(sqlite3_vtab *base, sqlite3_value *value, int64_t *out) {
  if (sqlite3_value_type(value) == SQLITE_NULL) return SQLITE_OK;
  if (seal_value_instant(value, out) == 0) return SQLITE_OK;
  return seal_vtab_fail(base, SQLITE_ERROR, 0, seal_no_instant("seal_charging", value));
}

#define UUID_SIZE 37

static int is_uuid(SealText text) {
  if (text.p == NULL || text.n != UUID_SIZE - 1) return 0;
  for (int i = 0; i < text.n; i++) {
    int hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    char c = text.p[i];
    if (hyphen ? c != '-' : strchr("0123456789abcdefABCDEF", c) == NULL) return 0;
  }
  return 1;
}

static void write_uuid(const unsigned char *hash, char out[UUID_SIZE]) {
  for (int i = 0, at = 0; i < 16; i++) {
    int byte = i == 6 ? (hash[i] & 0x0f) | 0x40 : i == 8 ? (hash[i] & 0x3f) | 0x80 : hash[i];
    if (i == 4 || i == 6 || i == 8 || i == 10) out[at++] = '-';
    sqlite3_snprintf(3, out + at, "%02x", byte);
    at += 2;
  }
}

/* Narrows the numbers that are read by a bound; one that is no integer is left to SQLite. */
static void take_bound(int arg, sqlite3_value *value, int64_t *low, int64_t *high) {
  if (sqlite3_value_type(value) != SQLITE_INTEGER) return;
  int64_t seq = sqlite3_value_int64(value);
  if (arg != ARG_SEQ_TO && seq > *low) *low = seq;
  if (arg != ARG_SEQ_FROM && seq < *high) *high = seq;
}

/* nFName is an NfInstanceId, a UUID (TS 29.571): the registrar's identifier if that is one, by itself or as a urn:uuid:;
** else one that is made of its SHA-256, in the form of version 4. */
static int consumer_name(Seal *p, char out[UUID_SIZE]) {
  sqlite3_stmt *row;
  unsigned char hash[SEAL_SHA256_SIZE];
  int rc = seal_store_row(seal_store(p), SQL_CHARGING_CONSUMER, &row, "");
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  SealText name = seal_column_text(row, CHARGING_CONSUMER_IDENTIFIER), uuid = name;
  if (name.p != NULL && name.n > 9 && sqlite3_strnicmp(name.p, "urn:uuid:", 9) == 0) {
    uuid = (SealText){name.p + 9, name.n - 9};
  }
  SealReason reason = SEAL_VALID;
  if (is_uuid(uuid)) {
    sqlite3_snprintf(UUID_SIZE, out, "%.*s", uuid.n, uuid.p);
  } else {
    reason = seal_sha256(seal_crypto(p), name.p ? name.p : "", (size_t)name.n, hash);
    if (reason == SEAL_VALID) write_uuid(hash, out);
  }
  seal_store_reset(row);
  return seal_reason_rc(reason);
}

static int charging_filter(sqlite3_vtab_cursor *base, int number, const char *plan, int argc,
                           sqlite3_value **argv) {
  ChargingCursor *cursor = (ChargingCursor *)base;
  Seal *p = ((ChargingTable *)base->pVtab)->p;
  int64_t from = SEAL_INSTANT_MIN, until = SEAL_UNBOUNDED, low = 0, high = INT64_MAX;
  char name[UUID_SIZE];
  int i = 0, rc;
  (void)plan;
  cursor->eof = 1;
  seal_store_finalize(seal_store(p), cursor->stmt);
  cursor->stmt = NULL;
  rc = seal_enter(p);
  if (rc != SQLITE_OK && seal_store_format_fault(seal_store(p)) != NULL) {
    sqlite3_free(base->pVtab->zErrMsg);
    base->pVtab->zErrMsg = sqlite3_mprintf("%s", seal_store_format_fault(seal_store(p)));
  }
  if (rc == SQLITE_OK && number & 1 << ARG_FROM) rc = read_instant(base->pVtab, argv[i++], &from);
  if (rc == SQLITE_OK && number & 1 << ARG_UNTIL) rc = read_instant(base->pVtab, argv[i++], &until);
  for (int arg = ARG_SEQ_IS; rc == SQLITE_OK && arg < ARGS; arg++) {
    if (number & 1 << arg) take_bound(arg, argv[i++], &low, &high);
  }
  if (rc != SQLITE_OK || i != argc) return rc;
  rc = consumer_name(p, name);
  if (rc == SQLITE_OK) {
    rc = seal_store_text(seal_store(p), seal_sql[SQL_CHARGING_RECORDS], &cursor->stmt);
  }
  if (rc == SQLITE_OK) rc = sqlite3_bind_int64(cursor->stmt, 1, from);
  if (rc == SQLITE_OK) rc = sqlite3_bind_int64(cursor->stmt, 2, until);
  if (rc == SQLITE_OK) rc = sqlite3_bind_int64(cursor->stmt, 3, low);
  if (rc == SQLITE_OK) rc = sqlite3_bind_int64(cursor->stmt, 4, high);
  if (rc == SQLITE_OK) rc = sqlite3_bind_text(cursor->stmt, 5, name, -1, SQLITE_TRANSIENT);
  return rc == SQLITE_OK ? charging_next(base) : rc;
}

static int charging_eof(sqlite3_vtab_cursor *base) {
  return ((ChargingCursor *)base)->eof;
}

static int charging_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int i) {
  ChargingCursor *cursor = (ChargingCursor *)base;
  char text[SEAL_INSTANT_SIZE];
  if (i == COL_TIME) {
    seal_instant_text(sqlite3_column_int64(cursor->stmt, COL_TIME), text);
    sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
  } else if (i < COL_FROM) {
    sqlite3_result_value(ctx, sqlite3_column_value(cursor->stmt, i));
  }
  return SQLITE_OK;
}

static int charging_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out) {
  *out = sqlite3_column_int64(((ChargingCursor *)base)->stmt, COL_SEQ);
  return SQLITE_OK;
}

/* No xCreate: it exists without CREATE VIRTUAL TABLE, and only so. */
static const sqlite3_module module = {
    .xConnect = charging_connect,
    .xBestIndex = charging_best_index,
    .xDisconnect = charging_disconnect,
    .xOpen = charging_open,
    .xClose = charging_close,
    .xFilter = charging_filter,
    .xNext = charging_next,
    .xEof = charging_eof,
    .xColumn = charging_column,
    .xRowid = charging_rowid,
};

static void owner_gone(void *p) {
  seal_close(p);
}

int seal_charging_register(Seal *p) {
  seal_own(p);
  return sqlite3_create_module_v2(seal_db(p), "seal_charging", &module, p, owner_gone);
}
