/* seal_metrics and seal_notifying (function_at.c).
*/
#ifndef SEAL_FUNCTION_AT_H
#define SEAL_FUNCTION_AT_H

#include "registrar/txn/txn.h"

/* Registers the table-valued functions; p is the caller's, each module is one of its owners. Gives SQLITE_OK or an
** error code. */
int seal_at_register(Seal *p);

#endif
