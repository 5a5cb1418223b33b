/* seal_credential: what proves a VAL server: a public key, a certificate or a secret, which is stored sealed.
**
**    INSERT INTO seal_credential(val_server_id, type, value)
**    VALUES ('v2x.acme.example', 'jwk', readfile('acme.jwk'));
*/
#include "registrar/held/records.h"
#include "tables/relation/checks.h"

/* A secret is stored sealed. A row whose id is derived comes here twice: before its key is looked for, and then. */
static int seal_value(SealRow *row, SealCell *cell, const void *bytes, int n) {
  int n_sealed;
  sqlite3_free(row->owned);
  row->owned = NULL;
  int rc = seal_credential_seal(row->p, seal_row_text(row, CREDENTIAL_VAL_SERVER_ID),
                                seal_row_text(row, CREDENTIAL_CREDENTIAL_ID), bytes, n, &row->owned,
                                &n_sealed, row->err);
  if (rc != SQLITE_OK) return rc;
  cell->form = SEAL_CELL_BLOB;
  cell->text = row->owned;
  cell->i = n_sealed;
  return SQLITE_OK;
}

/* The thumbprint is the credential_id where none is given. */
static void default_credential_id(SealRow *row) {
  SealCell *cell = &row->cells[CREDENTIAL_CREDENTIAL_ID];
  if (cell->form != SEAL_CELL_NULL) return;
  cell->form = SEAL_CELL_TEXT;
  cell->text = row->extra;
}

/* A certificate by itself proves a VAL server: it can't be registered twice. */
static int check_certificate(SealRow *row) {
  sqlite3_stmt *there;
  int rc =
      seal_store_row(seal_store(row->p), SQL_AUTHENTICATE_CERTIFICATE, &there, "t", row->extra);
  seal_store_reset(there);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_OK : rc;
  return seal_row_refuse(row, CREDENTIAL_VALUE,
                         "UNIQUE constraint failed: the certificate is registered already");
}

static int credential_check(SealRow *row) {
  int rc = seal_check_window(row, CREDENTIAL_START_TIME, CREDENTIAL_EXP_TIME);
  if (rc != SQLITE_OK || row->old != NULL) return rc;
  rc = seal_check_parent(row, CREDENTIAL_VAL_SERVER_ID, &seal_description_val_server);
  if (rc != SQLITE_OK) return rc;
  int n;
  SealCell *value = &row->cells[CREDENTIAL_VALUE];
  SealText type = seal_row_text(row, CREDENTIAL_TYPE);
  const void *bytes = seal_cell_bytes(value, &n);
  rc = seal_credential_check(row->p, type, bytes, n, row->extra, row->err);
  if (rc == SQLITE_OK && seal_text_is(type, "x509")) rc = check_certificate(row);
  if (rc == SQLITE_OK) default_credential_id(row);
  if (rc == SQLITE_OK && seal_text_is(type, "psk")) rc = seal_value(row, value, bytes, n);
  return rc;
}

/* An active one is revoked, or goes. */
static int credential_after(SealRow *row, int removed) {
  if (row->old == NULL) return SQLITE_OK;
  SealText before = seal_column_text(row->old, CREDENTIAL_STATUS + 1);
  if (before.p == NULL) return seal_text_missing(row->old, CREDENTIAL_STATUS + 1);
  if (!seal_text_is(before, "active")) return SQLITE_OK;
  if (!removed && seal_text_is(seal_row_text(row, CREDENTIAL_STATUS), "active")) return SQLITE_OK;
  return seal_notify_revoked(row->p, row->rowid, row->at.t);
}

const SealRelation seal_relation_credential = {
    .is = &seal_description_credential,
    .check = credential_check,
    .after = credential_after,
};
