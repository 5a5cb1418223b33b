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
** Time is that of the message: whatever second it is of, a bucket of another one is full. So a clock that went ahead, or
** an `at`, locks nobody out until then. The token endpoint is no invocation: it has a bucket of its own for each VAL
** server (seal_val_server_rate), and nothing that counts.
*/
#include "registrar/sla/sla.h"

#include <assert.h>
#include <string.h>

void seal_invocation_clear(SealInvocation *touched) {
  sqlite3_free(touched->terms);
  sqlite3_free(touched->places);
  seal_names_clear(&touched->names);
  memset(touched, 0, sizeof *touched);
}

/* Where a term is to be looked for, and stands, or may be put: a message may touch as many as it has VAL services. */
static uint32_t *place_of(const SealInvocation *touched, int64_t term) {
  size_t mask = 2 * touched->size - 1;
  size_t i = (size_t)((uint64_t)term * 0x9e3779b97f4a7c15u >> 32) & mask;
  while (touched->places[i] != 0 && touched->terms[touched->places[i] - 1].term != term) {
    i = (i + 1) & mask;
  }
  return &touched->places[i];
}

/* Makes room for one term more; `size` is a power of two. */
static int reserve(SealInvocation *touched) {
  if (touched->n < touched->size) return SQLITE_OK;
  size_t size = touched->size ? touched->size * 2 : 8;
  SealTally *terms = sqlite3_realloc64(touched->terms, size * sizeof *terms);
  if (terms == NULL) return SQLITE_NOMEM;
  touched->terms = terms;
  uint32_t *places = sqlite3_realloc64(touched->places, 2 * size * sizeof *places);
  if (places == NULL) return SQLITE_NOMEM;
  memset(places, 0, 2 * size * sizeof *places);
  touched->places = places;
  touched->size = size;
  for (size_t i = 0; i < touched->n; i++) *place_of(touched, terms[i].term) = (uint32_t)i + 1;
  return SQLITE_OK;
}

const SealTally *seal_invocation_of(const SealInvocation *touched, int64_t term) {
  if (touched == NULL || touched->n == 0) return NULL;
  uint32_t place = *place_of(touched, term);
  return place ? &touched->terms[place - 1] : NULL;
}

int seal_invocation_note(SealInvocation *touched, int64_t term, int64_t identities,
                         int64_t key_records) {
  assert(touched != NULL);
  if (term == 0) return SQLITE_CORRUPT_VTAB; /* as stored: no term has that row id */
  int rc = reserve(touched);
  if (rc != SQLITE_OK) return rc;
  uint32_t *place = place_of(touched, term);
  if (*place == 0) {
    touched->terms[touched->n++] = (SealTally){term, 0, 0};
    *place = (uint32_t)touched->n;
  }
  touched->terms[*place - 1].identities += identities;
  touched->terms[*place - 1].key_records += key_records;
  return SQLITE_OK;
}

int seal_invocation_of_service(SealInvocation *touched, int64_t term, SealText val_service_id,
                               int64_t identities, int64_t key_records) {
  int first = seal_invocation_of(touched, term) == NULL;
  int rc = seal_invocation_note(touched, term, identities, key_records);
  return rc == SQLITE_OK ? seal_names_add(&touched->names, term, val_service_id, first) : rc;
}

int64_t seal_bucket_level(int64_t rate, int64_t bucket_time, int64_t spent, int64_t at,
                          int64_t *retry_after) {
  int64_t left = at != bucket_time || spent < 0 ? rate : rate - spent;
  *retry_after = 0;
  if (left > 0) return left;
  *retry_after = rate == 0 ? SEAL_RETRY_NEVER : 1;
  return 0;
}

int seal_token_rate(Seal *p, int64_t val_server, int64_t at, SealError *err) {
  sqlite3_stmt *row;
  int64_t retry_after = 0, left = SEAL_TOKEN_RATE;
  int rc = seal_store_row(seal_store(p), SQL_TOKEN_RATE, &row, "i", val_server);
  if (rc == SQLITE_ROW) {
    left = seal_bucket_level(SEAL_TOKEN_RATE, sqlite3_column_int64(row, TOKEN_RATE_BUCKET_TIME),
                             sqlite3_column_int64(row, TOKEN_RATE_BUCKET_SPENT), at, &retry_after);
  }
  seal_store_reset(row);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return rc;
  if (left > 0) return SQLITE_OK;
  err->retry_after = retry_after;
  return seal_refuse(err, SEAL_SLA_RATE_EXCEEDED, "%d token requests in a second are allowed",
                     SEAL_TOKEN_RATE);
}

int seal_token_rate_take(Seal *p, int64_t val_server, int64_t at) {
  return seal_store_run(seal_store(p), SQL_TOKEN_RATE_TAKE, "ii", val_server, at);
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
  if (val_server == 0) return SQLITE_OK;
  if (seal_service == NULL) return seal_token_rate_take(p, val_server, at);
  if (touched->n == 0) rc = note_any_term(p, touched, val_server, seal_service, at);
  for (size_t i = 0; rc == SQLITE_OK && i < touched->n; i++) {
    rc = seal_store_run(seal_store(p), SQL_TERM_USE_REFUSE, "ii", touched->terms[i].term, at);
  }
  return rc;
}
