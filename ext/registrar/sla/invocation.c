/* Invocations (sla.h): what limits the number of messages of a term, and what counts them.
**
** One message is one invocation of every term that it touches; so are the rows that one transaction
** inserts for one VAL server and SEAL service. Each term has one row of counters (seal_term_use):
**
**    invocations                 those that were answered; refused ones are not among them
**    bucket_time, bucket_spent   a token bucket: it holds as many tokens as the term allows in a
**                                second, and is full again a second later. As instants are whole
**                                seconds, what was spent in the last second says all of its level.
**
** Time is that of the message, and a bucket never runs backwards: a message with an earlier instant
** spends from the last second that the bucket has seen.
*/
#include "registrar/sla/sla.h"

#include <assert.h>
#include <string.h>

void seal_invocation_clear(SealInvocation *touched) {
  sqlite3_free(touched->terms);
  memset(touched, 0, sizeof *touched);
}

int seal_invocation_note(SealInvocation *touched, int64_t term, int64_t identities,
                         int64_t key_records) {
  size_t i = 0;
  assert(touched != NULL && term != 0);
  while (i < touched->n && touched->terms[i].term != term) i++;
  if (i == touched->size) {
    size_t size = touched->size ? touched->size * 2 : 8;
    SealTally *terms = sqlite3_realloc64(touched->terms, size * sizeof *terms);
    if (terms == NULL) return SQLITE_NOMEM;
    touched->terms = terms;
    touched->size = size;
  }
  if (i == touched->n) touched->terms[touched->n++] = (SealTally){term, 0, 0};
  touched->terms[i].identities += identities;
  touched->terms[i].key_records += key_records;
  return SQLITE_OK;
}

int64_t seal_bucket_level(int64_t rate, int64_t bucket_time, int64_t spent, int64_t at,
                          int64_t *retry_after) {
  int64_t left = at > bucket_time || spent < 0 ? rate : rate - spent;
  *retry_after = 0;
  if (left > 0) return left;
  *retry_after = rate == 0 ? SEAL_RETRY_NEVER : bucket_time + 1 - at;
  if (*retry_after > SEAL_RETRY_NEVER) *retry_after = SEAL_RETRY_NEVER;
  return 0;
}

/* The term that a message without VAL services is an invocation of. */
static int note_any_term(Seal *p, SealInvocation *touched, int64_t val_server,
                         const char *seal_service, int64_t at) {
  sqlite3_stmt *row;
  int64_t term = 0;
  int rc = seal_store_row(seal_store(p), SQL_AUTHORIZE_TERM_ANY, &row, "iti", val_server,
                          seal_service, at);
  if (rc == SQLITE_ROW) term = sqlite3_column_int64(row, AUTHORIZE_TERM_ANY_TERM);
  seal_store_reset(row);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return rc;
  return term ? seal_invocation_note(touched, term, 0, 0) : SQLITE_OK;
}

int seal_invocation_refused(Seal *p, SealInvocation *touched, int64_t val_server,
                            const char *seal_service, int64_t at) {
  int rc = SQLITE_OK;
  if (val_server == 0 || seal_service == NULL) return SQLITE_OK;
  if (touched->n == 0) rc = note_any_term(p, touched, val_server, seal_service, at);
  for (size_t i = 0; rc == SQLITE_OK && i < touched->n; i++) {
    rc = seal_store_run(seal_store(p), SQL_TERM_USE_REFUSE, "ii", touched->terms[i].term, at);
  }
  return rc;
}
