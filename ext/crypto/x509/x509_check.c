/* One certificate at a time: what OpenSSL's path validation leaves to its caller. Each rule names
** the clause of RFC 5280 that it is from; a path that holds is not enough, a client certificate
** must also be one.
**
**    if (seal_cert_key(x) == SEAL_VALID &&
**        seal_cert_form(x, SEAL_ROLE_LEAF, SEAL_X509_CLIENT) == SEAL_VALID) ...
*/
#include <string.h>
#include <time.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include "base/instant.h"
#include "crypto/x509/x509_int.h"

/* RFC 5280 4.1.2.2: at most 20 octets, of which the first bit is the sign. */
#define SEAL_SERIAL_BITS 159
#define SEAL_RSA_MIN     2048
#define SEAL_RSA_MAX     8192
/* Far more than a certificate, a CRL or an entry of one has: each is compared with all. */
#define SEAL_EXTENSIONS_MAX 64

/************************************************************************************************
** Keys
*/
/* RFC 3279 2.3.1, FIPS 186-5 5.4: modulus and exponent odd, 65537 <= e < 2^64. */
static SealReason key_check_rsa(const EVP_PKEY *key) {
  BIGNUM *n = NULL, *e = NULL;
  int bits = EVP_PKEY_get_bits(key);
  SealReason reason = SEAL_REASON_CERT_KEY;

  if (bits < SEAL_RSA_MIN || bits > SEAL_RSA_MAX) return SEAL_REASON_CERT_KEY;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
      EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(n) && BN_is_odd(e) &&
      BN_num_bits(e) >= 17 && BN_num_bits(e) <= 64) {
    reason = SEAL_VALID;
  }
  BN_free(n);
  BN_free(e);
  return reason;
}

/* What the SubjectPublicKeyInfo says, before any of it is believed: a curve by its name and no
** parameters of the sender's own (CVE-2020-0601), and nothing at all where nothing belongs. */
SealReason seal_cert_key(const X509 *x) {
  X509_ALGOR *algorithm;
  const ASN1_OBJECT *oid;
  const void *value;
  int type, nid;
  EVP_PKEY *key = X509_get0_pubkey(x);

  if (!key || X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, X509_get_X509_PUBKEY(x)) != 1) {
    return SEAL_REASON_CERT_KEY;
  }
  X509_ALGOR_get0(&oid, &type, &value, algorithm);
  switch (OBJ_obj2nid(oid)) {
  case NID_rsaEncryption:
    return type == V_ASN1_NULL ? key_check_rsa(key) : SEAL_REASON_CERT_KEY;
  case NID_rsassaPss:
    return key_check_rsa(key);
  case NID_X9_62_id_ecPublicKey:
    nid = type == V_ASN1_OBJECT ? OBJ_obj2nid(value) : NID_undef;
    return nid == NID_X9_62_prime256v1 || nid == NID_secp384r1 || nid == NID_secp521r1
               ? SEAL_VALID
               : SEAL_REASON_CERT_KEY;
  case NID_ED25519:
  case NID_ED448:
    return type == V_ASN1_UNDEF ? SEAL_VALID : SEAL_REASON_CERT_KEY;
  default:
    return SEAL_REASON_CERT_KEY;
  }
}

/* Checks a copy of the key in c->shared->lib: the check of an RSA modulus draws random numbers, and c->x509_lib
** has no generator. */
SealReason seal_cert_key_deep(SealCrypto *c, X509 *x) {
  EVP_PKEY *key = X509_get0_pubkey(x), *copy = NULL;
  EVP_PKEY_CTX *maker = NULL, *checker = NULL;
  OSSL_PARAM *numbers = NULL;
  SealReason reason = SEAL_INTERNAL;

  if (key) maker = EVP_PKEY_CTX_new_from_name(c->shared->lib, EVP_PKEY_get0_type_name(key), NULL);
  if (maker) reason = SEAL_REASON_CERT_KEY;
  if (maker && EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &numbers) == 1 &&
      EVP_PKEY_fromdata_init(maker) == 1 &&
      EVP_PKEY_fromdata(maker, &copy, EVP_PKEY_PUBLIC_KEY, numbers) == 1) {
    checker = EVP_PKEY_CTX_new_from_pkey(c->shared->lib, copy, NULL);
    if (checker && EVP_PKEY_public_check(checker) == 1) reason = SEAL_VALID;
  }
  EVP_PKEY_CTX_free(checker);
  EVP_PKEY_CTX_free(maker);
  EVP_PKEY_free(copy);
  OSSL_PARAM_free(numbers);
  return reason;
}

/************************************************************************************************
** Times
*/
int seal_asn1_time(const ASN1_TIME *time, int64_t *out) {
  const unsigned char *text;
  size_t n;
  struct tm tm;

  if (!time) return 0;
  text = ASN1_STRING_get0_data(time);
  n = (size_t)ASN1_STRING_length(time);
  if (n != (ASN1_STRING_type(time) == V_ASN1_UTCTIME ? 13 : 15) || text[n - 1] != 'Z') return 0;
  for (size_t i = 0; i + 1 < n; i++) {
    if (text[i] < '0' || text[i] > '9') return 0;
  }
  /* Judges the ranges, and gives a two-digit year its century. */
  if (ASN1_TIME_to_tm(time, &tm) != 1) return 0;
  *out = seal_days_of_date(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday) * 86400 +
         tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
  return 1;
}

SealReason seal_cert_current(const X509 *x, int64_t at) {
  int64_t from, to;

  if (!seal_asn1_time(X509_get0_notBefore(x), &from) ||
      !seal_asn1_time(X509_get0_notAfter(x), &to)) {
    return SEAL_REASON_CERT_TIME;
  }
  if (at < from) return SEAL_REASON_CERT_NOT_YET_VALID;
  return at > to ? SEAL_REASON_CERT_EXPIRED : SEAL_VALID;
}

/************************************************************************************************
** Form
*/
int seal_signature_good(int md_nid, int pkey_nid, uint32_t flags) {
  switch (pkey_nid) {
  case EVP_PKEY_RSA_PSS:
    /* OpenSSL sets this flag when MGF1 has the same hash, and the salt its length (RFC 8446 4.2.3). */
    if (!(flags & X509_SIG_INFO_TLS)) return 0;
    break;
  case EVP_PKEY_RSA:
  case EVP_PKEY_EC:
    break;
  case EVP_PKEY_ED25519:
  case EVP_PKEY_ED448:
    return 1;
  default:
    return 0;
  }
  return md_nid == NID_sha256 || md_nid == NID_sha384 || md_nid == NID_sha512;
}

SealReason seal_extensions_single(const STACK_OF(X509_EXTENSION) * extensions) {
  int n = sk_X509_EXTENSION_num(extensions);

  if (n > SEAL_EXTENSIONS_MAX) return SEAL_REASON_EXTENSION_INVALID;
  /* n is -1 for no extensions. */
  for (int i = 0; i < n; i++) {
    const ASN1_OBJECT *oid = X509_EXTENSION_get_object(sk_X509_EXTENSION_value(extensions, i));

    if (X509v3_get_ext_by_OBJ(extensions, oid, i) >= 0) return SEAL_REASON_EXTENSION_DUPLICATE;
  }
  return SEAL_VALID;
}

/* RFC 5280 4.1.2.2: positive, and not too long. */
static int serial_good(const X509 *x) {
  BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
  int good = serial && !BN_is_negative(serial) && !BN_is_zero(serial) &&
             BN_num_bits(serial) <= SEAL_SERIAL_BITS;

  BN_free(serial);
  return good;
}

/* What both leaves and issuers are: version 3, extensions that can be read, once each. */
static SealReason form_common(X509 *x, SealRole role) {
  int64_t from, to;
  uint32_t flags = X509_get_extension_flags(x), signature_flags;
  int md, pkey;
  SealReason reason;

  if (X509_get_version(x) != X509_VERSION_3) return SEAL_REASON_CERT_VERSION;
  reason = seal_extensions_single(X509_get0_extensions(x));
  if (reason != SEAL_VALID) return reason;
  if (flags & (EXFLAG_INVALID | EXFLAG_INVALID_POLICY)) return SEAL_REASON_EXTENSION_INVALID;
  if (flags & EXFLAG_PROXY) return SEAL_REASON_PROXY_CERTIFICATE;
  if (flags & EXFLAG_CRITICAL) return SEAL_REASON_EXTENSION_UNKNOWN;
  if (!seal_asn1_time(X509_get0_notBefore(x), &from) ||
      !seal_asn1_time(X509_get0_notAfter(x), &to)) {
    return SEAL_REASON_CERT_TIME;
  }
  /* An anchor is trusted for its name and key (RFC 5280 6.1.1 d), not for how it was signed. */
  if (role == SEAL_ROLE_ANCHOR) return SEAL_VALID;
  if (!serial_good(x)) return SEAL_REASON_CERT_SERIAL;
  if (X509_get_signature_info(x, &md, &pkey, NULL, &signature_flags) != 1 ||
      !seal_signature_good(md, pkey, signature_flags)) {
    return SEAL_REASON_CERT_SIGNATURE_ALG;
  }
  return SEAL_VALID;
}

/* RFC 5280 4.2.1.10: the base of one subtree, in a form that means only one thing. */
static int subtree_good(const GENERAL_SUBTREE *subtree) {
  const GENERAL_NAME *base = subtree->base;
  const char *text;
  size_t n;

  if (subtree->maximum || (subtree->minimum && ASN1_INTEGER_get(subtree->minimum) != 0)) return 0;
  switch (base->type) {
  case GEN_DNS:
  case GEN_EMAIL:
  case GEN_URI:
    text = (const char *)ASN1_STRING_get0_data(base->d.ia5);
    n = (size_t)ASN1_STRING_length(base->d.ia5);
    if (base->type == GEN_DNS) return n == 0 || seal_dns_valid(text, n);
    return n > 0 && !memchr(text, 0, n);
  case GEN_IPADD:
    n = (size_t)ASN1_STRING_length(base->d.ip);
    return n == 8 || n == 32;
  default:
    return 1;
  }
}

static int subtrees_good(const STACK_OF(GENERAL_SUBTREE) * subtrees) {
  int n = sk_GENERAL_SUBTREE_num(subtrees);

  if (subtrees && n == 0) return 0;
  for (int i = 0; i < n; i++) {
    if (!subtree_good(sk_GENERAL_SUBTREE_value(subtrees, i))) return 0;
  }
  return 1;
}

/* Name constraints bind only if every verifier reads them: critical, and not empty. */
static SealReason form_constraints(const X509 *x) {
  int critical;
  NAME_CONSTRAINTS *nc = X509_get_ext_d2i(x, NID_name_constraints, &critical, NULL);
  SealReason reason = SEAL_VALID;

  if (!nc) return critical == -1 ? SEAL_VALID : SEAL_REASON_NAME_CONSTRAINTS_INVALID;
  if (critical != 1 || (!nc->permittedSubtrees && !nc->excludedSubtrees) ||
      !subtrees_good(nc->permittedSubtrees) || !subtrees_good(nc->excludedSubtrees)) {
    reason = SEAL_REASON_NAME_CONSTRAINTS_INVALID;
  }
  NAME_CONSTRAINTS_free(nc);
  return reason;
}

/* RFC 5280 4.2.1.9, 4.2.1.3, 4.2.1.11: a CA says so, critically, and that it signs certificates. */
static SealReason form_ca(X509 *x) {
  uint32_t flags = X509_get_extension_flags(x);
  int at = X509_get_ext_by_NID(x, NID_policy_constraints, -1);

  if (!(flags & EXFLAG_CA) || !(flags & EXFLAG_BCONS_CRITICAL)) return SEAL_REASON_ISSUER_NOT_CA;
  if (!(flags & EXFLAG_KUSAGE) || !(X509_get_key_usage(x) & KU_KEY_CERT_SIGN)) {
    return SEAL_REASON_ISSUER_KEY_USAGE;
  }
  if (at >= 0 && !X509_EXTENSION_get_critical(X509_get_ext(x, at))) {
    return SEAL_REASON_EXTENSION_INVALID;
  }
  return form_constraints(x);
}

/* RFC 5280 4.2.1.1: only a self-signed certificate does without the identifier of its issuer's key.
** X509_verify_cert() asks this of all but the last of a path. */
static SealReason form_anchor(X509 *x) {
  if (!(X509_get_extension_flags(x) & EXFLAG_SI) && !X509_get0_authority_key_id(x)) {
    return SEAL_REASON_EXTENSION_INVALID;
  }
  return form_ca(x);
}

/* RFC 5280 4.2.1.12, 4.2.1.3: an end entity that says what it is for. */
static SealReason form_leaf(X509 *x, int purpose) {
  uint32_t flags = X509_get_extension_flags(x), usage = X509_get_key_usage(x);
  uint32_t wanted = KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT;
  uint32_t extended = purpose == SEAL_X509_SERVER ? XKU_SSL_SERVER : XKU_SSL_CLIENT;

  if (purpose == SEAL_X509_SERVER) wanted |= KU_KEY_ENCIPHERMENT;
  if (flags & EXFLAG_CA) return SEAL_REASON_LEAF_IS_CA;
  if (flags & EXFLAG_KUSAGE) {
    if (usage & KU_KEY_CERT_SIGN) return SEAL_REASON_LEAF_IS_CA;
    if (!(usage & wanted)) return SEAL_REASON_CERT_KEY_USAGE;
  }
  if (!(flags & EXFLAG_XKUSAGE) || !(X509_get_extended_key_usage(x) & extended)) {
    return SEAL_REASON_CERT_PURPOSE;
  }
  if (X509_get_ext_by_NID(x, NID_name_constraints, -1) >= 0) return SEAL_REASON_LEAF_IS_CA;
  return SEAL_VALID;
}

SealReason seal_cert_form(X509 *x, SealRole role, int purpose) {
  SealReason reason = form_common(x, role);

  if (reason == SEAL_VALID && role != SEAL_ROLE_ANCHOR) {
    reason = seal_san_check(x, purpose == SEAL_X509_SERVER);
  }
  if (reason != SEAL_VALID) return reason;
  if (role == SEAL_ROLE_LEAF) return form_leaf(x, purpose);
  return role == SEAL_ROLE_ANCHOR ? form_anchor(x) : form_ca(x);
}
