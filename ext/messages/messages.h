/* The 3GPP face: one message in, one answer out (TS 29.549, clause 6 of TS 29.122 for the forms).
**
**    {"method":"POST","uri":"/ss-ipp/v1/configurations","authorization":"Bearer …","body":{…}}
**    {"status":201,"headers":{"Location":"/ss-ipp/v1/configurations/9f…",…},"body":{…}}
**
**    relation_message.c    the relation seal_message
**    dispatch.c            routing, requester, problem details
**    kept.c                idempotency: what is kept of an outcome
**    envelope.c            reads a request; body.c a body, and a VALServicesConfig in it (body.h)
**    api_*.c               the handlers, one file for each API (api.h)
**
** To add an API: a file with its handlers, a line in the table of dispatch.c, its
** declaration in api.h.
*/
#ifndef SEAL_MESSAGES_H
#define SEAL_MESSAGES_H

#include "registrar/held/records.h"

/************************************************************************************************
** dispatch.c
*/
/* The parts of a request, but for its body. */
typedef enum SealPart {
  SEAL_METHOD,
  SEAL_REQUEST_URI,
  SEAL_AUTHORIZATION,
  SEAL_CLIENT_CERTIFICATE,
  SEAL_CONTENT_TYPE,
  SEAL_ACCEPT,
  SEAL_TRACEPARENT,
  SEAL_PARTS
} SealPart;

/* A request as it comes: an envelope, or else parts, so that who has them need not paste one. Texts as they lie,
** p of NULL: not given. All of it is the caller's, and has to outlive the call. */
typedef struct SealGiven {
  SealText envelope;
  SealText part[SEAL_PARTS];
  sqlite3_value *body; /* text, or a blob; NULL: none. Not looked at before the sender is known */
} SealGiven;

#define SEAL_REQUESTER_SIZE (SEAL_ID_MAX + 8) /* "val:" and an id */
/* What came of a message. */
typedef struct SealOutcome {
  int status;
  char *
      response; /* the answer's JSON text (seal_secret_free); NULL: it is to be read from storage */
  int secret;   /* it holds a token or a key */
  int64_t stored; /* the row that keeps it; 0: only what changed something is kept */
  char requester[SEAL_REQUESTER_SIZE]; /* "val:…"; empty: nobody known */
} SealOutcome;
/* Handles one message, whatever it holds: every refusal is an answer, and audited. The id makes a repetition
** of its requester's harmless: the same request again has the first outcome, and changes nothing. An error
** code is a fault of the system (NOMEM, BUSY, FULL, IOERR, TOOBIG, …): then the statement fails. */
int seal_message_handle(Seal *p, SealText message_id, const SealGiven *given, SealAt at,
                        SealOutcome *out);

/* The answer that row `id` keeps, as JSON text, the caller's (seal_secret_free); NULL if there is no such row. A large
** body is the configuration as it is at `at`; if that is gone there is none. */
int seal_outcome_read(Seal *p, int64_t id, int64_t at, char **response, SealError *err);

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

/* A request, read. Points into what it was read from, which has to outlive it. */
typedef struct SealRequest {
  SealText part[SEAL_PARTS];     /* p of NULL where absent */
  char *part_memory[SEAL_PARTS]; /* of those that were copied, ended by a NUL; sqlite3_free */
  const char *method, *uri;
  char *path;        /* without the query, as RFC 3986 6.2.2 normalises it; sqlite3_free */
  const char *query; /* as it came; NULL where there is none; points into the URI's memory */
  SealCredential credential;
  const char *content_type, *accept; /* NULL where absent */
  const char *traceparent;           /* NULL where absent, or not as W3C Trace Context has it */
  /* The body. In an envelope: the bytes of its JSON value as they lie, or, of a string, what it holds, decoded once
  ** it is asked for. p of NULL where it is absent or null, or was not asked for. */
  SealText body_text;
  int body_is_string, body_escapes;
  sqlite3_value *body_value; /* of a request in parts */
  char *body_memory; /* what body_text points to where the string had escapes; sqlite3_free */
  /* What seal_request_body or seal_request_few makes of it: the value without its lists of
  ** identities, in whose place stand their numbers in `lists`. NULL before. */
  json_t *body;
  SealIdList *lists;
  size_t n_lists;
  char *ids_memory; /* ids that had escapes, decoded; as long as body_text; sqlite3_free */
  size_t n_ids_memory;
  /* Given to the handler by dispatch.c: */
  SealText message_id;
  SealAt at;
  const char *conf_id;  /* the last segment of the path, decoded, or NULL */
  char *conf_id_memory; /* sqlite3_free */
  SealRequester who;
  const char *seal_service; /* what the resource belongs to; NULL before that is known */
  SealInvocation touched;   /* the terms that it was an invocation of so far */
  unsigned char digest[SEAL_SHA256_SIZE]; /* of what is asked: method, uri, media type, body */
  unsigned char use[SEAL_SHA256_SIZE]; /* of that and the message id: what its token is used for */
  int reads;                           /* it changes nothing: it may be asked again */
  int head;                            /* HEAD: a GET whose answer has no body */
} SealRequest;

/* Reads a request but for its body; an envelope is held against the grammar whole. Refuses what is not JSON or
** not an envelope, or over a bound; *out is cleared by the caller in any case. */
int seal_request_read(const SealGiven *given, SealRequest *out, SealError *err);
/* Reads the body into request->body and request->lists, once media type and requester are known to be
** right. Refuses one that is absent, too large, or, as a string, not JSON. */
int seal_request_body(SealRequest *request, SealError *err);
/* Reads of a small body, whose sender is not known yet, the members that `names` (ended by NULL) asks for into
** request->body: texts; what is anything else is `true`. A form (application/x-www-form-urlencoded), or JSON. */
int seal_request_few(SealRequest *request, int is_form, const char *const *names, SealError *err);
void seal_request_clear(SealRequest *request);

#endif
