/* seal_amount(quantity, price, per, places): what a group of rows costs, in decimal.
**
**    SELECT seal_amount(identity_seconds, price_per_identity_day, 86400, 2) ...      -- 0.73
**
** An aggregate: the sum of quantity × price over the rows, divided by `per`, rounded once, at the end, to
** `places` decimals (0 to 9), half up. Quantities are integers from 0 on, prices decimal text with at
** most 9 decimals (as seal_term has them); rows without a price don't count, and without any the result
** is NULL. Everything before the rounding is exact: integers of 128 bits, in billionths; what would not
** fit is an error, never a wrong sum.
*/
#include "tables/function/function_decimal.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

#define PRICE_DECIMALS 9
#define PLACES_MAX     9
#define PER_MAX        1000000000

typedef unsigned __int128 Wide;

/* SQLite gives the state of an aggregate memory that is aligned for 8 bytes, not for 16. */
typedef struct Amount {
  uint64_t high, low; /* of the sum of quantity × price, in billionths */
  int64_t per;
  int places, any;
} Amount;

/* Reads a price as billionths; 0, or -1 when it is none. */
static int read_price(const char *text, int n, Wide *out) {
  int decimals = -1;
  Wide value = 0;
  if (n < 1 || n > 40) return -1;
  for (int i = 0; i < n; i++) {
    if (text[i] == '.' && decimals < 0 && i > 0 && i + 1 < n) {
      decimals = 0;
      continue;
    }
    if (text[i] < '0' || text[i] > '9' || value > ((Wide)1 << 90)) return -1;
    value = value * 10 + (unsigned)(text[i] - '0');
    if (decimals >= 0) decimals++;
  }
  if (decimals > PRICE_DECIMALS) return -1;
  for (int i = decimals < 0 ? 0 : decimals; i < PRICE_DECIMALS; i++) value *= 10;
  *out = value;
  return 0;
}

static Wide sum_of(const Amount *amount) {
  return (Wide)amount->high << 64 | amount->low;
}

static void amount_step(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  Amount *amount = sqlite3_aggregate_context(ctx, sizeof *amount);
  if (amount == NULL) {
    sqlite3_result_error_nomem(ctx);
    return;
  }
  int64_t quantity = sqlite3_value_int64(argv[0]), per = sqlite3_value_int64(argv[2]);
  int64_t places = sqlite3_value_int64(argv[3]);
  if (sqlite3_value_type(argv[1]) == SQLITE_NULL || sqlite3_value_type(argv[0]) == SQLITE_NULL) {
    return;
  }
  const char *text = (const char *)sqlite3_value_text(argv[1]);
  Wide price;
  if (text == NULL || read_price(text, sqlite3_value_bytes(argv[1]), &price) != 0) {
    sqlite3_result_error(ctx, "seal_amount: the price is not a decimal number, as text, from 0 on",
                         -1);
  } else if (sqlite3_value_type(argv[0]) != SQLITE_INTEGER || quantity < 0 || per < 1 ||
             per > PER_MAX || places < 0 || places > PLACES_MAX) {
    sqlite3_result_error(ctx, "seal_amount: quantity, per or places is out of range", -1);
  } else if (quantity > 0 && price > (~(Wide)0 - sum_of(amount)) / (Wide)quantity) {
    sqlite3_result_error(ctx, "seal_amount: the sum is too large", -1);
  } else {
    Wide sum = sum_of(amount) + price * (Wide)quantity;
    amount->high = (uint64_t)(sum >> 64);
    amount->low = (uint64_t)sum;
    amount->per = per;
    amount->places = (int)places;
    amount->any = 1;
  }
}

static void amount_final(sqlite3_context *ctx) {
  const Amount *amount = sqlite3_aggregate_context(ctx, 0);
  char text[64];
  int at = sizeof text;
  if (amount == NULL || !amount->any) return;
  Wide divisor = (Wide)amount->per;
  for (int i = amount->places; i < PRICE_DECIMALS; i++) divisor *= 10;
  Wide value = sum_of(amount) / divisor;
  if (sum_of(amount) % divisor >= divisor - divisor / 2) value++;
  for (int i = 0; value > 0 || i <= amount->places; i++) {
    if (i == amount->places && i > 0) text[--at] = '.';
    text[--at] = (char)('0' + (int)(value % 10));
    value /= 10;
  }
  sqlite3_result_text(ctx, text + at, (int)sizeof text - at, SQLITE_TRANSIENT);
}

int seal_decimal_register(sqlite3 *db) {
  return sqlite3_create_function_v2(db, "seal_amount", 4, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                                    NULL, amount_step, amount_final, NULL);
}
