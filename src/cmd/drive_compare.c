/* What a deployment came to, beside what `simulate` said of the same trace. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/cmd/drive.h"
#include "src/cmd/launch.h"
#include "src/store/columns.h"
#include "src/store/file.h"
#include "src/store/summary.h"

enum { MOST_ROUNDS_PRINTED = 20 };

/* What is compared: keys of summary.json, and columns of rounds.csv. */
static const struct {
    const char *key, *label;
    double scale; /* of what is printed */
} totals[] = {
    {"updates_used", "updates used", 1},
    {"updates_partial", "  of these partial", 1},
    {"updates_lost", "updates lost", 1},
    {"updates_late", "updates late", 1},
    {"steps_total", "steps", 1},
    {"steps_wasted", "steps wasted", 1},
    {"virtual_s", "time (h)", 1.0 / 3600.0},
    {"energy_wh", "energy (Wh)", 1},
    {"carbon_g", "carbon (g)", 1},
    {"accuracy", "accuracy (%)", 100},
};

static const char *const columns[] = {"n_available", "n_selected", "n_used",      "n_partial",
                                      "n_lost",      "n_late",     "steps_total", "steps_wasted",
                                      "t_begin_s",   "duration_s"};

enum { COLUMNS = sizeof columns / sizeof *columns };

struct rounds {
    struct fg_round_record *row;
    size_t n;
};

static enum fg_status read_rounds(struct rounds *out, const char *dir, struct fg_err *err)
{
    struct fg_str path = {0}, text = {0};
    enum fg_status st;
    FG_TRY(fg_str_addf(&path, "%s/rounds.csv", dir));
    FG_TRY(fg_file_read(&text, path.data, SIZE_MAX / 4, err));
    FG_TRY(fg_rounds_read(&out->row, &out->n, text.data, text.len, err));
cleanup:
    fg_str_fini(&path);
    fg_str_fini(&text);
    return st;
}

static enum fg_status read_summary(json_t **out, const char *dir, struct fg_err *err)
{
    struct fg_str path = {0};
    enum fg_status st = fg_str_addf(&path, "%s/summary.json", dir);
    st = st == FG_OK ? fg_summary_load(out, path.data, err) : st;
    fg_str_fini(&path);
    return st;
}

static void values_of(double out[COLUMNS], const struct fg_round_record *r)
{
    out[0] = r->n_available;
    out[1] = r->n_selected;
    out[2] = r->n_used;
    out[3] = r->n_partial;
    out[4] = r->n_lost;
    out[5] = r->n_late;
    out[6] = (double)r->steps_total;
    out[7] = (double)r->steps_wasted;
    out[8] = fg_seconds(r->t_begin);
    out[9] = fg_seconds(r->t_end - r->t_begin);
}

/* {"round": k, "deployed": {...}, "predicted": {...}}, null where that run had no such round. */
static json_t *round_of(size_t k, const struct rounds *a, const struct rounds *b)
{
    json_t *sides[2];
    const struct rounds *from[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        double v[COLUMNS];
        sides[i] = k < from[i]->n ? json_object() : json_null();
        if (k < from[i]->n) {
            values_of(v, &from[i]->row[k]);
        }
        for (size_t c = 0; k < from[i]->n && c < COLUMNS; c++) {
            (void)json_object_set_new(sides[i], columns[c],
                                      c < 8 ? json_integer((json_int_t)v[c]) : json_real(v[c]));
        }
    }
    return json_pack("{s:I,s:o,s:o}", "round", (json_int_t)k, "deployed", sides[0], "predicted", sides[1]);
}

static json_t *difference(const json_t *a, const json_t *b)
{
    json_t *out = json_object();
    for (size_t i = 0; i < sizeof totals / sizeof *totals; i++) {
        const json_t *x = json_object_get(a, totals[i].key), *y = json_object_get(b, totals[i].key);
        double d = json_number_value(x) - json_number_value(y);
        json_t *v = !json_is_number(x) || !json_is_number(y) ? json_null()
                    : json_is_integer(x)                     ? json_integer((json_int_t)d)
                                                             : json_real(d);
        (void)json_object_set_new(out, totals[i].key, v);
    }
    return out;
}

enum fg_status fg_drive_compare(json_t **out, const char *deployed, const char *predicted, struct fg_err *err)
{
    struct rounds a = {0}, b = {0};
    json_t *sa = NULL, *sb = NULL, *list = json_array();
    enum fg_status st;
    FG_TRY(read_summary(&sa, deployed, err));
    FG_TRY(read_summary(&sb, predicted, err));
    FG_TRY(read_rounds(&a, deployed, err));
    FG_TRY(read_rounds(&b, predicted, err));
    for (size_t k = 0; k < a.n || k < b.n; k++) {
        (void)json_array_append_new(list, round_of(k, &a, &b));
    }
    *out = json_pack("{s:O,s:O,s:o,s:O}", "deployed", sa, "predicted", sb, "difference", difference(sa, sb),
                     "rounds", list);
    st = *out != NULL ? FG_OK : fg_fail(err, FG_E_NOMEM, "out of memory");
cleanup:
    json_decref(sa);
    json_decref(sb);
    json_decref(list);
    fg_free(a.row);
    fg_free(b.row);
    return st;
}

/* ---- for people ---- */

static void print_total(const json_t *c, size_t i)
{
    const json_t *x = json_object_get(json_object_get(c, "deployed"), totals[i].key);
    const json_t *y = json_object_get(json_object_get(c, "predicted"), totals[i].key);
    double a = json_number_value(x) * totals[i].scale, b = json_number_value(y) * totals[i].scale;
    int digits = json_is_integer(x) ? 0 : 2;
    if (json_is_number(x) && json_is_number(y)) {
        (void)printf("%-20s %12.*f %12.*f %+12.*f\n", totals[i].label, digits, a, digits, b, digits, a - b);
    }
}

static double number(const json_t *round, const char *side, const char *key)
{
    return json_number_value(json_object_get(json_object_get(round, side), key));
}

static bool differs(const json_t *round)
{
    static const char *const keys[] = {"n_used", "n_partial", "n_lost", "n_late", "steps_wasted"};
    bool both = json_is_object(json_object_get(round, "deployed")) &&
                json_is_object(json_object_get(round, "predicted"));
    bool same = both;
    for (size_t i = 0; same && i < sizeof keys / sizeof *keys; i++) {
        same = number(round, "deployed", keys[i]) == number(round, "predicted", keys[i]);
    }
    return !same;
}

static void print_round(const json_t *r)
{
    static const char *const keys[] = {"n_available", "n_used",       "n_lost",
                                       "n_late",      "steps_wasted", "duration_s"};
    char cell[32];
    (void)printf("%6lld", (long long)json_integer_value(json_object_get(r, "round")) + 1);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        (void)snprintf(cell, sizeof cell, "%.0f/%.0f", number(r, "deployed", keys[i]),
                       number(r, "predicted", keys[i]));
        (void)printf(" %12s", cell);
    }
    (void)putchar('\n');
}

void fg_drive_compare_print(const json_t *c)
{
    const json_t *rounds = json_object_get(c, "rounds");
    size_t n = json_array_size(rounds), n_differ = 0;
    (void)printf("%-20s %12s %12s %12s\n", "", "deployed", "predicted", "difference");
    for (size_t i = 0; i < sizeof totals / sizeof *totals; i++) {
        print_total(c, i);
    }
    for (size_t k = 0; k < n; k++) {
        n_differ += differs(json_array_get(rounds, k));
    }
    (void)printf("rounds that differ    %zu of %zu\n", n_differ, n);
    if (n_differ > 0) {
        (void)printf("%6s %12s %12s %12s %12s %12s %12s   (deployed/predicted)\n", "round", "up", "used",
                     "lost", "late", "wasted", "seconds");
    }
    for (size_t k = 0, shown = 0; k < n; k++) {
        const json_t *r = json_array_get(rounds, k);
        if (differs(r) && shown++ < MOST_ROUNDS_PRINTED) {
            print_round(r);
        }
    }
    if (n_differ > MOST_ROUNDS_PRINTED) {
        (void)printf("       ... %zu more; --json has all\n", n_differ - MOST_ROUNDS_PRINTED);
    }
}

/* ---- the prediction ---- */

static enum fg_status simulate(const char *dir, const char *predicted, struct fg_err *err)
{
    struct fg_launch_argv line = {0};
    struct fg_str config = {0};
    int code = 1;
    enum fg_status st;
    FG_TRY(fg_str_addf(&config, "%s/config.ini", dir));
    FG_TRY(fg_launch_self(&line));
    const char *const args[] = {"simulate", "-q",      "--force", "--set",    "run.clock=virtual",
                                "--out",    predicted, "--",      config.data};
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
        FG_TRY(fg_launch_add(&line, args[i]));
    }
    FG_TRY(fg_launch_command(&code, &line, err));
    if (code != 0) {
        st = fg_fail(err, FG_E_GONE, "the simulation in %s ended with code %d; see its log.txt", predicted,
                     code);
    }
cleanup:
    fg_launch_argv_fini(&line);
    fg_str_fini(&config);
    return st;
}

static void print_all(const struct fg_drive_report *played, double hour_s, const char *predicted, json_t *c)
{
    (void)printf(
        "\nplayed     an hour of the trace in %g s: %llu workers came, %llu were killed, %llu of them with "
        "notice; %llu had ended by themselves\n",
        hour_s, (unsigned long long)played->ups, (unsigned long long)played->kills,
        (unsigned long long)played->notices, (unsigned long long)played->early);
    (void)printf("predicted  %s\n\n", predicted);
    fg_drive_compare_print(c);
}

enum fg_status fg_drive_predict(const struct fg_drive *d, const char *dir, bool json, struct fg_err *err)
{
    const struct fg_drive_report *played = fg_drive_report(d);
    double hour_s = 3600.0 / fg_drive_speed(d);
    struct fg_str predicted = {0};
    json_t *c = NULL;
    enum fg_status st;
    FG_TRY(fg_str_addf(&predicted, "%s-predicted", dir));
    FG_TRY(simulate(dir, predicted.data, err));
    FG_TRY(fg_drive_compare(&c, dir, predicted.data, err));
    if (!json) {
        print_all(played, hour_s, predicted.data, c);
        goto cleanup;
    }
    json_t *p = json_pack("{s:f,s:I,s:I,s:I,s:I}", "hour_s", hour_s, "workers", (json_int_t)played->ups,
                          "killed", (json_int_t)played->kills, "noticed", (json_int_t)played->notices,
                          "ended_early", (json_int_t)played->early);
    (void)json_object_set_new(c, "played", p);
    (void)json_dumpf(c, stdout, JSON_INDENT(2));
    (void)putchar('\n');
cleanup:
    json_decref(c);
    fg_str_fini(&predicted);
    return st;
}
