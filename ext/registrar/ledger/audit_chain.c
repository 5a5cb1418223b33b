/* The audit chain (ledger.h): verified, signed, and cut at its old end.
**
**    pruned         checkpoint                       head
**    +---+     +---+     +---+     +---+     +---+     +---+
**    |...| ... |   | --> | C | --> |   | --> | C | --> |   |     each entry's hash covers the one before
**    +---+     +---+     +---+     +---+     +---+     +---+
**                          |                   |
**                         JWS {seq, hash, usage, time} kept elsewhere
**
** A change of any byte shows in the entry that it was made in, a missing entry in its number: that is what the chain
** says of itself. Who can write the file can also make all of it anew, hashes, checkpoints and their keys. So what is
** to be relied on is kept elsewhere: the head's number and hash, or a checkpoint, which says both and is signed, so
** that whoever keeps it need not be believed. Neither a shorter chain nor one that was made anew has them. Pruning
** stops at a checkpoint, whose hash is where verification then begins.
*/
#include "registrar/ledger/notification.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What an entry's hash is over: grown as needed, reused for the next. */
typedef struct Text {
  char *p;
  size_t n, size;
} Text;

static int reserve(Text *text, size_t more) {
  if (text->size - text->n >= more) return SQLITE_OK;
  size_t size = (text->n + more) * 2;
  char *p = sqlite3_realloc64(text->p, size);
  if (p == NULL) return SQLITE_NOMEM;
  text->p = p;
  text->size = size;
  return SQLITE_OK;
}

/* Writes a number in decimal; gives its length. */
static size_t decimal(char out[24], int64_t value) {
  char digits[24];
  size_t n = 0, k = 0;
  uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do {
    digits[n++] = (char)('0' + left % 10);
    left /= 10;
  } while (left > 0);
  if (value < 0) out[k++] = '-';
  while (n > 0) out[k++] = digits[--n];
  return k;
}

/* Appends "N:bytes," or, for none, "~,". */
static int append_field(Text *text, const void *p, size_t n) {
  int rc = reserve(text, n + 32);
  if (rc != SQLITE_OK) return rc;
  if (p == NULL) {
    memcpy(text->p + text->n, "~,", 2);
    text->n += 2;
    return SQLITE_OK;
  }
  text->n += decimal(text->p + text->n, (int64_t)n);
  text->p[text->n++] = ':';
  memcpy(text->p + text->n, p, n);
  text->n += n;
  text->p[text->n++] = ',';
  return SQLITE_OK;
}

static int append_int(Text *text, int64_t value) {
  char digits[24];
  return append_field(text, digits, decimal(digits, value));
}

/* Appends a column that must be text (or NULL, where it may be); *bad is set when it is not. A value
** is asked once for the column and then directly: each question to the row takes the connection's
** mutex, which the function that calls us holds. */
static int append_column(Text *text, sqlite3_stmt *row, int i, int *bad) {
  sqlite3_value *value = sqlite3_column_value(row, i);
  int type = sqlite3_value_type(value);
  if (type == SQLITE_NULL && (i == AUDIT_WALK_CAUSE || i == AUDIT_WALK_DETAIL))
    return append_field(text, NULL, 0);
  if (type != SQLITE_TEXT) {
    *bad = 1;
    return SQLITE_OK;
  }
  const void *p = sqlite3_value_text(value);
  return p ? append_field(text, p, (size_t)sqlite3_value_bytes(value)) : SQLITE_NOMEM;
}

/* The walk along the chain. */
typedef struct Walk {
  Seal *p;
  Text text;
  int64_t seq; /* the last entry that holds */
  int old;     /* it was written by release 0.1.0: none of its form comes after one of ours */
  unsigned char hash[SEAL_SHA256_SIZE];
  sqlite3_stmt *checkpoint; /* on the next one; NULL: there is none */
} Walk;

/* Judges the entry in `row` as the next one; *bad is 1 if it does not hold. */
static int walk_entry(Walk *walk, sqlite3_stmt *row, int *bad) {
  Text *text = &walk->text;
  sqlite3_value *time = sqlite3_column_value(row, AUDIT_WALK_TIME),
                *written = sqlite3_column_value(row, AUDIT_WALK_WRITTEN_TIME),
                *hash = sqlite3_column_value(row, AUDIT_WALK_HASH);
  int form = sqlite3_value_type(written);
  text->n = 0;
  *bad = !(form == SQLITE_INTEGER || (form == SQLITE_NULL && walk->old)) ||
         sqlite3_column_int64(row, AUDIT_WALK_SEQ) != walk->seq + 1 ||
         sqlite3_value_type(time) != SQLITE_INTEGER || sqlite3_value_type(hash) != SQLITE_BLOB ||
         sqlite3_value_bytes(hash) != SEAL_SHA256_SIZE;
  if (*bad) return SQLITE_OK;
  int rc = reserve(text, SEAL_SHA256_SIZE);
  if (rc != SQLITE_OK) return rc;
  memcpy(text->p, walk->hash, SEAL_SHA256_SIZE);
  text->n = SEAL_SHA256_SIZE;
  rc = append_int(text, walk->seq + 1);
  if (rc == SQLITE_OK) rc = append_int(text, sqlite3_value_int64(time));
  walk->old = form == SQLITE_NULL;
  if (rc == SQLITE_OK && !walk->old) rc = append_int(text, sqlite3_value_int64(written));
  for (int i = AUDIT_WALK_ACTOR; rc == SQLITE_OK && i <= AUDIT_WALK_DETAIL; i++) {
    rc = append_column(text, row, i, bad);
  }
  if (rc != SQLITE_OK || *bad) return rc;
  rc = seal_reason_rc(seal_sha256(seal_crypto(walk->p), text->p, text->n, walk->hash));
  *bad = memcmp(walk->hash, sqlite3_value_blob(hash), SEAL_SHA256_SIZE) != 0;
  return rc;
}

/* 1 in *good if the JWS was signed by a key of the registrar and says this entry and hash. */
static int check_signature(Seal *p, SealText jws, int64_t seq, const unsigned char *hash,
                           int *good) {
  SealKeySet *set = NULL;
  SealJws read;
  sqlite3_stmt *row;
  SealPeek peek;
  char hex[2 * SEAL_SHA256_SIZE + 1];
  memset(&read, 0, sizeof read);
  memset(&peek, 0, sizeof peek);
  *good = 0;
  int rc = seal_reason_rc(seal_jwt_peek(jws.p, (size_t)jws.n, &peek));
  if (rc == SQLITE_OK) {
    rc = seal_store_row(seal_store(p), SQL_SIGNING_PUBLIC, &row, "t",
                        json_string_value(json_object_get(peek.header, "kid")));
    if (rc == SQLITE_ROW) {
      SealText key = seal_column_bytes(row, SIGNING_PUBLIC_PUBLIC);
      rc = seal_reason_rc(
          seal_keyset_parse(seal_crypto(p), key.p, (size_t)key.n, SEAL_KEYSET_PUBLIC, &set));
    }
    seal_store_reset(row);
    if (rc == SQLITE_DONE) rc = SQLITE_CONSTRAINT_VTAB;
  }
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(seal_jws_verify(seal_crypto(p), jws.p, (size_t)jws.n, set, NULL, &read));
  }
  json_t *payload = NULL;
  if (rc == SQLITE_OK) {
    rc =
        seal_reason_rc(seal_json_parse((const char *)read.payload, read.payload_size, 4, &payload));
  }
  if (rc == SQLITE_OK) {
    for (int i = 0; i < SEAL_SHA256_SIZE; i++) sqlite3_snprintf(3, hex + 2 * i, "%02x", hash[i]);
    const char *said = json_string_value(json_object_get(payload, "hash"));
    *good = said != NULL && strcmp(said, hex) == 0 &&
            json_integer_value(json_object_get(payload, "seq")) == seq;
  }
  json_decref(payload);
  seal_jws_clear(&read);
  seal_keyset_free(set);
  json_decref(peek.header);
  json_decref(peek.claims);
  return rc == SQLITE_CONSTRAINT_VTAB ? SQLITE_OK : rc;
}

/* Steps to the next checkpoint. */
static int checkpoint_next(Walk *walk) {
  int rc = sqlite3_step(walk->checkpoint);
  if (rc == SQLITE_ROW) return SQLITE_OK;
  seal_store_reset(walk->checkpoint);
  walk->checkpoint = NULL;
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Where the walk has come to a checkpoint: the checkpoint must say what the chain does. */
static int walk_checkpoint(Walk *walk, int *bad) {
  int rc = SQLITE_OK;
  *bad = 0;
  while (rc == SQLITE_OK && !*bad && walk->checkpoint != NULL &&
         sqlite3_column_int64(walk->checkpoint, CHECKPOINT_WALK_SEQ) == walk->seq) {
    sqlite3_stmt *row = walk->checkpoint;
    int good = 0;
    if (sqlite3_column_bytes(row, CHECKPOINT_WALK_HASH) == SEAL_SHA256_SIZE &&
        memcmp(sqlite3_column_blob(row, CHECKPOINT_WALK_HASH), walk->hash, SEAL_SHA256_SIZE) == 0) {
      SealText jws = seal_column_text(row, CHECKPOINT_WALK_JWS);
      good = jws.n == 0 && walk->old; /* where the upgrade found the end of 0.1.0's chain */
      if (!good) rc = check_signature(walk->p, jws, walk->seq, walk->hash, &good);
    }
    *bad = !good;
    if (rc == SQLITE_OK && good) rc = checkpoint_next(walk);
  }
  return rc;
}

/* Begins where the chain was cut, or before its first entry. */
static int walk_begin(Walk *walk, Seal *p) {
  sqlite3_stmt *row;
  memset(walk, 0, sizeof *walk);
  walk->p = p;
  walk->old = 1;
  int rc = seal_store_row(seal_store(p), SQL_AUDIT_BASE, &row, "");
  if (rc == SQLITE_ROW && sqlite3_column_bytes(row, AUDIT_BASE_HASH) == SEAL_SHA256_SIZE) {
    walk->seq = sqlite3_column_int64(row, AUDIT_BASE_SEQ);
    memcpy(walk->hash, sqlite3_column_blob(row, AUDIT_BASE_HASH), SEAL_SHA256_SIZE);
  }
  seal_store_reset(row);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return rc;
  rc = seal_store_row(seal_store(p), SQL_CHECKPOINT_WALK, &walk->checkpoint, "i", walk->seq);
  if (rc == SQLITE_ROW) return SQLITE_OK;
  seal_store_reset(walk->checkpoint);
  walk->checkpoint = NULL;
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int seal_audit_verify(Seal *p, int64_t through, const unsigned char *hash, int64_t *first_bad) {
  Walk walk;
  sqlite3_stmt *row = NULL;
  int bad = 0;
  assert(hash == NULL || through != SEAL_UNBOUNDED);
  int rc = walk_begin(&walk, p);
  if (rc == SQLITE_OK) rc = walk_checkpoint(&walk, &bad);
  *first_bad = bad ? walk.seq : 0;
  int64_t least = through == SEAL_UNBOUNDED ? 0 : through;
  if (rc == SQLITE_OK && !bad) {
    rc = seal_store_row(seal_store(p), SQL_AUDIT_WALK, &row, "i", through);
  }
  while (rc == SQLITE_ROW && !bad) {
    rc = walk_entry(&walk, row, &bad);
    if (rc == SQLITE_OK) walk.seq++;
    if (rc == SQLITE_OK && !bad) rc = walk_checkpoint(&walk, &bad);
    if (bad) *first_bad = walk.seq;
    if (rc == SQLITE_OK && !bad) rc = sqlite3_step(row);
  }
  if (rc == SQLITE_DONE) {
    rc = SQLITE_OK;
    int cut = walk.checkpoint != NULL &&
              sqlite3_column_int64(walk.checkpoint, CHECKPOINT_WALK_SEQ) <= through;
    if (cut || walk.seq < least) *first_bad = walk.seq + 1;
  }
  if (rc == SQLITE_OK && *first_bad == 0 && hash != NULL &&
      (walk.seq != through || memcmp(walk.hash, hash, SEAL_SHA256_SIZE) != 0)) {
    *first_bad = through; /* also where it was pruned: nothing says what it was */
  }
  seal_store_reset(row);
  seal_store_reset(walk.checkpoint);
  sqlite3_free(walk.text.p);
  return rc;
}

/************************************************************************************************
** Commands.
*/
/* What a checkpoint signs: the head of the chain, and how far the usage ledger had come. */
static char *payload_text(Seal *p, int64_t at, int64_t usage) {
  char time[SEAL_INSTANT_SIZE], hex[2 * SEAL_SHA256_SIZE + 1];
  seal_instant_text(at, time);
  for (int i = 0; i < SEAL_SHA256_SIZE; i++) {
    sqlite3_snprintf(3, hex + 2 * i, "%02x", seal_txn(p)->audit_hash[i]);
  }
  return sqlite3_mprintf("{\"seq\":%lld,\"hash\":\"%s\",\"usage\":%lld,\"time\":\"%s\"}",
                         (long long)seal_txn(p)->audit_seq, hex, (long long)usage, time);
}

int seal_checkpoint(Seal *p, int64_t at, char **jws, SealError *err) {
  SealKey *key = NULL;
  char *payload = NULL, *signed_text = NULL;
  int64_t usage = 0;
  *jws = NULL;
  int rc = seal_signing_key(p, &key, err);
  if (rc == SQLITE_OK) rc = seal_audit_head(p);
  if (rc == SQLITE_OK) rc = seal_usage_last(p, &usage);
  if (rc == SQLITE_OK && (payload = payload_text(p, at, usage)) == NULL) rc = SQLITE_NOMEM;
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(seal_jws_sign(seal_crypto(p), key, SEAL_CHECKPOINT_TYP, payload,
                                      strlen(payload), &signed_text));
  }
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_CHECKPOINT_INSERT, "ibtii", seal_txn(p)->audit_seq,
                        seal_txn(p)->audit_hash, SEAL_SHA256_SIZE, signed_text, at, usage);
  }
  if (rc == SQLITE_OK && (*jws = sqlite3_mprintf("%s", signed_text)) == NULL) rc = SQLITE_NOMEM;
  seal_key_free(key);
  sqlite3_free(payload);
  free(signed_text);
  return rc;
}

int seal_export_mark(Seal *p, int64_t seq, int64_t *marked, SealError *err) {
  sqlite3_stmt *row;
  *marked = 0;
  int rc = seal_store_row(seal_store(p), SQL_CHECKPOINT_BEFORE, &row, "i", seq);
  if (rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE) return rc;
  if (rc == SQLITE_ROW) *marked = sqlite3_column_int64(row, CHECKPOINT_BEFORE_SEQ);
  seal_store_reset(row);
  if (*marked != 0) return seal_store_run(seal_store(p), SQL_CHECKPOINT_EXPORTED, "i", *marked);
  return seal_refuse(err, SEAL_MODIFICATION_NOT_ALLOWED,
                     "there is no checkpoint at or before entry %lld", (long long)seq);
}

/* The checkpoint up to which everything is older than `before` and was exported; *seq is 0 for none. */
static int prune_end(Seal *p, int64_t before, int64_t *seq, int64_t *usage, int64_t *time) {
  sqlite3_stmt *row;
  *seq = 0;
  int rc = seal_store_row(seal_store(p), SQL_PRUNE_END, &row, "i", before);
  if (rc == SQLITE_ROW) {
    *seq = sqlite3_column_int64(row, PRUNE_END_SEQ);
    *usage = sqlite3_column_int64(row, PRUNE_END_USAGE);
    *time = sqlite3_column_int64(row, PRUNE_END_TIME);
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Of what was held goes what is charged, and of charging records what was taken. */
static int prune_held(Seal *p, int64_t before, SealPruned *out) {
  int64_t charged = seal_txn(p)->charged;
  int64_t held = before < charged ? before : charged;
  int rc = seal_store_run(seal_store(p), SQL_PRUNE_OCCUPANCY, "i", held);
  if (rc == SQLITE_OK) {
    out->occupancy = sqlite3_changes64(seal_db(p));
    rc = seal_store_run(seal_store(p), SQL_PRUNE_OCCUPANCY_TERM, "i", held);
  }
  if (rc == SQLITE_OK) rc = seal_store_run(seal_store(p), SQL_PRUNE_CHARGE, "i", before);
  if (rc == SQLITE_OK) out->charge = sqlite3_changes64(seal_db(p));
  return rc;
}

int seal_prune(Seal *p, int64_t before, SealPruned *out, SealError *err) {
  int64_t seq = 0, usage = 0, time = 0, bad = 0;
  memset(out, 0, sizeof *out);
  int rc = seal_audit_head(p); /* before its entries go: it says what is charged */
  if (rc == SQLITE_OK) rc = prune_end(p, before, &seq, &usage, &time);
  if (rc == SQLITE_OK && seq == 0) {
    rc = seal_refuse(err, SEAL_MODIFICATION_NOT_ALLOWED,
                     "nothing before that instant was check-pointed and exported");
  }
  if (rc == SQLITE_OK) rc = seal_audit_verify(p, seq, NULL, &bad);
  if (rc == SQLITE_OK && bad != 0) {
    rc = seal_refuse(err, SEAL_MODIFICATION_NOT_ALLOWED,
                     "audit entry %lld does not hold: nothing is pruned", (long long)bad);
  }
  if (rc == SQLITE_OK) rc = seal_store_run(seal_store(p), SQL_PRUNE_AUDIT, "i", seq);
  if (rc == SQLITE_OK) {
    out->audit = sqlite3_changes64(seal_db(p));
    rc = seal_store_run(seal_store(p), SQL_PRUNE_USAGE_UNIT, "ii", usage, before);
  }
  if (rc == SQLITE_OK) rc = seal_store_run(seal_store(p), SQL_PRUNE_USAGE, "ii", usage, before);
  if (rc == SQLITE_OK) {
    out->usage = sqlite3_changes64(seal_db(p));
    rc = seal_store_run(seal_store(p), SQL_CHECKPOINT_FORGET, "i", seq);
  }
  if (rc == SQLITE_OK) rc = seal_store_run(seal_store(p), SQL_CHECKPOINT_BASE, "i", seq);
  if (rc == SQLITE_OK) rc = prune_held(p, before < time ? before : time, out);
  if (rc == SQLITE_OK) {
    int64_t end = before < time ? before : time;
    rc = seal_store_run(seal_store(p), SQL_PRUNE_NOTIFICATION, "ii", end,
                        end - SEAL_NOTIFICATION_DEAD);
  }
  if (rc == SQLITE_OK) out->notification = sqlite3_changes64(seal_db(p));
  out->through = seq;
  return rc;
}
