/* What is held: configurations, the VAL services in them and their rows, as messages bring them whole and as
** INSERT brings them row by row; read back; swept when they have ended.
**
**    configuration 1--n VAL service, under the term that granted it 1--n identity | key record
**
** A configuration belongs to its VAL server, and is looked up with it: another's conf_id neither collides nor
** shows. Validity hangs on it: a row is judged, counted and ended by the configuration that it lies in.
**
** May rely on: the gate. A message finds nothing waiting. What waits are rows (row.c), or an operator's acts on
** rows (row_act.c), never both; they are written when the gate says so (seal_held_duty). Everything is judged before anything is written, so that
** a refusal leaves no trace. Who calls: both faces, exchange/.
*/
#ifndef SEAL_HELD_H
#define SEAL_HELD_H

#include "registrar/sla/sla.h"

#define SEAL_ROW_BITS 28 /* a service's rows have ids (service << 28) + 0, 1, … */
#define SEAL_ROWS_MAX ((int64_t)1 << SEAL_ROW_BITS)
#define SEAL_CONF_ID  33 /* a derived conf_id: 32 hexadecimal digits and a NUL */

/* A key record; of the three ids at most one has a p that is not NULL. */
typedef struct SealRecord {
  SealText val_user_id, val_ue_id, client_id;
  SealText payload_id; /* which of that one's keys; p of NULL: the one without */
  SealText key_format, key_info, user_uri, skmc_uri;
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
  SealId *sorted; /* the same in storage's order, each once: configuration.c's */
  size_t n_sorted;
  SealText key_format, scope; /* key management */
  SealRecord *records;
  size_t n_records;
  int64_t id, term;     /* stored: its row, and the term that it is under; 0: not yet */
  int64_t held_records; /* stored: how many key records */
  SealGrant grant;      /* configuration.c's */
} SealService;

/* One VALServicesConfig. */
typedef struct SealConfiguration {
  const char *conf_id;
  char *derived; /* conf_id itself, if it was derived: replaced where taken; NULL: given */
  const char *seal_service;
  int64_t exp_time; /* asked for, SEAL_UNBOUNDED: none */
  SealText supp_feat;
  /* The VAL server's JSON EndPoint and URI, p of NULL: none; `contact` is 1 if they are to be stored. */
  SealText end_pt, notification_destination;
  int contact;
  SealService *services;
  size_t n_services;
  int keep;     /* services are those that are stored: only what stands beside them changes */
  int keep_end; /* and nobody asks for another end: it does not move */
  int64_t valid_until; /* out: what holds */
} SealConfiguration;

/************************************************************************************************
** configuration.c
*/
/* A message's act on a configuration: who, when, by what operation ("POST", "PUT", …). */
typedef struct SealAct {
  const SealRequester *who;
  int64_t at;
  const char *operation;
  SealTokenUse use;        /* what the requester's one-time token is consumed for */
  SealInvocation *touched; /* filled: the terms that granted it */
  SealText message_id;
} SealAct;

/* The endpoint and the destination of a VAL server, copies (sqlite3_free); NULL: none. */
int seal_contact(Seal *p, int64_t val_server, char **end_pt, char **destination);
/* Finds a configuration of this VAL server and SEAL service that is valid at `at`: its row id, or a refusal
** RESOURCE_CONTEXT_NOT_FOUND that is the same for another's and for none. */
int seal_configuration_find(Seal *p, int64_t val_server, const char *seal_service, SealText conf_id,
                            int64_t at, int64_t *id, SealError *err);
/* Stores a configuration; `replaces` is the row id of the one whose content it takes the place of
** (0: a new one, whose conf_id is written to conf_id). Consumes the token. */
int seal_configuration_put(Seal *p, const SealAct *act, SealConfiguration *conf, int64_t replaces,
                           char conf_id[SEAL_CONF_ID], SealError *err);
/* Judges a message that names a configuration and no VAL service: an invocation of the terms of those
** that the configuration has. */
int seal_configuration_authorize(Seal *p, const SealAct *act, const char *seal_service, int64_t id,
                                 SealError *err);
/* Removes one, with all that hangs on it; judged before. Consumes the token. */
int seal_configuration_delete(Seal *p, const SealAct *act, int64_t id, const char *conf_id,
                              const char *seal_service, SealError *err);

/* The operator's own acts: another end (*exp_time, NULL: the one it has), removal. */
int seal_configuration_change(Seal *p, int64_t id, const int64_t *exp_time, SealText supp_feat,
                              int64_t at);
int seal_configuration_remove(Seal *p, int64_t id, int64_t at);

/************************************************************************************************
** row.c: what waits is written when the gate says so.
*/
/* One row of seal_identity, seal_key or seal_key_record, given with its credential. */
typedef struct SealRowAsk {
  const char *seal_service;
  SealText credential, val_server_id, val_service_id, conf_id;
  SealId id;                  /* identity management; n of 0: none (key management) */
  SealText key_format, scope; /* key management */
  const SealRecord *record;   /* a row of seal_key_record */
  int64_t exp_time;           /* SEAL_UNBOUNDED: none */
  SealAt at;
  /* The message that brings it, whose requester is proved; NULL: a row with its own credential. */
  const SealAct *act;
  int on_conflict; /* sqlite3_vtab_on_conflict */
  char *
      requester; /* SEAL_ID_MAX + 1 bytes, filled with the VAL server once the credential has proved it */
} SealRowAsk;

/* Stores one row; *rowid is its id. SQLITE_CONSTRAINT_UNIQUE without a refusal in *err: it is there. */
int seal_row_insert(Seal *p, const SealRowAsk *ask, int64_t *rowid, SealError *err);
/* A message stores one key record, in the VAL server's standing configuration, whose name is written to conf_id; in the place
** of one with the same owner and payload_id. Charged as the message that it is. */
int seal_record_put(Seal *p, const SealAct *act, SealText val_service_id, const SealRecord *record,
                    char conf_id[SEAL_ID_MAX + 1], SealError *err);
/* Makes an empty configuration: a row of seal_configuration. */
int seal_row_configuration(Seal *p, const SealRowAsk *ask, SealText supp_feat, int64_t *rowid,
                           SealError *err);
/* refused.c: a row was refused, and the host goes on without it (INSERT OR IGNORE): it is audited, with its like.
** `relation` is static; `requester` may be empty: not known. */
int seal_row_refused(Seal *p, const char *relation, const char *requester, SealCause cause,
                     int64_t at);
SealRoomDuty seal_held_duty;

#endif
