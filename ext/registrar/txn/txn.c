/* One connection's registrar (registrar.h): what it keeps in memory, and for how long.
**
** Between the first write of a transaction and its end, the registrar remembers the head of the
** audit chain and the transaction's number; xCommit and xRollback make it forget both, because
** from then on another connection may write.
*/
#include "registrar/internal.h"

#include <string.h>

Seal *seal_open(sqlite3 *db) {
  Seal *p = sqlite3_malloc(sizeof *p);
  if (p == NULL) return NULL;
  memset(p, 0, sizeof *p);
  p->store.db = db;
  p->owners = 1;
  p->usage_start = -1;
  p->crypto = seal_crypto_new();
  p->keys = seal_keys_new();
  p->batch = seal_batch_new();
  p->pending = seal_pending_new();
  if (p->crypto == NULL || p->keys == NULL || p->batch == NULL || p->pending == NULL) {
    seal_close(p);
    return NULL;
  }
  return p;
}

void seal_close(Seal *p) {
  if (--p->owners > 0) return;
  seal_store_release(&p->store);
  seal_results_free(p->commands);
  seal_results_free(p->answers);
  seal_pending_free(p->pending);
  seal_invocation_free(p);
  sqlite3_free(p->batch);
  seal_keys_free(p->keys);
  seal_anchors_free(p->anchors);
  seal_lock(p);
  seal_crypto_free(p->crypto);
  seal_wipe(p, sizeof *p);
  sqlite3_free(p);
}

int seal_enter(Seal *p) {
  if (p->tables > 0) return SQLITE_OK;
  sqlite3_stmt *stmt;
  int rc = sqlite3_prepare_v2(p->store.db, seal_sql[SQL_ENTER], -1, &stmt, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_finalize(stmt);
  return rc;
}

int64_t seal_at(Seal *p, int64_t at) {
  return at == SEAL_UNBOUNDED ? seal_store_clock(&p->store) : at;
}

/* Answers to messages that never were. */
static void forget_answers(Seal *p) {
  seal_results_free(p->answers);
  p->answers = NULL;
}

void seal_forget(Seal *p) {
  forget_answers(p);
  seal_key_settle(p, 0, 0);
  seal_batch_drop(p->batch);
  seal_pending_drop(p->pending);
  p->audit_seq = 0;
}

void seal_transaction(Seal *p, int committed) {
  if (!committed) forget_answers(p);
  seal_key_settle(p, committed, 1);
  seal_batch_drop(p->batch);
  seal_pending_drop(p->pending);
  p->txn = 0;
  p->usage_start = -1;
  p->audit_seq = 0;
}

int seal_transaction_number(Seal *p, int64_t *txn) {
  if (p->txn == 0) {
    int rc = seal_audit_head(p);
    if (rc != SQLITE_OK) return rc;
    p->txn = p->audit_seq + 1;
  }
  *txn = p->txn;
  return SQLITE_OK;
}

/* A result may hold a token: wiped before it goes. */
static void free_text(char *text) {
  if (text != NULL) seal_wipe(text, strlen(text));
  sqlite3_free(text);
}

void seal_results_free(SealResult *list) {
  while (list != NULL) {
    SealResult *next = list->next;
    free_text(list->command);
    free_text(list->argument);
    free_text(list->result);
    sqlite3_free(list);
    list = next;
  }
}

static int is_for(const SealResult *r, SealText message_id) {
  return strlen(r->command) == (size_t)message_id.n &&
         memcmp(r->command, message_id.p, (size_t)message_id.n) == 0;
}

const SealResult *seal_answer_find(const SealResult *list, SealText message_id) {
  while (list != NULL && !is_for(list, message_id)) list = list->next;
  return list;
}

void seal_answer_remove(SealResult **list, SealText message_id) {
  for (; *list != NULL; list = &(*list)->next) {
    SealResult *r = *list;
    if (!is_for(r, message_id)) continue;
    *list = r->next;
    r->next = NULL;
    seal_results_free(r);
    return;
  }
}

/* Drops what is beyond the limits. */
static void trim(SealResult *list) {
  size_t bytes = strlen(list->result);
  for (int n = 1; list->next != NULL; n++, list = list->next) {
    bytes += strlen(list->next->result);
    if (n < SEAL_RESULTS_MAX && bytes <= SEAL_RESULTS_BYTES) continue;
    seal_results_free(list->next);
    list->next = NULL;
    return;
  }
}

int seal_result_add(SealResult **list, int64_t seq, int status, SealText command, SealText argument,
                    const char *result) {
  SealResult *r = sqlite3_malloc(sizeof *r);
  if (r == NULL) return SQLITE_NOMEM;
  r->seq = seq;
  r->status = status;
  r->next = NULL;
  r->command = sqlite3_mprintf("%.*s", command.n, command.p ? command.p : "");
  r->argument = argument.p ? sqlite3_mprintf("%.*s", argument.n, argument.p) : NULL;
  r->result = sqlite3_mprintf("%s", result);
  if (!r->command || !r->result || (argument.p && !r->argument)) {
    seal_results_free(r);
    return SQLITE_NOMEM;
  }
  r->next = *list;
  *list = r;
  trim(r);
  return SQLITE_OK;
}

char *seal_json_dump(const json_t *json) {
  size_t n = json_dumpb(json, NULL, 0, JSON_COMPACT);
  char *text = n > 0 ? sqlite3_malloc64(n + 1) : NULL;
  if (text == NULL) return NULL;
  (void)json_dumpb(json, text, n, JSON_COMPACT);
  text[n] = 0;
  return text;
}

void seal_json_append(sqlite3_str *out, const char *p, size_t n) {
  size_t from = 0;
  sqlite3_str_appendchar(out, 1, '"');
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)p[i];
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    sqlite3_str_append(out, p + from, (int)(i - from));
    if (c < 0x20) {
      sqlite3_str_appendf(out, "\\u%04x", c);
    } else {
      sqlite3_str_appendf(out, "\\%c", c);
    }
    from = i + 1;
  }
  sqlite3_str_append(out, p + from, (int)(n - from));
  sqlite3_str_appendchar(out, 1, '"');
}

SealText seal_json_member(const json_t *object, const char *name) {
  const json_t *value = json_object_get(object, name);
  return (SealText){json_string_value(value), (int)json_string_length(value)};
}

void seal_name_append(sqlite3_str *out, SealText part, int several) {
  for (int i = 0; i < part.n; i++) {
    int escape = several && (part.p[i] == '/' || part.p[i] == '%');
    if (escape) sqlite3_str_appendf(out, "%%%02X", part.p[i]);
    if (!escape) sqlite3_str_append(out, part.p + i, 1);
  }
}
