/* What the hooks of several relations check and note (checks.h).
**
**    static const int when[] = {AGREEMENT_STATUS, AGREEMENT_START_TIME, AGREEMENT_STOP_TIME, -1};
**    return seal_note_state(row, SEAL_AGREEMENT, removed, when);
*/
#include "tables/relation/checks.h"

#include <assert.h>
#include <string.h>

int seal_check_status(SealRow *row, int status) {
  assert(row->relation->is->columns[status].kind == SEAL_KIND_WORD);
  if (row->old == NULL || !row->cells[status].changed) return SQLITE_OK;
  const char *old = (const char *)sqlite3_column_text(row->old, status + 1);
  if (old == NULL) return seal_text_missing(row->old, status + 1);
  if (strcmp(old, "terminated") != 0) return SQLITE_OK;
  return seal_refuse(row->err, SEAL_MODIFICATION_NOT_ALLOWED,
                     "seal_%s.status: terminated is for good", row->relation->is->name);
}

int seal_check_window(SealRow *row, int start, int stop) {
  int64_t from = seal_row_int(row, start), until = seal_row_int(row, stop);
  if (from == SEAL_UNBOUNDED || until > from) return SQLITE_OK;
  return seal_row_refuse(row, stop, "does not come after %s",
                         row->relation->is->columns[start].name);
}

int seal_check_parent(SealRow *row, int column, const SealDescription *parent) {
  SealText key = seal_row_text(row, column);
  int64_t id;
  char quoted[SEAL_QUOTE_MAX + 8];
  assert(parent->n_keys == 1);
  int rc = seal_relation_find(row->p, parent, &key, 1, &id);
  if (rc != SQLITE_OK || id != 0) return rc;
  return seal_row_refuse(row, column, "FOREIGN KEY constraint failed: there is no seal_%s \"%s\"",
                         parent->name, seal_quote(key, quoted));
}

int seal_row_changes(const SealRow *row, const int *columns) {
  for (; *columns >= 0; columns++) {
    if (row->cells[*columns].changed) return 1;
  }
  return 0;
}

const void *seal_cell_bytes(const SealCell *cell, int *n) {
  assert(cell->value != NULL);
  SealText bytes = seal_value_text(cell->value);
  *n = bytes.n;
  return bytes.p ? bytes.p : "";
}

int seal_note_state(SealRow *row, SealParent kind, int removed, const int *columns) {
  int64_t at = row->old == NULL ? SEAL_INSTANT_MIN : row->at.t;
  if (removed) return seal_occupancy_gone(row->p, kind, row->rowid, at);
  if (!seal_row_changes(row, columns)) return SQLITE_OK;
  return seal_occupancy_state(row->p, kind, row->rowid, at);
}

/* Another status, or the end of what is not terminated yet. */
static int notify_status(SealRow *row, SealParent kind, int removed, int status) {
  SealText before = seal_column_text(row->old, status + 1), now = seal_row_text(row, status);
  if (before.p == NULL) return seal_text_missing(row->old, status + 1);
  if (now.p == NULL) return SQLITE_NOMEM;
  if (removed) {
    if (seal_text_is(before, "terminated")) return SQLITE_OK;
    now = seal_text_from("terminated");
  } else if (seal_text_same(before, now)) {
    return SQLITE_OK;
  }
  return seal_notify_status(row->p, kind, row->rowid, now.p, row->at.t);
}

int seal_notify_row(SealRow *row, SealParent kind, int removed, int status, int end) {
  int64_t at = row->at.t;
  if (row->old == NULL) return SQLITE_OK;
  int rc = status >= 0 ? notify_status(row, kind, removed, status) : SQLITE_OK;
  if (rc != SQLITE_OK) return rc;
  if (removed) {
    return kind == SEAL_TERM ? seal_notice_gone_term(row->p, row->rowid, at) : SQLITE_OK;
  }
  return seal_notify_end(row->p, kind, row->rowid, seal_column_until(row->old, end + 1),
                         seal_row_int(row, end), at);
}

int seal_row_unique_of(SealRow *row, int rc, const int *columns) {
  if (rc != SQLITE_CONSTRAINT_UNIQUE) return rc;
  const SealDescription *is = row->relation->is;
  sqlite3_str *text = sqlite3_str_new(NULL);
  sqlite3_str_appendall(text, "UNIQUE constraint failed:");
  for (int i = 0; columns[i] >= 0; i++) {
    sqlite3_str_appendf(text, "%s seal_%s.%s", i ? "," : "", is->name,
                        is->columns[columns[i]].name);
  }
  sqlite3_free(row->err->detail);
  row->err->detail = sqlite3_str_finish(text);
  return row->err->detail ? SQLITE_CONSTRAINT_VTAB : SQLITE_NOMEM;
}
