/* JSON from outside, strictly (RFC 8259, RFC 7493, RFC 7515 4): the events of json.h, and jansson's
** values made of them.
**
**    json_t *value;
**    if (seal_json_parse(text, n, 32, &value) == SEAL_VALID) ... json_decref(value);
**
** jansson's own parser is not used: it skips a NUL byte that follows a number, and where memory
** runs out inside of a string it loses bytes without a word, and reads and writes beyond its end.
** Here every allocation is looked at, and no copy of a text is left behind but the value itself.
**
** Work is linear in the text, whatever it holds. Of an open object the parser keeps the names: a few are
** compared one by one as they come; many are sorted when the object ends, by a hash first. Names that
** were made to have one hash cost comparisons and nothing else.
*/
#include <assert.h>
#include <errno.h>
#include <float.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/text.h"

#define NUMBER_MAX 1024 /* characters */
#define FEW        8    /* names of one object that are compared as they come */

/* Keeps the first reason; gives SEAL_JSON_FAILED, which is 0, for the caller to return. */
static SealJsonEvent fail(SealJson *json, SealReason reason) {
  if (json->reason == SEAL_VALID) json->reason = reason;
  return SEAL_JSON_FAILED;
}

/************************************************************************************************
** Strings.
*/
/* Four hexadecimal digits at p, or -1. */
static int32_t hex_code(const char *p, const char *end) {
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

/* Reads the escape whose backslash is at *p and moves *p behind it: one letter, \uXXXX, or the two of a
** surrogate pair. The code point; -1 if it is not an escape, is half of a pair, or a NUL. */
static int32_t take_escape(const char **p, const char *end) {
  static const char letter[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
  const char *at = *p + 1, *found = at < end ? memchr(letter, *at, sizeof letter - 1) : NULL;
  int32_t code, low;

  *p += 2;
  if (found) return plain[found - letter];
  if (at >= end || *at != 'u') return -1;
  code = hex_code(at + 1, end);
  *p = at + 5;
  if (code <= 0 || (code >= 0xdc00 && code <= 0xdfff)) return -1;
  if (code < 0xd800 || code > 0xdfff) return code;
  if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u') return -1;
  low = hex_code(*p + 2, end);
  *p += 6;
  if (low < 0xdc00 || low > 0xdfff) return -1;
  return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}

/* Writes a code point as UTF-8 of at most 4 bytes; its length. */
static size_t put_code(int32_t code, char *out) {
  static const unsigned char head[] = {0, 0xc0, 0xe0, 0xf0};
  size_t more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;

  for (size_t i = more; i > 0; i--) {
    out[i] = (char)(0x80 | (code & 0x3f));
    code >>= 6;
  }
  out[0] = (char)(head[more] | code);
  return more + 1;
}

size_t seal_json_decode(const SealJson *json, char *out) {
  const char *p = json->text, *end = p + json->n;
  char *to = out;

  while (p < end) {
    const char *escape = memchr(p, '\\', (size_t)(end - p));
    size_t n = (size_t)((escape ? escape : end) - p);

    memcpy(to, p, n);
    to += n;
    p += n;
    if (escape) to += put_code(take_escape(&p, end), to);
  }
  return (size_t)(to - out);
}

/* Skips what needs no closer look in a string: ASCII but for quotes, backslashes and control
** characters. Most of a long text is that, so eight bytes are looked at in one step: with the high bits
** clear, a subtraction makes one high only in a byte that is below 0x20 or has become 0. */
static const char *skip_plain(const char *p, const char *end) {
  static const uint64_t ones = 0x0101010101010101u;
  uint64_t x;

  while (end - p >= 8) {
    memcpy(&x, p, 8);
    x |= (x - ones * 0x20) | ((x ^ (ones * '"')) - ones) | ((x ^ (ones * '\\')) - ones);
    if (x & (ones * 0x80)) break;
    p += 8;
  }
  while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
         *p != '\\') {
    p++;
  }
  return p;
}

/* The closing quote of the string whose first byte is p, and whether there are escapes; NULL on failure. */
static const char *skip_string(const char *p, const char *end, int *escapes) {
  *escapes = 0;
  for (;;) {
    p = skip_plain(p, end);
    if (p == end || (unsigned char)*p < 0x20) return NULL;
    if (*p == '"') return p;
    if (*p == '\\') {
      *escapes = 1;
      if (take_escape(&p, end) < 0) return NULL;
    } else {
      size_t n = seal_utf8_length(p, (size_t)(end - p));

      if (n == 0) return NULL;
      p += n;
    }
  }
}

/* Takes a string, whose opening quote is next: text, n, escapes. 0 on failure. */
static int take_string(SealJson *json) {
  const char *quote = skip_string(json->p + 1, json->end, &json->escapes);

  if (!quote) return fail(json, SEAL_REASON_JSON_INVALID);
  json->text = json->p + 1;
  json->n = (size_t)(quote - json->text);
  json->p = quote + 1;
  return 1;
}

/************************************************************************************************
** Names: no object has two that are the same.
*/
static int same_name(const SealJsonName *a, const SealJsonName *b) {
  return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

/* In some order in which the same names are neighbours. */
static int compare_names(const void *a, const void *b) {
  const SealJsonName *x = a, *y = b;

  if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
  if (x->n != y->n) return x->n < y->n ? -1 : 1;
  return memcmp(x->p, y->p, x->n);
}

/* FNV-1a. It needs no secret: what it is for is that few comparisons look at the names themselves. */
static uint32_t hash_name(const SealJsonName *name) {
  uint32_t hash = 2166136261u;

  for (uint32_t i = 0; i < name->n; i++) hash = (hash ^ (unsigned char)name->p[i]) * 16777619u;
  return hash;
}

/* 1 if two of many names are the same. Changes their order. */
static int repeats(SealJsonName *names, size_t n) {
  for (size_t i = 0; i < n; i++) names[i].hash = hash_name(&names[i]);
  qsort(names, n, sizeof *names, compare_names);
  for (size_t i = 1; i < n; i++) {
    if (compare_names(&names[i - 1], &names[i]) == 0) return 1;
  }
  return 0;
}

/* Makes room for one more name. 0 on failure. */
static int grow_names(SealJson *json) {
  size_t size = 2 * json->size_names;
  SealJsonName *old = json->names == json->few ? NULL : json->names;
  SealJsonName *names = realloc(old, size * sizeof *names);

  if (!names) return fail(json, SEAL_NOMEM);
  if (!old) memcpy(names, json->few, sizeof json->few);
  json->names = names;
  json->size_names = size;
  return 1;
}

/* Keeps a name of the innermost object, decoded, unless it is there already. 0 on failure. */
static int keep_name(SealJson *json) {
  size_t first = (size_t)json->first[json->depth - 1];
  SealJsonName *name;

  if (json->n_names == json->size_names && !grow_names(json)) return 0;
  name = &json->names[json->n_names];
  *name = (SealJsonName){json->text, (uint32_t)json->n & INT_MAX, 0, 0};
  if (json->escapes) {
    char *own = malloc(json->n + 1);

    if (!own) return fail(json, SEAL_NOMEM);
    *name = (SealJsonName){own, (uint32_t)seal_json_decode(json, own) & INT_MAX, 1, 0};
    json->escapes = 0;
  }
  json->text = name->p;
  json->n = name->n;
  json->n_names++;
  if (json->n_names - first > FEW) return 1; /* the object's end will tell */
  for (size_t i = first; i < json->n_names - 1; i++) {
    if (same_name(&json->names[i], name)) return fail(json, SEAL_REASON_JSON_INVALID);
  }
  return 1;
}

/* Forgets the names from `first` on: their object has ended. */
static void forget_names(SealJson *json, size_t first) {
  while (json->n_names > first) {
    json->n_names--;
    if (json->names[json->n_names].own) free((char *)json->names[json->n_names].p);
  }
}

/************************************************************************************************
** Numbers and words.
*/
/* Behind the digits that begin at p; NULL if there are none. */
static const char *skip_digits(const char *p, const char *end) {
  const char *start = p;

  while (p < end && *p >= '0' && *p <= '9') p++;
  return p > start ? p : NULL;
}

/* Behind the number that begins at p, by its grammar (RFC 8259 6), and whether it has a fraction or an exponent;
** NULL if it is none, or too long. */
static const char *skip_number(const char *p, const char *end, int *real) {
  const char *start = p;

  *real = 0;
  if (p < end && *p == '-') p++;
  p = p < end && *p == '0' ? p + 1 : skip_digits(p, end);
  if (p && p < end && *p == '.') {
    *real = 1;
    p = skip_digits(p + 1, end);
  }
  if (p && p < end && (*p == 'e' || *p == 'E')) {
    *real = 1;
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    p = skip_digits(p, end);
  }
  return p && p - start <= NUMBER_MAX ? p : NULL;
}

/* A whole number beyond 64 bits is a real: whoever asks for an integer finds none, and nobody else has to
** mind (RFC 8259 6). So that it stays finite, one beyond a double is the largest. */
static SealJsonEvent take_number(SealJson *json) {
  char text[NUMBER_MAX + 1], *point;
  int real;
  const char *p = skip_number(json->p, json->end, &real);

  if (!p) return fail(json, SEAL_REASON_JSON_INVALID);
  memcpy(text, json->p, (size_t)(p - json->p));
  text[p - json->p] = 0;
  json->p = p;
  errno = 0;
  if (!real) {
    json->integer = strtoll(text, NULL, 10);
    if (!errno) return SEAL_JSON_INTEGER;
    json->real = strtod(text, NULL);
    if (!isfinite(json->real)) json->real = json->real < 0 ? -DBL_MAX : DBL_MAX;
    return SEAL_JSON_REAL;
  }
  /* strtod reads the decimal point of the host's locale. */
  point = strchr(text, '.');
  if (point) *point = *localeconv()->decimal_point;
  json->real = strtod(text, NULL);
  return isfinite(json->real) ? SEAL_JSON_REAL : fail(json, SEAL_REASON_JSON_INVALID);
}

/* Behind the word that begins at p, and which event it is; NULL if it is none. */
static const char *skip_word(const char *p, const char *end, SealJsonEvent *event) {
  static const char *const word[] = {"true", "false", "null"};

  for (int i = 0; i < 3; i++) {
    size_t n = strlen(word[i]);

    if ((size_t)(end - p) >= n && memcmp(p, word[i], n) == 0) {
      *event = SEAL_JSON_TRUE + i;
      return p + n;
    }
  }
  return NULL;
}

static SealJsonEvent take_word(SealJson *json) {
  SealJsonEvent event;
  const char *p = skip_word(json->p, json->end, &event);

  if (!p) return fail(json, SEAL_REASON_JSON_INVALID);
  json->p = p;
  return event;
}

/************************************************************************************************
** Events.
*/
static const char *skip_space(const char *p, const char *end) {
  while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')) p++;
  return p;
}

/* The next byte that is not space, without taking it; 0 at the end (a NUL is not JSON either). */
static char next_byte(SealJson *json) {
  json->p = skip_space(json->p, json->end);
  return json->p < json->end ? *json->p : 0;
}

static int in_object(const SealJson *json) {
  return json->depth > 0 && json->first[json->depth - 1] >= 0;
}

/* Opens an array or object, whose bracket is next. */
static SealJsonEvent open_container(SealJson *json, int is_object) {
  if (json->depth == json->max_depth) return fail(json, SEAL_REASON_JSON_TOO_DEEP);
  json->p++;
  json->first[json->depth++] = is_object ? (int64_t)json->n_names : -1;
  json->at = SEAL_JSON_AT_FIRST;
  return is_object ? SEAL_JSON_OBJECT : SEAL_JSON_ARRAY;
}

/* Closes the innermost array or object, whose bracket is next. */
static SealJsonEvent close_container(SealJson *json) {
  int64_t first = json->first[json->depth - 1];
  int bad = 0;

  json->p++;
  if (first >= 0) {
    size_t n = json->n_names - (size_t)first;

    bad = n > FEW && repeats(json->names + first, n);
    forget_names(json, (size_t)first);
  }
  if (bad) return fail(json, SEAL_REASON_JSON_INVALID);
  json->depth--;
  json->at = SEAL_JSON_AT_COMMA;
  return first >= 0 ? SEAL_JSON_OBJECT_END : SEAL_JSON_ARRAY_END;
}

/* Takes the name of a member, whose opening quote is next, and its colon. */
static SealJsonEvent take_name(SealJson *json) {
  if (!take_string(json) || !keep_name(json)) return SEAL_JSON_FAILED;
  if (next_byte(json) != ':') return fail(json, SEAL_REASON_JSON_INVALID);
  json->p++;
  json->at = SEAL_JSON_AT_VALUE;
  return SEAL_JSON_NAME;
}

/* Takes a value, or opens it; `c` is its first byte. */
static SealJsonEvent take_value(SealJson *json, char c) {
  if (c == '{' || c == '[') return open_container(json, c == '{');
  if (json->depth == 0) return fail(json, SEAL_REASON_JSON_INVALID);
  json->at = SEAL_JSON_AT_COMMA;
  if (c == '"') return take_string(json) ? SEAL_JSON_STRING : SEAL_JSON_FAILED;
  if (c == '-' || (c >= '0' && c <= '9')) return take_number(json);
  return take_word(json);
}

SealJsonEvent seal_json_next(SealJson *json) {
  char c, close;

  if (json->reason != SEAL_VALID) return SEAL_JSON_FAILED;
  c = next_byte(json);
  close = in_object(json) ? '}' : ']';
  if (json->at == SEAL_JSON_AT_COMMA) {
    if (json->depth == 0 && json->p == json->end) return SEAL_JSON_END;
    if (json->depth > 0 && c == close) return close_container(json);
    if (json->depth == 0 || c != ',') return fail(json, SEAL_REASON_JSON_INVALID);
    json->p++;
    json->at = SEAL_JSON_AT_NEXT;
    c = next_byte(json);
  } else if (json->at == SEAL_JSON_AT_FIRST && json->depth > 0 && c == close) {
    return close_container(json);
  }
  json->start = json->p;
  if (json->at == SEAL_JSON_AT_VALUE || close == ']') return take_value(json, c);
  return c == '"' ? take_name(json) : fail(json, SEAL_REASON_JSON_INVALID);
}

void seal_json_begin(SealJson *json, const char *text, size_t n, int max_depth) {
  assert(max_depth > 0 && max_depth <= SEAL_JSON_DEPTH_MAX);
  json->start = json->p = text;
  json->end = text + n;
  json->depth = 0;
  json->max_depth = max_depth;
  json->at = SEAL_JSON_AT_FIRST;
  json->names = json->few;
  json->n_names = 0;
  json->size_names = SEAL_JSON_NAMES;
  /* A name's length has 31 bits. No text of SQLite's is longer either. */
  json->reason = n <= INT_MAX ? SEAL_VALID : SEAL_REASON_JSON_INVALID;
}

void seal_json_skip(SealJson *json, SealJsonEvent event) {
  int depth = json->depth - 1;

  if (event != SEAL_JSON_OBJECT && event != SEAL_JSON_ARRAY) return;
  while (json->depth > depth && seal_json_next(json) != SEAL_JSON_FAILED) continue;
}

/* Behind the scalar that begins at p; NULL if it is none. */
static const char *pass_scalar(const char *p, const char *end) {
  SealJsonEvent word;
  int any;

  if (p == end) return NULL;
  if (*p == '-' || (*p >= '0' && *p <= '9')) return skip_number(p, end, &any);
  if (*p != '"') return skip_word(p, end, &word);
  p = skip_string(p + 1, end, &any);
  return p ? p + 1 : NULL;
}

/* Behind the name of a member, its colon and the space behind that; NULL if there is none. */
static const char *pass_name(const char *p, const char *end) {
  if (p == end || *p != '"') return NULL;
  p = pass_scalar(p, end);
  if (p) p = skip_space(p, end);
  return p && p < end && *p == ':' ? skip_space(p + 1, end) : NULL;
}

/* This is what anyone may make us read, before we know who it is: so it has no events, and what is open is a
** bit each, 1 for an object. */
void seal_json_pass(SealJson *json, SealJsonEvent event) {
  const char *p = json->p, *end = json->end;
  int outer = json->depth - 1, depth = json->depth;
  uint64_t objects = event == SEAL_JSON_OBJECT;
  int empty = 1; /* nothing is behind the last opening bracket yet */

  if (event != SEAL_JSON_OBJECT && event != SEAL_JSON_ARRAY) return;
  while (p && depth > outer) {
    char close = objects & 1 ? '}' : ']';

    p = skip_space(p, end);
    if (p < end && *p == close) {
      p++;
      depth--;
      objects >>= 1;
      empty = 0;
      continue;
    }
    if (!empty) p = p < end && *p == ',' ? skip_space(p + 1, end) : NULL;
    if (p && objects & 1) p = pass_name(p, end);
    empty = p && p < end && (*p == '{' || *p == '[');
    if (!empty) {
      if (p) p = pass_scalar(p, end);
      continue;
    }
    if (depth == json->max_depth) {
      json->reason = SEAL_REASON_JSON_TOO_DEEP;
      return;
    }
    depth++;
    objects = objects << 1 | (*p++ == '{');
  }
  if (!p) {
    json->reason = SEAL_REASON_JSON_INVALID;
    return;
  }
  json->p = p - 1;
  close_container(json);
}

void seal_json_end(SealJson *json) {
  forget_names(json, 0);
  if (json->names != json->few) free(json->names);
}

/************************************************************************************************
** jansson's values.
*/
static json_t *build_text(SealJson *json) {
  char *own;
  json_t *value;

  if (!json->escapes) return json_stringn_nocheck(json->text, json->n);
  own = malloc(json->n + 1);
  if (!own) return NULL;
  value = json_stringn_nocheck(own, seal_json_decode(json, own));
  seal_wipe(own, json->n);
  free(own);
  return value;
}

/* The members of an object that was opened. 0 on failure. */
static int build_members(SealJson *json, json_t *object) {
  SealJsonEvent event;

  while ((event = seal_json_next(json)) == SEAL_JSON_NAME) {
    const char *name = json->text;
    size_t n = json->n;
    json_t *value = seal_json_build(json, seal_json_next(json));

    if (!value) return 0;
    if (json_object_setn_new_nocheck(object, name, n, value)) return fail(json, SEAL_NOMEM);
  }
  return event == SEAL_JSON_OBJECT_END;
}

/* The elements of an array that was opened. 0 on failure. */
static int build_elements(SealJson *json, json_t *array) {
  SealJsonEvent event;

  while ((event = seal_json_next(json)) != SEAL_JSON_ARRAY_END) {
    json_t *value = seal_json_build(json, event);

    if (!value) return 0;
    if (json_array_append_new(array, value)) return fail(json, SEAL_NOMEM);
  }
  return 1;
}

/* An array or object that was opened. Recursion ends where the parser's depth does. */
static json_t *build_container(SealJson *json, int is_object) {
  json_t *value = is_object ? json_object() : json_array();

  if (value && (is_object ? build_members(json, value) : build_elements(json, value))) return value;
  if (!value) fail(json, SEAL_NOMEM);
  json_decref(value);
  return NULL;
}

json_t *seal_json_build(SealJson *json, SealJsonEvent event) {
  json_t *value = NULL;

  switch (event) {
  case SEAL_JSON_OBJECT:
  case SEAL_JSON_ARRAY:
    return build_container(json, event == SEAL_JSON_OBJECT);
  case SEAL_JSON_STRING:
    value = build_text(json);
    break;
  case SEAL_JSON_INTEGER:
    value = json_integer(json->integer);
    break;
  case SEAL_JSON_REAL:
    value = json_real(json->real);
    break;
  case SEAL_JSON_TRUE:
  case SEAL_JSON_FALSE:
    return json_boolean(event == SEAL_JSON_TRUE);
  case SEAL_JSON_NULL:
    return json_null();
  default: /* it failed: no value begins otherwise */
    assert(json->reason != SEAL_VALID);
    return NULL;
  }
  if (!value) fail(json, SEAL_NOMEM);
  return value;
}

SealReason seal_json_parse(const char *text, size_t n, int max_depth, json_t **out) {
  SealJson json;

  seal_json_begin(&json, text, n, max_depth);
  *out = seal_json_build(&json, seal_json_next(&json));
  if (*out && seal_json_next(&json) != SEAL_JSON_END) {
    json_decref(*out);
    *out = NULL;
  }
  seal_json_end(&json);
  return json.reason;
}

const char *seal_json_text(const json_t *object, const char *name) {
  const json_t *member = json_object_get(object, name);
  const char *text = json_string_value(member);

  return text && strlen(text) == json_string_length(member) ? text : NULL;
}
