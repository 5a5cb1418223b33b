/* A Tcl package with an SQLite VFS whose clock a test sets. Test only.
**
**    load build/libsealclock.so Sealclock
**    sqlite3 db test.db -vfs sealclock
**    clock_vfs set 2026-11-15T12:00:00Z     or 1794744000, or 2026-11-15: stands there from now on
**    db one {SELECT unixepoch()}            1794744000
**    clock_vfs tick 1                       each asking makes it a second later; 0: it stands still
**    clock_vfs step -60                     a minute back; what was set to tick goes on ticking
**    clock_vfs now                          what it will answer next; this does not count as asking
**    clock_vfs asked                        how often it was asked since the last `asked` or `set`
**    clock_vfs real                         the host's clock again
**
** SQLite's date and time functions and the extension ask the clock of the VFS that the main database
** was opened with; connections with another VFS are left alone. Until the first `set` it is the
** host's clock, which neither ticks nor steps. There is one clock in a process, for all connections,
** interpreters and threads.
**
** How: two copies of the default VFS, "sealclock" and "sealclock-days", with our methods for the
** time. The second is of version 1 of the interface, which knows no xCurrentTimeInt64, so that
** SQLite and the extension have to ask xCurrentTime. To have faults as well, load libsealfault.so
** first: what is the default VFS when this is loaded is below.
*/
#include <ctype.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>
#include <tcl.h>
#include <time.h>

#define JULIAN   210866760000   /* seconds from the Julian day's epoch to 1970 */
#define EARLIEST (-62167219200) /* 0000-01-01T00:00:00Z: what SQLite and the extension know */
#define LATEST   253402300799   /* 9999-12-31T23:59:59Z */

/* The clock; whoever looks at it holds the mutex. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
  int is_set;      /* 0: it is the host's */
  Tcl_WideInt now; /* seconds since 1970 */
  Tcl_WideInt tick;
  Tcl_WideInt asked;
} test_clock;

/* Kept within the years that there are, however far it ticks or is asked to step. */
static Tcl_WideInt later(Tcl_WideInt now, Tcl_WideInt seconds) {
  if (seconds > LATEST - now) return LATEST;
  return seconds < EARLIEST - now ? EARLIEST : now + seconds;
}

/************************************************************************************************
** The VFS.
*/
static sqlite3_vfs *real_vfs;

static int current_time_int64(sqlite3_vfs *vfs, sqlite3_int64 *out) {
  int is_set;
  (void)vfs;
  pthread_mutex_lock(&mutex);
  is_set = test_clock.is_set;
  test_clock.asked++;
  if (is_set) {
    *out = (test_clock.now + JULIAN) * 1000;
    test_clock.now = later(test_clock.now, test_clock.tick);
  }
  pthread_mutex_unlock(&mutex);
  return is_set ? SQLITE_OK : real_vfs->xCurrentTimeInt64(real_vfs, out);
}

static int current_time(sqlite3_vfs *vfs, double *out) {
  sqlite3_int64 ms = 0;
  int rc = current_time_int64(vfs, &ms);
  /* Who asks cuts this to milliseconds: half of one more, or some seconds would be the one before. */
  *out = ((double)ms + 0.5) / 86400000.0;
  return rc;
}

/* The other methods of the default VFS use nothing of the sqlite3_vfs that they are given but what is
** copied; files are its own. */
static int install_vfs(void) {
  static sqlite3_vfs ours[2];
  static const char *const names[] = {"sealclock", "sealclock-days"};
  if (sqlite3_vfs_find(names[0]) != NULL) return 1; /* by another interpreter */
  real_vfs = sqlite3_vfs_find(NULL);
  if (real_vfs == NULL || real_vfs->iVersion < 2) return 0;
  for (int i = 0; i < 2; i++) {
    ours[i] = *real_vfs;
    ours[i].pNext = NULL;
    ours[i].zName = names[i];
    ours[i].xCurrentTime = current_time;
    ours[i].xCurrentTimeInt64 = current_time_int64;
    if (i == 1) ours[i].iVersion = 1;
    if (sqlite3_vfs_register(&ours[i], 0) != SQLITE_OK) return 0;
  }
  return 1;
}

/************************************************************************************************
** The Tcl command.
*/
/* Reads +01:00 or -01:00 as seconds; 0 if it is anything else. */
static int read_offset(const char *s, int *out) {
  if ((s[0] != '+' && s[0] != '-') || strlen(s) != 6 || s[3] != ':') return 0;
  for (int i = 1; i < 6; i++) {
    if (i != 3 && !isdigit((unsigned char)s[i])) return 0;
  }
  int hours = (s[1] - '0') * 10 + s[2] - '0', minutes = (s[4] - '0') * 10 + s[5] - '0';
  if (hours > 23 || minutes > 59) return 0;
  *out = (hours * 60 + minutes) * (s[0] == '-' ? -60 : 60);
  return 1;
}

/* Reads RFC 3339, or a date alone (midnight UTC); a fraction of a second is dropped. */
static int read_text(const char *s, Tcl_WideInt *out) {
  static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"};
  struct tm tm;
  char again[40];
  for (int i = 0; i < 2; i++) {
    memset(&tm, 0, sizeof tm);
    const char *rest = strptime(s, formats[i], &tm);
    int offset = 0;
    if (rest == NULL) continue;
    /* strptime takes less than ten digits, spaces and a 30th of February: written again, they differ. */
    time_t t = timegm(&tm);
    size_t n = strftime(again, sizeof again, formats[i], gmtime_r(&t, &tm));
    if (n != (size_t)(rest - s) || memcmp(s, again, n) != 0) return 0;
    if (i == 0 && rest[0] == '.' && isdigit((unsigned char)rest[1])) {
      rest++;
      while (isdigit((unsigned char)*rest)) rest++;
    }
    if (strcmp(rest, i == 0 ? "Z" : "") != 0 && (i == 1 || !read_offset(rest, &offset))) return 0;
    *out = (Tcl_WideInt)t - offset;
    return 1;
  }
  return 0;
}

/* The instant that a word means; an error in the interpreter where it means none. */
static int read_instant(Tcl_Interp *tcl, Tcl_Obj *word, Tcl_WideInt *out) {
  int good =
      Tcl_GetWideIntFromObj(NULL, word, out) == TCL_OK || read_text(Tcl_GetString(word), out);
  if (good && *out >= EARLIEST && *out <= LATEST) return TCL_OK;
  Tcl_SetObjResult(tcl, Tcl_ObjPrintf("\"%s\" is not an instant (RFC 3339, a date, or seconds)",
                                      Tcl_GetString(word)));
  return TCL_ERROR;
}

/* What the next one to ask will be told. */
static Tcl_WideInt clock_now(void) {
  sqlite3_int64 ms = 0;
  if (test_clock.is_set) return test_clock.now;
  (void)real_vfs->xCurrentTimeInt64(real_vfs, &ms);
  return ms / 1000 - JULIAN;
}

enum { ASKED, NOW, REAL, SET, STEP, TICK };

/* Does it, with the mutex held; 0 if the clock is the host's, which can't be moved. */
static int act(int what, Tcl_WideInt value, Tcl_WideInt *result) {
  if ((what == STEP || what == TICK) && !test_clock.is_set) return 0;
  if (what == ASKED) *result = test_clock.asked;
  if (what == ASKED || what == SET) test_clock.asked = 0;
  if (what == SET || what == REAL) {
    test_clock.is_set = what == SET;
    test_clock.now = value;
    test_clock.tick = 0;
  }
  if (what == STEP) test_clock.now = later(test_clock.now, value);
  if (what == TICK) test_clock.tick = value;
  if (what != ASKED) *result = clock_now();
  return 1;
}

/* clock_vfs WHAT ?VALUE?: `asked` gives a number, all others what the clock shows then. */
static int clock_command(ClientData data, Tcl_Interp *tcl, int argc, Tcl_Obj *const *argv) {
  static const char *const names[] = {"asked", "now", "real", "set", "step", "tick", NULL};
  int what, done;
  Tcl_WideInt value = 0, result = 0;
  (void)data;
  if (argc < 2) {
    Tcl_WrongNumArgs(tcl, 1, argv, "asked|now|real|set|step|tick ?VALUE?");
    return TCL_ERROR;
  }
  if (Tcl_GetIndexFromObj(tcl, argv[1], names, "subcommand", TCL_EXACT, &what) != TCL_OK) {
    return TCL_ERROR;
  }
  if (argc != (what >= SET ? 3 : 2)) {
    Tcl_WrongNumArgs(tcl, 2, argv, what == SET ? "INSTANT" : what > SET ? "SECONDS" : NULL);
    return TCL_ERROR;
  }
  if (what == SET && read_instant(tcl, argv[2], &value) != TCL_OK) return TCL_ERROR;
  if (what > SET && Tcl_GetWideIntFromObj(tcl, argv[2], &value) != TCL_OK) return TCL_ERROR;
  pthread_mutex_lock(&mutex);
  done = act(what, value, &result);
  pthread_mutex_unlock(&mutex);
  if (!done) {
    Tcl_SetObjResult(tcl, Tcl_NewStringObj("the clock is the host's: set it first", -1));
    return TCL_ERROR;
  }
  Tcl_SetObjResult(tcl, Tcl_NewWideIntObj(result));
  return TCL_OK;
}

int Sealclock_Init(Tcl_Interp *tcl);

int Sealclock_Init(Tcl_Interp *tcl) {
  int done;
  pthread_mutex_lock(&mutex);
  done = install_vfs();
  pthread_mutex_unlock(&mutex);
  if (!done) {
    Tcl_SetObjResult(tcl, Tcl_NewStringObj("the default VFS has no clock of milliseconds", -1));
    return TCL_ERROR;
  }
  Tcl_CreateObjCommand(tcl, "clock_vfs", clock_command, NULL, NULL);
  return TCL_OK;
}
