/* Small texts (messages.h): JSON strings and percent-encoding.
*/
#include "messages/messages.h"

#include <string.h>

void seal_json_append(sqlite3_str *out, const char *p, size_t n) {
  size_t from = 0;
  sqlite3_str_appendchar(out, 1, '"');
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)p[i];
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    sqlite3_str_append(out, p + from, (int)(i - from));
    if (c < 0x20) {
      sqlite3_str_appendf(out, "\\u%04x", c);
    } else {
      sqlite3_str_appendf(out, "\\%c", c);
    }
    from = i + 1;
  }
  sqlite3_str_append(out, p + from, (int)(n - from));
  sqlite3_str_appendchar(out, 1, '"');
}

SealText seal_json_member(const json_t *object, const char *name) {
  const json_t *value = json_object_get(object, name);
  return (SealText){json_string_value(value), (int)json_string_length(value)};
}

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
