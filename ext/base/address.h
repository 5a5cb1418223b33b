/* Where something is reached: URIs (RFC 3986), and the EndPoint of TS 29.558 as JSON.
*/
#ifndef SEAL_BASE_ADDRESS_H
#define SEAL_BASE_ADDRESS_H

#include <jansson.h>
#include "base/text.h"

/* 1 if the text is a URI of at most SEAL_URI_MAX bytes: a scheme, and behind its colon what RFC 3986 2 allows. */
int seal_is_uri(SealText text);
/* 1 if it is one of http or https, with a host and without user information (RFC 9110 4.2). */
int seal_is_http_uri(SealText text);
/* 1 if the JSON is an EndPoint (TS 29.558): exactly one of uri, fqdn, ipv4Addrs, ipv6Addrs, each of the form that
** TS 29.571 5.2.2 gives it. */
int seal_is_end_pt(const json_t *json);

#endif
