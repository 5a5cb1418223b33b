/* Small texts (messages.h): percent-encoding.
*/
#include "messages/messages.h"

#include <string.h>

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char *seal_percent_decode(const char *p, size_t n, int *nomem) {
  char *out = sqlite3_malloc64(n + 1);
  size_t k = 0;
  *nomem = out == NULL;
  if (out == NULL) return NULL;
  for (size_t i = 0; i < n; i++) {
    if (p[i] != '%') {
      out[k++] = p[i];
      continue;
    }
    int high = i + 2 < n ? hex_digit(p[i + 1]) : -1;
    int low = i + 2 < n ? hex_digit(p[i + 2]) : -1;
    if (high < 0 || low < 0 || high * 16 + low == 0) {
      sqlite3_free(out);
      return NULL;
    }
    out[k++] = (char)(high * 16 + low);
    i += 2;
  }
  out[k] = 0;
  return out;
}
