/* Bodies: VALServicesConfig of TS 29.549 with the project's extensions, and the merge patch of it.
**
**    SealBody body;
**    rc = seal_body_read(request, seal_service, 0, &body, err);
**    …
**    seal_body_clear(&body);
*/
#ifndef SEAL_BODY_H
#define SEAL_BODY_H

#include "messages/api.h"

/* Reads a body's JSON text, request->body_text, into request->body and request->lists: each idList of a
** VAL service goes straight into an array, anything else into jansson's values. Gives the parser's
** reason, or SEAL_NOMEM; what was read so far is then the request's too, to be cleared with it. */
SealReason seal_body_parse(SealRequest *request);

typedef struct SealBody {
  SealConfiguration conf; /* services and their ids are the body's */
  /* Named by the body; in a PATCH, null takes the member away (RFC 7396). */
  int has_services, has_exp_time, has_supp_feat, has_end_pt, has_destination;
  char *end_pt; /* what conf.end_pt points to, if it isn't stored; sqlite3_free */
  const json_t
      *end_pt_patch; /* of a PATCH: an object, to be merged with what is stored; the request's */
} SealBody;

/* Checks a body against VALServicesConfig (or, for a PATCH, VALServicesConfigPatch) of the request's
** SEAL service; faults go to *err. */
int seal_body_read(const SealRequest *request, const char *seal_service, int patch, SealBody *out,
                   SealError *err);
/* Gives the body the VAL server's endpoint and destination where it has none of its own, and in a PATCH merges the
** endpoint (RFC 7396). Both texts have to stay where they are as long as the body. */
int seal_body_complete(SealBody *body, SealText end_pt, SealText destination, SealError *err);
void seal_body_clear(SealBody *body);

#endif
