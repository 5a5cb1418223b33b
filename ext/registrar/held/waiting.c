/* Rows that wait (held_int.h): identities on their way into storage, many to a statement.
**
**    row --> surely new? --yes--> wait --> 32 of them: one statement
**              |no
**              +--> what waits goes first, then this one by itself, and SQLite says whether it is there
**
** A statement's beginning and end cost as much as the row. But a row that is there already has to be
** refused at once, so only one that is surely new may wait: one of a VAL service that held nothing when
** this transaction first wrote to it, and whose fingerprint no earlier row had. A fingerprint that is
** found, or hard to find, only sends the row the exact way, so nothing is gained by forging one.
**
** When what waits is written is the gate's to say (txn.c).
*/
#include "registrar/held/held_int.h"

#include <assert.h>
#include <string.h>

#define MANY       32 /* rows of SQL_IDENTITY_INSERT_MANY */
#define PROBES     16 /* places looked at for a fingerprint */
#define SEEN_SIZE  1024
#define SEEN_LIMIT ((size_t)1 << 23) /* places: 32 MB, and no more is remembered */
#define MULTIPLIER 0x9e3779b97f4a7c15u

struct SealBatch {
  int64_t first, service; /* the first row's id */
  int n;
  SealId ids[MANY];
  char text[MANY][SEAL_ID_MAX];
};

int seal_batch_ready(SealBatch **batch) {
  if (*batch != NULL) return SQLITE_OK;
  *batch = sqlite3_malloc(sizeof **batch);
  if (*batch == NULL) return SQLITE_NOMEM;
  memset(*batch, 0, sizeof **batch);
  return SQLITE_OK;
}

void seal_batch_drop(SealBatch *batch) {
  if (batch != NULL) batch->n = 0;
}

int seal_batch_is_empty(const SealBatch *batch) {
  return batch == NULL || batch->n == 0;
}

/* Inserts n identities by a statement for as many. */
static int insert_ids(sqlite3_stmt *stmt, int64_t first, int64_t service, const SealId *ids,
                      size_t n) {
  assert(n > 0 && n <= MANY);
  int rc = sqlite3_bind_int64(stmt, 1, first);
  if (rc == SQLITE_OK) rc = sqlite3_bind_int64(stmt, 2, service);
  for (int i = 0; rc == SQLITE_OK && i < (int)n; i++) {
    rc = sqlite3_bind_text(stmt, 3 + 2 * i + ids[i].is_ue, ids[i].p, ids[i].n, SQLITE_STATIC);
    if (rc == SQLITE_OK) rc = sqlite3_bind_null(stmt, 4 + 2 * i - ids[i].is_ue);
  }
  if (rc != SQLITE_OK) return rc;
  (void)sqlite3_step(stmt);
  return sqlite3_reset(stmt);
}

int seal_ids_insert(Seal *p, int64_t first, int64_t service, const SealId *ids, size_t n) {
  static const struct {
    size_t rows;
    enum SealSql sql;
  } sizes[] = {
      {MANY, SQL_IDENTITY_INSERT_MANY}, {2, SQL_IDENTITY_INSERT_TWO}, {1, SQL_IDENTITY_INSERT}};
  int rc = SQLITE_OK;
  for (size_t k = 0, done = 0; rc == SQLITE_OK && done < n; k++) {
    sqlite3_stmt *stmt;
    if (n - done < sizes[k].rows) continue;
    rc = seal_store_prepare(seal_store(p), sizes[k].sql, &stmt);
    for (; rc == SQLITE_OK && n - done >= sizes[k].rows; done += sizes[k].rows) {
      rc = insert_ids(stmt, first + (int64_t)done, service, ids + done, sizes[k].rows);
    }
    if (stmt != NULL) (void)sqlite3_clear_bindings(stmt);
  }
  return rc;
}

int seal_batch_write(Seal *p, SealBatch *batch) {
  if (batch == NULL || batch->n == 0) return SQLITE_OK;
  assert(batch->n > 0 && batch->n <= MANY);
  int rc = seal_ids_insert(p, batch->first, batch->service, batch->ids, (size_t)batch->n);
  /* They were told to be new: someone else than the registrar wrote here. What waits stays, so that
  ** the transaction can't be committed without it. */
  if ((rc & 0xff) == SQLITE_CONSTRAINT) return SQLITE_CORRUPT_VTAB;
  if (rc == SQLITE_OK) batch->n = 0;
  return rc;
}

/************************************************************************************************
** Fingerprints, in a table with open addressing whose size is a power of two.
*/
static uint32_t fingerprint(const SealId *id) {
  uint64_t hash = (uint64_t)id->n * 2 + (uint64_t)id->is_ue, word;
  int i = 0;
  for (; i + 8 <= id->n; i += 8) {
    memcpy(&word, id->p + i, 8);
    hash = (hash ^ word) * MULTIPLIER;
    hash ^= hash >> 32;
  }
  word = 0;
  memcpy(&word, id->p + i, (size_t)(id->n - i));
  hash = (hash ^ word) * MULTIPLIER;
  uint32_t result = (uint32_t)(hash >> 32);
  return result ? result : 1; /* 0 is an empty place */
}

/* Puts a fingerprint where it belongs; 0 when it is there already or its neighbourhood is full. */
static int seen_put(SealSeen *seen, uint32_t print) {
  assert(print != 0 && (seen->size & (seen->size - 1)) == 0);
  for (uint32_t k = 0; k < PROBES; k++) {
    uint32_t *place = &seen->places[(print + k) & (seen->size - 1)];
    if (*place == print) return 0;
    if (*place != 0) continue;
    *place = print;
    seen->n++;
    return 1;
  }
  return 0;
}

void seal_seen_clear(SealSeen *seen) {
  sqlite3_free(seen->places);
  memset(seen, 0, sizeof *seen);
}

/* Makes the table larger; when there is no memory for it, or a fingerprint finds no place, nothing is
** sure any longer. */
static void seen_grow(SealSeen *seen) {
  SealSeen larger = {.sure = 1, .size = seen->size ? seen->size * 2 : SEEN_SIZE};
  if (larger.size <= SEEN_LIMIT) larger.places = sqlite3_malloc64(larger.size * sizeof(uint32_t));
  if (larger.places == NULL) larger.sure = 0;
  if (larger.sure) memset(larger.places, 0, larger.size * sizeof(uint32_t));
  for (size_t i = 0; larger.sure && i < seen->size; i++) {
    if (seen->places[i] != 0) larger.sure = seen_put(&larger, seen->places[i]);
  }
  seal_seen_clear(seen);
  if (larger.sure) {
    *seen = larger;
  } else {
    seal_seen_clear(&larger);
  }
}

/* 1 if the identity is surely new; remembers it. */
static int is_new(SealSeen *seen, const SealId *id) {
  if (seen->sure && 2 * seen->n >= seen->size) seen_grow(seen);
  return seen->sure && seen_put(seen, fingerprint(id));
}

int seal_batch_insert(Seal *p, SealBatch *batch, SealSeen *seen, int64_t rowid, int64_t service,
                      const SealId *id) {
  int rc = SQLITE_OK, waits = is_new(seen, id);
  assert(id->n > 0 && id->n <= SEAL_ID_MAX);
  if (!waits || batch->service != service || batch->first + batch->n != rowid) {
    rc = seal_batch_write(p, batch);
  }
  if (rc != SQLITE_OK) return rc;
  if (!waits) return seal_ids_insert(p, rowid, service, id, 1);
  if (batch->n == 0) {
    batch->first = rowid;
    batch->service = service;
  }
  memcpy(batch->text[batch->n], id->p, (size_t)id->n);
  batch->ids[batch->n] = (SealId){batch->text[batch->n], id->n, id->is_ue};
  return ++batch->n == MANY ? seal_batch_write(p, batch) : SQLITE_OK;
}
