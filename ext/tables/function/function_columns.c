/* seal_columns([relation]): what sql/relations says of each column, in the order in which the relation shows it.
**
**    SELECT name, kind, flags, meaning FROM seal_columns('seal_term') WHERE flags LIKE '%key%';
**
** kind is what the description has: count, instant, word(active revoked). flags are words, separated by spaces, of
** key required fixed read-only hidden write-only derived. An eponymous virtual table: the argument is a hidden
** column, and a name that no relation has gives no rows.
*/
#include "tables/function/function_columns.h"
#include "columns.h"

#include <assert.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

enum { COL_RELATION, COL_NAME, COL_KIND, COL_FLAGS, COL_MEANING, COL_OF };

typedef struct ColumnsCursor {
  sqlite3_vtab_cursor base;
  const SealDescription *only; /* the relation asked for; NULL: all of them */
  int relation, column;        /* where it is; relation is that of NULL at the end */
} ColumnsCursor;

/* The description's word for a kind. */
static const char *const kinds[] = {
    [SEAL_KIND_ID] = "id",       [SEAL_KIND_TEXT] = "text",       [SEAL_KIND_INSTANT] = "instant",
    [SEAL_KIND_COUNT] = "count", [SEAL_KIND_WORD] = "word",       [SEAL_KIND_SERVICE] = "service",
    [SEAL_KIND_WORDS] = "words", [SEAL_KIND_RANGES] = "ranges",   [SEAL_KIND_ENDPOINT] = "endpoint",
    [SEAL_KIND_JSON] = "json",   [SEAL_KIND_DECIMAL] = "decimal", [SEAL_KIND_CURRENCY] = "currency",
    [SEAL_KIND_VALUE] = "value", [SEAL_KIND_URI] = "uri",         [SEAL_KIND_URL] = "url",
};

/* The flags that a user can tell; the others are how it is done. */
static const struct {
  unsigned flag;
  const char *word;
} words[] = {
    {SEAL_COL_KEY, "key"},         {SEAL_COL_REQUIRED, "required"},
    {SEAL_COL_FIXED, "fixed"},     {SEAL_COL_READ_ONLY, "read-only"},
    {SEAL_COL_HIDDEN, "hidden"},   {SEAL_COL_WRITE_ONLY, "write-only"},
    {SEAL_COL_DERIVED, "derived"},
};
#define N_WORDS (sizeof words / sizeof *words)

static int columns_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                           sqlite3_vtab **out, char **error) {
  (void)aux;
  (void)argc;
  (void)argv;
  (void)error;
  int rc = sqlite3_declare_vtab(db, "CREATE TABLE x(relation TEXT, name TEXT, kind TEXT, "
                                    "flags TEXT, meaning TEXT, of TEXT HIDDEN)");
  if (rc != SQLITE_OK) return rc;
  *out = sqlite3_malloc(sizeof **out);
  if (*out == NULL) return SQLITE_NOMEM;
  memset(*out, 0, sizeof **out);
  return SQLITE_OK;
}

static int columns_disconnect(sqlite3_vtab *base) {
  sqlite3_free(base);
  return SQLITE_OK;
}

/* idxNum 1: the argument is given. */
static int columns_best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
  (void)base;
  info->estimatedRows = 200;
  info->estimatedCost = 200;
  for (int i = 0; i < info->nConstraint; i++) {
    if (info->aConstraint[i].iColumn != COL_OF) continue;
    if (info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    if (!info->aConstraint[i].usable) return SQLITE_CONSTRAINT;
    info->aConstraintUsage[i].argvIndex = 1;
    info->aConstraintUsage[i].omit = 1;
    info->idxNum = 1;
    info->estimatedRows = 15;
    info->estimatedCost = 15;
    break;
  }
  return SQLITE_OK;
}

static int columns_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out) {
  (void)base;
  ColumnsCursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (cursor == NULL) return SQLITE_NOMEM;
  memset(cursor, 0, sizeof *cursor);
  *out = &cursor->base;
  return SQLITE_OK;
}

static int columns_close(sqlite3_vtab_cursor *base) {
  sqlite3_free(base);
  return SQLITE_OK;
}

/* "seal_term", as the table is called; letters in either case, as in any name of SQL. */
static int is_called(const SealDescription *is, const char *name) {
  return name != NULL && sqlite3_strnicmp(name, "seal_", 5) == 0 &&
         sqlite3_stricmp(name + 5, is->name) == 0;
}

static int columns_filter(sqlite3_vtab_cursor *base, int number, const char *plan, int argc,
                          sqlite3_value **argv) {
  ColumnsCursor *cursor = (ColumnsCursor *)base;
  (void)plan;
  (void)argc; /* asserted only */
  assert(argc == number);
  cursor->only = NULL;
  cursor->relation = cursor->column = 0;
  if (number == 0) return SQLITE_OK;
  const char *name = (const char *)sqlite3_value_text(argv[0]);
  if (name == NULL && sqlite3_value_type(argv[0]) != SQLITE_NULL) return SQLITE_NOMEM;
  while (seal_descriptions[cursor->relation] != NULL &&
         !is_called(seal_descriptions[cursor->relation], name)) {
    cursor->relation++;
  }
  cursor->only = seal_descriptions[cursor->relation];
  return SQLITE_OK;
}

static int columns_eof(sqlite3_vtab_cursor *base) {
  return seal_descriptions[((ColumnsCursor *)base)->relation] == NULL;
}

static int columns_next(sqlite3_vtab_cursor *base) {
  ColumnsCursor *cursor = (ColumnsCursor *)base;
  if (++cursor->column < seal_descriptions[cursor->relation]->n_columns) return SQLITE_OK;
  cursor->column = 0;
  do {
    cursor->relation++;
  } while (cursor->only != NULL && seal_descriptions[cursor->relation] != NULL);
  return SQLITE_OK;
}

static void result_kind(sqlite3_context *context, const SealColumn *column) {
  const char *kind = kinds[column->kind];
  if (column->words == NULL) {
    sqlite3_result_text(context, kind, -1, SQLITE_STATIC);
    return;
  }
  char *text = sqlite3_mprintf("%s(%s)", kind, column->words);
  if (text == NULL) sqlite3_result_error_nomem(context);
  if (text != NULL) sqlite3_result_text(context, text, -1, sqlite3_free);
}

static void result_flags(sqlite3_context *context, const SealColumn *column) {
  char text[80] = "";
  for (size_t i = 0; i < N_WORDS; i++) {
    if ((column->flags & words[i].flag) == 0) continue;
    size_t n = strlen(text);
    assert(n + strlen(words[i].word) + 2 <= sizeof text);
    sqlite3_snprintf((int)(sizeof text - n), text + n, "%s%s", n ? " " : "", words[i].word);
  }
  sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static int columns_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int i) {
  const ColumnsCursor *cursor = (const ColumnsCursor *)base;
  const SealDescription *is = seal_descriptions[cursor->relation];
  const SealColumn *column = &is->columns[cursor->column];
  switch (i) {
  case COL_RELATION:
    /* An object's name without its colon: "seal_term:". */
    sqlite3_result_text(context, is->prefix, (int)strlen(is->prefix) - 1, SQLITE_STATIC);
    break;
  case COL_NAME:
    sqlite3_result_text(context, column->name, -1, SQLITE_STATIC);
    break;
  case COL_KIND:
    result_kind(context, column);
    break;
  case COL_FLAGS:
    result_flags(context, column);
    break;
  case COL_MEANING:
    sqlite3_result_text(context, column->meaning, -1, SQLITE_STATIC);
    break;
  default:
    break; /* the argument is not given back */
  }
  return SQLITE_OK;
}

static int columns_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
  const ColumnsCursor *cursor = (const ColumnsCursor *)base;
  *rowid = cursor->relation * 1000 + cursor->column + 1;
  return SQLITE_OK;
}

static const sqlite3_module columns_module = {
    .iVersion = 0,
    .xConnect = columns_connect,
    .xBestIndex = columns_best_index,
    .xDisconnect = columns_disconnect,
    .xOpen = columns_open,
    .xClose = columns_close,
    .xFilter = columns_filter,
    .xNext = columns_next,
    .xEof = columns_eof,
    .xColumn = columns_column,
    .xRowid = columns_rowid,
};

int seal_columns_register(sqlite3 *db) {
  return sqlite3_create_module_v2(db, "seal_columns", &columns_module, NULL, NULL);
}
