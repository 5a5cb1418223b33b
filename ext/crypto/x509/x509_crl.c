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
  int64_t reason = CRL_REASON_UNSPECIFIED;

  if (n <= 0) return SEAL_VALID;
  if (!seal_extensions_single(extensions)) return SEAL_REASON_EXTENSION_DUPLICATE;
  for (int i = 0; i < n; i++) {
    X509_EXTENSION *extension = sk_X509_EXTENSION_value(extensions, i);

    if (X509_EXTENSION_get_critical(extension) &&
        OBJ_obj2nid(X509_EXTENSION_get_object(extension)) != NID_certificate_issuer) {
      return SEAL_REASON_EXTENSION_UNKNOWN;
    }
  }
  code = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, &critical, NULL);
  if (!code) return critical == -1 ? SEAL_VALID : SEAL_REASON_CRL_MALFORMED;
  if (ASN1_ENUMERATED_get_int64(&reason, code) != 1) reason = -1;
  ASN1_ENUMERATED_free(code);
  if (reason < 0) return SEAL_REASON_CRL_MALFORMED;
  return reason == CRL_REASON_REMOVE_FROM_CRL ? SEAL_REASON_CRL_DELTA : SEAL_VALID;
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

  if (!seal_extensions_single(extensions)) return SEAL_REASON_EXTENSION_DUPLICATE;
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

static SealReason crl_signature_alg(const X509_CRL *crl) {
  const X509_ALGOR *outer;
  const ASN1_OBJECT *oid;
  int md, pkey;

  X509_CRL_get0_signature(crl, NULL, &outer);
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

  if (X509_CRL_get_version(crl) != X509_CRL_VERSION_2) return SEAL_REASON_CRL_INCOMPLETE;
  if (!seal_asn1_time(X509_CRL_get0_lastUpdate(crl), &from) ||
      !seal_asn1_time(X509_CRL_get0_nextUpdate(crl), &to) || to < from) {
    return SEAL_REASON_CRL_INCOMPLETE;
  }
  reason = crl_signature_alg(crl);
  if (reason == SEAL_VALID) reason = crl_extensions(crl);
  if (reason != SEAL_VALID) return reason;
  number = crl_number(crl);
  if (!number) return SEAL_REASON_CRL_INCOMPLETE;
  BN_free(number);
  return entries_form(crl);
}

/************************************************************************************************
** Import
*/
/* Without a trace in OpenSSL's queue, a ring of 16 that many anchors would overrun. */
static int crl_signed(X509_CRL *crl, X509 *anchor) {
  SealMark mark;
  int good;

  seal_mark(&mark);
  good = X509_CRL_verify(crl, X509_get0_pubkey(anchor)) == 1;
  seal_unmark(&mark);
  return good;
}

/* The anchor that issued the CRL: by its name, with cRLSign if it says what its key is for, and by
** its signature. */
static SealReason crl_issued(X509_CRL *crl, const SealCertSet *set) {
  SealReason reason = SEAL_REASON_CRL_ISSUER_UNKNOWN;

  for (int i = 0; i < sk_X509_num(set->anchors); i++) {
    X509 *anchor = sk_X509_value(set->anchors, i);

    if (X509_NAME_cmp(X509_get_subject_name(anchor), X509_CRL_get_issuer(crl)) != 0) continue;
    if (!(X509_get_key_usage(anchor) & KU_CRL_SIGN) || seal_cert_key(anchor) != SEAL_VALID)
      continue;
    if (crl_signed(crl, anchor)) return SEAL_VALID;
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
  int64_t next_update;
} SealCrlArgs;

static SealReason crl_tell(X509_CRL *crl, SealCrlArgs *args) {
  SealReason reason = seal_crl_form(crl);

  if (reason == SEAL_VALID) reason = crl_issued(crl, args->set);
  if (reason != SEAL_VALID) return reason;
  if (!seal_asn1_time(X509_CRL_get0_nextUpdate(crl), &args->next_update)) return SEAL_INTERNAL;
  args->issuer = seal_name_text(X509_CRL_get_issuer(crl));
  args->number = crl_number_text(crl);
  return args->issuer && args->number ? SEAL_VALID : SEAL_NOMEM;
}

static SealReason crl_judge(void *arg) {
  SealCrlArgs *args = arg;
  STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
  SealReason reason = crls ? seal_crls_read(args->c, args->data, args->n, crls) : SEAL_NOMEM;

  if (reason == SEAL_VALID) {
    /* Each is imported alone: its number is compared with the one before of its issuer. */
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
      n > SEAL_ANCHORS_MAX ? SEAL_REASON_CRL_TOO_LARGE : seal_confirmed(crl_judge, &args);

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
