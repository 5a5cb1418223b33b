/* seal_charging (function_charging.c).
*/
#ifndef SEAL_FUNCTION_CHARGING_H
#define SEAL_FUNCTION_CHARGING_H

#include "registrar/txn/txn.h"

/* Registers the table-valued function; p is the caller's, the module is one of its owners. */
int seal_charging_register(Seal *p);

#endif
