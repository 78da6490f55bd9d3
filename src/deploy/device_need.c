#include "src/deploy/device_need.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda.h"
#include "src/base/mem.h"
#include "src/report/chart.h"
#include "src/worker/through.h"

struct client {
    uint32_t samples, steps;
};

static int largest_first(const void *a, const void *b)
{
    const struct client *x = a, *y = b;
    return x->samples != y->samples ? (x->samples < y->samples ? 1 : -1)
                                    : (x->steps < y->steps) - (x->steps > y->steps);
}

static enum fg_status largest(uint32_t **samples, uint32_t **steps, uint32_t n, const struct fg_setup *s)
{
    struct client *c = fg_calloc(s->clients, sizeof *c);
    uint32_t *a = fg_calloc(n, sizeof *a), *b = fg_calloc(n, sizeof *b);
    if (c == NULL || a == NULL || b == NULL) {
        fg_free(c);
        fg_free(a);
        fg_free(b);
        return FG_E_NOMEM;
    }
    for (uint32_t i = 0; i < s->clients; i++) {
        c[i] = (struct client){s->samples[i], s->steps[i]};
    }
    qsort(c, s->clients, sizeof *c, largest_first);
    for (uint32_t i = 0; i < n; i++) {
        a[i] = c[i].samples;
        b[i] = c[i].steps;
    }
    fg_free(c);
    *samples = a;
    *steps = b;
    return FG_OK;
}

/* Updates of a round's other clients stay beside those of the largest, as many as are added up at once. */
static void add_others(struct fg_cmd_device *d, const struct fg_setup *s, double asked)
{
    uint32_t most = s->clients < FG_AWAY_TERMS ? s->clients : FG_AWAY_TERMS,
             all = asked < most ? (uint32_t)asked : most;
    if (d->stays && d->need.stay_bytes > 0 && all > d->clients) {
        uint64_t more = (all - d->clients) * fg_stays_bytes(s->model, NULL, false).update;
        d->need.stay_bytes += more;
        d->need.peak_bytes += more;
    }
}

enum fg_status fg_cmd_device_need(struct fg_cmd_device *out, const struct fg_setup *s, struct fg_err *err)
{
    struct fg_cmd_device d = {.clients = s->cfg->select.clients};
    struct fg_cuda_device gpu;
    struct fg_rounded levels;
    uint32_t *samples = NULL, *steps = NULL;
    double asked = s->cfg->select.over * s->cfg->select.clients;
    d.clients = asked < FG_SETUP_DEVICE_WIDTH ? (uint32_t)asked : FG_SETUP_DEVICE_WIDTH;
    d.clients = d.clients < s->clients ? d.clients : s->clients;
    if (fg_cuda_device_count() > 0 && fg_cuda_device_info(&gpu, 0, NULL) == FG_OK) {
        d.here = true;
        d.free_bytes = gpu.free_bytes;
        d.all_bytes = gpu.memory_bytes;
        (void)snprintf(d.name, sizeof d.name, "%.79s", gpu.name);
    }
    enum fg_status st = largest(&samples, &steps, d.clients, s);
    if (st != FG_OK) {
        return fg_fail(err, st, "no memory for %u clients", d.clients);
    }
    d.stays = fg_setup_updates_stay(s);
    bool rounded = fg_codec_rounded(&levels, s->codec, &s->coding),
         coded = !d.stays && fg_codec_coded(&levels, s->codec, &s->coding, fg_model_params(s->model));
    const struct fg_device_load load = {.data = s->data,
                                        .kept = s->cfg->data.placement == FG_OPT_PLACEMENT_FIXED,
                                        .samples = samples,
                                        .steps = steps,
                                        .n = d.clients,
                                        .scored = s->n_test,
                                        .memory_bytes = d.here ? d.free_bytes : UINT64_MAX,
                                        .all_bytes = d.here ? d.all_bytes : UINT64_MAX,
                                        .stays = d.stays,
                                        .coded = coded,
                                        .levels = rounded || coded ? &levels : NULL};
    st = fg_trainer_device_need(&d.need, s->model, &s->local, &load, err);
    fg_free(samples);
    fg_free(steps);
    if (st == FG_OK) {
        add_others(&d, s, asked);
        *out = d;
    }
    return st;
}

enum fg_status fg_cmd_device_text(struct fg_str *out, const struct fg_cmd_device *d)
{
    enum fg_status st;
    FG_TRY(fg_quantity(out, (double)d->need.client_bytes, "B"));
    FG_TRY(fg_str_addf(out, " a client, "));
    FG_TRY(fg_quantity(out, (double)d->need.cohort_bytes, "B"));
    FG_TRY(fg_str_addf(out, " for %u at once, ", d->clients));
    if (d->need.stay_bytes > 0) {
        FG_TRY(fg_quantity(out, (double)d->need.stay_bytes, "B"));
        FG_TRY(fg_str_addf(out, d->stays ? " of updates that stay, " : " to draw what is sent, "));
    }
    FG_TRY(fg_quantity(out, (double)d->need.evaluate_bytes, "B"));
    FG_TRY(fg_str_addf(out, " to evaluate, "));
    FG_TRY(fg_quantity(out, (double)d->need.fixed_bytes, "B"));
    FG_TRY(fg_str_addf(out, " of data and programs"));
    if (d->here && d->need.waves > 0 && d->need.evaluate_waves > 0) {
        FG_TRY(fg_str_addf(out, "; on %s, which has ", d->name));
        FG_TRY(fg_quantity(out, (double)d->free_bytes, "B"));
        st = fg_str_addf(out, " free: %u and %u waves", d->need.waves, d->need.evaluate_waves);
    } else if (d->here) {
        st = fg_str_addf(out, "; too much for %s", d->name);
    }
cleanup:
    return st;
}
