/* Energy counters in a folder made like the kernel's: which count, how they turn over, and none at all. */
#include "src/net/meter.h"
#include "tests/lib/test.h"

#include <sys/stat.h>

#include "tests/lib/tmpdir.h"

static void put(const char *zone, const char *file, const char *text)
{
    char path[64 + 128];
    snprintf(path, sizeof path, "%s/%s", fg_tmpdir, zone);
    (void)mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s/%s", fg_tmpdir, zone, file);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void zone(const char *name, const char *what, const char *uj)
{
    put(name, "name", what);
    put(name, "max_energy_range_uj", "262143328850\n");
    put(name, "energy_uj", uj);
}

static void packages_and_memory_are_added_up(void **state)
{
    (void)state;
    struct fg_meter *m;
    struct fg_measured e;
    put("intel-rapl", "enabled", "1\n");
    zone("intel-rapl:0", "package-0\n", "1000000\n");
    zone("intel-rapl:1", "package-1\n", "5000000\n");
    zone("intel-rapl:0:0", "core\n", "7\n");   /* part of its package */
    zone("intel-rapl:0:1", "dram\n", "100\n"); /* beside it */
    zone("intel-rapl:2", "psys\n", "9\n");     /* all of it once more */
    assert_int_equal(fg_meter_open(&m, fg_tmpdir, NULL), FG_OK);
    fg_meter_read(m, &e);
    assert_true(e.rapl && !e.nvml);
    fg_assert_close(e.rapl_wh, 0.0, 0.0);
    zone("intel-rapl:0", "package-0\n", "3601000000\n"); /* 3600 J on */
    zone("intel-rapl:1", "package-1\n", "7205000000\n"); /* 7200 J */
    zone("intel-rapl:0:0", "core\n", "999999999\n");
    zone("intel-rapl:0:1", "dram\n", "360000100\n"); /* 360 J */
    zone("intel-rapl:2", "psys\n", "99999999\n");
    fg_meter_read(m, &e);
    fg_assert_close(e.rapl_wh, 3.1, 1e-9);
    fg_meter_close(m);
}

static void counters_turn_over(void **state)
{
    (void)state;
    struct fg_meter *m;
    struct fg_measured e;
    zone("intel-rapl:0", "package-0\n", "262143328849\n"); /* one below the range */
    assert_int_equal(fg_meter_open(&m, fg_tmpdir, NULL), FG_OK);
    zone("intel-rapl:0", "package-0\n", "3599999999\n");
    fg_meter_read(m, &e);
    fg_assert_close(e.rapl_wh, 1.0, 1e-9);
    zone("intel-rapl:0", "package-0\n", "7199999999\n"); /* and it goes on from there */
    fg_meter_read(m, &e);
    fg_assert_close(e.rapl_wh, 2.0, 1e-9);
    fg_meter_close(m);
}

static void what_cannot_be_read_is_modelled(void **state)
{
    (void)state;
    struct fg_meter *m;
    struct fg_measured e;
    zone("intel-rapl:0", "package-0\n", "not a number\n");
    put("intel-rapl:1", "name", "package-1\n"); /* no counter, as without permission */
    zone("other:0", "package-0\n", "1\n");
    assert_int_equal(fg_meter_open(&m, fg_tmpdir, "libfg-there-is-no-such-library.so"), FG_OK);
    fg_meter_read(m, &e);
    assert_false(e.rapl || e.nvml);
    fg_meter_close(m);
    assert_int_equal(fg_meter_open(&m, "/nonexistent/powercap", NULL), FG_OK);
    fg_meter_read(m, &e);
    assert_false(e.rapl || e.nvml);
    fg_meter_close(m);
    fg_meter_close(NULL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fg_tmpdir_set_up, fg_tmpdir_tear_down)
    const struct CMUnitTest tests[] = {
        T(packages_and_memory_are_added_up),
        T(counters_turn_over),
        T(what_cannot_be_read_is_modelled),
    };
    return cmocka_run_group_tests_name("meter", tests, NULL, NULL);
}
