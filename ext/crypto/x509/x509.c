/* Certificates, as RFC 5280 and the rules for client certificates have them: the public part.
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
**
** A set is parsed once and serves any number of verifications, by one thread at a time.
*/
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/x509/x509_int.h"

static const SealReadReasons chain_reasons = {
    SEAL_REASON_CHAIN_MALFORMED, SEAL_REASON_CERT_MALFORMED, SEAL_REASON_CHAIN_TOO_LARGE};
static const SealReadReasons anchor_reasons = {
    SEAL_REASON_ANCHORS_MALFORMED, SEAL_REASON_ANCHORS_MALFORMED, SEAL_REASON_ANCHORS_TOO_LARGE};

static SealReason confirmed_once(SealJudgement judge, void *arg) {
  SealMark mark;
  SealReason reason;

  seal_mark(&mark);
  reason = judge(arg);
  reason = seal_failed(&mark, reason);
  seal_unmark(&mark);
  return reason;
}

SealReason seal_confirmed(SealJudgement judge, void *arg) {
  SealReason reason = confirmed_once(judge, arg);
  void *probe;

  if (reason == SEAL_VALID || reason == SEAL_NOMEM) return reason;
  if (confirmed_once(judge, arg) != reason) return SEAL_NOMEM;
  probe = OPENSSL_malloc(1);
  if (!probe) return SEAL_NOMEM;
  OPENSSL_free(probe);
  return reason;
}

/************************************************************************************************
** Sets of anchors and CRLs
*/
static SealReason certset_anchors(SealCrypto *c, SealCertSet *set, const void *data, size_t n) {
  SealReason reason;
  int count;

  set->anchors = sk_X509_new_null();
  set->store = X509_STORE_new();
  if (!set->anchors || !set->store) return SEAL_NOMEM;
  reason = seal_certs_read(c, data, n, INT32_MAX, &anchor_reasons, set->anchors);
  if (reason != SEAL_VALID) return reason;
  count = sk_X509_num(set->anchors);
  set->key_checked = calloc((size_t)count + 1, 1);
  if (!set->key_checked) return SEAL_NOMEM;
  for (int i = 0; i < count; i++) {
    if (X509_STORE_add_cert(set->store, sk_X509_value(set->anchors, i)) != 1) return SEAL_NOMEM;
  }
  X509_STORE_set_check_issued(set->store, seal_path_issued);
  return SEAL_VALID;
}

static SealReason certset_crls(SealCrypto *c, SealCertSet *set, const void *data, size_t n) {
  set->crls = sk_X509_CRL_new_null();
  return set->crls ? seal_crls_read(c, data, n, set->crls) : SEAL_NOMEM;
}

/* The first flaw among the CRLs of a set. It refuses chains, not the set, whose purpose is not known
** yet; but it is kept, and so is confirmed like a refusal. */
static SealReason certset_form(void *arg) {
  const SealCertSet *set = arg;
  SealReason reason = SEAL_VALID;

  for (int i = 0; i < sk_X509_CRL_num(set->crls) && reason == SEAL_VALID; i++) {
    reason = seal_crl_form(sk_X509_CRL_value(set->crls, i));
  }
  return reason;
}

typedef struct SealSetArgs {
  SealCrypto *c;
  const void *anchors, *crls;
  size_t n_anchors, n_crls;
  SealCertSet *set;
} SealSetArgs;

static SealReason certset_judge(void *arg) {
  SealSetArgs *args = arg;
  SealReason reason;

  seal_certset_free(args->set);
  args->set = calloc(1, sizeof *args->set);
  if (!args->set) return SEAL_NOMEM;
  reason = certset_anchors(args->c, args->set, args->anchors, args->n_anchors);
  if (reason == SEAL_VALID && args->crls) {
    reason = certset_crls(args->c, args->set, args->crls, args->n_crls);
  }
  return reason;
}

SealReason seal_certset_parse(SealCrypto *c, const void *anchors, size_t n_anchors,
                              const void *crls, size_t n_crls, SealCertSet **out) {
  SealSetArgs args = {c, anchors, crls, n_anchors, n_crls, NULL};
  SealReason reason;

  *out = NULL;
  reason = seal_x509_ready(c);
  if (reason != SEAL_VALID) return reason;
  reason = seal_confirmed(certset_judge, &args);
  if (reason == SEAL_VALID) {
    args.set->crl_form = seal_confirmed(certset_form, args.set);
    if (args.set->crl_form == SEAL_NOMEM) reason = SEAL_NOMEM;
  }
  if (reason == SEAL_VALID) {
    *out = args.set;
  } else {
    seal_certset_free(args.set);
  }
  return reason;
}

static SealReason certset_between(void *arg) {
  SealSetArgs *args = arg;
  STACK_OF(X509) *certs = sk_X509_new_null();
  SealReason reason = certs ? seal_certs_read(args->c, args->anchors, args->n_anchors, INT32_MAX,
                                              &anchor_reasons, certs)
                            : SEAL_NOMEM;

  sk_X509_pop_free(args->set->intermediates, X509_free);
  args->set->intermediates = certs;
  return reason;
}

SealReason seal_certset_intermediates(SealCrypto *c, SealCertSet *set, const void *certs,
                                      size_t n) {
  SealSetArgs args = {c, certs, NULL, n, 0, set};

  assert(set->intermediates == NULL);
  return seal_confirmed(certset_between, &args);
}

void seal_certset_free(SealCertSet *set) {
  if (!set) return;
  sk_X509_pop_free(set->intermediates, X509_free);
  X509_STORE_free(set->store);
  sk_X509_pop_free(set->anchors, X509_free);
  sk_X509_CRL_pop_free(set->crls, X509_CRL_free);
  free(set->key_checked);
  free(set);
}

/************************************************************************************************
** Chains
*/
/* What a leaf says of itself, believed or not. */
static SealReason leaf_read(SealCrypto *c, X509 *leaf, SealX509 *out) {
  unsigned char hash[SEAL_SHA256_SIZE], *der = NULL;
  int n = i2d_X509(leaf, &der);
  SealReason reason = n > 0 ? seal_sha256(c, der, (size_t)n, hash) : SEAL_NOMEM;

  OPENSSL_free(der);
  if (reason != SEAL_VALID) return reason;
  seal_b64url_encode(hash, sizeof hash, out->thumbprint);
  if (!seal_asn1_time(X509_get0_notBefore(leaf), &out->not_before)) out->not_before = INT64_MIN;
  if (!seal_asn1_time(X509_get0_notAfter(leaf), &out->not_after)) out->not_after = INT64_MIN;
  /* NULL for a name that is no text: such a leaf is refused below, or its subject not asked. */
  out->subject = seal_name_text(X509_get_subject_name(leaf));
  out->san = seal_san_json(leaf);
  return out->san ? SEAL_VALID : SEAL_NOMEM;
}

/* Reads a chain and its leaf. The chain is the caller's, NULL when memory ran out. */
static SealReason chain_read(SealCrypto *c, const void *data, size_t n, STACK_OF(X509) * *chain,
                             SealX509 *out) {
  SealReason reason, leaf;

  *chain = sk_X509_new_null();
  if (!*chain) return SEAL_NOMEM;
  if (n > SEAL_CHAIN_MAX) return SEAL_REASON_CHAIN_TOO_LARGE;
  reason = seal_certs_read(c, data, n, SEAL_CHAIN_COUNT, &chain_reasons, *chain);
  if (sk_X509_num(*chain) == 0) return reason == SEAL_VALID ? SEAL_REASON_CHAIN_MALFORMED : reason;
  leaf = leaf_read(c, sk_X509_value(*chain, 0), out);
  return leaf == SEAL_VALID ? reason : leaf;
}

static int chain_has(const STACK_OF(X509) * chain, const X509 *x) {
  for (int i = 0; i < sk_X509_num(chain); i++) {
    if (X509_cmp(sk_X509_value(chain, i), x) == 0) return 1;
  }
  return 0;
}

/* Adds to a chain those of the set's intermediates that may have issued what is in it, as far as it has room. */
static SealReason chain_complete(STACK_OF(X509) * chain, const SealCertSet *set) {
  int n = set ? sk_X509_num(set->intermediates) : 0; /* -1 for none at all */

  for (int i = 0; i < sk_X509_num(chain); i++) {
    const X509_NAME *issuer = X509_get_issuer_name(sk_X509_value(chain, i));

    for (int k = 0; k < n && sk_X509_num(chain) < SEAL_CHAIN_COUNT; k++) {
      X509 *x = sk_X509_value(set->intermediates, k);

      if (X509_NAME_cmp(issuer, X509_get_subject_name(x)) != 0 || chain_has(chain, x)) continue;
      if (sk_X509_push(chain, x) == 0) return SEAL_NOMEM;
      X509_up_ref(x);
    }
  }
  return SEAL_VALID;
}

/* The leaf without its path: key, form and identity. */
static SealReason leaf_check(X509 *leaf, const SealX509Policy *policy) {
  SealReason reason = seal_cert_key(leaf);

  if (reason == SEAL_VALID && policy->purpose != SEAL_X509_PATH) {
    reason = seal_cert_form(leaf, SEAL_ROLE_LEAF, policy->purpose);
  }
  return reason == SEAL_VALID ? seal_identity_check(leaf, policy) : reason;
}

/* Both public functions: `set` is NULL where no path is asked for. */
static SealReason chain_judge(SealCrypto *c, STACK_OF(X509) * chain, const SealCertSet *set,
                              const SealX509Policy *policy) {
  X509 *leaf = sk_X509_value(chain, 0);
  SealReason reason = leaf_check(leaf, policy);

  if (reason != SEAL_VALID) return reason;
  if (!set) {
    reason = seal_cert_current(leaf, policy->at);
    return reason == SEAL_VALID ? seal_cert_key_deep(c, leaf) : reason;
  }
  if (policy->purpose != SEAL_X509_PATH && set->crl_form != SEAL_VALID) return set->crl_form;
  reason = chain_complete(chain, set);
  return reason == SEAL_VALID ? seal_path_find(c, chain, set, policy) : reason;
}

typedef struct SealChainArgs {
  SealCrypto *c;
  const void *data;
  size_t n;
  const SealCertSet *set;
  const SealX509Policy *policy;
  SealX509 *out;
} SealChainArgs;

static SealReason chain_verify(void *arg) {
  SealChainArgs *args = arg;
  STACK_OF(X509) * chain;
  SealReason reason;

  seal_x509_clear(args->out);
  args->out->not_before = args->out->not_after = INT64_MIN;
  reason = chain_read(args->c, args->data, args->n, &chain, args->out);
  if (reason == SEAL_VALID) reason = chain_judge(args->c, chain, args->set, args->policy);
  sk_X509_pop_free(chain, X509_free);
  return reason;
}

SealReason seal_x509_verify(SealCrypto *c, const void *chain, size_t n, const SealCertSet *set,
                            const SealX509Policy *policy, SealX509 *out) {
  SealChainArgs args;

  SealReason reason = seal_x509_ready(c);

  memset(out, 0, sizeof *out);
  if (reason != SEAL_VALID) return reason;
  args = (SealChainArgs){c, chain, n, set, policy, out};
  return seal_confirmed(chain_verify, &args);
}

SealReason seal_x509_leaf(SealCrypto *c, const void *chain, size_t n, const SealX509Policy *policy,
                          SealX509 *out) {
  return seal_x509_verify(c, chain, n, NULL, policy, out);
}

/* As chain_verify, but that a certificate which no CRL is about is good. */
static SealReason chain_unrevoked(void *arg) {
  SealChainArgs *args = arg;
  STACK_OF(X509) * chain;
  int listed = 0, known = 0;
  SealReason reason;

  seal_x509_clear(args->out);
  reason = chain_read(args->c, args->data, args->n, &chain, args->out);
  if (reason == SEAL_VALID) {
    reason = chain_judge(args->c, chain, args->set, args->policy);
    if (reason != SEAL_VALID && reason != SEAL_NOMEM && reason != SEAL_INTERNAL) {
      seal_crl_about(args->set, chain, &listed, &known);
      reason = listed ? SEAL_REASON_CERT_REVOKED : known ? reason : SEAL_VALID;
    }
  }
  sk_X509_pop_free(chain, X509_free);
  return reason;
}

SealReason seal_x509_unrevoked(SealCrypto *c, const void *chain, size_t n, const SealCertSet *set,
                               const SealX509Policy *policy) {
  SealX509 x = {.subject = NULL};
  SealX509Policy known = *policy;
  SealChainArgs args = {c, chain, n, set, &known, &x};
  SealReason reason = seal_x509_ready(c);

  known.crls_known = 1;
  if (reason == SEAL_VALID) reason = seal_confirmed(chain_unrevoked, &args);
  seal_x509_clear(&x);
  return reason;
}

void seal_x509_clear(SealX509 *x) {
  free(x->subject);
  json_decref(x->san);
  memset(x, 0, sizeof *x);
}
