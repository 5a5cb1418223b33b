/* Charging records (charge.c): what seal_charge shows, and the command `charge` makes. Part of ledger.h.
**
**    rc = seal_charge_days(p, at, &made);     identity-days of every day that has ended by `at`
*/
#ifndef SEAL_CHARGE_H
#define SEAL_CHARGE_H

#include "registrar/secret/secret.h"

/* The VAL services that a message is an invocation for, in their order, each with the term that granted it. Zeroed at
** first. */
typedef struct SealNamed {
  int64_t term;
  size_t at,
      n;     /* its name: n bytes of `text` from `at` on; none: the message names no VAL service */
  int units; /* 1: it is the first of its term, and carries the invocation; else 0 */
} SealNamed;
typedef struct SealNames {
  SealNamed *services;
  size_t n, size;
  char *text;
  size_t n_text, text_size;
} SealNames;
int seal_names_add(SealNames *names, int64_t term, SealText val_service_id, int units);
void seal_names_clear(SealNames *names);

/* The API that was called: configurations of the SEAL service (rows in SQL too), or one of those of keys. */
typedef enum SealApi {
  SEAL_API_CONFIGURATIONS,
  SEAL_API_KEY_PROVISIONING,
  SEAL_API_KEY_RETRIEVAL,
  SEAL_API_KM_REQUEST
} SealApi;

struct SealUse;
/* Writes the records of an event of usage, after its units: one for each VAL service that it was an invocation for. */
int seal_charge_event(Seal *p, const struct SealUse *use, int64_t usage_seq);
/* The same for rows of one VAL service (p of NULL: none) under a term. units is 1 if they are the term's first of the
** event; else what the event has of this VAL service already stays as it is. */
int seal_charge_rows(Seal *p, const struct SealUse *use, int64_t usage_seq, int64_t term,
                     SealText val_service_id, int units);

/* Writes the records of what was held in each UTC day that has ended by `at` and is not charged yet; *made is how many.
** From then on those days don't change: what is done at an earlier instant counts from their end on (occupancy.c).
** SQLITE_DONE: there was no such day. */
int seal_charge_days(Seal *p, int64_t at, int64_t *made);

/* What a charging system knows of the records. */
typedef struct SealTaken {
  int64_t taken;    /* it has acknowledged them up to this one */
  int64_t exported; /* they were sent to it up to this one, acknowledged or not */
} SealTaken;
/* Notes how far it is; less than what is known is nothing new (SQLITE_DONE), more than there is a refusal. *known is
** what is known then. */
int seal_charge_taken(Seal *p, const SealTaken *more, SealTaken *known, SealError *err);
/* A database that was restored from a copy is told up to which record a charging system has taken them: no number up
** to there is given again. */
int seal_charge_restored(Seal *p, int64_t taken, int64_t at);

#endif
