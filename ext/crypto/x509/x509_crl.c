/* Certificate revocation lists: what one must be before it is believed, and the check of one that
** is to be imported.
**
**    char *issuer, *number;
**    int64_t next;
**    if (seal_crl_check(c, crl, n, anchors, &issuer, &number, &next) == SEAL_VALID) ...
**
** A delta CRL is refused: taken for a complete one it hides every revocation that is not in it. A
** list without a number could be replaced by an older one, and one without nextUpdate never ages.
** That numbers only grow is for the caller to see to, who keeps the last one.
*/
#include <stdlib.h>
#include <string.h>
#include <openssl/rsa.h>
#include "crypto/x509/x509_int.h"

/* Entries of a complete CRL; removeFromCRL belongs into a delta (RFC 5280 5.3.1). Of critical entry
** extensions only the certificate issuer is understood (5.3.3). */
static SealReason entry_form(const X509_REVOKED *entry) {
  const STACK_OF(X509_EXTENSION) *extensions = X509_REVOKED_get0_extensions(entry);
  int n = sk_X509_EXTENSION_num(extensions), critical;
  ASN1_ENUMERATED *code;
  int64_t why = CRL_REASON_UNSPECIFIED;
  SealReason reason;

  if (n <= 0) return SEAL_VALID;
  reason = seal_extensions_single(extensions);
  if (reason != SEAL_VALID) return reason;
  for (int i = 0; i < n; i++) {
    X509_EXTENSION *extension = sk_X509_EXTENSION_value(extensions, i);

    if (X509_EXTENSION_get_critical(extension) &&
        OBJ_obj2nid(X509_EXTENSION_get_object(extension)) != NID_certificate_issuer) {
      return SEAL_REASON_EXTENSION_UNKNOWN;
    }
  }
  code = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, &critical, NULL);
  if (!code) return critical == -1 ? SEAL_VALID : SEAL_REASON_CRL_MALFORMED;
  if (ASN1_ENUMERATED_get_int64(&why, code) != 1) why = -1;
  ASN1_ENUMERATED_free(code);
  if (why < 0) return SEAL_REASON_CRL_MALFORMED;
  return why == CRL_REASON_REMOVE_FROM_CRL ? SEAL_REASON_CRL_DELTA : SEAL_VALID;
}

static SealReason entries_form(X509_CRL *crl) {
  STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);
  int n = sk_X509_REVOKED_num(entries);
  SealReason reason = SEAL_VALID;

  for (int i = 0; i < n && reason == SEAL_VALID; i++) {
    reason = entry_form(sk_X509_REVOKED_value(entries, i));
  }
  return reason;
}

/* RFC 5280 5.2: of critical extensions only the issuing distribution point is understood. */
static SealReason crl_extensions(const X509_CRL *crl) {
  const STACK_OF(X509_EXTENSION) *extensions = X509_CRL_get0_extensions(crl);
  int n = sk_X509_EXTENSION_num(extensions);
  SealReason reason = seal_extensions_single(extensions);

  if (reason != SEAL_VALID) return reason;
  for (int i = 0; i < n; i++) {
    X509_EXTENSION *extension = sk_X509_EXTENSION_value(extensions, i);
    int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));

    if (nid == NID_delta_crl) return SEAL_REASON_CRL_DELTA;
    if (X509_EXTENSION_get_critical(extension) && nid != NID_issuing_distribution_point) {
      return SEAL_REASON_EXTENSION_UNKNOWN;
    }
  }
  return SEAL_VALID;
}

/* The CRL number, the caller's; NULL if it is absent, negative or over 20 octets (5.2.3). */
static BIGNUM *crl_number(const X509_CRL *crl) {
  ASN1_INTEGER *integer = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
  BIGNUM *number = integer ? ASN1_INTEGER_to_BN(integer, NULL) : NULL;

  ASN1_INTEGER_free(integer);
  if (number && (BN_is_negative(number) || BN_num_bits(number) > 159)) {
    BN_free(number);
    number = NULL;
  }
  return number;
}

/* The hash of an RSA-PSS signature, from its parameters (RFC 4055 3.1: SHA-1 if left out). */
static int pss_hash(const X509_ALGOR *algorithm) {
  const void *value;
  int type, md = NID_undef;
  RSA_PSS_PARAMS *pss;

  X509_ALGOR_get0(NULL, &type, &value, algorithm);
  if (type != V_ASN1_SEQUENCE) return NID_undef;
  pss = ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
  if (pss && pss->hashAlgorithm) md = OBJ_obj2nid(pss->hashAlgorithm->algorithm);
  RSA_PSS_PARAMS_free(pss);
  return md;
}

static SealReason crl_signature_alg(const X509_ALGOR *outer) {
  const ASN1_OBJECT *oid;
  int md, pkey;

  X509_ALGOR_get0(&oid, NULL, NULL, outer);
  if (OBJ_find_sigid_algs(OBJ_obj2nid(oid), &md, &pkey) != 1) return SEAL_REASON_CRL_SIGNATURE_ALG;
  if (pkey == EVP_PKEY_RSA_PSS) {
    md = pss_hash(outer);
    pkey = EVP_PKEY_RSA;
  }
  return seal_signature_good(md, pkey, 0) ? SEAL_VALID : SEAL_REASON_CRL_SIGNATURE_ALG;
}

SealReason seal_crl_form(X509_CRL *crl) {
  int64_t from, to;
  SealReason reason;
  BIGNUM *number;
  const X509_ALGOR *algorithm;

  if (X509_CRL_get_version(crl) != X509_CRL_VERSION_2) return SEAL_REASON_CRL_INCOMPLETE;
  if (!seal_asn1_time(X509_CRL_get0_lastUpdate(crl), &from) ||
      !seal_asn1_time(X509_CRL_get0_nextUpdate(crl), &to) || to < from) {
    return SEAL_REASON_CRL_INCOMPLETE;
  }
  X509_CRL_get0_signature(crl, NULL, &algorithm);
  reason = crl_signature_alg(algorithm);
  if (reason == SEAL_VALID) reason = crl_extensions(crl);
  if (reason != SEAL_VALID) return reason;
  number = crl_number(crl);
  if (!number) return SEAL_REASON_CRL_INCOMPLETE;
  BN_free(number);
  return entries_form(crl);
}

/************************************************************************************************
** Sets of CRLs
*/
int seal_crl_known(const SealCertSet *set, const X509_NAME *issuer) {
  for (int i = 0; i < sk_X509_CRL_num(set->crls); i++) {
    if (X509_NAME_cmp(X509_CRL_get_issuer(sk_X509_CRL_value(set->crls, i)), issuer) == 0) return 1;
  }
  return 0;
}

/* 1 if a CRL of the set lists the certificate, under its issuer's name. */
static int crl_lists(const SealCertSet *set, X509 *x) {
  for (int i = 0; i < sk_X509_CRL_num(set->crls); i++) {
    X509_REVOKED *entry;

    if (X509_CRL_get0_by_cert(sk_X509_CRL_value(set->crls, i), &entry, x) > 0) return 1;
  }
  return 0;
}

void seal_crl_about(const SealCertSet *set, STACK_OF(X509) * chain, int *listed, int *known) {
  unsigned char reached[SEAL_CHAIN_COUNT] = {1};
  int n = sk_X509_num(chain), next = 0;

  *listed = *known = 0;
  while (next >= 0) {
    X509 *x = sk_X509_value(chain, next);
    const X509_NAME *issuer = X509_get_issuer_name(x);

    reached[next] = 2;
    *listed |= crl_lists(set, x);
    *known |= seal_crl_known(set, issuer);
    next = -1;
    for (int i = 0; i < n; i++) {
      if (!reached[i] &&
          X509_NAME_cmp(X509_get_subject_name(sk_X509_value(chain, i)), issuer) == 0) {
        reached[i] = 1;
      }
      if (reached[i] == 1) next = i;
    }
  }
}

/************************************************************************************************
** Import
*/
/* What a signature is about (RFC 5280 5.1.1): read of the bytes alone, and none of the entries. */
typedef struct CrlOuter {
  X509_NAME *issuer;
  X509_ALGOR *algorithm;
  ASN1_BIT_STRING *signature;
  ASN1_TYPE *part; /* what is signed, as it came */
} CrlOuter;

static void outer_clear(CrlOuter *outer) {
  X509_NAME_free(outer->issuer);
  X509_ALGOR_free(outer->algorithm);
  ASN1_BIT_STRING_free(outer->signature);
  ASN1_TYPE_free(outer->part);
}

/* Where the issuer is in the part that is signed: behind a version, if there is one, and an algorithm. */
static const unsigned char *outer_issuer(const SealTlv *part, SealTlv *issuer) {
  const unsigned char *p = part->value, *end = p + part->n;

  if (!seal_tlv_read(p, (size_t)(end - p), issuer)) return NULL;
  if (issuer->tag == V_ASN1_INTEGER) {
    p += issuer->size;
    if (!seal_tlv_read(p, (size_t)(end - p), issuer)) return NULL;
  }
  p += issuer->size;
  return seal_tlv_read(p, (size_t)(end - p), issuer) ? p : NULL;
}

/* 1 if the bytes have the form of something that is signed. The caller clears *outer, also if not. */
static int outer_read(const unsigned char *der, size_t n, CrlOuter *outer) {
  SealTlv whole, part, issuer;
  const unsigned char *p, *end, *name;

  if (!seal_tlv_read(der, n, &whole) || whole.size != n ||
      !seal_tlv_read(whole.value, whole.n, &part)) {
    return 0;
  }
  p = whole.value;
  end = p + whole.n;
  outer->part = d2i_ASN1_TYPE(NULL, &p, (long)part.size);
  p = whole.value + part.size;
  outer->algorithm = d2i_X509_ALGOR(NULL, &p, (long)(end - p));
  if (outer->algorithm) outer->signature = d2i_ASN1_BIT_STRING(NULL, &p, (long)(end - p));
  name = outer_issuer(&part, &issuer);
  if (name) outer->issuer = d2i_X509_NAME(NULL, &name, (long)issuer.size);
  return p == end && outer->part && outer->signature && outer->issuer;
}

/* Without a trace in OpenSSL's queue, a ring of 16 that many anchors would overrun. */
static int outer_signed(SealCrypto *c, const CrlOuter *outer, X509 *anchor) {
  SealMark mark;
  int good;

  seal_mark(&mark);
  good = ASN1_item_verify_ex(ASN1_ITEM_rptr(ASN1_ANY), outer->algorithm, outer->signature,
                             outer->part, NULL, X509_get0_pubkey(anchor), c->x509_lib, NULL) == 1;
  seal_unmark(&mark);
  return good;
}

/* The anchor that issued the CRL: by its name, with cRLSign if it says what its key is for, and by
** its signature. */
static SealReason outer_issued(SealCrypto *c, const CrlOuter *outer, const SealCertSet *set) {
  SealReason reason = SEAL_REASON_CRL_ISSUER_UNKNOWN;

  for (int i = 0; i < sk_X509_num(set->anchors); i++) {
    X509 *anchor = sk_X509_value(set->anchors, i);

    if (X509_NAME_cmp(X509_get_subject_name(anchor), outer->issuer) != 0) continue;
    if (!(X509_get_key_usage(anchor) & KU_CRL_SIGN) || seal_cert_key(anchor) != SEAL_VALID)
      continue;
    if (outer_signed(c, outer, anchor)) return SEAL_VALID;
    reason = SEAL_REASON_CRL_SIGNATURE_INVALID;
  }
  return reason;
}

/* The CRL number as decimal text, the caller's; NULL when memory ran out. */
static char *crl_number_text(const X509_CRL *crl) {
  BIGNUM *number = crl_number(crl);
  char *decimal = number ? BN_bn2dec(number) : NULL;
  char *text = decimal ? seal_copy(decimal, strlen(decimal)) : NULL;

  OPENSSL_free(decimal);
  BN_free(number);
  return text;
}

typedef struct SealCrlArgs {
  SealCrypto *c;
  const void *data;
  size_t n;
  const SealCertSet *set;
  char *issuer, *number;
  int64_t this_update, next_update;
} SealCrlArgs;

static SealReason crl_tell(X509_CRL *crl, SealCrlArgs *args) {
  SealReason reason = seal_crl_form(crl);

  if (reason != SEAL_VALID) return reason;
  if (!seal_asn1_time(X509_CRL_get0_nextUpdate(crl), &args->next_update)) return SEAL_INTERNAL;
  args->issuer = seal_name_text(X509_CRL_get_issuer(crl));
  args->number = crl_number_text(crl);
  return args->issuer && args->number ? SEAL_VALID : SEAL_NOMEM;
}

/* Whether one of the anchors signed what is exactly one CRL: each is imported alone, as its number is
** compared with the one before of its issuer. */
static SealReason crl_signed(const SealCrlArgs *args) {
  SealBlocks blocks;
  CrlOuter outer = {NULL, NULL, NULL, NULL};
  SealReason reason = SEAL_REASON_CRL_MALFORMED;

  seal_blocks_begin(&blocks, "X509 CRL", args->data, args->n, SEAL_REASON_CRL_MALFORMED);
  if (seal_blocks_next(&blocks) && outer_read(blocks.der, blocks.n, &outer)) {
    reason = crl_signature_alg(outer.algorithm);
    if (reason == SEAL_VALID) reason = outer_issued(args->c, &outer, args->set);
    if (reason == SEAL_VALID && seal_blocks_next(&blocks)) reason = SEAL_REASON_CRL_MALFORMED;
  }
  if (blocks.reason != SEAL_VALID) reason = blocks.reason;
  outer_clear(&outer);
  seal_blocks_end(&blocks);
  return reason;
}

/* The signature first: what grows with the entries is done only for an issuer that is trusted. */
static SealReason crl_judge(void *arg) {
  SealCrlArgs *args = arg;
  STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
  SealReason reason = crls ? crl_signed(args) : SEAL_NOMEM;

  if (reason == SEAL_VALID) reason = seal_crls_read(args->c, args->data, args->n, crls);
  if (reason == SEAL_VALID) {
    reason = sk_X509_CRL_num(crls) == 1 ? crl_tell(sk_X509_CRL_value(crls, 0), args)
                                        : SEAL_REASON_CRL_MALFORMED;
  }
  sk_X509_CRL_pop_free(crls, X509_CRL_free);
  return reason;
}

SealReason seal_crl_check(SealCrypto *c, const void *crl, size_t n, const SealCertSet *set,
                          char **issuer, char **number, int64_t *next_update) {
  SealCrlArgs args = {.c = c, .data = crl, .n = n, .set = set};
  SealReason reason =
      n > SEAL_CRL_MAX ? SEAL_REASON_CRL_TOO_LARGE : seal_confirmed(crl_judge, &args);

  if (reason != SEAL_VALID) {
    free(args.issuer);
    free(args.number);
    args.issuer = args.number = NULL;
  }
  *issuer = args.issuer;
  *number = args.number;
  *next_update = args.next_update;
  return reason;
}

static SealReason crl_due(void *arg) {
  SealCrlArgs *args = arg;
  STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
  SealReason reason = crls ? seal_crls_read(args->c, args->data, args->n, crls) : SEAL_NOMEM;

  if (reason == SEAL_VALID && sk_X509_CRL_num(crls) != 1) reason = SEAL_REASON_CRL_MALFORMED;
  if (reason == SEAL_VALID) {
    const ASN1_TIME *from = X509_CRL_get0_lastUpdate(sk_X509_CRL_value(crls, 0));
    const ASN1_TIME *due = X509_CRL_get0_nextUpdate(sk_X509_CRL_value(crls, 0));
    if (!due || !seal_asn1_time(due, &args->next_update)) reason = SEAL_REASON_CRL_INCOMPLETE;
    if (!from || !seal_asn1_time(from, &args->this_update)) reason = SEAL_REASON_CRL_INCOMPLETE;
  }
  sk_X509_CRL_pop_free(crls, X509_CRL_free);
  return reason;
}

SealReason seal_crl_period(SealCrypto *c, const void *crl, size_t n, int64_t *this_update,
                           int64_t *next_update) {
  SealCrlArgs args = {.c = c, .data = crl, .n = n};
  SealReason reason = n > SEAL_CRL_MAX ? SEAL_REASON_CRL_TOO_LARGE : seal_x509_ready(c);

  if (reason == SEAL_VALID) reason = seal_confirmed(crl_due, &args);
  *this_update = args.this_update;
  *next_update = args.next_update;
  return reason;
}
