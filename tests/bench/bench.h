/* What `make bench` is made of: the registrar's work beside the bare C and SQL that does the same, in
** one process, on the same kind of storage, in turns; what is compared are medians.
**
**    Series floor = {0}, ours = {0};
**    for (int i = 0; i < n; i++) {
**      double t = bench_now(); bare(); series_add(&floor, bench_now() - t);
**      t = bench_now(); registrar(); series_add(&ours, bench_now() - t);
**    }
**    bench_row("work", &floor, &ours, 1.25);
**
**    bench.c   the command line, the table
**    host.c    databases, keys, tokens, requests: what a host of the extension has
**    floor.c   one whole operation in bare C and SQL
**    work.c    what is measured
**    scale.c   what must not grow with what is there
**    exchange.c  the same of bundles
**
** Beside it two programs of their own: verify.c (below the SQL functions), and sla.c with sla.tcl (a message's way).
*/
#ifndef SEAL_BENCH_H
#define SEAL_BENCH_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Bench {
  int64_t rows;       /* identities that are stored */
  int identities;     /* of one message */
  int times;          /* repetitions of what takes long */
  const char *folder; /* where the databases go */
  const char *lib;    /* the extension, without ".so" */
} Bench;

/************************************************************************************************
** bench.c
*/
typedef struct Series {
  double *v; /* seconds */
  int n;
} Series;

double bench_now(void);
void series_add(Series *series, double seconds);
double series_median(Series *series);
void series_free(Series *series);
/* Prints one line of the table and frees both series. `aim` is the largest ratio wanted. */
void bench_row(const char *work, Series *floor, Series *ours, double aim);
/* The same for a work whose aim is a time, in seconds (0: none); `floor` may be empty. */
void bench_row_time(const char *work, Series *floor, Series *ours, double aim);
/* The same for sizes, in bytes. */
void bench_row_bytes(const char *work, double floor, double ours, double aim);
/* The same for a number of bytes alone. */
void bench_row_size(const char *work, int64_t bytes, int64_t aim);
/* Ends the program with a message. */
void bench_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/************************************************************************************************
** host.c. Everything here succeeds or ends the program.
*/
#define HOST_SERVER  "v2x.acme.example"
#define HOST_SERVICE "v2x"
#define HOST_FOREVER "2031-02-03T04:05:06Z" /* a configuration's end that does not come */
/* SQLite's own 2 MB makes random bulk inserts 2.2 times slower. */
#define HOST_CACHE_KB 65536

/* Opens NAME.db in the folder, made new if `fresh`: WAL, synchronous as given, a page cache of 64 MB.
** The extension is loaded into it if `seal`. */
sqlite3 *host_open(const Bench *bench, const char *name, int fresh, int seal,
                   const char *synchronous);
/* An empty database in memory; loads the extension into a connection. */
sqlite3 *host_open_memory(void);
void host_load(const Bench *bench, sqlite3 *db);
/* Closes it; SQLite must find nothing left open. */
void host_close(sqlite3 *db);
/* Installs the registrar: an agreement, a VAL server with its key, a term with this quota (0: none). */
void host_install(sqlite3 *db, int64_t max_identities);
/* A copy of a database under another name, open without the extension: the floor's. */
sqlite3 *host_copy(const Bench *bench, sqlite3 *db, const char *name, const char *synchronous);
/* Runs SQL; the format is sqlite3_mprintf's. */
void host_run(sqlite3 *db, const char *format, ...);
int64_t host_int(sqlite3 *db, const char *sql);
sqlite3_stmt *host_prepare(sqlite3 *db, const char *sql);
/* Steps to the end and resets. */
void host_finish(sqlite3_stmt *stmt);
/* The public key of HOST_SERVER as a JWK, and a token of it with a jti of its own; malloc'd. */
char *host_jwk(void);
char *host_token(void);
/* The public half of the same key, parsed. */
void *host_key(void);
/* The name of user i: 22 bytes; and the numbers 0 to n-1 shuffled; malloc'd. */
void host_name(char out[32], int64_t i);
int *host_shuffled(int n);
/* A POST of /ss-ipp/v1 with these users (`first` is added to each), valid until an instant; malloc'd. */
char *host_request(const int *users, int n, int64_t first, const char *exp_time);
/* One POST and the question for its answer, prepared; what one takes, in seconds. It must be answered 201. */
typedef struct HostPost HostPost;
HostPost *host_post_open(sqlite3 *db);
double host_post(HostPost *post, const char *message_id, const char *request);
void host_post_close(HostPost *post);
/* A number that no message had before. */
int64_t host_serial(void);

/************************************************************************************************
** floor.c
*/
typedef struct Floor Floor;
/* Prepares the whole operation on a database that has a registrar's storage. */
Floor *floor_open(sqlite3 *db);
void floor_close(Floor *floor);
/* One POST of one identity: the answer, malloc'd. */
char *floor_post(Floor *floor, const char *message_id, const char *request);

/************************************************************************************************
** work.c
*/
void work_message(const Bench *bench);
void work_insert(const Bench *bench);
void work_operation(const Bench *bench);
void work_token(const Bench *bench);
void work_lookup(const Bench *bench);
void work_refusal(const Bench *bench);
void work_sweep(const Bench *bench);

/************************************************************************************************
** scale.c
*/
void work_many(const Bench *bench);
void work_load(const Bench *bench);

/************************************************************************************************
** exchange.c
*/
void work_exchange(const Bench *bench);

#endif
