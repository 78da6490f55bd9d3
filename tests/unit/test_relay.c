/* The relay between a process on another host and MPI's server on this one, and how that process notices that
 * nobody is there any more. */
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/net/net.h"
#include "src/net/relay.h"

enum { BYTES = 300000, TURNS = 2000 };

/* A server on the loopback interface, a relay in front of it, and somebody who has connected there. */
struct scene {
    struct fg_relay relay;
    int listener, server, far; /* server: its end of the connection */
    uint16_t port;
};

static int socket_at(struct sockaddr_in *a, uint16_t port)
{
    *a = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return socket(AF_INET, SOCK_STREAM, 0);
}

static void begin(struct scene *s)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    char uri[80];
    s->listener = socket_at(&a, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(s->listener, 1), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&a, &len), 0);
    snprintf(uri, sizeof uri, "prterun-a-7@0.0;tcp4://127.0.0.1:%u", (unsigned)ntohs(a.sin_port));
    assert_int_equal(fg_relay_open(&s->relay, uri, &s->port), FG_OK);
    s->far = socket_at(&a, s->port);
    assert_int_equal(connect(s->far, (struct sockaddr *)&a, sizeof a), 0);
    fg_relay_step(&s->relay, 1000);
    s->server = accept(s->listener, NULL, NULL);
    assert_true(s->server >= 0);
    assert_int_equal(fcntl(s->server, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(fcntl(s->far, F_SETFL, O_NONBLOCK), 0);
}

static void end(struct scene *s)
{
    fg_relay_close(&s->relay);
    close(s->listener);
    close(s->server);
    close(s->far);
}

static uint8_t value(size_t at, size_t salt)
{
    return (uint8_t)((at * 31 + salt) >> 3);
}

/* One end of a conversation: says and hears what it can. */
static void talk(int fd, size_t salt, size_t *said, size_t *heard)
{
    uint8_t bytes[5000];
    size_t n = BYTES - *said < sizeof bytes ? BYTES - *said : sizeof bytes;
    for (size_t i = 0; i < n; i++) {
        bytes[i] = value(*said + i, salt);
    }
    ssize_t got = n > 0 ? write(fd, bytes, n) : 0;
    *said += got > 0 ? (size_t)got : 0;
    got = read(fd, bytes, sizeof bytes);
    for (ssize_t i = 0; i < got; i++) {
        assert_int_equal(bytes[i], value(*heard + (size_t)i, !salt));
    }
    *heard += got > 0 ? (size_t)got : 0;
}

static void both_hear_what_the_other_says(void **state)
{
    (void)state;
    struct scene s;
    size_t said[2] = {0, 0}, heard[2] = {0, 0};
    begin(&s);
    for (int turn = 0; turn < TURNS && heard[0] + heard[1] < (size_t)2 * BYTES; turn++) {
        talk(s.far, 0, &said[0], &heard[0]);
        if (turn > 50) { /* whoever does not listen yet is waited for */
            talk(s.server, 1, &said[1], &heard[1]);
        }
        fg_relay_step(&s.relay, 10);
    }
    assert_int_equal(heard[0], BYTES);
    assert_int_equal(heard[1], BYTES);
    end(&s);
}

/* Steps until one end sees the end of the connection. */
static ssize_t last_word(struct scene *s, int fd)
{
    char c;
    ssize_t n = -1;
    for (int turn = 0; turn < TURNS && n < 0; turn++) {
        fg_relay_step(&s->relay, 10);
        n = read(fd, &c, 1);
    }
    return n;
}

static void the_end_of_one_is_the_end_of_the_other(void **state)
{
    (void)state;
    struct scene s;
    begin(&s);
    assert_int_equal(shutdown(s.far, SHUT_RDWR), 0);
    assert_int_equal(last_word(&s, s.server), 0);
    end(&s);
    begin(&s);
    assert_int_equal(shutdown(s.server, SHUT_RDWR), 0);
    assert_int_equal(last_word(&s, s.far), 0);
    end(&s);
    begin(&s);
    fg_relay_close(&s.relay); /* while the far one says nothing */
    assert_int_equal(last_word(&s, s.server), 0);
    end(&s);
}

static int is_asked(int fd)
{
    int on = 0;
    socklen_t len = sizeof on;
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &len), 0);
    return on;
}

static void connections_are_asked_whether_the_other_end_is_there(void **state)
{
    (void)state;
    struct scene s;
    int datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    begin(&s);
    assert_int_equal(is_asked(s.far), 0);
    fg_net_keep_asking();
    assert_int_equal(is_asked(s.far), 1);
    assert_int_equal(is_asked(datagrams), 0);
    close(datagrams);
    end(&s);
}

static void what_is_no_address_is_not_relayed(void **state)
{
    (void)state;
    static const char *const none[] = {"",
                                       "a;usock:/tmp/x",
                                       "a;tcp6://[::1]:80",
                                       "a;tcp4://127.0.0.1",
                                       "a;tcp4://127.0.0.1:",
                                       "a;tcp4://127.0.0.1:0",
                                       "a;tcp4://127.0.0.1:65536",
                                       "a;tcp4://127.0.0.256:80",
                                       "a;tcp4://1234567890.1234567890:80"};
    struct fg_relay r;
    uint16_t port;
    assert_int_equal(fg_relay_open(&r, NULL, &port), FG_E_UNSUPPORTED);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(fg_relay_open(&r, none[i], &port), FG_E_UNSUPPORTED);
    }
    fg_relay_step(&r, 0); /* nothing happens */
    fg_relay_close(&r);
}

static void nobody_behind_it(void **state)
{
    (void)state;
    struct fg_relay r;
    struct sockaddr_in a;
    uint16_t port;
    char c;
    assert_int_equal(fg_relay_open(&r, "a;tcp4://127.0.0.1:1", &port), FG_OK);
    int far = socket_at(&a, port);
    assert_int_equal(connect(far, (struct sockaddr *)&a, sizeof a), 0);
    fg_relay_step(&r, 1000);
    assert_true(read(far, &c, 1) <= 0);
    close(far);
    fg_relay_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_hear_what_the_other_says),
        cmocka_unit_test(the_end_of_one_is_the_end_of_the_other),
        cmocka_unit_test(what_is_no_address_is_not_relayed),
        cmocka_unit_test(nobody_behind_it),
        cmocka_unit_test(connections_are_asked_whether_the_other_end_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
