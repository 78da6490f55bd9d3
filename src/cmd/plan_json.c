/* A plan as JSON; doc/algorithms/plan.md has the keys. */
#include <jansson.h>
#include <stdio.h>

#include "src/cmd/cmd.h"
#include "src/cmd/plan_told.h"

const struct fg_plan_budget_name fg_plan_budget[FG_PLAN_BUDGETS] = {
    [FG_LIMIT_CARBON_G] = {"carbon_g", "gCO2", 1.0},
    [FG_LIMIT_ENERGY_WH] = {"energy_wh", "Wh", 1.0},
    [FG_LIMIT_BYTES] = {"mb", "MB", 1e6},
    [FG_LIMIT_MONEY] = {"money", "of money", 1.0},
    [FG_LIMIT_ROUNDS] = {"budget_rounds", "round with tasks", 1.0},
    [FG_LIMIT_HOURS] = {"hours", "hour", 1.0},
    [FG_PLAN_BUDGET_RUN_ROUNDS] = {"rounds", "round", 1.0},
    [FG_PLAN_BUDGET_DEADLINE] = {"deadline_s", "s of deadline", 1.0}};

static json_t *number(double x, bool have)
{
    return have ? json_real(x) : json_null();
}

static json_t *json_expected(const struct fg_plan *p)
{
    json_t *o = json_object();
    for (int w = 0; w < FG_PLAN_WHATS; w++) {
        const struct fg_plan_range *r = &p->range[w];
        json_object_set_new(o, fg_plan_name[w],
                            json_pack("{s:o, s:o, s:o}", "mean", number(r->mean, r->have || r->mean > 0.0),
                                      "low", number(r->low, r->have), "high", number(r->high, r->have)));
    }
    return o;
}

/* What a unit more of a budget brings, by `key`: mean and interval. */
static void json_gain(json_t *o, const char *key, const struct fg_plan_range *r, bool have, double scale)
{
    static const char *const part[] = {"per_unit", "low", "high"};
    const double v[] = {r->mean, r->low, r->high};
    for (int i = 0; i < 3; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%s_%s", key, part[i]);
        json_object_set_new(o, name, number(v[i] * scale, have && (i == 0 || r->have)));
    }
}

static json_t *json_budgets(const struct fg_plan *p)
{
    json_t *o = json_object();
    for (int b = 0; b < FG_PLAN_BUDGETS; b++) {
        const struct fg_plan_price *x = &p->price[b];
        bool planned = b < FG_LIMITS && p->promise.have && !p->promise.ratio;
        json_t *row = json_pack(
            "{s:o, s:o}", "amount", number(x->amount / fg_plan_budget[b].scale, x->set), "plan_value",
            number(planned ? p->promise.price[b] * fg_plan_budget[b].scale : 0.0, planned));
        json_gain(row, "steps", &x->steps, x->set, fg_plan_budget[b].scale);
        json_gain(row, "accuracy", &x->accuracy, x->set && p->pilots > 0, fg_plan_budget[b].scale);
        json_object_set_new(o, fg_plan_budget[b].key, row);
    }
    return o;
}

static json_t *json_slots(const struct fg_plan *p)
{
    json_t *list = json_array();
    for (uint32_t s = 0; s < p->slots; s++) {
        const struct fg_plan_slot *x = &p->slot[s];
        json_array_append_new(list,
                              json_pack("{s:i, s:f, s:f, s:f, s:f, s:f, s:f}", "slot", (int)s, "begin_s",
                                        x->begin_s, "chance", (double)x->played / (double)p->draws, "up",
                                        x->up, "asked", x->asked, "used", x->used, "carbon_g", x->carbon_g));
    }
    return list;
}

static json_t *json_data(const struct fg_plan *p, const struct fg_setup *setup)
{
    json_t *list = json_array();
    for (uint32_t z = 0; z < p->zones; z++) {
        const struct fg_plan_data *d = &p->data[z];
        json_array_append_new(list, json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f}", "zone",
                                              fg_fleet_zone_name(setup->fleet, z), "tasks", d->tasks,
                                              "on_others_data", d->strange, "shards_sent", d->sent,
                                              "others_shards_sent", d->strangers, "bytes", d->bytes, "copies",
                                              d->copies));
    }
    return list;
}

static json_t *json_schedule(const struct fg_plan *p)
{
    json_t *list = json_array();
    for (uint32_t s = 0; s < p->slots && p->cell != NULL; s++) {
        for (uint32_t c = 0; c < p->clients; c++) {
            const struct fg_plan_cell *x = &p->cell[(size_t)s * p->clients + c];
            if (x->chance > 0.0f) {
                json_array_append_new(list, json_pack("{s:i, s:i, s:f, s:f, s:f}", "slot", (int)s, "client",
                                                      (int)c, "chance", (double)x->chance, "steps",
                                                      (double)x->steps, "bytes", (double)x->bytes));
            }
        }
    }
    return list;
}

static json_t *json_codecs(const struct fg_plan_codec *k, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        bool have = k[i].rounds > 0.0;
        json_array_append_new(
            list,
            json_pack("{s:s, s:I, s:f, s:f, s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "codec",
                      k[i].codec->name, "bytes", (json_int_t)k[i].bytes, "seconds", k[i].seconds, "wh",
                      k[i].wh, "run_bytes", number(k[i].run_bytes, have), "run_wh", number(k[i].run_wh, have),
                      "variance", k[i].variance, "sent", number(k[i].sent, k[i].sent >= 0.0), "rounds",
                      number(k[i].rounds, have), "rounds_low", number(k[i].rounds_low, true), "rounds_high",
                      number(k[i].rounds_high, true), "run_s", number(k[i].run_s, have), "keeps_state",
                      k[i].keeps_state, "chosen", k[i].chosen));
    }
    return list;
}

static json_t *json_device(const struct fg_cmd_device *d)
{
    const struct fg_device_need *n = &d->need;
    json_t *o = json_pack("{s:i, s:I, s:I, s:I, s:I, s:I}", "clients", (int)d->clients, "client_bytes",
                          (json_int_t)n->client_bytes, "cohort_bytes", (json_int_t)n->cohort_bytes,
                          "stay_bytes", (json_int_t)n->stay_bytes, "evaluate_bytes",
                          (json_int_t)n->evaluate_bytes, "fixed_bytes", (json_int_t)n->fixed_bytes);
    if (d->here) {
        json_object_set_new(o, "here",
                            json_pack("{s:s, s:I, s:i, s:i}", "name", d->name, "free_bytes",
                                      (json_int_t)d->free_bytes, "waves", (int)n->waves, "evaluate_waves",
                                      (int)n->evaluate_waves));
    }
    return o;
}

enum fg_status fg_plan_json(const struct fg_plan_told *t, const char *picture)
{
    const struct fg_plan *p = t->plan;
    json_t *o =
        json_pack("{s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:s?}", "draws", (int)p->draws,
                  "draws_wanted", (int)p->wanted, "pilots", (int)p->pilots, "history_h", (int)p->history_h,
                  "clients", (int)p->clients, "expected", json_expected(p), "budgets", json_budgets(p),
                  "slots", json_slots(p), "schedule", json_schedule(p), "codecs",
                  json_codecs(t->codec, t->codecs), "data", json_data(p, t->setup), "picture", picture);
    if (o != NULL && p->promise.have) {
        json_object_set_new(o, "plan",
                            json_pack("{s:f, s:f, s:f, s:f}", "value", p->promise.value, "bound",
                                      p->promise.bound, "carbon_g", p->promise.carbon_g, "price_per_g",
                                      p->promise.price_per_g));
        json_object_set_new(json_object_get(o, "plan"), "worst_ratio",
                            number(p->promise.bound / p->promise.value, p->promise.ratio));
    }
    if (o != NULL && t->device.clients > 0) {
        json_object_set_new(o, "gpu_memory", json_device(&t->device));
    }
    return fg_cmd_json(o, JSON_INDENT(1));
}
