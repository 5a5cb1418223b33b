/* JSON from outside, strictly: UTF-8, no BOM, no NUL, no duplicate member at any depth, no number that
** overflows (RFC 8259, RFC 7493, RFC 7515 4), into jansson's values.
**
**    json_t *value;
**    if (seal_json_parse(text, n, 32, &value) == SEAL_VALID) ... json_decref(value);
*/
#ifndef SEAL_BASE_JSON_H
#define SEAL_BASE_JSON_H

#include <stddef.h>
#include <jansson.h>
#include "base/reason.h"

/* Parses an object or an array of n bytes, in which arrays and objects are nested to at most max_depth.
** On SEAL_VALID *out is the value, the caller's (json_decref); otherwise it is NULL, and the reason is
** SEAL_REASON_JSON_INVALID, SEAL_REASON_JSON_TOO_DEEP or SEAL_NOMEM. */
SealReason seal_json_parse(const char *text, size_t n, int max_depth, json_t **out);

/* Finds the member of `object` and gives it as text without NUL inside, owned by the object; NULL if it
** is absent or anything else than a string. `object` may be NULL, or no object. */
const char *seal_json_text(const json_t *object, const char *name);

#endif
