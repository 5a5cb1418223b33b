/* What only this connection knows: the results of commands, and the answers to the messages that it handled.
**
**    rc = seal_result_add(p, SEAL_COMMANDS, &result);
**    for (const SealResult *r = seal_results(p, SEAL_COMMANDS); r != NULL; r = r->next) …
**
** Newest first; a list holds at most SEAL_RESULTS_MAX results and, but for the newest, SEAL_RESULTS_BYTES. What
** is forgotten is wiped: a result may hold a token. An answer goes when its message is rolled back.
*/
#ifndef SEAL_RESULTS_H
#define SEAL_RESULTS_H

#include "registrar/ledger/ledger.h"

#define SEAL_RESULTS_MAX   100
#define SEAL_RESULTS_BYTES (64 * 1024 * 1024)

typedef enum SealResults { SEAL_COMMANDS, SEAL_ANSWERS, SEAL_LISTS } SealResults;

typedef struct SealResult {
  struct SealResult *next;
  int64_t seq; /* its number on this connection */
  int64_t act; /* the audit chain's head then: what is taken back is above the head that is left */
  int64_t stored; /* an answer's row in storage, which has its text; 0: it is here alone */
  int status;     /* an answer's */
  char *name;     /* the command, or the message id */
  char *argument; /* the command's, or the requester; NULL: none */
  char *text;     /* NULL: none */
} SealResult;

/* The list, which the caller must not keep over a call that changes it. */
const SealResult *seal_results(Seal *p, SealResults list);
/* The result with a number, or NULL. */
const SealResult *seal_result_by_seq(Seal *p, SealResults list, int64_t seq);
/* What is to be kept. */
typedef struct SealResultNew {
  int64_t stored;
  int status;
  SealText name, argument;
  char *text; /* of sqlite3_malloc: the list's, once it is added */
} SealResultNew;
/* Adds a result, which takes the place of an answer of the same name; *seq is its number, from 1 on. With an error
** the text is still the caller's. */
int seal_result_add(Seal *p, SealResults list, const SealResultNew *what, int64_t *seq);
SealRoomDuty seal_results_duty;

#endif
