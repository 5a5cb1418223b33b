/* The ledgers (registrar.h): audit, usage, change.
**
** Each audit entry carries the hash of all before it:
**
**     entry 1            entry 2            entry 3
**    +--------+         +--------+         +--------+
**    | fields |         | fields |         | fields |
**    | hash --+--+      | hash --+--+      | hash   |
**    +--------+  |      +--------+  |      +--------+
**                +--> SHA-256(hash || fields of the next)
**
** where fields are netstrings ("5:sla-7,"; NULL is "~,") of seq, time (seconds), actor, action,
** object, outcome, cause and detail, and the hash before the first is 32 zero bytes.
*/
#include "registrar/internal.h"

#include <assert.h>
#include <string.h>

/* A number that the registrar can't have reached: a stored row is not trusted to leave room for more. */
#define SEQ_MAX ((int64_t)1 << 62)

int seal_audit_head(Seal *p) {
  if (p->audit_seq > 0) return SQLITE_OK;
  sqlite3_stmt *row;
  int rc = seal_store_row(&p->store, SQL_AUDIT_HEAD, &row, "");
  if (rc == SQLITE_DONE) {
    memset(p->audit_hash, 0, sizeof p->audit_hash);
    p->audit_seq = 0;
    rc = SQLITE_OK;
  } else if (rc == SQLITE_ROW) {
    rc = SQLITE_CORRUPT_VTAB;
    int64_t seq = sqlite3_column_int64(row, 0);
    if (sqlite3_column_bytes(row, 1) == SEAL_SHA256_SIZE && seq > 0 && seq < SEQ_MAX) {
      p->audit_seq = seq;
      memcpy(p->audit_hash, sqlite3_column_blob(row, 1), SEAL_SHA256_SIZE);
      rc = SQLITE_OK;
    }
  }
  seal_store_reset(row);
  return rc;
}

static void netstring(sqlite3_str *out, const char *text) {
  if (text == NULL) {
    sqlite3_str_appendall(out, "~,");
  } else {
    sqlite3_str_appendf(out, "%d:%s,", (int)strlen(text), text);
  }
}

static void netstring_int(sqlite3_str *out, int64_t value) {
  char text[24];
  sqlite3_snprintf(sizeof text, text, "%lld", (long long)value);
  netstring(out, text);
}

/* The hash of an entry that follows `before`. */
static int audit_hash(Seal *p, const unsigned char before[SEAL_SHA256_SIZE], int64_t seq,
                      const SealEvent *e, unsigned char out[SEAL_SHA256_SIZE]) {
  sqlite3_str *text = sqlite3_str_new(p->store.db);
  sqlite3_str_append(text, (const char *)before, SEAL_SHA256_SIZE);
  netstring_int(text, seq);
  netstring_int(text, e->time);
  netstring(text, e->actor);
  netstring(text, e->action);
  netstring(text, e->object);
  netstring(text, e->outcome);
  netstring(text, e->cause);
  netstring(text, e->detail);
  int rc = sqlite3_str_errcode(text);
  if (rc == SQLITE_OK) {
    SealReason r =
        seal_sha256(p->crypto, sqlite3_str_value(text), (size_t)sqlite3_str_length(text), out);
    rc = r == SEAL_VALID ? SQLITE_OK : r == SEAL_NOMEM ? SQLITE_NOMEM : SQLITE_ERROR;
  }
  sqlite3_free(sqlite3_str_finish(text));
  return rc;
}

int seal_audit_write(Seal *p, const SealEvent *event) {
  unsigned char hash[SEAL_SHA256_SIZE];
  int64_t txn;
  int rc = seal_transaction_number(p, &txn);
  if (rc == SQLITE_OK) rc = seal_audit_head(p);
  if (rc != SQLITE_OK) return rc;
  int64_t seq = p->audit_seq + 1;
  rc = audit_hash(p, p->audit_hash, seq, event, hash);
  if (rc != SQLITE_OK) return rc;
  rc = seal_store_run(&p->store, SQL_AUDIT_INSERT, "iittttttb", seq, event->time, event->actor,
                      event->action, event->object, event->outcome, event->cause, event->detail,
                      hash, SEAL_SHA256_SIZE);
  if (rc == SQLITE_OK) {
    p->audit_seq = seq;
    memcpy(p->audit_hash, hash, SEAL_SHA256_SIZE);
  }
  return rc;
}

int seal_change_write(Seal *p, int64_t time, const char *seal_service, const char *object,
                      const char *operation) {
  return seal_store_run(&p->store, SQL_CHANGE_INSERT, "ittt", time, seal_service, object,
                        operation);
}

/* The last usage entry before this transaction. */
static int usage_start(Seal *p, int64_t *start) {
  if (p->usage_start < 0) {
    sqlite3_stmt *row;
    int rc = seal_store_row(&p->store, SQL_USAGE_LAST, &row, "");
    if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
    p->usage_start = sqlite3_column_int64(row, 0);
    seal_store_reset(row);
  }
  *start = p->usage_start;
  return SQLITE_OK;
}

/* The event that was just written, or is found in *seq: an invocation of a term. */
static int usage_unit(Seal *p, int64_t seq, int64_t time, const SealTally *unit) {
  int rc = seal_invocation_count(p, unit->term, time);
  if (rc != SQLITE_OK) return rc;
  return seal_store_run(&p->store, SQL_USAGE_UNIT_INSERT, "iiii", seq, unit->term, unit->identities,
                        unit->key_records);
}

static int usage_insert(Seal *p, int64_t time, int64_t val_server, const char *seal_service,
                        const char *operation, int result, const char *conf_id, int64_t identities,
                        int64_t key_records, int64_t *seq) {
  int rc = seal_store_run(&p->store, SQL_USAGE_INSERT, "iittitii", time, val_server, seal_service,
                          operation, (int64_t)result, conf_id, identities, key_records);
  *seq = sqlite3_last_insert_rowid(p->store.db);
  return rc;
}

int seal_usage_write(Seal *p, int64_t time, int64_t val_server, const char *seal_service,
                     const char *operation, int result, const char *conf_id, int64_t identities,
                     int64_t key_records) {
  int64_t seq;
  int rc = usage_insert(p, time, val_server, seal_service, operation, result, conf_id, identities,
                        key_records, &seq);
  for (size_t i = 0; rc == SQLITE_OK && i < p->invocation.n; i++) {
    rc = usage_unit(p, seq, time, &p->invocation.terms[i]);
  }
  seal_invocation_begin(p);
  return rc;
}

/* The event of this transaction's rows for a VAL server and SEAL service; *seq is 0 for none. */
static int usage_of_rows(Seal *p, int64_t val_server, const char *seal_service, int64_t *seq) {
  sqlite3_stmt *row;
  int64_t start = 0;
  int rc = usage_start(p, &start);
  if (rc != SQLITE_OK) return rc;
  rc = seal_store_row(&p->store, SQL_USAGE_ROWS_FIND, &row, "iit", start, val_server, seal_service);
  *seq = rc == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int seal_usage_counted(Seal *p, int64_t val_server, const char *seal_service, int64_t term,
                       int *counted) {
  sqlite3_stmt *row;
  int64_t seq;
  *counted = 0;
  int rc = usage_of_rows(p, val_server, seal_service, &seq);
  if (rc != SQLITE_OK || seq == 0) return rc;
  rc = seal_store_row(&p->store, SQL_USAGE_UNIT_FIND, &row, "ii", seq, term);
  *counted = rc == SQLITE_ROW;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int seal_usage_rows(Seal *p, int64_t time, int64_t val_server, const char *seal_service,
                    const char *conf_id, int64_t term, int64_t identities, int64_t key_records) {
  SealTally unit = {term, identities, key_records};
  int64_t seq;
  int rc = usage_of_rows(p, val_server, seal_service, &seq);
  if (rc == SQLITE_OK && seq == 0) {
    rc = usage_insert(p, time, val_server, seal_service, "INSERT", 201, conf_id, identities,
                      key_records, &seq);
  } else if (rc == SQLITE_OK) {
    rc = seal_store_run(&p->store, SQL_USAGE_ADD, "iii", seq, identities, key_records);
  }
  if (rc == SQLITE_OK) {
    rc = seal_store_run(&p->store, SQL_USAGE_UNIT_ADD, "iiii", seq, term, identities, key_records);
  }
  if (rc != SQLITE_OK || sqlite3_changes(p->store.db) > 0) return rc;
  return usage_unit(p, seq, time, &unit);
}
