#include "src/aggregator/average.h"

#include "src/base/mem.h"

/* The higher, the sooner old models are forgotten. Chosen:
 * models are (t - 1) / (eta + 2) rounds old on average, a tenth of the run. */
static const double eta = 8.0;

static void round_all(struct fg_average *m)
{
    for (size_t i = 0; i < m->params; i++) {
        m->rounded[i] = (float)m->mean[i];
    }
}

enum fg_status fg_average_init(struct fg_average *m, size_t params, const float *x)
{
    *m = (struct fg_average){.params = params,
                             .mean = fg_calloc_aligned(params, sizeof *m->mean),
                             .rounded = fg_calloc_aligned(params, sizeof *m->rounded)};
    if (m->mean == NULL || m->rounded == NULL) {
        fg_average_fini(m);
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < params; i++) {
        m->mean[i] = (double)x[i];
    }
    round_all(m);
    return FG_OK;
}

void fg_average_fini(struct fg_average *m)
{
    fg_free(m->mean);
    fg_free(m->rounded);
    *m = (struct fg_average){0};
}

void fg_average_take(struct fg_average *m, const float *x)
{
    double share = (eta + 1.0) / ((double)++m->taken + eta);
    for (size_t i = 0; i < m->params; i++) {
        m->mean[i] += ((double)x[i] - m->mean[i]) * share;
    }
    round_all(m);
}

enum fg_status fg_average_save(const struct fg_average *m, struct fg_str *out)
{
    enum fg_status st = fg_put_u64(out, m->taken);
    return st == FG_OK ? fg_put_f64s(out, m->mean, m->params) : st;
}

void fg_average_load(struct fg_average *m, struct fg_reader *in)
{
    m->taken = fg_get_u64(in);
    fg_get_f64s(in, m->mean, m->params);
    round_all(m);
}
