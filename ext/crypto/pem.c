/* What certificates and CRLs come in: PEM text (RFC 7468), or DER values one after another. The one reader
** of both, whoever asks, so that no two of us ever see another certificate in the same bytes.
**
**    SealBlocks blocks;
**    seal_blocks_begin(&blocks, "CERTIFICATE", pem, n, SEAL_REASON_CHAIN_MALFORMED);
**    while (seal_blocks_next(&blocks)) use(blocks.der, blocks.n);
**    reason = blocks.reason;
**    seal_blocks_end(&blocks);
**
** Readers of PEM forgive much, each something else. So this one takes what all of them take, and refuses the
** rest: a block begins with a line of its own and ends with one, and has nothing but base64 and white space in
** between, without headers (RFC 1421); text is allowed around blocks (RFC 7468 2), but nothing there may look
** as if a block began or ended; a block of any other kind, a key say, refuses the whole. Lines end with LF or
** CRLF, and may end with spaces.
*/
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/crypto_int.h"

static const char pem_begin[] = "-----BEGIN ", pem_end[] = "-----END ", pem_dashes[] = "-----";

#define LENGTH(TEXT) (sizeof(TEXT) - 1)

int seal_tlv_read(const unsigned char *p, size_t n, SealTlv *out) {
  size_t head = 2, length;

  if (n < 2 || (p[0] & 0x1f) == 0x1f) return 0;
  length = p[1];
  if (length & 0x80) {
    size_t digits = length & 0x7f;

    if (digits < 1 || digits > 4 || n < 2 + digits || p[2] == 0) return 0;
    length = 0;
    for (size_t i = 0; i < digits; i++) length = length << 8 | p[2 + i];
    if (length < 0x80) return 0;
    head += digits;
  }
  if (length > n - head) return 0;
  out->tag = p[0];
  out->value = p + head;
  out->n = length;
  out->size = head + length;
  return 1;
}

void seal_blocks_begin(SealBlocks *blocks, const char *label, const void *data, size_t n,
                       SealReason malformed) {
  const unsigned char *bytes = data;

  *blocks = (SealBlocks){.label = label, .p = data, .left = n, .malformed = malformed};
  /* A SEQUENCE with a long length; no text begins so: 0x80 to 0x84 begin no character. */
  blocks->is_pem = !(n > 1 && bytes[0] == 0x30 && bytes[1] >= 0x80 && bytes[1] <= 0x84);
}

/* Keeps why there is no other value; gives 0, for the caller to return. */
static int blocks_fail(SealBlocks *blocks, SealReason reason) {
  blocks->reason = reason;
  blocks->left = 0;
  return 0;
}

static int is_space(char ch) {
  return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n';
}

/* Where the next line begins, if nothing but spaces is left of this one; NULL if there is more, or the text
** ends here and `may_end` is 0. */
static const char *line_end(const char *p, const char *end, int may_end) {
  while (p < end && (*p == ' ' || *p == '\t')) p++;
  if (p == end) return may_end ? p : NULL;
  if (*p == '\r' && end - p > 1) p++;
  return *p == '\n' ? p + 1 : NULL;
}

/* Where `what` begins, if a line of its own does so; `end` if it is nowhere, NULL if it is inside of a line.
** A line begins at `first`. */
static const char *line_find(const char *first, const char *end, const char *what, size_t n) {
  const char *found = memmem(first, (size_t)(end - first), what, n);

  if (!found) return end;
  return found == first || found[-1] == '\n' ? found : NULL;
}

/* Decodes base64 (RFC 4648 4) with white space in it, strictly: '=' where it belongs, unused bits zero. */
static int base64_decode(SealBlocks *blocks, const char *text, size_t n) {
  char *packed = malloc(n + 1);
  size_t used = 0, padding = 0;
  ptrdiff_t size = -1;

  if (!packed) return blocks_fail(blocks, SEAL_NOMEM);
  blocks->own = (unsigned char *)packed;
  for (size_t i = 0; i < n; i++) {
    char ch = text[i];

    if (is_space(ch)) continue;
    padding += ch == '=';
    if ((padding > 0) != (ch == '=') || ch == '-' || ch == '_') {
      return blocks_fail(blocks, blocks->malformed);
    }
    if (padding == 0) packed[used++] = ch == '+' ? '-' : ch == '/' ? '_' : ch;
  }
  /* To where it lies: three bytes never reach the four that they come of. */
  if (padding == (4 - used % 4) % 4) size = seal_b64url_decode(packed, used, blocks->own);
  if (size <= 0) return blocks_fail(blocks, blocks->malformed);
  blocks->der = blocks->own;
  blocks->n = (size_t)size;
  return 1;
}

/* Reads the block whose line begins at `text`, and moves blocks->p to the line behind it. */
static int pem_block(SealBlocks *blocks, const char *text, const char *end) {
  size_t n_label = strlen(blocks->label), n_last;
  char last[40];
  const char *body = text + LENGTH(pem_begin), *close;

  if ((size_t)(end - body) < n_label + LENGTH(pem_dashes) ||
      memcmp(body, blocks->label, n_label) != 0 ||
      memcmp(body + n_label, pem_dashes, LENGTH(pem_dashes)) != 0) {
    return blocks_fail(blocks, blocks->malformed);
  }
  body = line_end(body + n_label + LENGTH(pem_dashes), end, 0);
  if (!body) return blocks_fail(blocks, blocks->malformed);
  n_last = (size_t)snprintf(last, sizeof last, "%s%s%s", pem_end, blocks->label, pem_dashes);
  assert(n_last < sizeof last);
  close = line_find(body, end, last, n_last);
  if (!close || close == end) return blocks_fail(blocks, blocks->malformed);
  blocks->p = line_end(close + n_last, end, 1);
  if (!blocks->p) return blocks_fail(blocks, blocks->malformed);
  blocks->left = (size_t)(end - blocks->p);
  return base64_decode(blocks, body, (size_t)(close - body));
}

static int pem_next(SealBlocks *blocks) {
  const char *text = blocks->p, *end = text + blocks->left, *begin;

  /* A NUL would end the text for some readers. */
  if (blocks->count == 0 && memchr(text, 0, blocks->left)) {
    return blocks_fail(blocks, blocks->malformed);
  }
  begin = line_find(text, end, pem_begin, LENGTH(pem_begin));
  if (!begin || memmem(text, (size_t)(begin - text), pem_end, LENGTH(pem_end))) {
    return blocks_fail(blocks, blocks->malformed);
  }
  if (begin == end) {
    return blocks_fail(blocks, blocks->count > 0 ? SEAL_VALID : blocks->malformed);
  }
  return pem_block(blocks, begin, end);
}

static int der_next(SealBlocks *blocks) {
  const unsigned char *der = (const unsigned char *)blocks->p;
  SealTlv tlv;

  if (!seal_tlv_read(der, blocks->left, &tlv)) return blocks_fail(blocks, blocks->malformed);
  blocks->der = der;
  blocks->n = tlv.size;
  blocks->p += tlv.size;
  blocks->left -= tlv.size;
  return 1;
}

int seal_blocks_next(SealBlocks *blocks) {
  int good;

  free(blocks->own);
  blocks->own = NULL;
  blocks->der = NULL;
  blocks->n = 0;
  if (blocks->reason != SEAL_VALID || blocks->left == 0) return 0;
  good = blocks->is_pem ? pem_next(blocks) : der_next(blocks);
  blocks->count += (size_t)good;
  return good;
}

void seal_blocks_end(SealBlocks *blocks) {
  free(blocks->own);
  memset(blocks, 0, sizeof *blocks);
}
