/* Refused rows (held.h). A row that is refused raises an error, and takes with it whatever was written for it; only
** where the host goes on without it (INSERT OR IGNORE) something can be kept. It is gathered, as rows are, so that a
** load of a million refused rows leaves one entry for each requester, relation and cause.
*/
#include "registrar/held/held_int.h"

#include <string.h>

/* Writes what was gathered of one kind. */
static int write_refused(Seal *p, const SealRefused *refused) {
  const char *cause = seal_cause_text(refused->cause);
  int known = refused->requester[0] != 0, audited = 1;
  int rc = seal_refusal_count(p, cause, refused->rows);
  if (rc == SQLITE_OK && !known) {
    rc = seal_refusal_note(p, refused->at, cause, refused->rows, &audited);
  }
  if (rc != SQLITE_OK || !audited) return rc;
  char *object = sqlite3_mprintf("seal_%s", refused->relation);
  char *detail = sqlite3_mprintf("{\"rows\":%lld}", (long long)refused->rows);
  SealEvent event = {
      refused->at, known ? refused->requester : "unknown", "INSERT", object, "refused", cause,
      detail};
  rc = object && detail ? seal_audit_write(p, &event) : SQLITE_NOMEM;
  sqlite3_free(object);
  sqlite3_free(detail);
  return rc;
}

int seal_refused_write(Seal *p, SealSlots *slots) {
  int rc = SQLITE_OK;
  for (int i = 0; rc == SQLITE_OK && i < slots->n_refused; i++) {
    rc = write_refused(p, &slots->refused[i]);
  }
  slots->n_refused = 0;
  return rc;
}

int seal_row_refused(Seal *p, const char *relation, const char *requester, SealCause cause,
                     int64_t at) {
  SealSlots *slots = seal_slots(p);
  if (slots == NULL) return SQLITE_NOMEM;
  for (int i = 0; i < slots->n_refused; i++) {
    SealRefused *there = &slots->refused[i];
    if (there->cause == cause && there->at == at && there->relation == relation &&
        strcmp(there->requester, requester) == 0) {
      there->rows++;
      return SQLITE_OK;
    }
  }
  int rc = slots->n_refused == SEAL_REFUSED ? seal_refused_write(p, slots) : SQLITE_OK;
  if (rc != SQLITE_OK) return rc;
  SealRefused *one = &slots->refused[slots->n_refused++];
  *one = (SealRefused){.relation = relation, .cause = cause, .at = at, .rows = 1};
  sqlite3_snprintf(sizeof one->requester, one->requester, "%s", requester);
  return SQLITE_OK;
}
