/* A request from its FastCGI parameters (host.h): which of them count, who answers, under which message id.
**
** The web server vouches for what it sets itself (SSL_CLIENT_CERT and the like); what a peer sent as a header has HTTP_ before
** its name, so that it can't be taken for it. Nothing else of a peer's is used.
*/
#include "host/host.h"
#include "host/fcgi.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LINE       64  /* characters of a line of PEM (RFC 7468 2) */
#define DER_LEAST  128 /* bytes that no certificate is shorter than: its frame in PEM has 54 */
#define PEM_GROWTH 2   /* times its base64 is what PEM has at most, from DER_LEAST bytes on */

static const char *const param_names[HOST_PARAMS] = {
    [HOST_METHOD] = "REQUEST_METHOD",
    [HOST_URI] = "REQUEST_URI",
    [HOST_CONTENT_TYPE] = "CONTENT_TYPE",
    [HOST_CONTENT_LENGTH] = "CONTENT_LENGTH",
    [HOST_AUTHORIZATION] = "HTTP_AUTHORIZATION",
    [HOST_ACCEPT] = "HTTP_ACCEPT",
    [HOST_TRACEPARENT] = "HTTP_TRACEPARENT",
    [HOST_IDEMPOTENCY_KEY] = "HTTP_IDEMPOTENCY_KEY",
    [HOST_CERTIFICATE] = "SSL_CLIENT_CERT",
    [HOST_CERTIFICATE_DER] = "SSL_CLIENT_CERT_DER",
    [HOST_CHAIN_DER] = "SSL_CLIENT_CHAIN_DER",
    [HOST_LISTENER] = "SEAL_LISTENER",
    [HOST_CLIENT] = "REMOTE_ADDR",
};

void host_request_fault(HostRequest *r, int status, const char *cause, const char *detail,
                        int retry_after) {
  r->target = HOST_PROBLEM;
  if (r->fault.status == 0) r->fault = (HostFault){status, cause, detail, retry_after};
}

static void invalid(HostRequest *r, const char *detail) {
  host_request_fault(r, 400, "INVALID_MSG_FORMAT", detail, 0);
}

/* What has no value is not there; what is there twice is a fault, as nobody could say which one counts. */
static void take_param(HostRequest *r, const FcgiPair *pair) {
  for (int i = 0; i < HOST_PARAMS; i++) {
    if (strlen(param_names[i]) != pair->n_name ||
        memcmp(param_names[i], pair->name, pair->n_name) != 0) {
      continue;
    }
    if (r->param[i].p != NULL) invalid(r, "a header field is there twice");
    if (pair->n_value > 0) r->param[i] = (SealText){pair->value, (int)pair->n_value};
    return;
  }
}

/* Digits alone; -1: none, or too many. */
static long long number_of(SealText text) {
  long long n = 0;
  if (text.n < 1 || text.n > 15) return -1;
  for (int i = 0; i < text.n; i++) {
    if (text.p[i] < '0' || text.p[i] > '9') return -1;
    n = n * 10 + (text.p[i] - '0');
  }
  return n;
}

static void take_length(HostRequest *r, size_t *length) {
  long long n = r->param[HOST_CONTENT_LENGTH].p ? number_of(r->param[HOST_CONTENT_LENGTH]) : 0;
  *length = 0;
  if (n < 0) {
    invalid(r, "Content-Length is no number");
  } else if (n > SEAL_BODY_MAX) {
    r->body_too_large = 1;
  } else {
    *length = (size_t)n;
  }
}

/* A random message id: 128 bits. */
static int random_key(HostRequest *r) {
  static const char digits[] = "0123456789abcdef";
  unsigned char bytes[16];
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return -1;
  for (size_t i = 0; i < sizeof bytes; i++) {
    r->key[2 * i] = digits[bytes[i] >> 4];
    r->key[2 * i + 1] = digits[bytes[i] & 15];
  }
  r->key[2 * sizeof bytes] = '\0';
  r->own_key = 1;
  return 0;
}

/* Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a string of RFC 8941 3.3.3, in quotes; one without quotes
** is taken as it is. -1: it is none. */
static int given_key(SealText text, char *out) {
  int quoted = text.p[0] == '"', n = 0;
  int end = text.n;
  if (quoted && (text.n < 2 || text.p[text.n - 1] != '"')) return -1;
  if (quoted) end--;
  for (int i = quoted; i < end; i++) {
    unsigned char c = (unsigned char)text.p[i];
    if (quoted && c == '\\') {
      if (++i >= end) return -1;
      c = (unsigned char)text.p[i];
      if (c != '"' && c != '\\') return -1;
    } else if (c == '"' || (!quoted && (c == ' ' || c == ',' || c == ';' || c == '\\'))) {
      return -1;
    }
    if (c < 0x20 || c > 0x7e || n >= SEAL_ID_MAX) return -1;
    out[n++] = (char)c;
  }
  out[n] = '\0';
  return n > 0 ? 0 : -1;
}

/* The path of a URI, without its query. */
static SealText path_of(const HostRequest *r) {
  SealText uri = r->param[HOST_URI];
  const char *query = uri.p ? memchr(uri.p, '?', (size_t)uri.n) : NULL;
  if (query != NULL) uri.n = (int)(query - uri.p);
  return uri;
}

static void choose_target(HostRequest *r) {
  SealText path = path_of(r);
  SealText method = r->param[HOST_METHOD];
  int health = seal_text_is(path, "/health");
  int metrics = seal_text_is(path, "/metrics") && seal_text_is(r->param[HOST_LISTENER], "local");
  r->head = seal_text_is(method, "HEAD");
  if (r->fault.status != 0) return;
  if (method.p == NULL || path.p == NULL) {
    invalid(r, "a request has a method and a URI");
  } else if (r->param[HOST_URI].n > SEAL_HEADER_TEXT_MAX) {
    host_request_fault(r, 414, NULL, "a URI has 8192 bytes at most", 0);
  } else if (!health && !metrics) {
    if (seal_text_is(r->param[HOST_LISTENER], "local")) {
      host_request_fault(r, 404, "RESOURCE_URI_STRUCTURE_NOT_FOUND",
                         "this listener has /metrics and /health", 0);
    }
  } else if (!r->head && !seal_text_is(method, "GET")) {
    host_request_fault(r, 405, "METHOD_NOT_ALLOWED", "it is read by GET", 0);
  } else {
    r->target = health ? HOST_HEALTH : HOST_METRICS;
  }
}

/* The length of the DER value at p (X.690 8.1.3, definite), head and all; 0: there is none in n bytes. */
static size_t der_length(const unsigned char *p, size_t n) {
  size_t length = 0, head = 2;
  if (n < 2 || p[0] != 0x30) return 0;
  if (p[1] < 0x80) {
    length = p[1];
  } else {
    size_t digits = p[1] & 0x7f;
    if (digits < 1 || digits > 3 || n < 2 + digits) return 0;
    for (size_t i = 0; i < digits; i++) length = length << 8 | p[2 + i];
    head += digits;
  }
  return length <= n - head ? head + length : 0;
}

/* Appends the certificates of a base64 text as PEM, at *out, which it moves: each byte of DER as it came, so that who
** checks them sees what the peer sent. -1: they are none. */
static int add_pem(SealText base64, char **out) {
  if (base64.p == NULL) return 0;
  unsigned char *der = malloc((size_t)base64.n + 1);
  int done = der != NULL ? EVP_DecodeBlock(der, (const unsigned char *)base64.p, base64.n) : -1;
  for (int i = base64.n; done > 0 && i > 0 && base64.p[i - 1] == '='; i--) done--;
  size_t left = done > 0 ? (size_t)done : 0, n = 0;
  for (unsigned char *p = der; left > 0; p += n, left -= n) {
    n = der_length(p, left);
    if (n < DER_LEAST) break;
    *out += sprintf(*out, "-----BEGIN CERTIFICATE-----\n");
    for (size_t i = 0; i < n; i += LINE / 4 * 3) {
      size_t piece = n - i < LINE / 4 * 3 ? n - i : LINE / 4 * 3;
      *out += EVP_EncodeBlock((unsigned char *)*out, p + i, (int)piece);
      *(*out)++ = '\n';
    }
    *out += sprintf(*out, "-----END CERTIFICATE-----\n");
  }
  free(der);
  return done > 0 && left == 0 ? 0 : -1;
}

/* Certificates that came as DER, leaf first, become PEM. */
static void take_certificates(HostRequest *r) {
  SealText leaf = r->param[HOST_CERTIFICATE_DER], chain = r->param[HOST_CHAIN_DER];
  if (leaf.p == NULL) return;
  if (r->param[HOST_CERTIFICATE].p != NULL) {
    invalid(r, "the web server gives the client's certificate twice");
    return;
  }
  size_t size = ((size_t)leaf.n + (size_t)chain.n) * PEM_GROWTH + 1;
  r->pem = malloc(size);
  if (r->pem == NULL) {
    host_request_fault(r, 503, NULL, "out of memory", 1);
    return;
  }
  char *out = r->pem;
  if (add_pem(leaf, &out) != 0 || add_pem(chain, &out) != 0) {
    invalid(r, "the client's certificates are no DER");
    return;
  }
  *out = '\0';
}

void host_request_read(HostRequest *r, size_t *length) {
  const char *p = r->params, *end = p + r->n_params;
  FcgiPair pair;
  int more;
  while ((more = fcgi_pair(&p, end, &pair)) > 0) take_param(r, &pair);
  if (more < 0) invalid(r, "FastCGI's parameters are cut off");
  take_length(r, length);
  take_certificates(r);
  SealText key = r->param[HOST_IDEMPOTENCY_KEY];
  if (key.p != NULL && given_key(key, r->key) != 0) {
    r->key[0] = '\0';
    invalid(r, "Idempotency-Key is no string in quotes, of 1 to 255 printable characters of ASCII");
  } else if (key.p == NULL && random_key(r) != 0) {
    host_request_fault(r, 503, NULL, "the machine has no random numbers", 1);
  }
  choose_target(r);
}

void host_request_complete(HostRequest *r) {
  if (r->body_too_large) {
    host_request_fault(r, 413, "BODY_TOO_LARGE", "a body has 16777216 bytes at most", 0);
  } else if (r->param[HOST_CONTENT_LENGTH].p != NULL &&
             (long long)r->n_body != number_of(r->param[HOST_CONTENT_LENGTH])) {
    invalid(r, "the body is not as long as Content-Length says");
  }
}

void host_request_free(HostRequest *r) {
  if (r == NULL) return;
  if (r->params != NULL) seal_wipe(r->params, r->size_params);
  if (r->body != NULL) seal_wipe(r->body, r->size_body);
  if (r->answer != NULL) seal_wipe(r->answer, r->n_answer);
  free(r->params);
  free(r->body);
  free(r->answer);
  free(r->pem);
  free(r);
}

const char *host_request_path(const HostRequest *r, char out[HOST_PATH_SIZE]) {
  static const char *const known[] = {"/ss-ipp/v1/configurations",
                                      "/ss-kmpp/v1/configurations",
                                      "/ss-kpp/v1/request",
                                      "/ss-kir/v1/key-records",
                                      "/skm/v1/km-request",
                                      "/ss-vsd/v1/val-servdata",
                                      "/seal-bundles/v1/bundles",
                                      "/oauth2/v1/token",
                                      "/.well-known/jwks.json",
                                      "/health",
                                      "/metrics",
                                      "/.well-known/oauth-authorization-server"};
  SealText path = path_of(r);
  for (size_t i = 0; path.p != NULL && i < sizeof known / sizeof *known; i++) {
    size_t n = strlen(known[i]);
    if ((size_t)path.n < n || memcmp(path.p, known[i], n) != 0) continue;
    if ((size_t)path.n > n && path.p[n] != '/') continue;
    (void)snprintf(out, HOST_PATH_SIZE, "%s%s", known[i], (size_t)path.n > n ? "/{}" : "");
    return out;
  }
  out[0] = '\0';
  return out;
}
