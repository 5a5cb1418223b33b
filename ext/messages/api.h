/* The APIs (messages.h): what a handler is given and gives, and what is kept of it.
*/
#ifndef SEAL_API_H
#define SEAL_API_H

#include "messages/http.h"

/************************************************************************************************
** The handlers. Each gives a status, and headers and body as JSON text (or NULL), the
** caller's.
*/
typedef struct SealAnswer {
  int status;
  char *location;
  const char *conf_id; /* of the configuration that the body shows; NULL: it shows something else */
  char *body;          /* JSON text; NULL for none */
  int secret;          /* it holds a token or a key: stored sealed, never cached */
  char new_conf_id[SEAL_CONF_ID];
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
/* A stored configuration as an answer's body: JSON text, the caller's (sqlite3_free). */
int seal_configuration_text(Seal *p, int64_t id, char **body);

/************************************************************************************************
** api_token.c, api_keys.c
*/
/* The members of a token request that are read, and those of them that say what is asked; both ended by NULL. */
extern const char *const seal_token_members[], *const seal_token_asked[];
/* POST /oauth2/v1/token: who asks, by the body's assertion or by certificate. */
int seal_token_client(Seal *p, SealRequest *request, SealError *err);
int seal_token_post(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                    SealError *err);
/* GET /.well-known/jwks.json */
int seal_jwks_get(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                  SealError *err);
/* The metadata of an authorization server (RFC 8414), once the operator has said where its APIs are. */
int seal_metadata_get(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                      SealError *err);
#define SEAL_JWKS_PATH "/.well-known/jwks.json"
/* The error response of RFC 6749 5.2 for a refusal; *status is its own. */
void seal_token_error(sqlite3_str *out, const SealError *err, int *status);
/* Reads a ValTargetUe (TS 29.549), with exactly one of valUserId and valUeId, into the record; 0 if it is none. */
int seal_target_read(const json_t *json, SealRecord *record);
/* The message as an act: it lives as long as the request. */
SealAct seal_request_act(SealRequest *request);
/* POST /ss-kpp/v1/request */
int seal_key_provision_post(Seal *p, SealRequest *request, const char *seal_service,
                            SealAnswer *out, SealError *err);
/* GET /ss-kir/v1/key-records */
int seal_key_records_get(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                         SealError *err);
/* POST /skm/v1/km-request, and the KM Response of TS 33.434 5.3.3 for a refusal. */
int seal_km_request_post(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                         SealError *err);
void seal_km_error(sqlite3_str *out, const SealRequest *request, const SealError *err);

/************************************************************************************************
** api_server.c: what SEAL servers ask.
*/
/* GET /ss-vsd/v1/val-servdata */
int seal_val_servdata_get(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                          SealError *err);
/* GET /seal-bundles/v1/bundles */
int seal_bundles_get(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                     SealError *err);

/************************************************************************************************
** kept.c: idempotency.
*/
/* Digests of what is asked, and of that, the requester and the message id: what his token is used for. `asked` (ended
** by NULL): members of a body that brings the credential, which alone count of it; NULL: all of the body does. */
int seal_outcome_digest(Seal *p, SealRequest *request, const char *const *asked);
/* Whether the requester has used the message id: SQLITE_DONE for the same request, whose outcome stands; a refusal
** for another one, or where the token was used for something else. */
int seal_outcome_find(Seal *p, const SealRequest *request, SealOutcome *out, SealError *err);
/* Keeps what came of a message that changed something: digest, status, headers (a JSON object), and a body of at
** most SEAL_KEPT_BODY_MAX bytes or one that is sealed; a larger one is read again. */
int seal_outcome_keep(Seal *p, const SealRequest *request, const SealAnswer *answer,
                      const char *headers, SealOutcome *out, SealError *err);
/* An answer as JSON text, the caller's (sqlite3_free): headers as a JSON object, a body with a p of NULL is none.
** NULL: out of memory. */
char *seal_answer_text(int status, const char *headers, SealText body);

#endif
