/* What a SEAL server is told of an object (exchange.h, bundle.c): its present state as JSON.
**
**    {"object":"seal_agreement:sla-7", "state":{…}}
**    {"object":"seal_configuration:v2x.acme.example/9f…", "state":{…}, "rows":[[0,"u","alice"],…]}
**    {"object":"seal_configuration:v2x.acme.example/9f…", "services":["v2x"], "rows":[[0,"u","bob"],…]}   more rows
**    {"object":"seal_val_server:gone", "state":null}
**
** A row begins with the place of its VAL service: in the state's services, or in `services`.
*/
#include "registrar/exchange/exchange_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int seal_tell_full(SealTeller *t) {
  return sqlite3_str_length(t->out) >= SEAL_BUNDLE_MAX;
}

/* Opens an object's entry. */
static void open_entry(SealTeller *t, const char *object) {
  sqlite3_str_appendf(t->out, "%s{\"object\":", sqlite3_str_length(t->out) ? ",\n" : "");
  seal_json_append(t->out, object, strlen(object));
}

/* The same, once per bundle; 0 when it is in already. */
static int open_object(SealTeller *t, const char *object, int *rc) {
  if (json_object_get(t->told, object) != NULL) return 0;
  if (json_object_set_new(t->told, object, json_true()) != 0) {
    *rc = SQLITE_NOMEM;
    return 0;
  }
  open_entry(t, object);
  return 1;
}

int seal_name_split(char *name, char *parts[3]) {
  int n = 0;
  char *to = name;
  parts[n++] = to;
  for (const char *from = name; *from; from++) {
    if (*from == '/' && n < 3) {
      *to++ = 0;
      parts[n++] = to;
    } else if (*from == '%' && (strncmp(from, "%2F", 3) == 0 || strncmp(from, "%25", 3) == 0)) {
      *to++ = from[2] == 'F' ? '/' : '%';
      from += 2;
    } else {
      *to++ = *from;
    }
  }
  *to = 0;
  return n;
}

const SealDescription *seal_told_relation(const char *object) {
  for (int i = 0; object != NULL && seal_descriptions[i] != NULL; i++) {
    const SealDescription *is = seal_descriptions[i];
    if (is->members != NULL && strncmp(object, is->prefix, strlen(is->prefix)) == 0) return is;
  }
  return NULL;
}

/* The state of an object without rows, as its statement gives it; NULL when it is gone. The caller's
** (sqlite3_free). */
static int read_state(SealTeller *t, const SealDescription *is, const char *name, char **state) {
  sqlite3_stmt *row;
  static const char types[] = "ttt";
  char *parts[3] = {NULL, NULL, NULL}, *copy = sqlite3_mprintf("%s", name);
  int n = 1;
  *state = NULL;
  if (copy == NULL) return SQLITE_NOMEM;
  parts[0] = copy;
  if (is->n_keys > 1) n = seal_name_split(copy, parts);
  int rc = seal_store_row(seal_store(t->p), is->bundle, &row, types + 3 - n, parts[0],
                          n > 1 ? parts[1] : NULL, n > 2 ? parts[2] : NULL);
  if (rc == SQLITE_ROW) {
    *state = sqlite3_mprintf("%s", (const char *)sqlite3_column_text(row, 0));
    if (*state == NULL) rc = SQLITE_NOMEM;
  }
  seal_store_reset(row);
  sqlite3_free(copy);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* An object without rows. Where its end is told of an object that is there again by now, what was told
** so far may have hung on the old one: then all of it counts as untold. */
static int tell(SealTeller *t, const SealDescription *is, const char *name, int ended) {
  char *object = sqlite3_mprintf("%s%s", is->prefix, name), *state = NULL;
  int rc = object ? read_state(t, is, name, &state) : SQLITE_NOMEM;
  if (rc == SQLITE_OK && ended && state != NULL) {
    open_entry(t, object);
    sqlite3_str_appendall(t->out, ",\"state\":null}");
    (void)json_object_clear(t->told);
  } else if (rc == SQLITE_OK && open_object(t, object, &rc)) {
    sqlite3_str_appendf(t->out, ",\"state\":%s}", state ? state : "null");
  }
  sqlite3_free(object);
  sqlite3_free(state);
  return rc;
}

static int tell_agreement(SealTeller *t, const char *name) {
  return tell(t, &seal_description_agreement, name, 0);
}

/************************************************************************************************
** Configurations.
*/
static void append_text(sqlite3_str *out, SealText text) {
  if (text.p == NULL) {
    sqlite3_str_appendall(out, "null");
  } else {
    seal_json_append(out, text.p, (size_t)text.n);
  }
}

/* [place, "u" or "e", id], or [place, "d", digest]. */
static int append_identity(SealTeller *t, sqlite3_stmt *row) {
  int is_ue = sqlite3_column_type(row, BUNDLE_IDENTITIES_VAL_USER_ID) == SQLITE_NULL;
  SealText id = seal_column_text(row, is_ue ? 4 : 3);
  const char *kind = !t->identity ? "d" : is_ue ? "e" : "u";
  if (id.p == NULL) return SQLITE_CORRUPT_VTAB;
  sqlite3_str_appendf(t->out, "[%d,\"%s\",", sqlite3_column_int(row, BUNDLE_IDENTITIES_PLACE),
                      kind);
  if (t->identity) {
    append_text(t->out, id);
  } else {
    unsigned char digest[SEAL_SHA256_SIZE];
    char text[48];
    int rc = seal_member_digest(t->p, seal_column_text(row, BUNDLE_IDENTITIES_VAL_SERVICE_ID), id,
                                digest);
    if (rc != SQLITE_OK) return rc;
    seal_b64url_encode(digest, sizeof digest, text);
    sqlite3_str_appendf(t->out, "\"%s\"", text);
  }
  sqlite3_str_appendchar(t->out, 1, ']');
  return SQLITE_OK;
}

static void append_record_member(sqlite3_str *out, const char *name, SealText text) {
  sqlite3_str_appendf(out, "\"%s\":", name);
  append_text(out, text);
  sqlite3_str_appendchar(out, 1, ',');
}

/* A record's members as JSON; key_info is bytes, in base64url. *out is the caller's (seal_secret_free). */
static int record_json(const SealRecord *record, const void *key_info, int n, char **out,
                       int *n_out) {
  sqlite3_str *text = sqlite3_str_new(NULL);
  int size = n / 3 * 4 + 5;
  char *encoded = sqlite3_malloc(size);
  *out = NULL;
  if (encoded != NULL) {
    seal_b64url_encode(key_info, (size_t)n, encoded);
    sqlite3_str_appendchar(text, 1, '{');
    append_record_member(text, "val_user_id", record->val_user_id);
    append_record_member(text, "val_ue_id", record->val_ue_id);
    append_record_member(text, "client_id", record->client_id);
    append_record_member(text, "key_format", record->key_format);
    append_record_member(text, "user_uri", record->user_uri);
    sqlite3_str_appendf(text, "\"key_info\":\"%s\"}", encoded);
  }
  int rc = encoded ? sqlite3_str_errcode(text) : SQLITE_NOMEM;
  *n_out = sqlite3_str_length(text);
  *out = sqlite3_str_finish(text);
  seal_secret_free(encoded, encoded ? size : 0);
  return rc;
}

/* [place, "r", JWE]: the record's members, encrypted to the server's key. */
static int append_record(SealTeller *t, const char *conf_id, sqlite3_stmt *row) {
  void *key_info = NULL;
  char *jwe = NULL, *json = NULL;
  int n = 0, n_json = 0;
  SealRecord record = {
      .val_user_id = seal_column_text(row, BUNDLE_RECORDS_VAL_USER_ID),
      .val_ue_id = seal_column_text(row, BUNDLE_RECORDS_VAL_UE_ID),
      .client_id = seal_column_text(row, BUNDLE_RECORDS_CLIENT_ID),
      .key_format = seal_column_text(row, BUNDLE_RECORDS_KEY_FORMAT),
      .user_uri = seal_column_text(row, BUNDLE_RECORDS_USER_URI),
  };
  if (t->jwk == NULL) {
    return seal_refuse(t->err, SEAL_MANDATORY_IE_MISSING,
                       "the SEAL server has no jwk to encrypt key records to");
  }
  SealRecordPlace place = {
      .val_server_id = seal_column_text(row, BUNDLE_RECORDS_VAL_SERVER_ID),
      .conf_id = {conf_id, (int)strlen(conf_id)},
      .val_service_id = seal_column_text(row, BUNDLE_RECORDS_VAL_SERVICE_ID),
  };
  int rc =
      seal_record_open(t->p, sqlite3_column_int64(row, BUNDLE_RECORDS_ID), &place, &record,
                       sqlite3_column_blob(row, BUNDLE_RECORDS_KEY_INFO),
                       sqlite3_column_bytes(row, BUNDLE_RECORDS_KEY_INFO), &key_info, &n, t->err);
  if (rc != SQLITE_OK) return rc;
  rc = record_json(&record, key_info, n, &json, &n_json);
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(
        seal_jwe_encrypt(seal_crypto(t->p), t->jwk, strlen(t->jwk), json, (size_t)n_json, &jwe));
  }
  if (rc == SQLITE_CONSTRAINT_VTAB) {
    rc = seal_refuse(t->err, SEAL_MANDATORY_IE_INCORRECT,
                     "the SEAL server's jwk is no P-256 key to encrypt key records to");
  }
  if (rc == SQLITE_OK) {
    sqlite3_str_appendf(t->out, "[%d,\"r\",\"%s\"]", sqlite3_column_int(row, BUNDLE_RECORDS_PLACE),
                        jwe);
  }
  seal_secret_free(json, json ? n_json : 0);
  seal_secret_free(key_info, n);
  free(jwe);
  return rc;
}

/* The rows of a configuration after a row id, as many as there is room for; one at least. */
static int append_rows(SealTeller *t, int64_t id, int identities, const char *conf_id,
                       int64_t after) {
  sqlite3_stmt *row;
  const char *comma = "";
  sqlite3_str_appendall(t->out, ",\"rows\":[");
  int rc = seal_store_row(seal_store(t->p), identities ? SQL_BUNDLE_IDENTITIES : SQL_BUNDLE_RECORDS,
                          &row, "ii", id, after);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(row)) {
    if (*comma && seal_tell_full(t)) {
      t->last_row = after;
      break;
    }
    sqlite3_str_appendall(t->out, comma);
    int bad = identities ? append_identity(t, row) : append_record(t, conf_id, row);
    if (bad != SQLITE_OK) {
      rc = bad;
      break;
    }
    after = sqlite3_column_int64(row, BUNDLE_IDENTITIES_ID);
    comma = ",";
  }
  seal_store_reset(row);
  sqlite3_str_appendall(t->out, "]}");
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* What a configuration refers to: agreement, VAL server, terms. */
static int tell_parents(SealTeller *t, int64_t id, const char *agreement_id,
                        const char *val_server_id) {
  sqlite3_stmt *row;
  int rc = tell_agreement(t, agreement_id);
  if (rc == SQLITE_OK) rc = tell(t, &seal_description_val_server, val_server_id, 0);
  if (rc != SQLITE_OK) return rc;
  rc = seal_store_row(seal_store(t->p), SQL_BUNDLE_CONFIGURATION_TERMS, &row, "i", id);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(row)) {
    sqlite3_str *name = sqlite3_str_new(NULL);
    for (int i = 0; i < 3; i++) {
      if (i) sqlite3_str_appendchar(name, 1, '/');
      seal_name_append(name, seal_column_text(row, i), 1);
    }
    char *text = sqlite3_str_finish(name);
    int bad = text ? tell(t, &seal_description_term, text, 0) : SQLITE_NOMEM;
    sqlite3_free(text);
    if (bad != SQLITE_OK) {
      rc = bad;
      break;
    }
  }
  seal_store_reset(row);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A configuration that is there: what it refers to, its state, its rows. */
static int tell_found(SealTeller *t, const char *object, const char *conf_id, sqlite3_stmt *row) {
  int64_t id = sqlite3_column_int64(row, BUNDLE_CONFIGURATION_ID);
  SealText service = seal_column_text(row, BUNDLE_CONFIGURATION_SEAL_SERVICE);
  int identities = service.p != NULL && strcmp(service.p, SEAL_IDM) == 0;
  /* Key parameters are for key management alone; of identities everyone is told something. */
  if (!identities && !t->key) return SQLITE_OK;
  int rc =
      tell_parents(t, id, (const char *)sqlite3_column_text(row, BUNDLE_CONFIGURATION_AGREEMENT_ID),
                   (const char *)sqlite3_column_text(row, BUNDLE_CONFIGURATION_VAL_SERVER_ID));
  if (rc == SQLITE_OK && open_object(t, object, &rc)) {
    sqlite3_str_appendf(t->out, ",\"state\":%s",
                        (const char *)sqlite3_column_text(row, BUNDLE_CONFIGURATION_STATE));
    rc = append_rows(t, id, identities, conf_id, 0);
  }
  return rc;
}

int seal_told_configuration(Seal *p, const char *name, char **copy, const char **conf_id,
                            sqlite3_stmt **row) {
  char *parts[3];
  *row = NULL;
  *copy = sqlite3_mprintf("%s", name);
  if (*copy == NULL) return SQLITE_NOMEM;
  if (seal_name_split(*copy, parts) != 2) return SQLITE_DONE;
  if (conf_id != NULL) *conf_id = parts[1];
  return seal_store_row(seal_store(p), SQL_BUNDLE_CONFIGURATION, row, "tt", parts[0], parts[1]);
}

static int tell_configuration(SealTeller *t, const SealTold *object, const char *name) {
  sqlite3_stmt *row;
  const char *conf_id;
  char *copy;
  if (object->is_key && !t->key) return SQLITE_OK;
  int rc = seal_told_configuration(t->p, name, &copy, &conf_id, &row);
  if (rc == SQLITE_ROW) {
    rc = tell_found(t, object->name, conf_id, row);
  } else if (rc == SQLITE_DONE) {
    rc = SQLITE_OK;
    if (open_object(t, object->name, &rc)) sqlite3_str_appendall(t->out, ",\"state\":null}");
  }
  seal_store_reset(row);
  sqlite3_free(copy);
  return rc;
}

/* 1 in *changed if an object has changed after a change. */
static int changed_since(SealTeller *t, const char *object, int64_t last, int *changed) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(t->p), SQL_CHANGE_SINCE, &row, "it", last, object);
  *changed = rc == SQLITE_ROW;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int seal_tell_more(SealTeller *t, const SealTold *object, int64_t row_id, int64_t last) {
  sqlite3_stmt *row;
  int changed = seal_told_relation(object->name) != &seal_description_configuration;
  int rc = changed ? SQLITE_OK : changed_since(t, object->name, last, &changed);
  if (rc != SQLITE_OK) return rc;
  if (changed) return seal_tell(t, object);
  const char *conf_id;
  char *copy;
  const char *name = object->name + strlen(seal_description_configuration.prefix);
  rc = seal_told_configuration(t->p, name, &copy, &conf_id, &row);
  if (rc == SQLITE_ROW && open_object(t, object->name, &rc)) {
    SealText service = seal_column_text(row, BUNDLE_CONFIGURATION_SEAL_SERVICE);
    int identities = service.p != NULL && strcmp(service.p, SEAL_IDM) == 0;
    /* By name: a VAL service may be gone since its term is, which the server will hear of later. */
    sqlite3_str_appendf(t->out, ",\"services\":%s",
                        (const char *)sqlite3_column_text(row, BUNDLE_CONFIGURATION_SERVICES));
    rc = append_rows(t, sqlite3_column_int64(row, BUNDLE_CONFIGURATION_ID), identities, conf_id,
                     row_id);
  }
  seal_store_reset(row);
  sqlite3_free(copy);
  return rc == SQLITE_DONE ? seal_tell(t, object) : rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/************************************************************************************************
** Which objects.
*/
/* A term refers to its agreement, and so does a VAL server. */
static int tell_term(SealTeller *t, const char *name, int ended) {
  char *copy = sqlite3_mprintf("%s", name), *parts[3];
  if (copy == NULL) return SQLITE_NOMEM;
  (void)seal_name_split(copy, parts);
  int rc = tell_agreement(t, parts[0]);
  sqlite3_free(copy);
  return rc == SQLITE_OK ? tell(t, &seal_description_term, name, ended) : rc;
}

static int tell_val_server(SealTeller *t, const char *name, int ended) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(t->p), SQL_BUNDLE_VAL_SERVER_AGREEMENT, &row, "t", name);
  if (rc == SQLITE_ROW)
    rc = tell_agreement(
        t, (const char *)sqlite3_column_text(row, BUNDLE_VAL_SERVER_AGREEMENT_AGREEMENT_ID));
  if (rc == SQLITE_DONE) rc = SQLITE_OK;
  seal_store_reset(row);
  if (rc != SQLITE_OK) return rc;
  return tell(t, &seal_description_val_server, name, ended);
}

/* 1 if a policy is one of the SEAL service that is told. */
static int is_own_policy(const SealTeller *t, const char *name) {
  size_t n = strlen(t->seal_service);
  return strncmp(name, t->seal_service, n) == 0 && name[n] == '/';
}

int seal_tell(SealTeller *t, const SealTold *object) {
  const SealDescription *is = seal_told_relation(object->name);
  if (is == NULL) return SQLITE_OK; /* credentials, anchors, SEAL servers: told to nobody */
  const char *name = object->name + strlen(is->prefix);
  if (is == &seal_description_configuration) return tell_configuration(t, object, name);
  if (is == &seal_description_term) return tell_term(t, name, object->ended);
  if (is == &seal_description_val_server) return tell_val_server(t, name, object->ended);
  if (is == &seal_description_agreement) return tell(t, is, name, object->ended);
  assert(is == &seal_description_policy);
  return is_own_policy(t, name) ? tell(t, is, name, 0) : SQLITE_OK;
}
