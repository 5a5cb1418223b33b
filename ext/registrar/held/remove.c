/* What goes with a row that the operator removes (records.h): all that hangs on it, children first.
*/
#include "registrar/held/held_int.h"

const enum SealSql seal_remove_agreement[] = {
    SQL_AGREEMENT_REMOVE_IDENTITIES,
    SQL_AGREEMENT_REMOVE_MEMBERS,
    SQL_AGREEMENT_REMOVE_RECORDS,
    SQL_AGREEMENT_REMOVE_SERVICES,
    SQL_AGREEMENT_REMOVE_CONFIGURATIONS,
    SQL_AGREEMENT_REMOVE_HELD,
    SQL_AGREEMENT_REMOVE_USE,
    SQL_AGREEMENT_REMOVE_TERMS,
    SQL_AGREEMENT_REMOVE_CREDENTIALS,
    SQL_AGREEMENT_REMOVE_VAL_SERVERS,
    SQL_AGREEMENT_REMOVE,
    SEAL_NO_SQL,
};

const enum SealSql seal_remove_term[] = {
    SQL_TERM_REMOVE_OTHER_USE,
    SQL_TERM_REMOVE_OTHER_HELD,
    SQL_TERM_REMOVE_IDENTITIES,
    SQL_TERM_REMOVE_MEMBERS,
    SQL_TERM_REMOVE_RECORDS,
    SQL_TERM_REMOVE_CONFIGURATIONS,
    SQL_TERM_REMOVE_SERVICES,
    SQL_TERM_REMOVE_HELD,
    SQL_TERM_REMOVE_USE,
    SQL_TERM_REMOVE,
    SEAL_NO_SQL,
};

const enum SealSql seal_remove_val_server[] = {
    SQL_VAL_SERVER_REMOVE_USE,
    SQL_VAL_SERVER_REMOVE_HELD,
    SQL_VAL_SERVER_REMOVE_IDENTITIES,
    SQL_VAL_SERVER_REMOVE_MEMBERS,
    SQL_VAL_SERVER_REMOVE_RECORDS,
    SQL_VAL_SERVER_REMOVE_SERVICES,
    SQL_VAL_SERVER_REMOVE_CONFIGURATIONS,
    SQL_VAL_SERVER_REMOVE_CREDENTIALS,
    SQL_VAL_SERVER_REMOVE,
    SEAL_NO_SQL,
};

int seal_remove(Seal *p, const enum SealSql *statements, int64_t id) {
  int rc = SQLITE_OK;
  for (int i = 0; rc == SQLITE_OK && statements[i] != SEAL_NO_SQL; i++) {
    rc = seal_store_run(seal_store(p), statements[i], "i", id);
  }
  return rc;
}
