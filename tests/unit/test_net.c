/* The network against a double-precision one: losses, gradients of every layer by central differences, and
 * the same bits from all kernels and from the fused update. */
#include "tests/lib/test.h"

#include <stdlib.h>

#include "src/base/rng.h"
#include "src/model/layer.h"
#include "src/model/net.h"
#include "tests/lib/refnet.h"

enum { MAX_P = 6000, MAX_N = 6, MAX_WIDTH = 400, MAX_T = 8 };

struct sample_case {
    const char *layers;
    struct fg_model_input in;
    size_t n;
};

static const struct sample_case cases[] = {
    {"dense", {FG_INPUT_VECTOR, {5, 1, 1}, 3}, 4},
    {"dense 7; tanh; dense", {FG_INPUT_VECTOR, {5, 1, 1}, 3}, 5},
    {"flatten; dense 33; relu; dense 18; relu; dense", {FG_INPUT_IMAGE, {3, 5, 1}, 10}, 6},
    {"conv2d 3 kernel=3; relu; maxpool 2; flatten; dense", {FG_INPUT_IMAGE, {8, 7, 2}, 4}, 3},
    {"conv2d 5 kernel=3 stride=2 padding=same; tanh; conv2d 4 kernel=2; flatten; dense",
     {FG_INPUT_IMAGE, {8, 7, 3}, 4},
     3},
    {"conv2d 4 kernel=3; conv2d 3 kernel=3 stride=2; relu; flatten; dense",
     {FG_INPUT_IMAGE, {10, 9, 1}, 3},
     2},
    {"conv2d 2 kernel=1; conv2d 3 kernel=4 stride=3 padding=same; tanh; flatten; dense",
     {FG_INPUT_IMAGE, {7, 8, 1}, 3},
     3},
    {"conv2d 17 kernel=5 padding=same; maxpool size=3 stride=2; flatten; dropout 0.3; dense 6; relu; dropout "
     "0.5; "
     "dense",
     {FG_INPUT_IMAGE, {7, 6, 1}, 4},
     3},
    {"maxpool 2; relu; conv2d 16 kernel=2; relu; flatten; dense 9; tanh; relu; dense",
     {FG_INPUT_IMAGE, {8, 8, 2}, 3},
     2},
    {"embedding 3; dense", {FG_INPUT_TOKENS, {6, 1, 1}, 7}, 4},
    {"embedding 3; lstm 5; lstm 4; dense", {FG_INPUT_TOKENS, {6, 1, 1}, 7}, 4},
    {"embedding 4; tanh; lstm 18; dropout 0.4; dense 6; relu; dense", {FG_INPUT_TOKENS, {5, 1, 1}, 6}, 3},
    {"embedding 4; lstm 3; dense", {FG_INPUT_TOKENS, {1, 1, 1}, 5}, 3},
};

enum { CASES = sizeof cases / sizeof *cases };

/* Data and parameters of a case, as float and as double. */
struct sample {
    struct fg_model *m;
    size_t P, width, positions;
    float params[MAX_P], x[MAX_N * MAX_WIDTH];
    double dparams[MAX_P], dx[MAX_N * MAX_WIDTH];
    uint16_t y[MAX_N * MAX_T];
};

/* Of what a device would do the lists say nothing before there is one. */
static void every_kind_is_whole_and_stands_in_a_list(void **state)
{
    (void)state;
    for (size_t i = 0; fg_layer_kinds[i] != NULL; i++) {
        const struct fg_layer_ops *kind = fg_layer_kinds[i];
        size_t c = 0;
        if (kind->forward == NULL || kind->backward == NULL || kind->emit_forward == NULL ||
            kind->emit_backward == NULL) {
            fail_msg("'%s' lacks one of forward, backward, emit_forward, emit_backward", kind->name);
        }
        while (c < CASES && strstr(cases[c].layers, kind->name) == NULL) {
            c++;
        }
        if (c == CASES) {
            fail_msg("'%s' stands in no list of this test", kind->name);
        }
    }
}

static const struct fg_net_key key = {11, 3, 2, 5, 0};
static const struct ref_key rkey = {11, 3, 2, 5};

static void sample_init(struct sample *s, const struct sample_case *c)
{
    struct fg_err err;
    struct fg_rng rng;
    memset(s, 0, sizeof *s);
    if (fg_model_create(&s->m, c->layers, &c->in, "glorot_uniform", &err) != FG_OK) {
        fail_msg("%s: %s", c->layers, err.text);
    }
    bool tokens = c->in.kind == FG_INPUT_TOKENS;
    s->P = fg_model_params(s->m);
    s->width = (size_t)c->in.shape[0] * c->in.shape[1] * c->in.shape[2];
    s->positions = tokens ? c->in.shape[0] : 1;
    assert_true(s->P <= MAX_P && s->width <= MAX_WIDTH && c->n <= MAX_N && s->positions <= MAX_T);
    uint32_t at = 0;
    while (at < CASES && c != &cases[at]) {
        at++;
    }
    fg_rng_init(&rng, 5, FG_RNG_TEST, at, 0);
    for (size_t i = 0; i < s->P; i++) {
        s->params[i] = (float)(fg_rng_normal(&rng) * 0.3);
        s->dparams[i] = (double)s->params[i];
    }
    for (size_t i = 0; i < c->n * s->width; i++) {
        s->x[i] = tokens ? (float)fg_rng_below(&rng, c->in.classes) : (float)fg_rng_normal(&rng);
        s->dx[i] = (double)s->x[i];
    }
    for (size_t i = 0; i < c->n * s->positions; i++) {
        s->y[i] = (uint16_t)fg_rng_below(&rng, c->in.classes);
    }
}

/* A net that holds the sample's parameters and n of its samples from `first` on. */
static void load(struct fg_net *net, const struct sample *s, size_t first, size_t n)
{
    size_t ldx;
    float *x = fg_net_input(net, &ldx);
    assert_true(ldx >= s->width);
    memset(x, 0, n * ldx * sizeof *x);
    for (size_t b = 0; b < n; b++) {
        memcpy(x + b * ldx, s->x + (first + b) * s->width, s->width * sizeof *x);
    }
    memcpy(fg_net_labels(net), s->y + first * s->positions, n * s->positions * sizeof *s->y);
    fg_model_pack(s->m, fg_net_params(net), s->params);
}

static struct fg_net *net_in(const struct sample *s, const char *kernels, enum fg_arithmetic arithmetic,
                             size_t capacity)
{
    struct fg_net *net = NULL;
    struct fg_err err;
    const struct fg_kernels *k = fg_kernels_get(kernels, arithmetic);
    assert_non_null(k);
    assert_int_equal(fg_net_create(&net, s->m, k, capacity, &err), FG_OK);
    return net;
}

static struct fg_net *net_of(const struct sample *s, const char *kernels, size_t capacity)
{
    return net_in(s, kernels, FG_EXACT, capacity);
}

static void gradients_match_central_differences(void **state)
{
    (void)state;
    static struct sample s;
    for (size_t c = 0; c < CASES; c++) {
        const struct sample_case *k = &cases[c];
        sample_init(&s, k);
        size_t packed = fg_model_packed(s.m);
        struct fg_net *net = net_of(&s, "reference", k->n);
        float *grad = calloc(packed, sizeof *grad), *flat = calloc(s.P, sizeof *flat);
        load(net, &s, 0, k->n);
        double loss = fg_net_gradient(net, k->n, k->n, grad, &key) / (double)(k->n * s.positions);
        fg_model_unpack(s.m, flat, grad);
        fg_assert_close(loss, ref_loss(k->layers, &k->in, s.dparams, s.dx, s.y, k->n, &rkey, NULL), 2e-6);
        double largest = 0;
        for (size_t i = 0; i < s.P; i++) {
            largest = fmax(largest, fabs((double)flat[i]));
        }
        assert_true(largest > 1e-3);
        for (size_t i = 0; i < s.P; i++) {
            double w = s.dparams[i], h = 1e-6;
            s.dparams[i] = w + h;
            double up = ref_loss(k->layers, &k->in, s.dparams, s.dx, s.y, k->n, &rkey, NULL);
            s.dparams[i] = w - h;
            double down = ref_loss(k->layers, &k->in, s.dparams, s.dx, s.y, k->n, &rkey, NULL);
            s.dparams[i] = w;
            double want = (up - down) / (2 * h);
            if (!(fabs((double)flat[i] - want) <= 1e-6 + 2e-6 * largest)) {
                fail_msg("%s: gradient of parameter %zu of %zu is %g, central differences give %g", k->layers,
                         i, s.P, (double)flat[i], want);
            }
        }
        free(grad);
        free(flat);
        fg_net_destroy(net);
        fg_model_destroy(s.m);
    }
}

static void scores_match_the_double_network(void **state)
{
    (void)state;
    static struct sample s;
    for (size_t c = 0; c < CASES; c++) {
        const struct sample_case *k = &cases[c];
        sample_init(&s, k);
        struct fg_net *net = net_of(&s, "reference", MAX_N + 1);
        double loss[MAX_N + 1], sum = 0;
        uint32_t correct[MAX_N + 1], want = 0, got = 0;
        load(net, &s, 0, k->n);
        fg_net_score(net, k->n, loss, correct);
        for (size_t i = 0; i < k->n; i++) {
            sum += loss[i];
            got += correct[i];
        }
        fg_assert_close(sum / (double)(k->n * s.positions),
                        ref_loss(k->layers, &k->in, s.dparams, s.dx, s.y, k->n, NULL, &want), 2e-6);
        assert_int_equal(got, want);
        fg_net_destroy(net);
        fg_model_destroy(s.m);
    }
}

/* Three steps on kernels of that name; the parameters and the sum of losses come back. */
static double three_steps(const struct sample_case *k, const char *kernels, enum fg_arithmetic arithmetic,
                          float *params, size_t *P)
{
    static struct sample s;
    sample_init(&s, k);
    struct fg_net *net = net_in(&s, kernels, arithmetic, k->n);
    double loss = 0;
    for (uint32_t step = 0; step < 3; step++) {
        struct fg_net_key at = {1, 2, 3, step, 0};
        load(net, &s, 0, k->n);
        loss += fg_net_step(net, k->n, -0.1f, &at);
        fg_model_unpack(s.m, s.params, fg_net_params(net));
    }
    *P = s.P;
    memcpy(params, s.params, s.P * sizeof *params);
    fg_net_destroy(net);
    fg_model_destroy(s.m);
    return loss;
}

static void compare_kernels(const struct sample_case *k, enum fg_arithmetic arithmetic)
{
    static const char *const names[] = {"avx2", "avx512"};
    static float want[MAX_P], got[MAX_P];
    size_t P, n;
    double loss = three_steps(k, "reference", arithmetic, want, &P);
    for (size_t i = 0; i < 2; i++) {
        if (fg_kernels_get(names[i], arithmetic) != NULL) {
            double other = three_steps(k, names[i], arithmetic, got, &n);
            assert_int_equal(n, P);
            assert_memory_equal(got, want, P * sizeof *got);
            assert_memory_equal(&other, &loss, sizeof loss);
        }
    }
}

static void kernels_give_the_same_bits(void **state)
{
    (void)state;
    for (size_t c = 0; c < CASES; c++) {
        compare_kernels(&cases[c], FG_EXACT);
    }
}

/* Convolutions of many channels, which FG_BF16 is about. */
static const struct sample_case MANY_CHANNELS = {
    "conv2d 16 kernel=2; relu; conv2d 18 kernel=3 padding=same; relu; maxpool 2; flatten; dense",
    {FG_INPUT_IMAGE, {7, 8, 2}, 4},
    3};

static void bf16_has_the_same_bits_and_is_close(void **state)
{
    (void)state;
    static float exact[MAX_P], rounded[MAX_P];
    static struct sample s;
    size_t P;
    compare_kernels(&MANY_CHANNELS, FG_BF16);
    sample_init(&s, &MANY_CHANNELS);
    double loss = three_steps(&MANY_CHANNELS, "auto", FG_EXACT, exact, &P), moved = 0, apart = 0;
    fg_assert_close(three_steps(&MANY_CHANNELS, "auto", FG_BF16, rounded, &P), loss, 5e-2);
    for (size_t i = 0; i < P; i++) {
        moved += pow((double)exact[i] - (double)s.params[i], 2);
        apart += pow((double)exact[i] - (double)rounded[i], 2);
    }
    assert_true(apart > 0 && apart < 1e-3 * moved);
    fg_model_destroy(s.m);
}

static void fused_update_is_gradient_then_update(void **state)
{
    (void)state;
    static struct sample s;
    for (size_t c = 0; c < CASES; c++) {
        const struct sample_case *k = &cases[c];
        sample_init(&s, k);
        size_t packed = fg_model_packed(s.m);
        struct fg_net *net = net_of(&s, "auto", k->n), *other = net_of(&s, "auto", k->n);
        float *grad = calloc(packed, sizeof *grad);
        load(net, &s, 0, k->n);
        load(other, &s, 0, k->n);
        fg_net_step(net, k->n, -0.25f, &key);
        fg_net_gradient(other, k->n, k->n, grad, &key);
        for (size_t i = 0; i < packed; i++) {
            fg_net_params(other)[i] = fmaf(-0.25f, grad[i], fg_net_params(other)[i]);
        }
        assert_memory_equal(fg_net_params(net), fg_net_params(other), packed * sizeof *grad);
        free(grad);
        fg_net_destroy(net);
        fg_net_destroy(other);
        fg_model_destroy(s.m);
    }
}

static void padding_stays_zero(void **state)
{
    (void)state;
    static struct sample s;
    static float flat[MAX_P];
    for (size_t c = 0; c < CASES; c++) {
        const struct sample_case *k = &cases[c];
        sample_init(&s, k);
        struct fg_net *net = net_of(&s, "auto", k->n);
        size_t packed = fg_model_packed(s.m), zeros = 0, flat_zeros = 0;
        load(net, &s, 0, k->n);
        fg_net_step(net, k->n, -0.25f, &key);
        fg_model_unpack(s.m, flat, fg_net_params(net));
        for (size_t i = 0; i < packed; i++) {
            zeros += fg_net_params(net)[i] == 0.0f;
        }
        for (size_t i = 0; i < s.P; i++) {
            flat_zeros += flat[i] == 0.0f;
        }
        assert_int_equal(zeros - flat_zeros, packed - s.P);
        fg_net_destroy(net);
        fg_model_destroy(s.m);
    }
}

/* Without dropout (whose masks depend on the layout of a part) the gradients of parts add up. */
static void parts_of_a_batch_add_up(void **state)
{
    (void)state;
    static struct sample s;
    const struct sample_case *k = &cases[4];
    sample_init(&s, k);
    size_t packed = fg_model_packed(s.m);
    struct fg_net *net = net_of(&s, "auto", k->n);
    float *whole = calloc(3 * packed, sizeof *whole), *a = whole + packed, *b = a + packed;
    struct fg_net_key second = {11, 3, 2, 5, 1};
    load(net, &s, 0, k->n);
    double loss = fg_net_gradient(net, k->n, k->n, whole, &key);
    load(net, &s, 0, 1);
    double part = fg_net_gradient(net, 1, k->n, a, &key);
    load(net, &s, 1, k->n - 1);
    part += fg_net_gradient(net, k->n - 1, k->n, b, &second);
    fg_assert_close(part, loss, 1e-5);
    for (size_t i = 0; i < packed; i++) {
        fg_assert_close((double)a[i] + (double)b[i], (double)whole[i], 1e-6);
    }
    free(whole);
    fg_net_destroy(net);
    fg_model_destroy(s.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_whole_and_stands_in_a_list),
        cmocka_unit_test(gradients_match_central_differences),
        cmocka_unit_test(scores_match_the_double_network),
        cmocka_unit_test(kernels_give_the_same_bits),
        cmocka_unit_test(bf16_has_the_same_bits_and_is_close),
        cmocka_unit_test(fused_update_is_gradient_then_update),
        cmocka_unit_test(padding_stays_zero),
        cmocka_unit_test(parts_of_a_batch_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
