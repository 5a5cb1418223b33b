/* Idempotency (messages.h): a message_id is its requester's, and what came of it is kept for 24 hours, if it changed
** something.
**
**    digest, status, headers   always
**    body                      of at most SEAL_KEPT_BODY_MAX bytes; one that holds a token or a key, sealed
**    conf_id                   of a larger body: the configuration that it shows, read again when it is asked for
**
** A repetition is judged as far as it goes: who asks, and that his token was used for nothing else. It changes
** nothing, and uses up no token.
*/
#include "messages/api.h"

#include <assert.h>
#include <string.h>

static void append_part(sqlite3_str *out, const char *p, size_t n) {
  sqlite3_str_appendf(out, "%d:", (int)n);
  sqlite3_str_append(out, p, (int)n);
}

/* The body's part of the digest: its bytes, or, where it brings the credential, what is asked beside that. */
static SealReason digest_body(Seal *p, const SealRequest *request, const char *const *asked,
                              unsigned char out[SEAL_SHA256_SIZE]) {
  SealText text = request->body_text;
  sqlite3_str *members = sqlite3_str_new(NULL);
  for (; asked != NULL && *asked != NULL; asked++) {
    SealText value = seal_json_member(request->body, *asked);
    append_part(members, *asked, strlen(*asked));
    append_part(members, value.p ? value.p : "", (size_t)value.n);
    text = (SealText){sqlite3_str_value(members), sqlite3_str_length(members)};
  }
  SealReason reason = sqlite3_str_errcode(members) != SQLITE_OK
                          ? SEAL_NOMEM
                          : seal_sha256(seal_crypto(p), text.p ? text.p : "", (size_t)text.n, out);
  sqlite3_free(sqlite3_str_finish(members));
  return reason;
}

int seal_outcome_digest(Seal *p, SealRequest *request, const char *const *asked) {
  const char *type = request->content_type ? request->content_type : "";
  const char *who =
      request->who.seal_server ? request->who.seal_server_id : request->who.val_server_id;
  unsigned char body[SEAL_SHA256_SIZE];
  sqlite3_str *out = sqlite3_str_new(NULL);
  SealReason reason = digest_body(p, request, asked, body);
  append_part(out, request->method, strlen(request->method));
  append_part(out, request->uri, strlen(request->uri));
  append_part(out, type, strlen(type));
  append_part(out, (const char *)body, sizeof body);
  int rc = sqlite3_str_errcode(out);
  if (rc == SQLITE_OK && reason == SEAL_VALID) {
    reason = seal_sha256(seal_crypto(p), sqlite3_str_value(out), (size_t)sqlite3_str_length(out),
                         request->digest);
    append_part(out, who, strlen(who));
    append_part(out, request->message_id.p, (size_t)request->message_id.n);
    rc = sqlite3_str_errcode(out);
  }
  if (rc == SQLITE_OK && reason == SEAL_VALID) {
    reason = seal_sha256(seal_crypto(p), sqlite3_str_value(out), (size_t)sqlite3_str_length(out),
                         request->use);
  }
  sqlite3_free(sqlite3_str_finish(out));
  return rc == SQLITE_OK ? seal_reason_rc(reason) : rc;
}

int seal_outcome_find(Seal *p, const SealRequest *request, SealOutcome *out, SealError *err) {
  sqlite3_stmt *row;
  char quoted[SEAL_QUOTE_MAX + 8];
  int rc = seal_store_row(seal_store(p), SQL_MESSAGE_FIND, &row, "sii", &request->message_id,
                          request->who.val_server, request->at.t - SEAL_ANSWER_KEPT);
  if (rc == SQLITE_DONE) return SQLITE_OK;
  if (rc != SQLITE_ROW) return rc;
  int same =
      sqlite3_column_bytes(row, MESSAGE_FIND_DIGEST) == SEAL_SHA256_SIZE &&
      memcmp(sqlite3_column_blob(row, MESSAGE_FIND_DIGEST), request->digest, SEAL_SHA256_SIZE) == 0;
  int64_t id = sqlite3_column_int64(row, MESSAGE_FIND_ID);
  int status = sqlite3_column_int(row, MESSAGE_FIND_STATUS);
  seal_store_reset(row);
  if (!same) {
    return seal_refuse(err, SEAL_MESSAGE_ID_REUSED, "message \"%s\" was another request",
                       seal_quote(request->message_id, quoted));
  }
  rc = seal_use_check(p, &request->who, (SealTokenUse){request->use, 1}, err);
  if (rc != SQLITE_OK) return rc;
  out->stored = id;
  out->status = status;
  return SQLITE_DONE;
}

int seal_outcome_keep(Seal *p, const SealRequest *request, const SealAnswer *answer,
                      const char *headers, SealOutcome *out, SealError *err) {
  assert(!request->reads && headers != NULL);
  void *sealed = NULL;
  int n = 0, rc = SQLITE_OK, again = 0;
  SealText body = seal_text_from(answer->body);
  if (answer->secret) {
    char *name = seal_answer_name(request->who.val_server, request->message_id);
    rc = name ? seal_answer_seal(p, seal_text_from(name), answer->body, &sealed, &n, err)
              : SQLITE_NOMEM;
    sqlite3_free(name);
  } else if (body.n > SEAL_KEPT_BODY_MAX) {
    body = (SealText){NULL, 0};
    again = 1;
  }
  if (rc == SQLITE_OK && sealed != NULL) {
    rc = seal_store_run(seal_store(p), SQL_MESSAGE_INSERT, "sibiitbt", &request->message_id,
                        request->who.val_server, request->digest, SEAL_SHA256_SIZE, request->at.t,
                        (int64_t)answer->status, headers, sealed, n, (const char *)NULL);
  } else if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_MESSAGE_INSERT, "sibiitst", &request->message_id,
                        request->who.val_server, request->digest, SEAL_SHA256_SIZE, request->at.t,
                        (int64_t)answer->status, headers, &body, again ? answer->conf_id : NULL);
  }
  sqlite3_free(sealed);
  if (rc == SQLITE_OK) out->stored = sqlite3_last_insert_rowid(seal_db(p));
  return rc;
}

char *seal_answer_text(int status, const char *headers, SealText body) {
  sqlite3_str *out = sqlite3_str_new(NULL);
  sqlite3_str_appendf(out, "{\"status\":%d,\"headers\":%s", status, headers);
  if (body.p != NULL) {
    sqlite3_str_appendall(out, ",\"body\":");
    sqlite3_str_append(out, body.p, body.n);
  }
  sqlite3_str_appendchar(out, 1, '}');
  if (sqlite3_str_errcode(out) == SQLITE_OK) return sqlite3_str_finish(out);
  sqlite3_free(sqlite3_str_finish(out));
  return NULL;
}

/* The body that a row keeps (columns of message_kept); *secret is 1 where it was sealed. */
static int kept_body(Seal *p, sqlite3_stmt *row, int64_t id, char **body, int *n, int *secret,
                     SealError *err) {
  SealText message_id = seal_column_text(row, MESSAGE_KEPT_MESSAGE_ID);
  int type = sqlite3_column_type(row, MESSAGE_KEPT_BODY), rc = SQLITE_OK;
  if (type == SQLITE_BLOB) {
    void *plain = NULL;
    char *name = seal_answer_name(sqlite3_column_int64(row, MESSAGE_KEPT_VAL_SERVER), message_id);
    rc = name ? seal_answer_open(p, id, seal_text_from(name),
                                 sqlite3_column_blob(row, MESSAGE_KEPT_BODY),
                                 sqlite3_column_bytes(row, MESSAGE_KEPT_BODY), &plain, n, err)
              : SQLITE_NOMEM;
    sqlite3_free(name);
    *body = plain;
    *secret = 1;
  } else if (type != SQLITE_NULL) {
    SealText text = seal_column_text(row, MESSAGE_KEPT_BODY);
    *body = text.p ? sqlite3_mprintf("%.*s", text.n, text.p) : NULL;
    *n = text.n;
    if (*body == NULL) rc = SQLITE_NOMEM;
  } else if (sqlite3_column_type(row, MESSAGE_KEPT_CONFIGURATION) != SQLITE_NULL) {
    rc = seal_configuration_text(p, sqlite3_column_int64(row, MESSAGE_KEPT_CONFIGURATION), body);
    if (*body != NULL) *n = (int)strlen(*body);
  }
  return rc;
}

int seal_outcome_read(Seal *p, int64_t id, int64_t at, char **response, SealError *err) {
  sqlite3_stmt *row;
  char *body = NULL;
  int n = 0, secret = 0;
  *response = NULL;
  int rc = seal_store_row(seal_store(p), SQL_MESSAGE_KEPT, &row, "ii", at, id);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_OK : rc;
  rc = kept_body(p, row, id, &body, &n, &secret, err);
  if (rc == SQLITE_OK) {
    SealText headers = seal_column_text(row, MESSAGE_KEPT_HEADERS);
    *response = headers.p ? seal_answer_text(sqlite3_column_int(row, MESSAGE_KEPT_STATUS),
                                             headers.p, (SealText){body, n})
                          : NULL;
    if (*response == NULL) rc = SQLITE_NOMEM;
  }
  seal_store_reset(row);
  if (secret) {
    seal_secret_free(body, n);
  } else {
    sqlite3_free(body);
  }
  return rc;
}
