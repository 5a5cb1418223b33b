/* Invocations (registrar.h): what limits the number of messages of a term, and what counts them.
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
#include "registrar/internal.h"

#include <assert.h>
#include <string.h>

void seal_invocation_begin(Seal *p) {
  p->invocation.n = 0;
}

void seal_invocation_free(Seal *p) {
  sqlite3_free(p->invocation.terms);
  memset(&p->invocation, 0, sizeof p->invocation);
}

int seal_invocation_note(Seal *p, int64_t term, int64_t identities, int64_t key_records) {
  SealInvocation *all = &p->invocation;
  size_t i = 0;
  while (i < all->n && all->terms[i].term != term) i++;
  if (i == all->size) {
    size_t size = all->size ? all->size * 2 : 8;
    SealTally *terms = sqlite3_realloc64(all->terms, size * sizeof *terms);
    if (terms == NULL) return SQLITE_NOMEM;
    all->terms = terms;
    all->size = size;
  }
  if (i == all->n) all->terms[all->n++] = (SealTally){term, 0, 0};
  all->terms[i].identities += identities;
  all->terms[i].key_records += key_records;
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

int seal_invocation_count(Seal *p, int64_t term, int64_t at) {
  return seal_store_run(&p->store, SQL_TERM_USE_INVOKE, "ii", term, at);
}

/* The term that a message without VAL services is an invocation of. */
static int note_any_term(Seal *p, int64_t val_server, const char *seal_service, int64_t at) {
  sqlite3_stmt *row;
  int64_t term = 0;
  int rc =
      seal_store_row(&p->store, SQL_AUTHORIZE_TERM_ANY, &row, "iti", val_server, seal_service, at);
  if (rc == SQLITE_ROW) term = sqlite3_column_int64(row, 0);
  seal_store_reset(row);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return rc;
  return term ? seal_invocation_note(p, term, 0, 0) : SQLITE_OK;
}

int seal_invocation_refused(Seal *p, int64_t val_server, const char *seal_service, int64_t at) {
  int rc = SQLITE_OK;
  if (val_server == 0 || seal_service == NULL) return SQLITE_OK;
  if (p->invocation.n == 0) rc = note_any_term(p, val_server, seal_service, at);
  for (size_t i = 0; rc == SQLITE_OK && i < p->invocation.n; i++) {
    rc = seal_store_run(&p->store, SQL_TERM_USE_REFUSE, "ii", p->invocation.terms[i].term, at);
  }
  seal_invocation_begin(p);
  return rc;
}
