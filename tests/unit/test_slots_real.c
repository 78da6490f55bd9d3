/* The carbon scheduler on three zones of 2020: the published and the calibrated figures. */
#include "tests/lib/test.h"

#include <unistd.h>

#include "src/availability/carbon.h"
#include "src/planner/slots.h"

/* The zones of the paper's figures that are at hand: $FORAGE_DATA or ../shared/data beside
 * the source folder. */
static const char *const zone[] = {"FR", "GB", "DE"};

static struct fg_carbon *load(const char *name)
{
    char path[1200];
    const char *source = getenv("FG_SRCDIR"), *data = getenv("FORAGE_DATA");
    struct fg_carbon *c = NULL;
    struct fg_err err = {""};
    snprintf(path, sizeof path, "%s/traces/carbon/%s_2020.csv.gz", data != NULL ? data : "/nonexistent",
             name);
    if (access(path, R_OK) != 0) {
        snprintf(path, sizeof path, "%s/../shared/data/traces/carbon/%s_2020.csv.gz",
                 source != NULL ? source : ".", name);
    }
    if (access(path, R_OK) != 0) {
        print_message("skipped: %s is not there; set FORAGE_DATA to the folder that holds traces/carbon\n",
                      path);
        return NULL;
    }
    if (fg_carbon_load(&c, path, NULL, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    return c;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What waiting saves: 1 - (sum of the cheapest `need` of need + slack hours) / (sum of the first `need`). */
static double saving(const double *grams, size_t need, size_t slack)
{
    double sorted[336], first = 0, cheapest = 0;
    assert_true(need + slack <= sizeof sorted / sizeof *sorted);
    memcpy(sorted, grams, (need + slack) * sizeof *sorted);
    qsort(sorted, need + slack, sizeof *sorted, by_size);
    for (size_t i = 0; i < need; i++) {
        first += grams[i];
        cheapest += sorted[i];
    }
    return 1 - cheapest / first;
}

static void slack_of_three_zones_is_that_of_figure_2(void **state)
{
    (void)state;
    static const struct {
        size_t slack;
        double percent[3];
    } want[] = {{20, {4.90, 6.99, 6.74}}, {68, {11.89, 16.79, 16.35}}, {236, {23.07, 31.74, 31.28}}};
    for (size_t z = 0; z < 3; z++) {
        struct fg_carbon *c = load(zone[z]);
        if (c == NULL) {
            skip();
        }
        for (size_t k = 0; k < 3; k++) {
            double sum = 0;
            size_t starts = c->hours - 100 - want[k].slack + 1;
            for (size_t s = 0; s < starts; s++) {
                sum += saving(c->g_per_kwh + s, 100, want[k].slack);
            }
            print_message("slack %zu h, %s: %.3f %%\n", want[k].slack, zone[z], 100 * sum / (double)starts);
            fg_assert_close(100 * sum / (double)starts, want[k].percent[z], 0.02);
        }
        fg_carbon_destroy(c);
    }
}

static void schedules_of_three_zones_are_those_calibrated(void **state)
{
    (void)state;
    static const struct {
        double share, alpha;
        uint32_t count[3];
    } want[] = {{0.2, 1, {94, 0, 0}},
                {0.2, 0.5, {62, 10, 5}},
                {0.2, 0.1, {38, 14, 10}},
                {0.2, 1e-3, {35, 14, 11}},
                {0.6, 0.1, {100, 37, 28}}};
    double grams[300], full = 0;
    struct fg_err err = {""};
    for (size_t z = 0; z < 3; z++) {
        struct fg_carbon *c = load(zone[z]);
        if (c == NULL) {
            skip();
        }
        assert_int_equal(c->start_s, 1577836800); /* 2020-01-01 */
        for (size_t t = 0; t < 100; t++) {
            grams[100 * z + t] = 0.3 * c->g_per_kwh[t];
            full += t < 50 ? grams[100 * z + t] : 0;
        }
        fg_carbon_destroy(c);
    }
    fg_assert_close(full / 1000, 8.5843, 5e-5);
    for (size_t k = 0; k < 5; k++) {
        struct fg_slots_problem p = {.clients = 3,
                                     .slots = 100,
                                     .grams = grams,
                                     .budget_g = want[k].share * full,
                                     .alpha = want[k].alpha};
        struct fg_slots_plan *plan = NULL;
        assert_int_equal(fg_slots_solve(&plan, &p, &err), FG_OK);
        print_message("%.0f %%, alpha %g: %u %u %u, gap %.4f %%\n", 100 * want[k].share, want[k].alpha,
                      plan->count[0], plan->count[1], plan->count[2], 100 * fg_slots_gap(plan));
        for (size_t z = 0; z < 3; z++) {
            assert_int_equal(plan->count[z], want[k].count[z]);
        }
        assert_true(plan->spent_g <= p.budget_g && fg_slots_gap(plan) <= 0.011);
        fg_slots_plan_destroy(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slack_of_three_zones_is_that_of_figure_2),
        cmocka_unit_test(schedules_of_three_zones_are_those_calibrated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
