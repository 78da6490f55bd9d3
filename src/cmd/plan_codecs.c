#include "src/cmd/plan_codecs.h"

#include "src/availability/ledger.h"
#include "src/base/mem.h"
#include "src/base/sort.h"

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

/* Rounds more by the planning model: the variance of a round's mean is that of an update,
 * in the number of updates. */
static double slower(const struct fg_plan_codec *k, const struct fg_setup *s)
{
    double updates = s->cfg->select.clients;
    return k->variance > 0.0 ? 1.0 + s->cfg->wire.variance_rounds * k->variance / updates : 1.0;
}

/* Beside the run's own codec: rounds to the same accuracy, and what bytes, energy and time come to then. */
static void compare(struct fg_plan_codec *list, size_t n, const struct fg_plan *p, const struct fg_setup *s)
{
    const struct fg_plan_codec *own = list;
    for (size_t i = 0; i < n; i++) {
        own = list[i].chosen ? &list[i] : own;
    }
    double mine = slower(own, s), own_s = own->seconds, rounds = s->cfg->run.rounds;
    for (size_t i = 0; i < n; i++) {
        struct fg_plan_codec *k = &list[i];
        bool known = k->variance >= 0.0 && own->variance >= 0.0;
        k->rounds = known ? slower(k, s) / mine : 1.0;
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
    compare(list, count, p, setup);
    *out = list;
    *n = count;
    return FG_OK;
}
