/* What CUDA devices say of themselves. Without one: the error case, then skip. */
#include "tests/lib/test.h"

#include <stdbool.h>
#include <string.h>

#include "kernels/cuda.h"

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
    struct fg_cuda_device d = {.memory_bytes = 42};
    struct fg_err err = {{0}};
    assert_int_equal(fg_cuda_device_info(&d, fg_cuda_device_count(), &err), FG_E_UNSUPPORTED);
    assert_true(d.memory_bytes == 42);
    assert_non_null(strstr(err.text, "no device"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device_info_names_each_device),
        cmocka_unit_test(device_beyond_the_last_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
