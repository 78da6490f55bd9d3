/* Work in parts: every part once, by hands that are threads of their own; exact sums by them. */
#include "tests/lib/test.h"

#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "src/aggregator/exact.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/base/spread.h"

enum { PARTS = 1000, HANDS = 7 };

struct count {
    atomic_int taken[PARTS];
    struct {
        size_t n; /* by one thread only */
        pthread_t who;
    } hand[HANDS];
};

static void take(void *arg, size_t hand, size_t i)
{
    struct count *c = arg;
    atomic_fetch_add(&c->taken[i], 1);
    if (c->hand[hand].n++ == 0) {
        c->hand[hand].who = pthread_self();
    }
    assert_true(pthread_equal(c->hand[hand].who, pthread_self()));
}

static void every_part_is_taken_once(void **state)
{
    (void)state;
    static const size_t parts[] = {0, 1, 2, 6, PARTS};
    for (size_t hands = 0; hands <= HANDS; hands++) {
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
            static struct count c;
            c = (struct count){0};
            assert_int_equal(fg_spread(hands, parts[k], take, &c), FG_OK);
            size_t sum = 0;
            for (size_t i = 0; i < PARTS; i++) {
                assert_int_equal(atomic_load(&c.taken[i]), i < parts[k]);
            }
            for (size_t h = 0; h < HANDS; h++) {
                assert_true(c.hand[h].n == 0 || h < (hands > 0 ? hands : 1));
                sum += c.hand[h].n;
            }
            assert_int_equal(sum, parts[k]);
        }
    }
}

/* Each of two parts is over when the other has begun. */
struct meeting {
    sem_t here[2];
    bool missed[2];
};

static void meet(void *arg, size_t hand, size_t i)
{
    struct meeting *m = arg;
    struct timespec until;
    (void)hand;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    sem_post(&m->here[i]);
    m->missed[i] = sem_timedwait(&m->here[1 - i], &until) != 0;
}

static void parts_are_worked_on_at_once(void **state)
{
    (void)state;
    struct meeting m = {0};
    sem_init(&m.here[0], 0, 0);
    sem_init(&m.here[1], 0, 0);
    assert_int_equal(fg_spread(2, 2, meet, &m), FG_OK);
    assert_false(m.missed[0] || m.missed[1]);
    sem_destroy(&m.here[0]);
    sem_destroy(&m.here[1]);
}

/* So many values that it is worth several threads. */
static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    enum { LONG = 40 * FG_EXACT_BLOCK + 77, TERMS = 32 };
    float *y = fg_calloc((size_t)TERMS * LONG, sizeof *y);
    double *got = fg_calloc(2 * LONG, sizeof *got);
    struct fg_exact_term term[TERMS];
    struct fg_rng r;
    assert_true(y != NULL && got != NULL);
    fg_rng_init(&r, 9, FG_RNG_TEST, 0, 0);
    for (size_t k = 0; k < TERMS; k++) {
        float size = exp2f((float)(fg_rng_u64(&r) % 60) - 30.0f);
        for (size_t i = 0; i < LONG; i++) {
            y[k * LONG + i] = (float)(fg_rng_uniform(&r) - 0.5) * size;
        }
        term[k] = fg_exact_floats(k == 17 ? 2.0 : 1.0 + (double)k / 7.0, y + k * LONG);
    }
    y[17 * LONG + 30 * FG_EXACT_BLOCK] = 8.0f;
    for (size_t hands = 1; hands <= 50; hands = 2 * hands + 1) {
        struct fg_exact *e = NULL;
        assert_int_equal(fg_exact_create(&e, LONG), FG_OK);
        fg_exact_spread(e, hands, fg_spread);
        assert_int_equal(fg_exact_add(e, term, TERMS), FG_OK);
        assert_int_equal(fg_exact_add(e, term + 3, 2), FG_OK);
        fg_exact_read(e, hands == 1 ? got : got + LONG);
        assert_true(hands == 1 || memcmp(got, got + LONG, LONG * sizeof *got) == 0);
        fg_exact_clear(e);
        term[17].weight = 0x1p1023;
        assert_int_equal(fg_exact_add(e, term, TERMS), FG_E_RANGE);
        term[17].weight = 2.0;
        fg_exact_destroy(e);
    }
    fg_free(y);
    fg_free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_taken_once),
        cmocka_unit_test(parts_are_worked_on_at_once),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
