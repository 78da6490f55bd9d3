#include "src/net/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/str.h"

static void shut(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

void fg_relay_close(struct fg_relay *r)
{
    shut(&r->end[1]); /* the server is told first */
    shut(&r->end[0]);
    shut(&r->door);
}

/* NAME;tcp4://ADDRESS:PORT */
static bool address_of(struct sockaddr_in *out, const char *uri)
{
    static const char scheme[] = "tcp4://";
    const char *at = uri != NULL ? strstr(uri, scheme) : NULL;
    const char *colon = at != NULL ? strchr(at + strlen(scheme), ':') : NULL;
    char address[INET_ADDRSTRLEN];
    uint64_t port = 0;
    if (colon == NULL || (size_t)(colon - at) - strlen(scheme) >= sizeof address) {
        return false;
    }
    at += strlen(scheme);
    memcpy(address, at, (size_t)(colon - at));
    address[colon - at] = '\0';
    *out = (struct sockaddr_in){.sin_family = AF_INET};
    if (fg_parse_u64(&port, colon + 1, strlen(colon + 1)) != FG_OK || port == 0 || port > UINT16_MAX) {
        return false;
    }
    out->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, address, &out->sin_addr) == 1;
}

enum fg_status fg_relay_open(struct fg_relay *r, const char *uri, uint16_t *port)
{
    *r = (struct fg_relay){.door = -1, .end = {-1, -1}};
    if (!address_of(&r->server, uri)) {
        return FG_E_UNSUPPORTED;
    }
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = r->server.sin_addr};
    socklen_t len = sizeof own;
    r->door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (r->door < 0 || bind(r->door, (const struct sockaddr *)&own, len) != 0 || listen(r->door, 1) != 0 ||
        getsockname(r->door, (struct sockaddr *)&own, &len) != 0) {
        fg_relay_close(r);
        return FG_E_IO;
    }
    *port = ntohs(own.sin_port);
    return FG_OK;
}

static void let_in(struct fg_relay *r)
{
    int now = 1;
    r->end[0] = accept4(r->door, NULL, NULL, SOCK_CLOEXEC);
    if (r->end[0] < 0) {
        return;
    }
    shut(&r->door);
    r->end[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(r->end[1], (const struct sockaddr *)&r->server, sizeof r->server) != 0) {
        fg_relay_close(r);
        return;
    }
    for (int i = 0; i < 2; i++) {
        (void)setsockopt(r->end[i], IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
    }
}

/* Whether a call on a socket says that the connection is over. */
static bool is_over(ssize_t n)
{
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* Move on what comes from end i; false: that was its end. */
static bool flow(struct fg_relay *r, int i)
{
    ssize_t n;
    if (r->flow[i].n == 0) {
        n = recv(r->end[i], r->flow[i].bytes, sizeof r->flow[i].bytes, MSG_DONTWAIT);
        if (n <= 0) {
            return !is_over(n);
        }
        r->flow[i].at = 0;
        r->flow[i].n = (size_t)n;
    }
    n = send(r->end[!i], r->flow[i].bytes + r->flow[i].at, r->flow[i].n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0) {
        return !is_over(n);
    }
    r->flow[i].at += (size_t)n;
    r->flow[i].n -= (size_t)n;
    return true;
}

void fg_relay_step(struct fg_relay *r, int wait_ms)
{
    struct pollfd p[3] = {{.fd = r->end[0]}, {.fd = r->end[1]}, {.fd = r->door, .events = POLLIN}};
    for (int i = 0; i < 2; i++) {
        p[i].events |= r->flow[i].n == 0 ? POLLIN : 0;
        p[!i].events |= r->flow[i].n > 0 ? POLLOUT : 0;
    }
    if (poll(p, 3, wait_ms) <= 0) {
        return;
    }
    if (p[2].revents != 0) {
        let_in(r);
    } else if (!flow(r, 0) || !flow(r, 1)) {
        fg_relay_close(r);
    }
}
