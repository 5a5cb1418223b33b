/* Claims against a policy: RFC 7519 4.1, RFC 9068 4, RFC 8705 3.1, RFC 8725 3.8 to 3.12.
**
**    SealJwtPolicy policy = {.iss = "https://as.example", .aud = {"urn:seal:registrar"}, .at = now};
**    SealJwt jwt;
**    if (seal_jwt_verify(c, token, n, set, &policy, &jwt) == SEAL_VALID) puts(jwt.client_id);
**    seal_jwt_clear(&jwt);
*/
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/jose/jose_int.h"

#define SEAL_JTI_MAX     256          /* bytes */
#define SEAL_NUMERIC_MAX 253402300799 /* the end of the year 9999 */
#define SEAL_LEEWAY_MAX  30           /* TS 33.122 C.2.2 */

static char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

/* 1 if the first n letters of two texts are the same but for the case of ASCII letters. */
static int same_letters(const char *a, const char *b, size_t n) {
  size_t i = 0;

  while (i < n && a[i] && lower(a[i]) == lower(b[i])) i++;
  return i == n || a[i] == b[i];
}

/* A media type without "application/", which may be left out (RFC 7515 4.1.9). */
static const char *media_type(const char *typ) {
  static const char prefix[] = "application/";
  size_t n = sizeof prefix - 1;

  return same_letters(typ, prefix, n) && !strchr(typ + n, '/') ? typ + n : typ;
}

static int same_type(const char *a, const char *b) {
  return same_letters(media_type(a), media_type(b), SIZE_MAX);
}

/* typ (RFC 8725 3.11): the one that is asked for; or, where any will do, none that says that the
** token was made for something else (dpop+jwt, logout+jwt, secevent+jwt, ...). */
static SealReason jwt_judge_type(const json_t *header, const SealJwtPolicy *policy) {
  static const char suffix[] = "+jwt";
  const char *typ = seal_json_text(header, "typ");
  const char *cty = seal_json_text(header, "cty");
  size_t n = typ ? strlen(typ) : 0, n_suffix = sizeof suffix - 1;

  if (cty && same_type(cty, "JWT")) return SEAL_REASON_NESTED_TOKEN;
  if (!policy->any_typ) {
    const char *expected = policy->typ ? policy->typ : "at+jwt";

    return typ && same_type(typ, expected) ? SEAL_VALID : SEAL_REASON_TYP_MISMATCH;
  }
  if (n < n_suffix || !same_letters(typ + n - n_suffix, suffix, n_suffix)) return SEAL_VALID;
  if (same_type(typ, "at+jwt") || same_type(typ, "client-authentication+jwt")) {
    return SEAL_VALID;
  }
  return SEAL_REASON_TYP_MISMATCH;
}

/* Reads a NumericDate (RFC 7519 2) as whole seconds, as a clock of whole seconds can tell it: exp (`end`)
** has a fraction's second still before it, so it rounds up; nbf and iat round down, as the clock does.
** INT64_MIN where it is absent; 0 is returned where it is anything else. */
static int jwt_time(const json_t *claims, const char *name, int end, int64_t *out) {
  const json_t *claim = json_object_get(claims, name);

  *out = INT64_MIN;
  if (!claim) return 1;
  if (json_is_integer(claim)) {
    *out = json_integer_value(claim);
  } else if (json_is_real(claim)) {
    double value = json_real_value(claim);

    if (!(value >= 0 && value <= SEAL_NUMERIC_MAX)) return 0;
    *out = (int64_t)value;
    if (end && (double)*out < value) ++*out;
  } else {
    return 0;
  }
  return *out >= 0 && *out <= SEAL_NUMERIC_MAX;
}

/* Reads a claim that is a text, and not an empty one. */
static int jwt_text(const json_t *claims, const char *name, int may_be_empty, const char **out) {
  *out = seal_json_text(claims, name);
  if (!*out) return json_object_get(claims, name) == NULL;
  return may_be_empty || **out != 0;
}

/* Reads cnf (RFC 7800 3, RFC 8705 3.1): x5t#S256 alone, in its canonical form. */
static SealReason jwt_cnf(const json_t *claims, const char **out) {
  const json_t *cnf = json_object_get(claims, "cnf");
  const char *text = seal_json_text(cnf, "x5t#S256");
  unsigned char hash[SEAL_SHA256_SIZE + 1];

  *out = NULL;
  if (!cnf) return SEAL_VALID;
  if (json_object_size(cnf) != 1 || !text || strlen(text) != 43 ||
      seal_b64url_decode(text, 43, hash) != SEAL_SHA256_SIZE) {
    return SEAL_REASON_CNF_NOT_SUPPORTED;
  }
  *out = text;
  return SEAL_VALID;
}

/* Parses the payload, and reads the claims that we know, whatever the policy. */
static SealReason jwt_read(SealJwt *jwt) {
  const SealJws *jws = &jwt->jws;
  SealReason reason;

  if (!jwt->claims) {
    reason = seal_json_parse((const char *)jws->payload, jws->payload_size, SEAL_JSON_DEPTH,
                             &jwt->claims);
    if (reason != SEAL_VALID) return reason == SEAL_NOMEM ? reason : SEAL_REASON_CLAIMS_INVALID;
  }
  if (!json_is_object(jwt->claims)) return SEAL_REASON_CLAIMS_INVALID;
  if (!jwt_text(jwt->claims, "iss", 0, &jwt->iss) || !jwt_text(jwt->claims, "sub", 0, &jwt->sub) ||
      !jwt_text(jwt->claims, "jti", 0, &jwt->jti) ||
      !jwt_text(jwt->claims, "client_id", 0, &jwt->client_id) ||
      !jwt_text(jwt->claims, "scope", 1, &jwt->scope) ||
      !jwt_time(jwt->claims, "exp", 1, &jwt->exp) || !jwt_time(jwt->claims, "iat", 0, &jwt->iat) ||
      !jwt_time(jwt->claims, "nbf", 0, &jwt->nbf)) {
    return SEAL_REASON_CLAIMS_INVALID;
  }
  if (jwt->jti && strlen(jwt->jti) > SEAL_JTI_MAX) return SEAL_REASON_CLAIMS_INVALID;
  return jwt_cnf(jwt->claims, &jwt->x5t_s256);
}

/* 1 if a member of aud is one of those that are expected. */
static int is_expected(const char *member, const char *const expected[2]) {
  for (int i = 0; i < 2 && expected[i]; i++) {
    if (strcmp(member, expected[i]) == 0) return 1;
  }
  return 0;
}

/* aud (RFC 7519 4.1.3): a text, or an array of texts and nothing else, one of which is exact. */
static SealReason jwt_judge_audience(const json_t *claims, const char *const expected[2]) {
  const json_t *aud = json_object_get(claims, "aud");
  int found = 0;

  if (!aud) return expected[0] ? SEAL_REASON_AUD_MISMATCH : SEAL_VALID;
  if (json_is_string(aud)) {
    found = is_expected(json_string_value(aud), expected);
  } else if (json_is_array(aud)) {
    for (size_t i = 0; i < json_array_size(aud); i++) {
      const char *member = json_string_value(json_array_get(aud, i));

      if (!member) return SEAL_REASON_CLAIMS_INVALID;
      found = found || is_expected(member, expected);
    }
  } else {
    return SEAL_REASON_CLAIMS_INVALID;
  }
  return found || !expected[0] ? SEAL_VALID : SEAL_REASON_AUD_MISMATCH;
}

/* exp, nbf, iat (RFC 7519 4.1.4 to 4.1.6). The leeway is for all that is compared with the clock: who is
** ahead of us by it may make a token that lasts as long as one may. No sum overflows: the claims are below
** 2^38, and max_lifetime is positive. */
static SealReason jwt_judge_times(const SealJwt *jwt, const SealJwtPolicy *policy) {
  int64_t at = policy->at, leeway = policy->leeway;

  if (jwt->exp == INT64_MIN) return SEAL_REASON_EXP_MISSING;
  if (jwt->exp <= jwt->iat || jwt->exp <= jwt->nbf) return SEAL_REASON_CLAIMS_INVALID;
  if (at >= jwt->exp + leeway) return SEAL_REASON_EXPIRED;
  if (jwt->nbf != INT64_MIN && jwt->nbf - leeway > at) return SEAL_REASON_NOT_YET_VALID;
  if (jwt->iat != INT64_MIN && jwt->iat - leeway > at) return SEAL_REASON_ISSUED_IN_FUTURE;
  if (policy->max_lifetime > 0 && jwt->exp - policy->max_lifetime - leeway > at) {
    return SEAL_REASON_LIFETIME_EXCEEDED;
  }
  return SEAL_VALID;
}

/* Whether the token is bound to the certificate that was presented (RFC 8705 3). */
static SealReason jwt_judge_binding(const SealJwt *jwt, const SealJwtPolicy *policy) {
  const char *presented = policy->x5t_s256;

  if (!presented) return SEAL_VALID;
  if (!jwt->x5t_s256) {
    return presented[0] && !policy->unbound_too ? SEAL_REASON_CNF_MISSING : SEAL_VALID;
  }
  return seal_same(presented, strlen(presented), jwt->x5t_s256, strlen(jwt->x5t_s256))
             ? SEAL_VALID
             : SEAL_REASON_CNF_MISMATCH;
}

SealReason seal_jwt_check(SealJwt *jwt, const SealJwtPolicy *policy) {
  SealReason reason;

  assert(jwt->jws.header && jwt->jws.payload); /* verified before */
  assert(policy->leeway >= 0 && policy->leeway <= SEAL_LEEWAY_MAX);
  if (!seal_alg_allowed(jwt->jws.alg, jwt->jws.key_alg, policy->algs)) {
    return SEAL_REASON_ALG_NOT_ALLOWED;
  }
  reason = jwt_judge_type(jwt->jws.header, policy);
  if (reason == SEAL_VALID) reason = jwt_read(jwt);
  if (reason != SEAL_VALID) return reason;
  if (policy->iss && (!jwt->iss || strcmp(jwt->iss, policy->iss) != 0)) {
    return SEAL_REASON_ISS_MISMATCH;
  }
  reason = jwt_judge_audience(jwt->claims, policy->aud);
  if (reason == SEAL_VALID) reason = jwt_judge_times(jwt, policy);
  if (reason == SEAL_VALID) reason = jwt_judge_binding(jwt, policy);
  return reason;
}

SealReason seal_jwt_verify(SealCrypto *c, const char *token, size_t n, const SealKeySet *set,
                           const SealJwtPolicy *policy, SealJwt *out) {
  SealReason reason;

  memset(out, 0, sizeof *out);
  out->exp = out->iat = out->nbf = INT64_MIN;
  reason = seal_jws_verify(c, token, n, set, policy->algs, &out->jws);
  if (reason == SEAL_VALID && set->key[out->jws.key].zero) reason = SEAL_REASON_KEY_WEAK;
  return reason == SEAL_VALID ? seal_jwt_check(out, policy) : reason;
}

void seal_jwt_clear(SealJwt *jwt) {
  json_decref(jwt->claims);
  seal_jws_clear(&jwt->jws);
  memset(jwt, 0, sizeof *jwt);
}

/* Parses one part of a token as a JSON object. */
static SealReason jwt_peek_part(const char *text, size_t n, json_t **out) {
  unsigned char *data = malloc(n + 1); /* base64url gives fewer bytes than it has letters */
  ptrdiff_t size;
  SealReason reason = SEAL_REASON_BASE64_INVALID;

  *out = NULL;
  if (!data) return SEAL_NOMEM;
  size = seal_b64url_decode(text, n, data);
  if (size >= 0) reason = seal_json_parse((char *)data, (size_t)size, SEAL_JSON_DEPTH, out);
  if (reason == SEAL_VALID && !json_is_object(*out)) reason = SEAL_REASON_JSON_INVALID;
  free(data);
  return reason;
}

SealReason seal_jwt_peek(const char *token, size_t n, SealPeek *out) {
  const char *first, *second;
  SealReason reason;

  memset(out, 0, sizeof *out);
  if (n > SEAL_TOKEN_MAX) return SEAL_REASON_TOKEN_TOO_LARGE;
  first = n ? memchr(token, '.', n) : NULL;
  second = first ? memchr(first + 1, '.', (size_t)(token + n - first - 1)) : NULL;
  if (!second || (size_t)(first - token) > (SEAL_HEADER_MAX * 4 + 2) / 3) {
    return SEAL_REASON_TOKEN_MALFORMED;
  }
  reason = jwt_peek_part(token, (size_t)(first - token), &out->header);
  if (reason == SEAL_VALID) {
    reason = jwt_peek_part(first + 1, (size_t)(second - first - 1), &out->claims);
  }
  return reason;
}

void seal_peek_clear(SealPeek *peek) {
  json_decref(peek->header);
  json_decref(peek->claims);
  memset(peek, 0, sizeof *peek);
}
