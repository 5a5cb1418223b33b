/* Configurations as they are stored, read back (records.h): for answers, and for changes that keep
** what they do not name.
*/
#include "base/json.h"
#include "registrar/held/held_int.h"

#include <assert.h>
#include <string.h>

/* What a kept text stands in: they are freed together. */
typedef struct Block {
  struct Block *next;
} Block;

/* Copies a text into memory that seal_configuration_free frees. */
static int keep_text(SealStored *out, SealText text, SealText *copy) {
  *copy = (SealText){NULL, text.n};
  if (text.p == NULL) return SQLITE_OK;
  Block *block = sqlite3_malloc64(sizeof *block + (size_t)text.n + 1);
  if (block == NULL) return SQLITE_NOMEM;
  block->next = out->memory;
  out->memory = block;
  char *at = (char *)(block + 1);
  memcpy(at, text.p, (size_t)text.n);
  at[text.n] = 0;
  copy->p = at;
  return SQLITE_OK;
}

int seal_stored_end_pt(SealText text) {
  SealJson json;
  if (text.p == NULL) return SQLITE_OK;
  seal_json_begin(&json, text.p, (size_t)text.n, SEAL_JSON_DEPTH_MAX);
  SealJsonEvent event = seal_json_next(&json);
  int is_object = event == SEAL_JSON_OBJECT;
  seal_json_pass(&json, event);
  is_object &= seal_json_next(&json) == SEAL_JSON_END;
  seal_json_end(&json);
  return is_object ? SQLITE_OK : SQLITE_CORRUPT_VTAB;
}

static int load_head(Seal *p, int64_t id, SealStored *out) {
  sqlite3_stmt *row;
  SealText text;
  int rc = seal_store_row(seal_store(p), SQL_STORED_HEAD, &row, "i", id);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  SealText val_server_id = seal_column_text(row, STORED_HEAD_VAL_SERVER_ID);
  out->conf.seal_service = seal_service_name(seal_column_text(row, STORED_HEAD_SEAL_SERVICE));
  out->conf.exp_time = seal_column_until(row, STORED_HEAD_EXP_TIME);
  out->conf.valid_until = seal_column_until(row, STORED_HEAD_VALID_UNTIL);
  sqlite3_snprintf(sizeof out->val_server_id, out->val_server_id, "%.*s", val_server_id.n,
                   val_server_id.p ? val_server_id.p : "");
  rc = keep_text(out, seal_column_text(row, STORED_HEAD_CONF_ID), &text);
  out->conf.conf_id = text.p;
  if (rc == SQLITE_OK)
    rc = keep_text(out, seal_column_text(row, STORED_HEAD_SUPP_FEAT), &out->conf.supp_feat);
  if (rc == SQLITE_OK)
    rc = keep_text(out, seal_column_text(row, STORED_HEAD_END_PT), &out->conf.end_pt);
  if (rc == SQLITE_OK) rc = seal_stored_end_pt(out->conf.end_pt);
  if (rc == SQLITE_OK)
    rc = keep_text(out, seal_column_text(row, STORED_HEAD_NOTIFICATION_DESTINATION),
                   &out->conf.notification_destination);
  seal_store_reset(row);
  return rc == SQLITE_OK && out->conf.seal_service == NULL ? SQLITE_CORRUPT_VTAB : rc;
}

/* Makes room for one more identity; a stored count is not trusted to say how many there are. */
static int reserve_id(SealService *to, size_t *size) {
  if (to->n_ids < *size) return SQLITE_OK;
  size_t more = *size ? *size * 2 : 16;
  SealId *ids = sqlite3_realloc64(to->ids, more * sizeof *ids);
  if (ids == NULL) return SQLITE_NOMEM;
  to->ids = ids;
  *size = more;
  return SQLITE_OK;
}

/* Reads the identities of one service, which says that it has n. */
static int load_ids(Seal *p, int64_t service, SealStored *out, SealService *to, size_t n) {
  sqlite3_stmt *row;
  int64_t first = service << SEAL_ROW_BITS;
  size_t size = 0;
  int rc =
      seal_store_row(seal_store(p), SQL_STORED_IDS, &row, "ii", first, first + SEAL_ROWS_MAX - 1);
  for (; rc == SQLITE_ROW && to->n_ids < n; rc = sqlite3_step(row)) {
    int is_ue = sqlite3_column_type(row, STORED_IDS_VAL_USER_ID) == SQLITE_NULL;
    SealText text;
    int bad = reserve_id(to, &size);
    if (bad == SQLITE_OK) bad = keep_text(out, seal_column_text(row, is_ue), &text);
    if (bad != SQLITE_OK) {
      rc = bad;
      break;
    }
    to->ids[to->n_ids++] = (SealId){text.p, text.n, is_ue};
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW ? SQLITE_CORRUPT_VTAB : rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int load_service(Seal *p, sqlite3_stmt *row, SealStored *out, SealService *to) {
  int rc =
      keep_text(out, seal_column_text(row, STORED_SERVICES_VAL_SERVICE_ID), &to->val_service_id);
  if (rc == SQLITE_OK) {
    rc = keep_text(out, seal_column_text(row, STORED_SERVICES_KEY_FORMAT), &to->key_format);
  }
  if (rc == SQLITE_OK)
    rc = keep_text(out, seal_column_text(row, STORED_SERVICES_SCOPE), &to->scope);
  to->id = sqlite3_column_int64(row, STORED_SERVICES_ID);
  to->term = sqlite3_column_int64(row, STORED_SERVICES_TERM);
  to->held_records = sqlite3_column_int64(row, STORED_SERVICES_KEY_RECORDS);
  int64_t n = sqlite3_column_int64(row, STORED_SERVICES_IDENTITIES);
  if (n < 0 || n > SEAL_ROWS_MAX) return SQLITE_CORRUPT_VTAB;
  return rc == SQLITE_OK ? load_ids(p, to->id, out, to, (size_t)n) : rc;
}

int seal_configuration_load(Seal *p, int64_t id, SealStored *out) {
  sqlite3_stmt *row;
  memset(out, 0, sizeof *out);
  int rc = load_head(p, id, out);
  if (rc != SQLITE_OK) return rc;
  rc = seal_store_row(seal_store(p), SQL_STORED_SERVICES, &row, "i", id);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(row)) {
    size_t n = out->conf.n_services;
    SealService *services = sqlite3_realloc64(out->conf.services, (n + 1) * sizeof *services);
    if (services == NULL) {
      rc = SQLITE_NOMEM;
      break;
    }
    memset(&services[n], 0, sizeof *services);
    out->conf.services = services;
    out->conf.n_services = n + 1;
    int bad = load_service(p, row, out, &services[n]);
    if (bad != SQLITE_OK) {
      rc = bad;
      break;
    }
  }
  seal_store_reset(row);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

void seal_configuration_free(SealStored *stored) {
  for (size_t i = 0; i < stored->conf.n_services; i++) sqlite3_free(stored->conf.services[i].ids);
  sqlite3_free(stored->conf.services);
  Block *block = stored->memory;
  while (block != NULL) {
    Block *next = block->next;
    sqlite3_free(block);
    block = next;
  }
  memset(stored, 0, sizeof *stored);
}

int seal_configuration_list(Seal *p, int64_t val_server, const char *seal_service, int64_t at,
                            int64_t **ids, size_t *n) {
  sqlite3_stmt *row;
  size_t size = 0;
  *ids = NULL;
  *n = 0;
  int rc = seal_store_row(seal_store(p), SQL_CONFIGURATION_LIST, &row, "iit", at, val_server,
                          seal_service);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(row)) {
    if (*n == size) {
      size = size ? size * 2 : 16;
      int64_t *more = sqlite3_realloc64(*ids, size * sizeof *more);
      if (more == NULL) {
        rc = SQLITE_NOMEM;
        break;
      }
      *ids = more;
    }
    (*ids)[(*n)++] = sqlite3_column_int64(row, CONFIGURATION_LIST_ID);
  }
  seal_store_reset(row);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}
