/* Certificates as credentials (who.h), and the anchors that certificates and tokens
** of others lead to.
**
** A client certificate is public: it proves something only because the host that ended TLS vouches that
** the peer held its key. It is either registered itself, by thumbprint, or leads to a `ca` anchor and
** names the VAL server, or the SEAL server, in its SAN. Anchors of type `intermediate` help it there, as if they had come
** with it, and are no more trusted than those.
*/
#include "registrar/who/who_int.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void seal_anchors_clear(SealAnchors *anchors) {
  seal_certset_free(anchors->set);
  sqlite3_free(anchors->ids);
  memset(anchors, 0, sizeof *anchors);
}

/* Bytes that are gathered: what sqlite3_str_finish() gave, sqlite3_free. */
typedef struct Gathered {
  char *p;
  size_t n;
} Gathered;

/* Appends the certificates or CRLs of one stored value as DER, so that values may follow one another whatever
** their form. */
static int append_value(sqlite3_str *out, const char *label, const void *value, size_t n) {
  SealBlocks blocks;
  if (n == 0) return SQLITE_CORRUPT_VTAB;
  seal_blocks_begin(&blocks, label, value, n, SEAL_REASON_ANCHORS_MALFORMED);
  while (seal_blocks_next(&blocks)) {
    sqlite3_str_append(out, (const char *)blocks.der, (int)blocks.n);
  }
  int rc = seal_reason_rc(blocks.reason);
  seal_blocks_end(&blocks);
  return rc == SQLITE_CONSTRAINT_VTAB ? SQLITE_CORRUPT_VTAB : rc;
}

/* Gathers what the anchors of one type hold: *out is the caller's in any case. */
static int gather_anchors(Seal *p, const char *type, int64_t at, Gathered *out) {
  sqlite3_stmt *row;
  sqlite3_str *all = sqlite3_str_new(NULL);
  const char *label = strcmp(type, "crl") == 0 ? "X509 CRL" : "CERTIFICATE";
  int rc = seal_store_row(seal_store(p), SQL_ANCHOR_VALUES, &row, "it", at, type);
  while (rc == SQLITE_ROW) {
    SealText value = seal_column_bytes(row, ANCHOR_VALUES_VALUE);
    rc = append_value(all, label, value.p, (size_t)value.n);
    if (rc == SQLITE_OK) rc = sqlite3_step(row);
  }
  seal_store_reset(row);
  if (rc == SQLITE_DONE) rc = sqlite3_str_errcode(all);
  out->n = (size_t)sqlite3_str_length(all);
  out->p = sqlite3_str_finish(all);
  return rc;
}

static int parse_anchors(Seal *p, int64_t at, SealAnchors *out) {
  Gathered cas = {NULL, 0}, between = {NULL, 0}, crls = {NULL, 0};
  int rc = gather_anchors(p, "ca", at, &cas);
  if (rc == SQLITE_OK) rc = gather_anchors(p, "intermediate", at, &between);
  if (rc == SQLITE_OK) rc = gather_anchors(p, "crl", at, &crls);
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(seal_certset_parse(seal_crypto(p), cas.p, cas.n, crls.n ? crls.p : NULL,
                                           crls.n, &out->set));
    out->has_crls = crls.n > 0;
  }
  if (rc == SQLITE_OK && between.n > 0) {
    rc = seal_reason_rc(seal_certset_intermediates(seal_crypto(p), out->set, between.p, between.n));
  }
  if (rc == SQLITE_CONSTRAINT_VTAB) rc = SQLITE_CORRUPT_VTAB;
  sqlite3_free(cas.p);
  sqlite3_free(between.p);
  sqlite3_free(crls.p);
  return rc;
}

/* Gives the parsed anchors, which stay the cache's; *out is NULL when there are none. */
static int load_anchors(Seal *p, int64_t at, const SealAnchors **out) {
  sqlite3_stmt *row;
  SealAnchors *kept = seal_anchors_kept(p), parsed = {NULL, NULL, 0};
  *out = NULL;
  if (kept == NULL) return SQLITE_NOMEM;
  int rc = seal_store_row(seal_store(p), SQL_ANCHOR_IDS, &row, "i", at);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_OK : rc;
  const char *ids = (const char *)sqlite3_column_text(row, ANCHOR_IDS_IDS);
  int same = ids != NULL && kept->ids != NULL && strcmp(ids, kept->ids) == 0, none = ids == NULL;
  if (!same && !none) parsed.ids = sqlite3_mprintf("%s", ids);
  seal_store_reset(row);
  if (none) return SQLITE_OK;
  if (!same) {
    rc = parsed.ids ? parse_anchors(p, at, &parsed) : SQLITE_NOMEM;
    if (rc != SQLITE_OK) {
      seal_anchors_clear(&parsed);
      return rc;
    }
    seal_anchors_clear(kept);
    *kept = parsed;
  }
  *out = kept;
  return SQLITE_OK;
}

/* SQLITE_OK for a certificate that is valid. */
static int refuse_certificate(SealReason reason, SealError *err) {
  int rc = seal_reason_rc(reason);
  if (rc != SQLITE_CONSTRAINT_VTAB) return rc;
  if (reason == SEAL_REASON_CERT_EXPIRED) {
    return seal_refuse(err, SEAL_CREDENTIAL_EXPIRED, "the certificate has expired");
  }
  if (reason == SEAL_REASON_CERT_REVOKED) {
    return seal_refuse(err, SEAL_CREDENTIAL_REVOKED, "the certificate is revoked");
  }
  return seal_refuse(err, SEAL_CREDENTIAL_INVALID, "the certificate proves no VAL server");
}

/* A certificate that is believed without its path is not believed against a CRL: if one is about it, it has
** to lead to a CA of ours, and nothing may be wrong on the way. */
static int check_revoked(Seal *p, SealText pem, int64_t at, SealError *err) {
  const SealAnchors *anchors;
  SealX509Policy policy = {.at = at, .purpose = SEAL_X509_CLIENT};
  int rc = load_anchors(p, at, &anchors);
  if (rc != SQLITE_OK || anchors == NULL || !anchors->has_crls) return rc;
  SealReason reason =
      seal_x509_unrevoked(seal_crypto(p), pem.p, (size_t)pem.n, anchors->set, &policy);
  return refuse_certificate(reason, err);
}

/* The VAL server whose registered certificate this is: SQLITE_DONE when it is not registered. */
static int by_thumbprint(Seal *p, SealText pem, const char *thumbprint, int64_t at,
                         SealRequester *out, SealError *err) {
  sqlite3_stmt *row;
  SealX509 leaf;
  SealX509Policy policy = {.at = at, .purpose = SEAL_X509_CLIENT};
  int rc = seal_store_row(seal_store(p), SQL_AUTHENTICATE_CERTIFICATE, &row, "t", thumbprint);
  if (rc == SQLITE_ROW) {
    SealText val_server_id = seal_column_text(row, AUTHENTICATE_CERTIFICATE_VAL_SERVER_ID);
    rc = seal_requester_is(p, val_server_id, at, out, err);
    if (rc == SQLITE_OK) rc = seal_credential_valid(row, at, out, err);
    if (rc == SQLITE_OK) {
      SealReason reason = seal_x509_leaf(seal_crypto(p), pem.p, (size_t)pem.n, &policy, &leaf);
      rc = refuse_certificate(reason, err);
      if (reason == SEAL_VALID) seal_requester_ends(out, leaf.not_after + 1);
      seal_x509_clear(&leaf);
    }
  }
  seal_store_reset(row);
  return rc == SQLITE_OK ? check_revoked(p, pem, at, err) : rc;
}

/* 1 if a SAN can name a VAL server: a DNS name or a URI. */
static const char *san_name(const json_t *san, int *is_uri) {
  const char *uri = json_string_value(json_object_get(san, "uri"));
  *is_uri = uri != NULL;
  return uri ? uri : json_string_value(json_object_get(san, "dns"));
}

/* Whether there is a VAL server, or a SEAL server, of an id. */
static int is_there(Seal *p, SealText id, int server, int *there) {
  sqlite3_stmt *row;
  enum SealSql sql = server ? SQL_AUTHENTICATE_SEAL_SERVER : SQL_AUTHENTICATE_VAL_SERVER;
  int rc = seal_store_row(seal_store(p), sql, &row, "s", &id);
  *there = rc == SQLITE_ROW;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Finds the one VAL server, or SEAL server, that the SAN names; none: *found is 0. */
static int san_server(Seal *p, const SealX509 *leaf, int server, char out[SEAL_ID_MAX + 1],
                      int *is_uri, int *found) {
  size_t i;
  json_t *san;
  *found = 0;
  json_array_foreach(leaf->san, i, san) {
    int uri, there;
    char name[SEAL_ID_MAX + 1];
    const char *text = san_name(san, &uri);
    if (text == NULL || strlen(text) > SEAL_ID_MAX) continue;
    sqlite3_snprintf(sizeof name, name, "%s", text);
    for (char *c = name; !uri && *c; c++) *c = (char)tolower((unsigned char)*c);
    int rc = is_there(p, seal_text_from(name), server, &there);
    if (rc != SQLITE_OK) return rc;
    if (!there || (*found && strcmp(out, name) == 0)) continue;
    (*found)++;
    *is_uri = uri;
    memcpy(out, name, sizeof name);
  }
  return SQLITE_OK;
}

/* The one whom the SAN names: a VAL server or a SEAL server, and where both are named the one who is asked for. */
static int san_name_one(Seal *p, const SealX509 *leaf, SealWhom whom, int *server,
                        char out[SEAL_ID_MAX + 1], int *is_uri, int *found) {
  *server = whom == SEAL_WHO_SEAL;
  int rc = san_server(p, leaf, *server, out, is_uri, found);
  if (rc == SQLITE_OK && *found == 0) {
    *server = !*server;
    rc = san_server(p, leaf, *server, out, is_uri, found);
  }
  *found = *found == 1;
  return rc;
}

/* A certificate that leads to a CA of ours and names the VAL server or the SEAL server. */
static int by_path(Seal *p, SealText pem, int64_t at, SealWhom whom, SealRequester *out,
                   SealError *err) {
  const SealAnchors *anchors;
  SealX509 leaf;
  char id[SEAL_ID_MAX + 1];
  int is_uri = 0, found = 0, server = 0;
  int rc = load_anchors(p, at, &anchors);
  if (rc != SQLITE_OK) return rc;
  if (anchors == NULL) return refuse_certificate(SEAL_REASON_PATH_NOT_FOUND, err);
  const SealCertSet *set = anchors->set;
  SealX509Policy policy = {.at = at, .purpose = SEAL_X509_CLIENT};
  SealReason reason = seal_x509_verify(seal_crypto(p), pem.p, (size_t)pem.n, set, &policy, &leaf);
  if (reason == SEAL_VALID) rc = san_name_one(p, &leaf, whom, &server, id, &is_uri, &found);
  if (reason == SEAL_VALID && found) {
    /* Once more, now that it is known who is asked for: the SAN's own rules are crypto's. */
    seal_x509_clear(&leaf);
    policy.san = is_uri ? SEAL_SAN_URI : SEAL_SAN_DNS;
    policy.identity = id;
    reason = seal_x509_verify(seal_crypto(p), pem.p, (size_t)pem.n, set, &policy, &leaf);
  } else if (reason == SEAL_VALID) {
    reason = SEAL_REASON_IDENTITY_MISMATCH;
  }
  if (rc == SQLITE_OK) rc = refuse_certificate(reason, err);
  if (rc == SQLITE_OK) {
    seal_requester_ends(out, leaf.not_after + 1);
    rc = server ? seal_server_is(p, seal_text_from(id), out, err)
                : seal_requester_is(p, seal_text_from(id), at, out, err);
  }
  seal_x509_clear(&leaf);
  return rc;
}

int seal_certificate_thumbprint(Seal *p, SealText pem, int64_t at, char out[44], SealError *err) {
  SealX509 leaf;
  SealX509Policy policy = {.at = at, .purpose = SEAL_X509_CLIENT};
  SealReason reason = seal_x509_leaf(seal_crypto(p), pem.p, (size_t)pem.n, &policy, &leaf);
  SealRequester nobody = {.until = SEAL_UNBOUNDED};
  sqlite3_stmt *row;
  memcpy(out, leaf.thumbprint, 44);
  seal_x509_clear(&leaf);
  if (reason != SEAL_VALID) return refuse_certificate(reason, err);
  int rc = seal_store_row(seal_store(p), SQL_AUTHENTICATE_CERTIFICATE, &row, "t", out);
  if (rc == SQLITE_ROW) rc = seal_credential_valid(row, at, &nobody, err);
  seal_store_reset(row);
  return rc == SQLITE_OK || rc == SQLITE_DONE ? check_revoked(p, pem, at, err) : rc;
}

int seal_authenticate_certificate(Seal *p, SealText pem, int64_t at, SealWhom whom,
                                  SealRequester *out, SealError *err) {
  int rc = seal_reason_rc(seal_thumbprint(seal_crypto(p), pem.p, (size_t)pem.n, out->x5t_s256));
  if (rc == SQLITE_CONSTRAINT_VTAB) return refuse_certificate(SEAL_REASON_CHAIN_MALFORMED, err);
  if (rc == SQLITE_OK) rc = by_thumbprint(p, pem, out->x5t_s256, at, out, err);
  return rc == SQLITE_DONE ? by_path(p, pem, at, whom, out, err) : rc;
}

/************************************************************************************************
** Anchors, before they are stored.
*/
static int refuse_anchor(SealReason reason, SealError *err) {
  int rc = seal_reason_rc(reason);
  if (rc != SQLITE_CONSTRAINT_VTAB) return rc;
  return seal_refuse(err, SEAL_MANDATORY_IE_INCORRECT, "seal_anchor.value: %s",
                     seal_reason_text(reason));
}

/* 1 if a decimal number is above another. */
static int above(const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b);
  return n != m ? n > m : strcmp(a, b) > 0;
}

/* The number of the CRL that is stored for an issuer must be below the new one. */
static int check_number(Seal *p, const char *issuer, const char *number, SealError *err) {
  sqlite3_stmt *row;
  int stale = 0;
  int rc = seal_store_row(seal_store(p), SQL_ANCHOR_NUMBERS, &row, "t", issuer);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(row)) {
    const char *old = (const char *)sqlite3_column_text(row, ANCHOR_NUMBERS_CRL_NUMBER);
    stale |= old != NULL && !above(number, old);
  }
  seal_store_reset(row);
  if (rc != SQLITE_DONE) return rc;
  if (!stale) return SQLITE_OK;
  return seal_refuse(err, SEAL_MANDATORY_IE_INCORRECT,
                     "seal_anchor.value: the CRL's number is not above that of an earlier one");
}

static int check_crl(Seal *p, const void *value, int n, int64_t at, char **subject, char number[64],
                     SealError *err) {
  SealCertSet *set = NULL;
  char *issuer = NULL, *text = NULL;
  int64_t next_update;
  Gathered cas = {NULL, 0};
  int rc = n > SEAL_CRL_MAX ? refuse_anchor(SEAL_REASON_CRL_TOO_LARGE, err)
                            : gather_anchors(p, "any", at, &cas);
  if (rc == SQLITE_OK && cas.n == 0) rc = refuse_anchor(SEAL_REASON_CRL_ISSUER_UNKNOWN, err);
  if (rc == SQLITE_OK) {
    rc = refuse_anchor(seal_certset_parse(seal_crypto(p), cas.p, cas.n, NULL, 0, &set), err);
  }
  if (rc == SQLITE_OK) {
    rc = refuse_anchor(
        seal_crl_check(seal_crypto(p), value, (size_t)n, set, &issuer, &text, &next_update), err);
  }
  if (rc == SQLITE_OK) rc = check_number(p, issuer, text, err);
  if (rc == SQLITE_OK) {
    sqlite3_snprintf(64, number, "%s", text);
    *subject = sqlite3_mprintf("%s", issuer);
    if (*subject == NULL) rc = SQLITE_NOMEM;
  }
  free(issuer);
  free(text);
  seal_certset_free(set);
  sqlite3_free(cas.p);
  return rc;
}

int seal_anchor_check(Seal *p, SealText type, const void *value, int n, int64_t at, char **subject,
                      char number[64], SealError *err) {
  *subject = NULL;
  number[0] = 0;
  if (seal_text_is(type, "crl")) return check_crl(p, value, n, at, subject, number, err);
  if (seal_text_is(type, "ca") || seal_text_is(type, "intermediate")) {
    SealCertSet *set = NULL;
    SealReason reason = SEAL_REASON_ANCHORS_MALFORMED; /* an empty set is one, and no anchor */
    if (n > SEAL_ANCHORS_MAX) {
      reason = SEAL_REASON_ANCHORS_TOO_LARGE;
    } else if (n > 0) {
      reason = seal_certset_parse(seal_crypto(p), value, (size_t)n, NULL, 0, &set);
    }
    seal_certset_free(set);
    return refuse_anchor(reason, err);
  }
  SealKeySet *keys = NULL;
  SealReason reason =
      seal_keyset_parse(seal_crypto(p), value, (size_t)n, SEAL_KEYSET_PUBLIC, &keys);
  seal_keyset_free(keys);
  return refuse_anchor(reason, err);
}
