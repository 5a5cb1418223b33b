/* seal_registrar: one row, of the registrar itself; the operator may name it.
**
**    UPDATE seal_registrar SET identifier = 'urn:seal:acme';
*/
#include "tables/relation/relation.h"

#include <string.h>

/* sealed: 1 while this connection is not unlocked. */
static int registrar_bind(Seal *p, sqlite3_stmt *view, SealText name) {
  (void)name; /* one row, without a key */
  return sqlite3_bind_int(view, 2, !seal_is_unlocked(p));
}

/* api_root stands before paths: it ends neither with a slash nor in a query. */
static int registrar_check(SealRow *row) {
  SealText root = seal_row_text(row, REGISTRAR_API_ROOT);
  if (root.p == NULL || (root.p[root.n - 1] != '/' && strpbrk(root.p, "?#") == NULL))
    return SQLITE_OK;
  return seal_row_refuse(row, REGISTRAR_API_ROOT,
                         "is not as in https://seal.example, without a slash at its end");
}

const SealRelation seal_relation_registrar = {
    .is = &seal_description_registrar,
    .counts = 1,
    .check = registrar_check,
    .bind = registrar_bind,
};
