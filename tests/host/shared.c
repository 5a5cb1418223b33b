/* What the connections of a process share, used by several threads at once and after a fork.
**
**    build/shared threads ANCHORS CHAIN AT    "ok", or what went wrong in how many threads
**    build/shared fork ANCHORS CHAIN AT       "ok", or what went wrong
**
** ANCHORS and CHAIN are files, AT is in seconds since 1970.
*/
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "crypto/jose/jose.h"
#include "crypto/jose/sign.h"
#include "crypto/x509/x509.h"

#define THREADS 4

typedef struct Bytes {
  char p[65536];
  size_t n;
} Bytes;

static Bytes anchors, chain;
static int64_t at;

static void read_file(const char *path, Bytes *bytes) {
  FILE *file = fopen(path, "rb");

  if (!file) exit(2);
  bytes->n = fread(bytes->p, 1, sizeof bytes->p, file);
  fclose(file);
}

/* Signs with a key of its own and verifies that, and that what was changed is refused. */
static const char *use_jose(SealCrypto *c, int rounds) {
  SealKey *key = NULL;
  SealKeySet *set = NULL;
  SealJws jws;
  char *token = NULL;
  const char *wrong = NULL, *jwk;

  if (seal_key_generate(c, &key) != SEAL_VALID) return "no key";
  jwk = seal_key_public(key);
  if (seal_keyset_parse(c, jwk, strlen(jwk), SEAL_KEYSET_PUBLIC, &set) != SEAL_VALID) {
    wrong = "no key set";
  }
  for (int i = 0; i < rounds && !wrong; i++) {
    if (seal_jws_sign(c, key, NULL, &i, sizeof i, &token) != SEAL_VALID) return "not signed";
    if (seal_jws_verify(c, token, strlen(token), set, NULL, &jws) != SEAL_VALID ||
        memcmp(jws.payload, &i, sizeof i) != 0) {
      wrong = "not verified";
    }
    seal_jws_clear(&jws);
    token[strlen(token) - 10] ^= 1;
    if (!wrong && seal_jws_verify(c, token, strlen(token), set, NULL, &jws) == SEAL_VALID) {
      wrong = "verified though it was changed";
    }
    if (!wrong) seal_jws_clear(&jws);
    free(token);
  }
  seal_keyset_free(set);
  seal_key_free(key);
  return wrong;
}

static const char *use_x509(SealCrypto *c, int rounds) {
  SealX509Policy policy = {.at = at};
  SealCertSet *set;
  SealX509 x;
  SealReason reason = seal_certset_parse(c, anchors.p, anchors.n, NULL, 0, &set);

  if (reason != SEAL_VALID) return seal_reason_text(reason);
  for (int i = 0; i < rounds && reason == SEAL_VALID; i++) {
    reason = seal_x509_verify(c, chain.p, chain.n, set, &policy, &x);
    seal_x509_clear(&x);
  }
  seal_certset_free(set);
  return reason == SEAL_VALID ? NULL : seal_reason_text(reason);
}

/* What one connection does, from its making to its end; NULL if all was well. */
static const char *use(int rounds) {
  SealCrypto *c = seal_crypto_new();
  const char *wrong = c ? use_jose(c, rounds) : "no context";

  if (!wrong) wrong = use_x509(c, rounds);
  seal_crypto_free(c);
  return wrong;
}

static pthread_barrier_t start;

/* Begins at the same time as the others: so they all make what is shared. */
static void *run_thread(void *arg) {
  const char **wrong = arg;

  pthread_barrier_wait(&start);
  for (int i = 0; i < 5 && !*wrong; i++) *wrong = use(20);
  return NULL;
}

static const char *run_threads(void) {
  pthread_t thread[THREADS];
  const char *wrong[THREADS] = {NULL};

  pthread_barrier_init(&start, NULL, THREADS);
  for (int i = 0; i < THREADS; i++) {
    if (pthread_create(&thread[i], NULL, run_thread, &wrong[i]) != 0) exit(2);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  for (int i = 0; i < THREADS; i++) {
    if (wrong[i]) return wrong[i];
  }
  /* The threads that made it have ended. */
  return use(1);
}

/* Forks with a connection open: the child uses it and a new one, and draws other random bytes than the
** parent and than its sister. */
static const char *run_fork(void) {
  unsigned char drawn[3][32];
  SealCrypto *c = seal_crypto_new();
  const char *wrong = NULL;
  int channel[2], status;

  if (!c || use(1) || pipe(channel) != 0) return "nothing before the fork";
  for (int i = 0; i < 2 && !wrong; i++) {
    pid_t child = fork();

    if (child == 0) {
      if (seal_random(c, drawn[i], sizeof drawn[i]) != SEAL_VALID || use_jose(c, 1) ||
          use_x509(c, 1) || use(1) || write(channel[1], drawn[i], sizeof drawn[i]) < 0) {
        _exit(1);
      }
      seal_crypto_free(c);
      _exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 0) wrong = "the child failed";
    if (!wrong && read(channel[0], drawn[i], sizeof drawn[i]) != sizeof drawn[i]) exit(2);
  }
  if (!wrong && (seal_random(c, drawn[2], sizeof drawn[2]) != SEAL_VALID || use(1))) {
    wrong = "nothing after the fork";
  }
  if (!wrong && (memcmp(drawn[0], drawn[1], 32) == 0 || memcmp(drawn[1], drawn[2], 32) == 0 ||
                 memcmp(drawn[0], drawn[2], 32) == 0)) {
    wrong = "random bytes are the same after a fork";
  }
  seal_crypto_free(c);
  return wrong;
}

int main(int argc, char **argv) {
  const char *wrong;

  if (argc < 5) return 2;
  read_file(argv[2], &anchors);
  read_file(argv[3], &chain);
  at = atoll(argv[4]);
  wrong = strcmp(argv[1], "fork") == 0 ? run_fork() : run_threads();
  printf("%s\n", wrong ? wrong : "ok");
  return 0;
}
