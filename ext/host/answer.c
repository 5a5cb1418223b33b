/* An answer as HTTP in FastCGI's records (host.h): what seal_message said, byte for byte, or a problem of the door's own.
*/
#include "host/host.h"
#include "host/fcgi.h"
#include "base/json.h"
#include "messages/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_MAX 16384 /* bytes of an answer's head: Location and challenges of a bounded length */

/* The head of an answer while it is written; n of more than HEAD_MAX: it had no room. */
typedef struct Head {
  char text[HEAD_MAX];
  size_t n;
} Head;

static void add(Head *head, const char *p, size_t n) {
  if (head->n + n <= sizeof head->text) memcpy(head->text + head->n, p, n);
  head->n += n;
}

static void add_text(Head *head, const char *text) {
  add(head, text, strlen(text));
}

static void add_number(Head *head, const char *name, size_t value) {
  char text[96];
  int n = snprintf(text, sizeof text, "%s: %zu\r\n", name, value);
  add(head, text, (size_t)n);
}

static void add_status(Head *head, int status) {
  char text[64];
  int n = snprintf(text, sizeof text, "Status: %03d %s\r\n", status, seal_status_title(status));
  add(head, text, (size_t)n);
}

/* What was found in {"status", "headers", "body"}. */
typedef struct Found {
  int status;
  SealText body; /* as it stands there, or, of a string, what is between its quotes */
  int string;
  SealText cause;
} Found;

/* A header field: no line break may get into the head, whatever was stored. */
static int add_field(Head *head, SealJson *json) {
  char value[HEAD_MAX];
  add(head, json->text, json->n);
  for (size_t i = 0; i < json->n; i++) {
    if ((unsigned char)json->text[i] <= 0x20 || json->text[i] == ':') return -1;
  }
  if (seal_json_next(json) != SEAL_JSON_STRING || json->n > sizeof value) return -1;
  size_t n = seal_json_decode(json, value);
  for (size_t i = 0; i < n; i++) {
    if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f) return -1;
  }
  add_text(head, ": ");
  add(head, value, n);
  add_text(head, "\r\n");
  return 0;
}

static int add_fields(Head *head, SealJson *json) {
  SealJsonEvent event = seal_json_next(json);
  if (event != SEAL_JSON_OBJECT) return -1;
  while ((event = seal_json_next(json)) == SEAL_JSON_NAME) {
    if (add_field(head, json) != 0) return -1;
  }
  return event == SEAL_JSON_OBJECT_END ? 0 : -1;
}

/* The problem's cause, for the log: a body of an error is short. */
static void find_cause(Found *found) {
  SealJson json;
  SealJsonEvent event;
  seal_json_begin(&json, found->body.p, (size_t)found->body.n, SEAL_MESSAGE_DEPTH);
  event = seal_json_next(&json);
  while (event == SEAL_JSON_OBJECT || event == SEAL_JSON_NAME) {
    if (event == SEAL_JSON_OBJECT) {
      event = seal_json_next(&json);
      continue;
    }
    int is = seal_json_is(&json, "cause");
    event = seal_json_next(&json);
    if (is && event == SEAL_JSON_STRING && !json.escapes) {
      found->cause = (SealText){json.text, (int)json.n};
      break;
    }
    seal_json_skip(&json, event);
    event = seal_json_next(&json);
  }
  seal_json_end(&json);
}

/* Reads the answer of seal_message; its header fields go to `head`. -1: it is none. */
static int read_answer(const HostRequest *r, Head *head, Found *out) {
  SealJson json;
  SealJsonEvent event;
  int rc = 0;
  seal_json_begin(&json, r->answer, r->n_answer, SEAL_MESSAGE_DEPTH + 1);
  if (seal_json_next(&json) != SEAL_JSON_OBJECT) rc = -1;
  while (rc == 0 && (event = seal_json_next(&json)) == SEAL_JSON_NAME) {
    if (seal_json_is(&json, "status")) {
      event = seal_json_next(&json);
      out->status = event == SEAL_JSON_INTEGER && json.integer >= 100 && json.integer <= 599
                        ? (int)json.integer
                        : 0;
      if (out->status == 0) rc = -1;
    } else if (seal_json_is(&json, "headers")) {
      rc = add_fields(head, &json);
    } else {
      int body = seal_json_is(&json, "body");
      event = seal_json_next(&json);
      const char *start = json.start;
      SealText string = {json.text, (int)json.n};
      seal_json_pass(&json, event);
      if (!body) continue;
      out->string = event == SEAL_JSON_STRING;
      out->body = out->string ? string : (SealText){start, (int)(json.p - start)};
    }
  }
  if (json.reason != SEAL_VALID || out->status == 0) rc = -1;
  seal_json_end(&json);
  return rc;
}

/* The records of an answer. */
static void finish_answer(const HostRequest *r, Head *head, SealText body, HostAnswer *out) {
  add_text(head, "\r\n");
  size_t n = r->head ? 0 : (size_t)body.n;
  out->n = fcgi_answer_size(head->n + n);
  out->bytes = head->n <= sizeof head->text ? malloc(out->n) : NULL;
  if (out->bytes != NULL) fcgi_answer(r->id, head->text, head->n, body.p, n, out->bytes);
}

/* RFC 9457, as the registrar writes it. */
static void problem(const HostRequest *r, HostFault fault, HostAnswer *out) {
  Head head = {.n = 0};
  char body[512];
  const char *cause = fault.cause ? fault.cause : "";
  int n =
      snprintf(body, sizeof body,
               "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"%s%s%s}",
               seal_status_title(fault.status), fault.status, fault.detail,
               fault.cause ? ",\"cause\":\"" : "", cause, fault.cause ? "\"" : "");
  out->status = fault.status;
  out->cause = seal_text_from(fault.cause);
  add_status(&head, fault.status);
  add_text(&head, "Content-Type: application/problem+json\r\n");
  if (fault.retry_after > 0) add_number(&head, "Retry-After", (size_t)fault.retry_after);
  if (fault.status == 405) add_text(&head, "Allow: GET, HEAD\r\n");
  add_number(&head, "Content-Length", (size_t)n);
  finish_answer(r, &head, (SealText){body, n}, out);
}

/* A text of the door's own: health, metrics. */
static void own_text(const HostRequest *r, HostAnswer *out) {
  Head head = {.n = 0};
  out->status = r->target == HOST_HEALTH && strstr(r->answer, "\"ready\":true") == NULL ? 503 : 200;
  add_status(&head, out->status);
  add_text(&head, r->target == HOST_HEALTH
                      ? "Content-Type: application/json\r\n"
                      : "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
  add_text(&head, "Cache-Control: no-store\r\n");
  if (out->status == 503) add_number(&head, "Retry-After", 1);
  add_number(&head, "Content-Length", r->n_answer);
  finish_answer(r, &head, (SealText){r->answer, (int)r->n_answer}, out);
}

/* What seal_message answered. */
static void message(const HostRequest *r, HostAnswer *out) {
  Head head = {.n = 0};
  Found found = {.status = 0};
  char *decoded = NULL;
  if (read_answer(r, &head, &found) != 0) {
    problem(r, (HostFault){500, "SYSTEM_FAILURE", "the registrar's answer can't be read", 0}, out);
    return;
  }
  if (found.string) {
    SealJson json = {.text = found.body.p, .n = (size_t)found.body.n, .escapes = 1};
    decoded = malloc(json.n + 1);
    if (decoded == NULL) return;
    found.body = (SealText){decoded, (int)seal_json_decode(&json, decoded)};
  } else if (found.status >= 400 && found.body.p != NULL) {
    find_cause(&found);
  }
  out->status = found.status;
  out->cause = found.cause;
  /* Behind Location: HAProxy takes what comes last, and a Location alone for a 302. */
  add_status(&head, found.status);
  if (found.status != 204) add_number(&head, "Content-Length", (size_t)found.body.n);
  finish_answer(r, &head, found.body, out);
  if (decoded != NULL) seal_wipe(decoded, (size_t)found.body.n);
  free(decoded);
}

void host_answer_make(const HostRequest *r, HostAnswer *out) {
  *out = (HostAnswer){.status = 0};
  if (r->fault.status != 0) {
    problem(r, r->fault, out);
  } else if (r->answer == NULL) {
    problem(r, (HostFault){500, "SYSTEM_FAILURE", "there is no answer", 0}, out);
  } else if (r->target == HOST_MESSAGE) {
    message(r, out);
  } else {
    own_text(r, out);
  }
}
