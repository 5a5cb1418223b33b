/* The 3GPP face: one message in, one answer out (TS 29.549, clause 6 of TS 29.122 for the forms).
**
**    {"method":"POST","uri":"/ss-ipp/v1/configurations","authorization":"Bearer …","body":{…}}
**    {"status":201,"headers":{"Location":"/ss-ipp/v1/configurations/9f…",…},"body":{…}}
**
**    message.c        envelope, routing, problem details
**    envelope.c       reads a request; body.c a VALServicesConfig; idlist.c its long lists
**    configuration.c  /ss-ipp/v1 and /ss-kmpp/v1
**    text.c           JSON text, JSON Pointers, percent-encoding
**
** To add an API: a file with its handlers, a line in the table of message.c.
*/
#ifndef SEAL_MESSAGES_H
#define SEAL_MESSAGES_H

#include "registrar/registrar.h"

/************************************************************************************************
** message.c
*/
/* The face, for whoever brings messages: handle is seal_message_handle, reused is
** seal_message_reused. */
extern const SealMessages seal_messages;

/* Handles one message at `at` (SEAL_UNBOUNDED: by the host's clock), whatever it holds: every refusal is an answer, and audited. *response is the
** answer's JSON text, the caller's (sqlite3_free); *kept says how it is kept. An error code is a fault of
** the system (NOMEM, BUSY, FULL, IOERR, …): nothing has happened then. */
int seal_message_handle(Seal *p, SealText message_id, SealText request, int64_t at, int *status,
                        char **response, SealKept *kept);
/* The answer to a message id that was used for another request. */
int seal_message_reused(Seal *p, SealText message_id, int64_t at, char **response);

/************************************************************************************************
** envelope.c
*/
typedef struct SealCut SealCut;

/* A request, read. Everything points into `json` or the request's own text. */
typedef struct SealRequest {
  size_t size;       /* bytes of the whole request */
  json_t *json;      /* the envelope */
  json_t *body_json; /* a body that came as a string, parsed */
  const char *method;
  char *path;  /* decoded, without the query; sqlite3_free */
  char *query; /* as it came; NULL where there is none; points into path's memory */
  SealCredential credential;
  const char *content_type, *accept; /* NULL where absent */
  json_t *body;                      /* NULL where absent */
  SealCut *cuts;                     /* idLists that were read beside the JSON parser */
  size_t n_cuts;
  /* Given to the handler by message.c: */
  const char *message_id;
  int64_t at, asked_at; /* asked_at is SEAL_UNBOUNDED where `at` is the host's clock */
  const char *conf_id;  /* the last segment of the path, or NULL */
  SealRequester who;
  const char *seal_service; /* what the resource belongs to; NULL before that is known */
} SealRequest;

/* Reads the envelope. Refuses what is not one. */
int seal_request_read(SealText text, SealRequest *out, SealError *err);
/* Reads the body, once media type and requester are known to be right. */
int seal_request_body(SealRequest *request, SealError *err);
/* Reads a body of application/x-www-form-urlencoded into request->body: an object of strings. */
int seal_request_form(SealRequest *request, SealError *err);
void seal_request_clear(SealRequest *request);
/* One parameter of the query, decoded, the caller's (sqlite3_free); *out is NULL where absent. */
int seal_request_query(const SealRequest *request, const char *name, char **out, SealError *err);

/************************************************************************************************
** idlist.c: lists of identities, long ones beside the JSON parser.
*/
struct SealCut {
  SealId *ids; /* sqlite3_free */
  size_t n;
};
/* Takes plain idLists out of a JSON text: gives the text without them ([] in their place), and what
** they hold, in order. *skeleton stays NULL where the text has to be parsed whole. */
int seal_cut_lists(const char *text, size_t n, char **skeleton, size_t *n_skeleton, SealCut **cuts,
                   size_t *n_cuts);
void seal_cuts_free(SealCut *cuts, size_t n);

/************************************************************************************************
** body.c: VALServicesConfig and its kin, with every fault found.
*/
typedef struct SealBody {
  SealConfiguration conf; /* services and their ids are the body's */
  /* Named by the body; in a PATCH, null takes the member away (RFC 7396). */
  int has_services, has_exp_time, has_supp_feat, has_end_pt, has_destination;
  char *end_pt; /* what conf.end_pt points to; NULL where absent; sqlite3_free */
} SealBody;

/* Checks a body against VALServicesConfig (or, for a PATCH, VALServicesConfigPatch) of the request's
** SEAL service; faults go to *err. */
int seal_body_read(const SealRequest *request, const char *seal_service, int patch, SealBody *out,
                   SealError *err);
void seal_body_clear(SealBody *body);
/* 1 if the JSON is an EndPoint (TS 29.558): exactly one of uri, fqdn, ipv4Addrs, ipv6Addrs. */
int seal_is_end_pt(const json_t *json);

/************************************************************************************************
** configuration.c: the handlers. Each gives a status, and headers and body as JSON text (or NULL), the
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
** token.c, key.c
*/
/* POST /oauth2/v1/token: authenticates by itself. */
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
