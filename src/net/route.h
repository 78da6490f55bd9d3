/* Which network leads to a host: for MPI, which has to be told where there are several.
 * Thread safety: none shared. */
#ifndef FG_NET_ROUTE_H
#define FG_NET_ROUTE_H

#include "src/base/str.h"

/* Append the network over which this machine reaches a host, as 192.168.1.0/24 (IPv4).
 * Errors: FG_E_MISSING (the name is unknown, no way to it), FG_E_NOMEM. Cost: one look-up of the name. */
enum fg_status fg_route_to(struct fg_str *out, const char *host, struct fg_err *err) FG_NODISCARD;

/* Append what a list `NET,...` of this machine's interfaces and networks names, as networks: interfaces may
 * have other names on other machines.
 * Errors: FG_E_USAGE (an interface or a network that this machine has not, over IPv4), FG_E_NOMEM. */
enum fg_status fg_route_networks(struct fg_str *out, const char *list, struct fg_err *err) FG_NODISCARD;

#endif
