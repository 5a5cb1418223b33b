/* Notifications (notification.h). Each is written by the act that it tells of:
**
**    status of an agreement, a VAL server      SUSPENDED RESUMED TERMINATED       one statement, whatever hangs on it
**    an end that the operator moved            VALIDITY_CHANGED                   where it ends something that is held
**    credential                                CREDENTIAL_REVOKED
**    a grant that crosses 90 %, 100 %          QUOTA_NEAR QUOTA_REACHED           judged by the grant's own numbers
**    time, by the command notice               VALIDITY_ENDING ENDED CREDENTIAL_ENDING
**
** What comes by time is a question to what is stored: which ends lie so near, and which of them nobody was told of
** yet (seal_notification_cause). So it does not matter when, or how often, the command runs; an end that moved is
** another one. What goes before the command has seen its end asks for it first (seal_notice_gone).
*/
#include "registrar/ledger/notification.h"

#include <assert.h>
#include <string.h>

/* What is told. Its texts are its own: news_clear. */
typedef struct News {
  const char *event;
  int64_t at, due;
  char *object;
  json_t *detail; /* an object */
  int corrupt;    /* a stored text that is to be told is no UTF-8 */
} News;

static void news_clear(News *news) {
  sqlite3_free(news->object);
  json_decref(news->detail);
}

/* An object's name, of n parts: the caller's (sqlite3_free). NULL: out of memory. */
static char *notified_name(const char *relation, const SealText *parts, int n) {
  sqlite3_str *out = sqlite3_str_new(NULL);
  sqlite3_str_appendf(out, "seal_%s", relation);
  for (int i = 0; i < n; i++) {
    sqlite3_str_appendchar(out, 1, i ? '/' : ':');
    seal_name_append(out, parts[i]);
  }
  return sqlite3_str_finish(out);
}

/* An instant; null: without end. */
static json_t *instant_value(int64_t t) {
  char text[SEAL_INSTANT_SIZE];
  if (t == SEAL_UNBOUNDED) return json_null();
  seal_instant_text(t, text);
  return json_string(text);
}

/* Adds a member, which it takes. Out of memory shows when the detail is written: it is no object then. */
static void say(News *news, const char *name, json_t *value) {
  if (json_object_set_new(news->detail, name, value) == 0) return;
  json_decref(news->detail);
  news->detail = NULL;
}

static void say_text(News *news, const char *name, SealText text) {
  int good = text.p != NULL && seal_is_utf8(text.p, (size_t)text.n);
  news->corrupt |= !good;
  if (good) say(news, name, json_stringn(text.p, (size_t)text.n));
}

/* The detail as text, the caller's (sqlite3_free). */
static int dump_detail(const News *news, char **out) {
  *out = news->detail ? seal_json_dump(news->detail) : NULL;
  if (news->corrupt) return SQLITE_CORRUPT_VTAB;
  return *out && news->object ? SQLITE_OK : SQLITE_NOMEM;
}

/* Writes it by a statement of notification_columns: for whom is the statement's, by `id`; one that asks for
** something beyond an instant is given that, others SEAL_UNBOUNDED. */
static int write_news(Seal *p, enum SealSql sql, int64_t id, const News *news, int64_t beyond) {
  int64_t number = 0;
  char *detail;
  int rc = dump_detail(news, &detail);
  if (rc == SQLITE_OK) rc = seal_transaction_number(p, &number);
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), sql,
                        beyond == SEAL_UNBOUNDED ? "iittti"
                                                   "i"
                                                 : "iittti"
                                                   "ii",
                        id, news->at, news->event, news->object, detail, news->due, number, beyond);
  }
  sqlite3_free(detail);
  return rc;
}

/* Names what the operator changed, and says in the detail which it is. */
static int name_parent(Seal *p, SealParent kind, int64_t id, News *news) {
  static const char *const relations[] = {NULL, "agreement", "val_server", "term"};
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_NOTIFICATION_NAME, &row, "ii", (int64_t)kind, id);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  SealText parts[] = {
      seal_column_text(row, NOTIFICATION_NAME_FIRST),
      seal_column_text(row, NOTIFICATION_NAME_SECOND),
      seal_column_text(row, NOTIFICATION_NAME_THIRD),
  };
  news->object = notified_name(relations[kind], parts, kind == SEAL_TERM ? 3 : 1);
  news->detail = json_object();
  if (kind != SEAL_VAL_SERVER) say_text(news, "agreementId", parts[0]);
  if (kind == SEAL_TERM) {
    say_text(news, "sealService", parts[1]);
    say_text(news, "valServiceId", parts[2]);
  }
  seal_store_reset(row);
  return SQLITE_OK;
}

int seal_notify_status(Seal *p, SealParent kind, int64_t id, const char *status, int64_t at) {
  News news = {.at = at, .due = at};
  assert(kind == SEAL_AGREEMENT || kind == SEAL_VAL_SERVER);
  news.event = strcmp(status, "active") == 0      ? "RESUMED"
               : strcmp(status, "suspended") == 0 ? "SUSPENDED"
                                                  : "TERMINATED";
  int rc = name_parent(p, kind, id, &news);
  if (rc == SQLITE_OK) {
    say(&news, "status", json_string(status));
    rc = write_news(p, kind == SEAL_AGREEMENT ? SQL_NOTIFICATION_AGREEMENT : SQL_NOTIFICATION_ONE,
                    id, &news, SEAL_UNBOUNDED);
  }
  news_clear(&news);
  return rc;
}

int seal_notify_end(Seal *p, SealParent kind, int64_t id, int64_t before, int64_t end, int64_t at) {
  static const enum SealSql sql[] = {SEAL_NO_SQL, SQL_NOTIFICATION_AGREEMENT_END,
                                     SQL_NOTIFICATION_VAL_SERVER_END, SQL_NOTIFICATION_TERM_END};
  News news = {.event = "VALIDITY_CHANGED", .at = at, .due = at};
  int64_t earlier = before < end ? before : end, later = before < end ? end : before;
  if (earlier == later || later <= at) return SQLITE_OK;
  int rc = name_parent(p, kind, id, &news);
  if (rc == SQLITE_OK) {
    say(&news, "validUntil", instant_value(end));
    rc = write_news(p, sql[kind], id, &news, earlier > at ? earlier : at);
  }
  news_clear(&news);
  return rc;
}

/* Of a configuration that the operator changes: whose, what it is called, when it ended and will end. */
typedef struct Changed {
  int64_t val_server, before, until;
  SealText val_server_id, conf_id, seal_service;
} Changed;

/* Several configurations of a VAL server, changed by the same act: one row for all, `row`. The only one that is changed
** again is not counted again; one of several is, since the row does not say which they are. */
static int join_news(Seal *p, sqlite3_stmt *row, const Changed *changed, News *news) {
  int64_t seq = sqlite3_column_int64(row, NOTIFICATION_SAME_SEQ);
  int64_t n = sqlite3_column_int64(row, NOTIFICATION_SAME_N);
  SealText object = seal_column_text(row, NOTIFICATION_SAME_OBJECT);
  SealText valid_until = seal_column_text(row, NOTIFICATION_SAME_VALID_UNTIL);
  int has_end = sqlite3_column_type(row, NOTIFICATION_SAME_HAS_END) != SQLITE_NULL;
  if (object.p == NULL || news->object == NULL) return SQLITE_NOMEM;
  if (!seal_text_is(object, news->object)) {
    const char *until = json_string_value(json_object_get(news->detail, "validUntil"));
    json_t *whole = json_object();
    /* An end that they have in common: null, or an instant. */
    if (has_end && (until ? seal_text_is(valid_until, until) : valid_until.p == NULL)) {
      (void)json_object_set(whole, "validUntil", json_object_get(news->detail, "validUntil"));
    }
    json_decref(news->detail);
    news->detail = whole;
    say(news, "configurations", json_integer(n + 1));
    sqlite3_free(news->object);
    news->object = notified_name("val_server", &changed->val_server_id, 1);
  }
  char *detail;
  int rc = dump_detail(news, &detail);
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_NOTIFICATION_JOIN, "itt", seq, news->object, detail);
  }
  sqlite3_free(detail);
  return rc;
}

static int tell_changed(Seal *p, const Changed *changed, int64_t at) {
  News news = {.event = "VALIDITY_CHANGED", .at = at, .due = at, .detail = json_object()};
  sqlite3_stmt *row = NULL;
  int64_t number = 0;
  news.object = seal_configuration_name(changed->val_server_id, changed->conf_id);
  say(&news, "validUntil", instant_value(changed->until));
  say_text(&news, "sealService", changed->seal_service);
  say_text(&news, "confId", changed->conf_id);
  int rc = seal_transaction_number(p, &number);
  if (rc == SQLITE_OK) {
    rc = seal_store_row(seal_store(p), SQL_NOTIFICATION_SAME, &row, "iii", changed->val_server,
                        number, at);
  }
  if (rc == SQLITE_ROW) {
    rc = join_news(p, row, changed, &news);
  } else if (rc == SQLITE_DONE) {
    rc = write_news(p, SQL_NOTIFICATION_ONE, changed->val_server, &news, SEAL_UNBOUNDED);
  }
  seal_store_reset(row);
  news_clear(&news);
  return rc;
}

int seal_notify_configuration(Seal *p, int64_t configuration, int64_t until, int64_t at) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_NOTIFICATION_CONFIGURATION, &row, "i", configuration);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_OK : rc;
  int64_t own = sqlite3_column_int64(row, NOTIFICATION_CONFIGURATION_UNTIL);
  int64_t others = sqlite3_column_int64(row, NOTIFICATION_CONFIGURATION_OTHERS);
  Changed changed = {
      .val_server = sqlite3_column_int64(row, NOTIFICATION_CONFIGURATION_VAL_SERVER),
      .before = own < others ? own : others,
      .until = until < others ? until : others,
      .val_server_id = seal_column_text(row, NOTIFICATION_CONFIGURATION_VAL_SERVER_ID),
      .conf_id = seal_column_text(row, NOTIFICATION_CONFIGURATION_CONF_ID),
      .seal_service = seal_column_text(row, NOTIFICATION_CONFIGURATION_SEAL_SERVICE),
  };
  rc = SQLITE_OK;
  if (changed.before != changed.until && (changed.before > at || changed.until > at)) {
    rc = tell_changed(p, &changed, at);
  }
  seal_store_reset(row);
  return rc;
}

int seal_notify_revoked(Seal *p, int64_t credential, int64_t at) {
  News news = {.event = "CREDENTIAL_REVOKED", .at = at, .due = at, .detail = json_object()};
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_NOTIFICATION_CREDENTIAL, &row, "ii", credential, at);
  if (rc == SQLITE_ROW) {
    SealText id = seal_column_text(row, NOTIFICATION_CREDENTIAL_CREDENTIAL_ID);
    news.object = notified_name("credential", &id, 1);
    say_text(&news, "credentialId", id);
    rc = write_news(p, SQL_NOTIFICATION_ONE,
                    sqlite3_column_int64(row, NOTIFICATION_CREDENTIAL_VAL_SERVER), &news,
                    SEAL_UNBOUNDED);
  }
  seal_store_reset(row);
  news_clear(&news);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int seal_notify_follow(Seal *p, int64_t val_server, SealText destination) {
  if (destination.p == NULL) return SQLITE_OK;
  return seal_store_run(seal_store(p), SQL_NOTIFICATION_FOLLOW, "is", val_server, &destination);
}

/************************************************************************************************
** Levels.
*/
/* The levels that `held` is at or above. */
static unsigned level_of(int64_t limit, int64_t held) {
  unsigned level = 0;
  if (held >= limit - limit / 10) level |= SEAL_LEVEL_NEAR;
  if (held >= limit) level |= SEAL_LEVEL_REACHED;
  return level;
}

unsigned seal_level_crossed(int64_t limit, int64_t before, int64_t after) {
  return limit == SEAL_UNBOUNDED ? 0 : level_of(limit, after) & ~level_of(limit, before);
}

int seal_notify_level(Seal *p, int64_t val_server, int64_t term, const char *what,
                      const SealLevel *level, int64_t at) {
  static const struct {
    unsigned level;
    const char *event;
  } events[] = {{SEAL_LEVEL_NEAR, "QUOTA_NEAR"}, {SEAL_LEVEL_REACHED, "QUOTA_REACHED"}};
  if (level->crossed == 0) return SQLITE_OK;
  News news = {.at = at, .due = at};
  int rc = name_parent(p, SEAL_TERM, term, &news);
  if (rc == SQLITE_OK) {
    say(&news, "of", json_string(what));
    say(&news, "limit", json_integer(level->limit));
    say(&news, "held", json_integer(level->held));
  }
  for (size_t i = 0; rc == SQLITE_OK && i < sizeof events / sizeof *events; i++) {
    if ((level->crossed & events[i].level) == 0) continue;
    news.event = events[i].event;
    rc = write_news(p, SQL_NOTIFICATION_ONE, val_server, &news, SEAL_UNBOUNDED);
  }
  news_clear(&news);
  return rc;
}

/************************************************************************************************
** What comes by time.
*/
/* Tells of one end, on which `row` stands (columns of notice_configurations), unless that was done. */
static int tell_end(Seal *p, sqlite3_stmt *row, int64_t at, int64_t *made) {
  int64_t val_server = sqlite3_column_int64(row, NOTICE_CONFIGURATIONS_VAL_SERVER);
  int64_t until = sqlite3_column_int64(row, NOTICE_CONFIGURATIONS_UNTIL);
  int64_t lead = sqlite3_column_int64(row, NOTICE_CONFIGURATIONS_LEAD);
  int64_t n = sqlite3_column_int64(row, NOTICE_CONFIGURATIONS_N);
  SealText credential = seal_column_text(row, NOTICE_CONFIGURATIONS_CREDENTIAL);
  SealText val_server_id = seal_column_text(row, NOTICE_CONFIGURATIONS_VAL_SERVER_ID);
  SealText name = seal_column_text(row, NOTICE_CONFIGURATIONS_NAME);
  int rc =
      seal_store_run(seal_store(p), SQL_NOTICE_CAUSE, "isii", val_server, &credential, until, lead);
  if (rc != SQLITE_OK || sqlite3_changes(seal_db(p)) == 0) return rc;
  News news = {.at = at, .due = until - lead, .detail = json_object()};
  int of_credential = credential.n > 0;
  news.event = of_credential ? "CREDENTIAL_ENDING" : lead > 0 ? "VALIDITY_ENDING" : "ENDED";
  news.object = of_credential ? notified_name("credential", &credential, 1)
                              : notified_name("val_server", &val_server_id, 1);
  say(&news, "validUntil", instant_value(until));
  if (lead > 0) say(&news, "lead", json_integer(lead));
  if (of_credential) {
    say_text(&news, "credentialId", credential);
  } else {
    say(&news, "configurations", json_integer(n));
    if (n == 1) say_text(&news, "confId", name);
  }
  rc = write_news(p, SQL_NOTIFICATION_ONE, val_server, &news, SEAL_UNBOUNDED);
  ++*made;
  news_clear(&news);
  return rc;
}

int seal_notice(Seal *p, int64_t at, int64_t *made) {
  static const enum SealSql sql[] = {SQL_NOTICE_CONFIGURATIONS, SQL_NOTICE_CREDENTIALS};
  int rc = SQLITE_OK;
  *made = 0;
  for (size_t i = 0; rc == SQLITE_OK && i < sizeof sql / sizeof *sql; i++) {
    sqlite3_stmt *row;
    rc = seal_store_row(seal_store(p), sql[i], &row, "ii", at, at - SEAL_NOTICE_LATE);
    /* It sorts what it gives: nothing that is written here comes to it. */
    while (rc == SQLITE_ROW) {
      rc = tell_end(p, row, at, made);
      if (rc == SQLITE_OK) rc = sqlite3_step(row);
    }
    seal_store_reset(row);
    if (rc == SQLITE_DONE) rc = SQLITE_OK;
  }
  return rc;
}

static int notice_gone(Seal *p, enum SealSql sql, int64_t id, int64_t at) {
  sqlite3_stmt *row;
  int64_t made;
  int rc = seal_store_row(seal_store(p), sql, &row, "iii", id, at, at - SEAL_NOTICE_LATE);
  seal_store_reset(row);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_OK : rc;
  return seal_notice(p, at, &made);
}

int seal_notice_gone(Seal *p, int64_t configuration, int64_t at) {
  return notice_gone(p, SQL_NOTICE_MISSING, configuration, at);
}

int seal_notice_gone_term(Seal *p, int64_t term, int64_t at) {
  return notice_gone(p, SQL_NOTICE_MISSING_TERM, term, at);
}
