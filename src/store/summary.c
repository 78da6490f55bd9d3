#include "src/store/summary.h"

#include <math.h>

#include "src/availability/footprint.h"
#include "src/base/file.h"

/* Numbers are written by our own shortest form: jansson would print 0.1 as 0.10000000000000001. */
static enum fg_status add_real(struct fg_str *out, const char *key, double x, bool have)
{
    enum fg_status st = fg_str_addf(out, ",\n  \"%s\": ", key);
    if (st != FG_OK) {
        return st;
    }
    return have && isfinite(x) ? fg_str_add_f64(out, x) : fg_str_addf(out, "null");
}

static enum fg_status add_uint(struct fg_str *out, const char *key, uint64_t x)
{
    return fg_str_addf(out, ",\n  \"%s\": %llu", key, (unsigned long long)x);
}

static enum fg_status add_text(struct fg_str *out, const char *key, const char *text)
{
    enum fg_status st = fg_str_addf(out, "%s\"%s\": \"", out->len > 2 ? ",\n  " : "  ", key);
    for (const char *p = text; st == FG_OK && *p != '\0'; p++) {
        unsigned char ch = (unsigned char)*p;
        if (ch == '"' || ch == '\\') {
            st = fg_str_addf(out, "\\%c", ch);
        } else if (ch < 0x20) {
            st = fg_str_addf(out, "\\u%04x", ch);
        } else {
            st = fg_str_add(out, p, 1);
        }
    }
    return st == FG_OK ? fg_str_add(out, "\"", 1) : st;
}

static enum fg_status add_counts(struct fg_str *out, const struct fg_summary *s)
{
    const struct {
        const char *key;
        uint64_t value;
    } row[] = {
        {"seed", s->seed},
        {"clients", s->clients},
        {"params", s->params},
        {"rounds", s->rounds},
        {"steps_total", s->steps_total},
        {"steps_wasted", s->steps_wasted},
        {"updates_used", s->updates_used},
        {"updates_partial", s->updates_partial},
        {"updates_lost", s->updates_lost},
        {"updates_late", s->updates_late},
        {"asked", s->asked},
        {"states_reset", s->states_reset},
        {"models_averaged", s->models_averaged},
        {"uplink_bytes", s->uplink_bytes},
        {"downlink_bytes", s->downlink_bytes},
        {"memory_bytes", s->memory_bytes},
    };
    enum fg_status st = FG_OK;
    for (size_t i = 0; st == FG_OK && i < sizeof row / sizeof row[0]; i++) {
        st = add_uint(out, row[i].key, row[i].value);
    }
    return st;
}

static enum fg_status add_reals(struct fg_str *out, const struct fg_summary *s)
{
    bool speed = s->peak_bytes > 0.0 && s->wall_s > 0.0 && s->clients > 0;
    double tasks = (double)(s->updates_used + s->updates_lost + s->updates_late + s->asked);
    double wall = speed ? s->wall_s : 1.0, clients = speed ? (double)s->clients : 1.0;
    const struct {
        const char *key;
        double value;
        bool have;
    } row[] = {
        {"events_per_s", (tasks + 2.0 * s->rounds) / wall, speed},
        {"tasks_per_s", tasks / wall, speed},
        {"client_rounds_per_s", clients * s->rounds / wall, speed},
        {"peak_bytes", s->peak_bytes, speed},
        {"bytes_per_client", s->peak_bytes / clients, speed},
        {"accuracy", s->accuracy, s->accuracy >= 0},
        {"loss", s->loss, s->loss >= 0},
        {"client_accuracy_mean", s->client_accuracy_mean, s->client_accuracy_mean >= 0},
        {"client_accuracy_p10", s->client_accuracy_p10, s->client_accuracy_p10 >= 0},
        {"client_accuracy_worst", s->client_accuracy_worst, s->client_accuracy_worst >= 0},
        {"target_accuracy", s->target_accuracy, s->target_accuracy > 0},
        {"virtual_s", s->virtual_s, true},
        {"wall_s", s->wall_s, true},
        {"saving_s", s->saving_s, true},
        {"saving_memory_s", s->saving_memory_s, true},
        {"energy_wh", s->energy_wh, true},
        {"carbon_g", s->carbon_g, true},
        {"saved_uplink_bytes", s->saved.up_bytes, true},
        {"saved_downlink_bytes", s->saved.down_bytes, true},
        {"saved_s", s->saved.seconds, true},
        {"saved_wh", s->saved.energy_wh, true},
        {"saved_g", s->saved.carbon_g, true},
        {"money", s->money, s->money >= 0},
        {"wasted_wh", s->wasted_wh, true},
        {"wasted_g", s->wasted_g, true},
        {"participation_tv", s->participation_tv, s->participation_tv >= 0},
        {"skew", s->skew, s->skew >= 0},
        {"skew_bar", s->skew_bar, s->skew_bar >= 0},
        {"skew_tilde", s->skew_tilde, s->skew_tilde >= 0},
        {"plan_value", s->promise.value, s->promise.have},
        {"plan_bound", s->promise.bound, s->promise.have},
        {"plan_worst_ratio", s->promise.bound / s->promise.value, s->promise.have && s->promise.ratio},
        {"plan_carbon_g", s->promise.carbon_g, s->promise.have},
        {"plan_sent_shards", s->promise.sent, s->promise.ships},
        {"plan_sent_bytes", s->promise.sent_bytes, s->promise.ships},
        {"plan_receivers", s->promise.receivers, s->promise.ships},
        {"plan_copies", s->promise.copies, s->promise.ships},
        {"carbon_zone_mean_g", s->footprint.tasks.zone_mean_g, true},
        {"carbon_constant_g", s->footprint.tasks.constant_g, true},
        {"footprint_wh", s->footprint.total.energy_wh, true},
        {"footprint_g", s->footprint.total.carbon_g, true},
        {"footprint_zone_mean_g", s->footprint.total.zone_mean_g, true},
        {"footprint_constant_g", s->footprint.total.constant_g, true},
    };
    enum fg_status st = FG_OK;
    for (size_t i = 0; st == FG_OK && i < sizeof row / sizeof row[0]; i++) {
        st = add_real(out, row[i].key, row[i].value, row[i].have);
    }
    for (int r = 0; st == FG_OK && r < FG_LIMITS; r++) {
        st = add_real(out, fg_limit_text[r].price, s->promise.price[r], s->promise.have);
    }
    return st;
}

static enum fg_status add_spent(struct fg_str *out, const char *name, const struct fg_spent *s)
{
    const double value[4] = {s->energy_wh, s->carbon_g, s->zone_mean_g, s->constant_g};
    static const char *const key[4] = {"energy_wh", "carbon_g", "zone_mean_g", "constant_g"};
    enum fg_status st = fg_str_addf(out, ",\n    \"%s\": {", name);
    for (int i = 0; st == FG_OK && i < 4; i++) {
        st = fg_str_addf(out, "%s\"%s\": ", i > 0 ? ", " : "", key[i]);
        if (st == FG_OK) {
            st = isfinite(value[i]) ? fg_str_add_f64(out, value[i]) : fg_str_addf(out, "null");
        }
    }
    return st == FG_OK ? fg_str_addf(out, "}") : st;
}

static enum fg_status add_footprint(struct fg_str *out, const struct fg_footprint_sums *f)
{
    static const char *const idle[FG_IDLES] = {"idle_none", "idle_marginal", "idle_full"};
    static const char *const network[2] = {"network_per_gb", "network_power"};
    enum fg_status st = fg_str_addf(out, ",\n  \"footprint\": {\n    \"mean_g_per_kwh\": ");
    FG_TRY(st);
    FG_TRY(fg_str_add_f64(out, isfinite(f->mean_g_per_kwh) ? f->mean_g_per_kwh : 0.0));
    for (int i = 0; i < FG_SPENDS; i++) {
        FG_TRY(add_spent(out, fg_spend_name[i], &f->by[i]));
    }
    FG_TRY(add_spent(out, "total", &f->total));
    FG_TRY(add_spent(out, "tasks", &f->tasks));
    for (int i = 0; i < FG_IDLES; i++) {
        FG_TRY(add_spent(out, idle[i], &f->idle[i]));
    }
    for (int i = 0; i < 2; i++) {
        FG_TRY(add_spent(out, network[i], &f->network[i]));
    }
    FG_TRY(fg_str_addf(out, "\n  }"));
cleanup:
    return st;
}

struct real {
    const char *key;
    double value;
    bool have;
};

/* An object of numbers, null where there is none, left open for more. */
static enum fg_status add_object(struct fg_str *out, const char *name, const struct real *r, size_t n)
{
    enum fg_status st = fg_str_addf(out, ",\n  \"%s\": {", name);
    for (size_t i = 0; st == FG_OK && i < n; i++) {
        st = fg_str_addf(out, "%s\n    \"%s\": ", i > 0 ? "," : "", r[i].key);
        if (st == FG_OK) {
            st = r[i].have && isfinite(r[i].value) ? fg_str_add_f64(out, r[i].value)
                                                   : fg_str_addf(out, "null");
        }
    }
    return st;
}

static enum fg_status add_theory(struct fg_str *out, const struct fg_summary *s)
{
    const struct fg_theory *t = &s->theory;
    bool have = t->have;
    const struct real row[] = {
        {"participation_tv", s->participation_tv, s->participation_tv >= 0.0},
        {"counted_least", t->counted_least, have},
        {"counted_most", t->counted_most, have},
        {"effective_clients", t->effective_clients, have},
        {"target_clients", t->target_clients, have},
        {"up_mean", t->up_mean, have},
        {"memory_mean", t->memory_mean, have},
        {"memory_max", t->memory_max, have},
        {"mixing_rounds", t->mixing_rounds, have},
        {"effective_rounds", t->effective_rounds, have},
        {"skew", s->skew, s->skew >= 0.0},
        {"redundant_steps", (double)t->redundant_steps, have},
        {"redundant_wh", t->redundant_wh, have},
        {"redundant_g", t->redundant_g, have},
        {"predicted_wh", t->predicted_wh, have},
        {"actual_wh", s->energy_wh, have},
        {"predicted_g", t->predicted_g, have},
        {"actual_g", s->carbon_g, have},
        {"predicted_s", t->predicted_s, have},
        {"actual_s", t->actual_s, have},
        {"predicted_accuracy", t->predicted_accuracy, t->predicted_accuracy >= 0.0},
        {"actual_accuracy", s->accuracy, s->accuracy >= 0.0},
        {"accuracy_miss", t->accuracy_miss, t->accuracy_miss >= 0.0},
        {"error_progress", t->error_progress, have},
        {"error_variance", t->error_variance, have},
        {"error_drift", t->error_drift, have},
        {"error_bias", t->error_bias, have},
    };
    enum fg_status st = add_object(out, "theory", row, sizeof row / sizeof row[0]);
    return st == FG_OK ? fg_str_addf(out, "\n  }") : st;
}

static enum fg_status add_bound(struct fg_str *out, const struct fg_bound_result *b)
{
    const struct real row[] = {
        {"value", b->value, b->applies},
        {"mu", b->mu, b->mu > 0.0},
        {"smoothness", b->smoothness, b->mu > 0.0},
        {"gradient", b->gradient, b->mu > 0.0},
        {"noise", b->noise, b->mu > 0.0},
        {"gap", b->gap, b->mu > 0.0},
        {"distance2", b->distance2, b->mu > 0.0},
    };
    enum fg_status st;
    if (b->why == NULL) {
        return fg_str_addf(out, ",\n  \"bound\": null");
    }
    st = add_object(out, "bound", row, sizeof row / sizeof row[0]);
    return st == FG_OK ? fg_str_addf(out, ",\n    \"text\": \"%s%s\"\n  }",
                                     b->applies ? "applies" : "no bound applies: ", b->why)
                       : st;
}

static enum fg_status add_measured(struct fg_str *out, const struct fg_measured *m)
{
    const struct real row[] = {{"rapl_wh", m->rapl_wh, m->rapl}, {"nvml_wh", m->nvml_wh, m->nvml}};
    enum fg_status st = add_object(out, "measured", row, 2);
    return st == FG_OK ? fg_str_addf(out, ",\n    \"source\": \"%s\"\n  }",
                                     m->rapl && m->nvml ? "rapl and nvml"
                                     : m->rapl          ? "rapl"
                                     : m->nvml          ? "nvml"
                                                        : "modelled")
                       : st;
}

enum fg_status fg_summary_json(struct fg_str *out, const struct fg_summary *s)
{
    struct fg_str text = {0};
    enum fg_status st = FG_OK;
    FG_TRY(fg_str_addf(&text, "{\n"));
    FG_TRY(add_text(&text, "name", s->name));
    FG_TRY(add_text(&text, "status", s->status));
    FG_TRY(add_text(&text, "version", s->version));
    FG_TRY(add_text(&text, "arithmetic", s->arithmetic != NULL ? s->arithmetic : "exact"));
    FG_TRY(s->params_sha256[0] != '\0' ? add_text(&text, "params_sha256", s->params_sha256)
                                       : add_real(&text, "params_sha256", 0, false));
    FG_TRY(add_counts(&text, s));
    FG_TRY(s->rounds_to_target >= 0 ? add_uint(&text, "rounds_to_target", (uint64_t)s->rounds_to_target)
                                    : add_real(&text, "rounds_to_target", 0, false));
    FG_TRY(add_reals(&text, s));
    FG_TRY(add_footprint(&text, &s->footprint));
    FG_TRY(add_theory(&text, s));
    FG_TRY(add_bound(&text, &s->bound));
    FG_TRY(add_measured(&text, &s->measured));
    FG_TRY(fg_str_addf(&text, "\n}\n"));
    FG_TRY(fg_str_add(out, text.data, text.len));
cleanup:
    fg_str_fini(&text);
    return st;
}

enum fg_status fg_summary_load(json_t **out, const char *path, struct fg_err *err)
{
    struct fg_str text = {0};
    enum fg_status st = fg_file_read(&text, path, (size_t)1 << 20, err);
    if (st != FG_OK) {
        return st;
    }
    json_error_t why;
    json_t *top = json_loadb(text.data, text.len, 0, &why);
    fg_str_fini(&text);
    if (!json_is_object(top)) {
        json_decref(top);
        return fg_fail(err, FG_E_CORRUPT, "%s:%d: expected a JSON object: %s", path, why.line, why.text);
    }
    *out = top;
    return FG_OK;
}
