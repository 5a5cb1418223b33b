/* FastCGI 1.0 (fcgi.h).
**
** A record is 8 bytes (version, type, request id, length, padding), its content, its padding. A request is
** FCGI_BEGIN_REQUEST, parameters to an empty record, its body to an empty record.
*/
#include "host/fcgi.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
  TYPE_BEGIN = 1,
  TYPE_ABORT = 2,
  TYPE_END = 3,
  TYPE_PARAMS = 4,
  TYPE_STDIN = 5,
  TYPE_STDOUT = 6,
  TYPE_DATA = 8,
  TYPE_VALUES = 9,
  TYPE_VALUES_RESULT = 10
};
#define HEAD_SIZE   8
#define CONTENT_MAX 65528 /* of a record of ours: a multiple of 8 needs no padding */
#define RESPONDER   1
#define VALUES_MAX  1024 /* bytes of an FCGI_GET_VALUES, which nobody reads */

static int type_of(const FcgiIn *in) {
  return in->head[1];
}

/* The record's content is all read, or there is none: what that means. FCGI_MORE: nothing to be told. */
static FcgiEvent record_end(FcgiIn *in, int empty) {
  switch (type_of(in)) {
  case TYPE_BEGIN:
    in->keep = in->body[2] & 1;
    if (in->open != 0 || in->body[0] != 0 || in->body[1] != RESPONDER) {
      in->refuse = in->open != 0 ? FCGI_CANT_MULTIPLEX : FCGI_UNKNOWN_ROLE;
      return FCGI_OTHER;
    }
    in->open = in->id;
    in->at = FCGI_IN_PARAMS;
    return FCGI_BEGIN;
  case TYPE_PARAMS:
    if (!empty || in->id != in->open) return FCGI_MORE;
    if (in->at != FCGI_IN_PARAMS) return FCGI_BROKEN;
    in->at = FCGI_IN_STDIN;
    return FCGI_PARAMS_END;
  case TYPE_STDIN:
    if (!empty || in->id != in->open) return FCGI_MORE;
    if (in->at != FCGI_IN_STDIN) return FCGI_BROKEN;
    in->at = FCGI_IN_NONE;
    return FCGI_STDIN_END;
  case TYPE_ABORT:
    if (in->id != in->open) return FCGI_MORE;
    in->at = FCGI_IN_NONE;
    return FCGI_ABORT;
  case TYPE_VALUES:
    return FCGI_VALUES;
  default:
    return FCGI_MORE;
  }
}

/* The head of a record is there. FCGI_BROKEN, or FCGI_MORE: go on. */
static FcgiEvent record_begin(FcgiIn *in) {
  in->id = in->head[2] << 8 | in->head[3];
  in->content = (size_t)in->head[4] << 8 | in->head[5];
  in->padding = in->head[6];
  in->n_body = 0;
  if (in->head[0] != 1) return FCGI_BROKEN;
  switch (type_of(in)) {
  case TYPE_BEGIN:
    return in->id != 0 && in->content == sizeof in->body ? FCGI_MORE : FCGI_BROKEN;
  case TYPE_VALUES:
    return in->id == 0 && in->content <= VALUES_MAX ? FCGI_MORE : FCGI_BROKEN;
  case TYPE_ABORT:
    return in->id != 0 && in->content == 0 ? FCGI_MORE : FCGI_BROKEN;
  case TYPE_PARAMS:
  case TYPE_STDIN:
    return in->id != 0 ? FCGI_MORE : FCGI_BROKEN;
  default: /* a filter's data, and what a later version may have */
    return FCGI_MORE;
  }
}

/* A piece of the record's content. */
static FcgiEvent content(FcgiIn *in, const char *data, size_t n) {
  in->data = data;
  in->n = n;
  if (type_of(in) == TYPE_BEGIN) {
    assert(in->n_body + n <= sizeof in->body);
    memcpy(in->body + in->n_body, data, n);
    in->n_body += (unsigned)n;
    return FCGI_MORE;
  }
  if (in->id != in->open) return FCGI_MORE;
  if (type_of(in) == TYPE_PARAMS) return in->at == FCGI_IN_PARAMS ? FCGI_PARAMS : FCGI_BROKEN;
  if (type_of(in) == TYPE_STDIN) return in->at == FCGI_IN_STDIN ? FCGI_STDIN : FCGI_BROKEN;
  return FCGI_MORE;
}

FcgiEvent fcgi_next(FcgiIn *in, const char **p, const char *end) {
  FcgiEvent event = FCGI_MORE;
  while (event == FCGI_MORE && *p < end) {
    size_t left = (size_t)(end - *p);
    if (in->n_head < HEAD_SIZE) {
      in->head[in->n_head++] = (unsigned char)*(*p)++;
      if (in->n_head < HEAD_SIZE) continue;
      event = record_begin(in);
      if (event == FCGI_MORE && in->content == 0) event = record_end(in, 1);
    } else if (in->content > 0) {
      size_t n = left < in->content ? left : in->content;
      event = content(in, *p, n);
      *p += n;
      in->content -= n;
      /* A piece of a request has no end of its own to be told: only what is kept here has. */
      if (event == FCGI_MORE && in->content == 0) event = record_end(in, 0);
    } else {
      size_t n = left < in->padding ? left : in->padding;
      *p += n;
      in->padding -= n;
    }
    if (in->n_head == HEAD_SIZE && in->content == 0 && in->padding == 0) in->n_head = 0;
  }
  return event;
}

void fcgi_answered(FcgiIn *in) {
  in->open = 0;
  in->at = FCGI_IN_NONE;
}

/* A length: a byte, or four with the highest bit set. */
static int read_length(const char **p, const char *end, size_t *out) {
  const unsigned char *q = (const unsigned char *)*p;
  if (*p >= end) return -1;
  if (q[0] < 0x80) {
    *out = q[0];
    *p += 1;
    return 1;
  }
  if (end - *p < 4) return -1;
  *out = (size_t)(q[0] & 0x7f) << 24 | (size_t)q[1] << 16 | (size_t)q[2] << 8 | q[3];
  *p += 4;
  return 1;
}

int fcgi_pair(const char **p, const char *end, FcgiPair *out) {
  if (*p == end) return 0;
  if (read_length(p, end, &out->n_name) < 0 || read_length(p, end, &out->n_value) < 0) return -1;
  size_t left = (size_t)(end - *p);
  if (out->n_name > left || out->n_value > left - out->n_name) return -1;
  out->name = *p;
  out->value = *p + out->n_name;
  *p += out->n_name + out->n_value;
  return 1;
}

static void put_head(char *out, int type, int id, size_t n, size_t padding) {
  assert(n <= 65535 && padding <= 255);
  unsigned char head[HEAD_SIZE] = {1,
                                   (unsigned char)type,
                                   (unsigned char)(id >> 8),
                                   (unsigned char)id,
                                   (unsigned char)(n >> 8),
                                   (unsigned char)n,
                                   (unsigned char)padding,
                                   0};
  memcpy(out, head, sizeof head);
}

size_t fcgi_answer_size(size_t n) {
  size_t records = (n + CONTENT_MAX - 1) / CONTENT_MAX;
  return n + records * HEAD_SIZE + HEAD_SIZE + FCGI_END_SIZE;
}

void fcgi_answer(int id, const char *head, size_t n_head, const char *body, size_t n_body,
                 char *out) {
  size_t n = n_head + n_body, done = 0;
  while (done < n) {
    size_t record = n - done < CONTENT_MAX ? n - done : CONTENT_MAX;
    size_t of_head = done < n_head ? n_head - done : 0;
    if (of_head > record) of_head = record;
    put_head(out, TYPE_STDOUT, id, record, 0);
    out += HEAD_SIZE;
    if (of_head > 0) memcpy(out, head + done, of_head);
    if (record > of_head) memcpy(out + of_head, body + (done + of_head - n_head), record - of_head);
    out += record;
    done += record;
  }
  put_head(out, TYPE_STDOUT, id, 0, 0);
  fcgi_end(id, FCGI_DONE, out + HEAD_SIZE);
}

void fcgi_end(int id, int status, char *out) {
  put_head(out, TYPE_END, id, 8, 0);
  memset(out + HEAD_SIZE, 0, 8);
  out[HEAD_SIZE + 4] = (char)status;
}

void fcgi_values(int connections, char *out) {
  char number[8];
  int n = snprintf(number, sizeof number, "%d", connections % 1000000);
  const char *const pairs[][2] = {
      {"FCGI_MAX_CONNS", number}, {"FCGI_MAX_REQS", number}, {"FCGI_MPXS_CONNS", "0"}};
  char *start = out;
  assert(n > 0 && n < (int)sizeof number);
  out += HEAD_SIZE;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    size_t n_name = strlen(pairs[i][0]), n_value = strlen(pairs[i][1]);
    *out++ = (char)n_name;
    *out++ = (char)n_value;
    memcpy(out, pairs[i][0], n_name);
    memcpy(out + n_name, pairs[i][1], n_value);
    out += n_name + n_value;
  }
  size_t used = (size_t)(out - start);
  assert(used <= FCGI_VALUES_SIZE);
  memset(out, 0, FCGI_VALUES_SIZE - used);
  put_head(start, TYPE_VALUES_RESULT, 0, used - HEAD_SIZE, FCGI_VALUES_SIZE - used);
}
