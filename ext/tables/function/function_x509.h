/* seal_x509(), seal_this_update() and seal_next_update(): certificate chains and CRLs in SQL. See function_x509.c. */
#ifndef SEAL_FUNCTION_X509_H
#define SEAL_FUNCTION_X509_H

#include "crypto/x509/x509.h"
#include "sqlite3ext.h"

/* Makes the table-valued function seal_x509, and the two functions, on a connection. `c` is the connection's, and stays
** until the connection is closed. Returns an SQLite result code. */
int seal_x509_register(sqlite3 *db, SealCrypto *c);

#endif
