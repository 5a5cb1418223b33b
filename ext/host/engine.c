/* The database of a host (engine.h): SQLite, with the extension linked in.
*/
#include "host/engine.h"
#include "host_sql.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MS     10000 /* how long another process's transaction is waited for */
#define PATH_SIZE   4096
#define RETRY_AFTER 1 /* seconds, where a disk or a lock was in the way */

struct HostEngine {
  sqlite3 *db;
  char path[PATH_SIZE]; /* of the file that is open, and which one it is */
  dev_t device;
  ino_t inode;
  sqlite3_stmt *stmt[HOST_SQL_COUNT]; /* prepared when they are first needed */
};

/* The entry point of the extension (seal.c). */
int sqlite3_seal_init(sqlite3 *db, char **message, const sqlite3_api_routines *api);
typedef void Entry(void);

int host_engine_setup(void) {
  return sqlite3_auto_extension((Entry *)sqlite3_seal_init) == SQLITE_OK ? 0 : -1;
}

__attribute__((format(printf, 2, 3))) static int say(char *error, const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  (void)vsnprintf(error, HOST_ERROR_SIZE, format, ap);
  va_end(ap);
  return -1;
}

/* What SQLite says is wrong. Its texts, and ours, hold no secret. */
static int say_db(const HostEngine *engine, char *error) {
  return say(error, "%s", engine->db ? sqlite3_errmsg(engine->db) : "out of memory");
}

static int prepare(HostEngine *engine, enum HostSql sql, sqlite3_stmt **out) {
  sqlite3_stmt **stmt = &engine->stmt[sql];
  int rc = SQLITE_OK;
  if (*stmt == NULL) {
    rc = sqlite3_prepare_v3(engine->db, host_sql[sql], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
  }
  *out = *stmt;
  return rc;
}

/* Ends the use of a statement: nothing of a request stays bound. Gives its error, if it had one. */
static int finish(sqlite3_stmt *stmt) {
  int rc = sqlite3_reset(stmt);
  (void)sqlite3_clear_bindings(stmt);
  return rc;
}

/* Runs a statement without parameters and rows. */
static int run(HostEngine *engine, enum HostSql sql) {
  sqlite3_stmt *stmt;
  int rc = prepare(engine, sql, &stmt);
  if (rc != SQLITE_OK) return rc;
  while (sqlite3_step(stmt) == SQLITE_ROW) continue;
  return finish(stmt);
}

/************************************************************************************************
** Opening.
*/
/* Reads the key. Returns 0, or -1 with the reason. */
static int read_key(const char *path, unsigned char key[HOST_KEY_SIZE], char *error) {
  unsigned char extra;
  struct stat st;
  int result = -1;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return say(error, "the key %.120s: %s", path, strerror(errno));
  if (fstat(fd, &st) != 0) {
    say(error, "the key %.120s: %s", path, strerror(errno));
  } else if (!S_ISREG(st.st_mode)) {
    say(error, "the key %.120s is no file", path);
  } else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    say(error, "others than its owner may read the key %.120s (chmod 600)", path);
  } else if (read(fd, key, HOST_KEY_SIZE) != HOST_KEY_SIZE || read(fd, &extra, 1) != 0) {
    say(error, "the key %.120s has not just 32 bytes (seal key-file makes one)", path);
  } else {
    result = 0;
  }
  (void)close(fd);
  return result;
}

static int unlock(HostEngine *engine, const char *path, char *error) {
  unsigned char key[HOST_KEY_SIZE];
  sqlite3_stmt *stmt;
  int result = read_key(path, key, error);
  if (result == 0) {
    int rc = prepare(engine, HOST_SQL_UNLOCK, &stmt);
    if (rc == SQLITE_OK) rc = sqlite3_bind_blob(stmt, 1, key, sizeof key, SQLITE_STATIC);
    if (rc == SQLITE_OK) {
      (void)sqlite3_step(stmt);
      rc = finish(stmt);
    }
    if (rc != SQLITE_OK) result = say_db(engine, error);
  }
  seal_wipe(key, sizeof key);
  return result;
}

/* Whether the file is still the one that is open: what is written into one that is gone, or that another has replaced, is
** lost. */
static int is_there(const HostEngine *engine) {
  struct stat st;
  return stat(engine->path, &st) == 0 && st.st_dev == engine->device && st.st_ino == engine->inode;
}

static int say_gone(const HostEngine *engine, char *error) {
  return say(error, "%.160s: it was removed or replaced", engine->path);
}

/* Which file it is. Returns 0 or -1. */
static int note_file(HostEngine *engine, const char *path) {
  struct stat st;
  int n = snprintf(engine->path, sizeof engine->path, "%s", path);
  if (n < 0 || n >= (int)sizeof engine->path || stat(path, &st) != 0) return -1;
  engine->device = st.st_dev;
  engine->inode = st.st_ino;
  return 0;
}

/* What a connection is set to before anything is read. */
static int set_up(HostEngine *engine) {
  int rc = sqlite3_db_config(engine->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_db_config(engine->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_busy_timeout(engine->db, BUSY_MS);
  if (rc == SQLITE_OK) rc = sqlite3_exec(engine->db, host_sql[HOST_SQL_SETTINGS], NULL, NULL, NULL);
  return rc;
}

int host_engine_open(const HostDatabase *what, HostEngine **out, char *error) {
  HostEngine *engine = calloc(1, sizeof *engine);
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  char why[HOST_ERROR_SIZE] = "";
  *out = NULL;
  error[0] = '\0';
  if (engine == NULL) return say(error, "out of memory");
  if (sqlite3_open_v2(what->db, &engine->db, flags, NULL) != SQLITE_OK) {
    (void)say_db(engine, why);
  } else if (sqlite3_db_readonly(engine->db, "main")) {
    (void)say(why, "it can't be written");
  } else if (note_file(engine, what->db) != 0) {
    (void)say(why, "it is no file");
  } else if (set_up(engine) != SQLITE_OK) {
    (void)say_db(engine, why);
  } else if (what->key_file != NULL && unlock(engine, what->key_file, why) != 0) {
    /* The reason is there. */
  } else if (run(engine, HOST_SQL_SEALED) != SQLITE_OK) {
    (void)say_db(engine, why);
  }
  if (why[0] != '\0') {
    host_engine_close(engine);
    return say(error, "%.120s: %.120s", what->db, why);
  }
  *out = engine;
  return 0;
}

void host_engine_close(HostEngine *engine) {
  if (engine == NULL) return;
  for (int i = 0; i < HOST_SQL_COUNT; i++) (void)sqlite3_finalize(engine->stmt[i]);
  (void)sqlite3_close_v2(engine->db);
  free(engine);
}

/************************************************************************************************
** Messages.
*/
static void bind_text(sqlite3_stmt *stmt, int i, SealText text, int *rc) {
  if (*rc == SQLITE_OK && text.p != NULL) {
    *rc = sqlite3_bind_text(stmt, i, text.p, text.n, SQLITE_STATIC);
  }
}

/* Gives the message to the registrar. */
static int insert(HostEngine *engine, const HostRequest *r) {
  sqlite3_stmt *stmt;
  int rc = prepare(engine, HOST_SQL_MESSAGE, &stmt);
  if (rc != SQLITE_OK) return rc;
  bind_text(stmt, 1, seal_text_from(r->key), &rc);
  bind_text(stmt, 2, r->param[HOST_METHOD], &rc);
  bind_text(stmt, 3, r->param[HOST_URI], &rc);
  bind_text(stmt, 4, r->param[HOST_AUTHORIZATION], &rc);
  bind_text(stmt, 5, r->pem ? seal_text_from(r->pem) : r->param[HOST_CERTIFICATE], &rc);
  bind_text(stmt, 6, r->param[HOST_CONTENT_TYPE], &rc);
  bind_text(stmt, 7, r->param[HOST_ACCEPT], &rc);
  bind_text(stmt, 8, r->param[HOST_TRACEPARENT], &rc);
  if (rc == SQLITE_OK && r->n_body > 0) {
    rc = sqlite3_bind_blob(stmt, 9, r->body, (int)r->n_body, SQLITE_STATIC);
  }
  if (rc == SQLITE_OK) (void)sqlite3_step(stmt);
  int failed = finish(stmt);
  return rc != SQLITE_OK ? rc : failed;
}

/* A copy of a text of a row, the caller's, with a NUL behind its *n bytes; NULL: there is none, or out of memory. */
static char *copy_column(sqlite3_stmt *stmt, int i, size_t *n) {
  const void *text = sqlite3_column_text(stmt, i);
  size_t size = (size_t)sqlite3_column_bytes(stmt, i);
  char *out = text ? malloc(size + 1) : NULL;
  *n = out ? size : 0;
  if (out == NULL) return NULL;
  memcpy(out, text, size);
  out[size] = '\0';
  return out;
}

/* Takes the answer: on the connection that handled it, a message id shows one row. */
static int take_answer(HostEngine *engine, HostRequest *r) {
  sqlite3_stmt *stmt;
  int rc = prepare(engine, HOST_SQL_ANSWER, &stmt);
  if (rc != SQLITE_OK) return rc;
  bind_text(stmt, 1, seal_text_from(r->key), &rc);
  if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
    r->answer = copy_column(stmt, HOST_ANSWER_RESPONSE, &r->n_answer);
    rc = r->answer ? SQLITE_OK : SQLITE_NOMEM;
  } else if (rc == SQLITE_OK) {
    rc = SQLITE_INTERNAL;
  }
  int failed = finish(stmt);
  return failed != SQLITE_OK ? failed : rc;
}

static void drop_answer(HostRequest *r) {
  if (r->answer != NULL) seal_wipe(r->answer, r->n_answer);
  free(r->answer);
  r->answer = NULL;
  r->n_answer = 0;
}

/* What a peer is told of an error of SQLite's; the log has its text. */
static void fail(HostEngine *engine, HostRequest *r, int rc, char *error) {
  const char *detail = "the registrar can't do it now";
  int status = 503;
  (void)say_db(engine, error);
  switch (rc & 0xff) {
  case SQLITE_TOOBIG:
    status = 413;
    detail = "it is larger than the registrar's SQLite can hold";
    break;
  case SQLITE_CONSTRAINT:
    status = 400;
    detail = "it is no message";
    break;
  case SQLITE_BUSY:
    detail = "another process writes the registrar's database";
    break;
  case SQLITE_FULL:
    detail = "the registrar's disk is full";
    break;
  case SQLITE_NOMEM:
    detail = "the registrar is out of memory";
    break;
  default:
    break;
  }
  drop_answer(r);
  host_request_fault(r, status, status == 400 ? "INVALID_MSG_FORMAT" : NULL, detail,
                     status == 503 ? RETRY_AFTER : 0);
}

/* *stands: it was handled, and what it did waits for COMMIT, whether or not there is an answer. */
static int handle(HostEngine *engine, HostRequest *r, int *stands) {
  int64_t begun = host_monotonic_us();
  int rc = insert(engine, r);
  *stands = rc == SQLITE_OK;
  if (rc == SQLITE_OK) rc = take_answer(engine, r);
  r->worked = host_monotonic_us() - begun;
  return rc;
}

static void roll_back(HostEngine *engine) {
  if (!sqlite3_get_autocommit(engine->db)) (void)run(engine, HOST_SQL_ROLLBACK);
}

/* One message in a transaction of its own. */
static void alone(HostEngine *engine, HostRequest *r, char *error) {
  int stands, rc = run(engine, HOST_SQL_BEGIN);
  if (rc == SQLITE_OK) rc = handle(engine, r, &stands);
  if (rc == SQLITE_OK) rc = run(engine, HOST_SQL_COMMIT);
  if (rc != SQLITE_OK) fail(engine, r, rc, error);
  roll_back(engine);
}

/* All of the list, or as many as there is memory for; *done: how many. An error: none of them stands, and those that have
** no fault of their own may be done again. */
static int together(HostEngine *engine, HostRequest *list, int *done, char *error) {
  size_t answers = 0;
  int stands, rc = run(engine, HOST_SQL_BEGIN);
  for (HostRequest *r = list; rc == SQLITE_OK && r != NULL && answers < HOST_GROUP_ANSWERS;
       r = r->next) {
    rc = handle(engine, r, &stands);
    if (rc != SQLITE_OK && !stands) {
      fail(engine, r, rc, error);
      /* The statement alone was taken back, unless the whole transaction was. */
      if (!sqlite3_get_autocommit(engine->db)) rc = SQLITE_OK;
    }
    answers += r->n_answer;
    ++*done;
  }
  if (rc == SQLITE_OK) rc = run(engine, HOST_SQL_COMMIT);
  if (rc != SQLITE_OK) (void)say_db(engine, error);
  roll_back(engine);
  return rc;
}

/* Gives all of a list the same fault; how many they are. */
static int fail_all(HostRequest *list, const char *detail) {
  int n = 0;
  for (HostRequest *r = list; r != NULL; r = r->next, n++) {
    host_request_fault(r, 503, NULL, detail, RETRY_AFTER);
  }
  return n;
}

int host_engine_group(HostEngine *engine, HostRequest *list, char *error) {
  int done = 0;
  size_t answers = 0;
  error[0] = '\0';
  assert(list != NULL);
  if (!is_there(engine)) {
    (void)say_gone(engine, error);
    return fail_all(list, "the registrar's database is gone");
  }
  int rc = together(engine, list, &done, error);
  if (rc == SQLITE_OK) return done;
  /* Nobody of them would come sooner alone. */
  if (done == 0 && (rc & 0xff) == SQLITE_BUSY) {
    return fail_all(list, "another process writes the registrar's database");
  }
  done = 0;
  for (HostRequest *r = list; r != NULL; r = r->next) drop_answer(r);
  for (HostRequest *r = list; r != NULL && answers < HOST_GROUP_ANSWERS; r = r->next) {
    if (r->fault.status == 0) alone(engine, r, error);
    answers += r->n_answer;
    done++;
  }
  return done;
}

/************************************************************************************************
** Commands, metrics, readiness.
*/
int host_engine_command(HostEngine *engine, const char *command, const char *argument,
                        long long *result, char *error) {
  sqlite3_stmt *stmt;
  int rc = prepare(engine, HOST_SQL_COMMAND, &stmt);
  error[0] = '\0';
  *result = 0;
  if (rc != SQLITE_OK) return say_db(engine, error);
  bind_text(stmt, 1, seal_text_from(command), &rc);
  bind_text(stmt, 2, seal_text_from(argument), &rc);
  if (rc == SQLITE_OK) (void)sqlite3_step(stmt);
  int failed = finish(stmt);
  if (rc == SQLITE_OK) rc = failed;
  if (rc == SQLITE_OK) rc = prepare(engine, HOST_SQL_COMMAND_RESULT, &stmt);
  if (rc != SQLITE_OK) return say(error, "%.32s: %.200s", command, sqlite3_errmsg(engine->db));
  if (sqlite3_step(stmt) == SQLITE_ROW) {
    *result = sqlite3_column_int64(stmt, HOST_COMMAND_RESULT_RESULT);
  }
  return finish(stmt) == SQLITE_OK ? 0 : say_db(engine, error);
}

char *host_engine_metrics(HostEngine *engine, size_t *n, char *error) {
  char *out = NULL;
  sqlite3_stmt *stmt;
  error[0] = '\0';
  *n = 0;
  if (prepare(engine, HOST_SQL_METRICS, &stmt) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
    out = copy_column(stmt, HOST_METRICS_TEXT, n);
  }
  if (out == NULL) (void)say_db(engine, error);
  if (stmt != NULL) (void)finish(stmt);
  return out;
}

int host_engine_pending(HostEngine *engine, char *error) {
  int pending = 0;
  sqlite3_stmt *stmt;
  error[0] = '\0';
  if (prepare(engine, HOST_SQL_PENDING, &stmt) != SQLITE_OK) {
    (void)say_db(engine, error);
    return 0;
  }
  if (sqlite3_step(stmt) == SQLITE_ROW) {
    if (sqlite3_column_int(stmt, HOST_PENDING_NOTIFICATIONS)) pending |= HOST_PENDING_NOTIFICATION;
    if (sqlite3_column_int(stmt, HOST_PENDING_CHARGES)) pending |= HOST_PENDING_CHARGE;
  }
  if (finish(stmt) != SQLITE_OK) (void)say_db(engine, error);
  return pending;
}

int host_engine_ready(HostEngine *engine, int *sealed, char *error) {
  sqlite3_stmt *stmt;
  int result = -1;
  error[0] = '\0';
  *sealed = 1;
  if (!is_there(engine)) return say_gone(engine, error);
  if (prepare(engine, HOST_SQL_SEALED, &stmt) != SQLITE_OK) return say_db(engine, error);
  if (sqlite3_step(stmt) == SQLITE_ROW) {
    result = 0;
    *sealed = sqlite3_column_int(stmt, HOST_SEALED_SEALED);
  }
  if (result != 0) (void)say_db(engine, error);
  (void)finish(stmt);
  return result;
}

int64_t host_monotonic_us(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t host_engine_clock(void) {
  sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
  sqlite3_int64 ms = 0;
  if (vfs != NULL && vfs->iVersion >= 2 && vfs->xCurrentTimeInt64 != NULL) {
    if (vfs->xCurrentTimeInt64(vfs, &ms) != SQLITE_OK) return 0;
    return (ms - INT64_C(210866760000000)) * 1000; /* a Julian day's milliseconds at 1970 */
  }
  return 0;
}
