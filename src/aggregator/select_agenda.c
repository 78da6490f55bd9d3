#include "src/aggregator/select_agenda.h"

#include <string.h>

#include "src/base/mem.h"

enum fg_status fg_agenda_init(struct fg_agenda *a, const struct fg_select_config *cfg)
{
    size_t cells = (size_t)cfg->clients * cfg->rounds;
    bool ships = fg_ahead_ships(cfg);
    a->first.slots = cfg->rounds;
    a->on = fg_calloc(cells, 1);
    a->shard = ships ? fg_calloc(cells, sizeof *a->shard) : NULL;
    a->expected = fg_calloc(cfg->clients, sizeof *a->expected);
    a->part = fg_calloc(2 * (size_t)cfg->rounds, sizeof *a->part);
    if (a->part == NULL) {
        return FG_E_NOMEM;
    }
    a->effort = a->part + cfg->rounds;
    for (uint32_t t = 0; t < cfg->rounds; t++) {
        a->part[t] = a->effort[t] = 1.0;
    }
    return a->on != NULL && a->expected != NULL && (!ships || a->shard != NULL) ? FG_OK : FG_E_NOMEM;
}

void fg_agenda_fini(struct fg_agenda *a)
{
    fg_free(a->on);
    fg_free(a->shard);
    fg_free(a->expected);
    fg_free(a->part);
}

/* Cells that repeat the work of a client with a lower number. Shapes: copy (clients, slots), seen
 * (clients). */
static void find_copies(uint8_t *copy, uint8_t *seen, const struct fg_slots_plan *plan)
{
    for (uint32_t h = 0; h < plan->slots && plan->shard != NULL; h++) {
        memset(seen, 0, plan->clients);
        for (uint32_t c = 0; c < plan->clients; c++) {
            size_t i = (size_t)c * plan->slots + h;
            if (plan->on[i]) {
                copy[i] = seen[plan->shard[i]];
                seen[plan->shard[i]] = 1;
            }
        }
    }
}

/* What a client is to be sent of others' data. Shapes: seen (clients) scratch. */
static uint32_t count_sent(const struct fg_slots_plan *plan, const struct fg_ahead *a, uint32_t c,
                           uint8_t *seen)
{
    uint32_t n = 0;
    memset(seen, 0, plan->clients);
    for (uint32_t h = 0; h < plan->slots; h++) {
        size_t i = (size_t)c * plan->slots + h;
        uint32_t j = plan->shard[i];
        if (plan->on[i] && !seen[j]) {
            seen[j] = 1;
            n += j != c && a->bytes[(size_t)c * plan->clients + j] > 0.0;
        }
    }
    return n;
}

static void certify(struct fg_promise *p, const struct fg_slots_plan *plan, const struct fg_ahead *a,
                    const double *price, const uint8_t *copy, uint8_t *seen)
{
    *p = (struct fg_promise){.have = true,
                             .value = plan->value,
                             .bound = plan->bound,
                             .carbon_g = plan->spent_g,
                             .price_per_g = price[FG_LIMIT_CARBON_G],
                             .ships = plan->shard != NULL};
    memcpy(p->price, price, sizeof p->price);
    for (uint32_t c = 0; c < plan->clients && p->ships; c++) {
        uint32_t n = count_sent(plan, a, c, seen);
        p->sent_bytes += plan->sent[c];
        p->sent += n;
        p->receivers += n > 0;
        for (uint32_t h = 0; h < plan->slots; h++) {
            p->copies += copy[(size_t)c * plan->slots + h];
        }
    }
}

/* Those of the slots from `round` on; the ones before are kept. */
static void adopt_levels(struct fg_agenda *a, const struct fg_slots_plan *plan,
                         const struct fg_ahead_levels *levels, uint32_t round)
{
    for (uint32_t h = 0; h < plan->slots; h++) {
        a->part[round + h] = levels != NULL ? levels->part[h] : 1.0;
        a->effort[round + h] = levels != NULL ? levels->effort[h] : 1.0;
    }
}

enum fg_status fg_agenda_adopt(struct fg_agenda *a, const struct fg_select_config *cfg,
                               const struct fg_slots_plan *plan, const struct fg_ahead *ahead, uint32_t round,
                               const double *price)
{
    size_t cells = (size_t)plan->clients * plan->slots;
    uint8_t *copy = fg_calloc(cells + plan->clients, 1);
    if (copy == NULL) {
        return FG_E_NOMEM;
    }
    find_copies(copy, copy + cells, plan);
    a->from = round;
    adopt_levels(a, plan, ahead->levels, round);
    for (uint32_t c = 0; c < cfg->clients; c++) {
        size_t first = (size_t)c * cfg->rounds;
        memset(a->on + first, 0, cfg->rounds);
        a->expected[c] = 0.0;
        for (uint32_t h = 0; h < plan->slots; h++) {
            size_t i = (size_t)c * plan->slots + h;
            a->on[first + round + h] = plan->on[i];
            double chance = ahead->chance[(size_t)c * ahead->slots + h];
            a->expected[c] += plan->on[i] && !copy[i] ? chance * a->effort[round + h] : 0.0;
            if (a->shard != NULL) {
                a->shard[first + round + h] = plan->shard != NULL ? plan->shard[i] : c;
            }
        }
    }
    if (round == 0) {
        certify(&a->first.promise, plan, ahead, price, copy, copy + cells);
    }
    fg_free(copy);
    return FG_OK;
}

bool fg_agenda_sends(const struct fg_agenda *a, const struct fg_select_config *cfg, uint32_t round,
                     uint32_t client, uint32_t shard)
{
    size_t first = (size_t)client * cfg->rounds;
    for (uint32_t t = round; a->shard != NULL && t < a->first.slots; t++) {
        if (a->on[first + t] && a->shard[first + t] == shard) {
            return true;
        }
    }
    return false;
}

/* ---- state ---- */

enum fg_status fg_agenda_save(const struct fg_agenda *a, const struct fg_select_config *cfg,
                              struct fg_str *out)
{
    const struct fg_promise *p = &a->first.promise;
    size_t n = cfg->clients, cells = n * cfg->rounds;
    enum fg_status st;
    FG_TRY(fg_put_u32(out, a->from));
    FG_TRY(fg_put_u32(out, a->tune));
    FG_TRY(fg_put_u32(out, a->first.slots));
    FG_TRY(fg_put_f64(out, a->first.grams_max));
    FG_TRY(fg_put_u8(out, p->have));
    FG_TRY(fg_put_f64(out, p->value));
    FG_TRY(fg_put_f64(out, p->bound));
    FG_TRY(fg_put_f64(out, p->carbon_g));
    FG_TRY(fg_put_f64s(out, p->price, FG_LIMITS));
    FG_TRY(fg_put_u8(out, p->ships));
    FG_TRY(fg_put_f64(out, p->sent_bytes));
    FG_TRY(fg_put_u32(out, p->sent));
    FG_TRY(fg_put_u32(out, p->receivers));
    FG_TRY(fg_put_u32(out, p->copies));
    FG_TRY(fg_str_add(out, a->on, cells));
    FG_TRY(fg_put_u32s(out, a->shard, a->shard != NULL ? cells : 0));
    FG_TRY(fg_put_f64s(out, a->weight, FG_LIMITS));
    FG_TRY(fg_put_f64s(out, a->expected, n));
    FG_TRY(fg_put_f64s(out, a->part, cfg->plan_steps ? 2 * (size_t)cfg->rounds : 0));
cleanup:
    return st;
}

static void load_promise(struct fg_promise *p, struct fg_reader *in)
{
    *p = (struct fg_promise){.have = fg_get_u8(in) != 0};
    p->value = fg_get_f64(in);
    p->bound = fg_get_f64(in);
    p->carbon_g = fg_get_f64(in);
    fg_get_f64s(in, p->price, FG_LIMITS);
    p->price_per_g = p->price[FG_LIMIT_CARBON_G];
    p->ships = fg_get_u8(in) != 0;
    p->sent_bytes = fg_get_f64(in);
    p->sent = fg_get_u32(in);
    p->receivers = fg_get_u32(in);
    p->copies = fg_get_u32(in);
}

void fg_agenda_load(struct fg_agenda *a, const struct fg_select_config *cfg, struct fg_reader *in)
{
    size_t n = cfg->clients, cells = n * cfg->rounds;
    a->from = fg_get_u32(in);
    a->tune = fg_get_u32(in);
    a->first.slots = fg_get_u32(in);
    a->first.grams_max = fg_get_f64(in);
    load_promise(&a->first.promise, in);
    const void *on = fg_get_bytes(in, cells);
    if (on != NULL) {
        memcpy(a->on, on, cells);
    }
    fg_get_u32s(in, a->shard, a->shard != NULL ? cells : 0);
    for (size_t i = 0; a->shard != NULL && i < cells; i++) {
        in->bad = in->bad || a->shard[i] >= n;
    }
    fg_get_f64s(in, a->weight, FG_LIMITS);
    for (int r = 0; r < FG_LIMITS; r++) {
        in->bad = in->bad || !(a->weight[r] >= 0.0 && a->weight[r] <= 1.0);
    }
    fg_get_f64s(in, a->expected, n);
    fg_get_f64s(in, a->part, cfg->plan_steps ? 2 * (size_t)cfg->rounds : 0);
    for (uint32_t t = 0; t < 2 * cfg->rounds; t++) {
        in->bad = in->bad || !(a->part[t] > 0.0 && a->part[t] < 1e9);
    }
    in->bad = in->bad || a->from > cfg->rounds || a->first.slots > cfg->rounds || a->tune > a->first.slots;
}
