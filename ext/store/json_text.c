/* JSON text in SQLite's memory (json_text.h).
*/
#include "store/json_text.h"

char *seal_json_dump(const json_t *json) {
  size_t n = json_dumpb(json, NULL, 0, JSON_COMPACT);
  char *text = n > 0 ? sqlite3_malloc64(n + 1) : NULL;
  if (text == NULL) return NULL;
  /* It allocates on its way, each time. */
  if (json_dumpb(json, text, n, JSON_COMPACT) != n) {
    sqlite3_free(text);
    return NULL;
  }
  text[n] = 0;
  return text;
}

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

size_t seal_json_length(const char *p, size_t n) {
  size_t length = n + 2;
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)p[i];
    length += c < 0x20 ? 5 : c == '"' || c == '\\';
  }
  return length;
}

SealText seal_json_member(const json_t *object, const char *name) {
  const json_t *value = json_object_get(object, name);
  return (SealText){json_string_value(value), (int)json_string_length(value)};
}
