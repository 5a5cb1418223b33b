/* What sql/relations says of a relation: its columns and its statements. The build makes one description of
** each file there (gen/columns.h), and of it come storage, view, bundles and what seal_columns() answers.
**
**    for (int i = 0; i < seal_description_term.n_columns; i++) puts(seal_description_term.columns[i].name);
**    SealText format = seal_row_text(row, KEY_KEY_FORMAT);      the index of a column by its name
*/
#ifndef SEAL_DESCRIPTION_H
#define SEAL_DESCRIPTION_H

#include "sql.h"

typedef enum SealKind {
  SEAL_KIND_ID,       /* an identifier: 1 to 255 bytes of UTF-8 without NUL */
  SEAL_KIND_TEXT,     /* any text, at most 64 KiB */
  SEAL_KIND_URI,      /* a URI, at most 2 KiB */
  SEAL_KIND_URL,      /* the same, of http or https */
  SEAL_KIND_INSTANT,  /* an integer in storage, RFC 3339 outside */
  SEAL_KIND_COUNT,    /* an integer from 0 on */
  SEAL_KIND_WORD,     /* one of the words in `words` */
  SEAL_KIND_SERVICE,  /* a SEAL service */
  SEAL_KIND_WORDS,    /* JSON: an array of distinct strings */
  SEAL_KIND_RANGES,   /* JSON: an array of {startTime, stopTime} */
  SEAL_KIND_ENDPOINT, /* JSON: an EndPoint of TS 29.558 */
  SEAL_KIND_JSON,     /* JSON of any form: an object, an array or a scalar */
  SEAL_KIND_DECIMAL,  /* a decimal number from 0 on, as text */
  SEAL_KIND_CURRENCY, /* three capital letters (ISO 4217) */
  SEAL_KIND_VALUE,    /* text or blob, whatever it is */
  SEAL_KIND_UNTIL     /* an instant, or the largest integer: of storage, no column of a relation */
} SealKind;

#define SEAL_COL_KEY        1   /* part of the key: needed, and never changed */
#define SEAL_COL_REQUIRED   2   /* needed */
#define SEAL_COL_FIXED      4   /* set at insert, never changed */
#define SEAL_COL_READ_ONLY  8   /* the registrar's own */
#define SEAL_COL_HIDDEN     16  /* not in SELECT *, not stored */
#define SEAL_COL_WRITE_ONLY 32  /* not in the audit's detail */
#define SEAL_COL_LOOKUP     64  /* an equality finds few rows by an index */
#define SEAL_COL_DERIVED    128 /* with KEY: may be left out, a check hook computes it */
#define SEAL_COL_VIRTUAL    256 /* given by the column hook, not by storage */
#define SEAL_COL_NOT_NULL   512 /* storage always has one */

typedef struct SealColumn {
  const char *name;
  SealKind kind;
  unsigned flags;
  const char *words; /* SEAL_KIND_WORD: separated by spaces, the first is the default; else NULL */
  const char *meaning;
} SealColumn;

typedef struct SealDescription {
  const char *name;   /* without "seal_" */
  const char *prefix; /* of its objects' names: "seal_term:" */
  const SealColumn *columns;
  int n_columns, n_keys;
  const SealColumn
      *members; /* of its state in a bundle, the key's first; NULL: no bundle has any */
  int n_members;
  /* SEAL_NO_SQL where there is none. */
  enum SealSql create, drop;   /* scripts: the storage */
  enum SealSql view, view_all; /* the query; view_all where no LOOKUP column is given */
  enum SealSql find;           /* the row id by the key's columns */
  enum SealSql insert,
      update;          /* ?1 row id, every column that is given in order, what a check computed */
  enum SealSql in_use; /* a row if something valid hangs on ?1 at ?2: no delete then */
  enum SealSql bundle, apply; /* the state of an object by its key; stores a state, JSON */
  const enum SealSql
      *remove; /* what DELETE runs with ?1 row id, ended by SEAL_NO_SQL; NULL: none */
} SealDescription;

#endif
