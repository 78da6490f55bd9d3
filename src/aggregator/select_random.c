/* A random schedule with given counts: client c trains select.counts[c] times, in rounds drawn at random.
 *
 * A client that is up and has k times left trains with probability k / (rounds in which it will be up, this
 * one included, if it stays up as often as so far), at most 1: every set of its rounds is about equally
 * likely.
 */
#include <stdlib.h>
#include <string.h>

#include "src/aggregator/select.h"
#include "src/base/rng.h"

/* Scalar rows. */
enum { TAKEN, WANTED, ROWS };

/* Numbers separated by commas or blanks, one a client. Shapes: out (clients), may be NULL. */
static bool read_counts(double *out, const struct fg_select_config *cfg)
{
    const char *at = cfg->counts != NULL ? cfg->counts : "";
    uint32_t n = 0;
    for (at += strspn(at, " ,\t\n"); *at != '\0'; at += strspn(at, " ,\t\n")) {
        char *end;
        unsigned long long v = strtoull(at, &end, 10);
        if (*at < '0' || *at > '9' || v > 1000000000 || n == cfg->clients) {
            return false;
        }
        if (out != NULL) {
            out[n] = (double)v;
        }
        n++;
        at = end;
    }
    return n == cfg->clients;
}

static enum fg_status check(const struct fg_select_config *cfg, struct fg_err *err)
{
    return read_counts(NULL, cfg) ? FG_OK
                                  : fg_fail(err, FG_E_CONFIG,
                                            "select.counts: policy 'random' needs %u numbers of at most 1e9, "
                                            "one a client, found '%.40s'",
                                            cfg->clients, cfg->counts != NULL ? cfg->counts : "");
}

static enum fg_status open_policy(struct fg_select *s)
{
    (void)read_counts(fg_select_row(s, WANTED), &s->cfg);
    return FG_OK;
}

static enum fg_status pick(struct fg_select *s, const struct fg_select_view *view, struct fg_picks *out)
{
    const double *taken = fg_select_row(s, TAKEN), *wanted = fg_select_row(s, WANTED);
    for (size_t i = 0; i < view->n_available; i++) {
        uint32_t c = view->available[i];
        double ahead = s->cfg.rounds > view->round ? (double)(s->cfg.rounds - view->round - 1) : 0.0;
        struct fg_rng r;
        fg_rng_init(&r, s->cfg.seed, FG_RNG_SELECT, 1 + c, view->round);
        if (fg_rng_uniform(&r) * (1.0 + ahead * fg_watch_up(view->watch, c)) < wanted[c] - taken[c]) {
            out->client[out->n++] = c;
        }
    }
    return FG_OK;
}

static double chance(const struct fg_select *s, uint32_t client)
{
    return fg_select_row(s, WANTED)[client] / (double)s->cfg.rounds;
}

static enum fg_status learn(struct fg_select *s, const struct fg_participation *rows, size_t n)
{
    double *taken = fg_select_row(s, TAKEN);
    for (size_t i = 0; i < n; i++) {
        taken[rows[i].client] += rows[i].verdict == FG_VERDICT_USED || rows[i].verdict == FG_VERDICT_PARTIAL;
    }
    return FG_OK;
}

extern const struct fg_select_ops fg_select_random;
const struct fg_select_ops fg_select_random = {
    .name = "random",
    .doc = "each client trains as often as select.counts says, in rounds drawn at random",
    .source = "baseline: another schedule's participation without its timing",
    .scalars = ROWS,
    .check = check,
    .pick = pick,
    .chance = chance,
    .learn = learn,
    .open = open_policy,
};
