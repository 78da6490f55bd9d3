/* CA-Fed: leave out clients whose availability is so correlated, or so low, that they cost more than they
 * bring.
 *
 * q_k = alpha_k / pi_k, p_k = pi_k q_k / sum: all clients count what they should until one is excluded. In
 * the order of falling |lambda|, then of growing pi, client k is dropped where
 *   J = sum_k p_k F_k + max_k F_k dTV(alpha, p)^2
 * falls (F_k: its last loss, at first the mean; F_k* = 0). Those kept who are up train, weighed by 1 / pi_k.
 * All who are up are asked for their loss under the newest model first;
 * cafed-last asks nobody and goes by what training reported.
 */
#include <math.h>
#include <string.h>

#include "src/aggregator/select.h"
#include "src/base/mem.h"
#include "src/base/sort.h"

enum { TOLD, HAS_TOLD, SCALARS }; /* the loss last told when asked */

struct work {
    uint32_t n;
    double *alpha, *loss;         /* (n) target share; loss */
    uint8_t *kept;                /* (n) */
    struct fg_ranked *order;      /* (n) */
    double kept_alpha, kept_loss; /* sums of alpha and alpha F over those kept */
    double most;                  /* the largest F */
};

/* With p_k = alpha_k / A for those kept, A the sum of their alpha: dTV = 1 - A. */
static double objective(const struct work *w, double alpha, double loss)
{
    double apart = 1.0 - alpha;
    return loss / alpha + w->most * apart * apart;
}

static void exclude(struct work *w)
{
    fg_sort_ranked(w->order, w->n);
    for (uint32_t i = 0; i < w->n; i++) {
        uint32_t k = w->order[i].number;
        double alpha = w->kept_alpha - w->alpha[k], loss = w->kept_loss - w->alpha[k] * w->loss[k];
        if (w->kept[k] && alpha > 1e-9 &&
            objective(w, alpha, loss) < objective(w, w->kept_alpha, w->kept_loss)) {
            w->kept[k] = 0;
            w->kept_alpha = alpha;
            w->kept_loss = loss;
        }
    }
}

/* < 0: not known. */
static double loss_of(const struct fg_select *s, const struct fg_select_view *view, uint32_t k)
{
    if (s->ops->ask == NULL) {
        return (double)view->last_loss[k];
    }
    if (view->asked != NULL && view->asked[k] >= 0.0) {
        return view->asked[k];
    }
    return fg_select_row(s, HAS_TOLD)[k] != 0.0 ? fg_select_row(s, TOLD)[k] : -1.0;
}

static void fill(struct work *w, const struct fg_select *s, const struct fg_select_view *view)
{
    double all = 0.0, seen = 0.0, sum = 0.0;
    for (uint32_t k = 0; k < w->n; k++) {
        all += fg_select_target(&s->cfg, k);
        w->loss[k] = loss_of(s, view, k);
        seen += w->loss[k] >= 0.0 ? 1.0 : 0.0;
        sum += w->loss[k] >= 0.0 ? w->loss[k] : 0.0;
    }
    for (uint32_t k = 0; k < w->n; k++) {
        w->alpha[k] = fg_select_target(&s->cfg, k) / all;
        w->loss[k] = w->loss[k] >= 0.0 ? w->loss[k] : seen > 0.0 ? sum / seen : 1.0;
        w->most = w->loss[k] > w->most ? w->loss[k] : w->most;
        w->kept[k] = 1;
        w->kept_alpha += w->alpha[k];
        w->kept_loss += w->alpha[k] * w->loss[k];
        w->order[k] = (struct fg_ranked){fabs(fg_watch_memory(view->watch, k)), k};
    }
}

static enum fg_status pick(struct fg_select *s, const struct fg_select_view *view, struct fg_picks *out)
{
    struct work w = {.n = s->cfg.clients};
    enum fg_status st = FG_E_NOMEM;
    w.alpha = fg_calloc(w.n, sizeof *w.alpha);
    w.loss = fg_calloc(w.n, sizeof *w.loss);
    w.kept = fg_calloc(w.n, 1);
    w.order = fg_calloc(w.n, sizeof *w.order);
    if (w.alpha == NULL || w.loss == NULL || w.kept == NULL || w.order == NULL) {
        goto cleanup;
    }
    fill(&w, s, view);
    if (view->watch->rounds > 0) {
        exclude(&w);
        for (uint32_t k = 0; k < w.n; k++) {
            w.order[k] = (struct fg_ranked){-fg_watch_up(view->watch, k), k};
        }
        exclude(&w);
    }
    for (size_t i = 0; i < view->n_available; i++) {
        uint32_t c = view->available[i];
        if (w.kept[c]) {
            out->weight[out->n] = 1.0 / fg_watch_up(view->watch, c);
            out->client[out->n++] = c;
        }
    }
    st = FG_OK;
cleanup:
    fg_free(w.alpha);
    fg_free(w.loss);
    fg_free(w.kept);
    fg_free(w.order);
    return st;
}

static enum fg_status ask(struct fg_select *s, const struct fg_select_view *view, struct fg_picks *out)
{
    (void)s;
    out->n = view->n_available;
    memcpy(out->client, view->available, out->n * sizeof *out->client);
    return FG_OK;
}

static enum fg_status learn(struct fg_select *s, const struct fg_participation *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].verdict == FG_VERDICT_ASKED && rows[i].loss >= 0.0) {
            fg_select_row(s, TOLD)[rows[i].client] = rows[i].loss;
            fg_select_row(s, HAS_TOLD)[rows[i].client] = 1.0;
        }
    }
    return FG_OK;
}

extern const struct fg_select_ops fg_select_cafed, fg_select_cafed_last;
const struct fg_select_ops fg_select_cafed = {
    .name = "cafed",
    .doc = "all who are up and tell their loss, but those excluded for correlated or low availability, "
           "weighed by 1 / pi; "
           "wants aggregate.over = all",
    .source = "rodio24 (CA-Fed), algorithm 1; F_k* = 0, estimates with a prior from the pooled past",
    .scalars = SCALARS,
    .ask = ask,
    .pick = pick,
    .learn = learn,
};

const struct fg_select_ops fg_select_cafed_last = {
    .name = "cafed-last",
    .doc = "cafed by the losses that training reported: nobody is asked",
    .source = "rodio24 (CA-Fed), algorithm 1, without its evaluations",
    .pick = pick,
};
