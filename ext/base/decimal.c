/* Decimal amounts (decimal.h). Everything before the rounding is exact; what would not fit is told, never wrong.
*/
#include "base/decimal.h"

#include <assert.h>
#include <string.h>

typedef unsigned __int128 Wide;

static Wide wide(SealDecimal decimal) {
  return (Wide)decimal.high << 64 | decimal.low;
}

static SealDecimal halves(Wide value) {
  return (SealDecimal){(uint64_t)(value >> 64), (uint64_t)value};
}

int seal_decimal_read(const char *text, size_t n, SealDecimal *out) {
  int decimals = -1;
  Wide value = 0;
  if (n < 1 || n > 40) return -1;
  for (size_t i = 0; i < n; i++) {
    if (text[i] == '.' && decimals < 0 && i > 0 && i + 1 < n) {
      decimals = 0;
      continue;
    }
    if (text[i] < '0' || text[i] > '9' || value > ((Wide)1 << 90)) return -1;
    value = value * 10 + (unsigned)(text[i] - '0');
    if (decimals >= 0) decimals++;
  }
  if (decimals > SEAL_DECIMAL_PLACES) return -1;
  for (int i = decimals < 0 ? 0 : decimals; i < SEAL_DECIMAL_PLACES; i++) value *= 10;
  *out = halves(value);
  return 0;
}

int seal_decimal_add(SealDecimal *sum, SealDecimal price, int64_t quantity) {
  assert(quantity >= 0);
  if (quantity > 0 && wide(price) > (~(Wide)0 - wide(*sum)) / (Wide)quantity) return -1;
  *sum = halves(wide(*sum) + wide(price) * (Wide)quantity);
  return 0;
}

void seal_decimal_text(SealDecimal sum, int64_t per, int places, char out[SEAL_DECIMAL_SIZE]) {
  int at = SEAL_DECIMAL_SIZE;
  assert(per >= 1 && per <= SEAL_PER_MAX && places >= 0 && places <= SEAL_DECIMAL_PLACES);
  Wide divisor = (Wide)per;
  for (int i = places; i < SEAL_DECIMAL_PLACES; i++) divisor *= 10;
  Wide value = wide(sum) / divisor;
  if (wide(sum) % divisor >= divisor - divisor / 2) value++;
  out[--at] = 0;
  for (int i = 0; value > 0 || i <= places; i++) {
    if (i == places && i > 0) out[--at] = '.';
    out[--at] = (char)('0' + (int)(value % 10));
    value /= 10;
  }
  memmove(out, out + at, (size_t)(SEAL_DECIMAL_SIZE - at));
}
