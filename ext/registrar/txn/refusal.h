/* Refusals: the causes, and what is said of them.
**
**    if (held + asked > max) return seal_refuse(err, SEAL_SLA_QUOTA_EXCEEDED, "… %lld asked", asked);
**
** Functions of registrar/ return SQLITE_OK, SQLITE_CONSTRAINT_VTAB with a refusal in *err, or another SQLite
** error code, which is a fault of the system and never a verdict. Whoever is refused has
** changed nothing: the audit entry, and what it counts for the rate, are written by whoever answers it.
*/
#ifndef SEAL_REFUSAL_H
#define SEAL_REFUSAL_H

#include "base/text.h"

#include <stdint.h>

typedef enum SealCause {
  SEAL_CAUSE_NONE = 0,
#define X(NAME, STATUS) SEAL_##NAME,
#include "registrar/txn/cause.inc"
#undef X
  SEAL_CAUSE_COUNT
} SealCause;

/* One faulty place of a message. */
typedef struct SealFault {
  char *param;  /* JSON Pointer, or a query parameter's name */
  char *reason; /* what is wrong there */
} SealFault;

/* Why something was refused. Zeroed at first, cleared by seal_error_clear. */
typedef struct SealError {
  SealCause cause;
  char *detail;      /* says what and where; never a credential, key or token */
  SealFault *faults; /* a message's, for invalidParams */
  int n_faults;
  int64_t retry_after; /* seconds, with SLA_RATE_EXCEEDED */
} SealError;

const char *seal_cause_text(SealCause cause);
/* The HTTP status of a message that is refused for it. */
int seal_cause_status(SealCause cause);

/* Sets the refusal (the first one stays) and returns SQLITE_CONSTRAINT_VTAB, or SQLITE_NOMEM. The
** format is sqlite3_mprintf's: %.*s and %s for texts from outside are quoted by seal_quote. */
int seal_refuse(SealError *err, SealCause cause, const char *format, ...);
/* A sealed value that fails its tag: SQLITE_CORRUPT_VTAB, with SYSTEM_FAILURE and the row in *err. */
int seal_lost(SealError *err, const char *relation, int64_t id);
/* Adds one faulty place of a message; the cause becomes the first fault's. Returns as seal_refuse,
** and goes on counting silently past SEAL_FAULTS_MAX places. */
int seal_fault(SealError *err, SealCause cause, const char *param, const char *reason);
#define SEAL_FAULTS_MAX 100
void seal_error_clear(SealError *err);

/* Tells SQLite's error log (SQLITE_CONFIG_LOG; `.log` of the sqlite3 shell) what the host is about to hear, for
** programs that have nothing else to read it from: "seal refused N: TEXT", or "seal failed N: TEXT" where the system
** failed, N being how many rows the transaction had written. The log cuts what is long: a text of more than a line
** goes on in lines that begin with "seal more: ". Control characters become '?'. It allocates nothing. */
void seal_log(int rc, int refused, int64_t written, const char *text);
/* Bytes of the text in a line: SQLite's log has room for 209 with the rest. */
#define SEAL_LOG_PIECE 150

#endif
