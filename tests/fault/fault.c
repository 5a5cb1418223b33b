/* A Tcl package that makes memory, reading and writing fail on demand. Test only.
**
**    load build/libsealfault.so         before `package require sqlite3`
**    fault_arm oom 7 0                  the 7th allocation from now fails, once
**    catch {db eval {...}}
**    fault_disarm                       how many failed: 0 means that the run was clean
**    fault_blocks                       "sqlite N openssl N jansson N": blocks that live now
**
** fault_arm KIND N PERSISTENT: KIND is oom (an allocation of SQLite, OpenSSL or jansson gives
** NULL), ioerr (a call of the VFS gives SQLITE_IOERR or SQLITE_CANTOPEN) or full (a write gives
** SQLITE_FULL). With PERSISTENT 1 everything of that kind fails from the N-th on.
**
** How: SQLite is configured with a counting allocator over its own, and a VFS over the default one
** becomes the default; OpenSSL and jansson are told to allocate here. All of that is process-wide,
** and so is the state below: one thread, one process, one test file.
*/
#include <jansson.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <tcl.h>

enum { OOM, IOERR, FULL, NOTHING };

/* What is to fail. */
static struct {
  int kind;         /* OOM, IOERR, FULL or NOTHING */
  Tcl_WideInt left; /* calls of that kind until the first that fails */
  int persistent;   /* whether those after it fail too */
  Tcl_WideInt hits; /* how many failed */
} armed = {NOTHING, 0, 0, 0};

/* Blocks that live now. */
static struct { Tcl_WideInt sqlite, openssl, jansson; } blocks;

/* Counts a call; true if it is to fail. */
static int fails(int kind) {
  if (armed.kind != kind) return 0;
  if (armed.left > 1) {
    armed.left--;
    return 0;
  }
  if (armed.hits > 0 && !armed.persistent) return 0;
  armed.hits++;
  return 1;
}

/************************************************************************************************
** Memory of SQLite, OpenSSL and jansson.
*/
static sqlite3_mem_methods sqlite_memory; /* SQLite's own */

static void *sqlite_malloc(int n) {
  void *p = fails(OOM) ? NULL : sqlite_memory.xMalloc(n);
  if (p != NULL) blocks.sqlite++;
  return p;
}

static void *sqlite_realloc(void *p, int n) {
  return fails(OOM) ? NULL : sqlite_memory.xRealloc(p, n);
}

static void sqlite_free(void *p) {
  blocks.sqlite--;
  sqlite_memory.xFree(p);
}

static void *openssl_malloc(size_t n, const char *file, int line) {
  void *p;
  (void)file;
  (void)line;
  if (n == 0) return NULL;
  p = fails(OOM) ? NULL : malloc(n);
  if (p != NULL) blocks.openssl++;
  return p;
}

static void openssl_free(void *p, const char *file, int line) {
  (void)file;
  (void)line;
  if (p != NULL) blocks.openssl--;
  free(p);
}

static void *openssl_realloc(void *p, size_t n, const char *file, int line) {
  if (p == NULL) return openssl_malloc(n, file, line);
  if (n == 0) {
    openssl_free(p, file, line);
    return NULL;
  }
  return fails(OOM) ? NULL : realloc(p, n);
}

static void *jansson_malloc(size_t n) {
  void *p = fails(OOM) ? NULL : malloc(n);
  if (p != NULL) blocks.jansson++;
  return p;
}

static void jansson_free(void *p) {
  if (p != NULL) blocks.jansson--;
  free(p);
}

/* Puts the allocators above in place. None of the three libraries may have been used before. */
static int install_memory(void) {
  sqlite3_mem_methods ours;
  int rc = sqlite3_shutdown();
  if (rc == SQLITE_OK) rc = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory);
  ours = sqlite_memory;
  ours.xMalloc = sqlite_malloc;
  ours.xRealloc = sqlite_realloc;
  ours.xFree = sqlite_free;
  if (rc == SQLITE_OK) rc = sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
  /* Lookaside would serve small allocations without asking. */
  if (rc == SQLITE_OK) rc = sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
  if (rc != SQLITE_OK) return 0;
  json_set_alloc_funcs(jansson_malloc, jansson_free);
  return CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free);
}

/************************************************************************************************
** The VFS: the default one below, with faults.
*/
typedef struct FaultFile {
  sqlite3_file base;
  sqlite3_file *real; /* the file of the VFS below, in the same block */
} FaultFile;

static sqlite3_vfs *real_vfs;

#define REAL(f) (((FaultFile *)(f))->real)

static int file_close(sqlite3_file *f) {
  return REAL(f)->pMethods->xClose(REAL(f));
}

static int file_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) {
  if (fails(IOERR)) return SQLITE_IOERR_READ;
  return REAL(f)->pMethods->xRead(REAL(f), p, n, at);
}

static int file_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
  if (fails(IOERR)) return SQLITE_IOERR_WRITE;
  if (fails(FULL)) return SQLITE_FULL;
  return REAL(f)->pMethods->xWrite(REAL(f), p, n, at);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 n) {
  if (fails(IOERR)) return SQLITE_IOERR_TRUNCATE;
  return REAL(f)->pMethods->xTruncate(REAL(f), n);
}

static int file_sync(sqlite3_file *f, int flags) {
  if (fails(IOERR)) return SQLITE_IOERR_FSYNC;
  return REAL(f)->pMethods->xSync(REAL(f), flags);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *n) {
  if (fails(IOERR)) return SQLITE_IOERR_FSTAT;
  return REAL(f)->pMethods->xFileSize(REAL(f), n);
}

static int file_lock(sqlite3_file *f, int level) {
  if (fails(IOERR)) return SQLITE_IOERR_LOCK;
  return REAL(f)->pMethods->xLock(REAL(f), level);
}

/* Unlocking cannot fail: SQLite does not look. */
static int file_unlock(sqlite3_file *f, int level) {
  return REAL(f)->pMethods->xUnlock(REAL(f), level);
}

static int file_check_lock(sqlite3_file *f, int *held) {
  if (fails(IOERR)) return SQLITE_IOERR_CHECKRESERVEDLOCK;
  return REAL(f)->pMethods->xCheckReservedLock(REAL(f), held);
}

static int file_control(sqlite3_file *f, int op, void *arg) {
  return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}

static int file_sector_size(sqlite3_file *f) {
  return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int file_characteristics(sqlite3_file *f) {
  return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static int file_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **p) {
  if (fails(IOERR)) return SQLITE_IOERR_SHMMAP;
  return REAL(f)->pMethods->xShmMap(REAL(f), page, size, extend, p);
}

static int file_shm_lock(sqlite3_file *f, int offset, int n, int flags) {
  return REAL(f)->pMethods->xShmLock(REAL(f), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *f) {
  REAL(f)->pMethods->xShmBarrier(REAL(f));
}

static int file_shm_unmap(sqlite3_file *f, int remove) {
  return REAL(f)->pMethods->xShmUnmap(REAL(f), remove);
}

/* Version 2: memory-mapped reading (version 3) would pass the faults by. */
static const sqlite3_io_methods file_methods = {
    2,
    file_close,
    file_read,
    file_write,
    file_truncate,
    file_sync,
    file_size,
    file_lock,
    file_unlock,
    file_check_lock,
    file_control,
    file_sector_size,
    file_characteristics,
    file_shm_map,
    file_shm_lock,
    file_shm_barrier,
    file_shm_unmap,
    NULL,
    NULL,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out) {
  FaultFile *file = (FaultFile *)f;
  int rc;
  (void)vfs;
  file->base.pMethods = NULL;
  if (fails(IOERR)) return SQLITE_CANTOPEN;
  file->real = (sqlite3_file *)(file + 1);
  rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out);
  if (file->real->pMethods != NULL) file->base.pMethods = &file_methods;
  return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync) {
  (void)vfs;
  if (fails(IOERR)) return SQLITE_IOERR_DELETE;
  return real_vfs->xDelete(real_vfs, name, sync);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *yes) {
  (void)vfs;
  if (fails(IOERR)) return SQLITE_IOERR_ACCESS;
  return real_vfs->xAccess(real_vfs, name, flags, yes);
}

/* Makes a copy of the default VFS the default, with the methods above. Its other methods use
** nothing of the sqlite3_vfs that they are given but what is copied. */
static int install_vfs(void) {
  static sqlite3_vfs ours;
  real_vfs = sqlite3_vfs_find(NULL);
  if (real_vfs == NULL) return 0;
  ours = *real_vfs;
  ours.pNext = NULL;
  ours.zName = "sealfault";
  ours.szOsFile = (int)sizeof(FaultFile) + real_vfs->szOsFile;
  ours.xOpen = vfs_open;
  ours.xDelete = vfs_delete;
  ours.xAccess = vfs_access;
  return sqlite3_vfs_register(&ours, 1) == SQLITE_OK;
}

/************************************************************************************************
** The Tcl commands.
*/
static int arm_command(ClientData data, Tcl_Interp *tcl, int argc, Tcl_Obj *const *argv) {
  static const char *const kinds[] = {"oom", "ioerr", "full", NULL};
  int kind, persistent;
  Tcl_WideInt n;
  (void)data;
  if (argc != 4) {
    Tcl_WrongNumArgs(tcl, 1, argv, "KIND N PERSISTENT");
    return TCL_ERROR;
  }
  if (Tcl_GetIndexFromObj(tcl, argv[1], kinds, "kind", TCL_EXACT, &kind) != TCL_OK ||
      Tcl_GetWideIntFromObj(tcl, argv[2], &n) != TCL_OK ||
      Tcl_GetBooleanFromObj(tcl, argv[3], &persistent) != TCL_OK) {
    return TCL_ERROR;
  }
  armed.left = n;
  armed.persistent = persistent;
  armed.hits = 0;
  armed.kind = kind;
  return TCL_OK;
}

static int disarm_command(ClientData data, Tcl_Interp *tcl, int argc, Tcl_Obj *const *argv) {
  (void)data;
  (void)argc;
  (void)argv;
  armed.kind = NOTHING;
  Tcl_SetObjResult(tcl, Tcl_NewWideIntObj(armed.hits));
  return TCL_OK;
}

static int blocks_command(ClientData data, Tcl_Interp *tcl, int argc, Tcl_Obj *const *argv) {
  (void)data;
  (void)argc;
  (void)argv;
  Tcl_SetObjResult(tcl, Tcl_ObjPrintf("sqlite %ld openssl %ld jansson %ld", (long)blocks.sqlite,
                                      (long)blocks.openssl, (long)blocks.jansson));
  return TCL_OK;
}

int Sealfault_Init(Tcl_Interp *tcl);

int Sealfault_Init(Tcl_Interp *tcl) {
  if (!install_memory() || !install_vfs()) {
    Tcl_SetObjResult(tcl, Tcl_NewStringObj("SQLite, OpenSSL or jansson was in use already", -1));
    return TCL_ERROR;
  }
  Tcl_CreateObjCommand(tcl, "fault_arm", arm_command, NULL, NULL);
  Tcl_CreateObjCommand(tcl, "fault_disarm", disarm_command, NULL, NULL);
  Tcl_CreateObjCommand(tcl, "fault_blocks", blocks_command, NULL, NULL);
  return TCL_OK;
}
