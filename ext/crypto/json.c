/* JSON from outside, strictly (RFC 8259, RFC 7493, RFC 7515 4).
**
**    json_t *value;
**    if (seal_json_parse(text, n, 32, &value) == SEAL_VALID) ... json_decref(value);
**
** jansson refuses what is no UTF-8, no JSON, an escaped NUL, a number that overflows, a duplicate
** member, or bytes after the end. Two things are judged before: depth, since it recurses as deep as
** 2,048; and NUL bytes, since it skips one that follows a number.
*/
#include <string.h>
#include "crypto/internal.h"

/* The bytes at which the scan for depth stops: all others it skips. */
enum { SCAN_SKIP, SCAN_QUOTE, SCAN_OPEN, SCAN_CLOSE };
static const unsigned char seal_json_scan[256] = {
    ['"'] = SCAN_QUOTE, ['{'] = SCAN_OPEN,  ['['] = SCAN_OPEN,
    ['}'] = SCAN_CLOSE, [']'] = SCAN_CLOSE,
};

/* The end of a string that starts before p: beyond its closing quote, or `end`. */
static const char *seal_json_string_end(const char *p, const char *end) {
  while (p < end) {
    if (*p == '"') return p + 1;
    if (*p == '\\' && p + 1 < end) p++;
    p++;
  }
  return end;
}

/* 1 if no value is nested deeper than max_depth. What is no JSON passes or not; jansson decides. */
static int seal_json_shallow(const char *text, size_t n, int max_depth) {
  const char *p = text, *end = text + n;
  int depth = 0;

  while (p < end) {
    switch (seal_json_scan[(unsigned char)*p++]) {
    case SCAN_QUOTE:
      p = seal_json_string_end(p, end);
      break;
    case SCAN_OPEN:
      if (++depth > max_depth) return 0;
      break;
    case SCAN_CLOSE:
      depth--;
      break;
    default:
      break;
    }
  }
  return 1;
}

/* jansson says "invalid token" where it could not allocate a string, so what it calls invalid is read
** again, unless there is no memory for the least of values either. */
static SealReason seal_json_again(const char *text, size_t n, json_t **out) {
  json_t *probe = json_string("");

  if (!probe) return SEAL_NOMEM;
  json_decref(probe);
  *out = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
  return *out ? SEAL_VALID : SEAL_REASON_JSON_INVALID;
}

SealReason seal_json_parse(const char *text, size_t n, int max_depth, json_t **out) {
  json_error_t error;

  *out = NULL;
  if (n == 0 || memchr(text, 0, n)) return SEAL_REASON_JSON_INVALID;
  if (!seal_json_shallow(text, n, max_depth)) return SEAL_REASON_JSON_TOO_DEEP;
  error.text[0] = 0;
  *out = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
  if (*out) return SEAL_VALID;
  /* jansson says nothing where it could not allocate an element. */
  if (error.text[0] == 0 || json_error_code(&error) == json_error_out_of_memory) return SEAL_NOMEM;
  return seal_json_again(text, n, out);
}

const char *seal_json_text(const json_t *object, const char *name) {
  const json_t *member = json_object_get(object, name);
  const char *text = json_string_value(member);

  return text && strlen(text) == json_string_length(member) ? text : NULL;
}
