/* The file of a sweep, and what is made of its runs' numbers. */
#include "tests/lib/test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/store/columns.h"
#include "src/study/study.h"
#include "src/sweep/sweep.h"
#include "tests/lib/tmpdir.h"

static const char whole[] = "# a comment\n"
                            "[sweep]\n"
                            "base = study.ini\n"
                            "seeds = 3 7-9\n"
                            "better = lower\n"
                            "metric = carbon_g\n"
                            "compare = policy\n"
                            "\n"
                            "[set]\n"
                            "model.layers = dense 5, relu\n"
                            "[vary]\n"
                            "carbon.budget_g = 10 20   # and more\n"
                            "    40\n"
                            "[axis policy]\n"
                            "all = select.policy=all\n"
                            "some = select.policy=uniform select.clients=3\n"
                            "    select.over=1.3\n";

static void parse_skips_a_byte_order_mark(void **arg)
{
    static const char text[] = "\xEF\xBB\xBF[sweep]\r\nbase = b\r\nseeds = 1\r\n[vary]\r\na.b = 1 2\r\n";
    struct fg_sweep s;
    struct fg_err err = {{0}};
    (void)arg;
    assert_int_equal(fg_sweep_parse(&s, "x", text, sizeof text - 1, &err), FG_OK);
    assert_string_equal(s.base, "b");
    fg_sweep_fini(&s);
}

static void parse_reads_every_part(void **arg)
{
    struct fg_sweep s;
    struct fg_err err;
    (void)arg;
    assert_int_equal(fg_sweep_parse(&s, "x", whole, sizeof whole - 1, &err), FG_OK);
    assert_string_equal(s.base, "study.ini");
    assert_string_equal(s.metric, "carbon_g");
    assert_true(s.lower && !s.by_run);
    assert_int_equal(s.n_seeds, 4);
    assert_true(s.seed[0] == 3 && s.seed[3] == 9);
    assert_string_equal(s.set.item[0], "model.layers=dense 5, relu");
    assert_int_equal(s.n_axes, 2);
    assert_int_equal(s.axis[0].n, 3);
    assert_string_equal(s.axis[0].level[2].set.item[0], "carbon.budget_g=40");
    assert_int_equal(s.axis[1].level[1].set.n, 3);
    assert_string_equal(s.axis[1].level[1].set.item[2], "select.over=1.3");
    fg_sweep_fini(&s);
}

static void parse_names_the_line_of_what_is_wrong(void **arg)
{
    static const struct {
        const char *text, *expected;
    } bad[] = {
        {"base = a\n", "x:1: expected a section"},
        {"[other]\n", "x:1: expected [sweep]"},
        {"[sweep]\nbase = a\nseeds = 5-3\n", "x:3: expected at most 1000 seeds"},
        {"[sweep]\nseeds = 1 1\n", "x:2: expected each seed once"},
        {"[sweep]\nseeds = 1-x\n", "x:2: expected seeds such as"},
        {"[sweep]\nbetter = more\n", "x:2: expected higher or lower"},
        {"[sweep]\n  indented = 1\n", "x:2: expected an indented line"},
        {"[axis a]\nb = c\n", "x:2: expected section.key=value, found 'c'"},
        {"[axis a]\nb = k.c=1\nb = k.c=2\n", "x:3: expected each level once"},
        {"[axis a/b]\n", "x:1: expected at most 8 axes"},
        {"[axis a] b = k.c=1\nd = k.c=2\n",
         "x:1: expected a section in brackets, found '[axis a] b = k.c=1'"},
        {"[vary]\nk.v = 1 1\n", "x:2: expected each level once"},
        {"[vary]\nrun.seed = 1 2\n", "x:2: expected seeds in [sweep] in its place, found 'run.seed=1'"},
        {"[set]\nrun.seed = 3\n", "x:2: expected seeds in [sweep]"},
        {"[sweep]\nbase = a\nseeds = 1\n", "at least one axis"},
        {"[sweep]\nbase = a\nseeds = 1\ncompare = no\n[vary]\nk.v = 1\n",
         "compare: expected the name of an axis"},
        {"[sweep]\nbase = a\nseeds = 1\n[axis x]\n", "axis 'x': expected at least one level"},
    };
    (void)arg;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fg_sweep s;
        struct fg_err err = {{0}};
        assert_int_equal(fg_sweep_parse(&s, "x", bad[i].text, strlen(bad[i].text), &err), FG_E_CONFIG);
        if (strstr(err.text, bad[i].expected) == NULL) {
            fail_msg("expected '%s', found '%s'", bad[i].expected, err.text);
        }
        fg_sweep_fini(&s);
    }
}

/* Two levels in three cells with three seeds, numbers of our own in files as runs leave them. */
static const double numbers[3][2][3] = {
    {{1, 2, 3}, {2, 3, 5}}, {{5, 5, 5}, {4, 4, 4}}, {{1, NAN, 3}, {2, 9, 7}}};

static void write_text(const char *folder, const char *name, const char *text)
{
    char path[512];
    struct fg_err err;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(fg_file_replace(path, text, strlen(text), &err), FG_OK);
}

static void judge_pairs_and_ranks_by_hand(void **arg)
{
    static const char text[] =
        "[sweep]\nbase = b\nseeds = 1-3\nmetric = m\ncompare = p\n[axis p]\na =\nb =\n[axis c]\nx "
        "=\ny =\nz =\n";
    char top[64];
    struct fg_sweep s;
    struct fg_sweep_jobs jobs = {0};
    struct fg_sweep_verdict v;
    struct fg_str rounds = {0}, csv = {0};
    struct fg_err err = {{0}};
    (void)arg;
    fg_tmpdir_make(top);
    assert_int_equal(fg_sweep_parse(&s, "x", text, sizeof text - 1, &err), FG_OK);
    assert_int_equal(fg_rounds_header(&rounds), FG_OK);
    jobs.n = 18;
    jobs.job = fg_calloc(jobs.n, sizeof *jobs.job);
    for (size_t k = 0; k < jobs.n; k++) {
        char folder[96], summary[64];
        size_t seed = k / 6, level = k / 3 % 2, cell = k % 3;
        double x = numbers[cell][level][seed];
        (void)snprintf(folder, sizeof folder, "%s/%zu", top, k);
        (void)snprintf(summary, sizeof summary, isfinite(x) ? "{\"m\": %g}" : "{\"m\": null}", x);
        assert_int_equal(mkdir(folder, 0700), 0);
        write_text(folder, "summary.json", summary);
        write_text(folder, "rounds.csv", rounds.data);
        jobs.job[k] = (struct fg_sweep_job){
            .level = {level, cell}, .seed = seed + 1, .finished = true, .folder = fg_strdup(folder)};
    }
    assert_int_equal(fg_sweep_judge(&v, &s, &jobs, &err), FG_OK);
    assert_int_equal(v.cells, 3);
    assert_int_equal(v.levels, 2);
    assert_true(fabs(v.mean[0 * 2 + 1].mean - 10.0 / 3.0) < 1e-12);
    const struct fg_mean *pair = &v.pair[(0 * 2 + 0) * 2 + 1]; /* -1, -1, -2 */
    assert_true(fabs(pair->mean + 4.0 / 3.0) < 1e-12 && pair->n == 3);
    /* sd 0.57735, t(2) = 4.3027: 1.4343 */
    assert_true(fabs(pair->half - 1.4343) < 1e-3);
    assert_int_equal(v.pair[(2 * 2 + 0) * 2 + 1].n, 2);
    /* more is better: b, a, b by cells; a has rank (2 + 1 + 2) / 3 */
    assert_int_equal(v.blocks, 3);
    assert_true(fabs(v.rank[0] - 5.0 / 3.0) < 1e-12 && fabs(v.rank[1] - 4.0 / 3.0) < 1e-12);
    /* q(2) sqrt(2 3 / (6 3)) */
    assert_true(fabs(v.friedman.critical - 1.95996 / sqrt(3.0)) < 1e-3);
    fg_sweep_verdict_fini(&v);
    s.by_run = true; /* the seed at which one is missing does not count */
    assert_int_equal(fg_sweep_judge(&v, &s, &jobs, &err), FG_OK);
    assert_int_equal(v.blocks, 8);
    fg_sweep_verdict_fini(&v);
    assert_int_equal(fg_sweep_csv(&csv, &s, &jobs, &err), FG_OK);
    assert_non_null(strstr(csv.data, "p,c,seed,m,accuracy_last3,uplink_bytes_to_target\n"
                                     "a,x,1,1,,\na,y,1,5,,\n"));
    assert_non_null(strstr(csv.data, "\na,z,2,,,\n"));
    fg_free(s.metric);
    s.metric = fg_strdup("other");
    assert_int_equal(fg_sweep_judge(&v, &s, &jobs, &err), FG_E_CONFIG);
    fg_tmpdir_remove(top);
    fg_sweep_jobs_fini(&jobs);
    fg_sweep_fini(&s);
    fg_str_fini(&rounds);
    fg_str_fini(&csv);
}

/* A signal that comes when the sweep has just looked for one and is about to wait. */
static bool raise_now;

pid_t waitpid(pid_t pid, int *status, int options)
{
    if (raise_now) {
        raise_now = false;
        raise(SIGTERM);
    }
    return wait4(pid, status, options, NULL);
}

static void a_signal_right_before_the_wait_is_heard(void **state)
{
    static const char text[] = "[sweep]\nbase = b\nseeds = 1\n[axis p]\na =\n";
    struct fg_sweep s;
    struct fg_sweep_jobs jobs = {.n = 1, .job = fg_calloc(1, sizeof *jobs.job)};
    struct fg_err err = {{0}};
    (void)state;
    assert_int_equal(fg_sweep_parse(&s, "x", text, sizeof text - 1, &err), FG_OK);
    jobs.job[0] = (struct fg_sweep_job){.seed = 1, .folder = fg_strdup(fg_tmpdir_file("run"))};
    raise_now = true;
    assert_int_equal(fg_sweep_run(&jobs, &s, "b", 1, 2, &err), FG_E_INTERRUPTED);
    assert_int_equal(jobs.job[0].rc, 128 + SIGTERM); /* the run was told, long before its end */
    atomic_store(&fg_study_stop, 0);
    fg_sweep_jobs_fini(&jobs);
    fg_sweep_fini(&s);
}

/* A sweep's runs are this program again. */
int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "simulate") == 0) {
        return (int)sleep(20);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_reads_every_part),
        cmocka_unit_test(parse_skips_a_byte_order_mark),
        cmocka_unit_test(parse_names_the_line_of_what_is_wrong),
        cmocka_unit_test(judge_pairs_and_ranks_by_hand),
        cmocka_unit_test_setup_teardown(a_signal_right_before_the_wait_is_heard, fg_tmpdir_set_up,
                                        fg_tmpdir_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
