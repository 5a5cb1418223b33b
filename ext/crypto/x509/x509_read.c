/* Certificates and CRLs from outside, strictly.
**
**    STACK_OF(X509) *certs = sk_X509_new_null();
**    seal_certs_read(c, pem, n, SEAL_CHAIN_COUNT, &reasons, certs);
**
** What they come in is read by crypto/pem.c. OpenSSL reads BER as well, and keeps the bytes of what it
** read; so a certificate could be written in several ways, each with a thumbprint of its own. Here every
** value must be in its one distinguished encoding: by a walk over the bytes, and by writing the
** certificate anew and comparing.
*/
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/x509/x509_int.h"

#define SEAL_DER_DEPTH 32

/************************************************************************************************
** DER
*/
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

    if (!seal_tlv_read(p, n, &tlv)) return 0;
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

  return seal_tlv_read(der, n, &tlv) && tlv.size == n && der_values(der, n, 0, 0);
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

  return n_again > 0 && seal_tlv_read(der, n, &outer) &&
         seal_tlv_read(outer.value, outer.n, &part) && part.size == (size_t)n_again &&
         memcmp(outer.value, again, part.size) == 0;
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
** All of them
*/
typedef struct SealReader SealReader;
struct SealReader {
  SealCrypto *c;
  const char *label; /* of PEM blocks */
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

  if (!seal_tlv_read(der, n, &outer) || !seal_tlv_read(outer.value, outer.n, &signed_part))
    return 0;
  p = signed_part.value;
  left = signed_part.n;
  if (!seal_tlv_read(p, left, &named)) return 0;
  if (named.tag == V_ASN1_INTEGER) {
    p += named.size;
    left -= named.size;
    if (!seal_tlv_read(p, left, &named)) return 0;
  }
  return seal_tlv_read(outer.value + signed_part.size, outer.n - signed_part.size, &used) &&
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

static SealReason reader_read(SealReader *reader, const void *data, size_t n) {
  SealBlocks blocks;
  SealReason reason = SEAL_VALID;

  seal_blocks_begin(&blocks, reader->label, data, n, reader->reasons.container);
  while (reason == SEAL_VALID && seal_blocks_next(&blocks)) {
    reason = reader->each(reader, blocks.der, blocks.n);
  }
  if (reason == SEAL_VALID) reason = blocks.reason;
  seal_blocks_end(&blocks);
  return reason;
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
