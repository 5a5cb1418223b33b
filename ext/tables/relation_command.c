/* seal_command: INSERT runs a command, SELECT shows the results on this connection.
**
**    INSERT INTO seal_command(command, argument) VALUES ('sweep', 10000);
**    SELECT result FROM seal_command WHERE command = 'sweep';
**
** To add a command: a function here, a line in `commands`.
*/
#include "registrar/exchange/exchange.h"
#include "tables/relation/relation.h"
#include "tables/results.h"

#include <string.h>

#define COUNT(array) ((int)(sizeof array / sizeof *array))

/* A number as a command's result; gives rc, or SQLITE_NOMEM. */
static int give_number(char **result, int64_t number, int rc) {
  *result = sqlite3_mprintf("%lld", (long long)number);
  return *result ? rc : SQLITE_NOMEM;
}

/* sweep: removes at most `argument` rows (none given: all) of what has ended; gives how many. */
static int run_sweep(SealRow *row, int64_t at, char **result) {
  (void)at;
  const SealCell *argument = &row->cells[COMMAND_ARGUMENT];
  int64_t limit = INT64_MAX, removed;
  if (argument->form == SEAL_CELL_VALUE) {
    limit = sqlite3_value_numeric_type(argument->value) == SQLITE_INTEGER
                ? sqlite3_value_int64(argument->value)
                : 0;
    if (limit < 1)
      return seal_row_refuse(row, COMMAND_ARGUMENT, "sweep takes a number of rows, from 1 on");
  }
  int rc = seal_sweep(row->p, limit, row->at, &removed);
  if (rc != SQLITE_OK) return rc;
  return give_number(result, removed, SQLITE_OK);
}

/* rotate-key: makes a new signing key; gives its public JWK. Argument "leaked": nothing that was signed so far is
** believed any more. SEAL servers are told of it as of any change. */
static int run_rotate_key(SealRow *row, int64_t at, char **result) {
  SealText argument = seal_row_text(row, COMMAND_ARGUMENT);
  int leaked = argument.p != NULL && seal_text_is(argument, "leaked");
  if (argument.p != NULL && argument.n > 0 && !leaked)
    return seal_row_refuse(row, COMMAND_ARGUMENT, "rotate-key takes nothing, or leaked");
  int rc = seal_change_write(row->p, at, NULL, "seal_registrar", "rotate-key");
  return rc == SQLITE_OK ? seal_rotate_key(row->p, at, leaked, result, row->err) : rc;
}

/* rekey: seals everything again under the key that `argument` is (a blob of 32 bytes); gives how many
** values. */
static int run_rekey(SealRow *row, int64_t at, char **result) {
  (void)at;
  int64_t count;
  const SealCell *argument = &row->cells[COMMAND_ARGUMENT];
  if (argument->form != SEAL_CELL_VALUE)
    return seal_row_refuse(row, COMMAND_ARGUMENT, "rekey takes a key");
  SealText key = seal_value_text(argument->value);
  int rc = seal_rekey(row->p, (const unsigned char *)key.p, key.n, &count, row->err);
  if (rc != SQLITE_OK) return rc;
  return give_number(result, count, SQLITE_OK);
}

/* issue-token: argument {"val_server_id", "scope", "ttl"}; gives the token response of RFC 6749. */
static int run_issue_token(SealRow *row, int64_t at, char **result) {
  json_t *json = NULL;
  int unknown = 0;
  SealText text = seal_row_text(row, COMMAND_ARGUMENT);
  SealReason reason = text.p ? seal_json_parse(text.p, (size_t)text.n, 2, &json) : SEAL_INTERNAL;
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  const json_t *server = json_object_get(json, "val_server_id"),
               *scope = json_object_get(json, "scope");
  const json_t *ttl = json_object_get(json, "ttl");
  SealText id = {json_string_value(server), (int)json_string_length(server)};
  SealText scopes = {json_string_value(scope), (int)json_string_length(scope)};
  unsigned asked = scopes.p ? seal_scopes_read(scopes, &unknown) : 0;
  int rc;
  if (id.p == NULL || (scope && (scopes.p == NULL || unknown)) || (ttl && !json_is_integer(ttl))) {
    rc = seal_row_refuse(row, COMMAND_ARGUMENT,
                         "issue-token takes {\"val_server_id\", \"scope\", \"ttl\"}, known scopes, "
                         "seconds");
  } else {
    rc = seal_token_for(row->p, id, asked, ttl ? json_integer_value(ttl) : 3600, at, result,
                        row->err);
  }
  json_decref(json);
  return rc;
}

/* assertion: argument {"aud", "ttl"}, or none; gives a SEAL server's own token for the registrar. */
static int run_assertion(SealRow *row, int64_t at, char **result) {
  json_t *json = NULL;
  SealText text = seal_row_text(row, COMMAND_ARGUMENT);
  SealReason reason = text.p ? seal_json_parse(text.p, (size_t)text.n, 2, &json) : SEAL_VALID;
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  const json_t *ttl = json_object_get(json, "ttl");
  SealText aud = seal_json_member(json, "aud");
  int64_t seconds = ttl ? json_integer_value(ttl) : 300;
  int rc;
  if ((text.p != NULL && !json_is_object(json)) ||
      (json_object_get(json, "aud") && !seal_is_id(aud)) || (ttl && !json_is_integer(ttl)) ||
      seconds < 1 || seconds > 3600) {
    rc = seal_row_refuse(row, COMMAND_ARGUMENT,
                         "assertion takes {\"aud\", \"ttl\"}, an id and 1 to 3600 seconds");
  } else {
    rc = seal_assertion(row->p, aud.p, seconds, at, result, row->err);
  }
  json_decref(json);
  return rc;
}

/* checkpoint: signs the head of the audit chain; gives the JWS, which is to be kept elsewhere. */
static int run_checkpoint(SealRow *row, int64_t at, char **result) {
  return seal_checkpoint(row->p, at, result, row->err);
}

/* export-mark: everything up to audit entry `argument` was exported; gives the checkpoint, up to which
** prune may go. */
static int run_export_mark(SealRow *row, int64_t at, char **result) {
  const SealCell *argument = &row->cells[COMMAND_ARGUMENT];
  int64_t marked;
  (void)at;
  if (argument->form != SEAL_CELL_VALUE ||
      sqlite3_value_numeric_type(argument->value) != SQLITE_INTEGER) {
    return seal_row_refuse(row, COMMAND_ARGUMENT, "export-mark takes the number of an audit entry");
  }
  int rc = seal_export_mark(row->p, sqlite3_value_int64(argument->value), &marked, row->err);
  if (rc != SQLITE_OK) return rc;
  return give_number(result, marked, SQLITE_OK);
}

/* prune: removes what is older than the instant `argument` from the ledgers; gives {"through", "audit",
** "usage", "occupancy", "charge", "notification"}. */
static int run_prune(SealRow *row, int64_t at, char **result) {
  const SealCell *argument = &row->cells[COMMAND_ARGUMENT];
  SealPruned pruned;
  int64_t before;
  (void)at;
  if (argument->form != SEAL_CELL_VALUE || seal_value_instant(argument->value, &before) != 0) {
    return seal_row_refuse(row, COMMAND_ARGUMENT, "prune takes an instant");
  }
  int rc = seal_prune(row->p, before, &pruned, row->err);
  if (rc != SQLITE_OK) return rc;
  *result = sqlite3_mprintf("{\"through\":%lld,\"audit\":%lld,\"usage\":%lld,\"occupancy\":%lld,"
                            "\"charge\":%lld,\"notification\":%lld}",
                            (long long)pruned.through, (long long)pruned.audit,
                            (long long)pruned.usage, (long long)pruned.occupancy,
                            (long long)pruned.charge, (long long)pruned.notification);
  return *result ? SQLITE_OK : SQLITE_NOMEM;
}

/* Reads a question: 0, or -1 when it is none. */
static int read_question(const json_t *json, SealAsk *ask) {
  const json_t *exp_time = json_object_get(json, "exp_time");
  SealText service = seal_json_member(json, "seal_service");
  SealText text = seal_json_member(json, "exp_time");
  ask->seal_service = seal_service_name(service);
  ask->val_service_id = seal_json_member(json, "val_service_id");
  ask->key_format = seal_json_member(json, "key_format");
  ask->scope = seal_json_member(json, "scope");
  ask->identities = json_integer_value(json_object_get(json, "identities"));
  ask->key_records = json_integer_value(json_object_get(json, "key_records"));
  ask->exp_time =
      exp_time && !json_is_null(exp_time) ? json_integer_value(exp_time) : SEAL_UNBOUNDED;
  if (text.p != NULL && seal_instant_parse(text.p, (size_t)text.n, &ask->exp_time) != 0) return -1;
  if (exp_time && text.p == NULL && !json_is_integer(exp_time)) return -1;
  if (ask->val_service_id.p != NULL && !seal_is_id(ask->val_service_id)) return -1;
  return ask->seal_service && ask->identities >= 0 && ask->key_records >= 0 ? 0 : -1;
}

/* explain-authorization: argument {"val_server_id", "seal_service", "val_service_id", "identities",
** "key_records", "key_format", "scope", "exp_time"}, the first two needed; gives what the SLA answers
** at `at`, and every check. Changes nothing. */
static int run_explain(SealRow *row, int64_t at, char **result) {
  json_t *json = NULL;
  SealAsk ask = {.at = at};
  SealText text = seal_row_text(row, COMMAND_ARGUMENT);
  SealReason reason = text.p ? seal_json_parse(text.p, (size_t)text.n, 2, &json) : SEAL_INTERNAL;
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  SealText id = seal_json_member(json, "val_server_id"); /* of what is no JSON: none */
  int rc;
  if (id.p == NULL || read_question(json, &ask) != 0) {
    rc = seal_row_refuse(row, COMMAND_ARGUMENT,
                         "explain-authorization takes {\"val_server_id\", \"seal_service\", "
                         "\"val_service_id\", \"identities\", \"key_records\", \"key_format\", "
                         "\"scope\", \"exp_time\"}");
  } else {
    rc = seal_val_server_find(row->p, id, &ask.val_server, row->err);
    if (rc == SQLITE_OK) rc = seal_explain(row->p, &ask, result);
  }
  json_decref(json);
  return rc;
}

#define REFUSED_ROWS 1000000000       /* rows of one load */
#define REFUSED_LINE 1000000000000000 /* of a file */

/* 1 if a member is absent, or a whole number from 1 to `max`. */
static int is_count(const json_t *value, json_int_t max) {
  return value == NULL || (json_is_integer(value) && json_integer_value(value) >= 1 &&
                           json_integer_value(value) <= max);
}

/* The name of the cause, as the registrar writes it; NULL: it is none. */
static const char *cause_word(SealText text) {
  for (int cause = SEAL_CAUSE_NONE + 1; cause < SEAL_CAUSE_COUNT; cause++) {
    if (seal_text_is(text, seal_cause_text((SealCause)cause)))
      return seal_cause_text((SealCause)cause);
  }
  return NULL;
}

/* Why the argument of `refused` is none; NULL: it is one. */
static const char *refused_fault(json_t *json) {
  static const char *const relations[] = {"seal_configuration", "seal_identity", "seal_key",
                                          "seal_key_record"};
  static const char *const members[] = {"val_server_id", "relation", "cause", "rows", "line"};
  SealText id = seal_json_member(json, "val_server_id"),
           relation = seal_json_member(json, "relation");
  size_t known = 0, i = 0;
  for (int k = 0; k < COUNT(members); k++) known += json_object_get(json, members[k]) != NULL;
  while (i < COUNT(relations) && !seal_text_is(relation, relations[i])) i++;
  if (known != json_object_size(json)) return "it has a member that refused does not know";
  if (json_object_get(json, "val_server_id") != NULL && (id.p == NULL || !seal_is_id(id))) {
    return "val_server_id is no id";
  }
  if (i == COUNT(relations)) return "relation is not one that VAL servers write";
  if (cause_word(seal_json_member(json, "cause")) == NULL)
    return "cause is not the name of a cause";
  if (!is_count(json_object_get(json, "rows"), REFUSED_ROWS)) return "rows is not 1 to 1000000000";
  if (!is_count(json_object_get(json, "line"), REFUSED_LINE)) return "line is not a line's number";
  return NULL;
}

/* refused: argument {"val_server_id", "relation", "cause", "rows", "line"}, relation and cause needed; what a load was
** refused, as the host has seen it: a refused row takes its own entry with it. Gives the entry's number. */
static int run_refused(SealRow *row, int64_t at, char **result) {
  json_t *json = NULL;
  int64_t seq = 0;
  SealText text = seal_row_text(row, COMMAND_ARGUMENT);
  SealReason reason = text.p ? seal_json_parse(text.p, (size_t)text.n, 2, &json) : SEAL_INTERNAL;
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  const char *fault = json_is_object(json) ? refused_fault(json) : "the argument is no JSON object";
  char *detail = NULL;
  int rc;
  if (fault != NULL) {
    rc = seal_row_refuse(row, COMMAND_ARGUMENT,
                         "%s: refused takes {\"val_server_id\", \"relation\", \"cause\", \"rows\", "
                         "\"line\"}",
                         fault);
  } else {
    SealEvent event = {at,        "operator",
                       "refused", json_string_value(json_object_get(json, "relation")),
                       "refused", cause_word(seal_json_member(json, "cause")),
                       NULL};
    char *object = sqlite3_mprintf("%s", event.object);
    event.object = object;
    json_t *rows = json_object_get(json, "rows");
    int64_t n = rows ? json_integer_value(rows) : 1;
    (void)json_object_del(json, "relation");
    (void)json_object_del(json, "cause");
    event.detail = detail = seal_json_dump(json);
    rc = object && detail ? seal_refusal_count(row->p, event.cause, n) : SQLITE_NOMEM;
    if (rc == SQLITE_OK) rc = seal_audit_write(row->p, &event);
    if (rc == SQLITE_OK) rc = seal_audit_head_is(row->p, &seq);
    if (rc == SQLITE_OK && (*result = sqlite3_mprintf("%lld", (long long)seq)) == NULL) {
      rc = SQLITE_NOMEM;
    }
    sqlite3_free(object);
    sqlite3_free(detail);
  }
  json_decref(json);
  return rc;
}

/* apply: argument a bundle of the registrar's; gives {"applied", "at", "more", "objects"}. */
static int run_apply(SealRow *row, int64_t at, char **result) {
  SealText bundle = seal_row_text(row, COMMAND_ARGUMENT);
  if (bundle.p == NULL) return seal_row_refuse(row, COMMAND_ARGUMENT, "apply takes a bundle");
  return seal_apply(row->p, bundle, at, result, row->err);
}

#define CHARGE_MAX   1000000000000 /* no charging system has taken as many records */
#define CHARGE_AHEAD (366 * 86400) /* seconds that days may be charged before they come */

/* charge: writes the records of the days that have ended and are not charged yet; gives how many. */
static int run_charge(SealRow *row, int64_t at, char **result) {
  if (at > seal_host_clock(row->p) + CHARGE_AHEAD) {
    return seal_row_refuse(row, COMMAND_AT,
                           "is over a year ahead of the clock: what is charged is closed for good");
  }
  int64_t made = 0;
  if (row->cells[COMMAND_ARGUMENT].form != SEAL_CELL_NULL) {
    return seal_row_refuse(row, COMMAND_ARGUMENT, "charge takes no argument");
  }
  int rc = seal_charge_days(row->p, at, &made);
  if (rc != SQLITE_OK && rc != SQLITE_DONE) return rc;
  return give_number(result, made, rc);
}

/* A number of charging records, from 0 on, of JSON; -1: it is none. */
static int64_t record_number(const json_t *value) {
  return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value) : -1;
}

/* Reads the argument of `charged`: a number, or {"taken", "exported"}, one of them or both; 0, or -1 if it is neither,
** or SQLITE_NOMEM. */
static int read_taken(SealRow *row, SealTaken *out) {
  const SealCell *argument = &row->cells[COMMAND_ARGUMENT];
  json_t *json = NULL;
  *out = (SealTaken){0, 0};
  if (argument->form != SEAL_CELL_VALUE) return -1;
  if (sqlite3_value_numeric_type(argument->value) == SQLITE_INTEGER) {
    out->taken = sqlite3_value_int64(argument->value);
    return out->taken < 0 ? -1 : 0;
  }
  SealText text = seal_row_text(row, COMMAND_ARGUMENT);
  SealReason reason = text.p ? seal_json_parse(text.p, (size_t)text.n, 2, &json) : SEAL_INTERNAL;
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  const json_t *taken = json_object_get(json, "taken"),
               *exported = json_object_get(json, "exported");
  size_t known = (size_t)(taken != NULL) + (size_t)(exported != NULL);
  int bad = known == 0 || json_object_size(json) != known;
  if (taken != NULL) out->taken = record_number(taken);
  if (exported != NULL) out->exported = record_number(exported);
  json_decref(json);
  return bad || out->taken < 0 || out->exported < 0 ? -1 : 0;
}

/* charged: a charging system has taken seal_charge up to record `argument`; {"exported"}: it was sent so far, acknowledged
** or not. Gives up to which it has taken it. */
static int run_charged(SealRow *row, int64_t at, char **result) {
  SealTaken more, known;
  (void)at;
  int rc = read_taken(row, &more);
  if (rc < 0) {
    return seal_row_refuse(row, COMMAND_ARGUMENT,
                           "charged takes the number of a charging record, or {\"taken\", "
                           "\"exported\"}");
  }
  if (rc == SQLITE_OK) rc = seal_charge_taken(row->p, &more, &known, row->err);
  if (rc != SQLITE_OK && rc != SQLITE_DONE) return rc;
  return give_number(result, known.taken, rc);
}

/* new-epoch: the database is a restored copy, from which it goes on in another way than what it is a copy of; gives
** the number of the epoch. The argument is the last charging record that a charging system has taken. */
static int run_new_epoch(SealRow *row, int64_t at, char **result) {
  const SealCell *argument = &row->cells[COMMAND_ARGUMENT];
  int64_t epoch = 0, taken = 0;
  if (argument->form == SEAL_CELL_VALUE) {
    int is_number = sqlite3_value_numeric_type(argument->value) == SQLITE_INTEGER;
    taken = is_number ? sqlite3_value_int64(argument->value) : -1;
  }
  if (taken < 0 || taken > CHARGE_MAX) {
    return seal_row_refuse(row, COMMAND_ARGUMENT,
                           "new-epoch takes the number of the last charging record that was taken");
  }
  int rc = seal_new_epoch(row->p, at, &epoch);
  if (rc == SQLITE_OK && taken > 0) rc = seal_charge_restored(row->p, taken, at);
  if (rc != SQLITE_OK) return rc;
  return give_number(result, epoch, SQLITE_OK);
}

/* notice: makes the notifications of ends that are due; gives how many. */
static int run_notice(SealRow *row, int64_t at, char **result) {
  int64_t made;
  int rc = seal_notice(row->p, at, &made);
  if (rc != SQLITE_OK) return rc;
  return give_number(result, made, made > 0 ? SQLITE_OK : SQLITE_DONE);
}

static const struct {
  const char *name;
  int (*run)(SealRow *row, int64_t at, char **result);
  unsigned secret : 1; /* its argument and result are nobody else's */
  unsigned reads : 1;  /* it changes nothing, or writes its own entry: no other is written */
  unsigned large : 1;  /* its argument is not kept with the result */
} commands[] = {
    {"sweep", run_sweep, 0, 0, 0},           {"rotate-key", run_rotate_key, 0, 0, 0},
    {"rekey", run_rekey, 1, 0, 0},           {"issue-token", run_issue_token, 1, 0, 0},
    {"checkpoint", run_checkpoint, 0, 0, 0}, {"export-mark", run_export_mark, 0, 0, 0},
    {"prune", run_prune, 0, 0, 0},           {"explain-authorization", run_explain, 0, 1, 0},
    {"apply", run_apply, 0, 0, 1},           {"refused", run_refused, 0, 1, 0},
    {"new-epoch", run_new_epoch, 0, 0, 0},   {"assertion", run_assertion, 1, 0, 0},
    {"charge", run_charge, 0, 0, 0},         {"charged", run_charged, 0, 0, 0},
    {"notice", run_notice, 0, 0, 0},
};

static int record_command(SealRow *row, const char *command, int64_t at, const char *result) {
  json_t *object = result ? json_pack("{s:s}", "result", result) : NULL;
  char *detail = object ? seal_json_dump(object) : NULL;
  json_decref(object);
  if (result && detail == NULL) return SQLITE_NOMEM;
  SealEvent event = {at, "operator", command, "seal_command", "done", NULL, detail};
  int rc = seal_audit_write(row->p, &event);
  sqlite3_free(detail);
  return rc;
}

static int command_insert(SealRow *row, int64_t *rowid) {
  SealText name = seal_row_text(row, COMMAND_COMMAND);
  char quoted[SEAL_QUOTE_MAX + 8];
  int i = 0;
  while (i < COUNT(commands) && !seal_text_is(name, commands[i].name)) i++;
  if (i == COUNT(commands)) {
    return seal_row_refuse(row, COMMAND_COMMAND, "\"%s\" is not a command",
                           seal_quote(name, quoted));
  }
  char *result = NULL;
  int64_t at = row->at.t;
  int rc = commands[i].run(row, at, &result);
  if (rc == SQLITE_DONE) {
    rc = SQLITE_OK; /* nothing has changed, and so is not audited */
  } else if (rc == SQLITE_OK && !commands[i].reads) {
    rc = record_command(row, commands[i].name, at, commands[i].secret ? NULL : result);
  }
  if (rc == SQLITE_OK) {
    SealText none = {NULL, 0};
    SealResultNew what = {
        .name = name,
        .argument =
            commands[i].secret || commands[i].large ? none : seal_row_text(row, COMMAND_ARGUMENT),
        .text = result,
    };
    rc = seal_result_add(row->p, SEAL_COMMANDS, &what, rowid);
    if (rc == SQLITE_OK) result = NULL; /* the list's */
  }
  if (result != NULL) seal_wipe(result, strlen(result));
  sqlite3_free(result);
  return rc;
}

/* Binds the numbers of the results and their commands as a JSON array. Arguments and results come from
** memory: what is bound shows in a trace. */
static int command_bind(Seal *p, sqlite3_stmt *view, SealText name) {
  json_t *array = json_array();
  int bad = array == NULL;
  (void)name; /* its rows have no key that says more than a number */
  for (const SealResult *r = seal_results(p, SEAL_COMMANDS); !bad && r != NULL; r = r->next) {
    json_t *object = json_object();
    bad = json_object_set_new(object, "seq", json_integer(r->seq)) |
          json_object_set_new(object, "command", json_string(r->name)) |
          json_array_append_new(array, object);
  }
  char *text = bad ? NULL : seal_json_dump(array);
  json_decref(array);
  return text ? sqlite3_bind_text(view, 2, text, -1, sqlite3_free) : SQLITE_NOMEM;
}

static int command_column(Seal *p, sqlite3_context *ctx, sqlite3_stmt *row, int column) {
  if (column != COMMAND_ARGUMENT && column != COMMAND_RESULT) return 0;
  const SealResult *r =
      seal_result_by_seq(p, SEAL_COMMANDS, sqlite3_column_int64(row, SEAL_VIEW_ID));
  const char *text = r == NULL ? NULL : column == COMMAND_ARGUMENT ? r->argument : r->text;
  if (text != NULL) sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
  return r != NULL;
}

const SealRelation seal_relation_command = {
    .is = &seal_description_command,
    .insert_row = command_insert,
    .bind = command_bind,
    .column = command_column,
};
