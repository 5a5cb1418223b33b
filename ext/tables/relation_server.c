/* seal_server: the SEAL servers that are told. jwk is the public key that key records are encrypted to.
**
**    INSERT INTO seal_server(seal_server_id, seal_service) VALUES ('idm-1', 'identity-management');
*/
#include "registrar/held/records.h"
#include "tables/relation/checks.h"

#include <string.h>

static int server_check(SealRow *row) {
  SealText jwk = seal_row_text(row, SERVER_JWK);
  char thumbprint[44];
  int rc = seal_check_status(row, SERVER_STATUS);
  if (rc != SQLITE_OK || jwk.p == NULL || !row->cells[SERVER_JWK].changed) return rc;
  SealError err;
  memset(&err, 0, sizeof err);
  rc = seal_credential_check(row->p, seal_text_from("jwk"), jwk.p, jwk.n, thumbprint, &err);
  if (rc == SQLITE_CONSTRAINT_VTAB) rc = seal_row_refuse(row, SERVER_JWK, "is not one public JWK");
  seal_error_clear(&err);
  return rc;
}

const SealRelation seal_relation_server = {
    .is = &seal_description_server,
    .check = server_check,
};
