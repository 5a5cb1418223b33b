/* Signs many JWTs with one key, for tests that need thousands of them. Test only.
**
**    jwt [-a ALG] [-H HEADER] KEY < claims > tokens
**    echo '{"iss":"v2x"}' | jwt -H '{"alg":"ES256","kid":"k1"}' acme.pem
**
** KEY is a private key in PEM or, with -a HS256, HS384 or HS512, a file of secret bytes. Each line
** of the input is a payload, taken as it is; each line of the output is the compact JWS over it
** (RFC 7515 7.1), written at once, so that a caller may ask line by line. ALG follows from the key
** (an RSA key: RS256); HEADER is {"alg":ALG} unless given, and is not compared with ALG: tests want
** wrong tokens too. Exit 1 with a message if anything fails.
*/
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SIGNATURE 2048 /* bytes: RSA of 16384 bits */

/* What signs: a private key, or for HS* the secret. */
typedef struct Signer {
  char alg[8];          /* JWS name, RFC 7518 3.1 */
  EVP_PKEY *key;        /* NULL for HS* */
  const EVP_MD *digest; /* NULL for EdDSA */
  unsigned char secret[512];
  size_t secret_size;
} Signer;

static void fail(const char *what) {
  fprintf(stderr, "jwt: %s\n", what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

static void *need(void *p) {
  if (p == NULL) fail("out of memory, or OpenSSL failed");
  return p;
}

/* base64url without padding; returns the end of what was written. */
static char *base64url(char *out, const unsigned char *in, size_t n) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  size_t i;
  for (i = 0; i + 2 < n; i += 3) {
    *out++ = digits[in[i] >> 2];
    *out++ = digits[(in[i] & 3) << 4 | in[i + 1] >> 4];
    *out++ = digits[(in[i + 1] & 15) << 2 | in[i + 2] >> 6];
    *out++ = digits[in[i + 2] & 63];
  }
  if (i < n) {
    unsigned char next = i + 1 < n ? in[i + 1] : 0;
    *out++ = digits[in[i] >> 2];
    *out++ = digits[(in[i] & 3) << 4 | next >> 4];
    if (i + 1 < n) *out++ = digits[(next & 15) << 2];
  }
  *out = 0;
  return out;
}

/* The algorithm that belongs to a key, when the caller names none. */
static const char *default_alg(EVP_PKEY *key) {
  switch (EVP_PKEY_get_base_id(key)) {
  case EVP_PKEY_RSA:
    return "RS256";
  case EVP_PKEY_ED25519:
  case EVP_PKEY_ED448:
    return "EdDSA";
  case EVP_PKEY_EC:
    switch (EVP_PKEY_get_bits(key)) {
    case 256:
      return "ES256";
    case 384:
      return "ES384";
    case 521:
      return "ES512";
    }
  }
  fail("no algorithm for this key");
  return NULL;
}

static const EVP_MD *digest_of(const char *alg) {
  if (strcmp(alg, "EdDSA") == 0) return NULL;
  if (strlen(alg) != 5) fail("unknown algorithm");
  if (strcmp(alg + 2, "256") == 0) return EVP_sha256();
  if (strcmp(alg + 2, "384") == 0) return EVP_sha384();
  if (strcmp(alg + 2, "512") == 0) return EVP_sha512();
  fail("unknown algorithm");
  return NULL;
}

static void open_signer(Signer *s, const char *alg, const char *path) {
  FILE *f = fopen(path, "rb");
  if (f == NULL) fail("cannot open the key");
  if (alg != NULL && strncmp(alg, "HS", 2) == 0) {
    s->secret_size = fread(s->secret, 1, sizeof s->secret, f);
  } else {
    s->key = need(PEM_read_PrivateKey(f, NULL, NULL, NULL));
    if (alg == NULL) alg = default_alg(s->key);
  }
  fclose(f);
  snprintf(s->alg, sizeof s->alg, "%s", alg);
  s->digest = digest_of(s->alg);
}

/* ECDSA: OpenSSL's DER becomes R||S, each as wide as the curve's field (RFC 7518 3.4). */
static size_t raw_ecdsa(EVP_PKEY *key, unsigned char *sig, size_t n) {
  const unsigned char *p = sig;
  int width = (EVP_PKEY_get_bits(key) + 7) / 8;
  ECDSA_SIG *parsed = need(d2i_ECDSA_SIG(NULL, &p, (long)n));
  if (BN_bn2binpad(ECDSA_SIG_get0_r(parsed), sig, width) != width ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parsed), sig + width, width) != width) {
    fail("signature does not fit");
  }
  ECDSA_SIG_free(parsed);
  return 2 * (size_t)width;
}

/* Signs n bytes into sig (MAX_SIGNATURE bytes); returns the signature's length. */
static size_t sign(const Signer *s, const char *text, size_t n, unsigned char *sig) {
  size_t size = MAX_SIGNATURE;
  EVP_PKEY_CTX *options = NULL;
  EVP_MD_CTX *ctx;
  if (s->key == NULL) {
    unsigned int mac_size = 0;
    need(HMAC(s->digest, s->secret, (int)s->secret_size, (const unsigned char *)text, n, sig,
              &mac_size));
    return mac_size;
  }
  ctx = need(EVP_MD_CTX_new());
  if (EVP_DigestSignInit(ctx, &options, s->digest, NULL, s->key) != 1) fail("sign");
  if (s->alg[0] == 'P' &&
      (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    fail("PSS");
  }
  if (EVP_DigestSign(ctx, sig, &size, (const unsigned char *)text, n) != 1) fail("sign");
  EVP_MD_CTX_free(ctx);
  if (EVP_PKEY_get_base_id(s->key) == EVP_PKEY_EC) size = raw_ecdsa(s->key, sig, size);
  return size;
}

/* Writes one token. */
static void put_token(const Signer *s, const char *header, const char *payload, size_t n) {
  size_t header_size = strlen(header);
  char *token = need(malloc((header_size + n + MAX_SIGNATURE) * 4 / 3 + 16));
  unsigned char sig[MAX_SIGNATURE];
  char *end = base64url(token, (const unsigned char *)header, header_size);
  *end++ = '.';
  end = base64url(end, (const unsigned char *)payload, n);
  n = sign(s, token, (size_t)(end - token), sig);
  *end++ = '.';
  base64url(end, sig, n);
  puts(token);
  free(token);
}

int main(int argc, char **argv) {
  const char *alg = NULL, *header = NULL;
  char *line = NULL, fallback[32];
  size_t room = 0;
  ssize_t n;
  Signer signer;
  int option;
  while ((option = getopt(argc, argv, "a:H:")) != -1) {
    if (option == 'a')
      alg = optarg;
    else if (option == 'H')
      header = optarg;
    else
      return 2;
  }
  if (optind + 1 != argc) fail("usage: jwt [-a ALG] [-H HEADER] KEY < claims > tokens");
  memset(&signer, 0, sizeof signer);
  open_signer(&signer, alg, argv[optind]);
  snprintf(fallback, sizeof fallback, "{\"alg\":\"%s\"}", signer.alg);
  setvbuf(stdout, NULL, _IOLBF, 1 << 16);
  while ((n = getline(&line, &room, stdin)) > 0) {
    if (line[n - 1] == '\n') n--;
    put_token(&signer, header != NULL ? header : fallback, line, (size_t)n);
  }
  free(line);
  EVP_PKEY_free(signer.key);
  return fflush(stdout) == 0 ? 0 : 1;
}
