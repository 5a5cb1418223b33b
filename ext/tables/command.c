/* seal_command: INSERT runs a command, SELECT shows the results on this connection.
**
**    INSERT INTO seal_command(command, argument) VALUES ('sweep', 10000);
**    SELECT result FROM seal_command WHERE command = 'sweep';
**
** To add a command: a function here, a line in `commands`.
*/
#include "tables/relation.h"

#include <string.h>

#define COUNT(array) ((int)(sizeof array / sizeof *array))

enum { COMMAND, ARGUMENT, RESULT };

static const SealColumn command_columns[] = {
    {"command", SEAL_KIND_TEXT, SEAL_COL_REQUIRED, NULL},
    {"argument", SEAL_KIND_VALUE, 0, NULL},
    {"result", SEAL_KIND_TEXT, SEAL_COL_READ_ONLY, NULL},
    {"at", SEAL_KIND_INSTANT, SEAL_COL_HIDDEN, NULL},
};

/* sweep: removes at most `argument` rows (none given: all) of what has ended; gives how many. */
static int run_sweep(SealRow *row, int64_t at, char **result) {
  const SealCell *argument = &row->cells[ARGUMENT];
  int64_t limit = INT64_MAX, removed;
  if (argument->form == SEAL_CELL_VALUE) {
    limit = sqlite3_value_numeric_type(argument->value) == SQLITE_INTEGER
                ? sqlite3_value_int64(argument->value)
                : 0;
    if (limit < 1) return seal_row_refuse(row, ARGUMENT, "sweep takes a number of rows, from 1 on");
  }
  int rc = seal_sweep(row->p, limit, at, &removed);
  if (rc != SQLITE_OK) return rc;
  *result = sqlite3_mprintf("%lld", (long long)removed);
  return *result ? SQLITE_OK : SQLITE_NOMEM;
}

static const struct {
  const char *name;
  int (*run)(SealRow *row, int64_t at, char **result);
  unsigned secret : 1; /* its result stays out of the audit */
} commands[] = {
    {"sweep", run_sweep, 0},
};

static int record(SealRow *row, const char *command, int64_t at, const char *result) {
  char *detail = result ? sqlite3_mprintf("{\"result\":\"%w\"}", result) : NULL;
  if (result && detail == NULL) return SQLITE_NOMEM;
  SealEvent event = {at, "operator", command, "seal_command", "done", NULL, detail};
  int rc = seal_audit_write(row->p, &event);
  sqlite3_free(detail);
  return rc;
}

static int command_insert(SealRow *row, int64_t *rowid) {
  SealText name = seal_row_text(row, COMMAND);
  char quoted[SEAL_QUOTE_MAX + 8];
  int i = 0;
  while (i < COUNT(commands) && ((size_t)name.n != strlen(commands[i].name) ||
                                 memcmp(name.p, commands[i].name, (size_t)name.n) != 0)) {
    i++;
  }
  if (i == COUNT(commands)) {
    return seal_row_refuse(row, COMMAND, "\"%s\" is not a command", seal_quote(name, quoted));
  }
  char *result = NULL;
  int64_t at = seal_at(row->p, row->at);
  int rc = commands[i].run(row, at, &result);
  if (rc == SQLITE_OK) rc = record(row, commands[i].name, at, commands[i].secret ? NULL : result);
  if (rc == SQLITE_OK) {
    *rowid = ++row->p->command_seq;
    rc = seal_result_add(row->p, &row->p->commands, *rowid, 0, name, seal_row_text(row, ARGUMENT),
                         result);
  }
  if (result != NULL) seal_wipe(result, strlen(result));
  sqlite3_free(result);
  return rc;
}

static int set_text(json_t *object, const char *name, const char *text) {
  return json_object_set_new(object, name, text ? json_string(text) : json_null());
}

/* Binds the results as a JSON array. */
static int command_bind(Seal *p, sqlite3_stmt *view) {
  json_t *array = json_array();
  int bad = array == NULL;
  for (const SealResult *r = p->commands; !bad && r != NULL; r = r->next) {
    json_t *object = json_object();
    bad = json_object_set_new(object, "seq", json_integer(r->seq)) |
          set_text(object, "command", r->command) | set_text(object, "argument", r->argument) |
          set_text(object, "result", r->result);
    bad |= json_array_append_new(array, object);
  }
  char *text = bad ? NULL : seal_json_dump(array);
  json_decref(array);
  return text ? sqlite3_bind_text(view, 2, text, -1, sqlite3_free) : SQLITE_NOMEM;
}

const SealRelation seal_relation_command = {
    .name = "command",
    .columns = command_columns,
    .n_columns = COUNT(command_columns),
    .create = SQL_CREATE_COMMAND,
    .drop = SQL_DROP_COMMAND,
    .view = SQL_VIEW_COMMAND,
    .view_all = SQL_VIEW_COMMAND,
    .find = SEAL_NO_SQL,
    .insert = SEAL_NO_SQL,
    .update = SEAL_NO_SQL,
    .in_use = SEAL_NO_SQL,
    .insert_row = command_insert,
    .bind = command_bind,
};
