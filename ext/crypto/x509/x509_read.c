/* Certificates and CRLs from outside: PEM text (RFC 7468) or DER one after another, strictly.
**
**    STACK_OF(X509) *certs = sk_X509_new_null();
**    seal_certs_read(c, pem, n, SEAL_CHAIN_COUNT, &reasons, certs);
**
** PEM: text outside of the blocks is ignored, as RFC 7468 2 has it; a block of any other kind (a
** key, say) is refused, and so is anything but base64 inside of a block. DER: OpenSSL reads BER as
** well, and keeps the bytes of what it read; so a certificate could be written in several ways,
** each with a thumbprint of its own. Here every value must be in its one distinguished encoding:
** by a walk over the bytes, and by writing the certificate anew and comparing.
*/
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/x509/x509_int.h"

#define SEAL_DER_DEPTH 32

/************************************************************************************************
** DER
*/
typedef struct SealTlv {
  unsigned char tag;
  const unsigned char *value;
  size_t n;    /* bytes of the value */
  size_t size; /* bytes of tag, length and value */
} SealTlv;

/* Reads the tag and length at p, of n bytes. 1, or 0 if it is not DER or does not fit. */
static int tlv_read(const unsigned char *p, size_t n, SealTlv *out) {
  size_t head = 2, length;

  if (n < 2 || (p[0] & 0x1f) == 0x1f) return 0;
  length = p[1];
  if (length & 0x80) {
    size_t digits = length & 0x7f;

    if (digits < 1 || digits > 4 || n < 2 + digits || p[2] == 0) return 0;
    length = 0;
    for (size_t i = 0; i < digits; i++) length = length << 8 | p[2 + i];
    if (length < 0x80) return 0;
    head += digits;
  }
  if (length > n - head) return 0;
  out->tag = p[0];
  out->value = p + head;
  out->n = length;
  out->size = head + length;
  return 1;
}

/* OBJECT IDENTIFIER: each arc in base 128 without leading zeros, the last one complete. */
static int der_oid(const unsigned char *value, size_t n) {
  int first = 1;

  for (size_t i = 0; i < n; i++) {
    if (first && value[i] == 0x80) return 0;
    first = !(value[i] & 0x80);
  }
  return n > 0 && first;
}

/* A primitive value of a universal type. */
static int der_primitive(const SealTlv *tlv) {
  const unsigned char *v = tlv->value;

  switch (tlv->tag) {
  case V_ASN1_BOOLEAN:
    return tlv->n == 1 && (v[0] == 0 || v[0] == 0xff);
  case V_ASN1_INTEGER:
  case V_ASN1_ENUMERATED:
    if (tlv->n == 0) return 0;
    return tlv->n == 1 || !((v[0] == 0 && v[1] < 0x80) || (v[0] == 0xff && v[1] >= 0x80));
  case V_ASN1_BIT_STRING:
    if (tlv->n == 0 || v[0] > 7) return 0;
    return v[0] == 0 || (tlv->n > 1 && (v[tlv->n - 1] & ((1 << v[0]) - 1)) == 0);
  case V_ASN1_NULL:
    return tlv->n == 0;
  case V_ASN1_OBJECT:
    return der_oid(v, tlv->n);
  case V_ASN1_SEQUENCE:
  case V_ASN1_SET:
    return 0; /* always constructed */
  default:
    return 1;
  }
}

/* X.690 11.6: the members of a SET OF ascend. */
static int der_ascends(const unsigned char *a, size_t n_a, const unsigned char *b, size_t n_b) {
  int order = memcmp(a, b, n_a < n_b ? n_a : n_b);

  return order < 0 || (order == 0 && n_a <= n_b);
}

/* A row of values, as many as there are in n bytes. */
static int der_values(const unsigned char *p, size_t n, int is_set, int depth) {
  const unsigned char *last = NULL;
  size_t n_last = 0;

  if (depth > SEAL_DER_DEPTH) return 0;
  while (n > 0) {
    SealTlv tlv;
    int constructed = p[0] & V_ASN1_CONSTRUCTED;

    if (!tlv_read(p, n, &tlv)) return 0;
    if (is_set && last && !der_ascends(last, n_last, p, tlv.size)) return 0;
    last = p;
    n_last = tlv.size;
    if (constructed) {
      int kind = tlv.tag & ~V_ASN1_CONSTRUCTED;

      /* DER has no constructed strings. */
      if (kind < 0x40 && kind != V_ASN1_SEQUENCE && kind != V_ASN1_SET) return 0;
      if (!der_values(tlv.value, tlv.n, kind == V_ASN1_SET, depth + 1)) return 0;
    } else if (!der_primitive(&tlv)) {
      return 0;
    }
    p += tlv.size;
    n -= tlv.size;
  }
  return 1;
}

int seal_der_valid(const unsigned char *der, size_t n) {
  SealTlv tlv;

  return tlv_read(der, n, &tlv) && tlv.size == n && der_values(der, n, 0, 0);
}

/* The value of every extension that OpenSSL knows is DER as well. An unknown one may hold
** anything. */
static int extensions_valid(const STACK_OF(X509_EXTENSION) * extensions) {
  int n = sk_X509_EXTENSION_num(extensions);

  for (int i = 0; i < n; i++) {
    X509_EXTENSION *extension = sk_X509_EXTENSION_value(extensions, i);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);

    if (X509V3_EXT_get(extension) &&
        !seal_der_valid(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value))) {
      return 0;
    }
  }
  return 1;
}

/* 1 if `again`, what OpenSSL writes, is the first member of the SEQUENCE in der: the part that is
** signed. 0 if it is not, or nothing was written (n_again below 1). */
static int same_signed_part(const unsigned char *der, size_t n, const unsigned char *again,
                            int n_again) {
  SealTlv outer, part;

  return n_again > 0 && tlv_read(der, n, &outer) && tlv_read(outer.value, outer.n, &part) &&
         part.size == (size_t)n_again && memcmp(outer.value, again, part.size) == 0;
}

/************************************************************************************************
** One certificate, one CRL
*/
static X509 *cert_decode(SealCrypto *c, const unsigned char *der, size_t n) {
  const unsigned char *p = der;
  X509 *x;

  assert(c->x509_lib); /* seal_x509_ready() comes first: NULL would be the host's context */
  x = X509_new_ex(c->x509_lib, NULL);

  /* On failure d2i_X509() frees x and sets it to NULL. */
  if (x && (!d2i_X509(&x, &p, (long)n) || p != der + n)) {
    X509_free(x);
    x = NULL;
  }
  return x;
}

/* 1 if the certificate is in DER and OpenSSL would write it just so. */
static int cert_distinguished(SealCrypto *c, const unsigned char *der, size_t n) {
  unsigned char *again = NULL;
  X509 *x;
  int n_again = -1, good;

  if (!seal_der_valid(der, n)) return 0;
  /* On a copy: writing anew changes what OpenSSL keeps of the original bytes. */
  x = cert_decode(c, der, n);
  if (x && extensions_valid(X509_get0_extensions(x))) n_again = i2d_re_X509_tbs(x, &again);
  good = same_signed_part(der, n, again, n_again);
  OPENSSL_free(again);
  X509_free(x);
  return good;
}

static X509_CRL *crl_decode(SealCrypto *c, const unsigned char *der, size_t n) {
  const unsigned char *p = der;
  X509_CRL *crl;

  assert(c->x509_lib); /* as above */
  crl = X509_CRL_new_ex(c->x509_lib, NULL);

  if (crl && (!d2i_X509_CRL(&crl, &p, (long)n) || p != der + n)) {
    X509_CRL_free(crl);
    crl = NULL;
  }
  return crl;
}

/************************************************************************************************
** Containers: PEM, or DER one after another
*/
typedef struct SealReader SealReader;
struct SealReader {
  SealCrypto *c;
  const char *label; /* of the PEM blocks */
  SealReadReasons reasons;
  int max_count;
  SealReason (*each)(SealReader *reader, const unsigned char *der, size_t n);
  STACK_OF(X509) * certs;
  STACK_OF(X509_CRL) * crls;
};

/* 1 if OpenSSL has read the extensions and the key of a certificate, and kept them. */
static int cert_complete(X509 *x) {
  EVP_PKEY *key = X509_get0_pubkey(x);

  (void)X509_check_purpose(x, -1, 0);
  return !(X509_get_extension_flags(x) & (EXFLAG_INVALID | EXFLAG_NO_FINGERPRINT)) && key &&
         EVP_PKEY_get_bits(key) > 0;
}

/* Decodes a certificate and reads its extensions and key, now, once. OpenSSL marks as invalid also
** what it only had no memory to read, keeps that mark, and drops the error; so what is marked is read
** a second time. Invalid extensions and keys are judged later. */
static X509 *cert_extended(SealCrypto *c, const unsigned char *der, size_t n) {
  X509 *x = cert_decode(c, der, n);

  if (x && !cert_complete(x)) {
    X509_free(x);
    x = cert_decode(c, der, n);
    if (x) (void)cert_complete(x);
  }
  return x;
}

static SealReason reader_cert(SealReader *reader, const unsigned char *der, size_t n) {
  X509 *x;

  if (sk_X509_num(reader->certs) >= reader->max_count) return reader->reasons.large;
  if (!cert_distinguished(reader->c, der, n)) return reader->reasons.bad;
  x = cert_extended(reader->c, der, n);
  if (!x) return reader->reasons.bad;
  if (!sk_X509_push(reader->certs, x)) {
    X509_free(x);
    return SEAL_NOMEM;
  }
  return SEAL_VALID;
}

/* RFC 5280 5.1.1.2: the algorithm that is signed is the one that is used. OpenSSL compares the two
** in certificates, not in CRLs. */
static int crl_same_algorithm(const unsigned char *der, size_t n) {
  SealTlv outer, signed_part, used, named;
  const unsigned char *p;
  size_t left;

  if (!tlv_read(der, n, &outer) || !tlv_read(outer.value, outer.n, &signed_part)) return 0;
  p = signed_part.value;
  left = signed_part.n;
  if (!tlv_read(p, left, &named)) return 0;
  if (named.tag == V_ASN1_INTEGER) {
    p += named.size;
    left -= named.size;
    if (!tlv_read(p, left, &named)) return 0;
  }
  return tlv_read(outer.value + signed_part.size, outer.n - signed_part.size, &used) &&
         used.size == named.size && memcmp(p, outer.value + signed_part.size, used.size) == 0;
}

static SealReason reader_crl(SealReader *reader, const unsigned char *der, size_t n) {
  unsigned char *again = NULL;
  X509_CRL *crl;
  int n_again = -1, good;

  if (!seal_der_valid(der, n) || !crl_same_algorithm(der, n)) return reader->reasons.bad;
  crl = crl_decode(reader->c, der, n);
  if (crl && extensions_valid(X509_CRL_get0_extensions(crl))) {
    n_again = i2d_re_X509_CRL_tbs(crl, &again);
  }
  good = same_signed_part(der, n, again, n_again);
  OPENSSL_free(again);
  X509_CRL_free(crl);
  if (!good) return reader->reasons.bad;
  crl = crl_decode(reader->c, der, n);
  if (!crl) return reader->reasons.bad;
  if (!sk_X509_CRL_push(reader->crls, crl)) {
    X509_CRL_free(crl);
    return SEAL_NOMEM;
  }
  return SEAL_VALID;
}

static int is_space(char ch) {
  return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n';
}

static int is_base64(char ch) {
  return (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') ||
         ch == '+' || ch == '/' || ch == '=';
}

/* Decodes base64 with white space in it to a buffer, the caller's. NULL if it is anything else;
** *nomem tells why. */
static unsigned char *base64_block(const char *text, size_t n, size_t *out_n, int *nomem) {
  unsigned char *packed = malloc(n + 1), *out = malloc(n + 1);
  size_t used = 0;
  int size = -1, padding = 0;

  *nomem = !packed || !out;
  for (size_t i = 0; !*nomem && i < n; i++) {
    if (is_space(text[i])) continue;
    /* '=' only at the end, twice at most. */
    if (!is_base64(text[i]) || (padding > 0 && text[i] != '=') || padding > 2) {
      used = 0;
      break;
    }
    padding += text[i] == '=';
    packed[used++] = (unsigned char)text[i];
  }
  if (!*nomem && used > 0 && used % 4 == 0 && padding <= 2) {
    size = EVP_DecodeBlock(out, packed, (int)used);
  }
  free(packed);
  if (size < padding) {
    free(out);
    return NULL;
  }
  *out_n = (size_t)(size - padding);
  return out;
}

/* Reads the PEM block whose label begins at `text`. Gives where the rest begins, NULL if it is
** malformed. */
static const char *pem_block(SealReader *reader, const char *text, const char *end,
                             SealReason *reason) {
  char last[40];
  size_t n_label = strlen(reader->label), n_last, n_der;
  const char *body, *close;
  unsigned char *der;
  int nomem;

  *reason = reader->reasons.container;
  if ((size_t)(end - text) < n_label + 5 || memcmp(text, reader->label, n_label) != 0 ||
      memcmp(text + n_label, "-----", 5) != 0) {
    return NULL;
  }
  body = text + n_label + 5;
  n_last = (size_t)snprintf(last, sizeof last, "-----END %s-----", reader->label);
  assert(n_last < sizeof last);
  close = memmem(body, (size_t)(end - body), last, n_last);
  if (!close || (close + n_last < end && !is_space(close[n_last]))) return NULL;
  der = base64_block(body, (size_t)(close - body), &n_der, &nomem);
  if (nomem) *reason = SEAL_NOMEM;
  if (!der) return NULL;
  *reason = reader->each(reader, der, n_der);
  free(der);
  return close + n_last;
}

static SealReason pem_read(SealReader *reader, const char *text, size_t n) {
  static const char first[] = "-----BEGIN ", last[] = "-----END ";
  const char *end = text + n, *block = text;
  SealReason reason = SEAL_VALID;
  int count = 0;

  if (memchr(text, 0, n)) return reader->reasons.container;
  while (reason == SEAL_VALID) {
    const char *begin = memmem(text, (size_t)(end - text), first, sizeof first - 1);
    size_t between = (size_t)((begin ? begin : end) - text);

    if (memmem(text, between, last, sizeof last - 1)) return reader->reasons.container;
    if (!begin) break;
    /* A block begins a line. */
    if (begin > block && begin[-1] != '\n' && begin[-1] != '\r') return reader->reasons.container;
    text = pem_block(reader, begin + sizeof first - 1, end, &reason);
    if (!text) return reason;
    count++;
  }
  return reason == SEAL_VALID && count == 0 ? reader->reasons.container : reason;
}

static SealReason der_read(SealReader *reader, const unsigned char *der, size_t n) {
  SealReason reason = SEAL_VALID;

  while (reason == SEAL_VALID && n > 0) {
    SealTlv tlv;

    if (!tlv_read(der, n, &tlv)) return reader->reasons.container;
    reason = reader->each(reader, der, tlv.size);
    der += tlv.size;
    n -= tlv.size;
  }
  return reason;
}

/* Empty input has nothing in it, and is for the caller to judge. */
static SealReason reader_read(SealReader *reader, const void *data, size_t n) {
  const unsigned char *bytes = data;

  if (n == 0) return SEAL_VALID;
  /* A SEQUENCE with a long length; no text begins so: 0x80 to 0x84 begin no character. */
  if (n > 1 && bytes[0] == 0x30 && bytes[1] >= 0x80 && bytes[1] <= 0x84) {
    return der_read(reader, bytes, n);
  }
  return pem_read(reader, data, n);
}

SealReason seal_certs_read(SealCrypto *c, const void *data, size_t n, int max_count,
                           const SealReadReasons *reasons, STACK_OF(X509) * out) {
  SealReader reader = {.c = c,
                       .label = "CERTIFICATE",
                       .reasons = *reasons,
                       .max_count = max_count,
                       .each = reader_cert,
                       .certs = out};

  return reader_read(&reader, data, n);
}

SealReason seal_crls_read(SealCrypto *c, const void *data, size_t n, STACK_OF(X509_CRL) * out) {
  SealReader reader = {
      .c = c,
      .label = "X509 CRL",
      .reasons = {SEAL_REASON_CRL_MALFORMED, SEAL_REASON_CRL_MALFORMED, SEAL_REASON_CRL_MALFORMED},
      .each = reader_crl,
      .crls = out};

  return reader_read(&reader, data, n);
}
