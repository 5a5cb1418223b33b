/* seal_message: INSERT handles a message of the 3GPP face, SELECT reads its answer.
**
**    INSERT INTO seal_message(message_id, request) VALUES ('m-1', readfile('request.json'));
**    SELECT status, response FROM seal_message WHERE message_id = 'm-1';
**
** The message id makes a repetition harmless: the same request again changes nothing. Of a request only
** its digest is stored. What only this connection knows is kept in memory and stands in for the stored
** answer: the answer to a GET, and the refusal of a message id for another request.
*/
#include "tables/relation.h"

#include <string.h>

#define COUNT(array) ((int)(sizeof array / sizeof *array))

enum { MESSAGE_ID, REQUEST, STATUS, RESPONSE };

static const SealColumn message_columns[] = {
    {"message_id", SEAL_KIND_ID, SEAL_COL_KEY, NULL},
    {"request", SEAL_KIND_VALUE, SEAL_COL_REQUIRED | SEAL_COL_WRITE_ONLY, NULL},
    {"status", SEAL_KIND_COUNT, SEAL_COL_READ_ONLY | SEAL_COL_VIRTUAL, NULL},
    {"response", SEAL_KIND_TEXT, SEAL_COL_READ_ONLY | SEAL_COL_VIRTUAL, NULL},
    {"at", SEAL_KIND_INSTANT, SEAL_COL_HIDDEN, NULL},
};

typedef struct Found {
  int64_t id; /* 0: the message id is new */
  int same;   /* it was the same request */
  int status;
  int answered; /* the answer is stored */
} Found;

static int message_find(Seal *p, SealText message_id, const unsigned char digest[SEAL_SHA256_SIZE],
                        Found *out) {
  sqlite3_stmt *row;
  memset(out, 0, sizeof *out);
  int rc = seal_store_row(&p->store, SQL_MESSAGE_FIND, &row, "s", &message_id);
  if (rc == SQLITE_ROW) {
    out->id = sqlite3_column_int64(row, 0);
    out->same = sqlite3_column_bytes(row, 1) == SEAL_SHA256_SIZE &&
                memcmp(sqlite3_column_blob(row, 1), digest, SEAL_SHA256_SIZE) == 0;
    out->status = sqlite3_column_int(row, 2);
    out->answered = sqlite3_column_int(row, 3);
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int remember(SealRow *row, int status, const char *response) {
  SealText none = {NULL, 0}, message_id = seal_row_text(row, MESSAGE_ID);
  seal_answer_remove(&row->p->answers, message_id);
  return seal_result_add(&row->p->answers, 0, status, message_id, none, response);
}

/* The same message again: nothing happens, and the first answer stands. An answer that no one stored
** (a GET's) is read again. */
static int message_again(SealRow *row, const Found *found) {
  Seal *p = row->p;
  char *response = NULL;
  int status;
  SealKept kept;
  SealText message_id = seal_row_text(row, MESSAGE_ID);
  const SealResult *kept_answer = seal_answer_find(p->answers, message_id);
  if (kept_answer != NULL && kept_answer->status == found->status) return SQLITE_OK;
  seal_answer_remove(&p->answers, message_id);
  if (found->answered) return SQLITE_OK;
  p->repeats = 1;
  int rc = p->messages->handle(p, seal_row_text(row, MESSAGE_ID), seal_row_text(row, REQUEST),
                               row->at, &status, &response, &kept);
  p->repeats = 0;
  if (rc == SQLITE_OK) rc = remember(row, status, response);
  sqlite3_free(response);
  return rc;
}

static int message_reused(SealRow *row, int64_t at) {
  char *response = NULL;
  int rc = row->p->messages->reused(row->p, seal_row_text(row, MESSAGE_ID), at, &response);
  if (rc == SQLITE_OK) rc = remember(row, 409, response);
  sqlite3_free(response);
  return rc;
}

/* Stores what is to be stored of a message. */
static int message_store(SealRow *row, const unsigned char digest[SEAL_SHA256_SIZE], int64_t at,
                         int status, const char *response, SealKept kept) {
  Seal *p = row->p;
  SealText message_id = seal_row_text(row, MESSAGE_ID);
  SealText text = {kept == SEAL_KEPT_STORED ? response : NULL, (int)strlen(response)};
  void *sealed = NULL;
  int n = 0;
  int rc = SQLITE_OK;
  if (kept == SEAL_KEPT_SEALED) {
    rc = seal_answer_seal(p, message_id, response, &sealed, &n, row->err);
  }
  if (rc == SQLITE_OK && sealed != NULL) {
    rc = seal_store_run(&p->store, SQL_MESSAGE_INSERT, "sbiib", &message_id, digest,
                        SEAL_SHA256_SIZE, at, (int64_t)status, sealed, n);
  } else if (rc == SQLITE_OK) {
    rc = seal_store_run(&p->store, SQL_MESSAGE_INSERT, "sbiis", &message_id, digest,
                        SEAL_SHA256_SIZE, at, (int64_t)status, &text);
  }
  sqlite3_free(sealed);
  return rc;
}

static int message_first(SealRow *row, const unsigned char digest[SEAL_SHA256_SIZE], int64_t at,
                         int64_t *rowid) {
  Seal *p = row->p;
  char *response = NULL;
  int status;
  SealKept kept;
  int rc = p->messages->handle(p, seal_row_text(row, MESSAGE_ID), seal_row_text(row, REQUEST),
                               row->at, &status, &response, &kept);
  if (rc == SQLITE_OK) rc = message_store(row, digest, at, status, response, kept);
  if (rc == SQLITE_OK) {
    *rowid = sqlite3_last_insert_rowid(p->store.db);
    if (kept == SEAL_KEPT_MEMORY) rc = remember(row, status, response);
  }
  seal_secret_free(response, response ? (int)strlen(response) : 0);
  return rc;
}

static int message_insert(SealRow *row, int64_t *rowid) {
  unsigned char digest[SEAL_SHA256_SIZE];
  Found found;
  int64_t at = seal_at(row->p, row->at);
  SealText request = seal_row_text(row, REQUEST);
  if (request.p == NULL) return SQLITE_NOMEM;
  SealReason reason = seal_sha256(row->p->crypto, request.p, (size_t)request.n, digest);
  if (reason != SEAL_VALID) return reason == SEAL_NOMEM ? SQLITE_NOMEM : SQLITE_ERROR;
  int rc = seal_settle(row->p);
  if (rc == SQLITE_OK) rc = message_find(row->p, seal_row_text(row, MESSAGE_ID), digest, &found);
  if (rc != SQLITE_OK) return rc;
  *rowid = found.id;
  if (found.id == 0) return message_first(row, digest, at, rowid);
  return found.same ? message_again(row, &found) : message_reused(row, at);
}

/* An answer that holds a token or a key. */
static void open_answer(Seal *p, sqlite3_context *ctx, sqlite3_stmt *row) {
  SealError err;
  void *text = NULL;
  int n = 0;
  memset(&err, 0, sizeof err);
  SealText message_id = seal_column_text(row, MESSAGE_ID + 1);
  int rc = seal_answer_open(p, sqlite3_column_int64(row, 0), message_id,
                            sqlite3_column_blob(row, RESPONSE + 1),
                            sqlite3_column_bytes(row, RESPONSE + 1), &text, &n, &err);
  if (rc == SQLITE_OK) {
    sqlite3_result_text(ctx, text, n, seal_secret_done);
  } else {
    seal_column_fail(ctx, rc, &err);
  }
  seal_error_clear(&err);
}

/* What this connection remembers stands in for what is stored. */
static int message_column(Seal *p, sqlite3_context *ctx, sqlite3_stmt *row, int column) {
  if (column != STATUS && column != RESPONSE) return 0;
  const SealResult *r = seal_answer_find(p->answers, seal_column_text(row, MESSAGE_ID + 1));
  if (r != NULL) {
    if (column == STATUS) {
      sqlite3_result_int(ctx, r->status);
    } else {
      sqlite3_result_text(ctx, r->result, -1, SQLITE_TRANSIENT);
    }
    return 1;
  }
  if (column == STATUS || sqlite3_column_type(row, RESPONSE + 1) != SQLITE_BLOB) return 0;
  open_answer(p, ctx, row);
  return 1;
}

const SealRelation seal_relation_message = {
    .name = "message",
    .columns = message_columns,
    .n_columns = COUNT(message_columns),
    .create = SQL_CREATE_MESSAGE,
    .drop = SQL_DROP_MESSAGE,
    .view = SQL_VIEW_MESSAGE,
    .view_all = SQL_VIEW_MESSAGE,
    .find = SEAL_NO_SQL,
    .insert = SEAL_NO_SQL,
    .update = SEAL_NO_SQL,
    .in_use = SEAL_NO_SQL,
    .insert_row = message_insert,
    .column = message_column,
};
