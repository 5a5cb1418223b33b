/* Certificates as credentials (who.h), and the anchors that certificates and tokens
** of others lead to.
**
** A client certificate is public: it proves something only because the host that ended TLS vouches that
** the peer held its key. It is either registered itself, by thumbprint, or leads to a `ca` anchor and
** names the VAL server in its SAN.
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

/* Appends one DER value as a PEM block. */
static void append_pem(sqlite3_str *out, const char *label, const unsigned char *der, size_t n) {
  sqlite3_str_appendf(out, "-----BEGIN %s-----\n", label);
  for (size_t i = 0; i < n; i += 48) {
    char line[65];
    size_t k = n - i < 48 ? n - i : 48, used = seal_b64url_encode(der + i, k, line);
    for (size_t c = 0; c < used; c++) {
      if (line[c] == '-') line[c] = '+';
      if (line[c] == '_') line[c] = '/';
    }
    sqlite3_str_append(out, line, (int)used);
    sqlite3_str_appendchar(out, (int)((4 - used % 4) % 4), '=');
    sqlite3_str_appendchar(out, 1, '\n');
  }
  sqlite3_str_appendf(out, "-----END %s-----\n", label);
}

/* The size of the SEQUENCE in DER that n bytes begin with; 0: they don't. */
static size_t der_size(const unsigned char *p, size_t n) {
  size_t size = 0, head = n > 1 && p[0] == 0x30 && p[1] > 0x80 && p[1] <= 0x84 ? p[1] - 0x80u : 0;
  if (head == 0 || n < 2 + head) return 0;
  for (size_t i = 0; i < head; i++) size = size << 8 | p[2 + i];
  return size <= n - 2 - head ? 2 + head + size : 0;
}

/* Appends an anchor's value, so that values may follow one another whatever their form: PEM with its own
** last line, DER as PEM. */
static int append_value(sqlite3_str *out, const char *label, const unsigned char *p, size_t n) {
  if (n == 0) return SQLITE_CORRUPT_VTAB;
  if (der_size(p, n) == 0) {
    sqlite3_str_append(out, (const char *)p, (int)n);
    sqlite3_str_appendchar(out, 1, '\n');
    return SQLITE_OK;
  }
  while (n > 0) {
    size_t size = der_size(p, n);
    if (size == 0) return SQLITE_CORRUPT_VTAB;
    append_pem(out, label, p, size);
    p += size;
    n -= size;
  }
  return SQLITE_OK;
}

/* Gathers what the anchors of one type hold, as PEM. */
static int gather_anchors(Seal *p, const char *type, int64_t at, sqlite3_str *out) {
  sqlite3_stmt *row;
  const char *label = strcmp(type, "ca") == 0 ? "CERTIFICATE" : "X509 CRL";
  int rc = seal_store_row(seal_store(p), SQL_ANCHOR_VALUES, &row, "it", at, type);
  while (rc == SQLITE_ROW) {
    SealText value = seal_column_bytes(row, ANCHOR_VALUES_VALUE);
    rc = append_value(out, label, (const unsigned char *)value.p, (size_t)value.n);
    if (rc == SQLITE_OK) rc = sqlite3_step(row);
  }
  seal_store_reset(row);
  if (rc != SQLITE_DONE) return rc;
  return sqlite3_str_errcode(out);
}

static int parse_anchors(Seal *p, int64_t at, SealAnchors *out) {
  sqlite3_str *cas = sqlite3_str_new(NULL), *crls = sqlite3_str_new(NULL);
  int rc = gather_anchors(p, "ca", at, cas);
  if (rc == SQLITE_OK) rc = gather_anchors(p, "crl", at, crls);
  size_t n_cas = (size_t)sqlite3_str_length(cas), n_crls = (size_t)sqlite3_str_length(crls);
  char *ca = sqlite3_str_finish(cas), *crl = sqlite3_str_finish(crls);
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(
        seal_certset_parse(seal_crypto(p), ca, n_cas, n_crls ? crl : NULL, n_crls, &out->set));
    out->has_crls = n_crls > 0;
    if (rc == SQLITE_CONSTRAINT_VTAB) rc = SQLITE_CORRUPT_VTAB;
  }
  sqlite3_free(ca);
  sqlite3_free(crl);
  return rc;
}

/* Gives the parsed anchors, which stay the cache's; *out is NULL when there is no CA. */
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

/* A certificate that is believed without its path is not believed against a CRL: if it leads to a CA of
** ours, and that has a CRL, this must be current and must not list it. */
static int check_revoked(Seal *p, SealText pem, int64_t at, SealError *err) {
  const SealAnchors *anchors;
  SealX509 leaf;
  SealX509Policy policy = {.at = at, .purpose = SEAL_X509_CLIENT};
  int rc = load_anchors(p, at, &anchors);
  if (rc != SQLITE_OK || anchors == NULL || !anchors->has_crls) return rc;
  SealReason reason =
      seal_x509_verify(seal_crypto(p), pem.p, (size_t)pem.n, anchors->set, &policy, &leaf);
  seal_x509_clear(&leaf);
  switch (reason) {
  case SEAL_REASON_CERT_REVOKED:
  case SEAL_REASON_CRL_EXPIRED:
  case SEAL_REASON_CRL_NOT_YET_VALID:
  case SEAL_NOMEM:
  case SEAL_INTERNAL:
    return refuse_certificate(reason, err);
  default:
    return SQLITE_OK;
  }
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
      if (reason != SEAL_VALID) rc = refuse_certificate(reason, err);
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

/* Finds the one VAL server that the SAN names; none or several: *found is 0. */
static int san_val_server(Seal *p, const SealX509 *leaf, char out[SEAL_ID_MAX + 1], int *is_uri,
                          int *found) {
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
    int rc = seal_val_server_exists(p, (SealText){name, (int)strlen(name)}, &there);
    if (rc != SQLITE_OK) return rc;
    if (!there || (*found && strcmp(out, name) == 0)) continue;
    (*found)++;
    *is_uri = uri;
    memcpy(out, name, sizeof name);
  }
  *found = *found == 1;
  return SQLITE_OK;
}

/* A certificate that leads to a CA of ours and names the VAL server. */
static int by_path(Seal *p, SealText pem, int64_t at, SealRequester *out, SealError *err) {
  const SealAnchors *anchors;
  SealX509 leaf;
  char val_server_id[SEAL_ID_MAX + 1];
  int is_uri = 0, found = 0;
  int rc = load_anchors(p, at, &anchors);
  if (rc != SQLITE_OK) return rc;
  if (anchors == NULL) return refuse_certificate(SEAL_REASON_PATH_NOT_FOUND, err);
  const SealCertSet *set = anchors->set;
  SealX509Policy policy = {.at = at, .purpose = SEAL_X509_CLIENT};
  SealReason reason = seal_x509_verify(seal_crypto(p), pem.p, (size_t)pem.n, set, &policy, &leaf);
  if (reason == SEAL_VALID) rc = san_val_server(p, &leaf, val_server_id, &is_uri, &found);
  if (reason == SEAL_VALID && found) {
    /* Once more, now that it is known who is asked for: the SAN's own rules are crypto's. */
    seal_x509_clear(&leaf);
    policy.san = is_uri ? SEAL_SAN_URI : SEAL_SAN_DNS;
    policy.identity = val_server_id;
    reason = seal_x509_verify(seal_crypto(p), pem.p, (size_t)pem.n, set, &policy, &leaf);
  } else if (reason == SEAL_VALID) {
    reason = SEAL_REASON_IDENTITY_MISMATCH;
  }
  if (rc == SQLITE_OK && reason != SEAL_VALID) rc = refuse_certificate(reason, err);
  if (rc == SQLITE_OK) {
    seal_requester_ends(out, leaf.not_after + 1);
    rc = seal_requester_is(p, (SealText){val_server_id, (int)strlen(val_server_id)}, at, out, err);
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

int seal_authenticate_certificate(Seal *p, SealText pem, int64_t at, SealRequester *out,
                                  SealError *err) {
  int rc = seal_reason_rc(seal_thumbprint(seal_crypto(p), pem.p, (size_t)pem.n, out->x5t_s256));
  if (rc == SQLITE_CONSTRAINT_VTAB) return refuse_certificate(SEAL_REASON_CHAIN_MALFORMED, err);
  if (rc == SQLITE_OK) rc = by_thumbprint(p, pem, out->x5t_s256, at, out, err);
  return rc == SQLITE_DONE ? by_path(p, pem, at, out, err) : rc;
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
  SealCertSet *cas = NULL;
  char *issuer = NULL, *text = NULL;
  int64_t next_update;
  sqlite3_str *all = sqlite3_str_new(NULL);
  int rc = gather_anchors(p, "ca", at, all);
  size_t n_cas = (size_t)sqlite3_str_length(all);
  char *ca = sqlite3_str_finish(all);
  if (rc == SQLITE_OK && n_cas == 0) rc = refuse_anchor(SEAL_REASON_CRL_ISSUER_UNKNOWN, err);
  if (rc == SQLITE_OK) {
    rc = refuse_anchor(seal_certset_parse(seal_crypto(p), ca, n_cas, NULL, 0, &cas), err);
  }
  if (rc == SQLITE_OK) {
    rc = refuse_anchor(
        seal_crl_check(seal_crypto(p), value, (size_t)n, cas, &issuer, &text, &next_update), err);
  }
  if (rc == SQLITE_OK) rc = check_number(p, issuer, text, err);
  if (rc == SQLITE_OK) {
    sqlite3_snprintf(64, number, "%s", text);
    *subject = sqlite3_mprintf("%s", issuer);
    if (*subject == NULL) rc = SQLITE_NOMEM;
  }
  free(issuer);
  free(text);
  seal_certset_free(cas);
  sqlite3_free(ca);
  return rc;
}

int seal_anchor_check(Seal *p, SealText type, const void *value, int n, int64_t at, char **subject,
                      char number[64], SealError *err) {
  *subject = NULL;
  number[0] = 0;
  if (type.n == 3) return check_crl(p, value, n, at, subject, number, err);
  if (type.n == 2) {
    SealCertSet *set = NULL;
    SealReason reason =
        n > 0 ? seal_certset_parse(seal_crypto(p), value, (size_t)n, NULL, 0, &set)
              : SEAL_REASON_ANCHORS_MALFORMED; /* an empty set is one, and no anchor */
    seal_certset_free(set);
    return refuse_anchor(reason, err);
  }
  SealKeySet *keys = NULL;
  SealReason reason =
      seal_keyset_parse(seal_crypto(p), value, (size_t)n, SEAL_KEYSET_PUBLIC, &keys);
  seal_keyset_free(keys);
  return refuse_anchor(reason, err);
}
