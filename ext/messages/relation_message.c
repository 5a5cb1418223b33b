/* seal_message: INSERT handles a message of the 3GPP face, SELECT reads its answer.
**
**    INSERT INTO seal_message(message_id, request) VALUES ('m-1', readfile('request.json'));
**    INSERT INTO seal_message(message_id, method, uri, authorization, content_type, body) VALUES (?, ?, ?, ?, ?, ?);
**    SELECT status, response FROM seal_message WHERE message_id = 'm-1';
**
** On the connection that handled it a message id shows one row: the last INSERT under it, from the connection's
** memory. Elsewhere it shows what is stored, a row for each requester who has used it; so it does here for what a
** repetition was answered, for an answer that holds a secret, and for what memory has no room for any more.
*/
#include "messages/messages.h"
#include "tables/relation/relation.h"
#include "tables/results.h"

#include <string.h>

/* The columns that a request in parts has. */
static const int part_columns[SEAL_PARTS] = {
    [SEAL_METHOD] = MESSAGE_METHOD,
    [SEAL_REQUEST_URI] = MESSAGE_URI,
    [SEAL_AUTHORIZATION] = MESSAGE_AUTHORIZATION,
    [SEAL_CLIENT_CERTIFICATE] = MESSAGE_CLIENT_CERTIFICATE,
    [SEAL_CONTENT_TYPE] = MESSAGE_CONTENT_TYPE,
    [SEAL_ACCEPT] = MESSAGE_ACCEPT,
    [SEAL_TRACEPARENT] = MESSAGE_TRACEPARENT,
};

/* A value where it lies; p of NULL: none is given. */
static int cell_text(const SealRow *row, int i, SealText *out) {
  *out = (SealText){NULL, 0};
  if (row->cells[i].form != SEAL_CELL_VALUE) return SQLITE_OK;
  *out = seal_value_bytes(row->cells[i].value);
  return out->p ? SQLITE_OK : SQLITE_NOMEM;
}

/* The request: an envelope or parts, and not both. */
static int read_given(SealRow *row, SealGiven *out) {
  int parts = 0;
  memset(out, 0, sizeof *out);
  int rc = cell_text(row, MESSAGE_REQUEST, &out->envelope);
  for (int i = 0; rc == SQLITE_OK && i < SEAL_PARTS; i++) {
    rc = cell_text(row, part_columns[i], &out->part[i]);
    parts += out->part[i].p != NULL;
  }
  if (row->cells[MESSAGE_BODY].form == SEAL_CELL_VALUE) {
    out->body = row->cells[MESSAGE_BODY].value;
    parts++;
  }
  if (rc != SQLITE_OK) return rc;
  if (out->envelope.p != NULL && parts > 0) {
    return seal_refuse(row->err, SEAL_OPTIONAL_IE_INCORRECT,
                       "seal_message: give request, or method, uri and so on, not both");
  }
  if (out->envelope.p != NULL || parts > 0) return SQLITE_OK;
  return seal_refuse(row->err, SEAL_MANDATORY_IE_MISSING,
                     "seal_message: request is needed, or method and uri");
}

static int message_insert(SealRow *row, int64_t *rowid) {
  SealOutcome out;
  SealGiven given;
  SealText message_id = seal_row_text(row, MESSAGE_MESSAGE_ID);
  int64_t seq = 0;
  int rc = read_given(row, &given);
  if (rc != SQLITE_OK) return rc;
  rc = seal_message_handle(row->p, message_id, &given, row->at, &out);
  if (rc == SQLITE_OK) {
    /* A stored secret is not kept in memory as well. */
    int forget = out.stored && out.secret;
    SealResultNew what = {
        .stored = out.stored,
        .status = out.status,
        .name = message_id,
        .argument = out.requester[0] ? seal_text_from(out.requester) : (SealText){NULL, 0},
        .text = forget ? NULL : out.response,
    };
    rc = seal_result_add(row->p, SEAL_ANSWERS, &what, &seq);
    if (rc == SQLITE_OK && !forget) out.response = NULL;
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
    sqlite3_str_appendf(out, "%s[%lld,%d,", mark, (long long)(r->stored ? r->stored : -r->seq),
                        r->status);
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

/* What this connection remembers of a message id; NULL: nothing. */
static const SealResult *remembered(Seal *p, SealText message_id) {
  const SealResult *r = seal_results(p, SEAL_ANSWERS);
  while (r != NULL && !seal_text_same(message_id, seal_text_from(r->name))) r = r->next;
  return r;
}

/* The answer that is stored, as it reads at the statement's instant. */
static void stored_answer(Seal *p, sqlite3_context *ctx, int64_t id) {
  SealError err;
  char *text;
  memset(&err, 0, sizeof err);
  int rc = seal_outcome_read(p, id, seal_function_at(p).t, &text, &err);
  if (rc != SQLITE_OK) {
    seal_column_fail(ctx, rc, &err);
  } else if (text != NULL) {
    sqlite3_result_text(ctx, text, -1, seal_secret_done);
  }
  seal_error_clear(&err);
}

static int message_column(Seal *p, sqlite3_context *ctx, sqlite3_stmt *row, int column) {
  if (column != MESSAGE_RESPONSE) return 0;
  const SealResult *r = remembered(p, seal_column_text(row, MESSAGE_MESSAGE_ID + 1));
  if (r != NULL && r->text != NULL) {
    sqlite3_result_text(ctx, r->text, -1, SQLITE_TRANSIENT);
  } else if (r == NULL || r->stored) {
    stored_answer(p, ctx, sqlite3_column_int64(row, SEAL_VIEW_ID));
  }
  return 1;
}

const SealRelation seal_relation_message = {
    .is = &seal_description_message,
    .insert_row = message_insert,
    .bind = message_bind,
    .column = message_column,
};
