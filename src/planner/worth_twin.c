/* The synthetic twin: a model fitted to what was seen, a draw from it, and what its maker would forecast. */
#include <math.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/planner/worth_impl.h"

#define PRIOR 10.0 /* the pooled rates count as much as these many hours in each state */

static uint32_t hour_of_day(const struct fg_scene *s, int64_t hour)
{
    int64_t h = (s->start_s / 3600 + hour) % 24;
    return (uint32_t)(h < 0 ? h + 24 : h);
}

/* Hours begun in each state and how many of these ended up: n[state], up[state]. */
static void count(const struct fg_scene *s, uint32_t node, double n[2], double up[2])
{
    for (int64_t h = 0; h < s->hours; h++) {
        bool was = s->up[(size_t)h * s->nodes + node] != 0;
        n[was] += 1.0;
        up[was] += s->up[(size_t)(h + 1) * s->nodes + node];
    }
}

static void fit_chain(struct fg_twin *twin, const struct fg_scene *of)
{
    double all_n[2] = {2.0, 2.0}, all_up[2] = {1.0, 1.0};
    for (uint32_t i = 0; i < of->nodes; i++) {
        count(of, i, all_n, all_up);
    }
    for (uint32_t i = 0; i < of->nodes; i++) {
        double n[2] = {PRIOR, PRIOR}, up[2] = {PRIOR * all_up[0] / all_n[0], PRIOR * all_up[1] / all_n[1]};
        count(of, i, n, up);
        double lambda = up[1] / n[1] - up[0] / n[0];
        twin->lambda[i] = lambda < 0.0 ? 0.0 : lambda > 0.9999 ? 0.9999 : lambda;
        twin->pi[i] = up[0] / n[0] / (up[0] / n[0] + 1.0 - up[1] / n[1]);
    }
    for (int64_t h = 0; h < of->hours; h++) {
        for (uint32_t i = 0; i < of->nodes; i++) {
            twin->chain.shape[h % 24] += of->up[(size_t)h * of->nodes + i];
        }
    }
    for (int h = 0; h < 24; h++) { /* hours seen unequally often differ little: many days */
        twin->chain.shape[h] += 1e-3;
    }
}

static void fit_zone(struct fg_twin *twin, const struct fg_scene *of, uint32_t zone)
{
    const double *g = fg_scene_grams(of, zone);
    double *mean = twin->mean + (size_t)zone * 24, n[24] = {0.0}, product = 0.0, square = 0.0, before = 0.0;
    for (int64_t h = 0; h < of->hours; h++) {
        mean[hour_of_day(of, h)] += g[h];
        n[hour_of_day(of, h)] += 1.0;
    }
    for (int h = 0; h < 24; h++) {
        mean[h] = n[h] > 0.0 ? mean[h] / n[h] : 0.0;
    }
    for (int64_t h = 0; h < of->hours; h++) {
        double d = g[h] - mean[hour_of_day(of, h)];
        product += h > 0 ? d * before : 0.0;
        square += d * d;
        before = d;
    }
    double phi = square > 0.0 ? product / square : 0.0;
    twin->phi[zone] = phi < 0.0 ? 0.0 : phi > 0.999 ? 0.999 : phi;
    twin->sigma[zone] = sqrt(square / (double)of->hours * (1.0 - twin->phi[zone] * twin->phi[zone]));
}

static void draw_zone(const struct fg_twin *twin, struct fg_scene *s, uint32_t zone, uint64_t seed)
{
    double *g = s->g + (size_t)zone * (size_t)(FG_WORTH_PAST_H + s->hours), d = 0.0;
    struct fg_rng r;
    fg_rng_init(&r, seed, FG_RNG_SYNTH, zone, 2);
    for (int64_t h = 0; h < FG_WORTH_PAST_H + s->hours; h++) {
        d = twin->phi[zone] * d + twin->sigma[zone] * fg_rng_normal(&r);
        double v = twin->mean[(size_t)zone * 24 + hour_of_day(s, h - FG_WORTH_PAST_H)] + d;
        g[h] = v > 0.0 ? v : 0.0;
    }
}

static enum fg_status draw_nodes(const struct fg_twin *twin, struct fg_scene *s, struct fg_err *err)
{
    struct fg_str text = {0};
    struct fg_trace *t = NULL;
    enum fg_status st = fg_synth_text(&text, &twin->chain, err);
    st = st == FG_OK ? fg_trace_parse(&t, "twin", text.data, text.len, NULL, err) : st;
    for (uint32_t i = 0; st == FG_OK && i < s->nodes; i++) {
        for (int64_t h = 0; h <= s->hours; h++) {
            s->up[(size_t)h * s->nodes + i] = fg_trace_is_up(t, i, h * 3600);
            if (h < s->hours) {
                s->up_s[(size_t)h * s->nodes + i] =
                    (uint16_t)fg_trace_up_seconds(t, i, h * 3600, (h + 1) * 3600);
            }
        }
    }
    fg_trace_destroy(t);
    fg_str_fini(&text);
    return st;
}

enum fg_status fg_twin_draw(struct fg_twin *twin, struct fg_scene *out, const struct fg_scene *of,
                            uint64_t seed, struct fg_err *err)
{
    *twin = (struct fg_twin){0};
    twin->pi = fg_calloc(of->nodes, sizeof *twin->pi);
    twin->lambda = fg_calloc(of->nodes, sizeof *twin->lambda);
    twin->mean = fg_calloc((size_t)of->zones * 24, sizeof *twin->mean);
    twin->phi = fg_calloc(of->zones, sizeof *twin->phi);
    twin->sigma = fg_calloc(of->zones, sizeof *twin->sigma);
    enum fg_status st = fg_scene_init(out, of->nodes, of->zones, of->hours, of->start_s);
    if (st != FG_OK || twin->pi == NULL || twin->lambda == NULL || twin->mean == NULL || twin->phi == NULL ||
        twin->sigma == NULL) {
        return FG_E_NOMEM;
    }
    twin->chain = (struct fg_synth_spec){.nodes = of->nodes,
                                         .hours = (uint32_t)of->hours,
                                         .seed = seed,
                                         .form = FG_SYNTH_DAILY,
                                         .pi = 0.5,
                                         .period_h = 24,
                                         .own_pi = twin->pi,
                                         .own_lambda = twin->lambda,
                                         .half_hours = 1};
    fit_chain(twin, of);
    for (uint32_t i = 0; i < of->nodes; i++) {
        out->zone[i] = of->zone[i];
    }
    for (uint32_t z = 0; z < of->zones; z++) {
        fit_zone(twin, of, z);
        draw_zone(twin, out, z, seed);
    }
    return draw_nodes(twin, out, err);
}

void fg_twin_fini(struct fg_twin *twin)
{
    fg_free(twin->pi);
    fg_free(twin->lambda);
    fg_free(twin->mean);
    fg_free(twin->phi);
    fg_free(twin->sigma);
}

void fg_twin_forecast(const struct fg_twin *twin, const struct fg_scene *s, int64_t t, uint32_t slots,
                      double *p, double *g)
{
    for (uint32_t i = 0; i < s->nodes; i++) {
        double up = s->up[(size_t)t * s->nodes + i], lambda = twin->lambda[i];
        for (uint32_t k = 0; k < slots; k++) {
            double q = fg_synth_share(&twin->chain, twin->pi[i], t + k + 1);
            p[(size_t)i * slots + k] = up * (lambda + (1.0 - lambda) * q);
            up = lambda * up + (1.0 - lambda) * q;
        }
    }
    for (uint32_t z = 0; z < s->zones; z++) {
        const double *mean = twin->mean + (size_t)z * 24, *past = fg_scene_grams(s, z) + t - 1;
        double d = *past - mean[hour_of_day(s, t - 1)];
        for (uint32_t k = 0; k < slots; k++) {
            d *= twin->phi[z];
            double v = mean[hour_of_day(s, t + k)] + d;
            g[(size_t)z * slots + k] = v > 0.0 ? v : 0.0;
        }
    }
}
