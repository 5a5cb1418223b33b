/* Who a certificate names: its subject as text, its alternative names, and whether one of them is
** the identity that is asked for.
**
**    SealX509Policy policy = {.san = SEAL_SAN_DNS, .identity = "v2x.acme.example"};
**    if (seal_identity_check(x, &policy) == SEAL_VALID) ...
**
** Only the SAN names (RFC 9525 6.3: never the common name), exactly: no wildcard matches, no
** prefix, no NUL inside ends a name early (CVE-2009-2408).
*/
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/x509/x509_int.h"

#define SEAL_DNS_MAX   253
#define SEAL_LABEL_MAX 63

char *seal_name_text(const X509_NAME *name) {
  BIO *bio = BIO_new(BIO_s_mem());
  char *data = NULL, *text = NULL;
  long n;

  /* UTF-8 stays as it is; control characters are escaped. */
  if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
    n = BIO_get_mem_data(bio, &data);
    if (n >= 0) text = seal_copy(data, (size_t)n);
  }
  BIO_free(bio);
  return text;
}

/************************************************************************************************
** Syntax
*/
static int is_alnum(char ch) {
  return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
}

int seal_dns_valid(const char *name, size_t n) {
  size_t label = 0;

  if (n == 0 || n > SEAL_DNS_MAX || name[n - 1] == '.') return 0;
  for (size_t i = 0; i <= n; i++) {
    if (i == n || name[i] == '.') {
      if (label == 0 || label > SEAL_LABEL_MAX || name[i - 1] == '-') return 0;
      label = 0;
    } else {
      if (!is_alnum(name[i]) && (name[i] != '-' || label == 0)) return 0;
      label++;
    }
  }
  return 1;
}

/* Printable ASCII without space: what mailboxes and URIs are made of here. */
static int is_printable(const char *text, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (text[i] <= ' ' || text[i] > '~') return 0;
  }
  return n > 0;
}

/* RFC 5280 4.2.1.6: a mailbox local@host, no quoted local part. */
static int email_valid(const char *text, size_t n) {
  const char *at = memchr(text, '@', n);
  size_t local = at ? (size_t)(at - text) : 0;

  return local > 0 && is_printable(text, n) && !memchr(text, '"', n) &&
         seal_dns_valid(at + 1, n - local - 1);
}

/* RFC 3986 3: a scheme and something after it; absolute, as RFC 5280 4.2.1.6 asks. */
static int uri_valid(const char *text, size_t n) {
  const char *colon = memchr(text, ':', n);
  size_t scheme = colon ? (size_t)(colon - text) : 0;

  if (scheme == 0 || scheme + 1 == n || !is_printable(text, n)) return 0;
  if (!is_alnum(text[0]) || (text[0] >= '0' && text[0] <= '9')) return 0;
  for (size_t i = 1; i < scheme; i++) {
    if (!is_alnum(text[i]) && !strchr("+-.", text[i])) return 0;
  }
  return 1;
}

/* The bytes of a name; their number by *n. NULL for a kind that has no bytes of its own. */
static const char *general_bytes(const GENERAL_NAME *name, size_t *n) {
  const ASN1_STRING *string;

  *n = 0;
  switch (name->type) {
  case GEN_DNS:
  case GEN_URI:
  case GEN_EMAIL:
    string = name->d.ia5;
    break;
  case GEN_IPADD:
    string = name->d.ip;
    break;
  default:
    return NULL;
  }
  *n = (size_t)ASN1_STRING_length(string);
  return (const char *)ASN1_STRING_get0_data(string);
}

static SealReason general_check(const GENERAL_NAME *name, int wildcard) {
  size_t n;
  const char *text = general_bytes(name, &n);
  int good = 1;

  if (!text) return SEAL_VALID;
  switch (name->type) {
  case GEN_DNS:
    if (memchr(text, '*', n)) {
      if (!wildcard) return SEAL_REASON_SAN_WILDCARD;
      good = n > 2 && memcmp(text, "*.", 2) == 0 && seal_dns_valid(text + 2, n - 2);
    } else {
      good = seal_dns_valid(text, n);
    }
    break;
  case GEN_URI:
    good = uri_valid(text, n);
    break;
  case GEN_EMAIL:
    good = email_valid(text, n);
    break;
  default:
    good = n == 4 || n == 16;
  }
  return good ? SEAL_VALID : SEAL_REASON_SAN_INVALID;
}

/************************************************************************************************
** The SAN
*/
/* The SAN, the caller's; NULL without one, or when it cannot be read: then *reason says so. */
static GENERAL_NAMES *san_get(const X509 *x, SealReason *reason) {
  int critical;
  GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);

  *reason = names || critical == -1 ? SEAL_VALID : SEAL_REASON_SAN_INVALID;
  return names;
}

SealReason seal_san_check(const X509 *x, int wildcard) {
  SealReason reason;
  GENERAL_NAMES *names = san_get(x, &reason);
  int n = sk_GENERAL_NAME_num(names);

  if (names && n == 0) reason = SEAL_REASON_SAN_INVALID;
  for (int i = 0; i < n && reason == SEAL_VALID; i++) {
    reason = general_check(sk_GENERAL_NAME_value(names, i), wildcard);
  }
  GENERAL_NAMES_free(names);
  return reason;
}

SealReason seal_names_check(const X509 *x) {
  const X509_NAME *subject = X509_get_subject_name(x);
  int at = -1;

  while ((at = X509_NAME_get_index_by_NID(subject, NID_pkcs9_emailAddress, at)) >= 0) {
    const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));

    if (ASN1_STRING_type(text) != V_ASN1_IA5STRING ||
        !email_valid((const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text))) {
      return SEAL_REASON_NAME_CONSTRAINTS;
    }
  }
  return seal_san_check(x, 1);
}

int seal_san_has_wildcard(const X509 *x) {
  SealReason reason;
  GENERAL_NAMES *names = san_get(x, &reason);
  int n = sk_GENERAL_NAME_num(names), found = 0;

  for (int i = 0; i < n && !found; i++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
    size_t size;
    const char *text = general_bytes(name, &size);

    found = name->type == GEN_DNS && memchr(text, '*', size);
  }
  GENERAL_NAMES_free(names);
  return found;
}

/* The name as {"kind": value}; NULL when memory ran out, and JSON null for what is left out. */
static json_t *general_json(const GENERAL_NAME *name) {
  char address[INET6_ADDRSTRLEN];
  size_t n;
  const char *text = general_bytes(name, &n), *kind = "ip";
  json_t *value;

  if (!text) return json_null();
  if (name->type == GEN_IPADD) {
    if (n != 4 && n != 16) return json_null();
    text = inet_ntop(n == 4 ? AF_INET : AF_INET6, text, address, sizeof address);
    if (!text) return json_null();
    n = strlen(text);
  } else {
    kind = name->type == GEN_DNS ? "dns" : name->type == GEN_URI ? "uri" : "email";
    if (!is_printable(text, n)) return json_null();
  }
  value = json_stringn(text, n);
  return value ? json_pack("{s:o}", kind, value) : NULL;
}

json_t *seal_san_json(const X509 *x) {
  SealReason reason;
  GENERAL_NAMES *names = san_get(x, &reason);
  int n = sk_GENERAL_NAME_num(names);
  json_t *array = json_array();

  for (int i = 0; i < n && array; i++) {
    json_t *name = general_json(sk_GENERAL_NAME_value(names, i));

    if (json_is_null(name)) continue;
    if (json_array_append_new(array, name) != 0) {
      json_decref(array);
      array = NULL;
    }
  }
  GENERAL_NAMES_free(names);
  return array;
}

/************************************************************************************************
** Identities
*/
/* The identity asked for as the bytes that a SAN holds; 0 if it is none. */
static size_t identity_bytes(const SealX509Policy *policy, unsigned char *address,
                             const char **bytes) {
  const char *identity = policy->identity ? policy->identity : "";
  size_t n = strlen(identity);

  *bytes = identity;
  switch (policy->san) {
  case SEAL_SAN_DNS:
    return seal_dns_valid(identity, n) ? n : 0;
  case SEAL_SAN_URI:
    return uri_valid(identity, n) ? n : 0;
  default:
    *bytes = (const char *)address;
    if (inet_pton(AF_INET, identity, address) == 1) return 4;
    return inet_pton(AF_INET6, identity, address) == 1 ? 16 : 0;
  }
}

SealReason seal_identity_check(const X509 *x, const SealX509Policy *policy) {
  static const int type_of[] = {
      [SEAL_SAN_DNS] = GEN_DNS, [SEAL_SAN_URI] = GEN_URI, [SEAL_SAN_IP] = GEN_IPADD};
  unsigned char address[16];
  const char *wanted;
  size_t n_wanted;
  SealReason reason;
  GENERAL_NAMES *names;
  int found = 0, of_kind = 0;

  if (policy->san == SEAL_SAN_NONE) return SEAL_VALID;
  n_wanted = identity_bytes(policy, address, &wanted);
  if (n_wanted == 0) return SEAL_REASON_IDENTITY_INVALID;
  names = san_get(x, &reason);
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
    size_t n;
    const char *text = general_bytes(name, &n);

    if (name->type != type_of[policy->san]) continue;
    of_kind++;
    if (n != n_wanted) continue;
    /* Host names have no case (RFC 4343); both are ASCII without NUL, as long as they match. */
    found = found || (policy->san == SEAL_SAN_DNS ? OPENSSL_strncasecmp(text, wanted, n) == 0
                                                  : memcmp(text, wanted, n) == 0);
  }
  GENERAL_NAMES_free(names);
  if (reason != SEAL_VALID) return reason;
  /* One URI is one identity: with two, it would depend on who asks. */
  if (policy->san == SEAL_SAN_URI && of_kind > 1) found = 0;
  return found ? SEAL_VALID : SEAL_REASON_IDENTITY_MISMATCH;
}
