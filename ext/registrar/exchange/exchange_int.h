/* What the files of the exchange share (bundle.c has the picture): how a bundle is told, and how it is
** applied.
**
**    registrar     bundle.c: from where to where, signed     tell.c: objects as JSON
**    SEAL server   apply.c: for us, and next      apply_check.c: breaks no rule      apply_write.c: written
*/
#ifndef SEAL_EXCHANGE_INT_H
#define SEAL_EXCHANGE_INT_H

#include "columns.h"
#include "registrar/exchange/exchange.h"
#include "registrar/held/held_int.h"

#define SEAL_BUNDLE_TYPE "seal-bundle+jwt" /* a bundle's typ: it is no token */

/************************************************************************************************
** tell.c
*/
typedef struct SealTeller {
  Seal *p;
  SealError *err;
  sqlite3_str *out; /* the objects */
  json_t *told;     /* names of objects that are in it */
  char seal_service[SEAL_ID_MAX + 1];
  char *jwk;        /* the server's key, or NULL */
  int identity;     /* it is identity management's: ids by name */
  int key;          /* it is key management's: key parameters and key records */
  int64_t last_row; /* where the rows of an object that did not fit stop; 0: all are in */
} SealTeller;

/* One object: of the change feed, or of a full copy. */
typedef struct SealTold {
  int64_t id; /* its change's number, or its row id; 0: there is none */
  char *name; /* "seal_term:sla-7/identity-management/v2x"; sqlite3_free */
  int is_key; /* a configuration of key management's, as far as the feed says */
  int ended;  /* the change is its end */
} SealTold;

/* 1 once there is no room for another object. */
int seal_tell_full(SealTeller *t);
/* Tells of an object, if it is for this server at all: what it refers to, its state or its end, its rows. */
int seal_tell(SealTeller *t, const SealTold *object);
/* Goes on with a configuration's rows after a row id, if it did not change after change `last`; else tells
** of it again from its start. */
int seal_tell_more(SealTeller *t, const SealTold *object, int64_t row, int64_t last);
/* The row of bundle_configuration for a name without its prefix: SQLITE_ROW with *row, SQLITE_DONE if there
** is none. *copy is the caller's (sqlite3_free), and *conf_id, if it is asked for, points into it. */
int seal_told_configuration(Seal *p, const char *name, char **copy, const char **conf_id,
                            sqlite3_stmt **row);
/* The relation that an object's name begins with, of those that bundles tell of; else NULL. */
const SealDescription *seal_told_relation(const char *object);
/* Takes an object's name apart, in place: at most three parts; gives how many. */
int seal_name_split(char *name, char *parts[3]);

/************************************************************************************************
** apply.c, apply_check.c, apply_write.c
*/
typedef struct SealApply {
  Seal *p;
  SealError *err;
  int64_t at;
  json_t *payload;
  const char *from, *to; /* from: NULL for the start of a full copy */
  int64_t seq, iat;
  const char *seal_service;
  int identity, key; /* what the bundle's SEAL service may be told: ids, key records */
  SealKey *own;      /* the key that records are encrypted to; NULL until one is needed */
} SealApply;

/* A member that is a string, NUL-terminated, the object's; NULL: there is none, or another kind. */
const char *seal_text_member(const json_t *object, const char *name);
/* Refuses a bundle that breaks a rule. */
int seal_refuse_form(SealApply *a, const char *what);
/* Checks every object; opens the key records, which take the place of what was encrypted. After it, only
** a fault of the system keeps the bundle from being written. */
int seal_apply_check(SealApply *a);
int seal_apply_write(SealApply *a);

#endif
