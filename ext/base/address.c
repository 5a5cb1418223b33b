/* Where something is reached (address.h).
**
**    seal_is_http_uri(seal_text_from("https://v2x.example/n"))      1
**    {"fqdn":"v2x.example"}   {"ipv6Addrs":["2001:db8::1"]}         EndPoints
*/
#include "base/address.h"

#include <arpa/inet.h>
#include <string.h>
#include "base/bounds.h"

static int is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int is_digit(char c) {
  return c >= '0' && c <= '9';
}

static int is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

int seal_is_uri(SealText text) {
  int i = 0;
  if (text.p == NULL || text.n == 0 || text.n > SEAL_URI_MAX || !is_letter(text.p[0])) return 0;
  while (i < text.n && (is_letter(text.p[i]) || is_digit(text.p[i]) || text.p[i] == '+' ||
                        text.p[i] == '-' || text.p[i] == '.')) {
    i++;
  }
  if (i + 1 >= text.n || text.p[i] != ':') return 0;
  for (i++; i < text.n; i++) {
    char c = text.p[i];
    if (c == '%') {
      if (i + 2 >= text.n || !is_hex(text.p[i + 1]) || !is_hex(text.p[i + 2])) return 0;
    } else if (c == 0 || (!is_letter(c) && !is_digit(c) && !strchr("-._~:/?#[]@!$&'()*+,;=", c))) {
      return 0;
    }
  }
  return 1;
}

int seal_is_http_uri(SealText text) {
  int n = 0;
  if (!seal_is_uri(text)) return 0;
  if (text.n > 8 && strncmp(text.p, "https://", 8) == 0) n = 8;
  if (text.n > 7 && strncmp(text.p, "http://", 7) == 0) n = 7;
  if (n == 0 || text.p[n] == ':') return 0;
  int host = n;
  while (n < text.n && !strchr("/?#", text.p[n])) {
    if (text.p[n++] == '@') return 0;
  }
  return n > host;
}

/* Fqdn: labels of 1 to 63 letters, digits and hyphens within, two at least, the last one of letters. */
static int is_fqdn(const char *text) {
  size_t n = strlen(text), label = 0;
  int dots = 0, letters = 1;
  if (n > 0 && text[n - 1] == '.') n--;
  if (n < 4 || strlen(text) > 253) return 0;
  for (size_t i = 0; i < n; i++) {
    char c = text[i];
    if (c == '.') {
      if (label == 0 || text[i - 1] == '-') return 0;
      label = 0;
      letters = 1;
      dots++;
      continue;
    }
    if (!is_letter(c) && !is_digit(c) && (c != '-' || label == 0)) return 0;
    if (++label > 63) return 0;
    letters &= is_letter(c);
  }
  return dots > 0 && label >= 2 && letters;
}

/* Ipv6Addr: as RFC 5952 4 writes it, without zeros in front, capital letters, or an IPv4 address within. */
static int is_ipv6(const char *text) {
  unsigned char address[16];
  if (strspn(text, "0123456789abcdef:") != strlen(text)) return 0;
  for (const char *p = text; *p; p++) {
    if (*p == '0' && (p == text || p[-1] == ':') && is_hex(p[1])) return 0;
  }
  return inet_pton(AF_INET6, text, address) == 1;
}

static int is_ipv4(const char *text) {
  unsigned char address[4];
  return inet_pton(AF_INET, text, address) == 1;
}

/* An array of at least one address. */
static int is_list(const json_t *list, int (*is)(const char *text)) {
  size_t i;
  json_t *item;
  if (json_array_size(list) == 0) return 0;
  json_array_foreach(list, i, item) {
    const char *text = json_string_value(item);
    if (text == NULL || !is(text)) return 0;
  }
  return 1;
}

int seal_is_end_pt(const json_t *json) {
  const json_t *uri = json_object_get(json, "uri"), *fqdn = json_object_get(json, "fqdn");
  const json_t *v4 = json_object_get(json, "ipv4Addrs"), *v6 = json_object_get(json, "ipv6Addrs");
  if ((uri != NULL) + (fqdn != NULL) + (v4 != NULL) + (v6 != NULL) != 1) return 0;
  if (v4 != NULL) return is_list(v4, is_ipv4);
  if (v6 != NULL) return is_list(v6, is_ipv6);
  if (uri != NULL) {
    return seal_is_uri((SealText){json_string_value(uri), (int)json_string_length(uri)});
  }
  return json_is_string(fqdn) && is_fqdn(json_string_value(fqdn));
}
