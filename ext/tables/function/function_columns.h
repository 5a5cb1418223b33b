/* The columns of relations as SQL sees them: seal_columns. It is pure: it looks at its argument and at what was
** built in, and needs no installed schema.
**
**    SELECT name, kind, flags, meaning FROM seal_columns('seal_term');
**    SELECT DISTINCT relation FROM seal_columns;
*/
#ifndef SEAL_FUNCTION_COLUMNS_H
#define SEAL_FUNCTION_COLUMNS_H

#include "sqlite3ext.h"

/* Registers it on db. Gives SQLITE_OK or an error code. */
int seal_columns_register(sqlite3 *db);

#endif
