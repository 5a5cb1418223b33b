/* Refusals (refusal.h): the causes, and what every floor above says of them.
*/
#include "registrar/txn/refusal.h"
#include "store/store.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

static const struct {
  const char *text;
  int status;
} causes[SEAL_CAUSE_COUNT] = {
    {"", 200},
#define X(NAME, STATUS) {#NAME, STATUS},
#include "registrar/txn/cause.inc"
#undef X
};

const char *seal_cause_text(SealCause cause) {
  assert(cause < SEAL_CAUSE_COUNT);
  return causes[cause].text;
}

int seal_cause_status(SealCause cause) {
  assert(cause < SEAL_CAUSE_COUNT);
  return causes[cause].status;
}

int seal_refuse(SealError *err, SealCause cause, const char *format, ...) {
  if (err->cause != SEAL_CAUSE_NONE) return SQLITE_CONSTRAINT_VTAB;
  va_list ap;
  va_start(ap, format);
  err->detail = sqlite3_vmprintf(format, ap);
  va_end(ap);
  if (err->detail == NULL) return SQLITE_NOMEM;
  err->cause = cause;
  return SQLITE_CONSTRAINT_VTAB;
}

int seal_lost(SealError *err, const char *relation, int64_t id) {
  int rc =
      seal_refuse(err, SEAL_SYSTEM_FAILURE, "seal_%s: the sealed value of row %lld does not hold",
                  relation, (long long)id);
  return rc == SQLITE_NOMEM ? rc : SQLITE_CORRUPT_VTAB;
}

int seal_fault(SealError *err, SealCause cause, const char *param, const char *reason) {
  if (err->n_faults >= SEAL_FAULTS_MAX) return SQLITE_CONSTRAINT_VTAB;
  SealFault *faults = sqlite3_realloc64(err->faults, (err->n_faults + 1) * sizeof *faults);
  if (faults == NULL) return SQLITE_NOMEM;
  err->faults = faults;
  SealFault *fault = &faults[err->n_faults];
  fault->param = sqlite3_mprintf("%s", param);
  fault->reason = sqlite3_mprintf("%s", reason);
  if (fault->param == NULL || fault->reason == NULL) {
    sqlite3_free(fault->param);
    sqlite3_free(fault->reason);
    return SQLITE_NOMEM;
  }
  err->n_faults++;
  return seal_refuse(err, cause, "%s: %s", param, reason);
}

void seal_error_clear(SealError *err) {
  for (int i = 0; i < err->n_faults; i++) {
    sqlite3_free(err->faults[i].param);
    sqlite3_free(err->faults[i].reason);
  }
  sqlite3_free(err->faults);
  sqlite3_free(err->detail);
  memset(err, 0, sizeof *err);
}

void seal_log(int rc, int refused, int64_t written, const char *text) {
  char piece[SEAL_LOG_PIECE + 1];
  size_t n = strlen(text), from = 0;
  do {
    size_t length = n - from < SEAL_LOG_PIECE ? n - from : SEAL_LOG_PIECE;
    for (size_t i = 0; i < length; i++) {
      unsigned char c = (unsigned char)text[from + i];
      piece[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    piece[length] = 0;
    if (from > 0) {
      sqlite3_log(rc, "seal more: %s", piece);
    } else {
      sqlite3_log(rc, "seal %s %lld: %s", refused ? "refused" : "failed", (long long)written,
                  piece);
    }
    from += length;
  } while (from < n);
}
