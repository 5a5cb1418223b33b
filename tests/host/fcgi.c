/* A web server's side of FastCGI, for tests of the door. Test only.
**
**    fcgi [-p PIECE] [-m MILLISECONDS] SOCKET NAME=VALUE... < body > answer
**    printf '\001\011...' | fcgi -r [-p PIECE] [-m MILLISECONDS] [-w MILLISECONDS] SOCKET > records
**
** Sends a request with these parameters to a Unix socket, PIECE bytes at a time (all), and writes what comes back: the answer's
** head and body. NAME=@FILE takes the value from a file. With -r, sends its input as it is, and writes all that comes until the
** connection is closed or nothing has come for MILLISECONDS (-m; without -r how long is waited for an answer: 30000).
** Exit 1: the connection failed, or was closed before the answer's end; the message says which.
*/
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RECORD_MAX 65528

typedef struct Bytes {
  unsigned char *p;
  size_t n, size;
} Bytes;

static void fail(const char *what) {
  fprintf(stderr, "fcgi: %s\n", what);
  exit(1);
}

static void add(Bytes *bytes, const void *p, size_t n) {
  if (bytes->n + n > bytes->size) {
    bytes->size = 2 * (bytes->n + n);
    bytes->p = realloc(bytes->p, bytes->size);
    if (bytes->p == NULL) fail("out of memory");
  }
  if (n > 0) memcpy(bytes->p + bytes->n, p, n);
  bytes->n += n;
}

static void add_file(Bytes *bytes, FILE *f) {
  char buffer[65536];
  size_t n;
  if (f == NULL) fail("a file can't be read");
  while ((n = fread(buffer, 1, sizeof buffer, f)) > 0) add(bytes, buffer, n);
}

/* The records of a stream, and the empty one that ends it. */
static void add_stream(Bytes *out, int type, const Bytes *bytes) {
  size_t done = 0, n;
  do {
    n = bytes->n - done < RECORD_MAX ? bytes->n - done : RECORD_MAX;
    unsigned char head[8] = {
        1, (unsigned char)type, 0, 1, (unsigned char)(n >> 8), (unsigned char)n, 0, 0};
    add(out, head, sizeof head);
    if (n > 0) add(out, bytes->p + done, n);
    done += n;
  } while (n > 0);
}

static void add_length(Bytes *out, size_t n) {
  unsigned char long_form[4] = {(unsigned char)(n >> 24 | 0x80), (unsigned char)(n >> 16),
                                (unsigned char)(n >> 8), (unsigned char)n};
  unsigned char short_form = (unsigned char)n;
  if (n < 128)
    add(out, &short_form, 1);
  else
    add(out, long_form, sizeof long_form);
}

static void add_param(Bytes *out, const char *text) {
  const char *equals = strchr(text, '=');
  Bytes value = {NULL, 0, 0};
  if (equals == NULL) fail("a parameter is NAME=VALUE");
  if (equals[1] == '@') {
    FILE *f = fopen(equals + 2, "rb");
    add_file(&value, f);
    fclose(f);
  } else {
    add(&value, equals + 1, strlen(equals + 1));
  }
  add_length(out, (size_t)(equals - text));
  add_length(out, value.n);
  add(out, text, (size_t)(equals - text));
  add(out, value.p, value.n);
  free(value.p);
}

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (strlen(path) >= sizeof address.sun_path) fail("the socket's path is too long");
  memcpy(address.sun_path, path, strlen(path) + 1);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
    fail(strerror(errno));
  return fd;
}

/* Sends all. Who closes before has his reasons: what he answered is read. */
static void send_all(int fd, const Bytes *bytes, size_t piece) {
  for (size_t done = 0; done < bytes->n;) {
    size_t n = bytes->n - done < piece ? bytes->n - done : piece;
    ssize_t sent = send(fd, bytes->p + done, n, MSG_NOSIGNAL);
    if (sent <= 0) return;
    done += (size_t)sent;
  }
}

/* Reads more; 0: it was closed; -1: nothing came in time. */
static int receive(int fd, Bytes *in, int ms) {
  char buffer[65536];
  struct pollfd p = {.fd = fd, .events = POLLIN};
  if (poll(&p, 1, ms) <= 0) return -1;
  ssize_t n = read(fd, buffer, sizeof buffer);
  if (n <= 0) return 0;
  add(in, buffer, (size_t)n);
  return 1;
}

/* Writes what records of the answer hold. 1: its end has come. */
static int take_records(Bytes *in) {
  int ended = 0;
  size_t done = 0;
  while (!ended && in->n - done >= 8) {
    const unsigned char *p = in->p + done;
    size_t n = (size_t)p[4] << 8 | p[5], all = 8 + n + p[6];
    if (in->n - done < all) break;
    if (p[1] == 6 && n > 0) fwrite(p + 8, 1, n, stdout);
    if (p[1] == 3) ended = 1;
    done += all;
  }
  if (done > 0) memmove(in->p, in->p + done, in->n - done);
  in->n -= done;
  return ended;
}

int main(int argc, char **argv) {
  static const unsigned char begin[16] = {1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  int raw = 0, ms = 30000, again = -1, option, more;
  size_t piece = (size_t)-1;
  Bytes out = {NULL, 0, 0}, params = {NULL, 0, 0}, body = {NULL, 0, 0}, in = {NULL, 0, 0};
  while ((option = getopt(argc, argv, "rp:m:w:")) != -1) {
    if (option == 'r')
      raw = 1;
    else if (option == 'p')
      piece = (size_t)atol(optarg);
    else if (option == 'm')
      ms = atoi(optarg);
    else if (option == 'w')
      again = atoi(optarg);
    else
      return 1;
  }
  if (optind >= argc || piece == 0)
    fail("usage: fcgi [-r] [-p PIECE] [-m MS] SOCKET NAME=VALUE...");
  add_file(&body, stdin);
  if (raw) {
    add(&out, body.p, body.n);
  } else {
    for (int i = optind + 1; i < argc; i++) add_param(&params, argv[i]);
    add(&out, begin, sizeof begin);
    add_stream(&out, 4, &params);
    add_stream(&out, 5, &body);
  }
  int fd = connect_to(argv[optind]);
  send_all(fd, &out, piece);
  if (again >= 0) {
    (void)usleep((useconds_t)again * 1000);
    send_all(fd, &out, piece);
  }
  if (raw) {
    while (receive(fd, &in, ms) > 0) continue;
    if (in.n > 0) fwrite(in.p, 1, in.n, stdout);
    return 0;
  }
  while (!take_records(&in)) {
    more = receive(fd, &in, ms);
    if (more <= 0) fail(more < 0 ? "no answer in time" : "closed without an answer");
  }
  return fflush(stdout) == 0 ? 0 : 1;
}
