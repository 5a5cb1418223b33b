/* What of HTTP a message has besides its URI (http.h): media types (RFC 9110 8.3.1), what the peer accepts (12.5.1),
** and the challenge of a refusal (11.6.1; RFC 6750 3).
**
**    accept: text/html;q=0.9, application/json;q=0.1      application/json is acceptable
*/
#include "messages/http.h"

#include <string.h>

static size_t spaces(const char *p) {
  return strspn(p, " \t");
}

int seal_media_type_is(const char *given, const char *expected) {
  size_t n = strlen(expected);
  given += spaces(given);
  if (sqlite3_strnicmp(given, expected, (int)n) != 0) return 0;
  given += n + spaces(given + n);
  return *given == 0 || *given == ';';
}

/* How well a media range fits a type: 3 exactly, 2 by its first half, 1 by none, 0 not at all. */
static int fit(const char *range, const char *type) {
  size_t n = strlen(type), half = strcspn(type, "/") + 1, n_range = strcspn(range, " \t;,");
  if (n_range == n && sqlite3_strnicmp(range, type, (int)n) == 0) return 3;
  if (n_range == half + 1 && range[half] == '*' && sqlite3_strnicmp(range, type, (int)half) == 0) {
    return 2;
  }
  return n_range == 3 && memcmp(range, "*/*", 3) == 0;
}

/* 1 if the parameters of a media range, of n bytes, weigh it with 0: q=0, q=0.0 and so on. */
static int weighs_nothing(const char *range, size_t n) {
  const char *p = range, *end = range + n;
  while ((p = memchr(p, ';', (size_t)(end - p))) != NULL) {
    p++;
    p += spaces(p);
    if ((*p != 'q' && *p != 'Q') || p[1] != '=') continue;
    size_t digits = strspn(p + 2, "0.");
    return digits > 0 && p[2] == '0' && strcspn(p + 2, " \t;,") == digits;
  }
  return 0;
}

int seal_accepts(const char *accept, const char *type) {
  int best = 0, good = 0;
  if (accept == NULL || accept[spaces(accept)] == 0) return 1;
  for (const char *p = accept; *p; p += *p == ',') {
    p += spaces(p);
    size_t n = strcspn(p, ",");
    int fits = fit(p, type);
    if (fits > best) {
      best = fits;
      good = !weighs_nothing(p, n);
    }
    p += n;
  }
  return good;
}

const char *seal_challenge(int status, SealCause cause, int token_endpoint) {
  if (token_endpoint) return status == 401 ? "private_key_jwt" : NULL;
  if (status == 401) return "Bearer error=\\\"invalid_token\\\"";
  if (cause == SEAL_CREDENTIAL_MISSING) return "Bearer";
  return cause == SEAL_INSUFFICIENT_SCOPE ? "Bearer error=\\\"insufficient_scope\\\"" : NULL;
}
