/* Power of choice, rpow-d: of d candidates drawn by their data, those whose last reported loss is largest.
 *
 * A client that never reported counts as if its loss were infinite, so that everyone is tried.
 */
#include <math.h>
#include <string.h>

#include "src/aggregator/select.h"
#include "src/base/mem.h"

static enum fg_status pick(struct fg_select *s, const struct fg_select_view *view, struct fg_picks *out)
{
    size_t n = view->n_available, m = fg_select_count(&s->cfg, n);
    size_t d = s->cfg.candidates != 0 ? s->cfg.candidates : 2 * (size_t)s->cfg.want;
    d = d < m ? m : d < n ? d : n;
    double *score = fg_calloc(d, sizeof *score);
    uint32_t *pool = s->scratch, *drawn = s->scratch + s->cfg.clients;
    if (score == NULL) {
        return FG_E_NOMEM;
    }
    memcpy(pool, view->available, n * sizeof *pool);
    fg_select_sample_weighted(drawn, d, pool, n, &s->cfg, view->round);
    for (size_t i = 0; i < d; i++) {
        float loss = view->last_loss[drawn[i]];
        score[i] = loss >= 0.0F ? (double)loss : INFINITY;
    }
    out->n = m;
    enum fg_status st = fg_select_top(out->client, m, drawn, score, d);
    fg_free(score);
    return st;
}

extern const struct fg_select_ops fg_select_rpow;
const struct fg_select_ops fg_select_rpow = {
    .name = "rpow-d",
    .doc = "power of choice: of select.candidates drawn by their data the select.clients with the largest "
           "last loss",
    .source = "cho22, rpow-d: no extra communication; never seen counts as infinite",
    .pick = pick,
};
