/* What the SLA grants (sla.h). seal_authorize is the only place where an SLA is judged: rows,
** messages, tokens, the SEAL servers' questions and the operator's ask all come here.
**
**    val_server, agreement, term --> allowed_invocation_* --> max_validity, key_formats, scopes
**      --> max_identities, max_key_records --> a grant, or the first refusal
**
** It costs one look-up of agreement and term, and, where the term has a quota, one of the counters:
** never a count of rows (sql/statements/authorize.sql). To add a check: a function here, a line in
** `checks`.
*/
#include "registrar/sla/sla.h"

#include <assert.h>
#include <string.h>

/* One question, while it is judged. */
typedef struct Judge {
  Seal *p;
  const SealAsk *ask;
  sqlite3_stmt *row;
  SealGrant *out;
  SealError *err;
  int64_t identities, key_records; /* held under the term, once `held` is 1 */
  int held;
  json_t *step; /* what a traced check says of itself; NULL: nobody asks */
} Judge;

/* What a traced check says: what the limit is, and what is used of it or asked. */
static void say(Judge *j, const char *name, json_t *value) {
  if (j->step == NULL) {
    json_decref(value);
  } else {
    (void)json_object_set_new(j->step, name, value);
  }
}

static json_t *json_number(const Judge *j, int64_t value) {
  if (j->step == NULL || value == SEAL_UNBOUNDED) return NULL;
  return json_integer(value);
}

static json_t *json_instant(const Judge *j, int64_t t) {
  char text[SEAL_INSTANT_SIZE];
  if (j->step == NULL || t == SEAL_UNBOUNDED) return NULL;
  seal_instant_text(t, text);
  return json_string(text);
}

static json_t *json_text(const Judge *j, SealText text) {
  if (j->step == NULL || text.p == NULL) return NULL;
  return json_stringn(text.p, (size_t)text.n);
}

/* 1 if `at` lies before the start in column i. */
static int before(sqlite3_stmt *row, int i, int64_t at) {
  return sqlite3_column_type(row, i) != SQLITE_NULL && at < sqlite3_column_int64(row, i);
}

/* Says status and window, those of them that there are (column -1: none). */
static void say_window(Judge *j, int status, int start, int stop) {
  if (j->step == NULL) return;
  if (status >= 0) say(j, "status", json_text(j, seal_column_text(j->row, status)));
  if (start >= 0) say(j, "start_time", json_instant(j, seal_column_until(j->row, start)));
  say(j, stop == AUTHORIZE_TERM_SERVER_EXP ? "exp_time" : "stop_time",
      json_instant(j, seal_column_until(j->row, stop)));
  say(j, "use", json_instant(j, j->ask->at));
}

/* The VAL server itself; whoever authenticated it has refused the same. */
static int check_val_server(Judge *j) {
  SealText status = seal_column_text(j->row, AUTHORIZE_TERM_SERVER_STATUS);
  if (status.p == NULL) return seal_text_missing(j->row, AUTHORIZE_TERM_SERVER_STATUS);
  say_window(j, AUTHORIZE_TERM_SERVER_STATUS, -1, AUTHORIZE_TERM_SERVER_EXP);
  if (j->ask->at >= seal_column_until(j->row, AUTHORIZE_TERM_SERVER_EXP)) {
    return seal_refuse(j->err, SEAL_REQUESTER_NOT_ACTIVE,
                       "the VAL server's registration has ended");
  }
  if (strcmp(status.p, "active") == 0) return SQLITE_OK;
  return seal_refuse(j->err, SEAL_REQUESTER_NOT_ACTIVE, "the VAL server is not active");
}

static int check_agreement(Judge *j) {
  SealText status = seal_column_text(j->row, AUTHORIZE_TERM_STATUS);
  if (status.p == NULL) return seal_text_missing(j->row, AUTHORIZE_TERM_STATUS);
  say(j, "agreement_id", json_text(j, seal_column_text(j->row, AUTHORIZE_TERM_AGREEMENT_ID)));
  say_window(j, AUTHORIZE_TERM_STATUS, AUTHORIZE_TERM_START, AUTHORIZE_TERM_STOP);
  if (strcmp(status.p, "terminated") == 0) {
    return seal_refuse(j->err, SEAL_SLA_EXPIRED, "the agreement is terminated");
  }
  if (j->ask->at >= seal_column_until(j->row, AUTHORIZE_TERM_STOP)) {
    return seal_refuse(j->err, SEAL_SLA_EXPIRED, "the agreement has ended");
  }
  if (strcmp(status.p, "active") != 0) {
    return seal_refuse(j->err, SEAL_SLA_NOT_ACTIVE, "the agreement is %s", status.p);
  }
  if (before(j->row, AUTHORIZE_TERM_START, j->ask->at)) {
    return seal_refuse(j->err, SEAL_SLA_NOT_ACTIVE, "the agreement has not started");
  }
  return SQLITE_OK;
}

static int check_term(Judge *j) {
  char quoted[SEAL_QUOTE_MAX + 8];
  const SealAsk *ask = j->ask;
  int none = sqlite3_column_type(j->row, AUTHORIZE_TERM_TERM) == SQLITE_NULL;
  if (!none) {
    say(j, "val_service_id", json_text(j, seal_column_text(j->row, AUTHORIZE_TERM_TERM_SERVICE)));
    say_window(j, -1, AUTHORIZE_TERM_TERM_START, AUTHORIZE_TERM_TERM_STOP);
  }
  if (none && ask->val_service_id.p == NULL) {
    return seal_refuse(j->err, SEAL_SLA_SERVICE_NOT_GRANTED, "no term grants %s",
                       ask->seal_service);
  }
  if (none) {
    return seal_refuse(j->err, SEAL_SLA_SERVICE_NOT_GRANTED,
                       "no term grants %s for val service \"%s\"", ask->seal_service,
                       seal_quote(ask->val_service_id, quoted));
  }
  if (before(j->row, AUTHORIZE_TERM_TERM_START, ask->at)) {
    return seal_refuse(j->err, SEAL_SLA_NOT_ACTIVE,
                       "the term for val service \"%s\" has not started",
                       seal_quote(ask->val_service_id, quoted));
  }
  if (ask->at >= seal_column_until(j->row, AUTHORIZE_TERM_TERM_STOP)) {
    return seal_refuse(j->err, SEAL_SLA_EXPIRED, "the term for val service \"%s\" has ended",
                       seal_quote(ask->val_service_id, quoted));
  }
  return SQLITE_OK;
}

/************************************************************************************************
** Invocations.
*/
/* The instant that a member of a stored range holds; 0, or -1 when there is none. */
static int range_member(const json_t *range, const char *name, int64_t *out) {
  const json_t *text = json_object_get(range, name);
  if (!json_is_string(text)) return -1;
  return seal_instant_parse(json_string_value(text), json_string_length(text), out);
}

static int check_ranges(Judge *j) {
  if (sqlite3_column_type(j->row, AUTHORIZE_TERM_RANGES) == SQLITE_NULL) return SQLITE_OK;
  SealText text = seal_column_text(j->row, AUTHORIZE_TERM_RANGES);
  json_t *array = NULL, *range;
  size_t i;
  int inside = 0, bad = 0;
  if (text.p == NULL) return SQLITE_NOMEM;
  SealReason reason = seal_json_parse(text.p, (size_t)text.n, 8, &array);
  if (reason != SEAL_VALID) return reason == SEAL_NOMEM ? SQLITE_NOMEM : SQLITE_CORRUPT_VTAB;
  json_array_foreach(array, i, range) {
    int64_t start = 0, stop = 0;
    bad |= range_member(range, "startTime", &start) || range_member(range, "stopTime", &stop);
    if (!bad && start <= j->ask->at && j->ask->at < stop) inside = 1;
  }
  if (j->step != NULL) say(j, "limit", json_incref(array));
  say(j, "use", json_instant(j, j->ask->at));
  json_decref(array);
  if (bad) return SQLITE_CORRUPT_VTAB;
  if (inside) return SQLITE_OK;
  return seal_refuse(j->err, SEAL_SLA_TIME_RANGE, "it is not a time at which requests are allowed");
}

static int check_rate(Judge *j) {
  int64_t rate = seal_column_until(j->row, AUTHORIZE_TERM_RATE), retry_after;
  if (rate == SEAL_UNBOUNDED) return SQLITE_OK;
  int64_t left = seal_bucket_level(rate, sqlite3_column_int64(j->row, AUTHORIZE_TERM_BUCKET_TIME),
                                   sqlite3_column_int64(j->row, AUTHORIZE_TERM_BUCKET_SPENT),
                                   j->ask->at, &retry_after);
  say(j, "limit", json_number(j, rate));
  say(j, "use", json_number(j, rate - left));
  if (left > 0) return SQLITE_OK;
  j->err->retry_after = retry_after;
  return seal_refuse(j->err, SEAL_SLA_RATE_EXCEEDED, "%lld requests in a second are allowed",
                     (long long)rate);
}

static int check_total(Judge *j) {
  int64_t total = seal_column_until(j->row, AUTHORIZE_TERM_TOTAL);
  if (total == SEAL_UNBOUNDED) return SQLITE_OK;
  int64_t used = sqlite3_column_int64(j->row, AUTHORIZE_TERM_INVOCATIONS);
  say(j, "limit", json_number(j, total));
  say(j, "use", json_number(j, used));
  if (used < total) return SQLITE_OK;
  return seal_refuse(j->err, SEAL_SLA_INVOCATIONS_EXCEEDED,
                     "%lld requests are allowed in all, and were answered", (long long)total);
}

/************************************************************************************************
** What is asked for.
*/
/* max_validity: more is refused, none asked gets it from now. */
static int check_validity(Judge *j) {
  const SealAsk *ask = j->ask;
  int64_t max = seal_column_until(j->row, AUTHORIZE_TERM_MAX_VALIDITY);
  j->out->until = ask->exp_time;
  if (max == SEAL_UNBOUNDED) return SQLITE_OK;
  int64_t latest = max > SEAL_INSTANT_MAX - ask->at ? SEAL_INSTANT_MAX : ask->at + max;
  if (ask->exp_time == SEAL_UNBOUNDED) j->out->until = latest;
  say(j, "limit", json_number(j, max));
  say(j, "use", json_number(j, j->out->until - ask->at));
  if (j->out->until <= latest) return SQLITE_OK;
  char quoted[SEAL_QUOTE_MAX + 8];
  return seal_refuse(j->err, SEAL_SLA_VALIDITY_EXCEEDED,
                     "val service \"%s\" may be valid for %lld seconds, %lld asked",
                     seal_quote(ask->val_service_id, quoted), (long long)max,
                     (long long)(ask->exp_time - ask->at));
}

/* 1 if the JSON array in column i lists the word; 1 also when there is no array: anything goes.
** -1: the stored value is not an array of strings. */
static int listed(Judge *j, int i, SealText word) {
  if (sqlite3_column_type(j->row, i) == SQLITE_NULL) return 1;
  SealText text = seal_column_text(j->row, i);
  json_t *array = NULL, *item;
  size_t index;
  int found = 0;
  if (text.p == NULL || seal_json_parse(text.p, (size_t)text.n, 2, &array) != SEAL_VALID) return -1;
  json_array_foreach(array, index, item) {
    if (!json_is_string(item)) found = -1;
    if (found == 0 && json_string_length(item) == (size_t)word.n &&
        memcmp(json_string_value(item), word.p, (size_t)word.n) == 0) {
      found = 1;
    }
  }
  if (j->step != NULL) say(j, "limit", json_incref(array));
  json_decref(array);
  return found;
}

/* The format of a key that came without one: the term's, if it has just one. */
static int take_key_format(Judge *j) {
  char service[SEAL_QUOTE_MAX + 8];
  json_t *array = NULL;
  j->ask->only_format[0] = 0;
  if (sqlite3_column_type(j->row, AUTHORIZE_TERM_KEY_FORMATS) == SQLITE_NULL) return SQLITE_OK;
  SealText text = seal_column_text(j->row, AUTHORIZE_TERM_KEY_FORMATS);
  if (text.p == NULL) return seal_text_missing(j->row, AUTHORIZE_TERM_KEY_FORMATS);
  SealReason reason = seal_json_parse(text.p, (size_t)text.n, 2, &array);
  if (reason != SEAL_VALID) return reason == SEAL_NOMEM ? SQLITE_NOMEM : SQLITE_CORRUPT_VTAB;
  int rc = SQLITE_OK;
  const json_t *one = json_array_get(array, 0);
  SealText only = {json_string_value(one), (int)json_string_length(one)};
  if (json_array_size(array) != 1) {
    rc =
        seal_refuse(j->err, SEAL_SLA_KEY_FORMAT_NOT_GRANTED,
                    "a key format is needed for val service \"%s\": %lld are granted",
                    seal_quote(j->ask->val_service_id, service), (long long)json_array_size(array));
  } else if (only.p == NULL || !seal_is_id(only)) {
    rc = SQLITE_CORRUPT_VTAB;
  } else {
    memcpy(j->ask->only_format, only.p, (size_t)only.n + 1);
  }
  json_decref(array);
  return rc;
}

static int check_key_format(Judge *j) {
  char quoted[SEAL_QUOTE_MAX + 8], service[SEAL_QUOTE_MAX + 8];
  const SealAsk *ask = j->ask;
  if (ask->key_format.p == NULL) return ask->only_format ? take_key_format(j) : SQLITE_OK;
  int found = listed(j, AUTHORIZE_TERM_KEY_FORMATS, ask->key_format);
  say(j, "use", json_text(j, ask->key_format));
  if (found != 0) return found < 0 ? SQLITE_CORRUPT_VTAB : SQLITE_OK;
  return seal_refuse(j->err, SEAL_SLA_KEY_FORMAT_NOT_GRANTED,
                     "key format \"%s\" is not granted for val service \"%s\"",
                     seal_quote(ask->key_format, quoted), seal_quote(ask->val_service_id, service));
}

/* The next word of a space-separated list from *at on; n of 0 at its end. */
static SealText next_word(SealText list, int *at) {
  while (*at < list.n && list.p[*at] == ' ') (*at)++;
  SealText word = {list.p + *at, 0};
  while (*at < list.n && list.p[*at] != ' ') (*at)++, word.n++;
  return word;
}

static int check_scope(Judge *j) {
  char quoted[SEAL_QUOTE_MAX + 8], service[SEAL_QUOTE_MAX + 8];
  const SealAsk *ask = j->ask;
  int at = 0;
  if (ask->scope.p == NULL) return SQLITE_OK;
  say(j, "use", json_text(j, ask->scope));
  for (SealText word = next_word(ask->scope, &at); word.n > 0; word = next_word(ask->scope, &at)) {
    int found = listed(j, AUTHORIZE_TERM_SCOPES, word);
    if (found < 0) return SQLITE_CORRUPT_VTAB;
    if (!found) {
      return seal_refuse(j->err, SEAL_SLA_SCOPE_NOT_GRANTED,
                         "scope \"%s\" is not granted for val service \"%s\"",
                         seal_quote(word, quoted), seal_quote(ask->val_service_id, service));
    }
  }
  return SQLITE_OK;
}

/* Reads how much is held under the term, once. */
static int read_held(Judge *j) {
  sqlite3_stmt *held;
  if (j->held) return SQLITE_OK;
  j->held = 1;
  int rc = seal_store_row(seal_store(j->p), SQL_AUTHORIZE_HELD, &held, "iii", j->out->term,
                          j->ask->at, j->out->agreement);
  if (rc == SQLITE_ROW) {
    j->identities = sqlite3_column_int64(held, AUTHORIZE_HELD_IDENTITIES);
    j->key_records = sqlite3_column_int64(held, AUTHORIZE_HELD_KEY_RECORDS);
  }
  seal_store_reset(held);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* One quota: `held` now, `other` by the rest of the same act, `asked` more. */
static int check_quota(Judge *j, const char *what, int64_t max, int64_t held, int64_t other,
                       int64_t asked, int64_t *left) {
  *left = max - held - other;
  say(j, "limit", json_number(j, max));
  say(j, "use", json_number(j, held + other));
  say(j, "asked", json_number(j, asked));
  if (asked <= *left || (asked + other <= 0 && asked >= 0)) return SQLITE_OK;
  char quoted[SEAL_QUOTE_MAX + 8];
  return seal_refuse(j->err, SEAL_SLA_QUOTA_EXCEEDED,
                     "val service \"%s\" may hold %lld %s, %lld asked",
                     seal_quote(j->ask->val_service_id, quoted), (long long)max, what,
                     (long long)(held + other + asked));
}

/* The levels of a limit that a granted act crosses. What it gives back (`other`) crosses none, nor does what it takes
** again. */
static SealLevel level(int64_t max, int64_t held, int64_t other, int64_t asked) {
  unsigned crossed = seal_level_crossed(max, held + other, held + other + asked);
  return (SealLevel){max, held, crossed & seal_level_crossed(max, held, INT64_MAX)};
}

static int check_identities(Judge *j) {
  int64_t max = seal_column_until(j->row, AUTHORIZE_TERM_MAX_IDENTITIES);
  j->out->identities = SEAL_UNBOUNDED;
  j->out->identity_level.limit = SEAL_UNBOUNDED;
  if (max == SEAL_UNBOUNDED) return SQLITE_OK;
  int rc = read_held(j);
  if (rc != SQLITE_OK) return rc;
  const SealTally *tally = seal_invocation_of(j->ask->tally, j->out->term);
  int64_t other = tally ? tally->identities : 0;
  rc = check_quota(j, "identities", max, j->identities, other, j->ask->identities,
                   &j->out->identities);
  if (rc == SQLITE_OK) {
    j->out->identity_level = level(max, j->identities, other, j->ask->identities);
  }
  return rc;
}

static int check_key_records(Judge *j) {
  int64_t max = seal_column_until(j->row, AUTHORIZE_TERM_MAX_KEY_RECORDS);
  j->out->key_records = SEAL_UNBOUNDED;
  j->out->record_level.limit = SEAL_UNBOUNDED;
  if (max == SEAL_UNBOUNDED) return SQLITE_OK;
  int rc = read_held(j);
  if (rc != SQLITE_OK) return rc;
  const SealTally *tally = seal_invocation_of(j->ask->tally, j->out->term);
  int64_t other = tally ? tally->key_records : 0;
  rc = check_quota(j, "key records", max, j->key_records, other, j->ask->key_records,
                   &j->out->key_records);
  if (rc == SQLITE_OK) {
    j->out->record_level = level(max, j->key_records, other, j->ask->key_records);
  }
  return rc;
}

/************************************************************************************************
** All of it.
*/
enum { ALWAYS, INVOCATION, SERVICE }; /* when a check is made: SERVICE = where one is named */

static const struct {
  const char *name;
  int when;
  int (*check)(Judge *j);
} checks[] = {
    {"val_server", ALWAYS, check_val_server},
    {"agreement", ALWAYS, check_agreement},
    {"term", ALWAYS, check_term},
    {"allowed_invocation_time_ranges", INVOCATION, check_ranges},
    {"allowed_invocations_per_second", INVOCATION, check_rate},
    {"allowed_total_invocations", INVOCATION, check_total},
    {"max_validity", SERVICE, check_validity},
    {"key_formats", SERVICE, check_key_format},
    {"scopes", SERVICE, check_scope},
    {"max_identities", SERVICE, check_identities},
    {"max_key_records", SERVICE, check_key_records},
};
#define N_CHECKS (sizeof checks / sizeof *checks)

/* Makes a check and adds what it says to the trace; the first refusal stays in *err. */
static int traced(Judge *j, size_t i, SealError *first) {
  SealError err;
  memset(&err, 0, sizeof err);
  j->step = json_object();
  if (j->step == NULL) return SQLITE_NOMEM;
  j->err = &err;
  (void)json_object_set_new(j->step, "check", json_string(checks[i].name));
  int rc = checks[i].check(j);
  const char *verdict = rc == SQLITE_OK ? "granted" : "refused";
  if (rc == SQLITE_OK && json_object_size(j->step) == 1) verdict = "not limited";
  (void)json_object_set_new(j->step, "verdict", json_string(verdict));
  if (err.cause != SEAL_CAUSE_NONE) {
    (void)json_object_set_new(j->step, "cause", json_string(seal_cause_text(err.cause)));
  }
  if (json_array_append_new(j->ask->trace, j->step) != 0) rc = SQLITE_NOMEM;
  j->step = NULL;
  j->err = first;
  if (rc == SQLITE_CONSTRAINT_VTAB && first->cause == SEAL_CAUSE_NONE) {
    *first = err;
  } else {
    seal_error_clear(&err);
  }
  return rc;
}

/* 1 if the check is made of this question. */
static int is_made(const Judge *j, int when, int counted) {
  int term = sqlite3_column_type(j->row, AUTHORIZE_TERM_TERM) != SQLITE_NULL;
  switch (when) {
  case ALWAYS:
    return 1;
  case INVOCATION:
    return term && j->ask->invocation != SEAL_NO_INVOCATION && !counted;
  default:
    assert(when == SERVICE);
    return term && j->ask->val_service_id.p != NULL;
  }
}

/* Notes what the message touches; *counted is 1 if this transaction's rows have been counted. */
static int note(Judge *j, int *counted) {
  const SealAsk *ask = j->ask;
  *counted = 0;
  if (j->out->term == 0 || ask->invocation == SEAL_NO_INVOCATION || ask->trace) return SQLITE_OK;
  if (ask->invocation == SEAL_BY_ROWS) {
    return seal_usage_counted(j->p, ask->val_server, ask->seal_service, j->out->term, counted);
  }
  return seal_invocation_of_service(ask->touched, j->out->term, ask->val_service_id,
                                    ask->identities, ask->key_records);
}

static int judge(Judge *j) {
  int counted, verdict = SQLITE_OK;
  int rc = note(j, &counted);
  for (size_t i = 0; rc == SQLITE_OK && i < N_CHECKS; i++) {
    if (!is_made(j, checks[i].when, counted)) continue;
    rc = j->ask->trace ? traced(j, i, j->err) : checks[i].check(j);
    if (rc != SQLITE_CONSTRAINT_VTAB || j->ask->trace == NULL) continue;
    verdict = rc;
    rc = SQLITE_OK;
  }
  return rc == SQLITE_OK ? verdict : rc;
}

static int64_t earliest(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* What the row says of agreement and term, and until when all of it holds. */
static void fill_grant(sqlite3_stmt *row, SealGrant *out) {
  out->agreement = sqlite3_column_int64(row, AUTHORIZE_TERM_AGREEMENT);
  out->term = sqlite3_column_int64(row, AUTHORIZE_TERM_TERM);
  out->until = SEAL_UNBOUNDED;
  out->valid_until = earliest(seal_column_until(row, AUTHORIZE_TERM_SERVER_EXP),
                              earliest(seal_column_until(row, AUTHORIZE_TERM_STOP),
                                       seal_column_until(row, AUTHORIZE_TERM_TERM_STOP)));
}

int seal_authorize(Seal *p, const SealAsk *ask, SealGrant *out, SealError *err) {
  Judge j = {.p = p, .ask = ask, .out = out, .err = err};
  int rc;
  assert(ask->seal_service != NULL);
  assert(ask->invocation != SEAL_BY_MESSAGE || ask->touched != NULL || ask->trace != NULL);
  memset(out, 0, sizeof *out);
  if (ask->val_service_id.p != NULL) {
    rc = seal_store_row(seal_store(p), SQL_AUTHORIZE_TERM, &j.row, "its", ask->val_server,
                        ask->seal_service, &ask->val_service_id);
  } else {
    rc = seal_store_row(seal_store(p), SQL_AUTHORIZE_USE, &j.row, "iti", ask->val_server,
                        ask->seal_service, ask->at);
  }
  if (rc != SQLITE_ROW) {
    seal_store_reset(j.row);
    return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  }
  fill_grant(j.row, out);
  int granted = sqlite3_column_type(j.row, AUTHORIZE_TERM_TERM) != SQLITE_NULL;
  rc = granted && out->term < 1 ? SQLITE_CORRUPT_VTAB : judge(&j);
  out->valid_until = earliest(out->valid_until, out->until);
  seal_store_reset(j.row);
  return rc;
}

int seal_use_authorize(Seal *p, int64_t val_server, const char *seal_service, int64_t at,
                       SealInvocation *touched, SealGrant *out, SealError *err) {
  SealAsk ask = {
      .val_server = val_server,
      .seal_service = seal_service,
      .at = at,
      .exp_time = SEAL_UNBOUNDED,
      .invocation = touched ? SEAL_BY_MESSAGE : SEAL_NO_INVOCATION,
      .touched = touched,
  };
  return seal_authorize(p, &ask, out, err);
}
