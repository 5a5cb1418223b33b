/* The 3GPP face: one message in, one answer out (TS 29.549, clause 6 of TS 29.122 for the forms).
**
**    {"method":"POST","uri":"/ss-ipp/v1/configurations","authorization":"Bearer …","body":{…}}
**    {"status":201,"headers":{"Location":"/ss-ipp/v1/configurations/9f…",…},"body":{…}}
**
**    relation_message.c    the relation seal_message
**    dispatch.c            routing, requester, idempotency, problem details
**    envelope.c            reads a request; body.c a body, and a VALServicesConfig in it (body.h)
**    api_*.c               the handlers, one file for each API
**
** To add an API: a file with its handlers, a line in the table of dispatch.c.
*/
#ifndef SEAL_MESSAGES_H
#define SEAL_MESSAGES_H

#include "registrar/held/records.h"

/************************************************************************************************
** dispatch.c
*/
#define SEAL_REQUESTER_SIZE (SEAL_ID_MAX + 8) /* "val:" and an id */
/* What came of a message. */
typedef struct SealOutcome {
  int status;
  char *response; /* the answer's JSON text (seal_secret_free); NULL: it is stored */
  int64_t stored; /* the row that keeps it; 0: only what changed something is kept */
  char requester[SEAL_REQUESTER_SIZE]; /* "val:…"; empty: nobody known */
} SealOutcome;
/* Handles one message, whatever it holds: every refusal is an answer, and audited. The id makes a repetition
** of its requester's harmless: the same request again has the first outcome, and changes nothing. An error
** code is a fault of the system (NOMEM, BUSY, FULL, IOERR, …): then the statement fails. */
int seal_message_handle(Seal *p, SealText message_id, SealText request, SealAt at,
                        SealOutcome *out);

/* message_id is the idempotency key of its requester: stored with what came of it. */
extern const struct SealRelation seal_relation_message;

/************************************************************************************************
** envelope.c
*/
/* One idList of a body, as it was read: an element that is wrong has a p of NULL, and in n what is wrong
** with it (body.c). Where very many are, the list has only those before. */
typedef struct SealIdList {
  SealId *ids; /* sqlite3_free */
  size_t n, size;
  int wrong; /* how many elements are */
} SealIdList;

/* A request, read. Points into the text that it was read from, which has to outlive it. */
typedef struct SealRequest {
  json_t *json; /* the envelope's texts; a member that is anything else is `true` here, or null */
  const char *method;
  char *path;  /* decoded, without the query; sqlite3_free */
  char *query; /* as it came; NULL where there is none; points into path's memory */
  SealCredential credential;
  const char *content_type, *accept; /* NULL where absent */
  /* The body: the bytes of its JSON value as they came, or, of a string, what it holds, decoded; p of
  ** NULL where it is absent or null. Known from seal_request_read on, whatever it holds. */
  SealText body_text;
  int body_is_string;
  char *body_memory; /* what body_text points to where the string had escapes; sqlite3_free */
  /* What seal_request_body or seal_request_form makes of it: the value without its lists of
  ** identities, in whose place stand their numbers in `lists`. NULL before. */
  json_t *body;
  SealIdList *lists;
  size_t n_lists;
  char *ids_memory; /* ids that had escapes, decoded; as long as body_text; sqlite3_free */
  size_t n_ids_memory;
  /* Given to the handler by dispatch.c: */
  SealText message_id;
  SealAt at;
  const char *conf_id; /* the last segment of the path, or NULL */
  SealRequester who;
  const char *seal_service; /* what the resource belongs to; NULL before that is known */
  SealInvocation touched;   /* the terms that it was an invocation of so far */
  unsigned char digest[SEAL_SHA256_SIZE]; /* of what is asked: method, uri, media type, body */
  unsigned char use[SEAL_SHA256_SIZE]; /* of that and the message id: what its token is used for */
  int reads;                           /* it changes nothing: it may be asked again */
} SealRequest;

/* Reads the envelope. The whole text is held against the grammar, the body in it too. Refuses what is
** not JSON or not an envelope; *out is cleared by the caller in any case. */
int seal_request_read(SealText text, SealRequest *out, SealError *err);
/* Reads the body into request->body and request->lists, once media type and requester are known to be
** right. Refuses one that is absent, too large, or, as a string, not JSON. */
int seal_request_body(SealRequest *request, SealError *err);
/* Reads a body of application/x-www-form-urlencoded into request->body: an object of strings. */
int seal_request_form(SealRequest *request, SealError *err);
void seal_request_clear(SealRequest *request);
/* One parameter of the query, decoded, the caller's (sqlite3_free); *out is NULL where absent. */
int seal_request_query(const SealRequest *request, const char *name, char **out, SealError *err);

/************************************************************************************************
** api_configurations.c: the handlers. Each gives a status, and headers and body as JSON text (or NULL), the
** caller's.
*/
typedef struct SealAnswer {
  int status;
  char *location;
  char *body; /* JSON text; NULL for none */
  int secret; /* it holds a token or a key: stored sealed, never cached */
} SealAnswer;

int seal_configurations_post(Seal *p, SealRequest *request, const char *seal_service,
                             SealAnswer *out, SealError *err);
int seal_configurations_get(Seal *p, SealRequest *request, const char *seal_service,
                            SealAnswer *out, SealError *err);
int seal_configuration_get_one(Seal *p, SealRequest *request, const char *seal_service,
                               SealAnswer *out, SealError *err);
int seal_configuration_replace(Seal *p, SealRequest *request, const char *seal_service,
                               SealAnswer *out, SealError *err);
int seal_configuration_patch(Seal *p, SealRequest *request, const char *seal_service,
                             SealAnswer *out, SealError *err);
int seal_configuration_drop(Seal *p, SealRequest *request, const char *seal_service,
                            SealAnswer *out, SealError *err);

/************************************************************************************************
** api_token.c, api_keys.c
*/
/* POST /oauth2/v1/token: who asks, by the body's assertion or by certificate. */
int seal_token_client(Seal *p, SealRequest *request, SealError *err);
int seal_token_post(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                    SealError *err);
/* GET /.well-known/jwks.json */
int seal_jwks_get(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                  SealError *err);
/* The error response of RFC 6749 5.2 for a refusal; *status is its own. */
void seal_token_error(sqlite3_str *out, const SealError *err, int *status);
/* GET /ss-kir/v1/key-records */
int seal_key_records_get(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                         SealError *err);
/* POST /skm/v1/km-request, and the KM Response of TS 33.434 5.3.3 for a refusal. */
int seal_km_request_post(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                         SealError *err);
void seal_km_error(sqlite3_str *out, const SealRequest *request, const SealError *err);

#endif
