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

#include "base/decimal.h"

SQLITE_EXTENSION_INIT3

typedef struct Amount {
  SealDecimal sum; /* of quantity × price */
  int64_t per;
  int places, any;
} Amount;

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
  SealDecimal price;
  if (text == NULL || seal_decimal_read(text, (size_t)sqlite3_value_bytes(argv[1]), &price) != 0) {
    sqlite3_result_error(ctx, "seal_amount: the price is not a decimal number, as text, from 0 on",
                         -1);
  } else if (sqlite3_value_type(argv[0]) != SQLITE_INTEGER || quantity < 0 || per < 1 ||
             per > SEAL_PER_MAX || places < 0 || places > SEAL_DECIMAL_PLACES) {
    sqlite3_result_error(ctx, "seal_amount: quantity, per or places is out of range", -1);
  } else if (seal_decimal_add(&amount->sum, price, quantity) != 0) {
    sqlite3_result_error(ctx, "seal_amount: the sum is too large", -1);
  } else {
    amount->per = per;
    amount->places = (int)places;
    amount->any = 1;
  }
}

static void amount_final(sqlite3_context *ctx) {
  const Amount *amount = sqlite3_aggregate_context(ctx, 0);
  char text[SEAL_DECIMAL_SIZE];
  if (amount == NULL || !amount->any) return;
  seal_decimal_text(amount->sum, amount->per, amount->places, text);
  sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
}

int seal_decimal_register(sqlite3 *db) {
  return sqlite3_create_function_v2(db, "seal_amount", 4, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                                    NULL, amount_step, amount_final, NULL);
}
