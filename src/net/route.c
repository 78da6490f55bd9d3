#include "src/net/route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
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

static in_addr_t ipv4(const struct sockaddr *a)
{
    struct sockaddr_in in;
    memcpy(&in, a, sizeof in);
    return in.sin_addr.s_addr;
}

static enum fg_status add_network(struct fg_str *out, in_addr_t address, in_addr_t mask)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr network = {.s_addr = address & mask};
    (void)inet_ntop(AF_INET, &network, text, sizeof text);
    return fg_str_addf(out, "%s%s/%d", out->len > 0 ? "," : "", text, __builtin_popcount(mask));
}

/* What an address of ours is asked for; the first that fits counts. */
struct wanted {
    const char *name; /* its interface, n characters; NULL: any */
    size_t n;
    in_addr_t address, bits; /* those bits of the address are to be these */
};

static bool find_own(in_addr_t *address, in_addr_t *mask, const struct wanted *w)
{
    struct ifaddrs *list = NULL;
    bool found = false;
    if (getifaddrs(&list) != 0) {
        return false;
    }
    for (const struct ifaddrs *i = list; i != NULL && !found; i = i->ifa_next) {
        if (i->ifa_addr == NULL || i->ifa_netmask == NULL || i->ifa_addr->sa_family != AF_INET) {
            continue;
        }
        *address = ipv4(i->ifa_addr);
        *mask = ipv4(i->ifa_netmask);
        bool named =
            w->name == NULL || (strlen(i->ifa_name) == w->n && memcmp(i->ifa_name, w->name, w->n) == 0);
        found = named && ((*address ^ w->address) & w->bits) == 0;
    }
    freeifaddrs(list);
    return found;
}

/* An interface, or a.b.c.d/bits. */
static enum fg_status add_named(struct fg_str *out, const char *item, size_t n)
{
    const char *slash = memchr(item, '/', n);
    char text[INET_ADDRSTRLEN] = "";
    struct wanted w = {.name = item, .n = n};
    in_addr_t address, mask;
    uint64_t bits;
    if (slash != NULL && (size_t)(slash - item) < sizeof text) {
        struct in_addr in;
        memcpy(text, item, (size_t)(slash - item));
        if (inet_pton(AF_INET, text, &in) == 1 &&
            fg_parse_u64(&bits, slash + 1, n - (size_t)(slash - item) - 1) == FG_OK && bits <= 32) {
            w = (struct wanted){.address = in.s_addr,
                                .bits = htonl(bits > 0 ? UINT32_MAX << (32 - bits) : 0)};
            return find_own(&address, &mask, &w) ? add_network(out, in.s_addr, w.bits) : FG_E_USAGE;
        }
    }
    return find_own(&address, &mask, &w) ? add_network(out, address, mask) : FG_E_USAGE;
}

enum fg_status fg_route_networks(struct fg_str *out, const char *list, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    for (size_t n; st == FG_OK && *list != '\0'; list += n + (list[n] == ',')) {
        n = strcspn(list, ",");
        st = add_named(out, list, n);
        if (st == FG_E_USAGE) {
            return fg_fail(err, st,
                           "expected an interface of this machine (ip addr) or a network of it such as "
                           "192.168.1.0/24, found '%.*s'",
                           (int)n, list);
        }
    }
    return st == FG_OK ? st : fg_fail(err, st, "out of memory");
}

enum fg_status fg_route_to(struct fg_str *out, const char *host, struct fg_err *err)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found = NULL;
    struct in_addr own = {0};
    int rc = getaddrinfo(host, "22", &hints, &found);
    if (rc != 0) {
        return fg_fail(err, FG_E_MISSING, "host %s: %s", host, gai_strerror(rc));
    }
    rc = own_address(&own, found);
    freeaddrinfo(found);
    if (rc != 0) {
        return fg_fail(err, FG_E_MISSING, "host %s: %s", host, strerror(errno));
    }
    struct wanted w = {.address = own.s_addr, .bits = UINT32_MAX};
    in_addr_t address = own.s_addr, mask = UINT32_MAX;
    (void)find_own(&address, &mask, &w);
    return add_network(out, own.s_addr, mask);
}
