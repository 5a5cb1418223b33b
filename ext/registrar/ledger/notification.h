/* What VAL servers are to be told: one row of seal_notification for each cause and VAL server, in the transaction that
** makes it so.
**
**    rc = seal_notify_status(p, SEAL_AGREEMENT, id, "suspended", at);     all VAL servers of it, by one statement
**    rc = seal_notice(p, at, &made);                                     what comes by time
**
** Nothing is written for a VAL server without a notification_destination, nor at a SEAL server. May rely on: SealTxn,
** for the transaction's number. Who calls: whoever has written what is told, within the same write; delivery is
** another's, who reads the relation.
*/
#ifndef SEAL_NOTIFICATION_H
#define SEAL_NOTIFICATION_H

#include "registrar/ledger/ledger.h"

#define SEAL_NOTICES_MAX       16           /* leads of seal_registrar.notice_before */
#define SEAL_NOTICE_LEAD       315360000    /* seconds that one of them may be: ten years */
#define SEAL_NOTICE_LATE       (30 * 86400) /* what ended so many seconds ago is told no more */
#define SEAL_NOTIFICATION_DEAD 86400 /* seconds after which what was tried in vain is given up */

/************************************************************************************************
** What the operator does.
*/
/* An agreement or a VAL server is suspended, active again, or terminated: `status` is the word. Before a DELETE:
** "terminated". */
int seal_notify_status(Seal *p, SealParent kind, int64_t id, const char *status, int64_t at);
/* An agreement, a VAL server or a term ends at another instant: whoever holds what it ends is told. After it is
** stored. */
int seal_notify_end(Seal *p, SealParent kind, int64_t id, int64_t before, int64_t end, int64_t at);
/* The operator gives a configuration another end of its own (`at`: it goes). Before that is stored. What one
** transaction does at one instant to several configurations of a VAL server is told once. */
int seal_notify_configuration(Seal *p, int64_t configuration, int64_t until, int64_t at);
/* A credential, by its row id, is revoked or goes: before it does. */
int seal_notify_revoked(Seal *p, int64_t credential, int64_t at);
/* A VAL server has another destination (not NULL): what was not delivered yet goes there. */
int seal_notify_follow(Seal *p, int64_t val_server, SealText destination);

/************************************************************************************************
** How much of a term's limit is held.
*/
enum { SEAL_LEVEL_NEAR = 1, SEAL_LEVEL_REACHED = 2 }; /* 90 %, and all of it */
typedef struct SealLevel {
  int64_t limit;    /* SEAL_UNBOUNDED: there is none */
  int64_t held;     /* under the term, before the act or, where that is said, after it */
  unsigned crossed; /* the levels that the act brings it to, from below */
} SealLevel;
/* The levels that lie above `before` and not above `after`. */
unsigned seal_level_crossed(int64_t limit, int64_t before, int64_t after);
/* Tells the VAL server whose act crossed a level: level->held is after it. Nothing where none was crossed. */
int seal_notify_level(Seal *p, int64_t val_server, int64_t term, const char *what,
                      const SealLevel *level, int64_t at);
/* `what` is held. */
#define SEAL_LEVEL_IDENTITIES  "identities"
#define SEAL_LEVEL_KEY_RECORDS "keyRecords"

/************************************************************************************************
** What comes by time.
*/
/* Makes the notifications of ends that are due at `at`, each once: *made is how many. Linear in the configurations
** that end soon or not long ago, and in credentials. */
int seal_notice(Seal *p, int64_t at, int64_t *made);
/* Before a configuration goes that may have ended: had nobody been told of it, all that is due is told. */
int seal_notice_gone(Seal *p, int64_t configuration, int64_t at);
/* The same of what a term takes with it. */
int seal_notice_gone_term(Seal *p, int64_t term, int64_t at);

#endif
