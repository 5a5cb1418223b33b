/* Configurations (held.h): what a VAL server provisioned by a message, stored whole or not at all.
**
**    judge every VAL service --> consume the token --> configuration, services, rows --> counters --> ledgers
**
** Everything is judged before anything is written, so that a refusal leaves no trace and needs no savepoint; a
** fault of the system after that is SQLite's to roll back. What is judged is what is held once the act is done:
** so a VAL service that another term covers by now comes under that term with it, and is counted there.
*/
#include "registrar/held/held_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int seal_configuration_find(Seal *p, int64_t val_server, const char *seal_service, SealText conf_id,
                            int64_t at, int64_t *id, SealError *err) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_CONFIGURATION_FIND, &row, "iits", at, val_server,
                          seal_service, &conf_id);
  if (rc == SQLITE_ROW) *id = sqlite3_column_int64(row, CONFIGURATION_FIND_ID);
  seal_store_reset(row);
  /* Row id 0 stands for none: nobody of ours wrote it. */
  if (rc == SQLITE_ROW) return *id == 0 ? SQLITE_CORRUPT_VTAB : SQLITE_OK;
  if (rc != SQLITE_DONE) return rc;
  char quoted[SEAL_QUOTE_MAX + 8];
  return seal_refuse(err, SEAL_RESOURCE_CONTEXT_NOT_FOUND, "there is no configuration \"%s\"",
                     seal_quote(conf_id, quoted));
}

/* Bytes first, so that rows go into the index in its order. */
static int compare_ids(const void *a, const void *b) {
  const SealId *x = a, *y = b;
  int n = x->n < y->n ? x->n : y->n;
  int order = memcmp(x->p, y->p, (size_t)n);
  if (order == 0) order = (x->n > y->n) - (x->n < y->n);
  return order ? order : x->is_ue - y->is_ue;
}

static int same_id(const SealId *x, const SealId *y) {
  return x->n == y->n && x->is_ue == y->is_ue && memcmp(x->p, y->p, (size_t)x->n) == 0;
}

/* Sorts the identities of a service and takes repeated ones out: they are stored and counted once. */
static int sort_ids(SealService *service) {
  size_t n = 0;
  if (service->n_ids == 0) return SQLITE_OK;
  service->sorted = sqlite3_malloc64(service->n_ids * sizeof *service->sorted);
  if (service->sorted == NULL) return SQLITE_NOMEM;
  memcpy(service->sorted, service->ids, service->n_ids * sizeof *service->sorted);
  qsort(service->sorted, service->n_ids, sizeof *service->sorted, compare_ids);
  for (size_t i = 0; i < service->n_ids; i++) {
    if (n > 0 && same_id(&service->sorted[i], &service->sorted[n - 1])) continue;
    service->sorted[n++] = service->sorted[i];
  }
  service->n_sorted = n;
  return SQLITE_OK;
}

static int sort_all(SealConfiguration *conf) {
  int rc = SQLITE_OK;
  for (size_t i = 0; rc == SQLITE_OK && i < conf->n_services; i++)
    rc = sort_ids(&conf->services[i]);
  return rc;
}

/* What was given shows what is stored: where an identity was repeated, the sorted ones. */
static void sort_done(SealConfiguration *conf) {
  for (size_t i = 0; i < conf->n_services; i++) {
    SealService *service = &conf->services[i];
    if (service->n_sorted < service->n_ids && service->sorted != NULL) {
      memcpy(service->ids, service->sorted, service->n_sorted * sizeof *service->ids);
      service->n_ids = service->n_sorted;
    }
    sqlite3_free(service->sorted);
    service->sorted = NULL;
  }
}

/* How many key records a service has: those that the message brings, or those that are kept. */
static int64_t records_of(const SealService *service) {
  return (int64_t)service->n_records + service->held_records;
}

/* Gives back what the configuration that is replaced holds. */
static int tally_old(Seal *p, int64_t configuration, SealInvocation *tally) {
  sqlite3_stmt *row;
  if (configuration == 0) return SQLITE_OK;
  int rc = seal_store_row(seal_store(p), SQL_CONFIGURATION_TALLY, &row, "i", configuration);
  while (rc == SQLITE_ROW) {
    rc = seal_invocation_note(tally, sqlite3_column_int64(row, CONFIGURATION_TALLY_TERM),
                              -sqlite3_column_int64(row, CONFIGURATION_TALLY_IDENTITIES),
                              -sqlite3_column_int64(row, CONFIGURATION_TALLY_KEY_RECORDS));
    if (rc == SQLITE_OK) rc = sqlite3_step(row);
  }
  seal_store_reset(row);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Key records need a token that may bring them, and a key to seal them with. */
static int check_records(Seal *p, const SealRequester *who, SealError *err) {
  int rc = seal_scope_check(who, SEAL_KM, 1, err);
  return rc == SQLITE_OK ? seal_key_current(p, err) : rc;
}

/* Judges one VAL service as it will be. */
static int authorize_one(Seal *p, const SealAct *act, const SealConfiguration *conf,
                         SealService *service, const SealInvocation *tally, SealError *err) {
  SealAsk ask = {
      .val_server = act->who->val_server,
      .seal_service = conf->seal_service,
      .val_service_id = service->val_service_id,
      .at = act->at,
      .exp_time = conf->exp_time,
      .identities = (int64_t)service->n_sorted,
      .key_records = records_of(service),
      .key_format = service->key_format,
      .scope = service->scope,
      .tally = tally,
      .invocation = SEAL_BY_MESSAGE,
      .touched = act->touched,
  };
  int rc = seal_authorize(p, &ask, &service->grant, err);
  return rc == SQLITE_OK && service->n_records > 0 ? check_records(p, act->who, err) : rc;
}

/* What is held under the terms of VAL services that cross a level, once all of them are stored. */
static void fill_levels(const SealConfiguration *conf, const SealInvocation *tally) {
  for (size_t i = 0; i < conf->n_services; i++) {
    SealGrant *grant = &conf->services[i].grant;
    const SealTally *more = seal_invocation_of(tally, grant->term);
    if (more == NULL) continue;
    grant->identity_level.held += more->identities;
    grant->record_level.held += more->key_records;
  }
}

/* Judges every VAL service of a configuration, or, where it has none, whether the SEAL service may be used;
** gives when it itself ends and until when it holds. */
static int authorize_all(Seal *p, const SealAct *act, SealConfiguration *conf, int64_t replaces,
                         int64_t *until, SealError *err) {
  SealInvocation tally;
  SealGrant any;
  SealHead head = {.until = SEAL_UNBOUNDED};
  memset(&tally, 0, sizeof tally);
  *until = conf->exp_time;
  conf->valid_until = SEAL_UNBOUNDED;
  if (conf->n_services == 0) {
    return seal_use_authorize(p, act->who->val_server, conf->seal_service, act->at, act->touched,
                              &any, err);
  }
  int rc = tally_old(p, replaces, &tally);
  if (rc == SQLITE_OK && conf->keep_end) rc = seal_head_load(p, replaces, &head);
  for (size_t i = 0; rc == SQLITE_OK && i < conf->n_services; i++) {
    SealService *service = &conf->services[i];
    rc = authorize_one(p, act, conf, service, &tally, err);
    if (rc == SQLITE_OK) {
      rc = seal_invocation_note(&tally, service->grant.term, (int64_t)service->n_sorted,
                                records_of(service));
    }
    if (rc != SQLITE_OK) break;
    if (service->grant.until < *until) *until = service->grant.until;
    if (service->grant.valid_until < conf->valid_until) {
      conf->valid_until = service->grant.valid_until;
    }
  }
  /* What max_validity gives from now on is for who asks for his services anew. */
  if (head.until < *until) *until = head.until;
  if (head.until < conf->valid_until) conf->valid_until = head.until;
  if (rc == SQLITE_OK) fill_levels(conf, &tally);
  seal_invocation_clear(&tally);
  return rc;
}

/* Stores the key records of a service, each sealed. */
static int store_records(Seal *p, int64_t service, const SealRequester *who, const char *conf_id,
                         const SealService *from, SealError *err) {
  int rc = SQLITE_OK;
  SealRecordPlace place = {
      .val_server_id = {who->val_server_id, (int)strlen(who->val_server_id)},
      .conf_id = {conf_id, (int)strlen(conf_id)},
      .val_service_id = from->val_service_id,
  };
  for (size_t i = 0; rc == SQLITE_OK && i < from->n_records; i++) {
    int64_t rowid;
    rc = seal_record_store(p, service, (int64_t)i, &place, &from->records[i], &rowid, err);
  }
  return rc;
}

static int store_services(Seal *p, const SealAct *act, const SealConfiguration *conf, int64_t id,
                          int64_t until, SealError *err) {
  int rc = SQLITE_OK;
  for (size_t i = 0; rc == SQLITE_OK && i < conf->n_services; i++) {
    const SealService *service = &conf->services[i];
    int64_t service_id, stored = (int64_t)service->n_sorted, records = (int64_t)service->n_records;
    SealTally held = {service->grant.term, stored, records};
    rc = seal_service_make(p, id, service, (SealCount){stored, records, stored + records},
                           &service_id);
    if (rc == SQLITE_OK) {
      rc = seal_ids_insert(p, service_id << SEAL_ROW_BITS, service_id, service->sorted,
                           service->n_sorted);
    }
    if (rc == SQLITE_OK) rc = store_records(p, service_id, act->who, conf->conf_id, service, err);
    if (rc == SQLITE_OK) rc = seal_hold_until(p, &held, until, act->who->val_server);
  }
  return rc;
}

/* Services that stay, under the terms that grant them now. */
static int keep_services(Seal *p, const SealAct *act, const SealConfiguration *conf, int64_t id,
                         int64_t until) {
  SealHead head;
  int moved = 0;
  int rc = seal_head_load(p, id, &head);
  for (size_t i = 0; rc == SQLITE_OK && i < conf->n_services; i++) {
    const SealService *service = &conf->services[i];
    SealTally held = {service->term, (int64_t)service->n_sorted, service->held_records};
    moved |= service->term != service->grant.term;
    rc = seal_service_move(p, service->id, &held, service->grant.term, head.until,
                           act->who->val_server);
  }
  if (rc == SQLITE_OK) {
    rc = seal_configuration_move(p, id, act->who->val_server, head.until, until);
  }
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_CONFIGURATION_RESCHEDULE, "iuisi", id, conf->exp_time,
                        until, &conf->supp_feat, act->at);
  }
  if (rc != SQLITE_OK || (!moved && head.until == until)) return rc;
  rc = seal_occupancy_change(p, id, 0, act->at);
  return rc == SQLITE_OK && moved ? seal_occupancy_terms(p, id, act->at) : rc;
}

/* Writes what was judged. */
static int put_services(Seal *p, const SealAct *act, const SealConfiguration *conf,
                        int64_t replaces, int64_t until, SealError *err) {
  int64_t id = replaces, removed = 0;
  int rc;
  assert(conf->keep == 0 || replaces != 0);
  if (conf->keep) return keep_services(p, act, conf, id, until);
  if (replaces == 0) {
    rc = seal_configuration_make(p, conf, act->who->val_server, until, 0, act->at, &id);
  } else {
    rc = seal_configuration_clear(p, id, INT64_MAX, act->at, &removed);
    if (rc == SQLITE_OK) {
      rc = seal_store_run(seal_store(p), SQL_CONFIGURATION_RESCHEDULE, "iuisi", id, conf->exp_time,
                          until, &conf->supp_feat, act->at);
    }
  }
  if (rc == SQLITE_OK) rc = store_services(p, act, conf, id, until, err);
  if (rc == SQLITE_OK) rc = seal_occupancy_new(p, id, act->at);
  /* Of a new one with a single term there is nothing to say. */
  if (rc != SQLITE_OK || (replaces == 0 && act->touched->n < 2)) return rc;
  return seal_occupancy_terms(p, id, act->at);
}

int seal_contact(Seal *p, int64_t val_server, char **end_pt, char **destination) {
  sqlite3_stmt *row;
  *end_pt = *destination = NULL;
  int rc = seal_store_row(seal_store(p), SQL_VAL_SERVER_CONTACT, &row, "i", val_server);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  SealText a = seal_column_text(row, VAL_SERVER_CONTACT_END_PT);
  SealText b = seal_column_text(row, VAL_SERVER_CONTACT_NOTIFICATION_DESTINATION);
  int bad = seal_stored_end_pt(a);
  if (a.p != NULL) *end_pt = sqlite3_mprintf("%.*s", a.n, a.p);
  if (b.p != NULL) *destination = sqlite3_mprintf("%.*s", b.n, b.p);
  rc = (a.p != NULL && *end_pt == NULL) || (b.p != NULL && *destination == NULL) ? SQLITE_NOMEM
                                                                                 : SQLITE_OK;
  seal_store_reset(row);
  return rc == SQLITE_OK ? bad : rc;
}

/* Endpoint and destination are the VAL server's, whichever of its configurations brings them. */
static int contact(Seal *p, const SealAct *act, const SealConfiguration *conf) {
  const SealRequester *who = act->who;
  if (!conf->contact) return SQLITE_OK;
  int rc = seal_store_run(seal_store(p), SQL_VAL_SERVER_CONTACT_SET, "iss", who->val_server,
                          &conf->end_pt, &conf->notification_destination);
  if (rc != SQLITE_OK || sqlite3_changes(seal_db(p)) == 0) return rc;
  char *object = seal_object_name("seal_val_server:", who->val_server_id);
  SealEvent event = {act->at, who->val_server_id, "update", object, "done", NULL, NULL};
  rc = object ? seal_audit_traced(p, &event, who->traceparent) : SQLITE_NOMEM;
  if (rc == SQLITE_OK) rc = seal_change_write(p, act->at, NULL, object, "update");
  if (rc == SQLITE_OK) rc = seal_notify_follow(p, who->val_server, conf->notification_destination);
  sqlite3_free(object);
  return rc;
}

/* The VAL server is told which limits its message has all but used. */
static int notify_levels(Seal *p, const SealAct *act, const SealConfiguration *conf) {
  int rc = SQLITE_OK;
  for (size_t i = 0; rc == SQLITE_OK && i < conf->n_services; i++) {
    const SealGrant *grant = &conf->services[i].grant;
    rc = seal_notify_level(p, act->who->val_server, grant->term, SEAL_LEVEL_IDENTITIES,
                           &grant->identity_level, act->at);
    if (rc == SQLITE_OK) {
      rc = seal_notify_level(p, act->who->val_server, grant->term, SEAL_LEVEL_KEY_RECORDS,
                             &grant->record_level, act->at);
    }
  }
  return rc;
}

/* The entries that an effect on a configuration leaves in the three ledgers: under the terms that it was
** granted by. */
static int record_put(Seal *p, const SealAct *act, const SealConfiguration *conf, int result) {
  const char *val_server_id = act->who->val_server_id;
  long long identities = 0;
  for (size_t i = 0; i < conf->n_services; i++) identities += (long long)conf->services[i].n_sorted;
  char *object =
      seal_configuration_name(seal_text_from(val_server_id), seal_text_from(conf->conf_id));
  char *detail = sqlite3_mprintf("{\"seal_service\":\"%s\",\"val_services\":%lld,"
                                 "\"identities\":%lld}",
                                 conf->seal_service, (long long)conf->n_services, identities);
  int rc = object && detail ? SQLITE_OK : SQLITE_NOMEM;
  SealEvent event = {act->at, val_server_id, act->operation, object, "done", NULL, detail};
  SealUse use = {
      .time = act->at,
      .val_server = act->who->val_server,
      .seal_service = conf->seal_service,
      .operation = act->operation,
      .conf_id = conf->conf_id,
      .result = result,
      .holds = result != 204 && !conf->keep,
      .names = &act->touched->names,
  };
  if (rc == SQLITE_OK) rc = seal_audit_traced(p, &event, act->who->traceparent);
  if (rc == SQLITE_OK) {
    rc = seal_change_write(p, act->at, conf->seal_service, object, act->operation);
  }
  if (rc == SQLITE_OK) rc = seal_usage_write(p, &use, act->touched->terms, act->touched->n);
  if (rc == SQLITE_OK) rc = notify_levels(p, act, conf);
  sqlite3_free(object);
  sqlite3_free(detail);
  return rc;
}

/* The conf_id of a new configuration. */
static int new_conf_id(Seal *p, const SealAct *act, char out[SEAL_CONF_ID]) {
  SealText texts[] = {
      seal_text_from("message"),
      seal_text_from(act->who->val_server_id),
      act->message_id,
  };
  return seal_conf_id(p, out, 3, texts);
}

int seal_configuration_put(Seal *p, const SealAct *act, SealConfiguration *conf, int64_t replaces,
                           char conf_id[SEAL_CONF_ID], SealError *err) {
  int64_t until = 0;
  assert(act->touched != NULL && (replaces != 0 || !conf->keep));
  int rc = sort_all(conf);
  if (rc == SQLITE_OK) rc = authorize_all(p, act, conf, replaces, &until, err);
  if (rc == SQLITE_OK && replaces == 0) {
    rc = new_conf_id(p, act, conf_id);
    conf->conf_id = conf->derived = conf_id;
  }
  if (rc == SQLITE_OK) rc = seal_consume(p, act->who, act->use, err);
  if (rc == SQLITE_OK) rc = put_services(p, act, conf, replaces, until, err);
  if (rc == SQLITE_OK) rc = contact(p, act, conf);
  if (rc == SQLITE_OK) rc = record_put(p, act, conf, replaces ? 200 : 201);
  sort_done(conf);
  return rc;
}

int seal_configuration_authorize(Seal *p, const SealAct *act, const char *seal_service, int64_t id,
                                 SealError *err) {
  sqlite3_stmt *row;
  SealGrant grant;
  int rc = seal_store_row(seal_store(p), SQL_CONFIGURATION_SERVICES, &row, "i", id);
  int any = rc == SQLITE_ROW;
  while (rc == SQLITE_ROW) {
    SealAsk ask = {
        .val_server = act->who->val_server,
        .seal_service = seal_service,
        .val_service_id = seal_column_text(row, CONFIGURATION_SERVICES_VAL_SERVICE_ID),
        .at = act->at,
        .exp_time = SEAL_UNBOUNDED,
        .invocation = SEAL_BY_MESSAGE,
        .touched = act->touched,
    };
    rc = seal_authorize(p, &ask, &grant, err);
    if (rc == SQLITE_OK) rc = sqlite3_step(row);
  }
  seal_store_reset(row);
  if (rc != SQLITE_DONE || any) return rc == SQLITE_DONE ? SQLITE_OK : rc;
  return seal_use_authorize(p, act->who->val_server, seal_service, act->at, act->touched, &grant,
                            err);
}

/* Takes a configuration away, with all that hangs on it. */
static int remove_whole(Seal *p, int64_t id, int64_t at) {
  int64_t removed = 0;
  int rc = seal_configuration_clear(p, id, INT64_MAX, at, &removed);
  return rc == SQLITE_OK ? seal_store_run(seal_store(p), SQL_CONFIGURATION_DELETE, "i", id) : rc;
}

int seal_configuration_delete(Seal *p, const SealAct *act, int64_t id, const char *conf_id,
                              const char *seal_service, SealError *err) {
  SealConfiguration conf = {.conf_id = conf_id, .seal_service = seal_service};
  int rc = seal_consume(p, act->who, act->use, err);
  if (rc == SQLITE_OK) rc = remove_whole(p, id, act->at);
  return rc == SQLITE_OK ? record_put(p, act, &conf, 204) : rc;
}

/* The entries of an operator's act on a configuration. */
static int record_operator(Seal *p, const SealHead *head, int64_t at, const char *operation) {
  char *object = seal_head_name(head);
  SealEvent event = {at, "operator", operation, object, "done", NULL, NULL};
  int rc = object ? seal_audit_write(p, &event) : SQLITE_NOMEM;
  if (rc == SQLITE_OK) rc = seal_change_write(p, at, head->seal_service, object, operation);
  sqlite3_free(object);
  return rc;
}

int seal_configuration_change(Seal *p, int64_t id, const int64_t *exp_time, SealText supp_feat,
                              int64_t at) {
  SealHead head;
  int rc = seal_head_load(p, id, &head);
  if (rc != SQLITE_OK) return rc;
  int64_t until = exp_time ? *exp_time : head.until;
  rc = seal_notify_configuration(p, id, until, at);
  if (rc != SQLITE_OK) return rc;
  rc = seal_configuration_move(p, id, head.val_server, head.until, until);
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_CONFIGURATION_RESCHEDULE, "iuisi", id,
                        exp_time ? *exp_time : head.exp_time, until, &supp_feat, at);
  }
  if (rc == SQLITE_OK && head.until != until) {
    rc = seal_occupancy_change(p, id, 0, at);
    if (rc == SQLITE_OK) rc = seal_occupancy_terms(p, id, at);
  }
  return rc == SQLITE_OK ? record_operator(p, &head, at, "update") : rc;
}

int seal_configuration_remove(Seal *p, int64_t id, int64_t at) {
  SealHead head;
  int rc = seal_head_load(p, id, &head);
  if (rc == SQLITE_OK) rc = seal_notice_gone(p, id, at);
  if (rc == SQLITE_OK) rc = seal_notify_configuration(p, id, at, at);
  if (rc == SQLITE_OK) rc = remove_whole(p, id, at);
  return rc == SQLITE_OK ? record_operator(p, &head, at, "delete") : rc;
}
