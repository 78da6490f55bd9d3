/* Rounds whose model stays on the device: updates are added up and the model moves there, to the bits of the
 * CPU's trainer and rule, and little else than the model goes over the bus. On the emulated device, and on
 * the CUDA device where there is one. */
#include "tests/lib/test.h"

#include "src/aggregator/rule.h"
#include "tests/lib/toydevice.h"

enum { ROUNDS = 5 };

static struct fg_dataset *images;
static struct fg_model *model;
static uint32_t *iota;
static size_t P;

static struct fg_rule *make(enum fg_averaging over)
{
    struct fg_rule_config cfg = {.params = P,
                                 .clients = 20,
                                 .total_samples = 1000.0,
                                 .weights = FG_WEIGHT_SAMPLES,
                                 .over = over,
                                 .lr = 0.7};
    struct fg_rule *r = NULL;
    assert_int_equal(fg_rule_create(&r, fg_rule_find("fedavg"), &cfg, NULL), FG_OK);
    return r;
}

/* Alike; so that their units differ a little, or by more than a double holds; and alike again. */
static double factor_of(unsigned round, size_t job)
{
    static const double base[ROUNDS] = {1.0, 0.2, 1e-13, 1e-6, 1.0};
    double f = 1.0;
    for (size_t k = 0; k < job; k++) {
        f *= base[round];
    }
    return f;
}

/* The update of a job that is done, if it has samples, goes into the rule; what held it is given back. */
static void fold(struct fg_rule *r, const struct fg_job *job, double factor)
{
    struct fg_stay *stay = job->stay;
    struct fg_hold *hold = stay != NULL ? &stay->hold : NULL;
    struct fg_rule_update u = {.delta = stay != NULL ? NULL : job->delta,
                               .form = stay != NULL ? &stay->form : NULL,
                               .hold = hold,
                               .client = job->task.client,
                               .samples = job->samples,
                               .steps = job->steps,
                               .lr = 0.1,
                               .factor = factor};
    if (job->n > 0) {
        assert_int_equal(fg_rule_fold(r, &u), FG_OK);
    }
    fg_hold_drop(hold);
}

/* The updates of a cohort from x, or from what is `at`, go into the rule; in the last round one of them must
 * come back. Shapes: deltas (TOY_JOBS, P). */
static enum fg_status one_round(struct fg_trainer *t, struct fg_rule *r, const float *x, struct fg_there at,
                                float *deltas, unsigned round, size_t *stayed)
{
    struct fg_job jobs[TOY_JOBS];
    *stayed = 0;
    toy_cohort(jobs, images, iota, x, deltas, P);
    for (size_t i = 0; i < TOY_JOBS; i++) {
        if (jobs[i].n > 0) { /* else its update, nothing, comes back */
            jobs[i].there = at;
            jobs[i].params = at.only ? NULL : x;
        }
        jobs[i].task.kind = FG_TASK_TRAIN;
        jobs[i].task.steps += jobs[i].task.steps == 0;
        jobs[i].may_stay = round + 1 < ROUNDS || i != 3;
    }
    enum fg_status st = fg_trainer_run(t, jobs, TOY_JOBS, NULL, NULL);
    for (size_t i = 0; i < TOY_JOBS && st == FG_OK; i++) {
        *stayed += jobs[i].stay != NULL;
        fold(r, &jobs[i], factor_of(round, i));
    }
    return st;
}

static void the_model_moves_on_the_device_to_the_same_bits(void **state)
{
    (void)state;
    const struct fg_local_opts ways[] = {{.batch = 5, .prox_mu = 0.1f},
                                         {.batch = 5}}; /* the second: in place */
    float *x = calloc((2 + TOY_JOBS) * P, sizeof *x), *y = x + P, *deltas = x + 2 * P;
    for (int over = FG_OVER_ACTIVE; over <= FG_OVER_ALL; over++) {
        struct fg_emulation how = toy_plain;
        how.shuffle = (uint32_t)over;
        const struct fg_local_opts *o = &ways[over == FG_OVER_ALL];
        struct fg_trainer *cpu = toy_trainer(model, o, 1, "auto"),
                          *dev = toy_on_device(model, o, FG_EXACT, how);
        struct fg_rule *a = make((enum fg_averaging)over), *b = make((enum fg_averaging)over);
        fg_model_init(model, 3, x);
        memcpy(y, x, P * sizeof *x);
        struct fg_there at = {0};
        for (unsigned round = 0; round < ROUNDS; round++) {
            struct fg_score by_cpu, by_dev;
            size_t stayed;
            assert_int_equal(one_round(cpu, a, x, (struct fg_there){0}, deltas, round, &stayed), FG_OK);
            assert_int_equal(stayed, 0);
            assert_int_equal(one_round(dev, b, y, at, deltas, round, &stayed), FG_OK);
            bool all = stayed == TOY_JOBS - 1; /* one has no samples */
            assert_int_equal(all, round + 1 < ROUNDS);
            if (round == 3) { /* who moves it knows better */
                assert_int_equal(fg_rule_bring(y, &at), FG_OK);
                at = (struct fg_there){0};
                x[7] = y[7] = 0.25f;
            }
            fg_rule_commit(a, x);
            assert_int_equal(fg_rule_settle(b, y, &at), FG_OK);
            assert_int_equal(b->moved.away != NULL, all);
            at = b->moved;
            fg_rule_commit(b, y);
            if (round != 1 && round != 4) { /* in some the host never sees it */
                struct fg_there gone = at;
                gone.number++;
                assert_int_equal(fg_rule_bring(y, &gone), FG_E_STALE);
                assert_int_equal(fg_rule_bring(y, &at), FG_OK);
            }
            assert_int_equal(at.only, round == 1);
            assert_int_equal(memcmp(x, y, P * sizeof *x) == 0, round != 1);
            assert_int_equal(fg_trainer_evaluate(cpu, x, &(struct fg_scoring){.data = images, .n = images->n},
                                                 &by_cpu, NULL, NULL),
                             FG_OK);
            assert_int_equal(fg_trainer_evaluate(dev, at.only ? NULL : y,
                                                 &(struct fg_scoring){.data = images, .n = images->n},
                                                 &by_dev, NULL, NULL),
                             FG_OK);
            assert_memory_equal(&by_cpu.loss, &by_dev.loss, sizeof by_cpu.loss);
        }
        fg_rule_destroy(a);
        fg_rule_destroy(b);
        fg_trainer_destroy(cpu);
        fg_trainer_destroy(dev);
    }
    free(x);
}

/* A round of n clients, from x: their updates go into the rule, on a device or not. */
static void large_round(struct fg_trainer *t, struct fg_rule *r, const float *x, size_t n)
{
    struct fg_job *jobs = calloc(n, sizeof *jobs);
    float *deltas = calloc(n * P, sizeof *deltas);
    for (size_t i = 0; i < n; i++) {
        jobs[i] = toy_job(images, iota + i % 60, 1 + (uint32_t)i % 7, 1, 0.1f, x, deltas + i * P);
        jobs[i].task.client = jobs[i].task.shard = (uint32_t)i;
        jobs[i].may_stay = true;
    }
    assert_int_equal(fg_trainer_run(t, jobs, n, NULL, NULL), FG_OK);
    for (size_t i = 0; i < n; i++) {
        fold(r, &jobs[i], i % 9 == 0 ? 1e-4 : 1.0);
    }
    free(jobs);
    free(deltas);
}

/* All that a byte tells apart move the model on the device; beyond that they are sums of so many. */
static void rounds_of_up_to_256_clients_move_the_model_there(void **state)
{
    (void)state;
    static const size_t of[] = {65, 256, 257};
    const struct fg_local_opts o = {.batch = 5};
    float *x = calloc(2 * P, sizeof *x), *y = x + P;
    const size_t n = toy_only_cuda() ? 1 : sizeof of / sizeof *of; /* more of them is the host's work */
    for (size_t i = 0; i < n; i++) {
        struct fg_trainer *cpu = toy_trainer(model, &o, 1, "auto"),
                          *dev = toy_on_device(model, &o, FG_EXACT, toy_plain);
        struct fg_rule *a = make(FG_OVER_ACTIVE), *b = make(FG_OVER_ACTIVE);
        struct fg_there at = {0};
        fg_model_init(model, 3, x);
        memcpy(y, x, P * sizeof *x);
        large_round(cpu, a, x, of[i]);
        large_round(dev, b, y, of[i]);
        fg_rule_commit(a, x);
        assert_int_equal(fg_rule_settle(b, y, &at), FG_OK);
        assert_int_equal(b->moved.away != NULL, of[i] <= 256);
        at = b->moved;
        fg_rule_commit(b, y);
        assert_int_equal(fg_rule_bring(y, &at), FG_OK);
        assert_memory_equal(x, y, P * sizeof *x);
        fg_rule_destroy(a);
        fg_rule_destroy(b);
        fg_trainer_destroy(cpu);
        fg_trainer_destroy(dev);
    }
    free(x);
}

/* From the second round on the model does not go over the bus, but when the host asks for it: then once. */
static void the_model_comes_back_only_when_asked_for(void **state)
{
    (void)state;
    const struct fg_local_opts o = {.batch = 5};
    const size_t lanes = TOY_JOBS - 1, blocks = (P + 1023) / 1024, bytes = P * sizeof(float);
    float *x = calloc((1 + TOY_JOBS) * P, sizeof *x);
    struct fg_rule *r = make(FG_OVER_ACTIVE);
    struct fg_there at = {0};
    struct fg_device *d;
    struct fg_trainer *t;
    assert_int_equal(fg_device_emulated(&d, &toy_plain, NULL), FG_OK);
    assert_int_equal(fg_trainer_create_device(&t, model, &o, 42, FG_EXACT, d, NULL), FG_OK);
    assert_int_equal(fg_trainer_device_keep(t, images, NULL), FG_OK);
    fg_model_init(model, 3, x);
    for (unsigned round = 0; round < 4; round++) {
        struct fg_device_traffic before = fg_device_emulated_traffic(d), after;
        struct fg_score score;
        size_t stayed;
        assert_int_equal(one_round(t, r, x, at, x + P, 0, &stayed), FG_OK);
        assert_int_equal(stayed, lanes);
        assert_int_equal(fg_rule_settle(r, x, &at), FG_OK);
        at = r->moved;
        fg_rule_commit(r, x);
        after = fg_device_emulated_traffic(d);
        assert_true(round == 0 ? after.to - before.to > 2 * bytes : after.to - before.to < bytes / 8);
        assert_int_equal(after.from - before.from, lanes * (blocks * sizeof(float) + sizeof(struct fg_lane)));
        for (int again = 0; again < 2 && round > 1; again++) {
            at.only = true;
            assert_int_equal(fg_rule_bring(x, &at), FG_OK);
        }
        before = after;
        after = fg_device_emulated_traffic(d);
        assert_int_equal(after.from - before.from, round > 1 ? bytes : 0);
        assert_int_equal(fg_trainer_evaluate(t, at.only ? NULL : x,
                                             &(struct fg_scoring){.data = images, .n = images->n}, &score,
                                             NULL, NULL),
                         FG_OK);
        before = after;
        after = fg_device_emulated_traffic(d);
        assert_true(after.to - before.to < bytes / 8);
    }
    fg_rule_destroy(r);
    fg_trainer_destroy(t);
    free(x);
}

/* Updates that must come back from a model that is only there; floats that are no longer there. */
static void floats_are_fetched_for_updates_that_come_back(void **state)
{
    (void)state;
    const struct fg_local_opts o = {.batch = 5};
    float *x = calloc((1 + 2 * TOY_JOBS) * P, sizeof *x), *got = x + P, *want = got + TOY_JOBS * P;
    struct fg_trainer *t = toy_on_device(model, &o, FG_EXACT, toy_plain);
    struct fg_rule *r = make(FG_OVER_ACTIVE);
    struct fg_there at = {0};
    size_t stayed;
    fg_model_init(model, 3, x);
    assert_int_equal(one_round(t, r, x, at, got, 0, &stayed), FG_OK);
    assert_int_equal(fg_rule_settle(r, x, &at), FG_OK);
    at = r->moved;
    fg_rule_commit(r, x);
    for (int fetched = 0; fetched < 2; fetched++) {
        struct fg_job jobs[TOY_JOBS];
        float *deltas = fetched == 0 ? got : want;
        toy_cohort(jobs, images, iota, x, deltas, P);
        for (size_t i = 0; i < TOY_JOBS; i++) {
            jobs[i].there = at;
            jobs[i].params = fetched == 0 ? NULL : x;
            jobs[i].may_stay = i == 1;
        }
        assert_int_equal(fg_trainer_run(t, jobs, TOY_JOBS, NULL, NULL), FG_OK);
        for (size_t i = 0; i < TOY_JOBS; i++) {
            fg_hold_drop(jobs[i].stay != NULL ? &jobs[i].stay->hold : NULL);
        }
        assert_int_equal(fg_rule_bring(x, &at), FG_OK);
    }
    assert_memory_equal(got, want, TOY_JOBS * P * sizeof *x);
    at = (struct fg_there){.away = at.away, .number = at.number + 1, .only = true};
    assert_int_equal(one_round(t, r, x, at, got, 0, &stayed), FG_E_STALE);
    fg_rule_destroy(r);
    fg_trainer_destroy(t);
    free(x);
}

/* Lost at whichever call: an error and the old model, or the new one. */
static void a_device_that_is_lost_moves_nothing(void **state)
{
    (void)state;
    const struct fg_local_opts o = {.batch = 5};
    float *x = calloc((3 + TOY_JOBS) * P, sizeof *x), *old = x + P, *want = x + 2 * P;
    unsigned lost = 0;
    bool done = false;
    fg_model_init(model, 3, old);
    for (uint32_t at = 0; !done; at++) { /* 0: never */
        struct fg_emulation how = toy_plain;
        struct fg_rule *r = make(FG_OVER_ACTIVE);
        struct fg_device *d;
        struct fg_trainer *t = NULL;
        struct fg_there here = {0};
        size_t stayed;
        how.fail_at = at;
        memcpy(x, old, P * sizeof *x);
        assert_int_equal(fg_device_emulated(&d, &how, NULL), FG_OK);
        enum fg_status st = fg_trainer_create_device(&t, model, &o, 42, FG_EXACT, d, NULL);
        st = st == FG_OK ? one_round(t, r, x, here, x + 3 * P, 0, &stayed) : st;
        if (st == FG_OK) {
            st = fg_rule_settle(r, x, &here);
            here = r->moved;
            st = st == FG_OK ? fg_rule_bring(x, &here) : st;
            lost += st == FG_E_IO;
        }
        if (st == FG_OK) {
            fg_rule_commit(r, x);
        }
        if (at == 0) {
            memcpy(want, x, P * sizeof *x);
        }
        assert_true(st == FG_OK || (at > 0 && st == FG_E_IO));
        assert_memory_equal(x, st == FG_OK ? want : old, P * sizeof *x);
        done = at > 0 && st == FG_OK;
        fg_rule_destroy(r);
        if (t != NULL) {
            fg_trainer_destroy(t);
        }
    }
    assert_true(lost >= 8); /* four pieces are allocated and put, the step, the model back */
    free(x);
}

int main(void)
{
    const struct CMUnitTest anywhere[] = {cmocka_unit_test(the_model_moves_on_the_device_to_the_same_bits),
                                          cmocka_unit_test(rounds_of_up_to_256_clients_move_the_model_there),
                                          cmocka_unit_test(floats_are_fetched_for_updates_that_come_back)};
    const struct CMUnitTest emulated[] = {
        cmocka_unit_test(the_model_comes_back_only_when_asked_for),
        cmocka_unit_test(a_device_that_is_lost_moves_nothing),
    };
    images = toy_images(70);
    iota = toy_iota(70);
    model = toy_model(images, "conv2d 6; relu; flatten; dense 48; relu; dense");
    P = fg_model_params(model);
    int failed = toy_emulated(anywhere) + toy_emulated(emulated);
    failed += toy_on_gpu(anywhere);
    fg_model_destroy(model);
    free(iota);
    toy_destroy(images);
    return failed;
}
