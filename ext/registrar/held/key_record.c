/* Key records (records.h): what a VAL service owner provisions for SKM-S to hand out, opaque to us
** (TS 33.434 5.3.2). They lie in a VAL service of a key management configuration, as identities lie in
** one of identity management, and are sealed at rest to the row that they are:
**
**    val_server_id, conf_id, val_service_id, one of val_user_id, val_ue_id, client_id, or none: the service's own,
**    and payload_id, where that one has several
*/
#include "registrar/held/held_int.h"

#include <assert.h>
#include <string.h>

/* What a record is sealed to: *out is the caller's (sqlite3_free). */
static int record_aad(const SealRecordPlace *place, const SealRecord *record, char **out) {
  char kind = record->val_user_id.p ? 'u'
              : record->val_ue_id.p ? 'e'
              : record->client_id.p ? 'c'
                                    : 's';
  SealText id = kind == 'u'   ? record->val_user_id
                : kind == 'e' ? record->val_ue_id
                              : record->client_id;
  /* Characters, as SQLite's length() counts them in sql/statements/secret.sql. */
  *out = sqlite3_mprintf("%d:%.*s%d:%.*s%d:%.*s%c%.*s%s%.*s", seal_characters(place->val_server_id),
                         place->val_server_id.n, place->val_server_id.p,
                         seal_characters(place->conf_id), place->conf_id.n, place->conf_id.p,
                         seal_characters(place->val_service_id), place->val_service_id.n,
                         place->val_service_id.p, kind, id.n, id.p ? id.p : "",
                         record->payload_id.p ? "\n" : "", record->payload_id.n,
                         record->payload_id.p ? record->payload_id.p : "");
  return *out ? SQLITE_OK : SQLITE_NOMEM;
}

int seal_record_store(Seal *p, int64_t service, int64_t number, const SealRecordPlace *place,
                      const SealRecord *record, int64_t *rowid, SealError *err) {
  char *aad = NULL;
  void *sealed = NULL;
  int n_sealed = 0;
  if (number >= SEAL_ROWS_MAX) return SQLITE_FULL;
  *rowid = (service << SEAL_ROW_BITS) + number;
  int rc = record_aad(place, record, &aad);
  if (rc == SQLITE_OK) {
    rc = seal_secret_seal(p, SEAL_FOR_RECORD, (SealText){aad, (int)strlen(aad)}, record->key_info.p,
                          record->key_info.n, &sealed, &n_sealed, err);
  }
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_RECORD_INSERT, "iisssssbss", *rowid, service,
                        &record->val_user_id, &record->val_ue_id, &record->client_id,
                        &record->payload_id, &record->key_format, sealed, n_sealed,
                        &record->user_uri, &record->skmc_uri);
  }
  sqlite3_free(aad);
  sqlite3_free(sealed);
  return rc;
}

int seal_record_open(Seal *p, int64_t id, const SealRecordPlace *place, const SealRecord *record,
                     const void *sealed, int n, void **out, int *n_out, SealError *err) {
  char *aad = NULL;
  *out = NULL;
  int rc = record_aad(place, record, &aad);
  if (rc == SQLITE_OK) {
    rc = seal_secret_open(p, SEAL_FOR_RECORD, id, (SealText){aad, (int)strlen(aad)}, sealed, n, out,
                          n_out, err);
  }
  sqlite3_free(aad);
  return rc;
}

/* Reads the best record that `row` stands on (columns of record_find) into *out. */
static int read_found(Seal *p, const SealRequester *who, sqlite3_stmt *row, SealFoundRecord *out,
                      SealError *err) {
  SealRecordPlace place = {
      .val_server_id = {who->val_server_id, (int)strlen(who->val_server_id)},
      .conf_id = seal_column_text(row, RECORD_FIND_CONF_ID),
      .val_service_id = seal_column_text(row, RECORD_FIND_VAL_SERVICE_ID),
  };
  SealRecord record = {
      .val_user_id = seal_column_text(row, RECORD_FIND_VAL_USER_ID),
      .val_ue_id = seal_column_text(row, RECORD_FIND_VAL_UE_ID),
      .client_id = seal_column_text(row, RECORD_FIND_CLIENT_ID),
      .payload_id = seal_column_text(row, RECORD_FIND_PAYLOAD_ID),
  };
  if (place.conf_id.p == NULL || place.val_service_id.p == NULL) return SQLITE_CORRUPT_VTAB;
  SealText user_uri = seal_column_text(row, RECORD_FIND_USER_URI);
  if (user_uri.p != NULL) {
    out->user_uri = sqlite3_mprintf("%.*s", user_uri.n, user_uri.p);
    if (out->user_uri == NULL) return SQLITE_NOMEM;
  }
  return seal_record_open(p, sqlite3_column_int64(row, RECORD_FIND_ID), &place, &record,
                          sqlite3_column_blob(row, RECORD_FIND_KEY_INFO),
                          sqlite3_column_bytes(row, RECORD_FIND_KEY_INFO), &out->key_info,
                          &out->n_key_info, err);
}

int seal_record_find(Seal *p, const SealRequester *who, SealText val_service_id,
                     const SealRecord *asked, int64_t at, SealFoundRecord *out, SealError *err) {
  sqlite3_stmt *row;
  memset(out, 0, sizeof *out);
  int rc = seal_unlocked(p, err);
  if (rc == SQLITE_OK) {
    rc = seal_store_row(seal_store(p), SQL_RECORD_FIND, &row, "iissss", at, who->val_server,
                        &val_service_id, &asked->val_user_id, &asked->val_ue_id, &asked->client_id);
    if (rc == SQLITE_ROW) {
      rc = read_found(p, who, row, out, err);
    } else if (rc == SQLITE_DONE) {
      rc = seal_refuse(err, SEAL_RESOURCE_CONTEXT_NOT_FOUND, "there is no such key record");
    }
    seal_store_reset(row);
  }
  return rc;
}

void seal_record_clear(SealFoundRecord *found) {
  seal_secret_free(found->key_info, found->n_key_info);
  sqlite3_free(found->user_uri);
  memset(found, 0, sizeof *found);
}

int seal_skms_uri(Seal *p, char **out) {
  sqlite3_stmt *row;
  *out = NULL;
  int rc = seal_store_row(seal_store(p), SQL_REGISTRAR_SKMS_URI, &row, "");
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  SealText own = seal_column_text(row, REGISTRAR_SKMS_URI_SKMS_URI);
  if (own.p != NULL) *out = sqlite3_mprintf("%.*s", own.n, own.p);
  seal_store_reset(row);
  return own.p != NULL && *out == NULL ? SQLITE_NOMEM : SQLITE_OK;
}

int seal_skms_uri_check(Seal *p, SealText uri, SealError *err) {
  char *own;
  int rc = seal_skms_uri(p, &own);
  if (rc != SQLITE_OK) return rc;
  int same = own != NULL && seal_text_is(uri, own);
  sqlite3_free(own);
  if (!same) {
    return seal_fault(err, SEAL_MANDATORY_IE_INCORRECT, "/sKmsUri",
                      "is not this registrar's key management URI");
  }
  return err->cause == SEAL_CAUSE_NONE ? SQLITE_OK : SQLITE_CONSTRAINT_VTAB;
}
