/* How large what comes from outside may be: each bound once, and the same by message and by row. What is larger
** is refused on the way in, with the number.
*/
#ifndef SEAL_BASE_BOUNDS_H
#define SEAL_BASE_BOUNDS_H

#define SEAL_ID_MAX       255   /* bytes of an identifier (TS 33.434 A.2) */
#define SEAL_TEXT_MAX     65536 /* bytes of any other text, and of a JSON value of the operator's */
#define SEAL_URI_MAX      2048  /* bytes of a URI that is stored */
#define SEAL_END_PT_MAX   2048  /* bytes of an EndPoint, as JSON */
#define SEAL_KEY_INFO_MAX 65536 /* bytes of the key information of a record */

/* A message. */
#define SEAL_ENVELOPE_MAX    (24 * 1024 * 1024) /* bytes: a body as a string has escapes */
#define SEAL_MEMBERS_MAX     64                 /* members of the envelope */
#define SEAL_BODY_MAX        (16 * 1024 * 1024) /* bytes of the body */
#define SEAL_TOKEN_BODY_MAX  65536 /* bytes of a body that is read before its sender is known */
#define SEAL_HEADER_TEXT_MAX 8192  /* bytes of URI, Accept and the like */
#define SEAL_MESSAGE_DEPTH   32 /* arrays and objects inside one another, the envelope's among them */
#define SEAL_SERVICES_MAX    10000              /* VAL services of a message */
#define SEAL_RECORDS_MAX     1000               /* key records of a message */
#define SEAL_CONFIG_IDS_MAX  1000               /* configurations that a query names */
#define SEAL_LIST_MAX        (64 * 1024 * 1024) /* bytes of a list of configurations */

/* What is kept of an outcome: a body of that many bytes; a larger one is read again. */
#define SEAL_KEPT_BODY_MAX 4096

#endif
