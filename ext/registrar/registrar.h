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

#include "base/json.h"
#include "base/reason.h"
#include "base/text.h"
#include "crypto/jose/jose.h"
#include "crypto/jose/sign.h"
#include "crypto/x509/x509.h"
#include "store/store.h"

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
/* A sealed value that fails its tag: SQLITE_CORRUPT_VTAB, with SYSTEM_FAILURE and the row in *err. */
int seal_lost(SealError *err, const char *relation, int64_t id);
/* Adds one faulty place of a message; the cause becomes the first fault's. Returns as seal_refuse,
** and goes on counting silently past SEAL_FAULTS_MAX places. */
int seal_fault(SealError *err, SealCause cause, const char *param, const char *reason);
#define SEAL_FAULTS_MAX 100
void seal_error_clear(SealError *err);

/************************************************************************************************
** authenticate.c: who is asking.
*/
typedef struct SealRequester {
  int64_t val_server; /* row id */
  char val_server_id[SEAL_ID_MAX + 1];
  int64_t until; /* the credential itself proves nothing from here on */
  int64_t
      stands_until; /* when the key, certificate or VAL server behind it ends: a token's own end apart */
  int64_t at;       /* when it was judged */
  int host_clock;    /* at is the host's clock, not the caller's word */
  int by_token;      /* with an access token: only its scopes count */
  unsigned scopes;   /* SEAL_SCOPE_...; all of them without an access token */
  int skeyprov;      /* an access token with SKeyProv (TS 33.434 A.2.2.3) */
  char x5t_s256[44]; /* of the certificate that proved it; empty: none did */
  char iss[SEAL_ID_MAX + 1], jti[SEAL_ID_MAX + 2]; /* a token's; jti is empty: nothing to consume */
  int64_t replay_until;                            /* how long the token's id is remembered */
} SealRequester;

/* Scopes of access tokens: the project's own. */
#define SEAL_SCOPE_IDM  1 /* seal:identity-management */
#define SEAL_SCOPE_KM   2 /* seal:key-management */
#define SEAL_SCOPE_PROV 4 /* seal:key-provisioning */
#define SEAL_SCOPE_ALL  7
/* The scopes in a space-separated list; *unknown is 1 where there is another word. */
unsigned seal_scopes_read(SealText text, int *unknown);
/* Writes scopes as such a list. */
void seal_scopes_write(unsigned scopes, char out[80]);

/* What is presented: `authorization` is a token (without "Bearer "), `certificate` PEM, leaf first;
** p of NULL where there is none. */
typedef struct SealCredential {
  SealText token;
  SealText certificate;
} SealCredential;

/* Reads the SQL form: a token, a PEM chain, or JSON with authorization and clientCertificate; *json
** owns what *out points to and is the caller's, json_decref. */
int seal_credential_read(SealText text, SealCredential *out, json_t **json, SealError *err);
/* Judges a credential at `at`, or, where that is SEAL_UNBOUNDED, by the host's clock, which is refused
** when it has gone back behind what it was by more than the leeway. Consumes no jti. */
int seal_authenticate(Seal *p, const SealCredential *credential, int64_t at, SealRequester *out,
                      SealError *err);
/* Consumes the token's jti in this transaction, as the last check before the effect: refused when
** another transaction has used it. */
int seal_consume(Seal *p, const SealRequester *who, SealError *err);
/* Checks the value of a credential for storage: gives its thumbprint (44 bytes). */
int seal_credential_check(Seal *p, SealText type, const void *value, int n, char thumbprint[44],
                          SealError *err);
/* Seals the value of a psk credential for storage: *out is the caller's (sqlite3_free). */
int seal_credential_seal(Seal *p, SealText val_server_id, SealText credential_id, const void *value,
                         int n, void **out, int *n_out, SealError *err);
/* Checks the value of an anchor for storage: certificates, a CRL by one of the CAs that are stored, a
** JWK Set. Of a CRL it gives the issuer (*subject, sqlite3_free) and number, which must be above the
** one that is stored. */
int seal_anchor_check(Seal *p, SealText type, const void *value, int n, int64_t at, char **subject,
                      char number[64], SealError *err);

/************************************************************************************************
** invocation.c: one message, or one transaction's rows for a VAL server and SEAL service.
*/
typedef struct SealTally {
  int64_t term;
  int64_t identities, key_records; /* negative: given back */
} SealTally;

/* The terms that the message at hand touches, each once, with what it asks of them. */
typedef struct SealInvocation {
  SealTally *terms;
  size_t n, size;
} SealInvocation;

/* A message, or a row's first of its kind, begins: forgets what the one before touched. */
void seal_invocation_begin(Seal *p);
/* The message was refused: it counts for the rate of every term that it touched, and of no other
** limit. Where it never came to name a VAL service, it counts for the SEAL service's term for '*', or
** else its first one. val_server of 0 or seal_service of NULL (nobody was authenticated, no such
** resource): there is no term, and no rate. Called with the refusal's audit entry. */
int seal_invocation_refused(Seal *p, int64_t val_server, const char *seal_service, int64_t at);

/* Retry-After where waiting doesn't help: a day. */
#define SEAL_RETRY_NEVER 86400

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
  const SealTally *tally;          /* what the same act takes or gives back besides, by term */
  size_t n_tally;
  /* Whether the time ranges, the rate and the total number of invocations are judged too; the term
  ** is then noted as touched by the message. */
  enum { SEAL_NO_INVOCATION, SEAL_BY_MESSAGE, SEAL_BY_ROWS } invocation;
  json_t
      *trace; /* an array: every check is made, and adds an object; NULL: the first refusal ends */
} SealAsk;

typedef struct SealGrant {
  int64_t term;        /* row id */
  int64_t agreement;   /* row id */
  int64_t until;       /* when what is granted itself ends, SEAL_UNBOUNDED: with the term */
  int64_t valid_until; /* the earliest of that and of all that it hangs on */
  int64_t identities, key_records; /* how many more may be held, SEAL_UNBOUNDED: any number */
} SealGrant;

/* Judges what is asked. *out is filled as far as it came. Writes nothing. */
int seal_authorize(Seal *p, const SealAsk *ask, SealGrant *out, SealError *err);
/* The same for who names no VAL service: whether the SEAL service may be used at all. `invocation` as
** in SealAsk. */
int seal_use_authorize(Seal *p, int64_t val_server, const char *seal_service, int64_t at,
                       int invocation, SealError *err);

/* explain.c: what seal_authorize says to a question of a message, with every check: *out is JSON text,
** the caller's (sqlite3_free). A refusal is an answer too. Writes nothing. */
int seal_explain(Seal *p, const SealAsk *question, char **out);
/* The row id of a VAL server; SQLITE_CONSTRAINT_VTAB with RESOURCE_CONTEXT_NOT_FOUND for none. */
int seal_val_server_find(Seal *p, SealText val_server_id, int64_t *id, SealError *err);

/* Until when a SEAL server must serve a user or UE (INTERFACE seal_serves). *until is INT64_MIN for
** "must not"; SEAL_UNBOUNDED for no end. */
int seal_serves(Seal *p, const char *seal_service, SealText val_service_id, SealText id, int64_t at,
                int64_t *until);

/************************************************************************************************
** provision.c: configurations, as messages bring them and as rows do.
*/
/* A key record; of the three ids at most one has a p that is not NULL. */
typedef struct SealRecord {
  SealText val_user_id, val_ue_id, client_id;
  SealText key_format, key_info, user_uri;
} SealRecord;

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
  SealRecord *records;
  size_t n_records;
  SealGrant grant; /* filled in by provision.c */
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
  int keep; /* services are those that are stored: only what stands beside them changes */
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
/* Judges a message that names a configuration and no VAL service: an invocation of the terms of those
** that the configuration has. */
int seal_configuration_authorize(Seal *p, int64_t val_server, const char *seal_service, int64_t id,
                                 int64_t at, SealError *err);
/* Removes one, with all that hangs on it. */
int seal_configuration_delete(Seal *p, const SealRequester *who, int64_t id, const char *conf_id,
                              const char *seal_service, int64_t at, SealError *err);

/* The operator's own acts on a configuration: another end (*exp_time, NULL: the one it has), removal. */
int seal_configuration_change(Seal *p, int64_t id, const int64_t *exp_time, SealText supp_feat,
                              int64_t at);
int seal_configuration_remove(Seal *p, int64_t id, int64_t at);

/* One row of seal_identity or seal_key, given with its credential. */
typedef struct SealRowAsk {
  const char *seal_service;
  SealText credential, val_server_id, val_service_id, conf_id;
  SealId id;                  /* identity management; n of 0: none (key management) */
  SealText key_format, scope; /* key management */
  const SealRecord *record;   /* a row of seal_key_record */
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
/* The operator takes one row away; with a row of seal_key go its key records. */
typedef enum SealRowKind { SEAL_ROW_IDENTITY, SEAL_ROW_KEY, SEAL_ROW_RECORD } SealRowKind;
int seal_row_delete(Seal *p, SealRowKind kind, int64_t rowid, int64_t at);

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
** record.c: key records, sealed.
*/
typedef struct SealFoundRecord {
  void *key_info; /* opened; NUL-terminated beyond n_key_info */
  int n_key_info;
  char *user_uri; /* NULL where it has none */
} SealFoundRecord;
/* Finds the record of a VAL server for a VAL service and the id asked for (or, with `fall_back`, the
** service's own). Refuses with RESOURCE_CONTEXT_NOT_FOUND, or SEALED. */
int seal_record_find(Seal *p, const SealRequester *who, SealText val_service_id,
                     const SealRecord *asked, int fall_back, int64_t at, SealFoundRecord *out,
                     SealError *err);
void seal_record_clear(SealFoundRecord *found);
/* Refuses a key management URI that is not the registrar's own; SQLITE_CONSTRAINT_VTAB also when *err
** holds faults already. */
int seal_skms_uri_check(Seal *p, SealText uri, SealError *err);
/* Seals an answer that holds a token or a key, and opens it; *out is the caller's (sqlite3_free,
** seal_secret_free). */
int seal_answer_seal(Seal *p, SealText message_id, const char *response, void **out, int *n,
                     SealError *err);
int seal_answer_open(Seal *p, int64_t id, SealText message_id, const void *sealed, int n,
                     void **out, int *n_out, SealError *err);
/* Where a record lies: its identity. */
typedef struct SealRecordPlace {
  SealText val_server_id, conf_id, val_service_id;
} SealRecordPlace;
/* Opens a stored one, row `id`, whose identity is given. A tag that does not hold is seal_lost. */
int seal_record_open(Seal *p, int64_t id, const SealRecordPlace *place, const SealRecord *record,
                     const void *sealed, int n, void **out, int *n_out, SealError *err);

/************************************************************************************************
** secret.c: the key of this connection.
*/
/* This connection may from now on read and write sealed values. Refuses a key that is not 32 bytes, or
** not the database's. */
int seal_unlock(Seal *p, const unsigned char *key, int n, SealError *err);
/* Forgets the key. */
void seal_lock(Seal *p);
/* Seals everything again under another key; *count is how many values. The connection goes on with the
** new one, or, if the transaction is rolled back, with the old one. */
int seal_rekey(Seal *p, const unsigned char *key, int n, int64_t *count, SealError *err);
/* The transaction has ended, or a part of it was taken back, after a rekey. */
void seal_key_settle(Seal *p, int committed, int ended);
/* Wipes and frees what was opened. */
void seal_secret_free(void *secret, int n);
/* The same as a destructor of sqlite3_result_text: SQLite then keeps no copy of its own. */
void seal_secret_done(void *secret);

/************************************************************************************************
** token.c: the registrar's signing keys and access tokens.
*/
/* The current signing key, the caller's (seal_key_free). */
int seal_signing_key(Seal *p, SealKey **out, SealError *err);
/* Makes a new one; *jwk is its public half, the caller's (sqlite3_free). */
int seal_rotate_key(Seal *p, int64_t at, char **jwk, SealError *err);
/* The public keys whose tokens may be about, as a JWK Set, the caller's (sqlite3_free). */
int seal_signing_jwks(Seal *p, int64_t at, char **jwks);
/* Issues a token to an authenticated requester; scope 0: whatever the SLA grants; ttl in seconds.
** *response is RFC 6749's, the caller's: seal_secret_free. */
int seal_token_issue(Seal *p, const SealRequester *who, unsigned scope, int64_t ttl, int64_t at,
                     const char *actor, char **response, SealError *err);
/* The same, by the operator, for a VAL server. */
int seal_token_for(Seal *p, SealText val_server_id, unsigned scope, int64_t ttl, int64_t at,
                   char **response, SealError *err);
/* Whether an access token's scopes allow this; any other credential does. */
int seal_scope_check(const SealRequester *who, const char *seal_service, int records,
                     SealError *err);
/* The registrar's identifier: what a token's audience must contain. */
int seal_identifier(Seal *p, char out[SEAL_ID_MAX + 1]);

/************************************************************************************************
** validity.c: until when; the sweep.
*/
/* Removes at most `limit` rows of configurations that have ended at `at` (SEAL_UNBOUNDED: the host's
** clock), their configurations when those are empty, used token ids and answers that nobody may ask for
** again. */
int seal_sweep(Seal *p, int64_t limit, int64_t at, int64_t *removed);
/* Removes rows of one configuration (0: all of them); *removed counts up, at most to `limit`. */
int seal_configuration_clear(Seal *p, int64_t id, int64_t limit, int64_t at, int64_t *removed);

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
/* One chargeable event of a VAL server: the invocation at hand, of every term that it touched; counts
** it for each of them. */
int seal_usage_write(Seal *p, int64_t time, int64_t val_server, const char *seal_service,
                     const char *operation, int result, const char *conf_id, int64_t identities,
                     int64_t key_records);

/************************************************************************************************
** occupancy.c: what is held, from when to when. Provisioning writes it by itself (internal.h); these are
** for what the operator does to what it hangs on.
*/
typedef enum SealParent { SEAL_AGREEMENT = 1, SEAL_VAL_SERVER, SEAL_TERM } SealParent;
/* From `since` on it is as it is stored now: status and window. A new one: since SEAL_INSTANT_MIN. */
int seal_occupancy_state(Seal *p, SealParent kind, int64_t id, int64_t since);
/* From `since` on an identity-day of the term costs what is stored now. */
int seal_occupancy_price(Seal *p, int64_t term, int64_t since);
/* It is about to be removed: called before, while it is there. */
int seal_occupancy_gone(Seal *p, SealParent kind, int64_t id, int64_t at);

/************************************************************************************************
** audit.c: the audit chain is verified, signed, and cut at its old end.
*/
/* *first_bad is 0, or the first entry that does not hold: changed, missing, or in another's place.
** `through` (SEAL_UNBOUNDED: the head) must be reached. A checkpoint must be reached too, have the
** entry's hash and a registrar's signature. One pass, in constant memory but for the longest entry. */
int seal_audit_verify(Seal *p, int64_t through, int64_t *first_bad);

#define SEAL_CHECKPOINT_TYP "seal-checkpoint"
/* Signs the head: *jws is a compact JWS (RFC 7515) over {seq, hash (hexadecimal), usage (the last
** usage entry), time}, the caller's (sqlite3_free). SEALED without an unlocked signing key. */
int seal_checkpoint(Seal *p, int64_t at, char **jws, SealError *err);
/* Notes that everything up to entry `seq` was exported; *marked is the checkpoint that this reaches. */
int seal_export_mark(Seal *p, int64_t seq, int64_t *marked, SealError *err);

typedef struct SealPruned {
  int64_t through;                 /* the last audit entry that went */
  int64_t audit, usage, occupancy; /* how many rows went */
} SealPruned;
/* Removes from the ledgers what is older than `before`, was exported and check-pointed. */
int seal_prune(Seal *p, int64_t before, SealPruned *out, SealError *err);

/************************************************************************************************
** remove.c: what goes with a row that the operator removes; statements with ?1 row id, ended by -1.
*/
extern const enum SealSql seal_remove_agreement[], seal_remove_term[], seal_remove_val_server[];
int seal_remove(Seal *p, const enum SealSql *statements, int64_t id);

/************************************************************************************************
** bundle.c, apply.c: what SEAL servers are told (INTERFACE seal_bundle, apply).
*/
#ifndef SEAL_BUNDLE_MAX /* the tests of the exchange may be run with a build that cuts earlier */
#define SEAL_BUNDLE_MAX (1024 * 1024) /* bytes of a bundle's payload, about */
#endif
/* Makes the bundle for a SEAL server that has applied everything up to `since`: a change's number, the
** `to` of the bundle before, or p of NULL for a full copy. *jws is the caller's (seal_secret_free). */
int seal_bundle(Seal *p, SealText seal_server_id, SealText since, int64_t at, char **jws,
                SealError *err);
/* Applies a bundle to this database, a SEAL server's own; *result is JSON {"applied", "more",
** "objects"}, the caller's (sqlite3_free). All of it or nothing. SQLITE_DONE: it was applied before, and
** nothing has changed. */
int seal_apply(Seal *p, SealText bundle, int64_t at, char **result, SealError *err);

/************************************************************************************************
** registrar.c: one connection's registrar.
*/
typedef struct SealPending SealPending;
typedef struct SealBatch SealBatch;
typedef struct SealKeyCache SealKeyCache;
typedef struct SealAnchors SealAnchors;

/* A result that only this connection knows: a command's, or the answer to a GET. */
typedef struct SealResult {
  struct SealResult *next;
  int64_t seq;                       /* a command's number */
  int status;                        /* a message's */
  char *command, *argument, *result; /* command: the command, or the message id */
} SealResult;

/* How the answer to a message is kept: stored, in the connection's memory only, or stored sealed. */
typedef enum SealKept { SEAL_KEPT_STORED, SEAL_KEPT_MEMORY, SEAL_KEPT_SEALED } SealKept;

/* The 3GPP face, as the SQL face calls it: the door brings the two together, so that neither knows the
** other. See messages/messages.h. */
typedef struct SealMessages {
  int (*handle)(Seal *p, SealText message_id, SealText request, int64_t at, int *status,
                char **response, SealKept *kept);
  int (*reused)(Seal *p, SealText message_id, int64_t at, char **response);
} SealMessages;

struct Seal {
  SealStore store;
  SealCrypto *crypto;
  const SealMessages *messages; /* the 3GPP face */
  int busy; /* statements of its own run: their savepoints are none of the host's */
  SealKeyCache *keys;
  SealAnchors *anchors;      /* the CAs and CRLs that were asked last, parsed */
  unsigned char *key_before; /* the key at this transaction's start, once it has changed */
  unsigned char *key;        /* what seal_unlock gave: 32 bytes; NULL while sealed */
  SealPending *pending;      /* what row inserts have yet to write to counters and ledgers */
  SealBatch *batch;          /* identities that have yet to be written at all */
  SealResult *commands;      /* newest first, at most SEAL_RESULTS_MAX */
  SealResult *answers;       /* the same, of GET messages */
  int64_t command_seq;
  int64_t txn;         /* this transaction's number for seal_consume; 0: none yet */
  int64_t clock_mark;  /* the high-water mark of the host's clock, as last read */
  int64_t usage_start; /* the last usage entry before this transaction; -1: not read yet */
  int repeats;         /* a message is read again: nothing is consumed, audited or charged */
  SealInvocation invocation;
  int64_t audit_seq; /* head of the chain as of this transaction; 0: not read yet */
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
/* What has to be written before a look at identities. */
int seal_batch_flush(Seal *p);
/* What has to be written before a savepoint, a commit or a look at counters. */
int seal_flush(Seal *p);
/* Writes what is pending and then forgets what was found out: before anything else than a row
** changes what quotas or statuses say. */
int seal_settle(Seal *p);
/* A part of the transaction was taken back: forget what was not written. */
void seal_forget(Seal *p);
/* The transaction has ended. */
void seal_transaction(Seal *p, int committed);
/* Keeps a command's result for this connection. A list holds at most SEAL_RESULTS_MAX results and, but
** for the newest, SEAL_RESULTS_BYTES. */
int seal_result_add(SealResult **list, int64_t seq, int status, SealText command, SealText argument,
                    const char *result);
/* The answer that is kept for a message id, or NULL; forgets it. */
const SealResult *seal_answer_find(const SealResult *list, SealText message_id);
void seal_answer_remove(SealResult **list, SealText message_id);
void seal_results_free(SealResult *list);
/* JSON as compact text, the caller's (sqlite3_free); NULL: out of memory. */
char *seal_json_dump(const json_t *json);
/* Appends one part of an object's name; where there are several, '/' and '%' in a part are written %2F
** and %25. */
void seal_name_append(sqlite3_str *out, SealText part, int several);
/* Appends a text as a JSON string. */
void seal_json_append(sqlite3_str *out, const char *p, size_t n);
/* A member of an object that is a string: p of NULL where it is none. */
SealText seal_json_member(const json_t *object, const char *name);

#endif
