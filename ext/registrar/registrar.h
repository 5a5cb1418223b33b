/* The registrar: what it does, once, for both faces. A face gives it values and gets a result or a
** SealError; it never touches storage itself.
**
**    SealRequester who;
**    SealGrant grant;
**    int rc = seal_authenticate(p, credential, at, &who, &err);
**    if (rc == SQLITE_OK) rc = seal_authorize(p, &ask, &grant, &err);
**
** Functions return SQLITE_OK, SQLITE_CONSTRAINT_VTAB with a refusal in *err, or another SQLite
** error code, which is a fault of the system and never a verdict.
*/
#ifndef SEAL_REGISTRAR_H
#define SEAL_REGISTRAR_H

#include "crypto/crypto.h"
#include "store/store.h"

#define SEAL_ID_MAX   255                /* bytes of an identifier (TS 33.434 A.2) */
#define SEAL_BODY_MAX (16 * 1024 * 1024) /* bytes of a message's body */
#define SEAL_ROW_BITS 28                 /* a service's rows have ids (service << 28) + 0, 1, … */
#define SEAL_ROWS_MAX ((int64_t)1 << SEAL_ROW_BITS)
#define SEAL_CONF_ID  33   /* a derived conf_id: 32 hexadecimal digits and a NUL */
#define SEAL_LEEWAY   30   /* seconds, TS 33.434 A.2.1.3 */
#define SEAL_LIFETIME 3600 /* seconds ahead that a VAL server's own token may end */

typedef struct Seal Seal;

/************************************************************************************************
** cause.c: refusals.
*/
typedef enum SealCause {
  SEAL_CAUSE_NONE = 0,
#define X(NAME, STATUS) SEAL_##NAME,
#include "registrar/cause.inc"
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
int seal_cause_status(SealCause cause);

/* Sets the refusal (the first one stays) and returns SQLITE_CONSTRAINT_VTAB, or SQLITE_NOMEM. The
** format is sqlite3_mprintf's: %.*s and %s for texts from outside are quoted by seal_quote. */
int seal_refuse(SealError *err, SealCause cause, const char *format, ...);
/* Adds one faulty place of a message; the cause becomes the first fault's. Returns as seal_refuse,
** and goes on counting silently past SEAL_FAULTS_MAX places. */
int seal_fault(SealError *err, SealCause cause, const char *param, const char *reason);
#define SEAL_FAULTS_MAX 100
void seal_error_clear(SealError *err);
/* Copies at most SEAL_QUOTE_MAX bytes of a text from outside for a message: control characters
** and bytes that are not UTF-8 become '?', and a cut text ends in "...". */
#define SEAL_QUOTE_MAX 80
const char *seal_quote(SealText text, char out[SEAL_QUOTE_MAX + 8]);

/* The SEAL services (TS 23.434). Gives the static name, or NULL when the text is none of them. */
const char *seal_service_name(SealText text);
#define SEAL_IDM "identity-management"
#define SEAL_KM  "key-management"

/* 1 if the text is an identifier: 1 to 255 bytes of UTF-8 without NUL. */
int seal_is_id(SealText text);
/* 1 if the text is a scope: words with single spaces between them, 255 bytes in all. */
int seal_is_scope(SealText text);
int seal_is_utf8(const char *p, size_t n);

/************************************************************************************************
** authenticate.c: who is asking.
*/
typedef struct SealRequester {
  int64_t val_server; /* row id */
  char val_server_id[SEAL_ID_MAX + 1];
  int64_t until; /* the credential itself proves nothing from here on */
  char iss[SEAL_ID_MAX + 1], jti[SEAL_ID_MAX + 2]; /* a token's; jti is empty: nothing to consume */
  int64_t replay_until;                            /* how long the token's id is remembered */
} SealRequester;

/* What is presented: `authorization` is a token (without "Bearer "), `certificate` PEM, leaf first;
** p of NULL where there is none. */
typedef struct SealCredential {
  SealText token;
  SealText certificate;
} SealCredential;

/* Reads the SQL form: a token, a PEM chain, or JSON with authorization and clientCertificate; *json
** owns what *out points to and is the caller's, json_decref. */
int seal_credential_read(SealText text, SealCredential *out, json_t **json, SealError *err);
/* Judges a credential at `at`. Consumes no jti. */
int seal_authenticate(Seal *p, const SealCredential *credential, int64_t at, SealRequester *out,
                      SealError *err);
/* Consumes the token's jti in this transaction, as the last check before the effect: refused when
** another transaction has used it. */
int seal_consume(Seal *p, const SealRequester *who, SealError *err);
/* Checks the value of a credential for storage: gives its thumbprint (44 bytes). */
int seal_credential_check(Seal *p, SealText type, const void *value, int n, char thumbprint[44],
                          SealError *err);

/************************************************************************************************
** authorize.c: what the SLA grants. The only place where an SLA is judged.
*/
typedef struct SealAsk {
  int64_t val_server; /* row id */
  const char *seal_service;
  SealText val_service_id; /* p of NULL: only whether there is a term for the SEAL service */
  int64_t at;
  int64_t exp_time;                /* asked for, SEAL_UNBOUNDED: none */
  int64_t identities, key_records; /* more than are held now */
  SealText key_format, scope;      /* p of NULL: not asked */
  const struct SealTally *tally;   /* what the same act takes or gives back besides, by term */
  size_t n_tally;
} SealAsk;

typedef struct SealTally {
  int64_t term;
  int64_t identities, key_records; /* negative: given back */
} SealTally;

typedef struct SealGrant {
  int64_t term;        /* row id */
  int64_t agreement;   /* row id */
  int64_t until;       /* when what is granted itself ends, SEAL_UNBOUNDED: with the term */
  int64_t valid_until; /* the earliest of that and of all that it hangs on */
  int64_t identities, key_records; /* how many more may be held, SEAL_UNBOUNDED: any number */
} SealGrant;

int seal_authorize(Seal *p, const SealAsk *ask, SealGrant *out, SealError *err);

/* Until when a SEAL server must serve a user or UE (INTERFACE seal_serves). *until is INT64_MIN for
** "must not"; SEAL_UNBOUNDED for no end. */
int seal_serves(Seal *p, const char *seal_service, SealText val_service_id, SealText id, int64_t at,
                int64_t *until);

/************************************************************************************************
** provision.c: configurations, as messages bring them and as rows do.
*/
typedef struct SealId {
  const char *p;
  int n;
  int is_ue; /* a VAL UE ID, else a VAL user ID */
} SealId;

/* One VALServiceParams (TS 29.549): a VAL service of a configuration. */
typedef struct SealService {
  SealText val_service_id;
  SealId *ids; /* identity management */
  size_t n_ids;
  SealId *sorted; /* the same in storage's order, each once: provision.c's */
  size_t n_sorted;
  SealText key_format, scope; /* key management */
  SealGrant grant;            /* filled in by provision.c */
} SealService;

/* One VALServicesConfig. */
typedef struct SealConfiguration {
  const char *conf_id;
  const char *seal_service;
  int64_t exp_time; /* asked for, SEAL_UNBOUNDED: none */
  SealText supp_feat;
  SealText end_pt, notification_destination; /* JSON EndPoint, URI; p of NULL: none given */
  SealService *services;
  size_t n_services;
  int64_t valid_until; /* out: what holds */
} SealConfiguration;

/* Derives a conf_id: the head of SHA-256 over the n texts, each with its length. */
int seal_conf_id(Seal *p, char out[SEAL_CONF_ID], int n, const SealText *texts);

/* Finds a configuration of this VAL server that is valid at `at`: its row id, or a refusal
** RESOURCE_CONTEXT_NOT_FOUND that is the same for another's and for none. */
int seal_configuration_find(Seal *p, int64_t val_server, const char *seal_service, SealText conf_id,
                            int64_t at, int64_t *id, SealError *err);

/* Stores a configuration; `replaces` is the row id of the one whose content it takes the place of
** (0: a new one). Judges everything before it writes anything. `operation` names the invocation in
** the ledgers ("POST", "PUT", "PATCH"). The caller has consumed nothing: this calls seal_consume. */
int seal_configuration_put(Seal *p, const SealRequester *who, SealConfiguration *conf,
                           int64_t replaces, int64_t at, const char *operation, SealError *err);
/* Removes one, with all that hangs on it. */
int seal_configuration_delete(Seal *p, const SealRequester *who, int64_t id, const char *conf_id,
                              const char *seal_service, int64_t at, SealError *err);

/* The operator's own acts on a configuration: another end (*exp_time, NULL: the one it has), removal. */
int seal_configuration_change(Seal *p, int64_t id, const int64_t *exp_time, SealText supp_feat,
                              int64_t at);
int seal_configuration_remove(Seal *p, int64_t id, int64_t at);
/* Removes every configuration that has a VAL service under a term. */
int seal_term_clear(Seal *p, int64_t term);

/* One row of seal_identity or seal_key, given with its credential. */
typedef struct SealRowAsk {
  const char *seal_service;
  SealText credential, val_server_id, val_service_id, conf_id;
  SealId id;                  /* identity management; n of 0: none (key management) */
  SealText key_format, scope; /* key management */
  int64_t exp_time;           /* SEAL_UNBOUNDED: none */
  int64_t at;                 /* SEAL_UNBOUNDED: the host's clock */
  int on_conflict;            /* sqlite3_vtab_on_conflict */
} SealRowAsk;

/* Stores one row; *rowid is its id. SQLITE_CONSTRAINT_UNIQUE without a refusal in *err: it is there. */
int seal_row_insert(Seal *p, const SealRowAsk *ask, int64_t *rowid, SealError *err);
/* Makes an empty configuration: a row of seal_configuration. */
int seal_row_configuration(Seal *p, const SealRowAsk *ask, SealText supp_feat, int64_t *rowid,
                           SealError *err);
/* The operator gives a row another identity, or other key parameters. SQLITE_CONSTRAINT_UNIQUE: the
** identity is there already. */
int seal_row_update(Seal *p, const SealRowAsk *ask, int64_t rowid);
/* The operator takes one row away: of seal_identity or seal_key. */
int seal_row_delete(Seal *p, const char *seal_service, int64_t rowid, int64_t at);

/* Reads a configuration that was found: the caller's (seal_configuration_free). */
typedef struct SealStored {
  SealConfiguration conf;
  char val_server_id[SEAL_ID_MAX + 1];
  void *memory; /* what the texts of conf point into */
} SealStored;
int seal_configuration_load(Seal *p, int64_t id, SealStored *out);
void seal_configuration_free(SealStored *stored);
/* The row ids of a VAL server's configurations that are valid at `at`; the caller's (sqlite3_free). */
int seal_configuration_list(Seal *p, int64_t val_server, const char *seal_service, int64_t at,
                            int64_t **ids, size_t *n);

/************************************************************************************************
** validity.c: until when; the sweep.
*/
/* Removes at most `limit` rows of configurations that have ended at `at`, their configurations when
** those are empty, used token ids and answers that nobody may ask for again. */
int seal_sweep(Seal *p, int64_t limit, int64_t at, int64_t *removed);
/* Removes rows of one configuration (0: all of them); *removed counts up, at most to `limit`. */
int seal_configuration_clear(Seal *p, int64_t id, int64_t limit, int64_t *removed);

/************************************************************************************************
** ledger.c: audit, usage, change.
*/
typedef struct SealEvent {
  int64_t time;
  const char *actor;   /* "operator", or a VAL server id */
  const char *action;  /* "insert", "update", "delete", "POST", "sweep", … */
  const char *object;  /* "seal_agreement:sla-7", "/ss-ipp/v1/configurations/9f…" */
  const char *outcome; /* "done", "refused" */
  const char *cause;   /* NULL, or the refusal's */
  const char *detail;  /* NULL, or JSON */
} SealEvent;

int seal_audit_write(Seal *p, const SealEvent *event);
int seal_change_write(Seal *p, int64_t time, const char *seal_service, const char *object,
                      const char *operation);
/* One chargeable event of a VAL server. */
int seal_usage_write(Seal *p, int64_t time, int64_t val_server, const char *seal_service,
                     const char *operation, int result, const char *conf_id, int64_t identities,
                     int64_t key_records);

/************************************************************************************************
** registrar.c: one connection's registrar.
*/
typedef struct SealPending SealPending;
typedef struct SealKeyCache SealKeyCache;

/* A result that only this connection knows: a command's, or the answer to a GET. */
typedef struct SealResult {
  struct SealResult *next;
  int64_t seq;   /* a command's number, or a message's row id */
  int status;    /* a message's */
  int fresh;     /* 0: committed; else 1 + how many savepoints were open */
  char *command; /* its name, or a message's id */
  char *argument, *result;
} SealResult;

struct Seal {
  SealStore store;
  SealCrypto *crypto;
  SealKeyCache *keys;
  SealPending *pending; /* what row inserts have yet to write to counters and ledgers */
  SealResult *commands; /* newest first, at most SEAL_RESULTS_MAX */
  SealResult *answers;  /* the same, of GET messages */
  int64_t command_seq;
  int64_t txn;         /* this transaction's number for seal_consume; 0: none yet */
  int64_t usage_start; /* the last usage entry before this transaction; -1: not read yet */
  int savepoints;      /* of the host's that are open */
  int busy;            /* statements of its own run: their savepoints are none of the host's */
  int repeats;         /* a message is read again: nothing is consumed, audited or charged */
  int64_t audit_seq;   /* head of the chain as of this transaction; 0: not read yet */
  unsigned char audit_hash[SEAL_SHA256_SIZE];
  int tables; /* connected virtual tables: statements live while there are any */
  int owners; /* modules and functions: the registrar lives while there are any */
};
#define SEAL_RESULTS_MAX   100
#define SEAL_RESULTS_BYTES (64 * 1024 * 1024)

/* Makes one with one owner, or NULL; the last seal_close frees it. */
Seal *seal_open(sqlite3 *db);
void seal_close(Seal *p);

/* Called first by a function, which no virtual table stands behind: makes sure that one is connected,
** so that statements may be cached. */
int seal_enter(Seal *p);
/* `at`, or the host's clock where it is SEAL_UNBOUNDED. */
int64_t seal_at(Seal *p, int64_t at);
/* What has to be written before a savepoint, a commit or a look at counters. */
int seal_flush(Seal *p);
/* Writes what is pending and then forgets what was found out: before anything else than a row
** changes what quotas or statuses say. */
int seal_settle(Seal *p);
/* The host opened savepoint n, released it, or went back to it: what was not written since is forgotten
** then, and so is what only this connection would know of it. */
void seal_savepoint(Seal *p, int n);
void seal_release(Seal *p, int n);
void seal_rollback_to(Seal *p, int n);
/* The transaction has ended. */
void seal_transaction(Seal *p, int committed);
/* Keeps a result for this connection; the same number's earlier one goes. A list holds at most
** SEAL_RESULTS_MAX results and, but for the newest, SEAL_RESULTS_BYTES. */
int seal_result_add(Seal *p, SealResult **list, int64_t seq, int status, SealText command,
                    SealText argument, const char *result);
/* Forgets the result with this number. */
void seal_result_remove(SealResult **list, int64_t seq);
void seal_results_free(SealResult *list);
/* JSON as compact text, the caller's (sqlite3_free); NULL: out of memory. */
char *seal_json_dump(const json_t *json);

#endif
