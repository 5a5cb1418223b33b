/* What SEAL servers are told, and how they take it over: bundles, signed and in order.
**
**    rc = seal_bundle(p, seal_server_id, since, at, &jws, err);      at the registrar
**    rc = seal_apply(p, bundle, at, &result, err);                   at a SEAL server
**
** May rely on: held/ for what is told and written, secret/ for keys. A bundle is checked whole before anything
** of it is written. Who calls: the SQL face.
*/
#ifndef SEAL_EXCHANGE_H
#define SEAL_EXCHANGE_H

#include "registrar/held/records.h"

#ifndef SEAL_BUNDLE_MAX /* the tests of the exchange may be run with a build that cuts earlier */
#define SEAL_BUNDLE_MAX (1024 * 1024) /* bytes of a bundle's payload, about */
#endif
/* Makes the bundle for a SEAL server that has applied everything up to `since`: a change's number, the
** `to` of the bundle before, or p of NULL for a full copy. *jws is the caller's (seal_secret_free). */
int seal_bundle(Seal *p, SealText seal_server_id, SealText since, int64_t at, char **jws,
                SealError *err);
/* Applies a bundle to this database, a SEAL server's own; *result is JSON {"applied", "more",
** "objects"}, the caller's (sqlite3_free). All of it or nothing. SQLITE_DONE: it was applied before, and
** nothing has changed. */
int seal_apply(Seal *p, SealText bundle, int64_t at, char **result, SealError *err);

#endif
