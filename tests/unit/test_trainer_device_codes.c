/* Updates that a device trainer hands out as the codes of their codec: the messages of the CPU. On the
 * emulated device, and then on the CUDA device where there is one. */
#include "tests/lib/test.h"

#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

#include "tests/lib/toydevice.h"

/* A task's message, by floats or by codes that its device drew. */
struct message {
    const struct fg_codec *codec;
    struct fg_codec_opts coding;
    size_t P, len;
    uint8_t *bytes, *codes;
    bool coded;
};

static enum fg_status make_message(struct fg_job *job, void *arg)
{
    struct message *m = arg;
    struct fg_codec_ws ws = {.opts = m->coding, .shard = job->task.shard, .number = job->task.number};
    size_t cap = m->codec->bound(&m->coding, m->P);
    m->coded = job->coded;
    enum fg_status st = job->coded ? m->codec->pack(&ws, m->bytes, cap, &m->len, m->codes, m->P)
                                   : m->codec->encode(&ws, m->bytes, cap, &m->len, job->delta, m->P);
    fg_codec_ws_fini(&ws);
    return st;
}

static void make_messages(struct message *m, const struct fg_codec *codec, struct fg_codec_opts coding,
                          size_t P, struct fg_job *jobs)
{
    for (size_t i = 0; i < TOY_JOBS; i++) {
        m[i] = (struct message){.codec = codec, .coding = coding, .P = P};
        m[i].bytes = calloc(codec->bound(&coding, P), 1);
        m[i].codes = codec == &fg_codec_int8 ? m[i].bytes : calloc(fg_codec_codes(&coding, P), 1);
        jobs[i].finish = jobs[i].task.kind != FG_TASK_EVALUATE ? make_message : NULL;
        jobs[i].finish_arg = &m[i];
    }
}

static void drop_messages(struct message *m)
{
    for (size_t i = 0; i < TOY_JOBS; i++) {
        free(m[i].codes != m[i].bytes ? m[i].codes : NULL);
        free(m[i].bytes);
    }
}

/* The messages of a cohort from a device are those of the CPU. first: a parameter of the start. */
static void expect_codes(const struct fg_codec *codec, const struct fg_local_opts *o,
                         const struct fg_emulation *how, float first, size_t want)
{
    struct fg_dataset *d = toy_images(70);
    uint32_t *index = toy_iota(70);
    struct fg_model *m = toy_model(d, "conv2d 6; relu; flatten; dense 9; relu; dense");
    size_t P = fg_model_params(m), layer[TOY_LAYERS], coded = 0;
    const struct fg_codec_opts coding = toy_coding(m, layer);
    const struct fg_rounded levels = {codec->levels, coding.layer, coding.layers};
    float *w = calloc((2 * TOY_JOBS + 1) * P, sizeof *w);
    struct fg_job cpu[TOY_JOBS], dev[TOY_JOBS];
    struct message a[TOY_JOBS], b[TOY_JOBS];
    struct fg_train_state states[TOY_JOBS] = {{0}}; /* as workers ask for them, too */
    struct fg_trainer *t = toy_trainer(m, o, 1, "auto"), *u = toy_on_device(m, o, FG_EXACT, *how);
    fg_model_init(m, 3, w);
    w[0] = isfinite(first) ? w[0] : first;
    toy_cohort(cpu, d, index, w, w + P, P);
    toy_cohort(dev, d, index, w, w + (TOY_JOBS + 1) * P, P);
    make_messages(a, codec, coding, P, cpu);
    make_messages(b, codec, coding, P, dev);
    for (size_t i = 0; i < TOY_JOBS; i++) {
        dev[i].levels = &levels;
        dev[i].codes = b[i].codes;
        dev[i].state = &states[i];
    }
    toy_run(t, cpu, TOY_JOBS);
    for (int turn = 0; turn < 2; turn++) {
        coded = 0;
        toy_run(u, dev, TOY_JOBS);
        for (size_t i = 0; i < TOY_JOBS; i++) {
            coded += b[i].coded;
            assert_int_equal(a[i].len, b[i].len);
            assert_memory_equal(a[i].bytes, b[i].bytes, a[i].len);
            assert_true(!isfinite(first) || memcmp(&cpu[i].loss, &dev[i].loss, sizeof cpu[i].loss) == 0);
        }
        assert_true(toy_cuda || coded == want);
    }
    drop_messages(a);
    drop_messages(b);
    fg_trainer_destroy(t);
    fg_trainer_destroy(u);
    free(w);
    free(index);
    fg_model_destroy(m);
    toy_destroy(d);
}

static void updates_that_are_sent_are_the_codes_of_their_codec(void **state)
{
    (void)state;
    static const struct fg_codec *const codecs[] = {&fg_codec_int8, &fg_codec_int4, &fg_codec_int8_range,
                                                    &fg_codec_int4_range};
    const size_t all = TOY_JOBS - 3; /* two evaluations, an empty shard */
    for (size_t k = 0; k < 8; k++) {
        struct fg_emulation how = toy_plain;
        how.resident = k < 4;
        how.shuffle = (uint32_t)k;
        expect_codes(codecs[k % 4], &toy_ways[k % 4], &how, 0.0f, all);
        expect_codes(codecs[k % 4], &toy_ways[k % 4], &how, NAN, all);
        how.memory_bytes = 600000; /* several waves, without room for updates beside them */
        expect_codes(codecs[k % 4], &toy_ways[k % 4], &how, 0.0f, 0);
    }
}

static atomic_int rung;

static void ring(int number)
{
    (void)number;
    rung = 1;
}

/* Tasks whose codes are wanted, stopped in the middle: there are none, and the states go on to the same end.
 * `whole`: what they come to. */
static void expect_states_instead_of_codes(struct fg_trainer *dev, struct fg_trainer *cpu,
                                           const struct fg_job *whole, size_t P)
{
    const size_t layer[] = {P};
    const struct fg_rounded levels = {127, layer, 1};
    uint8_t *codes = calloc(4 + P, 1);
    const struct itimerval soon = {.it_value.tv_usec = 40000};
    struct fg_train_state s = {0};
    struct fg_job job = *whole, rest = *whole;
    job.levels = &levels;
    job.codes = codes;
    job.state = &s;
    job.step_us = 10000; /* 120 ms in all */
    rung = 0;
    (void)signal(SIGALRM, ring);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    float *delta = calloc(P, sizeof *delta);
    job.delta = rest.delta = delta;
    enum fg_status st = fg_trainer_run(dev, &job, 1, &rung, NULL);
    if (st == FG_OK) { /* this machine looked away for so long */
        assert_true(job.coded);
    } else {
        assert_int_equal(st, FG_E_INTERRUPTED);
        assert_false(job.coded);
        assert_in_range(s.steps, 0, 11);
        rest.resume = &s;
        toy_run(cpu, &rest, 1);
        assert_memory_equal(rest.delta, whole->delta, P * sizeof *delta);
    }
    fg_train_state_fini(&s);
    free(delta);
    free(codes);
}

static void tasks_that_are_stopped_have_a_state_and_no_codes(void **state)
{
    (void)state;
    const struct fg_local_opts o = {.batch = 5, .momentum = 0.9f, .prox_mu = 0.1f};
    struct fg_dataset *d = toy_images(70);
    uint32_t *index = toy_iota(70);
    struct fg_model *m = toy_model(d, "conv2d 3; relu; flatten; dropout 0.5; dense");
    size_t P = fg_model_params(m);
    float *w = calloc(2 * P, sizeof *w);
    fg_model_init(m, 3, w);
    struct fg_trainer *cpu = toy_trainer(m, &o, 1, "auto"), *dev = toy_on_device(m, &o, FG_EXACT, toy_plain);
    struct fg_job whole = toy_job(d, index, 23, 12, 0.1f, w, w + P);
    toy_run(cpu, &whole, 1);
    expect_states_instead_of_codes(dev, cpu, &whole, P);
    fg_trainer_destroy(cpu);
    fg_trainer_destroy(dev);
    free(w);
    free(index);
    fg_model_destroy(m);
    toy_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_that_are_sent_are_the_codes_of_their_codec),
        cmocka_unit_test(tasks_that_are_stopped_have_a_state_and_no_codes),
    };
    int failed = toy_emulated(tests);
    toy_cuda = fg_cuda_device_count() > 0;
    if (!toy_cuda) {
        printf("skip - the same on a CUDA device (there is none)\n");
    }
    return failed + (toy_cuda ? cmocka_run_group_tests(tests, NULL, NULL) : 0);
}
