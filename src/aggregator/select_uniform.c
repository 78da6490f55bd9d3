/* Uniform choice of select.clients of the available ones, times select.over. */
#include <string.h>

#include "src/aggregator/select.h"

static size_t pick(const struct fg_select_config *cfg, const struct fg_select_view *view, uint32_t *out,
                   uint32_t *scratch)
{
    size_t m = fg_select_count(cfg, view->n_available);
    memcpy(scratch, view->available, view->n_available * sizeof *scratch);
    fg_select_sample(out, m, scratch, view->n_available, cfg->seed, view->round);
    return m;
}

extern const struct fg_select_ops fg_select_uniform;
const struct fg_select_ops fg_select_uniform = {
    .name = "uniform",
    .doc = "select.clients of the available clients, drawn uniformly; with select.over > 1 more are asked "
           "and the "
           "first select.clients answers are used",
    .source = "mcmahan17, section 2; over-selection: bonawitz19, section 2.2",
    .pick = pick,
};
