/* seal_message: INSERT handles a message of the 3GPP face, SELECT reads its answer.
**
**    INSERT INTO seal_message(message_id, request) VALUES ('m-1', readfile('request.json'));
**    SELECT status, response FROM seal_message WHERE message_id = 'm-1';
**
** On the connection that handled it a message id shows one row: the last INSERT under it, from the connection's
** memory, which has the text where storage does not (a GET's answer, a refusal). Elsewhere it shows what is
** stored, a row for each requester who has used it. Of a request only its digest is stored.
*/
#include "messages/messages.h"
#include "tables/relation/relation.h"
#include "tables/results.h"

#include <string.h>

static int message_insert(SealRow *row, int64_t *rowid) {
  SealOutcome out;
  SealText request = seal_row_text(row, MESSAGE_REQUEST);
  int64_t seq = 0;
  if (request.p == NULL) return SQLITE_NOMEM;
  int rc =
      seal_message_handle(row->p, seal_row_text(row, MESSAGE_MESSAGE_ID), request, row->at, &out);
  if (rc == SQLITE_OK) {
    SealResultNew what = {
        .stored = out.stored,
        .status = out.status,
        .name = seal_row_text(row, MESSAGE_MESSAGE_ID),
        .argument = out.requester[0] ? seal_text_from(out.requester) : (SealText){NULL, 0},
        .text = out.stored ? NULL : out.response,
    };
    rc = seal_result_add(row->p, SEAL_ANSWERS, &what, &seq);
  }
  /* What is in memory alone has a number of its own. */
  *rowid = out.stored ? out.stored : -seq;
  seal_secret_free(out.response, out.response ? (int)strlen(out.response) : 0);
  return rc;
}

/* Binds what this connection remembers, without its texts: what is bound shows in a trace. */
static int message_bind(Seal *p, sqlite3_stmt *view, SealText name) {
  sqlite3_str *out = sqlite3_str_new(NULL);
  const char *mark = "[";
  for (const SealResult *r = seal_results(p, SEAL_ANSWERS); r != NULL; r = r->next) {
    if (name.p != NULL && !seal_text_same(name, seal_text_from(r->name))) continue;
    sqlite3_str_appendf(out, "%s[%lld,%lld,%d,", mark, (long long)(r->stored ? r->stored : -r->seq),
                        (long long)r->stored, r->status);
    seal_json_append(out, r->name, strlen(r->name));
    sqlite3_str_appendchar(out, 1, ',');
    if (r->argument != NULL) seal_json_append(out, r->argument, strlen(r->argument));
    if (r->argument == NULL) sqlite3_str_appendall(out, "null");
    sqlite3_str_appendchar(out, 1, ']');
    mark = ",";
  }
  sqlite3_str_appendall(out, mark[0] == '[' ? "[]" : "]");
  char *text = sqlite3_str_finish(out);
  return text ? sqlite3_bind_text(view, 2, text, -1, sqlite3_free) : SQLITE_NOMEM;
}

/* What an answer is sealed to: whose it is, and under which id. */
static char *answer_name(sqlite3_stmt *row) {
  SealText requester = seal_column_text(row, MESSAGE_REQUESTER + 1);
  SealText message_id = seal_column_text(row, MESSAGE_MESSAGE_ID + 1);
  return seal_answer_name(requester, message_id);
}

/* An answer that holds a token or a key. */
static void open_answer(Seal *p, sqlite3_context *ctx, sqlite3_stmt *row) {
  SealError err;
  void *text = NULL;
  int n = 0;
  memset(&err, 0, sizeof err);
  char *name = answer_name(row);
  int rc = name == NULL
               ? SQLITE_NOMEM
               : seal_answer_open(p, sqlite3_column_int64(row, SEAL_VIEW_ID), seal_text_from(name),
                                  sqlite3_column_blob(row, MESSAGE_RESPONSE + 1),
                                  sqlite3_column_bytes(row, MESSAGE_RESPONSE + 1), &text, &n, &err);
  if (rc == SQLITE_OK) {
    sqlite3_result_text(ctx, text, n, seal_secret_done);
  } else {
    seal_column_fail(ctx, rc, &err);
  }
  sqlite3_free(name);
  seal_error_clear(&err);
}

static int message_column(Seal *p, sqlite3_context *ctx, sqlite3_stmt *row, int column) {
  int64_t id = sqlite3_column_int64(row, SEAL_VIEW_ID);
  if (column != MESSAGE_RESPONSE) return 0;
  if (id < 0) {
    const SealResult *r = seal_result_by_seq(p, SEAL_ANSWERS, -id);
    if (r != NULL && r->text != NULL) sqlite3_result_text(ctx, r->text, -1, SQLITE_TRANSIENT);
    return 1;
  }
  if (sqlite3_column_type(row, MESSAGE_RESPONSE + 1) != SQLITE_BLOB) return 0;
  open_answer(p, ctx, row);
  return 1;
}

const SealRelation seal_relation_message = {
    .is = &seal_description_message,
    .insert_row = message_insert,
    .bind = message_bind,
    .column = message_column,
};
