/* The door's peer: a client program of PostgreSQL that does what one POST of one identity takes (postgres.sql),
** without TLS, HTTP and the body's JSON: those it has for nothing. postgres.tcl runs it.
**
**    postgres each  CONNINFO CLIENTS SECONDS RUN < tokens
**    postgres group CONNINFO CLIENTS SECONDS RUN < tokens
**    postgres say   CONNINFO 1 0 RUN < tokens
**
** CLIENTS threads take the tokens in turns, thread i the lines i, i + CLIENTS, ...: a token of another VAL server in
** each of them gives each thread its own. For each token a thread verifies it (ES256; iss, sub, aud, exp), has it
** judged and stored, and waits until that is committed. Prints "RESULT RATE P50 P99 ERRORS": operations a second,
** milliseconds, and how many were not answered 201. RUN is part of the names, so that another run's are others.
**
**    each   a connection and a transaction for each: what a program of this kind does. A transaction keeps the
**           counters of the term and the head of the audit chain until its COMMIT is on the disk.
**    group  one thread writes for all: what waits, at most 64, goes in one pipeline, which is one transaction.
**    say    prints the status of each token instead, one after the other, on one connection.
**
** Exit 1 with a message if PostgreSQL fails, or the tokens do not last for SECONDS.
*/
#include <endian.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GROUP_MAX 64
#define TOKEN_MAX 1024 /* bytes */
#define AHEAD_MAX 3600 /* seconds that a token's exp may lie ahead */
#define SKEW      30   /* seconds that a used token is kept longer */
#define PARAMS    11   /* of the call of post() */

/* A VAL server's key, as it was when the program started; post() asks whether it still holds. */
typedef struct Key {
  int64_t id;
  char iss[64];
  EVP_PKEY *key;
} Key;

/* One POST, ready for the database; in a queue when it goes with others. */
typedef struct Post {
  int64_t key, until, now;
  const char *iss, *jti; /* the claims' */
  json_t *claims;
  char message_id[64], conf_id[33], user_id[80], headers[160], body[320];
  unsigned char digest[32];
  int status, done;
  pthread_cond_t wake;
  struct Post *next;
} Post;

static struct Peer {
  const char *conninfo, *run;
  char *aud; /* the registrar's identifier */
  int clients, grouped;
  double end; /* when nothing new is begun */
  char **tokens;
  size_t n_tokens;
  Key *keys;
  int n_keys;
  EVP_MD *sha256;
  pthread_t writer;
  pthread_mutex_t lock; /* of what follows */
  pthread_cond_t work;
  Post *first, **last;
  int stop;
} peer;

/* A thread's own. */
typedef struct Client {
  pthread_t thread;
  int number;
  PGconn *conn;      /* NULL if the posts go in groups */
  const Key *key;    /* whose `ctx` is */
  EVP_PKEY_CTX *ctx; /* set up for verifying */
  Post post;
  double *took; /* seconds */
  size_t n, room;
  int errors;
} Client;

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  fputs("postgres: ", stderr);
  vfprintf(stderr, format, ap);
  fputc('\n', stderr);
  va_end(ap);
  exit(1);
}

static void *need(void *p) {
  if (p == NULL) fail("out of memory, or OpenSSL failed");
  return p;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/************************************************************************************************
** The token
*/

static void hash(const void *p, size_t n, unsigned char out[32]) {
  if (EVP_Digest(p, n, out, NULL, peer.sha256, NULL) != 1) fail("SHA-256 failed");
}

/* Decodes base64url; gives the number of bytes, or -1. `out` has room for n. */
static int decode(const char *in, size_t n, unsigned char *out) {
  unsigned bits = 0;
  int held = 0, size = 0;
  for (size_t i = 0; i < n; i++) {
    unsigned digit = (unsigned char)in[i];
    if (digit >= 'A' && digit <= 'Z')
      digit -= 'A';
    else if (digit >= 'a' && digit <= 'z')
      digit -= 'a' - 26;
    else if (digit >= '0' && digit <= '9')
      digit += 52 - '0';
    else if (digit == '-' || digit == '_')
      digit = digit == '-' ? 62 : 63;
    else
      return -1;
    bits = bits << 6 | digit;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out[size++] = (unsigned char)(bits >> held);
  }
  return size;
}

/* A part of a token as a JSON object; NULL if it is none. */
static json_t *part(const char *p, const char *end) {
  unsigned char raw[TOKEN_MAX];
  int n = decode(p, (size_t)(end - p), raw);
  return n < 0 ? NULL : json_loadb((const char *)raw, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
}

static const char *text(const json_t *object, const char *name) {
  const char *value = json_string_value(json_object_get(object, name));
  return value != NULL ? value : "";
}

/* Whether the 64 bytes R||S are the key's signature of `digest`. */
static int is_signed(Client *client, const Key *key, const unsigned char raw[64],
                     const unsigned char digest[32]) {
  if (client->key != key) {
    EVP_PKEY_CTX_free(client->ctx);
    client->ctx = need(EVP_PKEY_CTX_new(key->key, NULL));
    if (EVP_PKEY_verify_init(client->ctx) != 1) fail("OpenSSL failed");
    client->key = key;
  }
  unsigned char der[80], *end = der;
  ECDSA_SIG *sig = need(ECDSA_SIG_new());
  if (ECDSA_SIG_set0(sig, need(BN_bin2bn(raw, 32, NULL)), need(BN_bin2bn(raw + 32, 32, NULL))) !=
      1) {
    fail("OpenSSL failed");
  }
  int n = i2d_ECDSA_SIG(sig, &end);
  ECDSA_SIG_free(sig);
  return n > 0 && EVP_PKEY_verify(client->ctx, der, (size_t)n, digest, 32) == 1;
}

static const Key *key_of(const char *iss) {
  for (int i = 0; i < peer.n_keys; i++) {
    if (strcmp(peer.keys[i].iss, iss) == 0) return &peer.keys[i];
  }
  return NULL;
}

/* Verifies a token into client->post: 1 if it is good. post.claims is the caller's to free. */
static int verify(Client *client, const char *token) {
  Post *post = &client->post;
  const char *dot = strchr(token, '.'), *last = strrchr(token, '.');
  unsigned char raw[64], digest[32];
  if (strlen(token) > TOKEN_MAX || dot == NULL || dot == last || strlen(last + 1) != 86) return 0;
  json_t *header = part(token, dot);
  int good = strcmp(text(header, "alg"), "ES256") == 0;
  json_decref(header);
  post->claims = part(dot + 1, last);
  post->iss = text(post->claims, "iss");
  post->jti = text(post->claims, "jti");
  const Key *key = key_of(post->iss);
  if (!good || key == NULL || decode(last + 1, 86, raw) != 64) return 0;
  hash(token, (size_t)(last - token), digest);
  if (!is_signed(client, key, raw, digest)) return 0;
  int64_t exp = json_integer_value(json_object_get(post->claims, "exp"));
  post->now = time(NULL);
  post->key = key->id;
  post->until = exp + SKEW;
  return post->now < exp && exp <= post->now + AHEAD_MAX && *post->jti != 0 &&
         strcmp(text(post->claims, "sub"), post->iss) == 0 &&
         strcmp(text(post->claims, "aud"), peer.aud) == 0;
}

/************************************************************************************************
** The transaction
*/

static PGconn *open_connection(void) {
  static const char sql[] = "SELECT post($1, $2, $3, $4, $5, 'v2x', $6, $7, $8, $9, $10, $11)";
  PGconn *conn = PQconnectdb(peer.conninfo);
  if (PQstatus(conn) != CONNECTION_OK) fail("%s", PQerrorMessage(conn));
  PGresult *result = PQprepare(conn, "post", sql, 0, NULL);
  if (PQresultStatus(result) != PGRES_COMMAND_OK) fail("%s", PQerrorMessage(conn));
  PQclear(result);
  return conn;
}

/* Sends a POST; the answer is one row of one int4, in binary. */
static void send_post(PGconn *conn, const Post *post) {
  int64_t key = (int64_t)htobe64((uint64_t)post->key),
          until = (int64_t)htobe64((uint64_t)post->until),
          at = (int64_t)htobe64((uint64_t)post->now);
  const char *values[] = {(const char *)&key,   post->iss,         post->jti,
                          (const char *)&until, (const char *)&at, post->user_id,
                          post->conf_id,        post->message_id,  (const char *)post->digest,
                          post->headers,        post->body};
  const int sizes[] = {8, 0, 0, 8, 8, 0, 0, 0, 32, 0, 0};
  static const int binary[] = {1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0};
  if (PQsendQueryPrepared(conn, "post", PARAMS, values, sizes, binary, 1) != 1)
    fail("%s", PQerrorMessage(conn));
}

/* The status that a result has: 403 where the function found the quota or the rate used up in the end, which in a
** group, whose only writer nobody overtakes, can't be. */
static int status_of(const PGconn *conn, const PGresult *result) {
  int32_t status;
  const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (state != NULL && strcmp(state, "SL403") == 0 && PQpipelineStatus(conn) == PQ_PIPELINE_OFF) {
    return 403;
  }
  if (PQresultStatus(result) != PGRES_TUPLES_OK) fail("%s", PQerrorMessage(conn));
  memcpy(&status, PQgetvalue(result, 0, 0), sizeof status);
  return (int)be32toh((uint32_t)status);
}

/* The next result of what was sent, and the end of results behind it; outside a pipeline that is the end of the
** transaction as well: COMMIT is on the disk, or failed with a second result. */
static int receive_status(PGconn *conn) {
  PGresult *result = PQgetResult(conn);
  int status = status_of(conn, result);
  PQclear(result);
  if (PQgetResult(conn) != NULL) fail("more results than one");
  return status;
}

/* Writes one group in one transaction: a pipeline without BEGIN is one, which its end commits. */
static void write_group(PGconn *conn, Post *first) {
  for (const Post *post = first; post != NULL; post = post->next) send_post(conn, post);
  if (PQpipelineSync(conn) != 1) fail("%s", PQerrorMessage(conn));
  for (Post *post = first; post != NULL; post = post->next) post->status = receive_status(conn);
  PGresult *result = PQgetResult(conn);
  if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) fail("%s", PQerrorMessage(conn));
  PQclear(result);
}

/* The writing thread: what waits, until it is told to stop. */
static void *write_groups(void *unused) {
  (void)unused;
  PGconn *conn = open_connection();
  if (PQenterPipelineMode(conn) != 1) fail("%s", PQerrorMessage(conn));
  pthread_mutex_lock(&peer.lock);
  for (;;) {
    while (peer.first == NULL && !peer.stop) pthread_cond_wait(&peer.work, &peer.lock);
    if (peer.first == NULL) break;
    Post *first = peer.first, *post = first;
    for (int n = 1; n < GROUP_MAX && post->next != NULL; n++) post = post->next;
    peer.first = post->next;
    if (peer.first == NULL) peer.last = &peer.first;
    post->next = NULL;
    pthread_mutex_unlock(&peer.lock);
    write_group(conn, first);
    pthread_mutex_lock(&peer.lock);
    for (Post *next; first != NULL; first = next) {
      next = first->next;
      first->done = 1;
      pthread_cond_signal(&first->wake);
    }
  }
  pthread_mutex_unlock(&peer.lock);
  PQfinish(conn);
  return NULL;
}

/* Has the post written with those of others. */
static void wait_for_group(Post *post) {
  pthread_mutex_lock(&peer.lock);
  post->done = 0;
  post->next = NULL;
  *peer.last = post;
  peer.last = &post->next;
  pthread_cond_signal(&peer.work);
  while (!post->done) pthread_cond_wait(&post->wake, &peer.lock);
  pthread_mutex_unlock(&peer.lock);
}

/************************************************************************************************
** The clients
*/

/* What the request says, and its answer. `n` is the number of the token. */
static void write_answer(Post *post, size_t n) {
  static const char hex[] = "0123456789abcdef";
  unsigned char id[32];
  snprintf(post->message_id, sizeof post->message_id, "m-%s-%zu", peer.run, n);
  hash(post->message_id, strlen(post->message_id), id);
  for (int i = 0; i < 32; i++) post->conf_id[i] = hex[id[i / 2] >> (i % 2 ? 0 : 4) & 15];
  snprintf(post->user_id, sizeof post->user_id, "%s-%zu@acme.example", peer.run, n);
  snprintf(post->headers, sizeof post->headers,
           "{\"Location\":\"/ss-ipp/v1/configurations/%s\",\"Content-Type\":\"application/json\"}",
           post->conf_id);
  snprintf(post->body, sizeof post->body,
           "{\"valServerId\":\"%s\",\"valSvcConf\":[{\"valServiceId\":\"v2x\",\"idList\":["
           "{\"valUserId\":\"%s\"}]}]}",
           post->iss, post->user_id);
  hash(post->body, strlen(post->body), post->digest);
}

/* One operation: its status. */
static int operation(Client *client, size_t n) {
  Post *post = &client->post;
  post->claims = NULL;
  post->status = 401;
  if (verify(client, peer.tokens[n])) {
    write_answer(post, n);
    if (client->conn != NULL) {
      send_post(client->conn, post);
      post->status = receive_status(client->conn);
    } else {
      wait_for_group(post);
    }
  }
  json_decref(post->claims);
  return post->status;
}

static void *run_client(void *arg) {
  Client *client = arg;
  double begun = now();
  for (size_t k = (size_t)client->number; begun < peer.end; k += (size_t)peer.clients) {
    if (k >= peer.n_tokens) fail("%zu tokens are too few", peer.n_tokens);
    if (operation(client, k) != 201) client->errors++;
    if (client->n == client->room) {
      client->room = client->room * 2 + 1024;
      client->took = need(realloc(client->took, client->room * sizeof *client->took));
    }
    double ended = now();
    client->took[client->n++] = ended - begun;
    begun = ended;
  }
  return NULL;
}

static void open_client(Client *client, int number) {
  client->number = number;
  if (!peer.grouped) client->conn = open_connection();
  pthread_cond_init(&client->post.wake, NULL);
}

static void close_client(Client *client) {
  PQfinish(client->conn);
  EVP_PKEY_CTX_free(client->ctx);
  pthread_cond_destroy(&client->post.wake);
  free(client->took);
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Prints the sum of all. */
static void print_result(const Client *clients, double seconds) {
  size_t n = 0, errors = 0;
  for (int i = 0; i < peer.clients; i++) n += clients[i].n;
  if (n == 0) fail("nothing was done");
  double *all = need(malloc(n * sizeof *all));
  n = 0;
  for (int i = 0; i < peer.clients; i++) {
    errors += (size_t)clients[i].errors;
    if (clients[i].n > 0) memcpy(all + n, clients[i].took, clients[i].n * sizeof *all);
    n += clients[i].n;
  }
  qsort(all, n, sizeof *all, compare);
  printf("RESULT %.1f %.3f %.3f %zu\n", (double)n / seconds, all[n / 2] * 1e3,
         all[n - 1 - n / 100] * 1e3, errors);
  free(all);
}

static void run(double seconds) {
  Client *clients = need(calloc((size_t)peer.clients, sizeof *clients));
  if (peer.grouped && pthread_create(&peer.writer, NULL, write_groups, NULL) != 0)
    fail("no thread");
  for (int i = 0; i < peer.clients; i++) open_client(&clients[i], i);
  double begun = now();
  peer.end = begun + seconds;
  for (int i = 0; i < peer.clients; i++) {
    if (pthread_create(&clients[i].thread, NULL, run_client, &clients[i]) != 0) fail("no thread");
  }
  for (int i = 0; i < peer.clients; i++) pthread_join(clients[i].thread, NULL);
  seconds = now() - begun;
  if (peer.grouped) {
    pthread_mutex_lock(&peer.lock);
    peer.stop = 1;
    pthread_cond_signal(&peer.work);
    pthread_mutex_unlock(&peer.lock);
    pthread_join(peer.writer, NULL);
  }
  print_result(clients, seconds);
  for (int i = 0; i < peer.clients; i++) close_client(&clients[i]);
  free(clients);
}

static void say(void) {
  Client client = {0};
  open_client(&client, 0);
  for (size_t i = 0; i < peer.n_tokens; i++) printf("%d\n", operation(&client, i));
  close_client(&client);
}

/************************************************************************************************
** What they start with
*/

static void read_tokens(void) {
  char *line = NULL;
  size_t size = 0, room = 0;
  ssize_t n;
  while ((n = getline(&line, &size, stdin)) > 0) {
    if (line[n - 1] == '\n') line[n - 1] = 0;
    if (peer.n_tokens == room) {
      room = room * 2 + 1024;
      peer.tokens = need(realloc(peer.tokens, room * sizeof *peer.tokens));
    }
    peer.tokens[peer.n_tokens++] = need(strdup(line));
  }
  free(line);
}

static PGresult *rows_of(PGconn *conn, const char *sql) {
  PGresult *rows = PQexec(conn, sql);
  if (PQresultStatus(rows) != PGRES_TUPLES_OK) fail("%s", PQerrorMessage(conn));
  if (PQntuples(rows) == 0) fail("no rows: %s", sql);
  return rows;
}

/* The registrar's name, and the VAL servers' keys. */
static void read_parties(void) {
  PGconn *conn = open_connection();
  PGresult *rows = rows_of(conn, "SELECT identifier FROM registrar");
  peer.aud = need(strdup(PQgetvalue(rows, 0, 0)));
  PQclear(rows);
  rows = rows_of(conn, "SELECT k.id, v.val_server_id, k.value FROM credential AS k"
                       " JOIN val_server AS v ON v.id = k.val_server ORDER BY 1");
  peer.n_keys = PQntuples(rows);
  peer.keys = need(calloc((size_t)peer.n_keys, sizeof *peer.keys));
  for (int i = 0; i < peer.n_keys; i++) {
    BIO *bio = need(BIO_new_mem_buf(PQgetvalue(rows, i, 2), -1));
    peer.keys[i].id = strtoll(PQgetvalue(rows, i, 0), NULL, 10);
    snprintf(peer.keys[i].iss, sizeof peer.keys[i].iss, "%s", PQgetvalue(rows, i, 1));
    peer.keys[i].key = need(PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL));
    BIO_free(bio);
  }
  PQclear(rows);
  PQfinish(conn);
}

int main(int argc, char **argv) {
  if (argc != 6) fail("usage: postgres each|group|say CONNINFO CLIENTS SECONDS RUN < tokens");
  peer.conninfo = argv[2];
  peer.clients = atoi(argv[3]);
  peer.run = argv[5];
  peer.grouped = strcmp(argv[1], "group") == 0;
  peer.last = &peer.first;
  peer.sha256 = need(EVP_MD_fetch(NULL, "SHA256", NULL));
  pthread_mutex_init(&peer.lock, NULL);
  pthread_cond_init(&peer.work, NULL);
  if (peer.clients < 1) fail("no clients");
  read_tokens();
  read_parties();
  if (strcmp(argv[1], "say") == 0)
    say();
  else
    run(atof(argv[4]));
  for (size_t i = 0; i < peer.n_tokens; i++) free(peer.tokens[i]);
  for (int i = 0; i < peer.n_keys; i++) EVP_PKEY_free(peer.keys[i].key);
  free(peer.tokens);
  free(peer.keys);
  free(peer.aud);
  EVP_MD_free(peer.sha256);
  return 0;
}
