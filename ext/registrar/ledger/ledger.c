/* Audit and change (ledger.h).
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
** where fields are netstrings ("5:sla-7,"; NULL is "~,") of seq, time and written_time (seconds), actor, action,
** object, outcome, cause and detail, and the hash before the first is 32 zero bytes. `time` is the instant of the
** act, which whoever acts may name; `written_time` is the host's clock. Entries of release 0.1.0 have no written_time,
** and no field for it.
*/
#include "registrar/ledger/ledger.h"

#include <assert.h>
#include <string.h>

/* A number that the registrar can't have reached: a stored row is not trusted to leave room for more. */
#define SEQ_MAX ((int64_t)1 << 62)

#define CHANGE_HASH 16 /* bytes of the chain's hash that a change keeps */

int seal_audit_head(Seal *p) {
  SealTxn *txn = seal_txn(p);
  if (txn->audit_seq > 0) return SQLITE_OK;
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_AUDIT_HEAD, &row, "");
  if (rc == SQLITE_DONE) {
    memset(txn->audit_hash, 0, sizeof txn->audit_hash);
    txn->charged = SEAL_INSTANT_MIN; /* nobody has charged anything */
    rc = SQLITE_OK;
  } else if (rc == SQLITE_ROW) {
    rc = SQLITE_CORRUPT_VTAB;
    int64_t seq = sqlite3_column_int64(row, AUDIT_HEAD_SEQ);
    if (sqlite3_column_bytes(row, AUDIT_HEAD_HASH) == SEAL_SHA256_SIZE && seq > 0 &&
        seq < SEQ_MAX) {
      txn->audit_seq = seq;
      memcpy(txn->audit_hash, sqlite3_column_blob(row, AUDIT_HEAD_HASH), SEAL_SHA256_SIZE);
      int never = sqlite3_column_type(row, AUDIT_HEAD_CHARGED) == SQLITE_NULL;
      txn->charged = never ? SEAL_INSTANT_MIN : sqlite3_column_int64(row, AUDIT_HEAD_CHARGED);
      rc = SQLITE_OK;
    }
  }
  seal_store_reset(row);
  return rc;
}

int seal_audit_head_is(Seal *p, int64_t *seq) {
  int rc = seal_audit_head(p);
  *seq = seal_txn(p)->audit_seq;
  return rc;
}

int seal_audit_next(Seal *p, int64_t *seq) {
  int rc = seal_audit_head_is(p, seq);
  ++*seq;
  return rc;
}

int seal_transaction_number(Seal *p, int64_t *number) {
  SealTxn *txn = seal_txn(p);
  int rc = txn->number ? SQLITE_OK : seal_audit_next(p, &txn->number);
  if (rc != SQLITE_OK) txn->number = 0;
  *number = txn->number;
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
                      int64_t written, const SealEvent *e, unsigned char out[SEAL_SHA256_SIZE]) {
  sqlite3_str *text = sqlite3_str_new(seal_db(p));
  sqlite3_str_append(text, (const char *)before, SEAL_SHA256_SIZE);
  netstring_int(text, seq);
  netstring_int(text, e->time);
  netstring_int(text, written);
  netstring(text, e->actor);
  netstring(text, e->action);
  netstring(text, e->object);
  netstring(text, e->outcome);
  netstring(text, e->cause);
  netstring(text, e->detail);
  int rc = sqlite3_str_errcode(text);
  if (rc == SQLITE_OK) {
    SealReason r =
        seal_sha256(seal_crypto(p), sqlite3_str_value(text), (size_t)sqlite3_str_length(text), out);
    rc = r == SEAL_VALID ? SQLITE_OK : r == SEAL_NOMEM ? SQLITE_NOMEM : SQLITE_ERROR;
  }
  sqlite3_free(sqlite3_str_finish(text));
  return rc;
}

int seal_audit_write(Seal *p, const SealEvent *event) {
  assert(event->actor != NULL && event->action != NULL && event->object != NULL);
  SealTxn *txn = seal_txn(p);
  unsigned char hash[SEAL_SHA256_SIZE];
  int64_t number = 0, seq = 0, written = seal_host_clock(p);
  int rc = seal_transaction_number(p, &number);
  if (rc == SQLITE_OK) rc = seal_audit_next(p, &seq);
  if (rc == SQLITE_OK) rc = audit_hash(p, txn->audit_hash, seq, written, event, hash);
  if (rc != SQLITE_OK) return rc;
  rc = seal_store_run(seal_store(p), SQL_AUDIT_INSERT, "iittttttbi", seq, event->time, event->actor,
                      event->action, event->object, event->outcome, event->cause, event->detail,
                      hash, SEAL_SHA256_SIZE, written);
  if (rc == SQLITE_OK) {
    txn->audit_seq = seq;
    memcpy(txn->audit_hash, hash, SEAL_SHA256_SIZE);
  }
  return rc;
}

int seal_audit_traced(Seal *p, const SealEvent *event, const char *traceparent) {
  const char *detail = event->detail;
  if (traceparent == NULL || traceparent[0] == 0) return seal_audit_write(p, event);
  char *traced = detail ? sqlite3_mprintf("%.*s,\"traceparent\":\"%s\"}", (int)strlen(detail) - 1,
                                          detail, traceparent)
                        : sqlite3_mprintf("{\"traceparent\":\"%s\"}", traceparent);
  SealEvent whole = *event;
  whole.detail = traced;
  int rc = traced ? seal_audit_write(p, &whole) : SQLITE_NOMEM;
  sqlite3_free(traced);
  return rc;
}

int seal_refusal_note(Seal *p, int64_t time, const char *cause, int64_t n, int *audited) {
  sqlite3_stmt *row;
  int64_t second = time % 60;
  int64_t minute = time - (second < 0 ? second + 60 : second);
  int rc = seal_store_row(seal_store(p), SQL_REFUSAL_AUDITED, &row, "i", minute);
  *audited =
      rc == SQLITE_ROW && sqlite3_column_int64(row, REFUSAL_AUDITED_N) < SEAL_REFUSALS_AUDITED;
  seal_store_reset(row);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  return seal_store_run(seal_store(p), SQL_REFUSAL_ADD, "itii", minute, cause, *audited ? 0 : n,
                        (int64_t)*audited);
}

int seal_refusal_count(Seal *p, const char *cause, int64_t n) {
  return seal_store_run(seal_store(p), SQL_REFUSAL_COUNT, "ti", cause, n);
}

int seal_change_write(Seal *p, int64_t time, const char *seal_service, const char *object,
                      const char *operation) {
  assert(object != NULL);
  int rc = seal_audit_head(p);
  if (rc != SQLITE_OK) return rc;
  return seal_store_run(seal_store(p), SQL_CHANGE_INSERT, "itttb", time, seal_service, object,
                        operation, seal_txn(p)->audit_hash, CHANGE_HASH);
}

/* 1 for what stands in a segment of a path as it is: pchar of RFC 3986 3.3. */
static int is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != 0 && strchr("-._~!$&'()*+,;=:@", c) != NULL);
}

void seal_name_append(sqlite3_str *out, SealText part) {
  for (int i = 0; i < part.n;) {
    int n = 0;
    while (i + n < part.n && is_plain(part.p[i + n])) n++;
    sqlite3_str_append(out, part.p + i, n);
    i += n;
    if (i < part.n) sqlite3_str_appendf(out, "%%%02X", (unsigned char)part.p[i++]);
  }
}

char *seal_object_name(const char *prefix, const char *id) {
  sqlite3_str *out = sqlite3_str_new(NULL);
  sqlite3_str_appendf(out, "%s", prefix);
  seal_name_append(out, seal_text_from(id));
  int rc = sqlite3_str_errcode(out);
  char *text = sqlite3_str_finish(out);
  return text == NULL && rc == SQLITE_OK ? sqlite3_mprintf("") : text;
}

char *seal_configuration_name(SealText val_server_id, SealText conf_id) {
  sqlite3_str *out = sqlite3_str_new(NULL);
  sqlite3_str_appendall(out, "seal_configuration:");
  seal_name_append(out, val_server_id);
  sqlite3_str_appendchar(out, 1, '/');
  seal_name_append(out, conf_id);
  return sqlite3_str_finish(out);
}
