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

/* Where a byte stands next in a header, outside of quoted strings; the header's end if nowhere. */
static const char *next_of(const char *p, const char *bytes) {
  for (int quoted = 0; *p; p++) {
    if (*p == '"') quoted = !quoted;
    if (quoted && *p == '\\' && p[1] != 0) p++;
    if (!quoted && strchr(bytes, *p)) break;
  }
  return p;
}

/* How well the media range of n bytes fits a type: exactly, 4, or 3 where it has parameters, which our types have not;
** 2 by its first half, 1 by none, 0 not at all. Its weight, q, is *nothing: 1 if it is 0. */
static int fit(const char *range, size_t n, const char *type, int *nothing) {
  size_t half = strcspn(type, "/") + 1, n_range = strcspn(range, " \t;,");
  int parameters = 0;
  *nothing = 0;
  for (const char *p = next_of(range, ";,"); *p == ';' && p < range + n; p = next_of(p, ";,")) {
    p += 1 + spaces(p + 1);
    if ((*p != 'q' && *p != 'Q') || p[1] != '=') {
      parameters |= *p != ';' && *p != ',' && *p != 0;
      continue;
    }
    size_t digits = strspn(p + 2, "0.");
    *nothing = digits > 0 && p[2] == '0' && strcspn(p + 2, " \t;,") == digits;
    break; /* what follows are no parameters of the type */
  }
  if (n_range == strlen(type) && sqlite3_strnicmp(range, type, (int)n_range) == 0) {
    return parameters ? 3 : 4;
  }
  if (n_range == half + 1 && range[half] == '*' && sqlite3_strnicmp(range, type, (int)half) == 0) {
    return 2;
  }
  return n_range == 3 && memcmp(range, "*/*", 3) == 0;
}

int seal_accepts(const char *accept, const char *type) {
  int best = 0, good = 0, nothing;
  if (accept == NULL || accept[spaces(accept)] == 0) return 1;
  for (const char *p = accept; *p; p += *p == ',') {
    p += spaces(p);
    const char *end = next_of(p, ",");
    int fits = fit(p, (size_t)(end - p), type, &nothing);
    if (fits > best) {
      best = fits;
      good = !nothing;
    }
    p = end;
  }
  return good;
}

const char *seal_status_title(int status) {
  switch (status) {
  case 200:
    return "OK";
  case 201:
    return "Created";
  case 204:
    return "No Content";
  case 400:
    return "Bad Request";
  case 401:
    return "Unauthorized";
  case 403:
    return "Forbidden";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  case 406:
    return "Not Acceptable";
  case 409:
    return "Conflict";
  case 413:
    return "Content Too Large";
  case 414:
    return "URI Too Long";
  case 415:
    return "Unsupported Media Type";
  case 429:
    return "Too Many Requests";
  case 503:
    return "Service Unavailable";
  default:
    return "Internal Server Error";
  }
}

const char *seal_challenge(int status, SealCause cause, int token_endpoint) {
  if (token_endpoint) return status == 401 ? "private_key_jwt" : NULL;
  if (status == 401) return "Bearer error=\\\"invalid_token\\\"";
  if (cause == SEAL_CREDENTIAL_MISSING) return "Bearer";
  return cause == SEAL_INSUFFICIENT_SCOPE ? "Bearer error=\\\"insufficient_scope\\\"" : NULL;
}
