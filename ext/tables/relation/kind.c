/* The kinds of column (relation.h): what a value must be before it is stored.
**
**    char problem[SEAL_PROBLEM];
**    if (seal_kind_check(column, value, problem, sizeof problem) < 0) ... "is not an instant ..."
*/
#include "base/address.h"
#include "tables/relation/relation.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

int seal_value_instant(sqlite3_value *value, int64_t *out) {
  int type = sqlite3_value_type(value);
  if (type == SQLITE_INTEGER) {
    *out = sqlite3_value_int64(value);
    return *out >= SEAL_INSTANT_MIN && *out <= SEAL_INSTANT_MAX ? 0 : -1;
  }
  if (type != SQLITE_TEXT) return -1;
  const char *text = (const char *)sqlite3_value_text(value);
  if (text == NULL) return -1;
  return seal_instant_parse(text, (size_t)sqlite3_value_bytes(value), out);
}

static int problem_is(char *problem, int size, const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  sqlite3_vsnprintf(size, problem, format, ap);
  va_end(ap);
  return -1;
}

static SealText value_text(sqlite3_value *value) {
  SealText text = {NULL, 0};
  if (sqlite3_value_type(value) != SQLITE_TEXT) return text;
  text.p = (const char *)sqlite3_value_text(value);
  text.n = sqlite3_value_bytes(value);
  return text;
}

/* Digits, and at most one point with digits on both sides; at most 18 digits before it and 9 after. */
static int check_decimal(SealText text) {
  int whole = 0, part = 0, i = 0;
  while (i < text.n && text.p[i] >= '0' && text.p[i] <= '9') i++, whole++;
  if (i < text.n && text.p[i] == '.') {
    i++;
    while (i < text.n && text.p[i] >= '0' && text.p[i] <= '9') i++, part++;
    if (part == 0) return -1;
  }
  return text.p != NULL && i == text.n && whole >= 1 && whole <= 18 && part <= 9 ? 0 : -1;
}

static int check_words(const json_t *json) {
  size_t i, k;
  json_t *item;
  if (!json_is_array(json)) return -1;
  json_array_foreach(json, i, item) {
    if (!json_is_string(item) || json_string_length(item) == 0) return -1;
    for (k = 0; k < i; k++) {
      if (json_equal(item, json_array_get(json, k))) return -1;
    }
  }
  return 0;
}

static int instant_member(const json_t *object, const char *name, int64_t *out) {
  const json_t *text = json_object_get(object, name);
  if (!json_is_string(text)) return -1;
  return seal_instant_parse(json_string_value(text), json_string_length(text), out);
}

static int check_range_list(const json_t *json) {
  size_t i;
  json_t *item;
  if (!json_is_array(json)) return -1;
  json_array_foreach(json, i, item) {
    int64_t start, stop;
    if (!json_is_object(item) || json_object_size(item) != 2) return -1;
    if (instant_member(item, "startTime", &start) || instant_member(item, "stopTime", &stop)) {
      return -1;
    }
    if (start >= stop) return -1;
  }
  return 0;
}

/* What JSON a kind asks for. A scalar is looked at in an array. */
static int check_json(SealKind kind, SealText text) {
  json_t *json = NULL;
  char *array =
      kind == SEAL_KIND_JSON ? sqlite3_mprintf("[%.*s]", text.n, text.p ? text.p : "") : NULL;
  if (kind == SEAL_KIND_JSON && array == NULL) return 1;
  if (text.p == NULL || memchr(text.p, 0, (size_t)text.n) != NULL) {
    sqlite3_free(array);
    return -1;
  }
  SealReason reason = array ? seal_json_parse(array, strlen(array), 32, &json)
                            : seal_json_parse(text.p, (size_t)text.n, SEAL_MESSAGE_DEPTH, &json);
  sqlite3_free(array);
  if (reason == SEAL_NOMEM) return 1;
  if (reason != SEAL_VALID) return -1;
  int bad = kind == SEAL_KIND_WORDS    ? check_words(json)
            : kind == SEAL_KIND_RANGES ? check_range_list(json)
            : kind == SEAL_KIND_JSON   ? (json_array_size(json) == 1 ? 0 : -1)
            : seal_is_end_pt(json)     ? 0
                                       : -1;
  json_decref(json);
  return bad;
}

static const char *json_problem(SealKind kind) {
  switch (kind) {
  case SEAL_KIND_WORDS:
    return "is not a JSON array of distinct strings";
  case SEAL_KIND_JSON:
    return "is not JSON";
  case SEAL_KIND_RANGES:
    return "is not a JSON array of {startTime, stopTime}, RFC 3339, start before stop";
  default:
    return "is not a JSON EndPoint with exactly one of uri, fqdn, ipv4Addrs, ipv6Addrs";
  }
}

/* What a text kind asks for: 0, or -1 with the problem. */
static int check_text(const SealColumn *column, sqlite3_value *value, char *problem, int size) {
  SealText text = value_text(value);
  char quoted[SEAL_QUOTE_MAX + 8];
  switch (column->kind) {
  case SEAL_KIND_ID:
    if (seal_is_id(text)) return 0;
    return problem_is(problem, size,
                      "is not an identifier of 1 to %d bytes of UTF-8 without control characters",
                      SEAL_ID_MAX);
  case SEAL_KIND_TEXT:
    if (text.p != NULL && text.n <= SEAL_TEXT_MAX && seal_is_utf8(text.p, (size_t)text.n) &&
        memchr(text.p, 0, (size_t)text.n) == NULL) {
      return 0;
    }
    return problem_is(problem, size, "is not text of at most %d bytes", SEAL_TEXT_MAX);
  case SEAL_KIND_URI:
    if (seal_is_uri(text)) return 0;
    return problem_is(problem, size, "is not a URI of 1 to %d bytes", SEAL_URI_MAX);
  case SEAL_KIND_URL:
    if (seal_is_http_uri(text)) return 0;
    return problem_is(problem, size, "is not an http or https URI of at most %d bytes",
                      SEAL_URI_MAX);
  case SEAL_KIND_WORD:
    if (seal_is_word(text, column->words)) return 0;
    return problem_is(problem, size, "\"%s\" is not one of: %s", seal_quote(text, quoted),
                      column->words);
  case SEAL_KIND_SERVICE:
    if (seal_service_name(text) != NULL) return 0;
    return problem_is(problem, size, "\"%s\" is not a SEAL service: " SEAL_SERVICES(", "),
                      seal_quote(text, quoted));
  default:
    assert(column->kind == SEAL_KIND_CURRENCY);
    if (text.p != NULL && text.n == 3 && strspn(text.p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") >= 3)
      return 0;
    return problem_is(problem, size, "is not a currency of three capital letters");
  }
}

int seal_kind_check(const SealColumn *column, sqlite3_value *value, char *problem, int size) {
  int64_t instant;
  char quoted[SEAL_QUOTE_MAX + 8];
  SealText as_text;
  int bad, max;
  switch (column->kind) {
  case SEAL_KIND_INSTANT:
    if (seal_value_instant(value, &instant) == 0) return 0;
    as_text.p = (const char *)sqlite3_value_text(value);
    as_text.n = sqlite3_value_bytes(value);
    return problem_is(problem, size,
                      "\"%s\" is not an instant (RFC 3339, a date, or integer seconds since 1970)",
                      seal_quote(as_text, quoted));
  case SEAL_KIND_COUNT:
    /* Text that is an integer becomes one, as in any INTEGER column: .import and Tcl give text. */
    if (sqlite3_value_numeric_type(value) == SQLITE_INTEGER && sqlite3_value_int64(value) >= 0) {
      return 0;
    }
    return problem_is(problem, size, "is not an integer from 0 on");
  case SEAL_KIND_DECIMAL:
    if (sqlite3_value_type(value) != SQLITE_BLOB) {
      as_text.p = (const char *)sqlite3_value_text(value);
      as_text.n = sqlite3_value_bytes(value);
      if (check_decimal(as_text) == 0) return 0;
    }
    return problem_is(problem, size, "is not a decimal number, as text, from 0 on");
  case SEAL_KIND_WORDS:
  case SEAL_KIND_RANGES:
  case SEAL_KIND_JSON:
  case SEAL_KIND_ENDPOINT:
    as_text = value_text(value);
    max = column->kind == SEAL_KIND_ENDPOINT ? SEAL_END_PT_MAX : SEAL_TEXT_MAX;
    if (as_text.n > max) return problem_is(problem, size, "is over %d bytes", max);
    bad = check_json(column->kind, as_text);
    return bad < 0 ? problem_is(problem, size, "%s", json_problem(column->kind)) : bad;
  case SEAL_KIND_VALUE:
    return 0;
  default:
    return check_text(column, value, problem, size);
  }
}
