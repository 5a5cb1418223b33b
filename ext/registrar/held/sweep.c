/* What goes (records.h): what has ended, and what the operator removes.
**
** Validity itself is judged where rows are read (valid_configuration in sql/statements/views.sql):
** what has ended is invisible at once. The sweep only gives back its space, in batches that a host
** chooses, and touches nothing that lives. What a batch has begun on is at its own end, so that the rest waits for the
** next one and lives no more, whatever is prolonged meanwhile: its other VAL services may be under terms that go on.
** SEAL servers hear of it: what is swept here is gone even if an agreement is prolonged afterwards. So is who is told of
** its end, if the command notice has not run since. For that reason too a SEAL server's own sweep leaves alone what
** bundles brought: it is the registrar's to take away.
*/
#include "registrar/held/held_int.h"

#include <assert.h>
#include <string.h>

/* How the rows of one table are removed: identities, their digests at a SEAL server, key records. */
typedef struct Rows {
  enum SealSql boundary, delete_range;
} Rows;
static const Rows identities = {SQL_IDENTITY_BOUNDARY, SQL_IDENTITY_DELETE_RANGE};
static const Rows members = {SQL_MEMBER_BOUNDARY, SQL_MEMBER_DELETE_RANGE};
static const Rows records = {SQL_RECORD_BOUNDARY, SQL_RECORD_DELETE_RANGE};

/* Removes rows of one service, at most `limit`; *removed is how many, *left is 1 if some remain. */
static int clear_rows(Seal *p, const Rows *rows, int64_t service, int64_t limit, int64_t *removed,
                      int *left) {
  int64_t first = service << SEAL_ROW_BITS, last = first + SEAL_ROWS_MAX - 1;
  *left = 0;
  *removed = 0;
  if (limit < SEAL_ROWS_MAX) {
    sqlite3_stmt *row;
    int rc = seal_store_row(seal_store(p), rows->boundary, &row, "iii", first, last, limit);
    if (rc == SQLITE_ROW) {
      last = sqlite3_column_int64(row, 0) - 1;
      *left = 1;
    }
    seal_store_reset(row);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) return rc;
  }
  int rc = seal_store_run(seal_store(p), rows->delete_range, "ii", first, last);
  if (rc == SQLITE_OK) *removed = sqlite3_changes64(seal_db(p));
  return rc;
}

int seal_service_records_clear(Seal *p, int64_t service, int64_t *removed) {
  int left;
  return clear_rows(p, &records, service, INT64_MAX, removed, &left);
}

/* One service of a configuration, as it is cleared. */
typedef struct Clearing {
  int64_t service, term, until, val_server;
  int identity; /* its rows are identities, else key records */
} Clearing;

/* Removes one service with its rows, or as many of those as `limit` allows. */
static int clear_service(Seal *p, const Clearing *c, int64_t limit, int64_t *removed, int *left) {
  int64_t rows;
  int rc = clear_rows(p, c->identity ? &identities : &records, c->service, limit, &rows, left);
  if (rc == SQLITE_OK && c->identity && rows == 0 && !*left) {
    rc = clear_rows(p, &members, c->service, limit, &rows, left);
  }
  if (rc != SQLITE_OK) return rc;
  *removed += rows > 0 ? rows : 1; /* a service without rows is itself one: of seal_key */
  int64_t n_identities = c->identity ? rows : 0, n_records = c->identity ? 0 : rows;
  SealTally back = {c->term, -n_identities, -n_records};
  rc = seal_hold(p, &back, c->until, c->val_server);
  if (rc != SQLITE_OK) return rc;
  if (!*left) return seal_store_run(seal_store(p), SQL_SERVICE_DELETE, "i", c->service);
  return seal_store_run(seal_store(p), SQL_SERVICE_COUNT, "iiii", c->service, -n_identities,
                        -n_records, (int64_t)0);
}

/* A VAL service that is to go. */
typedef struct Going {
  int64_t service, term;
} Going;

/* The VAL services of a configuration, at most `limit`, in the caller's *out (sqlite3_free); *several is 1 if they
** are under more than one term. Read at once: each one read again would be a pass over all for each. */
static int going_read(Seal *p, int64_t id, int64_t limit, Going **out, size_t *n, int *several) {
  sqlite3_stmt *row;
  size_t size = 0;
  *out = NULL;
  *n = 0;
  *several = 0;
  int rc = seal_store_row(seal_store(p), SQL_CONFIGURATION_SERVICES, &row, "i", id);
  for (; rc == SQLITE_ROW && (int64_t)*n < limit; rc = sqlite3_step(row)) {
    if (*n == size) {
      size = size ? size * 2 : 8;
      Going *more = sqlite3_realloc64(*out, size * sizeof *more);
      if (more == NULL) {
        rc = SQLITE_NOMEM;
        break;
      }
      *out = more;
    }
    (*out)[*n] = (Going){sqlite3_column_int64(row, CONFIGURATION_SERVICES_ID),
                         sqlite3_column_int64(row, CONFIGURATION_SERVICES_TERM)};
    *several |= (*out)[*n].term != (*out)[0].term;
    ++*n;
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int seal_configuration_clear(Seal *p, int64_t id, int64_t limit, int64_t at, int64_t *removed) {
  SealHead head;
  Going *going = NULL;
  size_t n = 0;
  int left = 0, several = 0;
  int rc = seal_head_load(p, id, &head);
  if (rc == SQLITE_OK) rc = seal_occupancy_close(p, id, 0, at);
  if (rc != SQLITE_OK) return rc;
  Clearing clearing = {.val_server = head.val_server,
                       .until = head.until,
                       .identity = strcmp(head.seal_service, SEAL_IDM) == 0};
  /* Each takes at least one from the limit. */
  rc = going_read(p, id, limit - *removed, &going, &n, &several);
  for (size_t i = 0; rc == SQLITE_OK && i < n && !left && *removed < limit; i++) {
    clearing.service = going[i].service;
    clearing.term = going[i].term;
    rc = clear_service(p, &clearing, limit - *removed, removed, &left);
  }
  sqlite3_free(going);
  return rc == SQLITE_OK && several ? seal_occupancy_terms(p, id, at) : rc;
}

/* What the limit has left of a configuration: its own end is `at`, if it would come later. */
static int end_begun(Seal *p, int64_t id, int64_t at) {
  SealHead head;
  int rc = seal_head_load(p, id, &head);
  if (rc != SQLITE_OK || head.until <= at) return rc;
  rc = seal_configuration_move(p, id, head.val_server, head.until, at);
  if (rc == SQLITE_OK) rc = seal_store_run(seal_store(p), SQL_CONFIGURATION_END, "ii", id, at);
  return rc == SQLITE_OK ? seal_occupancy_terms(p, id, at) : rc;
}

/* The change that a sweep is to a configuration. */
static int record_sweep(Seal *p, int64_t id, int64_t at) {
  SealHead head;
  int rc = seal_head_load(p, id, &head);
  if (rc != SQLITE_OK) return rc;
  char *object = seal_head_name(&head);
  rc = object ? seal_change_write(p, at, head.seal_service, object, "sweep") : SQLITE_NOMEM;
  sqlite3_free(object);
  return rc;
}

/* Removes one ended configuration, or as many of its rows as are still allowed; *found is 0 when
** there is none. */
static int sweep_one(Seal *p, int64_t limit, int64_t at, int64_t *removed, int *found) {
  sqlite3_stmt *row;
  int64_t id = 0;
  int rc = seal_store_row(seal_store(p), SQL_SWEEP_NEXT, &row, "i", at);
  *found = rc == SQLITE_ROW;
  if (*found) id = sqlite3_column_int64(row, SWEEP_NEXT_ID);
  seal_store_reset(row);
  if (rc == SQLITE_DONE) return SQLITE_OK;
  if (rc != SQLITE_ROW) return rc;
  rc = seal_notice_gone(p, id, at);
  if (rc == SQLITE_OK) rc = record_sweep(p, id, at);
  if (rc == SQLITE_OK) rc = seal_configuration_clear(p, id, limit, at, removed);
  if (rc != SQLITE_OK) return rc;
  rc = seal_store_row(seal_store(p), SQL_CONFIGURATION_SERVICES, &row, "i", id);
  seal_store_reset(row);
  if (rc == SQLITE_DONE) {
    rc = seal_store_run(seal_store(p), SQL_CONFIGURATION_DELETE, "i", id);
  } else if (rc == SQLITE_ROW) {
    rc = end_begun(p, id, at);
  }
  return rc;
}

/* 1 in *fed if bundles bring what this database holds. */
static int is_fed(Seal *p, int *fed) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_APPLY_STATE, &row, "");
  *fed = rc == SQLITE_ROW && sqlite3_column_type(row, APPLY_STATE_BUNDLE_TIME) != SQLITE_NULL;
  seal_store_reset(row);
  return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
}

/* Forgets token ids that nobody may use again. The clock is accepted as far back as the leeway behind its high-water
** mark, and a token as long as its id is kept: so what is forgotten lies behind both. */
static int sweep_replay(Seal *p, int64_t limit, SealAt at) {
  int64_t mark;
  int rc = seal_clock_mark(p, at, &mark);
  if (rc != SQLITE_OK) return rc;
  int64_t accepted = mark - SEAL_LEEWAY;
  return seal_store_run(seal_store(p), SQL_SWEEP_REPLAY, "ii", at.t < accepted ? at.t : accepted,
                        limit);
}

int seal_sweep(Seal *p, int64_t limit, SealAt at, int64_t *removed) {
  int found = 1, fed = 0;
  int64_t now = seal_host_clock(p), t = at.t < now ? at.t : now;
  *removed = 0;
  int rc = is_fed(p, &fed);
  while (rc == SQLITE_OK && found && !fed && *removed < limit)
    rc = sweep_one(p, limit, t, removed, &found);
  if (rc == SQLITE_OK) rc = sweep_replay(p, limit, (SealAt){t, at.by_host});
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_SWEEP_MESSAGE, "ii", t - SEAL_ANSWER_KEPT, limit);
  }
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_SWEEP_REFUSAL, "ii", t - SEAL_REFUSALS_KEPT, limit);
  }
  if (rc == SQLITE_OK) rc = seal_signing_forget(p, t);
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_SWEEP_CAUSE, "ii", t - SEAL_NOTICE_LATE, limit);
  }
  if (rc == SQLITE_OK) rc = seal_store_run(seal_store(p), SQL_SWEEP_TIME, "i", t);
  return rc;
}

int seal_remove(Seal *p, const enum SealSql *statements, int64_t id) {
  int rc = SQLITE_OK;
  assert(statements != NULL);
  for (int i = 0; rc == SQLITE_OK && statements[i] != SEAL_NO_SQL; i++) {
    rc = seal_store_run(seal_store(p), statements[i], "i", id);
  }
  return rc;
}
