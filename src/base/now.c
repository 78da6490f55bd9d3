#include "src/base/now.h"

#include <errno.h>

enum { LONGEST_NAP_US = 10000 };

static fg_time_t read_clock(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (fg_time_t)t.tv_sec * FG_SECOND + t.tv_nsec / 1000;
}

fg_time_t fg_now(void)
{
    return read_clock(CLOCK_REALTIME);
}

fg_time_t fg_now_steady(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double fg_now_steady_s(void)
{
    return fg_seconds(fg_now_steady());
}

struct timespec fg_timespec(fg_time_t t)
{
    return (struct timespec){.tv_sec = (time_t)(t / FG_SECOND), .tv_nsec = (long)(t % FG_SECOND * 1000)};
}

void fg_sleep(fg_time_t us)
{
    struct timespec left = fg_timespec(us);
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

bool fg_stopped(atomic_int *stop)
{
    return stop != NULL && atomic_load_explicit(stop, memory_order_relaxed) != 0;
}

void fg_wait_until(fg_time_t at, atomic_int *stop)
{
    fg_time_t left;
    while ((left = at - fg_now_steady()) > 0 && !fg_stopped(stop)) {
        struct timespec nap = fg_timespec(left < LONGEST_NAP_US ? left : LONGEST_NAP_US);
        (void)nanosleep(&nap, NULL);
    }
}
