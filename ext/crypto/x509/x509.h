/* Certificates: paths with CRLs (RFC 5280), and what a client certificate must be besides. Stands on
** crypto.h alone; knows nothing of jose/.
**
**    SealCertSet *set;
**    SealX509Policy policy = {.at = 1790000000, .san = SEAL_SAN_DNS, .identity = "v2x.example"};
**    SealX509 x;
**    if (seal_certset_parse(c, anchors, n_anchors, NULL, 0, &set) == SEAL_VALID) {
**      SealReason reason = seal_x509_verify(c, chain, n_chain, set, &policy, &x);
**      ...
**      seal_x509_clear(&x);
**      seal_certset_free(set);
**    }
*/
#ifndef SEAL_CRYPTO_X509_H
#define SEAL_CRYPTO_X509_H

#include <jansson.h>
#include "crypto/crypto.h"

/* Bytes of anchors, and of CRLs, that somebody may give at once. What a registrar has gathered of those that
** it took one by one may be more. */
#define SEAL_ANCHORS_MAX (16 << 20)
#define SEAL_CRL_MAX     (16 << 20)

typedef struct SealCertSet SealCertSet; /* anchors and CRLs, parsed once and kept */

typedef struct SealX509Policy {
  int64_t at; /* seconds since 1970 */
  enum { SEAL_X509_CLIENT, SEAL_X509_SERVER, SEAL_X509_PATH } purpose;
  enum { SEAL_SAN_NONE, SEAL_SAN_DNS, SEAL_SAN_URI, SEAL_SAN_IP } san; /* the identity asked for */
  const char *identity;
  const char *const *policies; /* OIDs, NULL-terminated, or NULL */
  int explicit_policy, inhibit_mapping, inhibit_any_policy;
  int crls_known; /* no CRL is asked of an issuer that none of the set is from */
} SealX509Policy;

/* What the leaf of a chain says of itself, believed or not. */
typedef struct SealX509 {
  char *subject;                 /* RFC 2253 text; NULL where it is no text */
  json_t *san;                   /* array of {"dns"|"uri"|"ip"|"email": value} */
  int64_t not_before, not_after; /* seconds since 1970 */
  char thumbprint[44];           /* x5t#S256 of the leaf */
} SealX509;

/* Anchors (PEM text, or DER one after another) and CRLs (PEM or DER, NULL = none are asked for).
** With CRLs given, be they 0 bytes, a certificate without a valid, complete, current CRL is refused;
** an anchor is not asked about. Whether they are too many is for the caller to judge. On SEAL_VALID *out is the caller's, otherwise NULL.
** A set belongs to the context, and so serves one thread at a time. */
SealReason seal_certset_parse(SealCrypto *c, const void *anchors, size_t n_anchors,
                              const void *crls, size_t n_crls, SealCertSet **out);
/* Gives a set certificates (DER or PEM) that chains may lack on their way to an anchor: those are looked for among them, and
** trusted no more than what comes with a chain. At most once for a set. */
SealReason seal_certset_intermediates(SealCrypto *c, SealCertSet *set, const void *certs, size_t n);
/* Frees a set; NULL is allowed. */
void seal_certset_free(SealCertSet *set);

/* Validates a chain (leaf first, then intermediates in any order; PEM or DER) against the set: at
** most 64 KiB, 48 certificates, and 8 of them on a path between leaf and anchor. A certificate is valid
** from notBefore through notAfter, both included (RFC 5280 4.1.2.5), a CRL from thisUpdate until
** nextUpdate, not included. Fills *out on SEAL_VALID, and as far as the leaf could be read
** otherwise: a time that could not is INT64_MIN. *out is for seal_x509_clear in either case. */
SealReason seal_x509_verify(SealCrypto *c, const void *chain, size_t n, const SealCertSet *set,
                            const SealX509Policy *policy, SealX509 *out);
/* The leaf of a chain alone: strict parsing, key, times at policy->at and form of a client
** certificate, but no path: for a certificate that is itself registered. */
SealReason seal_x509_leaf(SealCrypto *c, const void *chain, size_t n, const SealX509Policy *policy,
                          SealX509 *out);
/* Whether what is known of revocations speaks against a certificate that is believed without its path, for it
** is registered itself, or a token is bound to it: SEAL_VALID only if it leads to an anchor and every CRL of an
** issuer on its way is current and does not list it; or if no CRL is about it, neither of its issuer nor of one
** above that came with it. SEAL_REASON_CERT_REVOKED where a CRL lists it, whatever else is wrong. */
SealReason seal_x509_unrevoked(SealCrypto *c, const void *chain, size_t n, const SealCertSet *set,
                               const SealX509Policy *policy);
/* Frees what *x owns and zeroes it. */
void seal_x509_clear(SealX509 *x);

/* Checks one CRL for import: at most SEAL_CRL_MAX bytes, signed by one of the anchors, and then its form:
** who is not trusted gets no more work done than a digest of the bytes. Gives its
** issuer (RFC 2253) and its CRL number as decimal text, both the caller's (free), and nextUpdate in
** seconds since 1970; after a refusal both texts are NULL. The set is one of the same context. */
SealReason seal_crl_check(SealCrypto *c, const void *crl, size_t n, const SealCertSet *set,
                          char **issuer, char **number, int64_t *next_update);

/* Reads from what is exactly one CRL, of at most SEAL_CRL_MAX bytes, when it was issued and when the next one is due
** (thisUpdate, nextUpdate, RFC 5280 5.1.2.4, 5.1.2.5), in seconds since 1970. What it says is not verified.
** SEAL_REASON_CRL_INCOMPLETE: it lacks one of the two. */
SealReason seal_crl_period(SealCrypto *c, const void *crl, size_t n, int64_t *this_update,
                           int64_t *next_update);

#endif
