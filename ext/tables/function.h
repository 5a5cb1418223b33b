/* The SQL functions (function.c): what the door registers.
*/
#ifndef SEAL_FUNCTION_H
#define SEAL_FUNCTION_H

#include "registrar/registrar.h"

#define SEAL_VERSION "0.1.0"

/* Registers every scalar function; each is one of p's owners. */
int seal_function_register(Seal *p);

#endif
