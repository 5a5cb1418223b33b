/* Whom SEAL servers serve (records.h): asked of what is held, at an instant.
**
**    rc = seal_serves(p, SEAL_IDM, v2x, alice, at.t, &until);      until when, INT64_MIN: must not
**    rc = seal_served(p, SEAL_IDM, &alice, all, at.t, 100, row, arg);   which VAL services (TS 33.434 5.2.3)
*/
#include "registrar/held/records.h"

#include <string.h>

int seal_member_digest(Seal *p, SealText val_service_id, SealText id,
                       unsigned char out[SEAL_SHA256_SIZE]) {
  char text[2 * SEAL_ID_MAX + 16];
  if (val_service_id.n > SEAL_ID_MAX || id.n > SEAL_ID_MAX) {
    memset(out, 0, SEAL_SHA256_SIZE); /* no stored id is that long: nothing's digest */
    return SQLITE_OK;
  }
  sqlite3_snprintf(sizeof text, text, "%d:", val_service_id.n);
  size_t n = strlen(text);
  memcpy(text + n, val_service_id.p ? val_service_id.p : "", (size_t)val_service_id.n);
  memcpy(text + n + (size_t)val_service_id.n, id.p, (size_t)id.n);
  return seal_reason_rc(
      seal_sha256(seal_crypto(p), text, n + (size_t)val_service_id.n + (size_t)id.n, out));
}

int seal_serves(Seal *p, const char *seal_service, SealText val_service_id, SealText id, int64_t at,
                int64_t *until) {
  sqlite3_stmt *row;
  int rc;
  *until = INT64_MIN;
  if (id.p != NULL) {
    unsigned char digest[SEAL_SHA256_SIZE];
    rc = seal_member_digest(p, val_service_id, id, digest);
    if (rc != SQLITE_OK) return rc;
    rc = seal_store_row(seal_store(p), SQL_SERVES_IDENTITY, &row, "itssb", at, seal_service,
                        &val_service_id, &id, digest, SEAL_SHA256_SIZE);
  } else if (strcmp(seal_service, SEAL_KM) == 0) {
    rc = seal_store_row(seal_store(p), SQL_SERVES_KEY, &row, "is", at, &val_service_id);
  } else {
    return SQLITE_OK;
  }
  if (rc == SQLITE_ROW && sqlite3_column_type(row, SERVES_KEY_UNTIL) != SQLITE_NULL) {
    *until = sqlite3_column_int64(row, SERVES_KEY_UNTIL);
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* 1 if a row is what the registrar writes: its texts go into an answer as they are. */
static int is_whole(const SealServed *served) {
  json_t *json = NULL;
  SealReason reason = SEAL_VALID;
  if (served->end_pt.p != NULL)
    reason = seal_json_parse(served->end_pt.p, (size_t)served->end_pt.n, 4, &json);
  json_decref(json);
  return reason == SEAL_VALID && seal_is_id(served->val_service_id) &&
         seal_is_id(served->val_server_id) &&
         seal_is_id(served->val_user_id.p ? served->val_user_id : served->val_ue_id);
}

int seal_served(Seal *p, const char *seal_service, const SealRecord *asked, SealText services,
                int64_t at, int limit, int (*row)(void *arg, const SealServed *served), void *arg) {
  sqlite3_stmt *rows;
  int rc;
  if (asked != NULL) {
    rc = seal_store_row(seal_store(p), SQL_SERVED_ONE, &rows, "itsiss", at, seal_service, &services,
                        (int64_t)limit, &asked->val_user_id, &asked->val_ue_id);
  } else {
    rc = seal_store_row(seal_store(p), SQL_SERVED_ALL, &rows, "itsi", at, seal_service, &services,
                        (int64_t)limit);
  }
  while (rc == SQLITE_ROW) {
    SealServed served = {
        .val_user_id = seal_column_text(rows, SERVED_ALL_VAL_USER_ID),
        .val_ue_id = seal_column_text(rows, SERVED_ALL_VAL_UE_ID),
        .val_service_id = seal_column_text(rows, SERVED_ALL_VAL_SERVICE_ID),
        .val_server_id = seal_column_text(rows, SERVED_ALL_VAL_SERVER_ID),
        .end_pt = seal_column_text(rows, SERVED_ALL_END_PT),
        .until = sqlite3_column_int64(rows, SERVED_ALL_UNTIL),
        .n = sqlite3_column_int(rows, SERVED_ALL_N),
    };
    rc = is_whole(&served) ? row(arg, &served) : SQLITE_CORRUPT_VTAB;
    if (rc == SQLITE_OK) rc = sqlite3_step(rows);
  }
  seal_store_reset(rows);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}
