/* Where something is reached (address.h).
**
**    seal_is_http_uri(seal_text_from("https://v2x.example/n"))      1
**    {"fqdn":"v2x.example"}   {"ipv6Addrs":["2001:db8::1"]}         EndPoints
*/
#include "base/address.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>
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

/* Behind the scheme and its colon; 0 if there is none. */
static int scheme_of(SealText text) {
  int i = 0;
  if (text.p == NULL || text.n == 0 || !is_letter(text.p[0])) return 0;
  while (i < text.n && (is_letter(text.p[i]) || is_digit(text.p[i]) || text.p[i] == '+' ||
                        text.p[i] == '-' || text.p[i] == '.')) {
    i++;
  }
  return i + 1 < text.n && text.p[i] == ':' ? i + 1 : 0;
}

static int is_ip_literal(const char *p, int n) {
  unsigned char address[16];
  char text[64];
  if (n < 2 || n >= (int)sizeof text) return 0;
  memcpy(text, p, (size_t)n);
  text[n] = 0;
  return inet_pton(AF_INET6, text, address) == 1;
}

/* The host and port of n bytes: an address in brackets or a name that may be empty, and digits behind a colon. */
static int is_host(const char *p, int n, int *host) {
  const char *end = p + n, *mark = p;
  if (n > 0 && *p == '[') {
    mark = memchr(p, ']', (size_t)n);
    if (mark == NULL || !is_ip_literal(p + 1, (int)(mark - p) - 1)) return 0;
    mark++;
  } else {
    while (mark < end && *mark != ':') mark++;
    if (memchr(p, '[', (size_t)(mark - p)) || memchr(p, ']', (size_t)(mark - p))) return 0;
  }
  *host = (int)(mark - p);
  if (mark < end && *mark++ != ':') return 0;
  int port = 0;
  for (; mark < end; mark++) {
    if (!is_digit(*mark) || (port = port * 10 + *mark - '0') > 65535) return 0;
  }
  return 1;
}

/* Bytes of RFC 3986 2: every % has two digits, and stands for no NUL; one # at most. */
static int are_bytes(const char *p, const char *end) {
  int fragments = 0;
  for (; p < end; p++) {
    if (*p == '%') {
      if (end - p < 3 || !is_hex(p[1]) || !is_hex(p[2]) || (p[1] == '0' && p[2] == '0')) return 0;
    } else if (*p == '#') {
      if (++fragments > 1) return 0;
    } else if (*p == 0 ||
               (!is_letter(*p) && !is_digit(*p) && !strchr("-._~:/?[]@!$&'()*+,;=", *p))) {
      return 0;
    }
  }
  return 1;
}

static int has_bracket(const char *p, const char *end) {
  return p < end && (memchr(p, '[', (size_t)(end - p)) || memchr(p, ']', (size_t)(end - p)));
}

/* What is behind the scheme, with brackets around an address alone. *host is the length of the host, *user 1 if
** something stands before it. */
static int is_rest(const char *p, const char *end, int *host, int *user) {
  *host = *user = 0;
  if (!are_bytes(p, end)) return 0;
  if (end - p < 2 || p[0] != '/' || p[1] != '/') return !has_bracket(p, end);
  const char *from = p + 2, *stop = from;
  while (stop < end && *stop != '/' && *stop != '?' && *stop != '#') stop++;
  for (const char *at = from; at < stop; at++) {
    if (*at != '@') continue;
    *user = 1;
    from = at + 1;
  }
  return is_host(from, (int)(stop - from), host) && !has_bracket(p, from) &&
         !has_bracket(from + *host, end);
}

int seal_is_uri(SealText text) {
  int host, user, n = scheme_of(text);
  return n > 0 && text.n <= SEAL_URI_MAX && is_rest(text.p + n, text.p + text.n, &host, &user);
}

int seal_is_http_uri(SealText text) {
  int host, user, n = scheme_of(text);
  if (!(n == 5 && strncasecmp(text.p, "http:", 5) == 0) &&
      !(n == 6 && strncasecmp(text.p, "https:", 6) == 0)) {
    return 0;
  }
  return text.n <= SEAL_URI_MAX && is_rest(text.p + n, text.p + text.n, &host, &user) && host > 0 &&
         !user;
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

/* An array of at least one address. No string of JSON holds a NUL (json.c). */
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

int seal_http_target(SealText uri, SealText *host, int *port) {
  int n, user;
  if (!seal_is_http_uri(uri)) return 0;
  int scheme = scheme_of(uri);
  const char *from = uri.p + scheme + 2;
  (void)is_rest(uri.p + scheme, uri.p + uri.n, &n, &user); /* as before */
  const char *digits = from + n, *end = uri.p + uri.n;
  *host = *from == '[' ? (SealText){from + 1, n - 2} : (SealText){from, n};
  *port = 0;
  if (digits < end && *digits == ':') {
    while (++digits < end && is_digit(*digits)) *port = *port * 10 + *digits - '0';
  }
  if (*port == 0) *port = scheme == 5 ? 80 : 443;
  return 1;
}

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

/* A network: its address, of IPv4 as the mapped one of IPv6, and how many bits of it count. */
typedef struct Network {
  unsigned char address[16];
  int bits;
} Network;

/* Reads an address, or one with /bits behind it; 0 if it is none. */
static int read_network(const char *p, int n, Network *out) {
  char text[64], *slash;
  if (n <= 0 || n >= (int)sizeof text) return 0;
  memcpy(text, p, (size_t)n);
  text[n] = 0;
  if ((int)strlen(text) != n) return 0;
  slash = strchr(text, '/');
  if (slash != NULL) *slash++ = 0;
  int v4 = inet_pton(AF_INET, text, out->address + 12) == 1;
  if (v4) memcpy(out->address, mapped, sizeof mapped);
  if (!v4 && inet_pton(AF_INET6, text, out->address) != 1) return 0;
  int most = v4 ? 32 : 128;
  out->bits = most;
  if (slash != NULL) {
    if (!is_digit(slash[0]) || strspn(slash, "0123456789") != strlen(slash) || strlen(slash) > 3)
      return 0;
    out->bits = 0;
    for (; *slash; slash++) out->bits = out->bits * 10 + *slash - '0';
    if (out->bits > most) return 0;
  }
  if (v4) out->bits += 96;
  return 1;
}

static int is_within(const Network *a, const Network *network) {
  int bytes = network->bits / 8, rest = network->bits % 8;
  return a->bits >= network->bits && memcmp(a->address, network->address, (size_t)bytes) == 0 &&
         (rest == 0 || (a->address[bytes] ^ network->address[bytes]) >> (8 - rest) == 0);
}

static int is_within_text(const Network *a, const char *text) {
  Network network;
  return read_network(text, (int)strlen(text), &network) && is_within(a, &network);
}

/* What the registries of IANA give to nobody in the Internet (RFC 6890): of IPv4 these, of IPv6 what is beyond 2000::/3
** and parts of that. */
static int is_public(const Network *a) {
  static const char *const special[] = {
      "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
      "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
      "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",    "2001::/23",
      "2001:db8::/32", "2002::/16",       "3fff::/20",
  };
  if (!is_within_text(a, "::ffff:0:0/96") && !is_within_text(a, "2000::/3")) return 0;
  for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
    if (is_within_text(a, special[i])) return 0;
  }
  return 1;
}

int seal_address_allowed(SealText address, SealText host, SealText list) {
  Network a, network;
  if (address.p == NULL || memchr(address.p, '/', (size_t)address.n) ||
      !read_network(address.p, address.n, &a)) {
    return 0;
  }
  if (is_within_text(&a, "64:ff9b::/96")) {
    memcpy(a.address, mapped, sizeof mapped);
  }
  if (is_public(&a)) return 1;
  const char *p = list.p, *end = list.p ? list.p + list.n : NULL;
  while (p < end) {
    const char *word = p;
    while (p < end && *p != ' ' && *p != ',') p++;
    int n = (int)(p - word);
    if (read_network(word, n, &network)
            ? is_within(&a, &network)
            : n > 0 && n == host.n && strncasecmp(word, host.p, (size_t)n) == 0) {
      return 1;
    }
    if (p < end) p++;
  }
  return 0;
}
