/* Text from outside (text.h). The one place that knows what UTF-8 is: the JSON parser asks here, too.
**
**    seal_is_utf8("gr\xc3\xbc\xc3\x9f", 6)   // 1
**    seal_is_utf8("\xc0\x80", 2)             // 0: a NUL, overlong
*/
#include "base/text.h"

#include <assert.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

SealText seal_text_from(const char *text) {
  size_t n = text ? strlen(text) : 0;
  assert(n <= INT_MAX);
  return (SealText){text, (int)n};
}

int seal_text_is(SealText text, const char *string) {
  return seal_text_same(text, seal_text_from(string));
}

int seal_text_same(SealText a, SealText b) {
  return a.p != NULL && b.p != NULL && a.n == b.n && memcmp(a.p, b.p, (size_t)a.n) == 0;
}

int seal_is_word(SealText text, const char *words) {
  while (text.p != NULL && *words) {
    size_t n = strcspn(words, " ");
    if (n == (size_t)text.n && memcmp(words, text.p, n) == 0) return 1;
    words += n + (words[n] == ' ');
  }
  return 0;
}

size_t seal_utf8_length(const char *p, size_t n) {
  assert(n > 0);
  unsigned char first = (unsigned char)p[0], second = n > 1 ? (unsigned char)p[1] : 0;
  if (first < 0x80) return 1;
  size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (first < 0xc2 || first > 0xf4 || length > n) return 0;
  if ((first == 0xe0 && second < 0xa0) || /* overlong */
      (first == 0xed && second > 0x9f) || /* surrogates */
      (first == 0xf0 && second < 0x90) || /* overlong */
      (first == 0xf4 && second > 0x8f)) { /* above U+10FFFF */
    return 0;
  }
  for (size_t i = 1; i < length; i++) {
    if (((unsigned char)p[i] & 0xc0) != 0x80) return 0;
  }
  return length;
}

int seal_is_utf8(const char *p, size_t n) {
  const char *end = p + n;
  uint64_t eight;
  while (p < end) {
    if (end - p >= 8 && (memcpy(&eight, p, 8), (eight & 0x8080808080808080u) == 0)) {
      p += 8; /* ASCII */
      continue;
    }
    size_t length = seal_utf8_length(p, (size_t)(end - p));
    if (length == 0) return 0;
    p += length;
  }
  return 1;
}

int seal_characters(SealText text) {
  int n = 0;
  for (int i = 0; i < text.n; i++) n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
  return n;
}

int seal_is_id(SealText text) {
  if (text.p == NULL || text.n < 1 || text.n > SEAL_ID_MAX) return 0;
  for (int i = 0; i < text.n; i++) {
    unsigned char c = (unsigned char)text.p[i];
    if (c < 0x20 || c == 0x7f) return 0;
  }
  return seal_is_utf8(text.p, (size_t)text.n);
}

int seal_is_scope(SealText text) {
  if (!seal_is_id(text)) return 0;
  for (int i = 0; i < text.n; i++) {
    if (text.p[i] == ' ' && (i == 0 || i == text.n - 1 || text.p[i - 1] == ' ')) return 0;
  }
  return 1;
}

const char *seal_quote(SealText text, char out[SEAL_QUOTE_MAX + 8]) {
  const char *p = text.p;
  size_t left = text.p ? (size_t)text.n : 0, n = 0;
  while (left > 0) {
    size_t length = seal_utf8_length(p, left);
    if (n + (length ? length : 1) > SEAL_QUOTE_MAX) break;
    if (length == 0 || (unsigned char)*p < 0x20 || *p == 0x7f) {
      out[n++] = '?';
      length = 1;
    } else {
      memcpy(out + n, p, length);
      n += length;
    }
    p += length;
    left -= length;
  }
  if (left > 0) {
    memcpy(out + n, "...", 3);
    n += 3;
  }
  out[n] = 0;
  return out;
}

const char *seal_service_name(SealText text) {
#define COMMA ,
  static const char *const names[] = {SEAL_SERVICES(COMMA)};
#undef COMMA
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (seal_text_is(text, names[i])) return names[i];
  }
  return NULL;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* The byte that the % at p stands for; -1 if two hexadecimal digits don't follow it, or it stands for a NUL. */
static int percent_byte(const char *p, const char *end) {
  int high = end - p > 2 ? hex_digit(p[1]) : -1;
  int low = end - p > 2 ? hex_digit(p[2]) : -1;
  return high < 0 || low < 0 || high * 16 + low == 0 ? -1 : high * 16 + low;
}

ptrdiff_t seal_percent_decode(const char *p, size_t n, char *out) {
  const char *end = p + n;
  char *to = out;
  while (p < end) {
    int c = *p == '%' ? percent_byte(p, end) : (unsigned char)*p;
    if (c < 0) return -1;
    p += *p == '%' ? 3 : 1;
    *to++ = (char)c;
  }
  *to = 0;
  return to - out;
}

/* 1 if a byte needs no encoding in a URI (RFC 3986 2.3). */
static int is_unreserved(int c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

/* Writes a byte, encoded if it has to be; gives what is behind it. */
static char *put_encoded(char *to, int c) {
  static const char hex[] = "0123456789ABCDEF";
  if (is_unreserved(c)) {
    *to++ = (char)c;
    return to;
  }
  *to++ = '%';
  *to++ = hex[c >> 4];
  *to++ = hex[c & 15];
  return to;
}

size_t seal_percent_encode(const char *p, size_t n, char *out) {
  char *to = out;
  for (size_t i = 0; i < n; i++) to = put_encoded(to, (unsigned char)p[i]);
  *to = 0;
  return (size_t)(to - out);
}

ptrdiff_t seal_percent_normal(const char *p, size_t n, char *out) {
  const char *end = p + n;
  char *to = out;
  while (p < end) {
    if (*p != '%') {
      *to++ = *p++;
      continue;
    }
    int c = percent_byte(p, end);
    if (c < 0) return -1;
    to = put_encoded(to, c);
    p += 3;
  }
  *to = 0;
  return to - out;
}

void seal_wipe(void *p, size_t n) {
  if (p) explicit_bzero(p, n);
}
