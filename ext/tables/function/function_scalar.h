/* The SQL functions (function_scalar.c): what the door registers.
*/
#ifndef SEAL_FUNCTION_SCALAR_H
#define SEAL_FUNCTION_SCALAR_H

#include "registrar/txn/txn.h"

/* Registers every scalar function; each is one of p's owners. */
int seal_function_register(Seal *p);

#endif
