/* Decimal amounts, exact: a sum of quantity × price is kept in billionths as an integer of 128 bits, and rounded once.
**
**    SealDecimal price, sum = {0, 0};
**    char text[SEAL_DECIMAL_SIZE];
**    if (seal_decimal_read("0.10", 4, &price) == 0 && seal_decimal_add(&sum, price, 626400) == 0) {
**      seal_decimal_text(sum, 86400, 2, text);   // 0.73
**    }
*/
#ifndef SEAL_BASE_DECIMAL_H
#define SEAL_BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#define SEAL_DECIMAL_PLACES 9 /* decimals that a price and an amount have at most */
#define SEAL_DECIMAL_SIZE   64
#define SEAL_PER_MAX        1000000000

/* Billionths; two halves, since SQLite gives the state of an aggregate memory that is aligned for 8 bytes only. */
typedef struct SealDecimal {
  uint64_t high, low;
} SealDecimal;

/* Reads decimal text from 0 on, of n bytes, with at most 9 decimals: 0, or -1 if it is not that. */
int seal_decimal_read(const char *text, size_t n, SealDecimal *out);
/* Adds quantity × price; quantity is not negative. 0, or -1 if the sum does not fit: it is then as it was. */
int seal_decimal_add(SealDecimal *sum, SealDecimal price, int64_t quantity);
/* Writes sum / per (1 to SEAL_PER_MAX), rounded half up to `places` decimals (0 to 9), with a NUL. */
void seal_decimal_text(SealDecimal sum, int64_t per, int places, char out[SEAL_DECIMAL_SIZE]);

#endif
