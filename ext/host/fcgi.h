/* FastCGI 1.0 as a responder: a row of events from a web server's bytes, and an answer's records. One request at a time on
** a connection, as nginx and HAProxy send them. This file knows neither sockets nor SQLite, and nothing here allocates.
**
**    FcgiEvent event;
**    while ((event = fcgi_next(&in, &p, end)) != FCGI_MORE) {
**      if (event == FCGI_PARAMS) keep(in.data, in.n);
**      else if (event == FCGI_BROKEN) break;
**    }
*/
#ifndef SEAL_HOST_FCGI_H
#define SEAL_HOST_FCGI_H

#include <stddef.h>
#include <stdint.h>

typedef enum FcgiEvent {
  FCGI_MORE,       /* all bytes were read; more have to come */
  FCGI_BEGIN,      /* a request begins: `keep` says whether its connection stays */
  FCGI_PARAMS,     /* a piece of its parameters: data, n */
  FCGI_PARAMS_END, /* that was all of them */
  FCGI_STDIN,      /* a piece of its body: data, n */
  FCGI_STDIN_END,  /* that was all of it: the request is complete */
  FCGI_ABORT,      /* the web server wants no answer any more */
  FCGI_VALUES,     /* it asks what we can do: fcgi_values() is the answer */
  FCGI_OTHER, /* a second request beside the first, or another role: fcgi_end() with `refuse` */
  FCGI_BROKEN /* no FastCGI: the connection can't be used any more */
} FcgiEvent;

/* Why a request is not taken: protocolStatus of FCGI_END_REQUEST. */
enum { FCGI_DONE = 0, FCGI_CANT_MULTIPLEX = 1, FCGI_UNKNOWN_ROLE = 3 };

/* What was read of a connection. All zeros at its begin. */
typedef struct FcgiIn {
  /* Of the last event. */
  const char *data;
  size_t n;
  int id;     /* of the request that the event is about */
  int keep;   /* FCGI_BEGIN: the connection stays after the answer */
  int refuse; /* FCGI_OTHER: why */
  /* The reader's own. */
  unsigned char head[8], body[8]; /* of the record; of FCGI_BEGIN_REQUEST */
  unsigned n_head, n_body;
  size_t content, padding; /* still to come of the record */
  int open;                /* id of the request that is read or answered; 0: none */
  enum { FCGI_IN_NONE, FCGI_IN_PARAMS, FCGI_IN_STDIN } at;
} FcgiIn;

/* Reads from *p, which it moves, to `end`, up to the next event. `data` points into what was read. */
FcgiEvent fcgi_next(FcgiIn *in, const char **p, const char *end);

/* The request has its answer, or needs none: the next one may begin. */
void fcgi_answered(FcgiIn *in);

/* One name and value of the parameters. Returns 1, and moves *p behind it; 0 at the end; -1 if there is none. */
typedef struct FcgiPair {
  const char *name, *value;
  size_t n_name, n_value;
} FcgiPair;
int fcgi_pair(const char **p, const char *end, FcgiPair *out);

/* The size of an answer of n bytes with all its records, and the answer, written to `out`, which has that room. */
size_t fcgi_answer_size(size_t n);
void fcgi_answer(int id, const char *head, size_t n_head, const char *body, size_t n_body,
                 char *out);
#define FCGI_END_SIZE    16
#define FCGI_VALUES_SIZE 72
/* FCGI_END_REQUEST for a request that is not taken: FCGI_END_SIZE bytes. */
void fcgi_end(int id, int status, char *out);
/* FCGI_GET_VALUES_RESULT: FCGI_VALUES_SIZE bytes, whatever was asked. */
void fcgi_values(int connections, char *out);

#endif
