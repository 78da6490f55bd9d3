#include "src/study/console.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/now.h"
#include "src/plan/limits.h"
#include "src/report/chart.h"

/* "2 d 3 h", "4 h 10 min", "12 s": the two leading units. */
static const char *duration(char out[32], double s)
{
    long t = s < 0.0 ? 0 : (long)(s + 0.5);
    if (t >= 86400) {
        snprintf(out, 32, "%ld d %ld h", t / 86400, t % 86400 / 3600);
    } else if (t >= 3600) {
        snprintf(out, 32, "%ld h %ld min", t / 3600, t % 3600 / 60);
    } else if (t >= 60) {
        snprintf(out, 32, "%ld min %ld s", t / 60, t % 60);
    } else {
        snprintf(out, 32, "%.1f s", s < 0.0 ? 0.0 : s);
    }
    return out;
}

static const char *quantity(char out[32], double value, const char *unit)
{
    struct fg_str text = {0};
    snprintf(out, 32, "%s", fg_quantity(&text, value, unit) == FG_OK ? text.data : "?");
    fg_str_fini(&text);
    return out;
}

/* Under `forage launch` stderr is a FIFO that it passes on to its own. */
static bool on_terminal(void)
{
    const char *launch = getenv(FG_CONSOLE_LAUNCH_TERMINAL);
    return isatty(STDERR_FILENO) != 0 || (launch != NULL && launch[0] != '\0');
}

void fg_progress_init(struct fg_progress *p, uint32_t rounds, uint32_t done, int quiet)
{
    *p = (struct fg_progress){.terminal = on_terminal(),
                              .quiet = quiet,
                              .rounds = rounds,
                              .first = done,
                              .begun_s = fg_now_steady_s(),
                              .accuracy = -1.0};
    p->shown_s = p->begun_s;
}

/* Whether it is time for a line: then the next one is not for a while. */
static bool due(struct fg_progress *p, double now)
{
    if (p->quiet > 0 || now - p->shown_s < (p->terminal ? 0.1 : 5.0)) {
        return false;
    }
    p->shown_s = now;
    return true;
}

void fg_progress_round(struct fg_progress *p, const struct fg_round_record *r)
{
    if (r->evaluation.have) {
        p->accuracy = r->evaluation.accuracy;
    }
    double now = fg_now_steady_s();
    if (!due(p, now)) {
        return;
    }
    uint32_t done = r->round + 1 - p->first;
    double spent = now - p->begun_s, eta = spent / (double)done * (double)(p->rounds - r->round - 1);
    char t[32], w[32], e[32], accuracy[32] = "";
    if (p->accuracy >= 0.0) {
        snprintf(accuracy, sizeof accuracy, "  accuracy %.2f%%", 100.0 * p->accuracy);
    }
    fprintf(stderr, "%sround %u/%u%s  %u of %u clients at work  virtual %s  wall %s  left %s%s",
            p->terminal ? "\r\033[K" : "forage: ", r->round + 1, p->rounds, accuracy, r->n_selected,
            r->n_available, duration(t, fg_seconds(r->t_end - p->start)), duration(w, spent),
            duration(e, eta), p->terminal ? "" : "\n");
    fflush(stderr);
}

void fg_progress_count(struct fg_progress *p, const char *what, uint32_t done)
{
    double now = fg_now_steady_s(), spent = now - p->begun_s;
    if (done == 0 || !due(p, now)) {
        return;
    }
    char w[32], e[32];
    fprintf(stderr, "%s%s %u/%u  wall %s  left %s%s", p->terminal ? "\r\033[K" : "forage: ", what, done,
            p->rounds, duration(w, spent), duration(e, spent / done * (double)(p->rounds - done)),
            p->terminal ? "" : "\n");
    fflush(stderr);
}

void fg_progress_end(struct fg_progress *p)
{
    if (p->terminal && p->quiet == 0) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}

static double number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : -1.0;
}

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s != NULL ? s : "?";
}

const char *fg_console_loss(char out[64], double loss)
{
    bool number = isfinite(loss) && loss >= 0.0;
    (void)snprintf(out, 64, "%.4f", number ? loss : 0.0);
    return number ? out : "not a finite number";
}

static void print_quality(const json_t *o)
{
    double accuracy = number(o, "accuracy"), target = number(o, "target_accuracy");
    double reached = number(o, "rounds_to_target");
    if (accuracy >= 0.0) {
        char loss[64];
        printf("  accuracy   %.2f%% on the test set, loss %s\n", 100.0 * accuracy,
               fg_console_loss(loss, number(o, "loss")));
    }
    if (number(o, "client_accuracy_mean") >= 0.0) {
        printf("             per client: mean %.2f%%, 10th percentile %.2f%%, worst %.2f%%\n",
               100.0 * number(o, "client_accuracy_mean"), 100.0 * number(o, "client_accuracy_p10"),
               100.0 * number(o, "client_accuracy_worst"));
    }
    if (target > 0.0 && reached >= 0.0) {
        printf("  target     %.4g%% reached in round %.0f\n", 100.0 * target, reached);
    } else if (target > 0.0) {
        printf("  target     %.4g%% not reached\n", 100.0 * target);
    }
}

static void print_cost(const json_t *o)
{
    char up[32], down[32], wh[32], g[32], money[48] = "";
    double steps = number(o, "steps_total");
    if (number(o, "money") > 0.0) {
        snprintf(money, sizeof money, "; %.4g of money", number(o, "money"));
    }
    printf("  cost       %s up, %s down; %s; %s%s\n", quantity(up, number(o, "uplink_bytes"), "B"),
           quantity(down, number(o, "downlink_bytes"), "B"), quantity(wh, number(o, "energy_wh"), "Wh"),
           quantity(g, number(o, "carbon_g"), "gCO2"), money);
    double saved_up = number(o, "saved_uplink_bytes"), saved_down = number(o, "saved_downlink_bytes");
    if (saved_up > 0.0 || saved_down > 0.0) {
        char s[32];
        printf("  saved      %s up, %s down; %s of transfers; %s; %s (against float32)\n",
               quantity(up, saved_up, "B"), quantity(down, saved_down, "B"),
               quantity(s, number(o, "saved_s"), "s"), quantity(wh, number(o, "saved_wh"), "Wh"),
               quantity(g, number(o, "saved_g"), "gCO2"));
    }
    printf("  wasted     %.0f of %.0f steps (%.1f%%), %s, %s; updates used %.0f, lost %.0f, late %.0f\n",
           number(o, "steps_wasted"), steps, steps > 0.0 ? 100.0 * number(o, "steps_wasted") / steps : 0.0,
           quantity(wh, number(o, "wasted_wh"), "Wh"), quantity(g, number(o, "wasted_g"), "gCO2"),
           number(o, "updates_used"), number(o, "updates_lost"), number(o, "updates_late"));
}

/* What the run used beside its tasks, and what of its carbon is shifting rather than saving. */
static void print_footprint(const json_t *o)
{
    char wh[32], g[32], constant[32];
    double tasks = number(o, "carbon_g"), at_mean = number(o, "carbon_constant_g");
    if (number(o, "footprint_wh") < 0.0) {
        return;
    }
    printf("  footprint  %s, %s with the server, networks, idle and the making of machines\n",
           quantity(wh, number(o, "footprint_wh"), "Wh"), quantity(g, number(o, "footprint_g"), "gCO2"));
    double by = at_mean > 0.0 ? 100.0 * (tasks / at_mean - 1.0) : 0.0;
    if (at_mean > 0.0) {
        printf("  shifting   at constant intensity %s instead of %s: %+.1f%% by when and where\n",
               quantity(constant, at_mean, "gCO2"), quantity(g, tasks, "gCO2"),
               fabs(by) >= 0.05 ? by : 0.0); /* never -0.0% */
    }
}

/* The certificate of a policy that plans ahead. */
static void print_plan(const json_t *o)
{
    double value = number(o, "plan_value"), bound = number(o, "plan_bound"),
           worst = number(o, "plan_worst_ratio"), sent = number(o, "plan_sent_bytes");
    char g[32], b[32];
    const char *between = "";
    if (!(value > 0.0)) {
        return;
    }
    if (worst >= 1.0) { /* thresholds have no value and no prices */
        printf("  plan       at most %.4g times the least carbon for its slots, whatever comes within its "
               "limits; %s expected\n",
               worst, quantity(g, number(o, "plan_carbon_g"), "gCO2"));
        return;
    }
    printf("  plan       value %.6g, no plan is worth more than %.6g: gap %.3g%%; %s expected\n", value,
           bound, 100.0 * (bound / value - 1.0), quantity(g, number(o, "plan_carbon_g"), "gCO2"));
    printf("  margins    one more of ");
    for (int r = 0; r < FG_LIMITS; r++) {
        const struct fg_limit_text *t = &fg_limit_text[r];
        printf("%s%s %.3g", between, t->unit, number(o, t->price) * t->scale);
        between = ", ";
    }
    printf("\n");
    if (sent >= 0.0) {
        printf(
            "  shipping   planned: %.0f shards of others to %.0f clients, %s of data in all, %.0f copies of "
            "tasks\n",
            number(o, "plan_sent_shards"), number(o, "plan_receivers"), quantity(b, sent, "B"),
            number(o, "plan_copies"));
    }
}

/* What theory looks at beside what was measured, in short; `forage show` has all of it. */
static void print_theory(const json_t *o)
{
    const json_t *t = json_object_get(o, "theory"), *m = json_object_get(o, "measured");
    char wh[32], g[32], s[32], was_wh[32], was_g[32], was_s[32];
    if (number(t, "participation_tv") < 0.0) {
        printf("%s", number(o, "updates_used") == 0.0
                         ? "  theory     none: no update was used, the run ends with what it began with\n"
                         : "");
        return;
    }
    printf("  theory     participation %.4f from its target; a client counts %.3g to %.3g times what it "
           "should\n",
           number(t, "participation_tv"), number(t, "counted_least"), number(t, "counted_most"));
    printf("             as good as %.1f clients of %.1f; up %.3f of rounds, eigenvalue %.3f",
           number(t, "effective_clients"), number(t, "target_clients"), number(t, "up_mean"),
           number(t, "memory_max"));
    if (number(t, "skew") >= 0.0) {
        printf("; skew %.3g", number(t, "skew"));
    }
    printf("\n  predicted  %s, %s, rounds of %s in all; it was %s, %s, %s",
           quantity(wh, number(t, "predicted_wh"), "Wh"), quantity(g, number(t, "predicted_g"), "gCO2"),
           duration(s, number(t, "predicted_s")), quantity(was_wh, number(t, "actual_wh"), "Wh"),
           quantity(was_g, number(t, "actual_g"), "gCO2"), duration(was_s, number(t, "actual_s")));
    if (number(t, "predicted_accuracy") >= 0.0) {
        printf("; accuracy %.2f%%, it was %.2f%%", 100.0 * number(t, "predicted_accuracy"),
               100.0 * number(t, "actual_accuracy"));
    }
    double bound = number(json_object_get(o, "bound"), "value");
    if (bound >= 0.0) {
        printf("\n  bound      F(x) - F* <= %.4g\n", bound);
    } else {
        printf("\n  bound      %s\n", text(json_object_get(o, "bound"), "text"));
    }
    printf("  energy     modelled");
    if (number(m, "rapl_wh") >= 0.0) {
        printf("; this machine's RAPL: %s, whoever used it", quantity(wh, number(m, "rapl_wh"), "Wh"));
    }
    if (number(m, "nvml_wh") >= 0.0) {
        printf("; NVML: %s", quantity(wh, number(m, "nvml_wh"), "Wh"));
    }
    printf("\n");
}

void fg_console_result(const json_t *o, const char *path)
{
    char v[32], w[32];
    printf("%s: %s after %.0f rounds; %.0f clients, %.0f parameters; %s of virtual time in %s\n",
           text(o, "name"), text(o, "status"), number(o, "rounds"), number(o, "clients"), number(o, "params"),
           duration(v, number(o, "virtual_s")), duration(w, number(o, "wall_s")));
    print_quality(o);
    print_cost(o);
    print_footprint(o);
    print_plan(o);
    print_theory(o);
    bool trained = json_is_string(json_object_get(o, "params_sha256"));
    double averaged = number(o, "models_averaged");
    printf("  model      %s%s", trained ? "sha256 " : "none: train.mode = cost-only",
           trained ? text(o, "params_sha256") : "");
    if (averaged > 0.0) {
        printf(", the mean of %.0f models", averaged);
    }
    printf("\n");
    if (!trained) {
        printf("  speed      %.3g events/s, %.3g client-rounds/s, %.3g tasks/s; %.0f bytes a client, %.0f MB "
               "at most\n",
               number(o, "events_per_s"), number(o, "client_rounds_per_s"), number(o, "tasks_per_s"),
               number(o, "bytes_per_client"), number(o, "peak_bytes") / 1e6);
    }
    printf("  results    %s (summary.json, rounds.csv, run.h5); forage show %s\n", path, path);
}
