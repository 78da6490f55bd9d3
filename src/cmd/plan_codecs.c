#include "src/cmd/plan_codecs.h"

#include <math.h>

#include "src/availability/ledger.h"
#include "src/base/mem.h"
#include "src/base/sort.h"
#include "src/wire/feedback.h"

/* Bytes a second up of the client in the middle. */
static enum fg_status median_uplink(double *out, const struct fg_fleet *f)
{
    uint32_t clients = fg_fleet_clients(f);
    double *rate = fg_calloc(clients, sizeof *rate);
    if (rate == NULL) {
        return FG_E_NOMEM;
    }
    for (uint32_t c = 0; c < clients; c++) {
        rate[c] = fg_fleet_uplink_bps(f, c);
    }
    fg_sort_f64(rate, clients);
    *out = rate[clients / 2];
    fg_free(rate);
    return FG_OK;
}

/* ---- rounds to the same accuracy ---- */

/* Rounds for one of a run without a codec: about, at least and at most; about < 0: no figure. */
struct rounds {
    double about, least, most;
};

typedef double sent_fn(const struct fg_codec_opts *opts, size_t n, double updates);

/* What is kept lets a run fall behind: so many times the rounds send what a client's `updates` updates
 * without a codec come to. */
static double times(sent_fn *sent, const struct fg_setup *s, double updates)
{
    double lo = 1.0, hi = 1.0;
    while (hi < 1e6 && hi * sent(&s->coding, s->n_params, hi * updates) < 1.0) {
        hi *= 1.5;
    }
    for (int i = 0; i < 30 && hi > 1.0; i++) {
        double mid = 0.5 * (lo + hi);
        if (mid * sent(&s->coding, s->n_params, mid * updates) < 1.0) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    return hi;
}

/* By the planning model, where the variance of a round's mean is that of an update in the number of
 * updates; with error feedback by what is not sent. `updates`: of a client in a run without a codec. */
static struct rounds rounds_of(const struct fg_plan_codec *k, const struct fg_setup *s, double updates)
{
    if (!k->keeps_state) {
        double more = s->cfg->wire.variance_rounds * k->variance / (double)s->cfg->select.clients;
        return (struct rounds){1.0 + more, 1.0 + more, 1.0 + more};
    }
    if (k->codec->sent != NULL) {
        double about = times(k->codec->sent, s, updates);
        return (struct rounds){about, fmax(1.0, about / FG_FEEDBACK_OFF), about * FG_FEEDBACK_OFF};
    }
    sent_fn *least = k->codec->sent_least;
    return (struct rounds){-1.0, 1.0, least != NULL ? times(least, s, updates) : INFINITY};
}

/* Updates of a client in a run without a codec that comes as far as the run with its own. */
static double dense_updates(const struct fg_plan_codec *own, const struct fg_setup *s, double updates)
{
    if (!own->keeps_state) {
        return updates / rounds_of(own, s, updates).about;
    }
    sent_fn *sent = own->codec->sent != NULL ? own->codec->sent : own->codec->sent_least;
    return sent != NULL ? updates * sent(&s->coding, s->n_params, updates) : updates;
}

/* Beside the run's own codec: rounds to the same accuracy, and what bytes, energy and time come to
 * then. `updates`: of a client. */
static void compare(struct fg_plan_codec *list, size_t n, const struct fg_plan *p, const struct fg_setup *s,
                    double updates)
{
    const struct fg_plan_codec *own = list;
    for (size_t i = 0; i < n; i++) {
        own = list[i].chosen ? &list[i] : own;
    }
    double dense = dense_updates(own, s, updates), own_s = own->seconds, rounds = s->cfg->run.rounds;
    struct rounds mine = rounds_of(own, s, dense);
    for (size_t i = 0; i < n; i++) {
        struct fg_plan_codec *k = &list[i];
        struct rounds its = rounds_of(k, s, dense);
        bool known = its.about > 0.0 && mine.about > 0.0;
        k->sent = k->codec->sent != NULL ? k->codec->sent(&s->coding, s->n_params, its.about * dense) : -1.0;
        k->rounds = k->chosen ? 1.0 : known ? its.about / mine.about : -1.0;
        k->rounds_low = k->chosen ? 1.0 : its.least / mine.most;
        k->rounds_high = k->chosen ? 1.0 : its.most / mine.least;
        k->run_s = (p->range[FG_PLAN_TIME_S].mean + rounds * (k->seconds - own_s)) * k->rounds;
        k->run_bytes *= k->rounds;
        k->run_wh *= k->rounds;
    }
}

enum fg_status fg_plan_codecs(struct fg_plan_codec **out, size_t *n, const struct fg_plan *p,
                              const struct fg_setup *setup)
{
    const struct fg_fleet_spec *spec = fg_fleet_spec(setup->fleet);
    double uplink = 0.0, updates = p->range[FG_PLAN_UP_BYTES].mean / (double)setup->update_bytes;
    size_t count = 0;
    while (fg_codecs[count] != NULL) {
        count++;
    }
    enum fg_status st = median_uplink(&uplink, setup->fleet);
    struct fg_plan_codec *list = st == FG_OK ? fg_calloc(count, sizeof *list) : NULL;
    if (list == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct fg_plan_codec *k = &list[i];
        k->codec = fg_codecs[i];
        k->bytes = k->codec->expected(&setup->coding, setup->n_params);
        k->seconds = (double)k->bytes / uplink;
        k->wh = (spec->comm_power_w * spec->pue * k->seconds +
                 fg_ledger_network_j(spec, spec->network_by_power, k->bytes, k->seconds)) /
                3600.0;
        k->run_bytes = updates * (double)k->bytes;
        k->run_wh = updates * k->wh;
        k->variance = fg_codec_noise(k->codec, &setup->coding);
        k->keeps_state = k->codec->clients_keep_state != 0;
        k->chosen = k->codec == setup->codec;
    }
    compare(list, count, p, setup, p->range[FG_PLAN_USED].mean / (double)setup->clients);
    *out = list;
    *n = count;
    return FG_OK;
}
