/* The layer list: shapes, sizes published elsewhere, errors that name the layer; initialisation. */
#include "tests/lib/test.h"

#include <stdlib.h>

#include "src/config/option.h"
#include "src/model/model.h"
#include "src/model/net.h"

static const struct fg_model_input mnist = {FG_INPUT_IMAGE, {28, 28, 1}, 10};
static const struct fg_model_input cifar = {FG_INPUT_IMAGE, {32, 32, 3}, 10};
static const struct fg_model_input text80 = {FG_INPUT_TOKENS, {80, 1, 1}, 80};

static struct fg_model *make(const char *layers, const struct fg_model_input *in, const char *init)
{
    struct fg_model *m = NULL;
    struct fg_err err = {""};
    if (fg_model_create(&m, layers, in, init, &err) != FG_OK) {
        fail_msg("%s: %s", layers, err.text);
    }
    return m;
}

static void shorthands_have_the_published_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const struct fg_model_input *in;
        size_t P;
    } want[] = {
        {"softmax", &mnist, 7850},        {"2nn", &mnist, 199210},      /* McMahan et al. 2017 */
        {"mcmahan_cnn", &mnist, 1663370},                               /* McMahan et al. 2017 */
        {"lenet5", &cifar, 62006},        {"pfl_cnn", &cifar, 1626442}, /* pfl-research 0.5.1 */
        {"char_lstm", &text80, 817872},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct fg_model *m = make(want[i].name, want[i].in, NULL);
        assert_int_equal(fg_model_params(m), want[i].P);
        /* The canonical spelling builds the same model. */
        struct fg_model *again = make(fg_model_layers(m), want[i].in, NULL);
        assert_int_equal(fg_model_params(again), want[i].P);
        assert_string_equal(fg_model_layers(again), fg_model_layers(m));
        fg_model_destroy(again);
        fg_model_destroy(m);
    }
}

static void every_shorthand_is_listed(void **state)
{
    (void)state;
    const char *doc = fg_option_find("model", "layers")->doc;
    for (const struct fg_model_shorthand *s = fg_model_shorthands; s->name != NULL; s++) {
        bool text = strstr(s->layers, "embedding") != NULL;
        fg_model_destroy(make(s->name, text ? &text80 : &cifar, NULL));
        if (strstr(doc, s->name) == NULL) {
            fail_msg("'%s' is not in what src/config/options.def says of model.layers", s->name);
        }
    }
}

static void tensors_follow_the_canonical_order(void **state)
{
    (void)state;
    struct fg_model *m = make("conv2d 6 5; maxpool; flatten\n dense, softmax",
                              &(struct fg_model_input){FG_INPUT_IMAGE, {32, 18, 3}, 10}, "");
    struct fg_layer_info info;
    /* (32-4)/2 x (18-4)/2 x 6 = 14 x 7 x 6 = 588 inputs of the dense layer */
    assert_int_equal(fg_model_params(m), 5 * 5 * 3 * 6 + 6 + 588 * 10 + 10);
    fg_model_destroy(m);
    m = make("conv2d 4 kernel=5; maxpool 2; flatten; dense classes", &cifar, NULL);
    size_t at = 0;
    unsigned i = 0;
    static const char *const names[] = {"1.conv2d.weight", "1.conv2d.bias", "4.dense.weight", "4.dense.bias"};
    static const size_t sizes[] = {300, 4, 7840, 10};
    static const unsigned ndims[] = {4, 1, 2, 1};
    for (; fg_model_layer_info(m, i, &info); i++) {
        assert_string_equal(info.name, names[i]);
        assert_int_equal(info.offset, at);
        assert_int_equal(info.size, sizes[i]);
        assert_int_equal(info.ndim, ndims[i]);
        at += info.size;
    }
    assert_int_equal(i, 4);
    assert_int_equal(at, fg_model_params(m));
    fg_model_destroy(m);
}

static void impossible_lists_name_the_layer(void **state)
{
    (void)state;
    static const struct {
        const char *layers;
        const struct fg_model_input *in;
        const char *part[3];
    } bad[] = {
        {"", &mnist, {"empty"}},
        {" ;; \n", &mnist, {"empty"}},
        {"dense 10", &mnist, {"layer 1 'dense 10'", "28x28x1 image", "flatten"}},
        {"flatten; dense 200; dense 11", &mnist, {"layer 3 'dense 11'", "vector of 11", "10"}},
        {"flatten; dense; relu; dense", &mnist, {"layer 2 'dense'", "units"}},
        {"flatten; conv2d 8", &mnist, {"layer 2 'conv2d 8'", "image", "vector of 784"}},
        {"conv2d 8 kernel=29; flatten; dense", &mnist, {"layer 1 'conv2d 8 kernel=29'", "29x29", "28x28x1"}},
        {"maxpool 15; maxpool 2; flatten; dense", &mnist, {"layer 2 'maxpool 2'", "2x2", "1x1x1"}},
        {"conv2d; flatten; dense", &mnist, {"layer 1 'conv2d'", "filters"}},
        {"conv2d 8 padding=full; flatten; dense", &mnist, {"padding", "valid|same", "full"}},
        {"conv2d 8 3 kernel=5; flatten; dense", &mnist, {"kernel", "twice"}},
        {"conv2d 8 kernal=5; flatten; dense", &mnist, {"no argument 'kernal'"}},
        {"conv2d 8 kernel=5 1; flatten; dense", &mnist, {"layer 1", "'1'"}},
        {"flatten; dense 1.5; dense", &mnist, {"whole number", "1.5"}},
        {"flatten; dense 0; dense", &mnist, {"from 1", "'0'"}},
        {"flatten; dense 10 20", &mnist, {"at most 1", "20"}},
        {"flatten; dropout 1.5; dense", &mnist, {"layer 2", "0.99", "1.5"}},
        {"flatten; dropout nan; dense", &mnist, {"layer 2", "nan"}},
        {"flaten; dense", &mnist, {"layer 1 'flaten'", "nearest is 'flatten'"}},
        {"conv2d(32,5)", &mnist, {"nearest is 'conv2d'", "as in 'conv2d 32 kernel=5'"}},
        {"flatten; softmax; dense", &mnist, {"layer 2 'softmax'", "end"}},
        {"flatten; dense 5000000", &mnist, {"layer 2"}},
        {"flatten; relu", &mnist, {"layer 2 'relu'", "784", "10"}},
        {"embedding 8; lstm 4; dense", &mnist, {"layer 1 'embedding 8'", "text", "28x28x1"}},
        {"lstm 8; dense", &text80, {"layer 1 'lstm 8'", "embedding"}},
        {"embedding 8; flatten; dense", &text80, {"layer 2 'flatten'", "sequence of 80 x 8"}},
        {"relu; dense", &text80, {"layer 1 'relu'", "embedding"}},
        {"embedding 8; lstm 256", &text80, {"layer 2 'lstm 256'", "80 x 256", "80 scores"}},
        {"2NN", &mnist, {"layer 1 '2NN'", "no such layer"}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fg_model *m = NULL;
        struct fg_err err = {""};
        assert_int_equal(fg_model_create(&m, bad[i].layers, bad[i].in, NULL, &err), FG_E_CONFIG);
        assert_null(m);
        for (size_t j = 0; j < 3 && bad[i].part[j] != NULL; j++) {
            if (strstr(err.text, bad[i].part[j]) == NULL) {
                fail_msg("'%s': expected '%s' in the message, found: %s", bad[i].layers, bad[i].part[j],
                         err.text);
            }
        }
    }
}

static void impossible_inputs_and_inits_are_refused(void **state)
{
    (void)state;
    static const struct fg_model_input bad[] = {
        {FG_INPUT_IMAGE, {28, 0, 1}, 10},
        {FG_INPUT_IMAGE, {65535, 65537, 70000}, 10},
        {FG_INPUT_IMAGE, {28, 28, 1}, 1},
        {FG_INPUT_VECTOR, {10, 1, 1}, 70000},
    };
    struct fg_model *m = NULL;
    struct fg_err err = {""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(fg_model_create(&m, "softmax", &bad[i], NULL, &err), FG_E_CONFIG);
    }
    assert_int_equal(fg_model_create(&m, "softmax", &mnist, "xaver", &err), FG_E_CONFIG);
    assert_non_null(strstr(err.text, "'xavier'"));
    assert_null(m);
}

static double variance(const float *x, size_t n, double *largest)
{
    double sum = 0, squares = 0;
    *largest = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
        *largest = fmax(*largest, fabs((double)x[i]));
    }
    fg_assert_close(sum / (double)n, 0, 4 * sqrt(squares) / (double)n);
    return squares / (double)n;
}

/* Variances: a uniform law on [-a, a] has a^2 / 3. */
static void initial_weights_have_their_law(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double variance, bound; /* of the 784 x 200 weights */
        bool zero_bias;
    } law[] = {
        {"torch", 1.0 / 784 / 3, 1.0 / 28, false},
        {"", 1.0 / 784 / 3, 1.0 / 28, false},
        {"xavier", 2.0 / 984, 0.078087, true},
        {"glorot_uniform", 2.0 / 984, 0.078087, true},
        {"glorot_normal", 2.0 / 984, 1, true},
        {"he_uniform", 2.0 / 784, 0.087482, true},
        {"he_normal", 2.0 / 784, 1, true},
        {"lecun_uniform", 1.0 / 784, 0.0618590, true},
        {"zeros", 0, 0, true},
    };
    for (size_t i = 0; i < sizeof law / sizeof *law; i++) {
        struct fg_model *m = make("2nn", &mnist, law[i].name);
        float *w = calloc(fg_model_params(m), sizeof *w);
        double largest, zero;
        fg_model_init(m, 7, w);
        fg_assert_close(variance(w, 784 * 200, &largest), law[i].variance, 0.02 * law[i].variance);
        assert_true(largest <= law[i].bound * 1.0001);
        assert_true(law[i].bound >= 1 || largest >= law[i].bound * 0.999);
        (void)variance(w + 784 * 200, 200, &zero);
        assert_int_equal(zero == 0, law[i].zero_bias);
        free(w);
        fg_model_destroy(m);
    }
}

static void initial_weights_depend_on_seed_and_layer_only(void **state)
{
    (void)state;
    struct fg_model *a = make("flatten; dense 20; dense 20; dense", &mnist, "he_normal");
    struct fg_model *b = make("flatten; dense 20; dense 20; dense 12; dense", &mnist, "he_normal");
    float *x = calloc(fg_model_params(a), sizeof *x), *y = calloc(fg_model_params(b), sizeof *y);
    size_t first = 784 * 20 + 20, second = 20 * 20;
    fg_model_init(a, 3, x);
    fg_model_init(b, 3, y);
    assert_memory_equal(x, y, (first + second) * sizeof *x);
    assert_memory_not_equal(x, x + first, second * sizeof *x);
    fg_model_init(b, 4, y);
    assert_memory_not_equal(x, y, first * sizeof *x);
    free(x);
    free(y);
    fg_model_destroy(a);
    fg_model_destroy(b);
}

static void lstm_forget_gates_start_open(void **state)
{
    (void)state;
    struct fg_model *m = make("embedding 8; lstm 6; dense", &text80, "glorot_uniform");
    struct fg_layer_info bias;
    float *w = calloc(fg_model_params(m), sizeof *w);
    assert_true(fg_model_layer_info(m, 3, &bias));
    assert_string_equal(bias.name, "2.lstm.bias");
    fg_model_init(m, 1, w);
    for (size_t i = 0; i < 24; i++) {
        fg_assert_close((double)w[bias.offset + i], i >= 6 && i < 12 ? 1 : 0, 0);
    }
    fg_model_destroy(m);
    m = make("embedding 8; lstm 6; dense", &text80, "torch");
    double largest = 0;
    fg_model_init(m, 1, w);
    for (size_t i = 80 * 8; i < bias.offset + 24;
         i++) { /* all of the LSTM within 1 / sqrt(6), as in PyTorch */
        largest = fmax(largest, fabs((double)w[i]));
    }
    assert_true(largest < 0.40825 && largest > 0.4);
    free(w);
    fg_model_destroy(m);
}

static void packing_and_unpacking_return_the_vector(void **state)
{
    (void)state;
    struct fg_model *m = make("lenet5", &cifar, NULL);
    size_t P = fg_model_params(m), packed = fg_model_packed(m);
    float *x = calloc(P, sizeof *x), *y = calloc(P, sizeof *y), *p = malloc(packed * sizeof *p);
    memset(p, 0xff, packed * sizeof *p);
    fg_model_init(m, 1, x);
    fg_model_pack(m, p, x);
    double sum = 0, want = 0;
    for (size_t i = 0; i < packed; i++) {
        sum += (double)p[i] * (double)p[i];
    }
    for (size_t i = 0; i < P; i++) {
        want += (double)x[i] * (double)x[i];
    }
    fg_assert_close(sum, want, 1e-9 * want);
    fg_model_unpack(m, y, p);
    assert_memory_equal(x, y, P * sizeof *x);
    free(x);
    free(y);
    free(p);
    fg_model_destroy(m);
}

static void multiply_adds_are_counted(void **state)
{
    (void)state;
    uint64_t macs, first;
    struct fg_model *m = make("2nn", &mnist, NULL);
    fg_model_macs(m, &macs, &first);
    assert_int_equal(macs, 784 * 200 + 200 * 200 + 200 * 10);
    assert_int_equal(first, 784 * 200);
    fg_model_destroy(m);
    m = make("mcmahan_cnn", &mnist, NULL);
    fg_model_macs(m, &macs, &first);
    assert_int_equal(macs, 28 * 28 * 25 * 32 + 14 * 14 * 25 * 32 * 64 + 3136 * 512 + 512 * 10);
    assert_int_equal(first, 28 * 28 * 25 * 32);
    fg_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shorthands_have_the_published_sizes),
        cmocka_unit_test(every_shorthand_is_listed),
        cmocka_unit_test(tensors_follow_the_canonical_order),
        cmocka_unit_test(impossible_lists_name_the_layer),
        cmocka_unit_test(impossible_inputs_and_inits_are_refused),
        cmocka_unit_test(initial_weights_have_their_law),
        cmocka_unit_test(initial_weights_depend_on_seed_and_layer_only),
        cmocka_unit_test(lstm_forget_gates_start_open),
        cmocka_unit_test(packing_and_unpacking_return_the_vector),
        cmocka_unit_test(multiply_adds_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
