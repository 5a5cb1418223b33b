/* seal_registrar: one row, of the registrar itself; the operator may name it.
**
**    UPDATE seal_registrar SET identifier = 'urn:seal:acme';
*/
#include "tables/relation/relation.h"

/* sealed: 1 while this connection is not unlocked. */
static int registrar_bind(Seal *p, sqlite3_stmt *view, SealText name) {
  (void)name; /* one row, without a key */
  return sqlite3_bind_int(view, 2, !seal_is_unlocked(p));
}

const SealRelation seal_relation_registrar = {
    .is = &seal_description_registrar,
    .counts = 1,
    .bind = registrar_bind,
};
