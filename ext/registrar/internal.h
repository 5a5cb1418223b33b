/* What the files of registrar/ share among themselves and show to no other floor.
*/
#ifndef SEAL_REGISTRAR_INTERNAL_H
#define SEAL_REGISTRAR_INTERNAL_H

#include "registrar/registrar.h"

/************************************************************************************************
** authenticate.c: keys that were parsed and tokens that were verified, for this connection.
*/
SealKeyCache *seal_keys_new(void);
void seal_keys_free(SealKeyCache *keys);

/************************************************************************************************
** ledger.c
*/
/* Reads the head of the audit chain into p, once per transaction. */
int seal_audit_head(Seal *p);
/* This transaction's number: one more than the audit chain was long when it was first asked for. A
** transaction that uses it also writes an audit entry, so no two that commit have the same. */
int seal_transaction_number(Seal *p, int64_t *txn);
/* What one transaction's row inserts for one VAL server and SEAL service add up to: one chargeable
** event, which later rows of the same transaction add to. */
int seal_usage_rows(Seal *p, int64_t time, int64_t val_server, const char *seal_service,
                    const char *conf_id, int64_t identities, int64_t key_records);

/************************************************************************************************
** provision.c
*/
/* Counts identities and key records as held by a VAL server under a term, until an instant. */
int seal_hold(Seal *p, int64_t term, int64_t until, int64_t val_server, int64_t identities,
              int64_t key_records);
/* Makes the storage rows of a configuration, and of a VAL service in it; gives their ids. */
int seal_configuration_make(Seal *p, const SealConfiguration *conf, int64_t val_server,
                            int64_t until, int64_t at, int64_t *id);
int seal_service_make(Seal *p, int64_t configuration, const SealService *service, int64_t *id);

/************************************************************************************************
** batch.c: identities on their way into storage.
*/
/* What a VAL service holds, if all of it was stored by this transaction. */
typedef struct SealSeen {
  uint32_t *places;
  size_t size, n;
  int sure; /* set by the caller for a service that holds nothing */
} SealSeen;
void seal_seen_clear(SealSeen *seen);

SealBatch *seal_batch_new(void);
/* Forgets what waits. */
void seal_batch_drop(SealBatch *batch);
/* Stores n identities as rows with ids from `first` on. */
int seal_ids_insert(Seal *p, int64_t first, int64_t service, const SealId *ids, size_t n);
/* Stores one identity, now or with others; SQLITE_CONSTRAINT_UNIQUE if the service holds it already. */
int seal_batch_insert(Seal *p, SealSeen *seen, int64_t rowid, int64_t service, const SealId *id);

/************************************************************************************************
** row.c: what row inserts have yet to write to counters and ledgers.
*/
SealPending *seal_pending_new(void);
void seal_pending_free(SealPending *pending);
/* Forgets what is pending, and what was found out for later rows of the same transaction. */
void seal_pending_drop(SealPending *pending);

#endif
