/* What the x509 files share: how certificates and CRLs are read, judged one by one, and joined to
** a path.
**
**      bytes ──x509_read──▶ X509 ──x509_path──▶ leaf ◀─ issuer ◀─ ... ◀─ anchor
**                            │                     │
**                       x509_check            X509_verify_cert, X509_CRL (x509_crl)
**                       x509_name: who is named
**
** All of it runs within seal_confirmed(), which keeps OpenSSL's errors from the host, and a lack of
** memory from being taken for a refusal. X1 to X12 are the rules as tests/attack-x509.test parts them.
*/
#ifndef SEAL_CRYPTO_X509_INT_H
#define SEAL_CRYPTO_X509_INT_H

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include "crypto/crypto_int.h"
#include "crypto/x509/x509.h"

/* Caps on what is looked at, before anything is copied. */
#define SEAL_CHAIN_MAX   65536 /* bytes of a chain */
#define SEAL_CHAIN_COUNT 48    /* certificates in it */
#define SEAL_PATH_DEPTH  8     /* intermediates between a leaf and its anchor */

struct SealCertSet {
  STACK_OF(X509) * anchors;
  STACK_OF(X509) * intermediates; /* NULL: none */
  STACK_OF(X509_CRL) * crls;      /* NULL: none are asked for */
  X509_STORE *store;              /* the anchors, for X509_verify_cert() */
  SealReason crl_form;            /* the first flaw among the CRLs, or SEAL_VALID */
  /* One for each anchor: 1 once its key has been checked in depth. A cache, so that it changes
  ** in a set that is otherwise constant. */
  unsigned char *key_checked;
};

/************************************************************************************************
** x509_warm.c
*/
/* Gives the context c->x509_lib, the one of the process, which is made when it first meets a certificate,
** and in which one key of each kind has been read, so that it knows how to for good. SEAL_VALID, or
** SEAL_NOMEM when that fails, and then the next call begins anew. */
SealReason seal_x509_ready(SealCrypto *c);
/* Makes another such context, and its provider, or gives NULL and leaves nothing behind; and frees both,
** NULL allowed. Only for seal_x509_ready(), and for tests of what happens when memory runs out. */
OSSL_LIB_CTX *seal_x509_lib_new(OSSL_PROVIDER **provider);
void seal_x509_lib_free(OSSL_LIB_CTX *lib, OSSL_PROVIDER *provider);

/************************************************************************************************
** x509.c
*/
/* Runs a judgement with its argument, and runs it again before anything but SEAL_VALID is given: most
** of OpenSSL tells "no memory" from "invalid" only in its error queue, and some of it not even there.
** A refusal or a fault that does not repeat itself, or a process that has no memory left, is
** SEAL_NOMEM. */
typedef SealReason (*SealJudgement)(void *arg);
SealReason seal_confirmed(SealJudgement judge, void *arg);

/************************************************************************************************
** x509_read.c: PEM and DER, strictly.
*/
/* Reads certificates, PEM or DER one after another, and appends them to `out`. At most max_count.
** `container` is the reason when it is neither; `bad` when a certificate is malformed; `large` when
** there are too many. */
typedef struct SealReadReasons {
  SealReason container, bad, large;
} SealReadReasons;
SealReason seal_certs_read(SealCrypto *c, const void *data, size_t n, int max_count,
                           const SealReadReasons *reasons, STACK_OF(X509) * out);
/* The same for CRLs: anything malformed is SEAL_REASON_CRL_MALFORMED. Takes as long as they are. */
SealReason seal_crls_read(SealCrypto *c, const void *data, size_t n, STACK_OF(X509_CRL) * out);
/* 1 if the n bytes are one value in DER (X.690 10, 11), with nothing after it. */
int seal_der_valid(const unsigned char *der, size_t n);

/************************************************************************************************
** x509_check.c: one certificate at a time.
*/
typedef enum SealRole { SEAL_ROLE_LEAF, SEAL_ROLE_CA, SEAL_ROLE_ANCHOR } SealRole;

/* X2, as far as it costs nothing: kind, size, curve and exponent of the key. */
SealReason seal_cert_key(const X509 *x);
/* X2, the rest: the key is on its curve, or a modulus that is composite. Milliseconds for RSA. */
SealReason seal_cert_key_deep(SealCrypto *c, X509 *x);
/* X3 to X7, X9, X10, X12: what a certificate in this role must be for a purpose other than
** SEAL_X509_PATH. */
SealReason seal_cert_form(X509 *x, SealRole role, int purpose);
/* X11: SEAL_VALID from notBefore through notAfter, both included (RFC 5280 4.1.2.5). */
SealReason seal_cert_current(const X509 *x, int64_t at);
/* X12: reads YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ. Returns 1, or 0 for anything else. */
int seal_asn1_time(const ASN1_TIME *time, int64_t *out);
/* X3: whether a signature by this algorithm is believed. */
int seal_signature_good(int md_nid, int pkey_nid, uint32_t flags);
/* X4: SEAL_VALID if no extension is there twice, and there are not more than can be compared. */
SealReason seal_extensions_single(const STACK_OF(X509_EXTENSION) * extensions);

/************************************************************************************************
** x509_name.c: subjects, alternative names, identities.
*/
/* RFC 2253 text in UTF-8, the caller's; NULL when it cannot be written. */
char *seal_name_text(const X509_NAME *name);
/* The names of a SAN as an array of {"dns"|"uri"|"ip"|"email": value}, the caller's; other kinds
** and names that are no text are left out. Empty without a SAN; NULL when memory ran out. */
json_t *seal_san_json(const X509 *x);
/* X9, X10: the syntax of every name. `wildcard` = 1 takes *.example as well. */
SealReason seal_san_check(const X509 *x, int wildcard);
/* The syntax of every name that a constraint may be about: the SAN's, with *.example, and the mail addresses in
** the subject (RFC 5280 4.2.1.10). OpenSSL compares the text of what is no name of its kind all the same. */
SealReason seal_names_check(const X509 *x);
/* Whether some dNSName has a '*'. */
int seal_san_has_wildcard(const X509 *x);
/* X8: SEAL_VALID if the SAN has the identity that the policy asks for, or it asks for none. */
SealReason seal_identity_check(const X509 *x, const SealX509Policy *policy);
/* 1 if the n bytes are a host name of letters, digits, hyphens and dots (RFC 1123 2.1). */
int seal_dns_valid(const char *name, size_t n);

/************************************************************************************************
** x509_crl.c
*/
/* What a CRL must be to be believed for a purpose other than SEAL_X509_PATH (RFC 5280 5). */
SealReason seal_crl_form(X509_CRL *crl);
/* 1 if a CRL of the set is from this issuer. */
int seal_crl_known(const SealCertSet *set, const X509_NAME *issuer);
/* What the CRLs of a set know of a chain, be they valid or not: *listed is 1 if one lists the leaf or, as far
** as names lead, one of its issuers; *known is 1 if one is from any of these issuers. */
void seal_crl_about(const SealCertSet *set, STACK_OF(X509) * chain, int *listed, int *known);

/************************************************************************************************
** x509_path.c
*/
/* Finds a path from chain[0] to an anchor that holds under the policy. */
SealReason seal_path_find(SealCrypto *c, STACK_OF(X509) * chain, const SealCertSet *set,
                          const SealX509Policy *policy);
/* For the store of a set: who issued whom, as the path that is being judged has it. */
int seal_path_issued(X509_STORE_CTX *ctx, X509 *x, X509 *issuer);

#endif
