/* The CUDA dense layer against the definition, bit for bit. Without a device: one error case, then skip. */
#include "tests/lib/test.h"

#include <stdlib.h>

#include "kernels/cuda.h"
#include "src/base/rng.h"

static void fill(float *p, size_t n, struct fg_rng *r)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (float)((fg_rng_uniform(r) - 0.5) * 4.0);
    }
}

static void compare(size_t batch, size_t in, size_t out)
{
    struct fg_rng r;
    fg_rng_init(&r, 7, FG_RNG_TEST, (uint32_t)in, (uint32_t)out);
    float *x = calloc(batch * in, sizeof *x), *w = calloc(in * out, sizeof *w);
    float *bias = calloc(out, sizeof *bias), *y = calloc(batch * out, sizeof *y);
    assert_true(x != NULL && w != NULL && bias != NULL && y != NULL);
    fill(x, batch * in, &r);
    fill(w, in * out, &r);
    fill(bias, out, &r);
    struct fg_err err = {{0}};
    enum fg_status st = fg_cuda_dense_forward(y, x, w, bias, batch, in, out, 0, &err);
    if (st != FG_OK) {
        fail_msg("%s", err.text);
    }
    for (size_t b = 0; b < batch; b++) {
        for (size_t j = 0; j < out; j++) {
            float want = bias[j];
            for (size_t i = 0; i < in; i++) {
                want = fmaf(x[b * in + i], w[i * out + j], want);
            }
            assert_memory_equal(&y[b * out + j], &want, sizeof want);
        }
    }
    free(x);
    free(w);
    free(bias);
    free(y);
}

static void dense_forward_has_the_bits_of_fmaf_in_order(void **state)
{
    (void)state;
    if (fg_cuda_device_count() == 0) {
        skip();
    }
    compare(1, 1, 1);
    compare(10, 784, 200);
    compare(3, 200, 10);
    compare(7, 33, 129);
}

static void device_info_names_each_device(void **state)
{
    (void)state;
    if (fg_cuda_device_count() == 0) {
        skip();
    }
    for (int i = 0; i < fg_cuda_device_count(); i++) {
        struct fg_cuda_device d;
        assert_int_equal(fg_cuda_device_info(&d, i, NULL), FG_OK);
        assert_true(d.name[0] != '\0' && d.memory_bytes >= d.free_bytes && d.memory_bytes > 0);
    }
}

static void device_beyond_the_last_is_refused(void **state)
{
    (void)state;
    float one = 1.0f, y = 42.0f;
    struct fg_err err = {{0}};
    int beyond = fg_cuda_device_count();
    assert_int_equal(fg_cuda_dense_forward(&y, &one, &one, &one, 1, 1, 1, beyond, &err), FG_E_UNSUPPORTED);
    assert_true(y == 42.0f);
    assert_non_null(strstr(err.text, "no device"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_forward_has_the_bits_of_fmaf_in_order),
        cmocka_unit_test(device_info_names_each_device),
        cmocka_unit_test(device_beyond_the_last_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
