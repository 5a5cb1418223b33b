/* What the files of a host share: a request, from the web server's bytes to the answer's, and its bounds.
**
**    loop.c     sockets, connections, turns      request.c  parameters: what a request is
**    fcgi.c     FastCGI's records                answer.c   what seal_message answered, as HTTP; problems
**    worker.c   a thread with its connection     engine.c   the database: groups, commands, metrics
**    timer.c    what comes by time               socket.c   where web servers come in
**    log.c      a line for each request          counters.c what /metrics says of the door
**    door.c     main(), options
**
** A request belongs to the loop's thread, but for the time in which a worker has it: then to that one alone.
*/
#ifndef SEAL_HOST_HOST_H
#define SEAL_HOST_HOST_H

#include "base/bounds.h"
#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

#define HOST_PARAMS_MAX    (256 * 1024) /* bytes of a request's parameters: token, certificates, URI */
#define HOST_SMALL         65536        /* bytes of a body up to which requests go in groups */
#define HOST_GROUP_MAX     256          /* requests of a group */
#define HOST_GROUP_ANSWERS (16 << 20) /* bytes of answers at which a group ends */

/* The parameters that a request is made of (RFC 3875 4.1; the last five are ours). */
typedef enum HostParam {
  HOST_METHOD,
  HOST_URI,
  HOST_CONTENT_TYPE,
  HOST_CONTENT_LENGTH,
  HOST_AUTHORIZATION,
  HOST_ACCEPT,
  HOST_TRACEPARENT,
  HOST_IDEMPOTENCY_KEY,
  HOST_CERTIFICATE,     /* the peer's leaf, PEM */
  HOST_CERTIFICATE_DER, /* or base64 of its DER, and of those behind it */
  HOST_CHAIN_DER,
  HOST_LISTENER, /* "local": the operator's own */
  HOST_CLIENT,   /* the peer's address, for the log */
  HOST_PARAMS
} HostParam;

/* Who answers a request. */
typedef enum HostTarget {
  HOST_MESSAGE, /* seal_message, in a group */
  HOST_HEALTH,
  HOST_METRICS,
  HOST_PROBLEM /* the door itself: `fault` says what is wrong */
} HostTarget;

/* An error of the door's own. */
typedef struct HostFault {
  int status;         /* 0: none */
  const char *cause;  /* static; NULL: none of TS 29.500 fits */
  const char *detail; /* static */
  int retry_after;    /* seconds; 0: none is told */
} HostFault;

typedef struct HostRequest {
  struct HostRequest *next;
  struct HostConnection *connection; /* NULL: it is gone, and nobody waits for the answer */
  int id;                            /* FastCGI's */
  /* What came: the parameters' bytes and the body, malloc'ed; `param` points into the former. */
  char *params;
  size_t n_params, size_params;
  SealText param[HOST_PARAMS];
  char *body;
  size_t n_body, size_body;
  size_t reserved; /* of the memory of all, for the body */
  int body_too_large, head;
  /* What is made of it. */
  HostTarget target;
  HostFault fault;
  char *pem;                 /* the certificates, made of DER; NULL: param[HOST_CERTIFICATE] */
  char key[SEAL_ID_MAX + 1]; /* the message_id */
  int own_key;               /* it is a random one of ours */
  /* The worker's answer: {"status", "headers", "body"} of seal_message, or a text; NULL: `fault`. */
  char *answer;
  size_t n_answer;
  int64_t came, begun, answered; /* microseconds of the monotonic clock */
  int64_t worked;                /* microseconds that the registrar needed for it */
  unsigned sender;               /* who says he sends it: a hash */
  int group;                     /* how many were handled together */
} HostRequest;

/************************************************************************************************
** request.c
*/
/* Makes a request whose bytes `n` (HOST_PARAMS_MAX at most) are in `params` ready for its body: reads the parameters, and
** says who answers. What is wrong is a fault of it. *length is that of the body, or 0. */
void host_request_read(HostRequest *r, size_t *length);
/* The body is there: what can be said of it before anybody reads it. */
void host_request_complete(HostRequest *r);
/* The first fault of a request counts. */
void host_request_fault(HostRequest *r, int status, const char *cause, const char *detail,
                        int retry_after);
/* Wipes and frees it. NULL is allowed. */
void host_request_free(HostRequest *r);
/* Writes the API and the resource of a request's path, without what a user named, to `out`. */
#define HOST_PATH_SIZE 64
const char *host_request_path(const HostRequest *r, char out[HOST_PATH_SIZE]);

/************************************************************************************************
** answer.c
*/
typedef struct HostAnswer {
  int status;
  SealText cause; /* of a refusal; points into what it was made of */
  char *bytes;    /* FastCGI's records: malloc'ed; NULL: out of memory */
  size_t n;
} HostAnswer;
/* Makes the answer of a request that is done, and forgets what it was made of, but for `cause`'s text. */
void host_answer_make(const HostRequest *r, HostAnswer *out);

/************************************************************************************************
** log.c
*/
typedef struct HostLog HostLog;
/* A log to the end of a file; NULL: to stderr. NULL: it can't be opened (errno). */
HostLog *host_log_open(const char *path);
void host_log_close(HostLog *log);
/* The file anew, as it is renamed by who rotates logs; on an error the old one stays. Returns 0 or -1. */
int host_log_reopen(HostLog *log);
/* A line for a request that was answered, and one of the door's own: what happened and, or NULL, why. */
void host_log_request(HostLog *log, const HostRequest *r, const HostAnswer *answer);
void host_log_event(HostLog *log, const char *event, const char *detail);
/* Writes what waits. */
void host_log_flush(HostLog *log);

#endif
