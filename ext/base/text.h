/* Text from outside: UTF-8, identifiers, scopes, names, and how a message quotes it. This floor knows
** neither SQLite nor OpenSSL, and nothing here allocates.
**
**    SealText id = seal_text_from("fleet-7");
**    char quoted[SEAL_QUOTE_MAX + 8];
**    if (!seal_is_id(id)) printf("%s is no identifier\n", seal_quote(id, quoted));
*/
#ifndef SEAL_BASE_TEXT_H
#define SEAL_BASE_TEXT_H

#include "base/bounds.h"

#include <stddef.h>

/* Text from outside: n bytes (never negative), not NUL-terminated, owned by someone else. p is NULL
** where there is no text, and n is 0 then. */
typedef struct SealText {
  const char *p;
  int n;
} SealText;

/* Gives the text of a NUL-terminated string, which it does not copy; of NULL, {NULL, 0}. The string
** must be shorter than 2 GiB. */
SealText seal_text_from(const char *text);
/* Returns 1 if `text` has just the bytes of the NUL-terminated string, and 0 if not. No text is equal
** to no string, not even to "". */
int seal_text_is(SealText text, const char *string);
/* Returns 1 if both have the same bytes, and 0 if not. No text is equal to no text, as SQL's NULL. */
int seal_text_same(SealText a, SealText b);

/* Returns 1 if the text is one of the words of a NUL-terminated string, which are separated by single spaces,
** and 0 if not. */
int seal_is_word(SealText text, const char *words);

/* Gives the length in bytes of the UTF-8 character at p, of which n bytes (at least 1) are left: 1 to
** 4, or 0 if there is none (RFC 3629 4: nothing overlong, no surrogates, nothing above U+10FFFF). */
size_t seal_utf8_length(const char *p, size_t n);
/* Returns 1 if the n bytes are UTF-8, and 0 if not. No bytes are. */
int seal_is_utf8(const char *p, size_t n);
/* Counts the characters of a text that is UTF-8. */
int seal_characters(SealText text);

/* Returns 1 if the text is an identifier, and 0 if not: 1 to SEAL_ID_MAX bytes of UTF-8 without
** control characters (U+0000 to U+001F, U+007F). */
int seal_is_id(SealText text);
/* Returns 1 if the text is a scope, and 0 if not: an identifier of words with single spaces between
** them. */
int seal_is_scope(SealText text);

/* Copies at most SEAL_QUOTE_MAX bytes of a text from outside for a message, and returns `out`, which is
** NUL-terminated: control characters and bytes that are not UTF-8 become '?', and a text that was cut
** ends in "...". No text is quoted as "". */
#define SEAL_QUOTE_MAX 80
const char *seal_quote(SealText text, char out[SEAL_QUOTE_MAX + 8]);

/* The SEAL services (TS 23.434). Gives the static name, or NULL if the text is not one of them. */
const char *seal_service_name(SealText text);
#define SEAL_IDM "identity-management"
#define SEAL_KM  "key-management"
/* All of them, with `between` between them: a list for C, or with ", " a text for people. */
#define SEAL_SERVICES(between)                                                                     \
  SEAL_IDM between SEAL_KM between "group-management" between "configuration-management" between   \
                                   "location-management" between "network-resource-management"

/* Decodes the %XX of n bytes (RFC 3986 2.1) into `out`, which has room for n + 1 bytes, and ends it with
** a NUL. Returns the length without that, or -1 if a % is not followed by two hexadecimal digits or
** stands for a NUL; then `out` holds nothing of use. What is decoded need not be UTF-8. */
ptrdiff_t seal_percent_decode(const char *p, size_t n, char *out);

/* Encodes n bytes but for what needs no encoding (RFC 3986 2.3) into `out`, which has room for 3 * n + 1, and ends it
** with a NUL. Returns the length without that. */
size_t seal_percent_encode(const char *p, size_t n, char *out);

/* The same %XX as RFC 3986 6.2.2 normalises them: what needs no encoding is decoded, the others have capital digits.
** Returns the length, or -1 as above. */
ptrdiff_t seal_percent_normal(const char *p, size_t n, char *out);

/* Wipes n bytes in a way that no compiler removes. NULL is allowed. */
void seal_wipe(void *p, size_t n);

#endif
