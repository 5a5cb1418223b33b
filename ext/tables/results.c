/* What only this connection knows (results.h): two short lists.
*/
#include "tables/results.h"

#include <string.h>

typedef struct Lists {
  SealResult *head[SEAL_LISTS];
  int64_t seq;
} Lists;

static void free_text(char *text) {
  if (text != NULL) seal_wipe(text, strlen(text));
  sqlite3_free(text);
}

static void free_list(SealResult *list) {
  while (list != NULL) {
    SealResult *next = list->next;
    free_text(list->name);
    free_text(list->argument);
    free_text(list->text);
    sqlite3_free(list);
    list = next;
  }
}

static void lists_clear(void *state) {
  Lists *lists = state;
  for (int i = 0; i < SEAL_LISTS; i++) free_list(lists->head[i]);
}

const SealResult *seal_results(Seal *p, SealResults list) {
  const Lists *lists = seal_room_made(p, SEAL_ROOM_RESULTS);
  return lists ? lists->head[list] : NULL;
}

const SealResult *seal_result_by_seq(Seal *p, SealResults list, int64_t seq) {
  const SealResult *r = seal_results(p, list);
  while (r != NULL && r->seq != seq) r = r->next;
  return r;
}

/* Takes the result of a name out of the list. */
static void remove_name(SealResult **list, const char *name) {
  for (; *list != NULL; list = &(*list)->next) {
    SealResult *r = *list;
    if (strcmp(r->name, name) != 0) continue;
    *list = r->next;
    r->next = NULL;
    free_list(r);
    return;
  }
}

static size_t size_of(const SealResult *r) {
  return r->text ? strlen(r->text) : 0;
}

/* Drops what is beyond the limits. */
static void trim(SealResult *list) {
  size_t bytes = size_of(list);
  for (int n = 1; list->next != NULL; n++, list = list->next) {
    bytes += size_of(list->next);
    if (n < SEAL_RESULTS_MAX && bytes <= SEAL_RESULTS_BYTES) continue;
    free_list(list->next);
    list->next = NULL;
    return;
  }
}

int seal_result_add(Seal *p, SealResults list, const SealResultNew *what, int64_t *seq) {
  Lists *lists = seal_room(p, SEAL_ROOM_RESULTS, sizeof *lists, lists_clear);
  int64_t act;
  int rc = seal_audit_head_is(p, &act);
  SealResult *r = rc == SQLITE_OK && lists ? sqlite3_malloc(sizeof *r) : NULL;
  if (r == NULL) return rc == SQLITE_OK ? SQLITE_NOMEM : rc;
  r->next = NULL;
  r->act = act;
  r->stored = what->stored;
  r->status = what->status;
  r->name = sqlite3_mprintf("%.*s", what->name.n, what->name.p ? what->name.p : "");
  r->argument =
      what->argument.p ? sqlite3_mprintf("%.*s", what->argument.n, what->argument.p) : NULL;
  r->text = NULL;
  if (!r->name || (what->argument.p && !r->argument)) {
    free_list(r);
    return SQLITE_NOMEM;
  }
  r->text = what->text;
  if (list == SEAL_ANSWERS) remove_name(&lists->head[list], r->name);
  r->seq = *seq = ++lists->seq;
  r->next = lists->head[list];
  lists->head[list] = r;
  trim(r);
  return SQLITE_OK;
}

/* The head of the audit chain before what is undone: of the whole transaction, whose number is one more, or of
** what was taken back. Where it can't be known, none. */
static int64_t head_left(Seal *p, SealDuty duty) {
  int64_t head = seal_txn(p)->number ? seal_txn(p)->number - 1 : INT64_MAX;
  if (duty == SEAL_TAKEN_BACK && seal_audit_head_is(p, &head) != SQLITE_OK) head = -1;
  return head;
}

/* Forgets answers to messages that never were. */
int seal_results_duty(Seal *p, SealDuty duty) {
  Lists *lists = seal_room_made(p, SEAL_ROOM_RESULTS);
  if (lists == NULL || (duty != SEAL_TAKEN_BACK && duty != SEAL_ENDED_ROLLBACK)) return SQLITE_OK;
  if (lists->head[SEAL_ANSWERS] == NULL) return SQLITE_OK;
  int64_t head = head_left(p, duty);
  SealResult **list = &lists->head[SEAL_ANSWERS];
  while (*list != NULL) {
    SealResult *r = *list;
    if (r->act <= head) {
      list = &r->next;
      continue;
    }
    *list = r->next;
    r->next = NULL;
    free_list(r);
  }
  return SQLITE_OK;
}
