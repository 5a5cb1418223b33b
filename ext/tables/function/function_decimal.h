/* seal_amount (function_decimal.c).
*/
#ifndef SEAL_FUNCTION_DECIMAL_H
#define SEAL_FUNCTION_DECIMAL_H

#include "store/store.h"

/* Registers the aggregate function. */
int seal_decimal_register(sqlite3 *db);

#endif
