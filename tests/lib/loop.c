#include "tests/lib/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/now.h"

struct end {
    struct fg_transport base;
    struct fg_loop *loop;
    uint32_t number;
    bool dead, woken;
    struct fg_net_event *queue;
    size_t n, cap;
};

struct fg_loop {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t n, up;  /* endpoints; those that have joined */
    struct end *end; /* (n) */
    void (*idle)(void *ctx);
    void *idle_ctx;
};

static enum fg_status push(struct end *to, struct fg_net_event ev)
{
    enum fg_status st = FG_GROW(to->queue, to->n, to->cap);
    if (st == FG_OK) {
        to->queue[to->n++] = ev;
        pthread_cond_broadcast(&to->loop->changed);
    }
    return st;
}

static enum fg_status loop_post(struct fg_transport *t, uint32_t peer, uint8_t *frame, size_t len)
{
    struct end *from = (struct end *)t;
    struct fg_loop *loop = from->loop;
    FG_ASSERT(peer < loop->n);
    pthread_mutex_lock(&loop->lock);
    enum fg_status st = FG_E_GONE;
    if (!from->dead && !loop->end[peer].dead) {
        st = push(&loop->end[peer], (struct fg_net_event){FG_NET_FRAME, from->number, frame, len});
    }
    pthread_mutex_unlock(&loop->lock);
    if (st != FG_OK) {
        fg_free(frame);
    }
    return st;
}

static bool pop(struct end *e, struct fg_net_event *ev)
{
    if (e->n == 0) {
        return false;
    }
    *ev = e->queue[0];
    memmove(e->queue, e->queue + 1, --e->n * sizeof *e->queue);
    return true;
}

static void wait_until(struct end *e, fg_time_t timeout_us)
{
    struct timespec until = fg_timespec(fg_now() + timeout_us);
    while (e->n == 0 && !e->woken) {
        if (pthread_cond_timedwait(&e->loop->changed, &e->loop->lock, &until) == ETIMEDOUT) {
            break;
        }
    }
}

static enum fg_status loop_poll(struct fg_transport *t, struct fg_net_event *ev, fg_time_t timeout_us)
{
    struct end *e = (struct end *)t;
    struct fg_loop *loop = e->loop;
    *ev = (struct fg_net_event){.kind = FG_NET_NONE};
    pthread_mutex_lock(&loop->lock);
    bool got = pop(e, ev);
    if (!got && timeout_us > 0) {
        if (loop->idle != NULL && e->number == 0) {
            pthread_mutex_unlock(&loop->lock);
            loop->idle(loop->idle_ctx);
            pthread_mutex_lock(&loop->lock);
        } else {
            wait_until(e, timeout_us);
        }
        e->woken = false;
        (void)pop(e, ev);
    }
    pthread_mutex_unlock(&loop->lock);
    return FG_OK;
}

static void loop_flush(struct fg_transport *t, fg_time_t timeout_us)
{
    (void)t; /* a posted frame is in its receiver's queue already */
    (void)timeout_us;
}

static void loop_wake(struct fg_transport *t)
{
    struct end *e = (struct end *)t;
    pthread_mutex_lock(&e->loop->lock);
    e->woken = true;
    pthread_cond_broadcast(&e->loop->changed);
    pthread_mutex_unlock(&e->loop->lock);
}

static void loop_end_destroy(struct fg_transport *t)
{
    (void)t;
}

/* Endpoint i is told to the aggregator, and the other way round. */
static enum fg_status introduce(struct fg_loop *loop, uint32_t i)
{
    enum fg_status st = push(&loop->end[0], (struct fg_net_event){FG_NET_JOINED, i, NULL, 0});
    return st == FG_OK ? push(&loop->end[i], (struct fg_net_event){FG_NET_JOINED, 0, NULL, 0}) : st;
}

static enum fg_status loop_spawn(struct fg_transport *t, const char *host, struct fg_err *err)
{
    struct fg_loop *loop = ((struct end *)t)->loop;
    (void)host;
    pthread_mutex_lock(&loop->lock);
    enum fg_status st = loop->up < loop->n ? introduce(loop, loop->up) : FG_E_GONE;
    loop->up += st == FG_OK;
    pthread_mutex_unlock(&loop->lock);
    return st == FG_OK ? st : fg_fail(err, st, "no endpoint is left");
}

static const struct fg_transport_ops ops = {
    .post = loop_post,
    .poll = loop_poll,
    .flush = loop_flush,
    .wake = loop_wake,
    .destroy = loop_end_destroy,
    .spawn = loop_spawn,
};

struct fg_loop *fg_loop_create(uint32_t n)
{
    FG_ASSERT(n >= 1);
    struct fg_loop *loop = fg_calloc(1, sizeof *loop);
    if (loop == NULL) {
        return NULL;
    }
    pthread_mutex_init(&loop->lock, NULL);
    pthread_cond_init(&loop->changed, NULL);
    loop->n = n;
    loop->end = fg_calloc(n, sizeof *loop->end);
    enum fg_status st = loop->end != NULL ? FG_OK : FG_E_NOMEM;
    for (uint32_t i = 0; i < n && st == FG_OK; i++) {
        loop->end[i].base.ops = &ops;
        loop->end[i].loop = loop;
        loop->end[i].number = i;
    }
    for (uint32_t i = 1; i < n && st == FG_OK; i++) {
        st = introduce(loop, i);
    }
    loop->up = n;
    if (st != FG_OK) {
        fg_loop_destroy(loop);
        return NULL;
    }
    return loop;
}

static void drop_queue(struct end *e)
{
    for (size_t k = 0; k < e->n; k++) {
        fg_free(e->queue[k].frame);
    }
    fg_free(e->queue);
    e->queue = NULL;
    e->n = e->cap = 0;
}

void fg_loop_destroy(struct fg_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    for (uint32_t i = 0; i < loop->n && loop->end != NULL; i++) {
        drop_queue(&loop->end[i]);
    }
    fg_free(loop->end);
    pthread_cond_destroy(&loop->changed);
    pthread_mutex_destroy(&loop->lock);
    fg_free(loop);
}

void fg_loop_hold_back(struct fg_loop *loop, uint32_t spares)
{
    FG_ASSERT(spares < loop->n && loop->up == loop->n);
    loop->up -= spares;
    for (uint32_t i = 0; i < loop->n; i++) {
        drop_queue(&loop->end[i]);
    }
    for (uint32_t i = 1; i < loop->up; i++) {
        enum fg_status st = introduce(loop, i);
        FG_ASSERT(st == FG_OK);
    }
}

uint32_t fg_loop_up(struct fg_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    uint32_t up = loop->up;
    pthread_mutex_unlock(&loop->lock);
    return up;
}

struct fg_transport *fg_loop_end(struct fg_loop *loop, uint32_t i)
{
    FG_ASSERT(i < loop->n);
    return &loop->end[i].base;
}

void fg_loop_kill(struct fg_loop *loop, uint32_t i)
{
    FG_ASSERT(i < loop->n);
    pthread_mutex_lock(&loop->lock);
    struct end *e = &loop->end[i];
    if (!e->dead) {
        e->dead = true;
        drop_queue(e);
        struct fg_net_event gone = {FG_NET_GONE, i, NULL, 0};
        enum fg_status st = FG_OK;
        if (i != 0) {
            st = push(&loop->end[0], gone);
        }
        for (uint32_t k = 1; i == 0 && k < loop->n && st == FG_OK; k++) {
            st = loop->end[k].dead ? FG_OK : push(&loop->end[k], gone);
        }
        FG_ASSERT(st == FG_OK);
    }
    pthread_mutex_unlock(&loop->lock);
}

void fg_loop_on_idle(struct fg_loop *loop, void (*idle)(void *ctx), void *ctx)
{
    loop->idle = idle;
    loop->idle_ctx = ctx;
}
