/* Refusals (registrar.h): the causes, and what every floor above says of them.
*/
#include "registrar/registrar.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

static const struct {
  const char *text;
  int status;
} causes[SEAL_CAUSE_COUNT] = {
    {"", 200},
#define X(NAME, STATUS) {#NAME, STATUS},
#include "registrar/cause.inc"
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

/* The length of the UTF-8 sequence at p, of n bytes that are left; 0 when there is none. */
static int utf8_length(const unsigned char *p, size_t n) {
  if (p[0] < 0x80) return 1;
  int len = p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;
  if (len == 0 || p[0] > 0xf4 || (size_t)len > n) return 0;
  for (int i = 1; i < len; i++) {
    if ((p[i] & 0xc0) != 0x80) return 0;
  }
  if (p[0] == 0xe0 && p[1] < 0xa0) return 0; /* overlong */
  if (p[0] == 0xed && p[1] > 0x9f) return 0; /* surrogates */
  if (p[0] == 0xf0 && p[1] < 0x90) return 0; /* overlong */
  if (p[0] == 0xf4 && p[1] > 0x8f) return 0; /* above U+10FFFF */
  return len;
}

int seal_is_utf8(const char *p, size_t n) {
  const unsigned char *at = (const unsigned char *)p, *end = at + n;
  uint64_t eight;
  while (at < end) {
    if (end - at >= 8 && (memcpy(&eight, at, 8), (eight & 0x8080808080808080u) == 0)) {
      at += 8; /* ASCII */
      continue;
    }
    int len = utf8_length(at, (size_t)(end - at));
    if (len == 0) return 0;
    at += len;
  }
  return 1;
}

int seal_is_id(SealText text) {
  if (text.p == NULL || text.n < 1 || text.n > SEAL_ID_MAX) return 0;
  return memchr(text.p, 0, (size_t)text.n) == NULL && seal_is_utf8(text.p, (size_t)text.n);
}

int seal_is_scope(SealText text) {
  if (!seal_is_id(text)) return 0;
  for (int i = 0; i < text.n; i++) {
    unsigned char c = (unsigned char)text.p[i];
    int space = c == ' ';
    if (space && (i == 0 || i == text.n - 1 || text.p[i - 1] == ' ')) return 0;
    if (c < 0x20 || c == 0x7f) return 0;
  }
  return 1;
}

const char *seal_quote(SealText text, char out[SEAL_QUOTE_MAX + 8]) {
  const unsigned char *p = (const unsigned char *)text.p;
  size_t left = text.p ? (size_t)text.n : 0;
  int n = 0;
  while (left > 0) {
    int len = utf8_length(p, left);
    if (n + (len ? len : 1) > SEAL_QUOTE_MAX) break;
    if (len == 0 || *p < 0x20 || *p == 0x7f) {
      out[n++] = '?';
      len = 1;
    } else {
      memcpy(out + n, p, (size_t)len);
      n += len;
    }
    p += len;
    left -= (size_t)len;
  }
  if (left > 0) {
    memcpy(out + n, "...", 3);
    n += 3;
  }
  out[n] = 0;
  return out;
}

const char *seal_service_name(SealText text) {
  static const char *const names[] = {
      SEAL_IDM,
      SEAL_KM,
      "group-management",
      "configuration-management",
      "location-management",
      "network-resource-management",
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (text.p != NULL && (size_t)text.n == strlen(names[i]) &&
        memcmp(text.p, names[i], (size_t)text.n) == 0) {
      return names[i];
    }
  }
  return NULL;
}
