/* What a host is told when something is wrong (relation.h): it hears the text, and SQLite's error log hears the same
** (seal_log), so that a program which has only the log reads it whole.
**
**    if (seal_value_instant(value, &t) != 0) return seal_vtab_fail(vtab, SQLITE_ERROR, 0, seal_no_instant("at", value));
*/
#include "tables/relation/relation.h"

char *seal_no_instant(const char *what, sqlite3_value *value) {
  char quoted[SEAL_QUOTE_MAX + 8];
  SealText text = {(const char *)sqlite3_value_text(value), sqlite3_value_bytes(value)};
  return sqlite3_mprintf(
      "%s: \"%s\" is not an instant (RFC 3339, a date, or integer seconds since 1970)", what,
      seal_quote(text, quoted));
}

int seal_vtab_fail(sqlite3_vtab *table, int rc, int64_t written, char *message) {
  sqlite3_free(table->zErrMsg);
  table->zErrMsg = message;
  if (message == NULL) return SQLITE_NOMEM;
  seal_log(rc, rc == SQLITE_ERROR, written, message);
  return rc;
}

void seal_function_fail(sqlite3_context *ctx, char *message) {
  if (message == NULL) {
    sqlite3_result_error_nomem(ctx);
  } else {
    sqlite3_result_error(ctx, message, -1);
    seal_log(SQLITE_ERROR, 1, 0, message);
  }
  sqlite3_free(message);
}

void seal_column_fail(sqlite3_context *ctx, int rc, const SealError *err) {
  char *text = NULL;
  if (err->cause != SEAL_CAUSE_NONE) {
    text = sqlite3_mprintf("%s: %s", seal_cause_text(err->cause), err->detail);
  }
  if (text != NULL) {
    sqlite3_result_error(ctx, text, -1);
    seal_log(rc, (rc & 0xff) == SQLITE_CONSTRAINT, 0, text);
  }
  sqlite3_result_error_code(ctx, rc);
  sqlite3_free(text);
}
