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

/* Where an http or https URI leads: its host (an address without its brackets) within the text, and its port, as written or
** the scheme's own; 0 if it is no such URI. */
int seal_http_target(SealText uri, SealText *host, int *port);
/* Whether something may be sent to an IP address that `host` stands for: 1 if it is a public one, or on the list; 0 if it
** is not, or no address. The list has addresses, networks (10.0.0.0/8, fd00::/8) and hosts, with spaces or commas between.
** An address within IPv6 (mapped, RFC 4291 2.5.5.2; NAT64, RFC 6052 2.1) is judged as the IPv4 address that it leads to. */
int seal_address_allowed(SealText address, SealText host, SealText list);

#endif
