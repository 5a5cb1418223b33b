/* From a leaf to an anchor. Certificates come in any order, some belong to no path, and a name may
** have several certificates, of which only one leads to an anchor:
**
**      leaf ──┬── A (expired) ── root 1
**             └── A' ──┬── B (not a CA) ── root 1
**                      └── root 2                      the one that holds
**
** OpenSSL builds one path and judges that, without coming back. So the paths are built here, depth
** first and within a budget, along signatures that hold; each complete one is then judged as a
** whole by X509_verify_cert(), which is told the path (seal_path_issued) and does the rest of RFC
** 5280 6: names, constraints, policies, CRLs.
**
**    SealReason reason = seal_path_find(c, chain, set, &policy);
*/
#include <assert.h>
#include "crypto/x509/x509_int.h"

/* Far more than an honest chain needs, and far less than what would take long. */
#define SEAL_SIGNATURES_MAX 128 /* signatures verified while paths are built */
#define SEAL_STEPS_MAX      512 /* certificates put on a path, and taken off again */
#define SEAL_COMPLETE_MAX   16  /* paths judged as a whole */

/* How far an attempt got. The reason of the one that got furthest is the one to tell; that the budget
** was spent is told where no path was complete. */
typedef enum SealProgress { SEAL_NOTHING, SEAL_LINK, SEAL_BUDGET, SEAL_COMPLETE } SealProgress;

typedef struct SealPath {
  SealCrypto *c;
  const SealCertSet *set;
  const SealX509Policy *policy;
  STACK_OF(X509) * chain;
  X509 *cert[SEAL_CHAIN_COUNT + 1]; /* the path so far; the anchor may come last */
  int n;
  int signatures, steps, complete; /* what was spent */
  /* Whether chain[j] signed chain[i]: 1, -1, or 0 for not tried yet. */
  signed char signed_by[SEAL_CHAIN_COUNT][SEAL_CHAIN_COUNT];
  SealProgress progress;
  SealReason reason;
} SealPath;

/* Keeps the first reason of those that got furthest. */
static SealReason path_refuse(SealPath *path, SealProgress progress, SealReason reason) {
  if (progress > path->progress) {
    path->progress = progress;
    path->reason = reason;
  }
  return reason;
}

/************************************************************************************************
** A path as a whole
*/
/* What X509_verify_cert() found, in our words. */
static SealReason path_reason(int error) {
  static const struct {
    int error;
    SealReason reason;
  } map[] = {
      {X509_V_ERR_OUT_OF_MEM, SEAL_NOMEM},
      {X509_V_ERR_CERT_SIGNATURE_FAILURE, SEAL_REASON_CERT_SIGNATURE_INVALID},
      {X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH, SEAL_REASON_CERT_SIGNATURE_INVALID},
      {X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY, SEAL_REASON_CERT_SIGNATURE_INVALID},
      {X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM, SEAL_REASON_CERT_SIGNATURE_ALG},
      {X509_V_ERR_CA_MD_TOO_WEAK, SEAL_REASON_CERT_SIGNATURE_ALG},
      {X509_V_ERR_EE_KEY_TOO_SMALL, SEAL_REASON_CERT_KEY},
      {X509_V_ERR_CA_KEY_TOO_SMALL, SEAL_REASON_CERT_KEY},
      {X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, SEAL_REASON_CERT_KEY},
      {X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, SEAL_REASON_CERT_KEY},
      {X509_V_ERR_CERT_NOT_YET_VALID, SEAL_REASON_CERT_NOT_YET_VALID},
      {X509_V_ERR_CERT_HAS_EXPIRED, SEAL_REASON_CERT_EXPIRED},
      {X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, SEAL_REASON_CERT_TIME},
      {X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, SEAL_REASON_CERT_TIME},
      {X509_V_ERR_CERT_REVOKED, SEAL_REASON_CERT_REVOKED},
      {X509_V_ERR_UNABLE_TO_GET_CRL, SEAL_REASON_CRL_MISSING},
      {X509_V_ERR_DIFFERENT_CRL_SCOPE, SEAL_REASON_CRL_MISSING},
      {X509_V_ERR_CRL_HAS_EXPIRED, SEAL_REASON_CRL_EXPIRED},
      {X509_V_ERR_CRL_NOT_YET_VALID, SEAL_REASON_CRL_NOT_YET_VALID},
      {X509_V_ERR_CRL_SIGNATURE_FAILURE, SEAL_REASON_CRL_SIGNATURE_INVALID},
      {X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE, SEAL_REASON_CRL_SIGNATURE_INVALID},
      {X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, SEAL_REASON_CRL_ISSUER_UNKNOWN},
      {X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, SEAL_REASON_CRL_ISSUER_UNKNOWN},
      {X509_V_ERR_CRL_PATH_VALIDATION_ERROR, SEAL_REASON_CRL_ISSUER_UNKNOWN},
      {X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION, SEAL_REASON_EXTENSION_UNKNOWN},
      {X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD, SEAL_REASON_CRL_MALFORMED},
      {X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD, SEAL_REASON_CRL_MALFORMED},
      {X509_V_ERR_INVALID_CA, SEAL_REASON_ISSUER_NOT_CA},
      {X509_V_ERR_CA_BCONS_NOT_CRITICAL, SEAL_REASON_ISSUER_NOT_CA},
      {X509_V_ERR_KEYUSAGE_NO_CERTSIGN, SEAL_REASON_ISSUER_KEY_USAGE},
      {X509_V_ERR_CA_CERT_MISSING_KEY_USAGE, SEAL_REASON_ISSUER_KEY_USAGE},
      {X509_V_ERR_INVALID_PURPOSE, SEAL_REASON_CERT_PURPOSE},
      {X509_V_ERR_INVALID_NON_CA, SEAL_REASON_LEAF_IS_CA},
      {X509_V_ERR_PATH_LENGTH_EXCEEDED, SEAL_REASON_PATH_TOO_LONG},
      {X509_V_ERR_CERT_CHAIN_TOO_LONG, SEAL_REASON_PATH_TOO_LONG},
      {X509_V_ERR_PROXY_CERTIFICATES_NOT_ALLOWED, SEAL_REASON_PROXY_CERTIFICATE},
      {X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, SEAL_REASON_EXTENSION_UNKNOWN},
      {X509_V_ERR_PERMITTED_VIOLATION, SEAL_REASON_NAME_CONSTRAINTS},
      {X509_V_ERR_EXCLUDED_VIOLATION, SEAL_REASON_NAME_CONSTRAINTS},
      {X509_V_ERR_SUBTREE_MINMAX, SEAL_REASON_NAME_CONSTRAINTS_INVALID},
      {X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, SEAL_REASON_NAME_CONSTRAINTS},
      {X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, SEAL_REASON_NAME_CONSTRAINTS_INVALID},
      {X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, SEAL_REASON_NAME_CONSTRAINTS},
      {X509_V_ERR_NO_EXPLICIT_POLICY, SEAL_REASON_POLICY},
      {X509_V_ERR_INVALID_POLICY_EXTENSION, SEAL_REASON_EXTENSION_INVALID},
      {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, SEAL_REASON_PATH_NOT_FOUND},
      {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, SEAL_REASON_PATH_NOT_FOUND},
      {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, SEAL_REASON_PATH_NOT_FOUND},
      {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, SEAL_REASON_PATH_NOT_FOUND},
      {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, SEAL_REASON_PATH_NOT_FOUND},
      {X509_V_ERR_CERT_UNTRUSTED, SEAL_REASON_PATH_NOT_FOUND},
      {X509_V_ERR_CERT_REJECTED, SEAL_REASON_PATH_NOT_FOUND},
      {X509_V_ERR_UNSPECIFIED, SEAL_INTERNAL},
      {X509_V_ERR_INVALID_CALL, SEAL_INTERNAL},
      {X509_V_ERR_STORE_LOOKUP, SEAL_INTERNAL},
  };

  for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
    if (map[i].error == error) return map[i].reason;
  }
  /* What is left are the many rules of RFC 5280 4.2 on single extensions. */
  return SEAL_REASON_EXTENSION_INVALID;
}

/* Tells X509_verify_cert() who issued whom: the path and nothing else. A second path, to the
** issuer of a CRL that is not on this one, is built by OpenSSL's own rule. */
int seal_path_issued(X509_STORE_CTX *ctx, X509 *x, X509 *issuer) {
  const SealPath *path = X509_STORE_CTX_get_app_data(ctx);

  if (!path || X509_cmp(x, issuer) == 0) return X509_check_issued(issuer, x) == X509_V_OK;
  for (int i = 0; i + 1 < path->n; i++) {
    if (X509_cmp(x, path->cert[i]) == 0) return X509_cmp(issuer, path->cert[i + 1]) == 0;
  }
  return 0;
}

/* Errors of X509_verify_cert() that are none here. */
static int path_verdict(int ok, X509_STORE_CTX *ctx) {
  X509_STORE_CTX *parent = X509_STORE_CTX_get0_parent_ctx(ctx);
  const SealPath *path = X509_STORE_CTX_get_app_data(parent ? parent : ctx);
  int last = sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;

  if (ok) return 1;
  switch (X509_STORE_CTX_get_error(ctx)) {
  case X509_V_ERR_CERT_HAS_EXPIRED:
    /* X11: OpenSSL takes notAfter for the first instant that is too late; RFC 5280 4.1.2.5 for
    ** the last that is not. */
    return seal_cert_current(X509_STORE_CTX_get_current_cert(ctx), path->policy->at) == SEAL_VALID;
  case X509_V_ERR_UNABLE_TO_GET_CRL:
    if (path->policy->crls_known &&
        !seal_crl_known(path->set, X509_get_issuer_name(X509_STORE_CTX_get_current_cert(ctx)))) {
      return 1;
    }
    return X509_STORE_CTX_get_error_depth(ctx) == last;
  case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
  case X509_V_ERR_CRL_SIGNATURE_FAILURE:
  case X509_V_ERR_CRL_NOT_YET_VALID:
  case X509_V_ERR_CRL_HAS_EXPIRED:
  case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
  case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
  case X509_V_ERR_CERT_REVOKED:
  case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
  case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
  case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
  case X509_V_ERR_DIFFERENT_CRL_SCOPE:
  case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
    /* An anchor is trusted because the operator says so; no CRL is asked about it. */
    return X509_STORE_CTX_get_error_depth(ctx) == last;
  default:
    return 0;
  }
}

/* The policies that the caller accepts; without any, every policy. */
static SealReason path_policies(X509_VERIFY_PARAM *param, const char *const *policies) {
  for (; policies && *policies; policies++) {
    ASN1_OBJECT *oid = OBJ_txt2obj(*policies, 1);

    if (!oid) return SEAL_INTERNAL;
    if (X509_VERIFY_PARAM_add0_policy(param, oid) != 1) {
      ASN1_OBJECT_free(oid);
      return SEAL_NOMEM;
    }
  }
  return SEAL_VALID;
}

static SealReason path_param(const SealPath *path, X509_VERIFY_PARAM *param) {
  const SealX509Policy *policy = path->policy;
  int is_path = policy->purpose == SEAL_X509_PATH;
  unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_POLICY_CHECK |
                        X509_V_FLAG_EXTENDED_CRL_SUPPORT | X509_V_FLAG_USE_DELTAS;

  if (!is_path) flags |= X509_V_FLAG_X509_STRICT;
  if (path->set->crls) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
  if (policy->explicit_policy) flags |= X509_V_FLAG_EXPLICIT_POLICY;
  if (policy->inhibit_mapping) flags |= X509_V_FLAG_INHIBIT_MAP;
  if (policy->inhibit_any_policy) flags |= X509_V_FLAG_INHIBIT_ANY;
  X509_VERIFY_PARAM_set_time(param, (time_t)policy->at);
  X509_VERIFY_PARAM_set_depth(param, is_path ? SEAL_CHAIN_COUNT : SEAL_PATH_DEPTH);
  X509_VERIFY_PARAM_set_auth_level(param, 2);
  /* The common name is no host name here, so no constraint on host names is about it. */
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (X509_VERIFY_PARAM_set_flags(param, flags) != 1) return SEAL_INTERNAL;
  if (!is_path && X509_VERIFY_PARAM_set_purpose(param, policy->purpose == SEAL_X509_SERVER
                                                           ? X509_PURPOSE_SSL_SERVER
                                                           : X509_PURPOSE_SSL_CLIENT) != 1) {
    return SEAL_INTERNAL;
  }
  return path_policies(param, policy->policies);
}

static SealReason path_verify(SealPath *path) {
  X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(path->c->x509_lib, NULL);
  SealReason reason;
  int verified;

  assert(path->n > 0 && path->cert[0] == sk_X509_value(path->chain, 0));
  if (!ctx) return SEAL_NOMEM;
  if (X509_STORE_CTX_init(ctx, path->set->store, path->cert[0], path->chain) != 1 ||
      X509_STORE_CTX_set_app_data(ctx, path) != 1) {
    reason = SEAL_INTERNAL;
  } else {
    reason = path_param(path, X509_STORE_CTX_get0_param(ctx));
  }
  if (reason == SEAL_VALID) {
    X509_STORE_CTX_set_verify_cb(ctx, path_verdict);
    X509_STORE_CTX_set0_crls(ctx, path->set->crls);
    verified = X509_verify_cert(ctx);
    if (verified != 1) reason = path_reason(X509_STORE_CTX_get_error(ctx));
    if (verified < 0 && reason != SEAL_NOMEM) reason = SEAL_INTERNAL;
    /* What was judged is what was found: the leaf, and an anchor at the end. */
    assert(reason != SEAL_VALID || sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) == path->n);
  }
  X509_STORE_CTX_free(ctx);
  return reason;
}

/* The checks beside X509_verify_cert() that need the path. `anchor` is the index of its anchor. */
static SealReason path_form(SealPath *path, int anchor) {
  int purpose = path->policy->purpose, constrained = 0;

  for (int i = 0; i < path->n; i++) {
    X509 *x = path->cert[i];
    SealRole role = i + 1 < path->n ? SEAL_ROLE_CA : SEAL_ROLE_ANCHOR;
    SealReason reason = seal_cert_key(x);

    /* The leaf has been judged before. */
    if (reason == SEAL_VALID && i > 0 && purpose != SEAL_X509_PATH) {
      reason = seal_cert_form(x, role, purpose);
    }
    if (reason == SEAL_VALID && !(i + 1 == path->n && path->set->key_checked[anchor])) {
      reason = seal_cert_key_deep(path->c, x);
    }
    if (reason != SEAL_VALID) return reason;
    constrained = constrained || X509_get_ext_by_NID(x, NID_name_constraints, -1) >= 0;
  }
  path->set->key_checked[anchor] = 1;
  for (int i = 0; constrained && i + 1 < path->n; i++) {
    SealReason reason = seal_names_check(path->cert[i]);

    if (reason != SEAL_VALID) return reason;
  }
  /* *.example stands for names that the constraints may exclude; OpenSSL compares only the text. */
  if (constrained && purpose != SEAL_X509_PATH && seal_san_has_wildcard(path->cert[0])) {
    return SEAL_REASON_SAN_WILDCARD;
  }
  return SEAL_VALID;
}

static SealReason path_complete(SealPath *path, int anchor) {
  SealMark mark;
  SealReason reason;

  assert(path->n > 0 && anchor < sk_X509_num(path->set->anchors));
  if (++path->complete > SEAL_COMPLETE_MAX) {
    return path_refuse(path, SEAL_COMPLETE, SEAL_REASON_PATH_TOO_COMPLEX);
  }
  seal_mark(&mark);
  reason = path_form(path, anchor);
  if (reason == SEAL_VALID) reason = path_verify(path);
  seal_unmark(&mark);
  if (reason == SEAL_VALID) return SEAL_VALID;
  return path_refuse(path, SEAL_COMPLETE, reason);
}

/************************************************************************************************
** Building
*/
/* Whether the search must end: it found a path, it failed, or it has spent its budget. */
static int path_over(const SealPath *path, SealReason reason) {
  return reason == SEAL_VALID || reason == SEAL_NOMEM || reason == SEAL_INTERNAL ||
         path->complete > SEAL_COMPLETE_MAX || path->steps > SEAL_STEPS_MAX ||
         path->signatures > SEAL_SIGNATURES_MAX;
}

static int path_holds(const SealPath *path, const X509 *x) {
  for (int i = 0; i < path->n; i++) {
    if (X509_cmp(path->cert[i], x) == 0) return 1;
  }
  return 0;
}

/* Whether `issuer` may have issued x, by all that costs nothing. */
static SealReason path_candidate(SealPath *path, X509 *x, X509 *issuer) {
  SealReason reason;

  if (X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(issuer)) != 0) {
    return SEAL_REASON_PATH_NOT_FOUND;
  }
  switch (X509_check_issued(issuer, x)) {
  case X509_V_OK:
    break;
  case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    return SEAL_REASON_ISSUER_KEY_USAGE;
  case X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH:
    return SEAL_REASON_CERT_SIGNATURE_INVALID;
  case X509_V_ERR_AKID_SKID_MISMATCH:
  case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH:
    return SEAL_REASON_PATH_NOT_FOUND;
  default:
    return SEAL_REASON_EXTENSION_INVALID;
  }
  reason = seal_cert_key(issuer);
  if (reason == SEAL_VALID) reason = seal_cert_current(issuer, path->policy->at);
  return reason;
}

/* Whether `issuer` signed x. `known` is where the answer is kept, or NULL. */
static SealReason path_signature(SealPath *path, X509 *x, X509 *issuer, signed char *known) {
  int good = known ? *known : 0;

  if (good == 0) {
    if (++path->signatures > SEAL_SIGNATURES_MAX) {
      return path_refuse(path, SEAL_BUDGET, SEAL_REASON_PATH_TOO_COMPLEX);
    }
    good = X509_verify(x, X509_get0_pubkey(issuer)) == 1 ? 1 : -1;
    if (known) *known = (signed char)good;
  }
  return good == 1 ? SEAL_VALID : SEAL_REASON_CERT_SIGNATURE_INVALID;
}

/* Whether `issuer` is the next of the path; keeps the reason if only something else than its name
** speaks against it. Errors are dropped here: OpenSSL's queue is a ring of 16, and more of them would
** push out those of the host. */
static int path_link(SealPath *path, X509 *x, X509 *issuer, signed char *known) {
  SealMark mark;
  SealReason reason;

  if (path_holds(path, issuer)) return 0;
  seal_mark(&mark);
  reason = path_candidate(path, x, issuer);
  if (reason == SEAL_VALID) reason = path_signature(path, x, issuer, known);
  seal_unmark(&mark);
  if (reason == SEAL_VALID) return 1;
  if (reason != SEAL_REASON_PATH_NOT_FOUND) path_refuse(path, SEAL_LINK, reason);
  return 0;
}

static SealReason path_extend(SealPath *path, int index);

/* Goes on from the certificate `from`, the last of the path, over the anchors that issued it. */
static SealReason path_anchors(SealPath *path, X509 *from) {
  SealReason reason = SEAL_REASON_PATH_NOT_FOUND;

  for (int i = 0; i < sk_X509_num(path->set->anchors) && !path_over(path, reason); i++) {
    X509 *anchor = sk_X509_value(path->set->anchors, i);

    if (!path_link(path, from, anchor, NULL)) continue;
    path->cert[path->n++] = anchor;
    reason = path_complete(path, i);
    path->n--;
  }
  return reason;
}

/* The same over the certificates that came with the leaf; `index` is the one that `from` has. */
static SealReason path_chain(SealPath *path, X509 *from, int index) {
  SealReason reason = SEAL_REASON_PATH_NOT_FOUND;

  for (int i = 1; i < sk_X509_num(path->chain) && !path_over(path, reason); i++) {
    X509 *x = sk_X509_value(path->chain, i);

    if (!path_link(path, from, x, &path->signed_by[index][i])) continue;
    reason = path_extend(path, i);
  }
  return reason;
}

/* Puts chain[index] on the path and goes on from there. As deep as a path is long. */
static SealReason path_extend(SealPath *path, int index) {
  X509 *x = sk_X509_value(path->chain, index);
  SealReason reason;

  assert(path->n < SEAL_CHAIN_COUNT);
  if (++path->steps > SEAL_STEPS_MAX) {
    return path_refuse(path, SEAL_BUDGET, SEAL_REASON_PATH_TOO_COMPLEX);
  }
  path->cert[path->n++] = x;
  reason = path_anchors(path, x);
  if (!path_over(path, reason)) reason = path_chain(path, x, index);
  path->n--;
  return reason;
}

/* A leaf that is itself an anchor: trusted as it is. */
static SealReason path_pinned(SealPath *path) {
  SealReason reason = SEAL_REASON_PATH_NOT_FOUND;

  path->cert[0] = sk_X509_value(path->chain, 0);
  path->n = 1;
  for (int i = 0; i < sk_X509_num(path->set->anchors) && !path_over(path, reason); i++) {
    if (X509_cmp(path->cert[0], sk_X509_value(path->set->anchors, i)) == 0) {
      reason = path_complete(path, i);
    }
  }
  path->n = 0;
  return reason;
}

SealReason seal_path_find(SealCrypto *c, STACK_OF(X509) * chain, const SealCertSet *set,
                          const SealX509Policy *policy) {
  SealPath path = {
      .c = c, .set = set, .policy = policy, .chain = chain, .reason = SEAL_REASON_PATH_NOT_FOUND};
  SealReason reason = path_pinned(&path);

  if (!path_over(&path, reason)) reason = path_extend(&path, 0);
  assert(path.n == 0);
  if (reason == SEAL_VALID || reason == SEAL_NOMEM || reason == SEAL_INTERNAL) return reason;
  return path.reason;
}
