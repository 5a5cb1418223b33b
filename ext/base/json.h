/* JSON from outside as a row of events, strictly: UTF-8, no BOM, no NUL, no duplicate member at any
** depth, no real number that overflows, nesting to a limit, nothing behind the value (RFC 8259, RFC 7493,
** RFC 7515 4). This is the only grammar of JSON in the house: seal_json_parse() builds from it too.
**
**    SealJson json;
**    SealJsonEvent event;
**    seal_json_begin(&json, text, n, 32);
**    while ((event = seal_json_next(&json)) > SEAL_JSON_END) {
**      if (event == SEAL_JSON_NAME) printf("%.*s\n", (int)json.n, json.text);
**    }
**    if (json.reason == SEAL_VALID) ... the whole text is JSON
**    seal_json_end(&json);
**
** Nothing of a text may be believed before SEAL_JSON_END has come: what follows may still be refused.
*/
#ifndef SEAL_BASE_JSON_H
#define SEAL_BASE_JSON_H

#include <stdint.h>
#include <string.h>
#include <jansson.h>
#include "base/reason.h"

#define SEAL_JSON_DEPTH_MAX 64 /* the deepest limit that may be asked for */
#define SEAL_JSON_NAMES     16 /* names of open objects that take no memory from the heap */

typedef enum SealJsonEvent {
  SEAL_JSON_FAILED, /* json->reason says why; nothing else will come */
  SEAL_JSON_END,    /* the text ended as it has to */
  SEAL_JSON_OBJECT,
  SEAL_JSON_OBJECT_END,
  SEAL_JSON_ARRAY,
  SEAL_JSON_ARRAY_END,
  SEAL_JSON_NAME,   /* of a member: text and n, decoded, until its object ends; the value is next */
  SEAL_JSON_STRING, /* text and n, as they came; seal_json_decode() where `escapes` is 1 */
  SEAL_JSON_INTEGER, /* integer */
  SEAL_JSON_REAL,    /* real; an integer beyond 64 bits as well */
  SEAL_JSON_TRUE,
  SEAL_JSON_FALSE,
  SEAL_JSON_NULL
} SealJsonEvent;

/* The name of a member of an open object, to find it when it comes again. */
typedef struct SealJsonName {
  const char *p;
  uint32_t n : 31;
  uint32_t own : 1; /* p is the parser's memory: the name had escapes */
  uint32_t hash;    /* set when there are many */
} SealJsonName;

/* A text that is being read. Lives where the caller puts it; points into the caller's text. */
typedef struct SealJson {
  /* Of the last event. */
  const char *start; /* its first byte in the text; `p` is behind its last one */
  const char *text;
  size_t n;
  int escapes;
  int64_t integer;
  double real;
  SealReason reason; /* SEAL_VALID as long as nothing is wrong */
  /* The parser's own. */
  const char *p, *end;
  int depth, max_depth;
  enum { SEAL_JSON_AT_FIRST, SEAL_JSON_AT_NEXT, SEAL_JSON_AT_VALUE, SEAL_JSON_AT_COMMA } at;
  int64_t first[SEAL_JSON_DEPTH_MAX]; /* of each open object, its first name; -1 for an array */
  SealJsonName *names, few[SEAL_JSON_NAMES];
  size_t n_names, size_names;
} SealJson;

/* Begins to read a text of n bytes, which has to stay where it is; it has to be an object or an array
** with at most max_depth of them inside one another (SEAL_JSON_DEPTH_MAX at most). Can't fail. */
void seal_json_begin(SealJson *json, const char *text, size_t n, int max_depth);
/* The next event. After SEAL_JSON_FAILED it comes again and again, so that a loop over members or
** elements needs to look at json->reason only once, behind its end. */
SealJsonEvent seal_json_next(SealJson *json);
/* 1 if the name that came last is this one. */
static inline int seal_json_is(const SealJson *json, const char *name) {
  return json->n == strlen(name) && memcmp(json->text, name, json->n) == 0;
}
/* Reads to the end of the value that began with `event`, and forgets it; where that is no opening
** bracket, the value has ended already. */
void seal_json_skip(SealJson *json, SealJsonEvent event);
/* The same in constant memory, whatever the value holds: by the grammar alone, without looking for names that
** come twice or numbers that overflow. For what somebody reads later, or nobody. */
void seal_json_pass(SealJson *json, SealJsonEvent event);
/* The value that began with `event`, built whole; the caller's (json_decref). NULL: json->reason. */
json_t *seal_json_build(SealJson *json, SealJsonEvent event);
/* Writes the string that came last, decoded, to `out`, which has room for json->n bytes. Gives the
** length; can't fail, as SEAL_JSON_STRING came only after its escapes had been checked. */
size_t seal_json_decode(const SealJson *json, char *out);
/* Frees what the parser needed for itself. Always needed, and once, after seal_json_begin. */
void seal_json_end(SealJson *json);

/* Parses an object or an array of n bytes, in which arrays and objects are nested to at most max_depth.
** On SEAL_VALID *out is the value, the caller's (json_decref); otherwise it is NULL, and the reason is
** SEAL_REASON_JSON_INVALID, SEAL_REASON_JSON_TOO_DEEP or SEAL_NOMEM. */
SealReason seal_json_parse(const char *text, size_t n, int max_depth, json_t **out);

/* Finds the member of `object` and gives it as text without NUL inside, owned by the object; NULL if it
** is absent or anything else than a string. `object` may be NULL, or no object. */
const char *seal_json_text(const json_t *object, const char *name);

#endif
