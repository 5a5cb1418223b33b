/* What the files of the exchange share (bundle.c has the picture): how a bundle is told, and how it is
** applied.
**
**    registrar     bundle.c: from where to where, signed     place.c: where that is     tell.c: objects as JSON
**    SEAL server   apply.c: for us, and next      apply_check.c: breaks no rule      apply_write.c: written
*/
#ifndef SEAL_EXCHANGE_INT_H
#define SEAL_EXCHANGE_INT_H

#include "columns.h"
#include "registrar/exchange/exchange.h"
#include "registrar/held/held_int.h"

#define SEAL_BUNDLE_TYPE "seal-bundle+jwt" /* a bundle's typ: it is no token */
#define SEAL_BUNDLE_FORM 2                 /* the form of its payload; 0.1.0's had no number */

/************************************************************************************************
** place.c
*/
/* How far an object is told that does not fit into one bundle. */
typedef struct SealCut {
  char stage; /* 0: all of it. 't': of what it refers to the terms up to row id `a`. 's': of its VAL
                  ** services those up to row id `a`, and of that one the rows up to row id `b` (0: all) */
  int64_t a, b;
} SealCut;

#define SEAL_PLACE      160 /* bytes of a place as text, NUL included */
#define SEAL_PLACE_HASH 32  /* hexadecimal digits of a place's hash */

/* Where a server is, and what it is told next. */
typedef struct SealPlace {
  int64_t epoch;
  int64_t last;                   /* the last change when the bundle was made that led here */
  char hash[SEAL_PLACE_HASH + 1]; /* of that change */
  int64_t seq;                    /* every change up to this one is told */
  int kind;    /* of a full copy: objects of this kind are told next; -1: it is no full copy */
  int64_t id;  /* those up to this row id are told */
  SealCut cut; /* and of the next one, or of this one in a full copy, so much */
} SealPlace;

/* Reads a place; 0, or -1 when it is none. A number alone has epoch -1 and no hash. */
int seal_place_read(const char *text, SealPlace *out);
void seal_place_write(const SealPlace *place, char to[SEAL_PLACE]);
/* The hash of a change; all zeros for number 0. SQLITE_DONE: the feed does not hold it. */
int seal_place_hash(Seal *p, int64_t seq, char out[SEAL_PLACE_HASH + 1]);

/************************************************************************************************
** tell.c
*/
typedef struct SealTeller {
  Seal *p;
  SealError *err;
  sqlite3_str *out; /* the objects */
  json_t *told;     /* names of objects that are in it: 1, or 0 where it could not be told */
  char seal_service[SEAL_ID_MAX + 1];
  char *jwk;    /* the server's key, or NULL */
  int identity; /* it is identity management's: ids by name */
  int key;      /* it is key management's: key parameters and key records */
  SealCut cut;  /* where the object told last stops, as it did not fit */
} SealTeller;

/* One object: of the change feed, or of a full copy. */
typedef struct SealTold {
  int64_t id; /* its change's number, or its row id; 0: there is none */
  char *name; /* "seal_term:sla-7/identity-management/v2x"; sqlite3_free */
  int is_key; /* a configuration of key management's, as far as the feed says */
  int ended;  /* the change is its end */
} SealTold;

/* 1 once there is no room for another piece. */
int seal_tell_full(const SealTeller *t);
/* Tells of an object, if it is for this server at all: what it refers to, its state or its end, its rows; as much as
** there is room for (t->cut). Goes on after `from` if the object did not change after change `last`; else, and
** with no stage, from its start. */
int seal_tell(SealTeller *t, const SealTold *object, const SealCut *from, int64_t last);
/* The relation that an object's name begins with, of those that bundles tell of; else NULL. */
const SealDescription *seal_told_relation(const char *object);
/* Takes an object's name apart, in place: at most `max` parts, 1 to 3, decoded; gives how many. A '%' that encodes nothing
** is one: so 0.1.0 wrote names of one part. */
int seal_name_split(char *name, int max, char *parts[3]);

/************************************************************************************************
** apply.c, apply_check.c, apply_write.c
*/
/* A configuration of which parts have come, and not yet the last: id of 0: there is none. */
typedef struct SealPart {
  int64_t id;
  char name[6 * SEAL_ID_MAX + 64]; /* the object's */
} SealPart;

typedef struct SealApply {
  Seal *p;
  SealError *err;
  int64_t at;
  json_t *payload;
  const char *from, *to;          /* from: NULL for the start of a full copy */
  int64_t epoch, seq, iat, until; /* until: SEAL_UNBOUNDED: no end */
  int more;
  const char *seal_service;
  int identity, key; /* what the bundle's SEAL service may be told: ids, key records */
  int64_t anchor;    /* row id of the registrar's anchor */
  char *anchor_id;
  json_t *keys;  /* the keys of that anchor */
  SealPart part; /* before this bundle */
  int64_t entry; /* number of the object that is checked; 0: what stands beside them */
  SealKey *own;  /* the key that records are encrypted to; NULL until one is needed */
} SealApply;

/* A member that is a string, NUL-terminated, the object's; NULL: there is none, or another kind. */
const char *seal_text_member(const json_t *object, const char *name);
/* Refuses a bundle that breaks a rule. */
int seal_refuse_form(SealApply *a, const char *what);
/* 1 if an object has no other members than these, which are separated by spaces. */
int seal_members_are(const json_t *object, const char *names);
/* Checks every object; opens the key records, which take the place of what was encrypted. After it, only
** a fault of the system keeps the bundle from being written. */
int seal_apply_check(SealApply *a);
int seal_apply_write(SealApply *a);

#endif
