/* Configurations as they are stored, read back (registrar.h): for answers, and for changes that keep
** what they do not name.
*/
#include "registrar/internal.h"

#include <assert.h>
#include <string.h>

/* What a kept text stands in: they are freed together. */
typedef struct Block {
  struct Block *next;
} Block;

/* Copies a text into memory that seal_configuration_free frees. */
static int keep(SealStored *out, SealText text, SealText *copy) {
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

static int load_head(Seal *p, int64_t id, SealStored *out) {
  sqlite3_stmt *row;
  SealText text;
  int rc = seal_store_row(&p->store, SQL_STORED_HEAD, &row, "i", id);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  SealText val_server_id = seal_column_text(row, 4);
  out->conf.seal_service = seal_service_name(seal_column_text(row, 1));
  out->conf.exp_time = seal_column_until(row, 2);
  out->conf.valid_until = seal_column_until(row, 7);
  sqlite3_snprintf(sizeof out->val_server_id, out->val_server_id, "%.*s", val_server_id.n,
                   val_server_id.p ? val_server_id.p : "");
  rc = keep(out, seal_column_text(row, 0), &text);
  out->conf.conf_id = text.p;
  if (rc == SQLITE_OK) rc = keep(out, seal_column_text(row, 3), &out->conf.supp_feat);
  if (rc == SQLITE_OK) rc = keep(out, seal_column_text(row, 5), &out->conf.end_pt);
  if (rc == SQLITE_OK)
    rc = keep(out, seal_column_text(row, 6), &out->conf.notification_destination);
  seal_store_reset(row);
  return rc == SQLITE_OK && out->conf.seal_service == NULL ? SQLITE_CORRUPT_VTAB : rc;
}

/* Reads the identities of one service. */
static int load_ids(Seal *p, int64_t service, SealStored *out, SealService *to, size_t size) {
  sqlite3_stmt *row;
  int64_t first = service << SEAL_ROW_BITS;
  to->ids = sqlite3_malloc64((size + 1) * sizeof *to->ids);
  if (to->ids == NULL) return SQLITE_NOMEM;
  int rc = seal_store_row(&p->store, SQL_STORED_IDS, &row, "ii", first, first + SEAL_ROWS_MAX - 1);
  for (; rc == SQLITE_ROW && to->n_ids < size; rc = sqlite3_step(row)) {
    int is_ue = sqlite3_column_type(row, 0) == SQLITE_NULL;
    SealText text;
    int bad = keep(out, seal_column_text(row, is_ue), &text);
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
  int rc = keep(out, seal_column_text(row, 1), &to->val_service_id);
  if (rc == SQLITE_OK) rc = keep(out, seal_column_text(row, 2), &to->key_format);
  if (rc == SQLITE_OK) rc = keep(out, seal_column_text(row, 3), &to->scope);
  int64_t n = sqlite3_column_int64(row, 4);
  if (n < 0 || n > SEAL_ROWS_MAX) return SQLITE_CORRUPT_VTAB;
  if (rc == SQLITE_OK) rc = load_ids(p, sqlite3_column_int64(row, 0), out, to, (size_t)n);
  return rc;
}

int seal_configuration_load(Seal *p, int64_t id, SealStored *out) {
  sqlite3_stmt *row;
  memset(out, 0, sizeof *out);
  int rc = seal_flush(p);
  if (rc == SQLITE_OK) rc = load_head(p, id, out);
  if (rc != SQLITE_OK) return rc;
  rc = seal_store_row(&p->store, SQL_STORED_SERVICES, &row, "i", id);
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
  int rc =
      seal_store_row(&p->store, SQL_CONFIGURATION_LIST, &row, "iit", at, val_server, seal_service);
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
    (*ids)[(*n)++] = sqlite3_column_int64(row, 0);
  }
  seal_store_reset(row);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}
