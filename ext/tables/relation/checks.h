/* What the hooks of several relations check and note (relation.h). Columns are given by their index.
**
**    int rc = seal_check_window(row, TERM_START_TIME, TERM_STOP_TIME);
**    return rc == SQLITE_OK ? seal_check_parent(row, TERM_AGREEMENT_ID, &seal_description_agreement) : rc;
*/
#ifndef SEAL_CHECKS_H
#define SEAL_CHECKS_H

#include "registrar/ledger/notification.h"
#include "tables/relation/relation.h"

/* Refuses a change of a status that is 'terminated': that is for good. */
int seal_check_status(SealRow *row, int status);
/* Refuses a window that ends before it starts, or as it starts. */
int seal_check_window(SealRow *row, int start, int stop);
/* Refuses a row whose column names none of `parent`'s rows; `parent` has one key. */
int seal_check_parent(SealRow *row, int column, const SealDescription *parent);
/* 1 if the statement gives one of these columns, ended by -1, another value. */
int seal_row_changes(const SealRow *row, const int *columns);
/* The bytes of a value that the statement gave; never NULL. */
const void *seal_cell_bytes(const SealCell *cell, int *n);
/* What hangs on the row (an agreement, a VAL server or a term) is valid at other times from now on, if one of
** these columns changes or the row goes; it was as before until now. A new row has no before. */
int seal_note_state(SealRow *row, SealParent kind, int removed, const int *columns);
/* VAL servers are told what becomes of the row (an agreement, a VAL server or a term): of another status (column, -1: it
** has none), another end (column), or that it goes. Nothing of a new one. */
int seal_notify_row(SealRow *row, SealParent kind, int removed, int status, int end);
/* A UNIQUE failure of a row whose key is not its relation's: it names the columns that SQLite would, had the
** row this key. Any other code passes. */
int seal_row_unique_of(SealRow *row, int rc, const int *columns);

#endif
