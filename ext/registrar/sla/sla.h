/* What the SLA grants: the one place where it is judged. Everything that is stored, changed or answered has
** a grant from here, and is counted and charged under the term that the grant names.
**
**    SealAsk ask = {.val_server = who.val_server, .seal_service = SEAL_IDM, .val_service_id = v2x, .at = at.t,
**                   .exp_time = SEAL_UNBOUNDED, .identities = 3, .invocation = SEAL_BY_MESSAGE, …};
**    rc = seal_authorize(p, &ask, &grant, err);
**
** May rely on: ledger/ for whether this transaction's rows are an invocation already. The counters that it
** reads are exact, because the gate has written what waited. seal_authorize
** writes nothing: what was granted is counted by whoever writes it (ledger/, seal_usage_write), what was refused
** by seal_invocation_refused. A later row of a transaction is held against what the grant left (SealSlot.left):
** the same decision, made once. Who calls: held/, and both faces: messages/ and tables/.
*/
#ifndef SEAL_SLA_H
#define SEAL_SLA_H

#include "registrar/ledger/notification.h"
#include "registrar/who/who.h"

/************************************************************************************************
** invocation.c: one message, as what it is to the terms.
*/
/* The terms that a message touches, each once, with what it asks of them: the message's own. Zeroed at first. */
typedef struct SealInvocation {
  SealTally *terms;
  size_t n, size;
  uint32_t *places; /* invocation.c's: which of them a term is */
  SealNames names;  /* the VAL services that it is for */
} SealInvocation;
/* What is noted of a term; NULL: nothing. `touched` may be NULL. */
const SealTally *seal_invocation_of(const SealInvocation *touched, int64_t term);
/* Notes that a message touches a term, and asks this much of it. */
int seal_invocation_note(SealInvocation *touched, int64_t term, int64_t identities,
                         int64_t key_records);
/* The same for a VAL service that the message is for; p of NULL: it names none. */
int seal_invocation_of_service(SealInvocation *touched, int64_t term, SealText val_service_id,
                               int64_t identities, int64_t key_records);
void seal_invocation_clear(SealInvocation *touched);
/* The message was refused: it counts for the rate of every term that it touched, and of no other
** limit. Where it never came to name a VAL service, it counts for the term that seal_use_authorize asks.
** val_server of 0 (nobody was authenticated): there is no term, and no rate. seal_service of NULL: it was of the
** token endpoint, whose rate it counts for. Called with the refusal's audit entry. */
int seal_invocation_refused(Seal *p, SealInvocation *touched, int64_t val_server,
                            const char *seal_service, int64_t at);
/* How many tokens a rate's bucket has at `at`; at none *retry_after is the seconds until it has one. */
int64_t seal_bucket_level(int64_t rate, int64_t bucket_time, int64_t spent, int64_t at,
                          int64_t *retry_after);
/* Retry-After where waiting doesn't help: a day. */
#define SEAL_RETRY_NEVER 86400
/* Token requests of a VAL server in a second. */
#define SEAL_TOKEN_RATE 10
/* Whether a VAL server may ask the token endpoint now (SLA_RATE_EXCEEDED); and one that was answered. */
int seal_token_rate(Seal *p, int64_t val_server, int64_t at, SealError *err);
int seal_token_rate_take(Seal *p, int64_t val_server, int64_t at);

/************************************************************************************************
** authorize.c
*/
typedef struct SealAsk {
  int64_t val_server; /* row id */
  const char *seal_service;
  SealText val_service_id; /* p of NULL: only whether there is a term for the SEAL service */
  int64_t at;
  int64_t exp_time;                /* asked for, SEAL_UNBOUNDED: none */
  int64_t identities, key_records; /* what is held once the act is done, of this VAL service */
  SealText key_format, scope;      /* p of NULL: not asked */
  /* A key is to be stored, and may come without key_format: where the term has one format it is written here
  ** (SEAL_ID_MAX + 1 bytes), where it has several that is refused. NULL: not asked. */
  char *only_format;
  const SealInvocation *tally; /* what the same act takes or gives back besides; NULL: nothing */
  /* Whether the time ranges, the rate and the total number of invocations are judged too. */
  enum { SEAL_NO_INVOCATION, SEAL_BY_MESSAGE, SEAL_BY_ROWS } invocation;
  SealInvocation *touched; /* with SEAL_BY_MESSAGE: the term is noted here */
  json_t
      *trace; /* an array: every check is made and adds an object; NULL: the first refusal ends */
} SealAsk;

typedef struct SealGrant {
  int64_t term;        /* row id */
  int64_t agreement;   /* row id */
  int64_t until;       /* when what is granted itself ends, SEAL_UNBOUNDED: with the term */
  int64_t valid_until; /* the earliest of that and of all that it hangs on */
  int64_t identities,
      key_records; /* how many may be held by this VAL service, SEAL_UNBOUNDED: any */
  /* What is held under the term now, and the levels that what is asked brings it to. */
  SealLevel identity_level, record_level;
} SealGrant;

/* Judges what is asked. *out is filled as far as it came. Writes nothing. */
int seal_authorize(Seal *p, const SealAsk *ask, SealGrant *out, SealError *err);
/* The same for who names no VAL service: whether the SEAL service may be used at all; `touched` of NULL: it
** is no invocation. */
int seal_use_authorize(Seal *p, int64_t val_server, const char *seal_service, int64_t at,
                       SealInvocation *touched, SealGrant *out, SealError *err);

/* explain.c: what seal_authorize says to a question of a message, with every check: *out is JSON text,
** the caller's (sqlite3_free). A refusal is an answer too. Writes nothing. */
int seal_explain(Seal *p, const SealAsk *question, char **out);

/************************************************************************************************
** access_token.c
*/
/* Issues a token to an authenticated requester; scope 0: whatever the SLA grants; ttl in seconds.
** *response is RFC 6749's, the caller's: seal_secret_free. */
int seal_token_issue(Seal *p, const SealRequester *who, unsigned scope, int64_t ttl, int64_t at,
                     SealTokenUse use, const char *actor, char **response, SealError *err);
/* The same, by the operator, for a VAL server. */
int seal_token_for(Seal *p, SealText val_server_id, unsigned scope, int64_t ttl, int64_t at,
                   char **response, SealError *err);

#endif
