/* What of HTTP a request has (messages.h): its URI, media types, what the peer accepts, the challenge of a refusal.
*/
#ifndef SEAL_MESSAGES_HTTP_H
#define SEAL_MESSAGES_HTTP_H

#include "messages/messages.h"

/************************************************************************************************
** http.c: HTTP besides the URI.
*/
/* 1 if a media type, whatever its parameters, is the one that is expected. */
int seal_media_type_is(const char *given, const char *expected);
/* 1 if an Accept header lets the answer be of this type: what fits it best decides, unless its weight is 0. */
int seal_accepts(const char *accept, const char *type);
/* The reason phrase of a status that we answer (RFC 9110 15). */
const char *seal_status_title(int status);
/* The WWW-Authenticate of a refusal, as the inside of a JSON string; NULL: none. */
const char *seal_challenge(int status, SealCause cause, int token_endpoint);

/************************************************************************************************
** uri.c: the URI. What is given back is the caller's (sqlite3_free, json_decref), and NULL where the query has no such
** parameter; one that can't be decoded, or is given twice where it may not be, is a fault.
*/
/* Sets path (RFC 3986 6.2.2.2: only what needs it is encoded) and query of a request whose `uri` is set. */
int seal_uri_read(SealRequest *out, SealError *err);
/* Decodes %XX of n bytes. NULL: not decodable, or out of memory (*nomem is 1). */
char *seal_percent_decoded(const char *p, size_t n, int *nomem);
/* The same of a part of a form, or of a query, where '+' is a space too: clients write one so, or as %20, and each writes
** a '+' as %2B. */
char *seal_form_decoded(const char *p, size_t n, int *nomem);
/* A parameter that is one text; `cause` is that of its faults. */
int seal_query(const SealRequest *request, SealCause cause, const char *name, char **out,
               SealError *err);
/* One that is an array: name=a&name=b (or name[]), name=a,b, or both; gives the elements with commas between. Clients encode those
** commas or not: an element that holds one itself can't be named so. */
int seal_query_list(const SealRequest *request, const char *name, char **out, SealError *err);
/* One that is an object with these members (ended by NULL), texts: as JSON, exploded (member=text), or as deepObject
** (name[member]=text). */
int seal_query_object(const SealRequest *request, const char *name, const char *const *members,
                      json_t **out, SealError *err);
/* One that is an array of such objects: JSON, the array or its elements, together or one by one; or name[0][member]=text, as
** clients write it where OpenAPI says nothing. *out is NULL where there is none, else it has an element. */
int seal_query_objects(const SealRequest *request, const char *name, const char *const *members,
                       json_t **out, SealError *err);
/* Refuses a query with parameters of other names than these (ended by NULL); one that ends with '[' is what names begin with. */
int seal_query_only(const SealRequest *request, const char *const *names, SealError *err);

#endif
