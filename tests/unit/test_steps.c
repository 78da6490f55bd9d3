/* Steps at the least cost: exhaustive search on small problems, and the published experiments. */
#include "tests/lib/test.h"

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/planner/steps.h"

/* Costs as a table (clients, width). */
struct table {
    const double *cost;
    uint32_t width;
};

static double from_table(const void *arg, uint32_t client, uint32_t x)
{
    const struct table *t = arg;
    assert_true(x < t->width);
    return t->cost[(size_t)client * t->width + x];
}

/* The least cost of giving `left` steps to clients i.. by trying everything. */
static double try_all(const struct fg_steps_problem *p, uint32_t i, uint32_t left)
{
    double best = INFINITY;
    if (i == p->clients) {
        return left == 0 ? 0 : INFINITY;
    }
    for (uint32_t x = p->lower[i]; x <= p->upper[i] && x <= left; x++) {
        best = fmin(best, p->cost(p->arg, i, x) + try_all(p, i + 1, left - x));
    }
    return best;
}

typedef enum fg_status method(uint32_t *, double *, const struct fg_steps_problem *, struct fg_err *);

/* Run and check the limits, the sum, and that the cost is that of x. */
static double run(method *m, const struct fg_steps_problem *p)
{
    uint32_t *x = calloc(p->clients, sizeof *x), sum = 0;
    double cost = NAN, again = 0;
    struct fg_err err = {""};
    if (m(x, &cost, p, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    for (uint32_t i = 0; i < p->clients; i++) {
        assert_in_range(x[i], p->lower[i], p->upper[i]);
        sum += x[i];
        again += p->cost(p->arg, i, x[i]);
    }
    assert_int_equal(sum, p->total);
    fg_assert_close(cost, again, 1e-12 * (1 + fabs(again)));
    free(x);
    return cost;
}

/* A random problem of up to 4 clients and 8 steps each whose marginal costs have the shape. */
struct small {
    double cost[4 * 9];
    uint32_t lower[4], upper[4];
    struct table table;
};

static struct fg_steps_problem draw(struct small *s, struct fg_rng *rng, enum fg_steps_shape shape)
{
    struct fg_steps_problem p = {.clients = 1 + fg_rng_below(rng, 4),
                                 .lower = s->lower,
                                 .upper = s->upper,
                                 .cost = from_table,
                                 .arg = &s->table};
    uint32_t low = 0, high = 0;
    s->table = (struct table){s->cost, 9};
    for (uint32_t i = 0; i < p.clients; i++) {
        double v = 5 * fg_rng_uniform(rng), slope = 3 + 5 * fg_rng_uniform(rng);
        for (uint32_t x = 0; x < 9; x++) {
            s->cost[9 * i + x] = v;
            double bend = fg_rng_uniform(rng);
            slope = shape == FG_STEPS_GROWING   ? slope + bend
                    : shape == FG_STEPS_FALLING ? slope * bend
                    : shape == FG_STEPS_ANY     ? 8 * bend - 2
                                                : slope;
            v += slope;
        }
        s->lower[i] = fg_rng_below(rng, 4);
        s->upper[i] = s->lower[i] + fg_rng_below(rng, 9 - s->lower[i]);
        low += s->lower[i];
        high += s->upper[i];
    }
    p.total = low + fg_rng_below(rng, high - low + 1);
    return p;
}

static void every_method_is_optimal_for_its_costs(void **state)
{
    (void)state;
    static method *const exact[] = {[FG_STEPS_CONSTANT] = fg_steps_marco,
                                    [FG_STEPS_GROWING] = fg_steps_marin,
                                    [FG_STEPS_FALLING] = fg_steps_mardec,
                                    [FG_STEPS_ANY] = fg_steps_mc2mkp};
    struct fg_rng rng;
    struct small s;
    uint64_t n = fg_test_iters(1200);
    size_t beaten = 0;
    fg_rng_init(&rng, fg_test_number("FG_TEST_SEED", 11), FG_RNG_TEST, 0, 0);
    for (uint64_t k = 0; k < n; k++) {
        enum fg_steps_shape shape = (enum fg_steps_shape)(k % 4);
        struct fg_steps_problem p = draw(&s, &rng, shape);
        double best = try_all(&p, 0, p.total), tolerance = 1e-9 * (1 + fabs(best));
        fg_assert_close(run(exact[shape], &p), best, tolerance);
        fg_assert_close(run(fg_steps_mc2mkp, &p), best, tolerance);
        fg_assert_close(run(fg_steps_plan, &p), best, tolerance);
        if (shape == FG_STEPS_CONSTANT) { /* the limiting case of all */
            fg_assert_close(run(fg_steps_marin, &p), best, tolerance);
            fg_assert_close(run(fg_steps_mardec, &p), best, tolerance);
        }
        beaten += run(fg_steps_marin, &p) > best + tolerance;
    }
    assert_true(beaten > 0); /* or the programme would not be needed */
}

static void shape_sees_how_marginal_costs_run(void **state)
{
    (void)state;
    const double cost[] = {0, 1, 3, 6, 9, 0, 5, 8, 10, 11};
    uint32_t lower[] = {0, 0}, upper[] = {4, 0};
    struct table t = {cost, 5};
    struct fg_steps_problem p = {.clients = 2, .lower = lower, .upper = upper, .cost = from_table, .arg = &t};
    assert_int_equal(fg_steps_shape(&p), FG_STEPS_GROWING);
    upper[1] = 4;
    assert_int_equal(fg_steps_shape(&p), FG_STEPS_ANY);
    upper[0] = 1;
    assert_int_equal(fg_steps_shape(&p), FG_STEPS_FALLING);
    upper[1] = 1;
    assert_int_equal(fg_steps_shape(&p), FG_STEPS_CONSTANT);
}

static void impossible_problems_are_refused(void **state)
{
    (void)state;
    static method *const all[] = {fg_steps_marin, fg_steps_marco, fg_steps_mardec, fg_steps_mc2mkp,
                                  fg_steps_plan};
    double cost[] = {0, 1, 2, 0, NAN, 2};
    uint32_t lower[] = {1, 0}, upper[] = {2, 2}, x[2] = {77, 77};
    struct table t = {cost, 3};
    for (size_t m = 0; m < sizeof all / sizeof all[0]; m++) {
        struct fg_steps_problem p = {
            .clients = 2, .total = 5, .lower = lower, .upper = upper, .cost = from_table, .arg = &t};
        double total = 77;
        struct fg_err err = {""};
        assert_int_equal(all[m](x, &total, &p, &err), FG_E_RANGE);
        assert_non_null(strstr(err.text, "allow 1 to 4 steps, wanted 5"));
        p.total = 0;
        assert_int_equal(all[m](x, &total, &p, &err), FG_E_RANGE);
        p.total = 3;
        if (all[m] != fg_steps_mardec && all[m] != fg_steps_plan) { /* which ask at the ends first */
            assert_int_equal(all[m](x, &total, &p, &err), FG_E_RANGE);
            assert_non_null(strstr(err.text, "client 1: the cost of 1 steps is nan"));
        }
        lower[0] = 3;
        assert_int_equal(all[m](x, &total, &p, &err), FG_E_RANGE);
        assert_non_null(strstr(err.text, "client 0: lower limit 3 above upper limit 2"));
        lower[0] = 1;
        assert_true(x[0] == 77 && x[1] == 77 && total == 77);
    }
}

static void methods_out_of_memory_give_nothing(void **state)
{
    (void)state;
    static method *const all[] = {fg_steps_marin, fg_steps_marco, fg_steps_mardec, fg_steps_mc2mkp};
    const double cost[] = {0, 1, 2, 0, 3, 4};
    const uint32_t lower[] = {0, 0}, upper[] = {2, 2};
    struct table t = {cost, 3};
    struct fg_steps_problem p = {
        .clients = 2, .total = 3, .lower = lower, .upper = upper, .cost = from_table, .arg = &t};
    for (size_t m = 0; m < 4; m++) {
        enum fg_status st = FG_E_NOMEM;
        long n = 0;
        for (; st == FG_E_NOMEM; n++) {
            uint32_t x[2] = {77, 77};
            double total = 77;
            long left = n;
            fg_mem_set_hook(fg_fail_nth, &left);
            st = all[m](x, &total, &p, NULL);
            fg_mem_set_hook(NULL, NULL);
            assert_true((st == FG_OK) == (x[0] != 77) && (st == FG_OK) == (total != 77));
        }
        assert_int_equal(st, FG_OK);
        assert_true(n > 2);
    }
}

/* MT19937 with init_genrand, and doubles of 53 bits, as numpy.random.seed and uniform use them. */
struct mt {
    uint32_t s[624];
    unsigned at;
};

static void mt_seed(struct mt *m, uint32_t seed)
{
    m->s[0] = seed;
    for (uint32_t i = 1; i < 624; i++) {
        m->s[i] = 1812433253U * (m->s[i - 1] ^ m->s[i - 1] >> 30) + i;
    }
    m->at = 624;
}

static uint32_t mt_next(struct mt *m)
{
    if (m->at == 624) {
        for (unsigned k = 0; k < 624; k++) {
            uint32_t y = (m->s[k] & 0x80000000U) | (m->s[(k + 1) % 624] & 0x7fffffffU);
            m->s[k] = m->s[(k + 397) % 624] ^ y >> 1 ^ ((y & 1) != 0 ? 0x9908b0dfU : 0);
        }
        m->at = 0;
    }
    uint32_t y = m->s[m->at++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680U;
    y ^= y << 15 & 0xefc60000U;
    return y ^ y >> 18;
}

static double mt_uniform(struct mt *m)
{
    uint32_t a = mt_next(m) >> 5, b = mt_next(m) >> 6;
    return (a * 67108864.0 + b) / 9007199254740992.0;
}

enum form { LINEAR = 100, N_LOG_N = 200, LOG_N = 300, RANDOM = 400 }; /* the seed of the first client */

/* The experiments of pilla23: lower limit 5, upper limit 2T/n for the second half. */
static struct fg_steps_problem published(struct table *t, enum form form, uint32_t n, uint32_t total)
{
    uint32_t width = total + 1, *limits = calloc(2 * (size_t)n, sizeof *limits);
    double *cost = calloc((size_t)n * width, sizeof *cost);
    struct mt m;
    for (uint32_t i = 0; i < n; i++) {
        mt_seed(&m, (uint32_t)form + i);
        double a = 0, b = 0;
        if (form != RANDOM) {
            a = 1 + 9 * mt_uniform(&m);
            b = 1 + 9 * mt_uniform(&m);
        }
        for (uint32_t x = 0; x < width; x++) {
            double *v = &cost[(size_t)i * width + x];
            switch (form) {
            case LINEAR:
                *v = a + b * x;
                break;
            case N_LOG_N:
                *v = a + b * x * log(x + 1.0);
                break;
            case LOG_N:
                *v = a + b * log(x + 1.0);
                break;
            case RANDOM: /* the longest of the experiments has 5001 */
                *v = 5001 * mt_uniform(&m);
            }
        }
        limits[i] = 5;
        limits[n + i] = i < n / 2 ? total : 2 * total / n;
    }
    *t = (struct table){cost, width};
    return (struct fg_steps_problem){
        .clients = n, .total = total, .lower = limits, .upper = limits + n, .cost = from_table, .arg = t};
}

static void discard(const struct fg_steps_problem *p, const struct table *t)
{
    free((void *)(uintptr_t)p->lower);
    free((void *)(uintptr_t)t->cost);
}

static double uniform(const struct fg_steps_problem *p)
{
    double sum = 0;
    for (uint32_t i = 0; i < p->clients; i++) {
        sum += p->cost(p->arg, i, p->total / p->clients);
    }
    return sum;
}

static void costs_are_those_published(void **state)
{
    (void)state;
    struct table t;
    struct fg_steps_problem p = published(&t, N_LOG_N, 10, 1000);
    assert_int_equal(fg_steps_shape(&p), FG_STEPS_GROWING);
    fg_assert_close(run(fg_steps_mc2mkp, &p), 16504.237737297, 1e-6);
    fg_assert_close(run(fg_steps_marin, &p), 16504.237737297, 1e-6);
    fg_assert_close(uniform(&p), 22815.316222719, 1e-6);
    discard(&p, &t);

    p = published(&t, N_LOG_N, 100, 5000);
    fg_assert_close(run(fg_steps_marin, &p), 54278.690283650, 1e-6);
    fg_assert_close(run(fg_steps_mc2mkp, &p), 54278.690283650, 1e-6);
    fg_assert_close(uniform(&p), 106894.912111139, 1e-6);
    discard(&p, &t);

    p = published(&t, LINEAR, 10, 1000);
    assert_int_equal(fg_steps_shape(&p), FG_STEPS_CONSTANT);
    fg_assert_close(run(fg_steps_marco, &p), 2486.498916533, 1e-6);
    fg_assert_close(run(fg_steps_mc2mkp, &p), 2486.498916533, 1e-6);
    discard(&p, &t);

    p = published(&t, LOG_N, 10, 1000);
    assert_int_equal(fg_steps_shape(&p), FG_STEPS_FALLING);
    fg_assert_close(run(fg_steps_mardec, &p), 191.836612313, 1e-6);
    fg_assert_close(run(fg_steps_mc2mkp, &p), 191.836612313, 1e-6);
    discard(&p, &t);

    p = published(&t, RANDOM, 10, 1000);
    assert_int_equal(fg_steps_shape(&p), FG_STEPS_ANY);
    fg_assert_close(run(fg_steps_mc2mkp, &p), 219.122694, 1e-6);
    fg_assert_close(run(fg_steps_plan, &p), 219.122694, 1e-6);
    fg_assert_close(run(fg_steps_marin, &p), 8379.518807, 1e-6);
    discard(&p, &t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_is_optimal_for_its_costs),
        cmocka_unit_test(shape_sees_how_marginal_costs_run),
        cmocka_unit_test(impossible_problems_are_refused),
        cmocka_unit_test(methods_out_of_memory_give_nothing),
        cmocka_unit_test(costs_are_those_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
