/* JSON from outside, strictly (RFC 8259, RFC 7493, RFC 7515 4), into jansson's values.
**
**    json_t *value;
**    if (seal_json_parse(text, n, 32, &value) == SEAL_VALID) ... json_decref(value);
**
** jansson's own parser is not used: it skips a NUL byte that follows a number, and where memory
** runs out inside of a string it loses bytes without a word, and reads and writes beyond its end.
** Here every allocation is looked at, and no copy of a text is left behind but the value itself.
*/
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/text.h"

#define SEAL_NUMBER_MAX 1024 /* characters */

/* The rest of the text, how many arrays and objects may still open, and why it failed. */
typedef struct SealJson {
  const char *p, *end;
  int depth;
  SealReason reason;
} SealJson;

/* Keeps the first reason; gives NULL for the caller to return. */
static void *seal_json_fail(SealJson *json, SealReason reason) {
  if (json->reason == SEAL_VALID) json->reason = reason;
  return NULL;
}

/* The next byte that is not space, without taking it; 0 at the end (a NUL is no JSON either). */
static char seal_json_next(SealJson *json) {
  while (json->p < json->end &&
         (*json->p == ' ' || *json->p == '\n' || *json->p == '\t' || *json->p == '\r')) {
    json->p++;
  }
  return json->p < json->end ? *json->p : 0;
}

/* Takes the byte `c` behind space, or fails. */
static int seal_json_take(SealJson *json, char c) {
  if (seal_json_next(json) != c) {
    seal_json_fail(json, SEAL_REASON_JSON_INVALID);
    return 0;
  }
  json->p++;
  return 1;
}

/* Four hexadecimal digits at p, or -1. */
static int32_t seal_json_hex(const char *p, const char *end) {
  int32_t code = 0;

  if (end - p < 4) return -1;
  for (int i = 0; i < 4; i++) {
    char c = p[i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;

    if (digit < 0) return -1;
    code = code * 16 + digit;
  }
  return code;
}

/* Decodes \uXXXX, or the two of a surrogate pair, whose first u is at *p, and moves *p behind it.
** The code point; -1 for none, for half of a pair, and for a NUL. */
static int32_t seal_json_code(const char **p, const char *end) {
  int32_t code = seal_json_hex(*p + 1, end), low;

  *p += 5;
  if (code <= 0 || (code >= 0xdc00 && code <= 0xdfff)) return -1;
  if (code < 0xd800 || code > 0xdfff) return code;
  if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u') return -1;
  low = seal_json_hex(*p + 2, end);
  *p += 6;
  if (low < 0xdc00 || low > 0xdfff) return -1;
  return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}

/* Writes a code point as UTF-8 of at most 4 bytes; its length. */
static size_t seal_json_put(int32_t code, char *out) {
  static const unsigned char head[] = {0, 0xc0, 0xe0, 0xf0};
  size_t more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;

  for (size_t i = more; i > 0; i--) {
    out[i] = (char)(0x80 | (code & 0x3f));
    code >>= 6;
  }
  out[0] = (char)(head[more] | code);
  return more + 1;
}

/* Decodes the escapes of a string that has been scanned, into `out`, which is as long as it; the
** length, or -1. */
static ptrdiff_t seal_json_unescape(const char *p, const char *end, char *out) {
  static const char escape[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
  char *to = out;

  while (p < end) {
    const char *found;

    if (*p != '\\') {
      *to++ = *p++;
      continue;
    }
    p++; /* the scan saw that something follows */
    found = memchr(escape, *p, sizeof escape - 1);
    if (found) {
      *to++ = plain[found - escape];
      p++;
    } else {
      int32_t code = *p == 'u' ? seal_json_code(&p, end) : -1;

      if (code < 0) return -1;
      to += seal_json_put(code, to);
    }
  }
  return to - out;
}

/* A string whose opening quote is next: where it lies in the text, or, with escapes, decoded in
** memory that the caller wipes and frees (*own). 0 on failure. */
static int seal_json_string(SealJson *json, const char **text, size_t *n, char **own) {
  const char *start = json->p + 1, *p = start;
  int escapes = 0;
  ptrdiff_t size;

  *own = NULL;
  while (p < json->end && *p != '"') {
    unsigned char c = (unsigned char)*p;
    size_t length = c < 0x80 ? 1 : seal_utf8_length(p, (size_t)(json->end - p));

    if (c == '\\') {
      escapes = 1;
      length = 2;
    }
    if (c < 0x20 || length == 0 || length > (size_t)(json->end - p)) break;
    p += length;
  }
  if (p >= json->end || *p != '"') return seal_json_fail(json, SEAL_REASON_JSON_INVALID) != NULL;
  json->p = p + 1;
  *text = start;
  *n = (size_t)(p - start);
  if (!escapes) return 1;
  *own = malloc(*n + 1);
  if (!*own) return seal_json_fail(json, SEAL_NOMEM) != NULL;
  size = seal_json_unescape(start, p, *own);
  if (size < 0) {
    free(*own);
    *own = NULL;
    return seal_json_fail(json, SEAL_REASON_JSON_INVALID) != NULL;
  }
  *text = *own;
  *n = (size_t)size;
  return 1;
}

static json_t *seal_json_text_value(SealJson *json) {
  const char *text;
  char *own;
  size_t n;
  json_t *value = NULL;

  if (!seal_json_string(json, &text, &n, &own)) return NULL;
  value = json_stringn_nocheck(text, n);
  if (own) seal_wipe(own, n);
  free(own);
  return value ? value : seal_json_fail(json, SEAL_NOMEM);
}

/* Takes digits; 0 if there is none. */
static int seal_json_digits(SealJson *json) {
  const char *start = json->p;

  while (json->p < json->end && *json->p >= '0' && *json->p <= '9') json->p++;
  return json->p > start;
}

/* Takes a number by its grammar (RFC 8259 6): 0 none, 1 an integer, 2 one with fraction or
** exponent. */
static int seal_json_number_form(SealJson *json) {
  int form = 1;

  if (json->p < json->end && *json->p == '-') json->p++;
  if (json->p < json->end && *json->p == '0') {
    json->p++;
  } else if (!seal_json_digits(json)) {
    return 0;
  }
  if (json->p < json->end && *json->p == '.') {
    json->p++;
    form = 2;
    if (!seal_json_digits(json)) return 0;
  }
  if (json->p < json->end && (*json->p == 'e' || *json->p == 'E')) {
    json->p++;
    form = 2;
    if (json->p < json->end && (*json->p == '+' || *json->p == '-')) json->p++;
    if (!seal_json_digits(json)) return 0;
  }
  return form;
}

static json_t *seal_json_number(SealJson *json) {
  const char *start = json->p;
  int form = seal_json_number_form(json);
  size_t n = (size_t)(json->p - start);
  char text[SEAL_NUMBER_MAX + 1], *point;
  json_t *value;

  if (form == 0 || n > SEAL_NUMBER_MAX) return seal_json_fail(json, SEAL_REASON_JSON_INVALID);
  memcpy(text, start, n);
  text[n] = 0;
  errno = 0;
  if (form == 1) {
    json_int_t integer = strtoll(text, NULL, 10);

    if (errno) return seal_json_fail(json, SEAL_REASON_JSON_INVALID);
    value = json_integer(integer);
  } else {
    double real;

    /* strtod reads the decimal point of the host's locale. */
    point = strchr(text, '.');
    if (point) *point = *localeconv()->decimal_point;
    real = strtod(text, NULL);
    if (!isfinite(real)) return seal_json_fail(json, SEAL_REASON_JSON_INVALID);
    value = json_real(real);
  }
  return value ? value : seal_json_fail(json, SEAL_NOMEM);
}

static json_t *seal_json_word(SealJson *json) {
  static const char *const word[] = {"true", "false", "null"};

  for (int i = 0; i < 3; i++) {
    size_t n = strlen(word[i]);

    if ((size_t)(json->end - json->p) >= n && memcmp(json->p, word[i], n) == 0) {
      json->p += n;
      return i == 0 ? json_true() : i == 1 ? json_false() : json_null();
    }
  }
  return seal_json_fail(json, SEAL_REASON_JSON_INVALID);
}

static json_t *seal_json_value(SealJson *json);

/* Takes one member of an object, whose name is next. 0 on failure. */
static int seal_json_member(SealJson *json, json_t *object) {
  const char *name;
  char *own = NULL;
  size_t n;
  json_t *value = NULL;
  int good = 0;

  if (seal_json_next(json) != '"') return seal_json_fail(json, SEAL_REASON_JSON_INVALID) != NULL;
  if (!seal_json_string(json, &name, &n, &own)) return 0;
  if (json_object_getn(object, name, n)) {
    seal_json_fail(json, SEAL_REASON_JSON_INVALID);
  } else if (seal_json_take(json, ':') && (value = seal_json_value(json)) != NULL) {
    good = json_object_setn_new_nocheck(object, name, n, value) == 0;
    if (!good) seal_json_fail(json, SEAL_NOMEM);
  }
  free(own);
  return good;
}

static int seal_json_element(SealJson *json, json_t *array) {
  json_t *value = seal_json_value(json);

  if (!value) return 0;
  if (json_array_append_new(array, value) == 0) return 1;
  return seal_json_fail(json, SEAL_NOMEM) != NULL;
}

/* An array or object, whose bracket is next. */
static json_t *seal_json_container(SealJson *json) {
  int is_object = *json->p++ == '{';
  char close = is_object ? '}' : ']';
  json_t *value;
  int good = 1;

  if (json->depth-- == 0) return seal_json_fail(json, SEAL_REASON_JSON_TOO_DEEP);
  value = is_object ? json_object() : json_array();
  if (!value) return seal_json_fail(json, SEAL_NOMEM);
  if (seal_json_next(json) != close) {
    do {
      good = is_object ? seal_json_member(json, value) : seal_json_element(json, value);
    } while (good && seal_json_next(json) == ',' && json->p++);
  }
  if (!good || !seal_json_take(json, close)) {
    json_decref(value);
    return NULL;
  }
  json->depth++;
  return value;
}

/* Any value. Recursion ends where json->depth does. */
static json_t *seal_json_value(SealJson *json) {
  char next = seal_json_next(json);

  if (next == '"') return seal_json_text_value(json);
  if (next == '{' || next == '[') return seal_json_container(json);
  if (next == '-' || (next >= '0' && next <= '9')) return seal_json_number(json);
  return seal_json_word(json);
}

SealReason seal_json_parse(const char *text, size_t n, int max_depth, json_t **out) {
  SealJson json = {.p = text, .end = text + n, .depth = max_depth, .reason = SEAL_VALID};
  char next = n > 0 ? seal_json_next(&json) : 0;

  *out = NULL;
  if (next != '{' && next != '[') return SEAL_REASON_JSON_INVALID;
  *out = seal_json_container(&json);
  if (*out && (seal_json_next(&json) != 0 || json.p < json.end)) {
    seal_json_fail(&json, SEAL_REASON_JSON_INVALID);
    json_decref(*out);
    *out = NULL;
  }
  return json.reason;
}

const char *seal_json_text(const json_t *object, const char *name) {
  const json_t *member = json_object_get(object, name);
  const char *text = json_string_value(member);

  return text && strlen(text) == json_string_length(member) ? text : NULL;
}
