#include "src/availability/synth.h"

#include <math.h>
#include <stdio.h>

#include "src/availability/trace_build.h"
#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

const char *const fg_synth_form_names[FG_SYNTH_FORMS] = {"stationary", "sine", "interleaved", "daily"};

void fg_synth_defaults(struct fg_synth_spec *spec)
{
    *spec = (struct fg_synth_spec){
        .nodes = 20, .hours = 672, .seed = 1, .pi = 0.5, .amplitude = 0.3, .period_h = 20, .floor = 0.1};
    for (int h = 0; h < 24; h++) {
        spec->shape[h] = h >= 9 && h < 17 ? 1.0 : 0.25;
    }
}

static enum fg_status within(const char *what, double v, double low, double high, struct fg_err *err)
{
    return v >= low && v <= high
               ? FG_OK
               : fg_fail(err, FG_E_RANGE, "synth: %s: expected %g to %g, found %g", what, low, high, v);
}

enum fg_status fg_synth_check(const struct fg_synth_spec *s, struct fg_err *err)
{
    double most = sqrt(s->pi * (1.0 - s->pi)), sum = 0.0;
    enum fg_status st = within("nodes", s->nodes, 1, 10000000, err);
    st = st == FG_OK ? within("hours", s->hours, 1, 1000000, err) : st;
    st = st == FG_OK ? within("pi", s->pi, 0, 1, err) : st;
    st = st == FG_OK ? within("lambda", s->lambda, 0, 1, err) : st;
    st = st == FG_OK ? within("spread", s->spread, 0, 0.99 * most, err) : st;
    st = st == FG_OK ? within("amplitude", s->amplitude, 0, 0.5, err) : st;
    st = st == FG_OK ? within("floor", s->floor, 0, 1, err) : st;
    st = st == FG_OK ? within("period", s->period_h, 1, 1000000, err) : st;
    for (int h = 0; st == FG_OK && h < 24; h++) {
        st = within("shape", s->shape[h], 0, 1e6, err);
        sum += s->shape[h];
    }
    return st == FG_OK && sum == 0.0 ? fg_fail(err, FG_E_RANGE, "synth: shape: all hours are 0") : st;
}

double fg_synth_share(const struct fg_synth_spec *s, double pi, int64_t hour)
{
    double q = pi, sum = 0.0;
    int64_t in_day = ((hour % 24) + 24) % 24;
    if (s->form == FG_SYNTH_SINE || s->form == FG_SYNTH_INTERLEAVED) {
        double turn = (double)(hour % (int64_t)s->period_h) / (double)s->period_h;
        q = pi * (1.0 - s->amplitude + s->amplitude * fg_sin2pi(turn));
        q = s->form == FG_SYNTH_INTERLEAVED && q < s->floor ? 0.0 : q;
    } else if (s->form == FG_SYNTH_DAILY) {
        for (int h = 0; h < 24; h++) {
            sum += s->shape[h];
        }
        q = pi * s->shape[in_day] * 24.0 / sum;
    }
    return q < 0.0 ? 0.0 : q > 1.0 ? 1.0 : q;
}

/* A node's own share: beta with the given mean and standard deviation, as a ratio of two gamma variates. */
static double own_share(const struct fg_synth_spec *s, struct fg_rng *r, uint32_t node)
{
    if (s->own_pi != NULL) {
        return s->own_pi[node];
    }
    if (s->spread <= 0.0) {
        return s->pi;
    }
    double both = s->pi * (1.0 - s->pi) / (s->spread * s->spread) - 1.0;
    double a = fg_rng_gamma(r, s->pi * both), b = fg_rng_gamma(r, (1.0 - s->pi) * both);
    return a + b > 0.0 ? a / (a + b) : s->pi;
}

static enum fg_status one_node(struct fg_trace_build *b, const struct fg_synth_spec *s, uint32_t node)
{
    struct fg_rng shares, r;
    char name[32];
    int n = snprintf(name, sizeof name, "n%05u", node);
    uint32_t id, since = 0, best = 0;
    bool up = false, ever = false;
    fg_rng_init(&shares, s->seed, FG_RNG_SYNTH, node, 1);
    fg_rng_init(&r, s->seed, FG_RNG_SYNTH, node, 0);
    double pi = own_share(s, &shares, node), lambda = s->own_lambda != NULL ? s->own_lambda[node] : s->lambda;
    int64_t early = s->half_hours ? 1800 : 0;
    enum fg_status st = fg_trace_build_node(b, &id, name, (size_t)n);
    for (uint32_t h = 0; st == FG_OK && h <= s->hours; h++) {
        double q = fg_synth_share(s, pi, h), u = fg_rng_uniform(&r);
        bool next = h < s->hours && u < (h == 0 ? q : (up ? lambda : 0.0) + (1.0 - lambda) * q);
        best = q > fg_synth_share(s, pi, best) && h < s->hours ? h : best;
        if (up && !next) {
            st = fg_trace_build_add(b, id, since > 0 ? since * INT64_C(3600) - early : 0,
                                    h * INT64_C(3600) - (h < s->hours ? early : 0));
            ever = true;
        }
        since = next && !up ? h : since;
        up = next;
    }
    if (st == FG_OK && !ever) {
        st = fg_trace_build_add(b, id, best * INT64_C(3600), (best + 1) * INT64_C(3600));
    }
    return st;
}

enum fg_status fg_synth_text(struct fg_str *out, const struct fg_synth_spec *s, struct fg_err *err)
{
    struct fg_trace_build *b = NULL;
    struct fg_str source = {0};
    enum fg_status st = fg_synth_check(s, err);
    st = st == FG_OK ? fg_trace_build_create(&b) : st;
    for (uint32_t i = 0; st == FG_OK && i < s->nodes; i++) {
        st = one_node(b, s, i);
    }
    if (st == FG_OK) {
        fg_trace_build_observe(b, 0, s->hours * INT64_C(3600));
        st = fg_str_addf(&source, "synthetic, %s, pi %g, spread %g, lambda %g, seed %llu",
                         fg_synth_form_names[s->form], s->pi, s->spread, s->lambda,
                         (unsigned long long)s->seed);
    }
    if (st == FG_OK) {
        struct fg_trace_head head = {.clock = s->form == FG_SYNTH_DAILY ? FG_CLOCK_LOCAL : FG_CLOCK_ELAPSED,
                                     .source = source.data};
        st = fg_trace_build_text(out, b, &head, err);
    }
    fg_trace_build_destroy(b);
    fg_str_fini(&source);
    return st;
}
