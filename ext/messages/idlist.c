/* Long lists of identities (messages.h), read beside the JSON parser.
**
**    "idList":[{"valUserId":"a"},{"valUeId":"b"}]   -->   "idList":[]   and   a, b
**
** A request of 100,000 identities is nearly all list. Where every element has the plain form above
** (one member, no escape, valid UTF-8, 1 to 255 bytes), the list is read here in one pass and taken out
** of the text; jansson then reads what is left. Anything else, and the text goes to jansson whole: what
** is accepted, and what is said of a fault, is the same either way. So does a text with a \u escape,
** which could spell the member's name in another way.
*/
#include "messages/messages.h"

#include <string.h>

#define WORTH_IT 16384 /* bytes of text from which on this pays */

static const char *skip_space(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
  return at;
}

/* Takes one word and the space after it; NULL when it is not there. */
static const char *take(const char *at, const char *end, const char *word) {
  size_t n = strlen(word);
  if (at == NULL || (size_t)(end - at) < n || memcmp(at, word, n) != 0) return NULL;
  return skip_space(at + n, end);
}

/* Takes {"valUserId":"..."} or {"valUeId":"..."}. */
static const char *take_id(const char *at, const char *end, SealId *id) {
  const char *next = take(at, end, "{");
  const char *user = take(next, end, "\"valUserId\""), *ue = take(next, end, "\"valUeId\"");
  id->is_ue = user == NULL;
  next = take(take(user ? user : ue, end, ":"), end, "");
  if (next == NULL || next >= end || *next != '"') return NULL;
  const char *from = ++next;
  while (next < end && *next != '"' && *next != '\\' && (unsigned char)*next >= 0x20) next++;
  if (next >= end || *next != '"') return NULL;
  id->p = from;
  id->n = (int)(next - from < SEAL_ID_MAX + 1 ? next - from : SEAL_ID_MAX + 1);
  if (!seal_is_id((SealText){id->p, id->n})) return NULL;
  return take(take(next, end, "\""), end, "}");
}

/* Takes a whole list; *rc tells that memory ran out. */
static const char *take_list(const char *at, const char *end, SealCut *cut, int *rc) {
  size_t size = 0;
  at = take(at, end, "[");
  while (at != NULL) {
    if (cut->n == size) {
      size = size ? size * 2 : 256;
      SealId *ids = sqlite3_realloc64(cut->ids, size * sizeof *ids);
      if (ids == NULL) {
        *rc = SQLITE_NOMEM;
        return NULL;
      }
      cut->ids = ids;
    }
    at = take_id(at, end, &cut->ids[cut->n]);
    if (at == NULL || at >= end) return NULL;
    cut->n++;
    if (*at == ']') return at + 1;
    at = take(at, end, ",");
  }
  return NULL;
}

void seal_cuts_free(SealCut *cuts, size_t n) {
  for (size_t i = 0; i < n; i++) sqlite3_free(cuts[i].ids);
  sqlite3_free(cuts);
}

/* Appends one more cut, read at `at`; gives where it ends, or NULL. */
static const char *add_cut(const char *at, const char *end, SealCut **cuts, size_t *n, int *rc) {
  SealCut *more = sqlite3_realloc64(*cuts, (*n + 1) * sizeof *more);
  if (more == NULL) {
    *rc = SQLITE_NOMEM;
    return NULL;
  }
  *cuts = more;
  more[*n] = (SealCut){NULL, 0};
  (*n)++;
  return take_list(at, end, &more[*n - 1], rc);
}

int seal_cut_lists(const char *text, size_t n, char **skeleton, size_t *n_skeleton, SealCut **cuts,
                   size_t *n_cuts) {
  const char *at = text, *end = text + n;
  int rc = SQLITE_OK, plain = n >= WORTH_IT && memmem(text, n, "\\u", 2) == NULL;
  sqlite3_str *out = sqlite3_str_new(NULL);
  *skeleton = NULL;
  *cuts = NULL;
  *n_cuts = 0;
  while (plain) {
    static const char name[] = "\"idList\"";
    const char *found = memmem(at, (size_t)(end - at), name, sizeof name - 1);
    if (found == NULL) break;
    const char *list = take(take(found, end, name), end, ":");
    const char *after = list ? add_cut(list, end, cuts, n_cuts, &rc) : NULL;
    plain = after != NULL;
    if (!plain) break;
    sqlite3_str_append(out, at, (int)(list - at));
    sqlite3_str_appendall(out, "[]");
    at = after;
  }
  if (plain) sqlite3_str_append(out, at, (int)(end - at));
  if (rc == SQLITE_OK) rc = sqlite3_str_errcode(out);
  *n_skeleton = (size_t)sqlite3_str_length(out);
  char *result = sqlite3_str_finish(out);
  if (rc == SQLITE_OK && plain && *n_cuts > 0) {
    *skeleton = result;
    return SQLITE_OK;
  }
  sqlite3_free(result);
  seal_cuts_free(*cuts, *n_cuts);
  *cuts = NULL;
  *n_cuts = 0;
  return rc;
}
