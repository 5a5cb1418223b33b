/* Places (exchange_int.h): how far a SEAL server is, as text that it keeps and gives back.
**
**    1794268800.57.9f3c…               every change up to 57, of the epoch 1794268800, whose change 57 has the hash 9f3c…
**    1794268800.57.9f3c….c42           every change up to 42
**    1794268800.57.9f3c….c42.t5        the same, and of 43's object the terms up to row id 5
**    1794268800.57.9f3c….c42.s12.R     the same, and of 43's object the VAL services up to row id 12, and of that
**                                      one the rows up to row id R
**    1794268800.57.9f3c….f42.3.17      a full copy of what change 42 left: of the fourth kind of object those up
**                                      to row id 17; .t and .s: and of 17 so much
**
** 57 is the last change when the bundle was made that led there: what it told is of that state. So it is the
** hash of that change by which a registrar knows its own history again: of the change as it stands in the feed,
** and of the audit chain before it.
*/
#include "registrar/exchange/exchange_int.h"

#include <stdlib.h>
#include <string.h>

/* Reads a number and what stands behind it. -1: there is none. */
static int64_t read_number(const char **text) {
  char *end;
  if (**text < '0' || **text > '9') return -1;
  long long n = strtoll(*text, &end, 10);
  *text = end;
  return n;
}

/* The same behind a point and a letter (0: none). -1: there is none. */
static int64_t read_behind(const char **text, char letter) {
  if (**text != '.' || (letter && (*text)[1] != letter)) return -1;
  *text += letter ? 2 : 1;
  return read_number(text);
}

static int read_hash(const char **text, char out[SEAL_PLACE_HASH + 1]) {
  const char *digits = *text + 1;
  if (**text != '.' || strspn(digits, "0123456789abcdef") != SEAL_PLACE_HASH) return -1;
  memcpy(out, digits, SEAL_PLACE_HASH);
  out[SEAL_PLACE_HASH] = 0;
  *text = digits + SEAL_PLACE_HASH;
  return 0;
}

/* Where an object is cut, if it is. */
static int read_cut(const char **text, SealCut *out) {
  memset(out, 0, sizeof *out);
  if (**text == 0) return 0;
  out->stage = (*text)[1];
  if (out->stage != 't' && out->stage != 's') return -1;
  out->a = read_behind(text, out->stage);
  if (out->stage == 's') out->b = read_behind(text, 0);
  return out->a < 0 || out->b < 0 ? -1 : 0;
}

int seal_place_read(const char *text, SealPlace *out) {
  *out = (SealPlace){.epoch = -1, .kind = -1};
  int64_t n = read_number(&text);
  if (n >= 0 && *text == 0) {
    out->seq = out->last = n;
    return 0;
  }
  out->epoch = n;
  out->last = out->seq = read_behind(&text, 0);
  if (n < 0 || out->last < 0 || read_hash(&text, out->hash) != 0) return -1;
  if (*text == 0) return 0;
  if (text[1] == 'f') {
    out->seq = read_behind(&text, 'f');
    int64_t kind = read_behind(&text, 0);
    out->kind = kind >= 0 && kind < 100 ? (int)kind : -1;
    out->id = read_behind(&text, 0);
    if (out->kind < 0 || out->id < 0) return -1;
  } else {
    out->seq = read_behind(&text, 'c');
  }
  if (out->seq < 0 || out->seq > out->last || read_cut(&text, &out->cut) != 0) return -1;
  return *text == 0 ? 0 : -1;
}

void seal_place_write(const SealPlace *place, char to[SEAL_PLACE]) {
  char copy[64] = "", cut[64] = "";
  if (place->kind >= 0) {
    sqlite3_snprintf(sizeof copy, copy, ".f%lld.%d.%lld", (long long)place->seq, place->kind,
                     (long long)place->id);
  } else if (place->seq != place->last || place->cut.stage) {
    sqlite3_snprintf(sizeof copy, copy, ".c%lld", (long long)place->seq);
  }
  if (place->cut.stage == 't') {
    sqlite3_snprintf(sizeof cut, cut, ".t%lld", (long long)place->cut.a);
  } else if (place->cut.stage == 's') {
    sqlite3_snprintf(sizeof cut, cut, ".s%lld.%lld", (long long)place->cut.a,
                     (long long)place->cut.b);
  }
  sqlite3_snprintf(SEAL_PLACE, to, "%lld.%lld.%s%s%s", (long long)place->epoch,
                   (long long)place->last, place->hash, copy, cut);
}

/* The bytes that a change is known by: its columns, each with its length, none as "~,". */
static int change_bytes(sqlite3_stmt *row, sqlite3_str *out) {
  for (int i = 0; i <= CHANGE_AT_HASH; i++) {
    if (sqlite3_column_type(row, i) == SQLITE_NULL) {
      sqlite3_str_appendall(out, "~,");
      continue;
    }
    const char *bytes = sqlite3_column_blob(row, i);
    int n = sqlite3_column_bytes(row, i);
    sqlite3_str_appendf(out, "%d:", n);
    if (n > 0) sqlite3_str_append(out, bytes, n);
    sqlite3_str_appendchar(out, 1, ',');
  }
  return sqlite3_str_errcode(out);
}

int seal_place_hash(Seal *p, int64_t seq, char out[SEAL_PLACE_HASH + 1]) {
  unsigned char hash[SEAL_SHA256_SIZE];
  sqlite3_stmt *row = NULL;
  memset(hash, 0, sizeof hash);
  int rc = seq == 0 ? SQLITE_ROW : seal_store_row(seal_store(p), SQL_CHANGE_AT, &row, "i", seq);
  if (rc == SQLITE_ROW && seq != 0) {
    sqlite3_str *text = sqlite3_str_new(NULL);
    rc = change_bytes(row, text);
    if (rc == SQLITE_OK) {
      rc = seal_reason_rc(seal_sha256(seal_crypto(p), sqlite3_str_value(text),
                                      (size_t)sqlite3_str_length(text), hash));
    }
    sqlite3_free(sqlite3_str_finish(text));
    if (rc == SQLITE_OK) rc = SQLITE_ROW;
  }
  if (seq != 0) seal_store_reset(row);
  if (rc != SQLITE_ROW) return rc;
  for (int i = 0; i < SEAL_PLACE_HASH / 2; i++) sqlite3_snprintf(3, out + 2 * i, "%02x", hash[i]);
  return SQLITE_OK;
}
