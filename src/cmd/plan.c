/* forage plan: the schedule and its cost before anything is spent, as text, JSON and a picture. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/calendar.h"
#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/cmd/plan_codecs.h"
#include "src/cmd/plan_picture.h"
#include "src/cmd/table.h"
#include "src/deploy/device_need.h"
#include "src/report/chart.h"
#include "src/study/console.h"
#include "src/study/study.h"

struct args {
    struct fg_cmd_common common;
    uint64_t draws, pilots, draw_seed;
    const char *picture;
};

static const struct fg_cmd_option options[] = {
    {0, "draws", "N", FG_CMD_UINT, offsetof(struct args, draws),
     "futures to play (default 200; fewer, at least 20, where the policy's plans take long)"},
    {0, "pilots", "N", FG_CMD_UINT, offsetof(struct args, pilots),
     "of these with training, for the accuracy (default 8; 0: none)"},
    {0, "draw-seed", "N", FG_CMD_UINT, offsetof(struct args, draw_seed), "seed of the futures (default 1)"},
    {0, "picture", "FILE", FG_CMD_TEXT, offsetof(struct args, picture), "write the schedule as SVG"},
    FG_CMD_CONFIG_OPTIONS(struct args, common),
    FG_CMD_END,
};

enum { SCREEN_SLOTS = 24, SCREEN_CLIENTS = 20, DRAWS = 200 };
#define NOT_TOLD UINT64_MAX /* --draws */

/* What is raised for a price. JSON: `key`. */
static const struct {
    const char *key, *one;
    double scale; /* units of the plan in one that is shown */
} budget[FG_PLAN_BUDGETS] = {[FG_LIMIT_CARBON_G] = {"carbon_g", "gCO2", 1.0},
                             [FG_LIMIT_ENERGY_WH] = {"energy_wh", "Wh", 1.0},
                             [FG_LIMIT_BYTES] = {"mb", "MB", 1e6},
                             [FG_LIMIT_MONEY] = {"money", "of money", 1.0},
                             [FG_LIMIT_ROUNDS] = {"budget_rounds", "round with tasks", 1.0},
                             [FG_LIMIT_HOURS] = {"hours", "hour", 1.0},
                             [FG_PLAN_BUDGET_RUN_ROUNDS] = {"rounds", "round", 1.0},
                             [FG_PLAN_BUDGET_DEADLINE] = {"deadline_s", "s of deadline", 1.0}};

/* ---- JSON ---- */

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
        json_t *row =
            json_pack("{s:o, s:o}", "amount", number(x->amount / budget[b].scale, x->set), "plan_value",
                      number(planned ? p->promise.price[b] * budget[b].scale : 0.0, planned));
        json_gain(row, "steps", &x->steps, x->set, budget[b].scale);
        json_gain(row, "accuracy", &x->accuracy, x->set && p->pilots > 0, budget[b].scale);
        json_object_set_new(o, budget[b].key, row);
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

static enum fg_status print_json(const struct fg_plan *p, const struct fg_setup *setup,
                                 const struct fg_plan_codec *codec, size_t codecs,
                                 const struct fg_cmd_device *device, const char *picture)
{
    json_t *o =
        json_pack("{s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:s?}", "draws", (int)p->draws,
                  "draws_wanted", (int)p->wanted, "pilots", (int)p->pilots, "history_h", (int)p->history_h,
                  "clients", (int)p->clients, "expected", json_expected(p), "budgets", json_budgets(p),
                  "slots", json_slots(p), "schedule", json_schedule(p), "codecs", json_codecs(codec, codecs),
                  "data", json_data(p, setup), "picture", picture);
    if (o != NULL && p->promise.have) {
        json_object_set_new(o, "plan",
                            json_pack("{s:f, s:f, s:f, s:f}", "value", p->promise.value, "bound",
                                      p->promise.bound, "carbon_g", p->promise.carbon_g, "price_per_g",
                                      p->promise.price_per_g));
        json_object_set_new(json_object_get(o, "plan"), "worst_ratio",
                            number(p->promise.bound / p->promise.value, p->promise.ratio));
    }
    if (o != NULL && device->clients > 0) {
        json_object_set_new(o, "gpu_memory", json_device(device));
    }
    int rc = o != NULL ? json_dumpf(o, stdout, JSON_INDENT(1)) : -1;
    (void)putchar('\n');
    json_decref(o);
    return rc == 0 ? FG_OK : FG_E_NOMEM;
}

/* ---- text ---- */

static void print_range(const char *name, const struct fg_plan_range *r, const char *unit)
{
    const double v[3] = {r->mean, r->low, r->high};
    struct fg_str t[3] = {{0}, {0}, {0}};
    enum fg_status st = FG_OK;
    for (int i = 0; st == FG_OK && i < 3; i++) {
        st = fg_quantity(&t[i], v[i], unit);
    }
    if (st == FG_OK && r->have) {
        (void)printf("  %-14s %12s   90%%: %s to %s\n", name, t[0].data, t[1].data, t[2].data);
    }
    for (int i = 0; i < 3; i++) {
        fg_str_fini(&t[i]);
    }
}

static void print_expected(const struct fg_plan *p)
{
    const struct fg_plan_range *r = p->range, *a = &r[FG_PLAN_ACCURACY];
    (void)printf("before anything is spent: %u futures drawn from %u h of the past, %u of them trained\n\n",
                 (unsigned)p->draws, (unsigned)p->history_h, (unsigned)p->pilots);
    if (p->draws < p->wanted) {
        (void)printf("  stopped after %u of %u futures, %u of them for prices: the policy's plans take long "
                     "(--draws %u plays them all)\n\n",
                     (unsigned)p->draws, (unsigned)p->wanted, (unsigned)p->priced, (unsigned)p->wanted);
    }
    (void)printf("  %-14s %10.4g h   90%%: %.4g to %.4g h\n", "time", r[FG_PLAN_TIME_S].mean / 3600.0,
                 r[FG_PLAN_TIME_S].low / 3600.0, r[FG_PLAN_TIME_S].high / 3600.0);
    print_range("energy", &r[FG_PLAN_ENERGY_WH], "Wh");
    print_range("carbon", &r[FG_PLAN_CARBON_G], "gCO2");
    print_range("footprint", &r[FG_PLAN_FOOTPRINT_G], "gCO2");
    print_range("up", &r[FG_PLAN_UP_BYTES], "B");
    print_range("down", &r[FG_PLAN_DOWN_BYTES], "B");
    (void)printf("  %-14s %12.1f   90%%: %.0f to %.0f\n", "updates used", r[FG_PLAN_USED].mean,
                 r[FG_PLAN_USED].low, r[FG_PLAN_USED].high);
    (void)printf("  %-14s %12.1f   90%%: %.0f to %.0f\n", "updates lost", r[FG_PLAN_LOST].mean,
                 r[FG_PLAN_LOST].low, r[FG_PLAN_LOST].high);
    if (a->have) {
        (void)printf("  %-14s %12.4f   90%%: %.4f to %.4f\n", "accuracy", a->mean, a->low, a->high);
    } else {
        (void)printf("  %-14s not foreseen: it takes --pilots of at least 2\n", "accuracy");
    }
}

/* A gain and its interval, in words where that contains zero. */
static void print_gain(const struct fg_plan_range *r, const char *before, const char *of, double scale)
{
    if (!r->have) {
        (void)printf("%s%s not known (two futures are needed)", before, of);
    } else if (r->low <= 0.0 && r->high >= 0.0) {
        (void)printf("%s%s not distinguishable from zero (%.2g to %.2g)", before, of, r->low * scale,
                     r->high * scale);
    } else {
        (void)printf("%s%.4g %s (%.3g to %.3g)", before, r->mean * scale, of, r->low * scale,
                     r->high * scale);
    }
}

/* For each budget the planner's own price, and what a unit more brings in futures played
 * again with a tenth more. */
static void print_budgets(const struct fg_plan *p)
{
    (void)printf(
        "\nwhat each budget costs at the margin: the planner's dual price; the same futures played again "
        "with a tenth more (mean, 90%%)\n");
    for (int b = 0; b < FG_PLAN_BUDGETS; b++) {
        const struct fg_plan_price *x = &p->price[b];
        if (!x->set) {
            (void)printf("  %-14s not set\n", budget[b].key);
            continue;
        }
        (void)printf("  %-14s %-8.6g one %s more:", budget[b].key, x->amount / budget[b].scale,
                     budget[b].one);
        if (b < FG_LIMITS && p->promise.have && !p->promise.ratio) {
            (void)printf(" %.3g of the plan's value%s;", p->promise.price[b] * budget[b].scale,
                         b == FG_LIMIT_HOURS ? " a slot" : "");
        }
        print_gain(&x->steps, " ", "useful steps", budget[b].scale);
        if (p->pilots > 0) {
            print_gain(&x->accuracy, "; ", "accuracy", budget[b].scale);
        }
        (void)putchar('\n');
    }
    if (p->promise.have && p->promise.ratio) {
        (void)printf(
            "  thresholds: at most %.4g times the least carbon for the planned slots, whatever comes "
            "within their limits, %.4g gCO2 expected; `forage forecast` of a carbon file measures what is "
            "paid as "
            "forecasts get worse\n",
            p->promise.bound / p->promise.value, p->promise.carbon_g);
    } else if (p->promise.have) {
        double v = p->promise.value;
        (void)printf("  the policy's plan: value %.6g of at most %.6g (gap %.3g%%), %.4g gCO2\n", v,
                     p->promise.bound, v > 0.0 ? 100.0 * (p->promise.bound / v - 1.0) : 0.0,
                     p->promise.carbon_g);
    }
    if (p->promise.ships) {
        (void)printf("  it ships %u shards of others to %u clients, %.4g MB of data in all, %u copies of "
                     "tasks\n",
                     (unsigned)p->promise.sent, (unsigned)p->promise.receivers, p->promise.sent_bytes / 1e6,
                     (unsigned)p->promise.copies);
    }
}

/* Where data move: the zones that get some, mean over the futures. */
static void print_data(const struct fg_plan *p, const struct fg_setup *setup)
{
    bool any = false;
    for (uint32_t z = 0; z < p->zones; z++) {
        any = any || p->data[z].sent > 0.0 || p->data[z].strange > 0.0;
    }
    if (!any) {
        return;
    }
    (void)printf(
        "\n  who gets which data     tasks  on others'  shards sent  of others         MB   copies\n");
    for (uint32_t z = 0; z < p->zones; z++) {
        const struct fg_plan_data *d = &p->data[z];
        if (d->tasks > 0.0) {
            (void)printf("  %-20s %8.1f %11.1f %12.1f %10.1f %10.3f %8.1f\n",
                         fg_fleet_zone_name(setup->fleet, z), d->tasks, d->strange, d->sent, d->strangers,
                         d->bytes / 1e6, d->copies);
        }
    }
}

/* "1.530", "1.530 (1-3.1)" by what it was off where it was measured, "? (1-15)" by bounds. */
static void rounds_text(char *out, size_t cap, const struct fg_plan_codec *k)
{
    if (k->rounds < 0.0) {
        (void)snprintf(out, cap, "? (%.2g-%.2g)", k->rounds_low, k->rounds_high);
    } else if (k->rounds_low < k->rounds_high) {
        (void)snprintf(out, cap, "%.3f (%.2g-%.2g)", k->rounds, k->rounds_low, k->rounds_high);
    } else {
        (void)snprintf(out, cap, "%.3f", k->rounds);
    }
}

static void print_codecs(const struct fg_plan_codec *k, size_t n)
{
    (void)printf(
        "\n  updates with    bytes each    seconds  variance  rounds (off by)    bytes in all  Wh in all "
        "  s in all  (median client, to the same accuracy)\n");
    for (size_t i = 0; i < n; i++) {
        char variance[24] = "        ?", rounds[40], run[3][24] = {"?", "?", "?"};
        const double in_all[3] = {k[i].run_bytes, k[i].run_wh, k[i].run_s};
        if (k[i].variance >= 0.0) {
            (void)snprintf(variance, sizeof variance, "%9.3g", k[i].variance);
        }
        rounds_text(rounds, sizeof rounds, &k[i]);
        for (int w = 0; w < 3 && k[i].rounds > 0.0; w++) {
            (void)snprintf(run[w], sizeof run[w], "%.4g", in_all[w]);
        }
        (void)printf("%c %-13s %12llu %10.3g %s  %-17s %13s %10s %10s", k[i].chosen ? '*' : ' ',
                     k[i].codec->name, (unsigned long long)k[i].bytes, k[i].seconds, variance, rounds, run[0],
                     run[1], run[2]);
        if (k[i].keeps_state && k[i].sent >= 0.0) {
            (void)printf("  clients keep state, %.0f%% sent", 100.0 * k[i].sent);
        } else if (k[i].keeps_state) {
            (void)printf("  clients keep state, bounds alone");
        }
        (void)putchar('\n');
    }
}

/* What those asked in a slot do and move, the mean over the futures; 0 where it is not kept. */
struct work {
    double steps, bytes;
};

static struct work work_of(const struct fg_plan *p, uint32_t slot)
{
    struct work w = {0.0, 0.0};
    for (uint32_t c = 0; p->cell != NULL && c < p->clients; c++) {
        const struct fg_plan_cell *x = &p->cell[(size_t)slot * p->clients + c];
        w.steps += (double)(x->chance * x->steps);
        w.bytes += (double)(x->chance * x->bytes);
    }
    return w;
}

/* At most SCREEN_SLOTS rows, each of as many slots: what is up is their mean, what is done their sum, so
 * that the rows add up to the run; and who trains, a mark a client. */
static void print_slots(const struct fg_plan *p, const struct fg_setup *setup)
{
    static const char marks[] = " .:-=+*#%@";
    uint32_t every = (p->slots + SCREEN_SLOTS - 1) / SCREEN_SLOTS;
    uint32_t shown = p->clients < SCREEN_CLIENTS ? p->clients : SCREEN_CLIENTS;
    (void)printf(
        "\n  slot  begins (UTC)         up  asked   used    steps       MB     gCO2  chance of clients 0 to "
        "%u\n",
        (unsigned)shown - 1);
    if (every > 1) {
        (void)printf("  (a row is %u slots: the mean of who is up and of the chances, the sum of the rest)\n",
                     (unsigned)every);
    }
    for (uint32_t s = 0; s < p->slots; s += every) {
        uint32_t end = p->slots - s < every ? p->slots : s + every;
        struct fg_plan_slot x = {.begin_s = p->slot[s].begin_s};
        struct work w = {0.0, 0.0};
        char at[32], of_it[32] = "       ?        ?";
        fg_iso_format(at, fg_fleet_start(setup->fleet) / FG_SECOND + (int64_t)x.begin_s);
        at[16] = '\0';
        for (uint32_t k = s; k < end; k++) {
            struct work more = work_of(p, k);
            double share = (double)p->slot[k].played / p->draws; /* of the futures, as with steps */
            w = (struct work){w.steps + more.steps, w.bytes + more.bytes};
            x.up += p->slot[k].up / (end - s);
            x.asked += share * p->slot[k].asked;
            x.used += share * p->slot[k].used;
            x.carbon_g += share * p->slot[k].carbon_g;
        }
        if (p->cell != NULL) {
            (void)snprintf(of_it, sizeof of_it, "%8.0f %8.3g", w.steps, w.bytes / 1e6);
        }
        (void)printf("  %4u  %-16s %6.1f %6.1f %6.1f %s %8.3g  ", (unsigned)s, at, x.up, x.asked, x.used,
                     of_it, x.carbon_g);
        for (uint32_t c = 0; c < shown && p->cell != NULL; c++) {
            float chance = 0.0f;
            for (uint32_t k = s; k < end; k++) {
                chance += p->cell[(size_t)k * p->clients + c].chance / (float)(end - s);
            }
            (void)putchar(marks[(int)((chance < 1.0f ? chance : 1.0f) * 9.0f + 0.5f)]);
        }
        (void)putchar('\n');
    }
}

/* ---- the command ---- */

static void show_progress(void *arg, uint32_t done, uint32_t of)
{
    struct fg_progress *p = arg;
    p->rounds = of;
    fg_progress_count(p, "future", done);
}

static enum fg_status make(const struct args *a, const char *file, struct fg_err *err)
{
    struct fg_config cfg;
    struct fg_setup *setup = NULL;
    struct fg_plan *plan = NULL;
    struct fg_plan_codec *codec = NULL;
    size_t codecs = 0;
    struct fg_cmd_device device = {0};
    struct fg_plots plots = {0};
    struct fg_str memory = {0};
    enum fg_status drawn = FG_OK, st = fg_cmd_load_config(&cfg, file, &a->common, err);
    if (st != FG_OK) {
        return st;
    }
    struct fg_progress progress;
    fg_progress_init(&progress, 0, 0, a->common.quiet);
    const struct fg_plan_opts opts = {.draws = a->draws != NOT_TOLD ? (uint32_t)a->draws : DRAWS,
                                      .fewer = a->draws == NOT_TOLD,
                                      .progress = show_progress,
                                      .arg = &progress,
                                      .pilots = a->pilots < UINT32_MAX ? (uint32_t)a->pilots : UINT32_MAX,
                                      .seed = a->draw_seed,
                                      .stop = &fg_study_stop};
    if (cfg.run.clock == FG_OPT_CLOCK_REAL && !cfg.drive.on) {
        st = fg_config_reject(&cfg, "run.clock", err, "virtual: a plan is played in virtual time");
        goto cleanup;
    }
    FG_TRY(a->picture != NULL ? fg_file_reach(a->picture, err) : FG_OK);
    FG_TRY(fg_setup_create(&setup, &cfg, FG_START_AUTO, err));
    st = fg_plan_create(&plan, setup, &opts, err);
    fg_progress_end(&progress);
    FG_TRY(st);
    FG_TRY(fg_plan_codecs(&codec, &codecs, plan, setup));
    if (setup->model != NULL) {
        FG_TRY(fg_cmd_device_need(&device, setup, err));
        FG_TRY(fg_cmd_device_text(&memory, &device));
    }
    if (a->picture != NULL) { /* the plan is told, whatever becomes of the picture */
        FG_TRY(fg_plan_picture(&plots, plan, setup));
        drawn = fg_plots_save(&plots, a->picture, err);
    }
    if (a->common.json) {
        FG_TRY(print_json(plan, setup, codec, codecs, &device, drawn == FG_OK ? a->picture : NULL));
    } else {
        print_expected(plan);
        print_budgets(plan);
        print_data(plan, setup);
        print_codecs(codec, codecs);
        if (device.clients > 0) {
            (void)printf("\n  memory on a GPU: %s\n", memory.data);
        }
        print_slots(plan, setup);
    }
    st = drawn;
cleanup:
    fg_plots_fini(&plots);
    fg_str_fini(&memory);
    fg_free(codec);
    fg_plan_destroy(plan);
    fg_setup_destroy(setup);
    fg_config_fini(&cfg);
    return st;
}

static int run(int argc, char **argv)
{
    struct args a = {.draws = NOT_TOLD, .pilots = 8, .draw_seed = 1};
    struct fg_cmd_words words;
    struct fg_err err = {{0}};
    enum fg_status st;
    int rc = fg_cmd_parse(&fg_cmd_plan, &a, argc, argv, &words);
    if (rc >= 0) {
        return rc;
    }
    uint64_t draws = a.draws != NOT_TOLD ? a.draws : DRAWS;
    if (draws < 1 || draws > 100000 || a.pilots > draws) {
        st = fg_fail(&err, FG_E_USAGE,
                     "plan: expected --draws 1 to 100000 and at most as many --pilots, found --draws %" PRIu64
                     " --pilots %" PRIu64,
                     draws, a.pilots);
        return fg_cmd_fail(st, &err);
    }
    fg_study_catch_signals();
    st = make(&a, words.item[0], &err);
    return st == FG_OK ? 0 : fg_cmd_fail(st, &err);
}

const struct fg_command fg_cmd_plan = {
    "plan", "FILE", 1, 1, "what a run would do, take and cost, before anything is spent", options, run,
};
