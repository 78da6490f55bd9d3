/* Shares of a mixture and of what it mixes: they begin at the prior, go to whoever is right more often than
 * chance allows, and come back when it no longer is. */
#include "tests/lib/test.h"
#include "src/base/rng.h"
#include "src/forecast/contest.h"

enum { MEMBERS = 3, DAY = 24 };
static const double prior[MEMBERS] = {0.5, 0.3, 0.2};

/* Days in which the mixture errs by .2, and member k by error[k] and noise of that size. */
static void days(struct fg_contest *c, int n, const double *error, double noise, struct fg_rng *r)
{
    for (int h = 0; h < n * DAY; h++) {
        double e[MEMBERS];
        for (size_t k = 0; k < MEMBERS; k++) {
            e[k] = error[k] + noise * (fg_rng_uniform(r) - 0.5);
        }
        fg_contest_hour(c, e, 0.2);
    }
}

static double sum(const struct fg_contest *c)
{
    return c->share_mixture + c->share[0] + c->share[1] + c->share[2];
}

static void it_begins_at_the_prior_and_moves_at_the_end_of_a_day(void **state)
{
    (void)state;
    struct fg_contest c;
    struct fg_rng r;
    fg_rng_init(&r, 1, FG_RNG_TEST, 71, 0);
    fg_contest_init(&c, prior, MEMBERS, 0.988);
    for (size_t k = 0; k < MEMBERS; k++) {
        fg_assert_close(c.share[k], (1.0 - FG_CONTEST_MIXTURE) * prior[k], 1e-12);
    }
    for (int h = 0; h < DAY - 1; h++) {
        fg_contest_hour(&c, (double[]){0.1, 0.2, 0.3}, 0.2);
        fg_assert_close(c.share_mixture, FG_CONTEST_MIXTURE, 1e-12);
    }
    fg_contest_hour(&c, (double[]){0.1, 0.2, 0.3}, 0.2); /* one day: gain |gain| / square = 1, 0, -1 */
    double odds = c.share[0] / c.share_mixture,
           before = (1.0 - FG_CONTEST_MIXTURE) * prior[0] / FG_CONTEST_MIXTURE;
    fg_assert_close(odds / before, 2.718281828459045, 1e-9);
    fg_assert_close(c.share[2] / c.share[1] * prior[1] / prior[2], 0.36787944117144233, 1e-9);
    fg_assert_close(sum(&c), 1.0, 1e-12);
}

/* Ten days wrong, then right: the mixture that was fitted to all of it is left within as many days. */
static void who_has_learnt_is_followed(void **state)
{
    (void)state;
    struct fg_contest c;
    struct fg_rng r;
    fg_rng_init(&r, 1, FG_RNG_TEST, 72, 0);
    fg_contest_init(&c, prior, MEMBERS, 0.988);
    days(&c, 10, (double[]){0.3, 0.3, 0.3}, 0.05, &r);
    assert_true(c.share_mixture > 0.99);
    days(&c, 20, (double[]){0.3, 0.15, 0.3}, 0.05, &r);
    assert_true(c.share[1] > 0.9);
    days(&c, 30, (double[]){0.3, 0.25, 0.3}, 0.05, &r); /* and no longer */
    assert_true(c.share_mixture > 0.9);
    fg_assert_close(sum(&c), 1.0, 1e-12);
}

/* Members that are as good as the mixture but for noise: it keeps the larger share in most contests. */
static void chance_is_not_followed(void **state)
{
    (void)state;
    int kept = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct fg_contest c;
        struct fg_rng r;
        fg_rng_init(&r, seed, FG_RNG_TEST, 73, 0);
        fg_contest_init(&c, prior, MEMBERS, 0.988);
        days(&c, 60, (double[]){0.2, 0.2, 0.2}, 0.2, &r);
        kept += c.share_mixture > 0.5;
    }
    assert_in_range(kept, 60, 100);
}

static void extremes_are_numbers(void **state)
{
    (void)state;
    struct fg_contest c;
    fg_contest_init(&c, prior, MEMBERS, 1.0);
    for (int h = 0; h < 5000 * DAY; h++) {
        fg_contest_hour(&c, (double[]){0.0, 1.0, 0.5}, 0.5);
    }
    assert_true(c.share[0] > 0.999999 && c.share[1] >= 0.0 && c.share_mixture >= 0.0);
    fg_assert_close(sum(&c), 1.0, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_at_the_prior_and_moves_at_the_end_of_a_day),
        cmocka_unit_test(who_has_learnt_is_followed),
        cmocka_unit_test(chance_is_not_followed),
        cmocka_unit_test(extremes_are_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
