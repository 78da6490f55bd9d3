#include "src/net/route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The address of ours that packets to a host carry: a connected datagram socket knows, nothing is sent. */
static int own_address(struct in_addr *out, const struct addrinfo *to)
{
    struct sockaddr_in own = {0};
    socklen_t len = sizeof own;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc = fd >= 0 ? connect(fd, to->ai_addr, to->ai_addrlen) : -1;
    rc = rc == 0 ? getsockname(fd, (struct sockaddr *)&own, &len) : rc;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (rc == 0) {
        *out = own.sin_addr;
    }
    return rc;
}

/* The mask of the interface that has an address of ours; a single address where none has. */
static struct in_addr mask_of(struct in_addr own)
{
    struct in_addr mask = {.s_addr = htonl(0xffffffffu)};
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) != 0) {
        return mask;
    }
    for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
        struct sockaddr_in address, netmask;
        if (i->ifa_addr == NULL || i->ifa_netmask == NULL || i->ifa_addr->sa_family != AF_INET) {
            continue;
        }
        memcpy(&address, i->ifa_addr, sizeof address);
        memcpy(&netmask, i->ifa_netmask, sizeof netmask);
        if (address.sin_addr.s_addr == own.s_addr) {
            mask = netmask.sin_addr;
        }
    }
    freeifaddrs(list);
    return mask;
}

enum fg_status fg_route_to(struct fg_str *out, const char *host, struct fg_err *err)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found = NULL;
    struct in_addr own = {0};
    char text[INET_ADDRSTRLEN];
    int rc = getaddrinfo(host, "22", &hints, &found);
    if (rc != 0) {
        return fg_fail(err, FG_E_MISSING, "host %s: %s", host, gai_strerror(rc));
    }
    rc = own_address(&own, found);
    freeaddrinfo(found);
    if (rc != 0) {
        return fg_fail(err, FG_E_MISSING, "host %s: %s", host, strerror(errno));
    }
    struct in_addr mask = mask_of(own), network = {.s_addr = own.s_addr & mask.s_addr};
    (void)inet_ntop(AF_INET, &network, text, sizeof text);
    return fg_str_addf(out, "%s/%d", text, __builtin_popcount(mask.s_addr));
}
