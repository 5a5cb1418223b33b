/* Why something is refused: one stable code for each reason, whose list is reason.inc and sql/README.md.
**
**    SealReason reason = seal_jws_verify(c, token, n, set, NULL, &jws);
**    if (reason != SEAL_VALID) puts(seal_reason_text(reason));   // "signature_invalid"
**
** Every function that judges something returns a SealReason: SEAL_VALID, a reason for refusal, or one
** of the two faults that are neither (out of memory, internal).
*/
#ifndef SEAL_BASE_REASON_H
#define SEAL_BASE_REASON_H

typedef enum SealReason {
  SEAL_VALID = 0,
  SEAL_NOMEM,    /* out of memory: neither refused nor accepted */
  SEAL_INTERNAL, /* OpenSSL failed where it must not: neither refused nor accepted */
#define X(NAME, TEXT) NAME,
#include "reason.inc"
#undef X
  SEAL_REASON_COUNT
} SealReason;

/* The code as text, for example "signature_invalid"; "ok" for SEAL_VALID. Static. */
const char *seal_reason_text(SealReason r);

#endif
