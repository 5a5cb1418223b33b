/* The texts of the reasons, from the one list in reason.inc.
**
**    seal_reason_text(SEAL_REASON_EXPIRED)   // "expired"
*/
#include "base/reason.h"

const char *seal_reason_text(SealReason r) {
  static const char *const text[SEAL_REASON_COUNT] = {
      [SEAL_VALID] = "ok",
      [SEAL_NOMEM] = "out_of_memory",
      [SEAL_INTERNAL] = "internal",
#define X(NAME, TEXT) [NAME] = TEXT,
#include "reason.inc"
#undef X
  };

  return (unsigned)r < SEAL_REASON_COUNT && text[r] ? text[r] : "internal";
}
