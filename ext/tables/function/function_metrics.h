/* seal_metrics (function_metrics.c).
*/
#ifndef SEAL_FUNCTION_METRICS_H
#define SEAL_FUNCTION_METRICS_H

#include "registrar/txn/txn.h"

/* Registers the table-valued function; p is the caller's, the module is one of its owners. Gives SQLITE_OK or an
** error code. */
int seal_metrics_register(Seal *p);

#endif
