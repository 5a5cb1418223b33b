/* What SEAL servers are told, and how they take it over: bundles, signed and in order.
**
**    rc = seal_bundle(p, seal_server_id, since, at, &bundle, err);   at the registrar
**    rc = seal_apply(p, bundle, at, &result, err);                   at a SEAL server
**
** May rely on: held/ for what is told and written, secret/ for keys. A bundle is checked whole before anything
** of it is written. Who calls: both faces.
*/
#ifndef SEAL_EXCHANGE_H
#define SEAL_EXCHANGE_H

#include "registrar/held/records.h"

#ifndef SEAL_BUNDLE_MAX /* the tests of the exchange may be run with a build that cuts earlier */
#define SEAL_BUNDLE_MAX (1024 * 1024) /* bytes of a bundle's objects, but for its last piece */
#endif
/* Bytes of a piece: an object's state, a VAL service with its key parameters, a row. What is stored and larger (no
** message and no row brings that much) is told to nobody, and named. */
#define SEAL_PIECE_MAX (8 * 1024 * 1024)
/* Bytes of a bundle that is applied, as a JWS: what is above and a piece, in base64url, and some more. */
#define SEAL_BUNDLE_JWS_MAX (16 * 1024 * 1024)

/* Makes the bundle for a SEAL server that has applied everything up to `since`: the `to` of the bundle before, a
** change's number, or p of NULL for a full copy. `at` is the registrar's clock. out->jws is the caller's
** (seal_secret_free). Refuses a place of another history with MODIFICATION_NOT_ALLOWED: only a full copy helps. */
typedef struct SealBundle {
  char *jws;
  int news;      /* 0: there is nothing to tell since that place, and it moves no end */
  int64_t acked; /* the last change that who is at that place has applied; -1: not known */
} SealBundle;
int seal_bundle(Seal *p, SealText seal_server_id, SealText since, int64_t at, SealBundle *out,
                SealError *err);
/* Notes how far a SEAL server (row id) has come, as its asking says. */
int seal_bundle_acked(Seal *p, int64_t seal_server, int64_t acked);
/* Another history begins at `at`, since the database is a restored copy: SEAL servers have to take a full copy.
** *epoch is its number. */
int seal_new_epoch(Seal *p, int64_t at, int64_t *epoch);

/* Applies a bundle to this database, a SEAL server's own; *result is JSON {"applied", "at", "more",
** "objects"}, and "untold" if there are objects that could not be told; the caller's (sqlite3_free). All of it or
** nothing. SQLITE_DONE: it was applied before, and nothing has changed. */
int seal_apply(Seal *p, SealText bundle, int64_t at, char **result, SealError *err);
/* A SEAL server's own token for the registrar, or for `aud`, good for `ttl` seconds (1 to 3600) from `at` on, the caller's
** (seal_secret_free). MODIFICATION_NOT_ALLOWED in a database that is none; SEALED. */
int seal_assertion(Seal *p, const char *aud, int64_t ttl, int64_t at, char **token, SealError *err);
#define SEAL_REGISTRAR_ID "urn:seal:registrar" /* what a registrar is called that nobody named */
/* Refuses to make this database a SEAL server's where it is a registrar's: what it holds is its own. */
int seal_apply_ready(Seal *p, SealError *err);

#endif
