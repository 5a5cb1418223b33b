/* seal_registrar: one row, of the registrar itself; the operator may name it.
**
**    UPDATE seal_registrar SET identifier = 'urn:seal:acme';
*/
#include "registrar/ledger/notification.h"
#include "tables/relation/relation.h"

#include <string.h>

/* sealed: 1 while this connection is not unlocked. */
static int registrar_bind(Seal *p, sqlite3_stmt *view, SealText name) {
  (void)name; /* one row, without a key */
  return sqlite3_bind_int(view, 2, !seal_is_unlocked(p));
}

/* Why a text is no notice_before; NULL: it is. */
static const char *notice_fault(const json_t *leads) {
  size_t i;
  const json_t *lead;
  if (!json_is_array(leads)) return "is not a JSON array of seconds";
  if (json_array_size(leads) > SEAL_NOTICES_MAX) return "has over 16 elements";
  json_array_foreach(leads, i, lead) {
    json_int_t seconds = json_is_integer(lead) ? json_integer_value(lead) : 0;
    if (seconds < 1 || seconds > SEAL_NOTICE_LEAD) {
      return "has an element that is not 1 to 315360000 seconds";
    }
  }
  return NULL;
}

static int check_notice_before(SealRow *row) {
  json_t *leads = NULL;
  SealText text = seal_row_text(row, REGISTRAR_NOTICE_BEFORE);
  if (!row->cells[REGISTRAR_NOTICE_BEFORE].changed) return SQLITE_OK;
  if (text.p == NULL) return SQLITE_NOMEM;
  if (seal_json_parse(text.p, (size_t)text.n, 1, &leads) == SEAL_NOMEM) return SQLITE_NOMEM;
  const char *fault = notice_fault(leads);
  int rc = fault ? seal_row_refuse(row, REGISTRAR_NOTICE_BEFORE, "%s", fault) : SQLITE_OK;
  json_decref(leads);
  return rc;
}

/* api_root stands before paths: it ends neither with a slash nor in a query. */
static int registrar_check(SealRow *row) {
  SealText root = seal_row_text(row, REGISTRAR_API_ROOT);
  int rc = check_notice_before(row);
  if (rc != SQLITE_OK) return rc;
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
