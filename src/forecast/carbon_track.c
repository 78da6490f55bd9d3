#include "src/forecast/carbon_track.h"

#include <pthread.h>
#include <string.h>

#include "src/base/mem.h"

/* ---- the shelf ---- */

/* What was forecast after an hour of this value that came after those of its ancestors. Node 0 is the root,
 * of which the zones are children. */
struct node {
    double value;
    uint32_t child, sibling; /* 0: none */
    double *g;               /* (ahead) */
};

struct fg_carbon_shelf {
    pthread_mutex_t lock;
    uint32_t ahead;
    struct node *node; /* (n) */
    size_t n, cap;
};

enum fg_status fg_carbon_shelf_create(struct fg_carbon_shelf **out, uint32_t ahead)
{
    struct fg_carbon_shelf *s = fg_calloc(1, sizeof *s);
    if (s == NULL || FG_GROW(s->node, s->n, s->cap) != FG_OK || pthread_mutex_init(&s->lock, NULL) != 0) {
        fg_free(s != NULL ? s->node : NULL);
        fg_free(s);
        return FG_E_NOMEM;
    }
    s->node[s->n++] = (struct node){0};
    s->ahead = ahead;
    *out = s;
    return FG_OK;
}

void fg_carbon_shelf_destroy(struct fg_carbon_shelf *s)
{
    if (s != NULL) {
        for (size_t i = 0; i < s->n; i++) {
            fg_free(s->node[i].g);
        }
        pthread_mutex_destroy(&s->lock);
        fg_free(s->node);
        fg_free(s);
    }
}

/* The child of this value, 0 if there is none. */
static uint32_t child_of(const struct fg_carbon_shelf *s, uint32_t at, double value)
{
    uint32_t i = s->node[at].child;
    while (i != 0 && memcmp(&s->node[i].value, &value, sizeof value) != 0) {
        i = s->node[i].sibling;
    }
    return i;
}

static enum fg_status add_child(struct fg_carbon_shelf *s, uint32_t at, double value, const double *g)
{
    double *copy = fg_calloc(s->ahead, sizeof *copy);
    if (copy == NULL || FG_GROW(s->node, s->n, s->cap) != FG_OK) {
        fg_free(copy);
        return FG_E_NOMEM;
    }
    if (g != NULL) {
        memcpy(copy, g, s->ahead * sizeof *copy);
    }
    s->node[s->n] = (struct node){.value = value, .sibling = s->node[at].child, .g = copy};
    s->node[at].child = (uint32_t)s->n++;
    return FG_OK;
}

/* The track goes on to the node of this hour; false: it is not there. */
static bool follow(struct fg_carbon_track *t, double value)
{
    struct fg_carbon_shelf *s = t->shelf;
    pthread_mutex_lock(&s->lock);
    uint32_t next = child_of(s, t->at, value);
    t->g = next != 0 ? s->node[next].g : t->g;
    pthread_mutex_unlock(&s->lock);
    t->at = next != 0 ? next : t->at;
    return next != 0;
}

static enum fg_status put(struct fg_carbon_track *t, double value, const double *g)
{
    struct fg_carbon_shelf *s = t->shelf;
    pthread_mutex_lock(&s->lock); /* another may have put it there meanwhile */
    enum fg_status st = child_of(s, t->at, value) == 0 ? add_child(s, t->at, value, g) : FG_OK;
    pthread_mutex_unlock(&s->lock);
    return st;
}

static enum fg_status to_root(struct fg_carbon_track *t)
{
    t->at = 0;
    if (follow(t, t->zone)) {
        return FG_OK;
    }
    enum fg_status st = put(t, t->zone, NULL);
    return st == FG_OK && follow(t, t->zone) ? FG_OK : FG_E_NOMEM;
}

/* ---- a track ---- */

static void forget(struct fg_carbon_track *t)
{
    fg_carbon_forecaster_destroy(t->own);
    t->own = NULL;
    t->g = NULL;
    t->n = t->told = 0;
}

void fg_carbon_track_fini(struct fg_carbon_track *t)
{
    forget(t);
    fg_free(t->hour);
}

/* Its own forecaster hears what it was not told yet: n hours that end with the one that began at hour_s. */
static enum fg_status tell(struct fg_carbon_track *t, int64_t hour_s, const double *hour, size_t n)
{
    enum fg_status st = FG_OK;
    if (t->own == NULL) {
        int64_t first_s = hour_s - ((int64_t)n - 1) * 3600;
        st = fg_carbon_forecaster_create(&t->own, t->ahead, first_s, NULL, false);
        st = st == FG_OK && t->past != NULL ? fg_carbon_forecaster_copy(t->own, t->past) : st;
    }
    for (size_t i = 0; st == FG_OK && i < n; i++) {
        st = fg_carbon_forecaster_step(t->own, hour[i]);
    }
    if (st == FG_OK) {
        t->g = fg_carbon_forecaster_get(t->own, t->predictor);
    }
    return st;
}

enum fg_status fg_carbon_track_step(struct fg_carbon_track *t, int64_t hour_s, double g_per_kwh)
{
    if (t->shelf == NULL) {
        return tell(t, hour_s, &g_per_kwh, 1);
    }
    enum fg_status st = t->at == 0 ? to_root(t) : FG_OK;
    st = st == FG_OK ? FG_GROW(t->hour, t->n, t->cap) : st;
    if (st != FG_OK) {
        return st;
    }
    t->hour[t->n++] = g_per_kwh;
    if (follow(t, g_per_kwh)) {
        return FG_OK;
    }
    FG_ASSERT(t->told < t->n); /* what it was told is on the shelf */
    st = tell(t, hour_s, t->hour + t->told, t->n - t->told);
    st = st == FG_OK ? put(t, g_per_kwh, t->g) : st;
    t->told = t->n;
    return st == FG_OK && follow(t, g_per_kwh) ? FG_OK : FG_E_NOMEM;
}

enum fg_status fg_carbon_track_copy(struct fg_carbon_track *to, const struct fg_carbon_track *from)
{
    enum fg_status st = FG_OK;
    forget(to);
    to->at = 0;
    if (to->shelf != NULL) {
        to->past = from->own;
    } else if (from->own != NULL) {
        st = fg_carbon_forecaster_create(&to->own, to->ahead, 0, NULL, false);
        st = st == FG_OK ? fg_carbon_forecaster_copy(to->own, from->own) : st;
    }
    to->g = st == FG_OK && from->own != NULL ? fg_carbon_forecaster_get(from->own, to->predictor) : NULL;
    if (to->shelf == NULL && to->own != NULL) {
        to->g = fg_carbon_forecaster_get(to->own, to->predictor);
    }
    return st;
}

void fg_carbon_track_again(struct fg_carbon_track *t)
{
    FG_ASSERT(t->shelf != NULL);
    t->at = 0;
    t->n = 0;
    t->g = t->past != NULL ? fg_carbon_forecaster_get(t->past, t->predictor) : NULL;
}
