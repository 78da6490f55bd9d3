/* The frozen study: its hashes, its design, and what is made of rows. */
#include "tests/lib/test.h"

#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/mem.h"
#include "src/sweep/science_internal.h"
#include "tests/lib/tmpdir.h"

static const struct fg_science_size *size_of(const char *name)
{
    size_t i = 0;
    while (strcmp(fg_science_sizes[i].name, name) != 0) {
        i++;
    }
    return &fg_science_sizes[i];
}

/* Whoever changes the study changes these, and says so: its results do not go with those before. */
static void the_study_is_the_one_that_was_frozen(void **state)
{
    (void)state;
    static const char *const frozen[][2] = {
        {"quick", "6c8bb86bbb57c82abd11c58474a4d99050149a6f249561848ac1d45e9862bde7"},
        {"small", "e2033e5f559082be8518ce36a33437523a4a6eca59c65c639b27faf7882adee7"},
        {"full", "946c96d600c4dee1d0b483e5302f9b5ebcbe3986a6a664b87261f3cec604afa9"}};
    for (size_t i = 0; i < sizeof frozen / sizeof *frozen; i++) {
        char hex[65];
        assert_int_equal(fg_science_hash(hex, size_of(frozen[i][0])), FG_OK);
        assert_string_equal(hex, frozen[i][1]);
    }
}

/* How many cells of workload w have levels i and k of axes a and b. */
static size_t both(const struct fg_science *s, size_t w, size_t a, size_t i, size_t b, size_t k)
{
    const struct fg_sweep_axis *x = s->sweep.axis;
    size_t n = 0, l[FG_SWEEP_AXES] = {w};
    for (l[1] = 0; l[1] < 3; l[1]++) { /* the real traces */
        for (l[2] = 0; l[2] < x[2].n; l[2]++) {
            for (l[3] = 0; l[3] < x[3].n; l[3]++) {
                for (l[4] = 0; l[4] < x[4].n; l[4]++) {
                    n += l[a] == i && l[b] == k && s->size->in(&s->sweep, l);
                }
            }
        }
    }
    return n;
}

static void the_full_design_is_balanced(void **state)
{
    (void)state;
    char path[64];
    struct fg_science s = {0};
    struct fg_err err = {{0}};
    fg_tmpdir_make(path);
    assert_int_equal(fg_science_open(&s, size_of("full"), path, NULL, &err), FG_OK);
    for (size_t w = 0; w < 2; w++) {
        for (size_t a = 1; a < 5; a++) {
            for (size_t b = a + 1; b < 5; b++) {
                size_t levels_a = a == 1 ? 3 : s.sweep.axis[a].n, levels_b = s.sweep.axis[b].n;
                for (size_t i = 0; i < levels_a * levels_b; i++) {
                    size_t n = both(&s, w, a, i / levels_b, b, i % levels_b);
                    assert_true(n == 1 || (n == 2 && a != FG_SCI_BUDGET && b != FG_SCI_BUDGET));
                }
            }
        }
    }
    fg_science_close(&s);
    fg_tmpdir_remove(path);
}

static size_t count_cells(const char *name)
{
    char path[64];
    struct fg_science s = {0};
    struct fg_err err = {{0}};
    size_t n = 0, l[FG_SWEEP_AXES] = {0};
    fg_tmpdir_make(path);
    if (fg_science_open(&s, size_of(name), path, NULL, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    const struct fg_sweep_axis *a = s.sweep.axis;
    for (l[0] = 0; l[0] < a[0].n; l[0]++) {
        for (l[1] = 0; l[1] < a[1].n; l[1]++) {
            for (l[2] = 0; l[2] < a[2].n; l[2]++) {
                for (l[3] = 0; l[3] < a[3].n; l[3]++) {
                    for (l[4] = 0; l[4] < a[4].n; l[4]++) {
                        n += s.size->in(&s.sweep, l);
                    }
                }
            }
        }
    }
    fg_science_close(&s);
    fg_tmpdir_remove(path);
    return n;
}

static void the_design_has_the_cells_it_says(void **state)
{
    (void)state;
    assert_int_equal(count_cells("quick"), 1);
    assert_int_equal(count_cells("small"), 6);
    assert_int_equal(count_cells("full"), 24 + 9);
}

/* One cell, two seeds: 2 unrestricted and 2 of each policy,
 * and one unrestricted run on the validation split. */
static void the_effort_counts_every_run(void **state)
{
    (void)state;
    struct fg_science_effort e;
    size_t policies = 0;
    for (const char *at = fg_science_policies; *at != '\0'; at++) {
        policies += *at == '\n';
    }
    for (const char *at = fg_science_bounds; *at != '\0'; at++) {
        policies += *at == '\n';
    }
    assert_int_equal(fg_science_effort_of(&e, size_of("quick")), FG_OK);
    assert_int_equal(e.cells, 1);
    assert_int_equal(e.runs, 1 + 2 + 2 * policies);
    assert_int_equal(fg_science_effort_of(&e, size_of("full")), FG_OK);
    assert_int_equal(e.cells, 24 + 9);
    assert_true(e.hours > 1.0 && e.hours <= 6.5); /* three hours of two cores */
}

static void put(struct fg_science *s, size_t trace, size_t budget, size_t policy, uint64_t seed,
                double accuracy)
{
    struct fg_science_row r = {.seed = seed, .accuracy = accuracy, .target_g = NAN};
    r.level[FG_SCI_TRACE] = trace;
    r.level[FG_SCI_BUDGET] = budget;
    r.level[FG_SCI_POLICY] = policy;
    assert_int_equal(FG_GROW(s->row, s->n_rows, s->cap_rows), FG_OK);
    s->row[s->n_rows++] = r;
}

/* P(T > t) with two degrees of freedom. */
static double above2(double t)
{
    return 0.5 - t / (2.0 * sqrt(2.0 + t * t));
}

/* Differences .01, .02, .03 in one cell, .1, .11, .12 in the second: bounds and p by hand, then Holm. */
static void cells_are_judged_by_the_paired_difference(void **state)
{
    (void)state;
    char path[64];
    struct fg_science s = {0};
    struct fg_science_table t = {0};
    struct fg_err err = {{0}};
    fg_tmpdir_make(path);
    assert_int_equal(fg_science_open(&s, size_of("small"), path, NULL, &err), FG_OK);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        double base = 0.5 + 0.1 * (double)seed, by = 0.01 * (double)seed;
        put(&s, 0, 0, 0, seed, base);
        put(&s, 0, 0, 1, seed, base - 0.3);
        put(&s, 0, 0, s.ours[0], seed, base + by);
        put(&s, 1, 1, 0, seed, base - 0.1);
        put(&s, 1, 1, 1, seed, base);
        put(&s, 1, 1, s.ours[0], seed, base + 0.09 + by);
        put(&s, 0, 0, s.ranked, seed, 0.99); /* the clairvoyant is no rival */
    }
    assert_int_equal(fg_science_judge(&t, &s, false), FG_OK);
    assert_int_equal(t.n, 2);
    assert_int_equal(t.cell[0].best, 0);
    assert_int_equal(t.cell[1].best, 1);
    double se = 0.01 / sqrt(3.0);
    fg_assert_close(t.cell[0].pair.mean, 0.02, 1e-12);
    fg_assert_close(t.cell[0].low, 0.02 - 2.9199855803537 * se, 1e-9);
    fg_assert_close(t.cell[0].p, above2((0.02 + 0.002) / se), 1e-9); /* .031 */
    fg_assert_close(t.cell[1].p, above2((0.11 + 0.002) / se), 1e-9); /* .0013 */
    assert_true(t.cell[0].sure && t.cell[1].sure);                   /* .0013 <= .05 / 2, then .031 <= .05 */
    fg_science_table_fini(&t);

    for (uint64_t seed = 1; seed <= 3; seed++) { /* a third cell where it is worse: .031 > .05 / 2 now */
        put(&s, 1, 0, 0, seed, 0.9 + 0.001 * (double)seed);
        put(&s, 1, 0, s.ours[0], seed, 0.8);
    }
    assert_int_equal(fg_science_judge(&t, &s, false), FG_OK);
    assert_true(!t.cell[0].sure && t.cell[1].sure && !t.cell[2].sure);
    fg_science_table_fini(&t);

    size_t ours = s.ours[1], rival = ours - 1; /* movable data are judged apart */
    assert_true(fg_science_moves(&s, ours) && fg_science_moves(&s, rival) &&
                !fg_science_moves(&s, s.ours[0]));
    for (uint64_t seed = 1; seed <= 3; seed++) {
        put(&s, 0, 0, rival, seed, 0.5 + 0.1 * (double)seed);
        put(&s, 0, 0, ours, seed, 0.5 + 0.11 * (double)seed);
    }
    assert_int_equal(fg_science_judge(&t, &s, true), FG_OK);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.cell[0].best, rival);
    fg_assert_close(t.cell[0].pair.mean, 0.02, 1e-12);
    fg_science_table_fini(&t);
    assert_int_equal(fg_science_judge(&t, &s, false), FG_OK);
    assert_int_equal(t.n, 3);
    assert_int_equal(t.cell[0].best, 0);
    fg_science_table_fini(&t);
    fg_science_close(&s);
    fg_tmpdir_remove(path);
}

/* What is printed, read back. */
static void printed(char *out, size_t cap, const struct fg_science *s, const struct fg_science_table t[2])
{
    FILE *f = tmpfile();
    int before = dup(STDOUT_FILENO);
    assert_true(f != NULL && before >= 0 && fflush(stdout) == 0 && dup2(fileno(f), STDOUT_FILENO) >= 0);
    enum fg_status st = fg_science_print(s, t);
    assert_true(fflush(stdout) == 0 && dup2(before, STDOUT_FILENO) >= 0 && close(before) == 0);
    assert_int_equal(st, FG_OK);
    rewind(f);
    out[fread(out, 1, cap - 1, f)] = '\0';
    assert_int_equal(fclose(f), 0);
}

/* One cell is too few for a test; two that rank all policies alike agree. */
static void cells_that_agree_are_not_too_few(void **state)
{
    (void)state;
    char path[64], text[4096];
    struct fg_science s = {0};
    struct fg_err err = {{0}};
    fg_tmpdir_make(path);
    assert_int_equal(fg_science_open(&s, size_of("small"), path, NULL, &err), FG_OK);
    for (size_t cell = 0; cell < 2; cell++) {
        struct fg_science_table t[2] = {{0}};
        for (size_t p = 0; p < s.ranked; p++) {
            put(&s, cell, cell, p, 1, 0.5 + 0.01 * (double)p);
        }
        assert_int_equal(fg_science_judge(&t[0], &s, false), FG_OK);
        printed(text, sizeof text, &s, t);
        assert_true((strstr(text, "too few") != NULL) == (cell == 0));
        assert_true((strstr(text, "Ranks over 2 cells: Friedman chi2") != NULL) == (cell == 1));
        assert_true((strstr(text, "all cells agree") != NULL) == (cell == 1));
        fg_science_table_fini(&t[0]);
    }
    fg_science_close(&s);
    fg_tmpdir_remove(path);
}

/* Rows of one cell: rival 0 is the best other, 1 may be as good, 2 is not; ours ahead by `by`, or so. */
static void put_race(struct fg_science *s, uint64_t first, uint64_t last, double by, bool third)
{
    for (uint64_t seed = first; seed <= last; seed++) {
        double base = 0.5 + 0.01 * (double)(seed % 7), odd = seed % 2 == 0 ? 0.02 : -0.02;
        put(s, 0, 0, 0, seed, base);
        put(s, 0, 0, 1, seed, base - 0.001 + odd);
        if (third) {
            put(s, 0, 0, 2, seed, base - 0.03);
        }
        put(s, 0, 0, s->ours[0], seed, base + by + 2.0 * odd);
    }
}

/* Further seeds go to the cells that are not settled, and there to ours and to who may be the best other. */
static void only_those_in_the_race_get_more_seeds(void **state)
{
    (void)state;
    char path[64];
    struct fg_science s = {0};
    struct fg_err err = {{0}};
    size_t cell[FG_SWEEP_AXES] = {0}, other[FG_SWEEP_AXES] = {[FG_SCI_TRACE] = 1, [FG_SCI_BUDGET] = 1};
    bool more = true;
    unsigned most = 5;
    fg_tmpdir_make(path);
    assert_int_equal(fg_science_open(&s, size_of("small"), path, NULL, &err), FG_OK);
    assert_int_equal(fg_science_race(&s, &more, &most), FG_OK);
    assert_false(more); /* no rows, no race */

    put_race(&s, 1, 5, 0.01, true);
    for (uint64_t seed = 1; seed <= 5; seed++) { /* a second cell is settled: far ahead */
        put(&s, 1, 1, 0, seed, 0.4 + 0.001 * (double)seed);
        put(&s, 1, 1, s.ours[0], seed, 0.9);
    }
    assert_int_equal(fg_science_race(&s, &more, &most), FG_OK);
    assert_true(more);
    assert_int_equal(most, 10);
    assert_int_equal(*fg_science_seeds_of(&s, cell, s.ours[0]), 10);
    assert_int_equal(*fg_science_seeds_of(&s, cell, 0), 10);
    assert_int_equal(*fg_science_seeds_of(&s, cell, 1), 10);
    assert_int_equal(*fg_science_seeds_of(&s, cell, 2), 5);
    assert_int_equal(*fg_science_seeds_of(&s, cell, s.ranked), 5); /* no rank, no race */
    assert_int_equal(*fg_science_seeds_of(&s, cell, s.ours[1]), 5);
    assert_int_equal(*fg_science_seeds_of(&s, other, s.ours[0]), 5);
    assert_int_equal(*fg_science_seeds_of(&s, other, 0), 5);

    put_race(&s, 6, 10, -0.2, false); /* the third is in it again: it catches up before anyone goes on */
    for (size_t i = 0; i < s.n_rows; i++) {
        if (s.row[i].seed > 5 && s.row[i].level[FG_SCI_POLICY] < 2) {
            s.row[i].accuracy -= 0.9;
        }
    }
    assert_int_equal(fg_science_race(&s, &more, &most), FG_OK);
    assert_true(more);
    assert_int_equal(*fg_science_seeds_of(&s, cell, 2), 10);
    assert_int_equal(*fg_science_seeds_of(&s, cell, s.ours[0]), 10);

    for (uint64_t seed = 6; seed <= 10; seed++) {
        put(&s, 0, 0, 2, seed, 0.1);
    }
    assert_int_equal(fg_science_race(&s, &more, &most), FG_OK);
    assert_false(more); /* ten is this size's most */
    fg_science_close(&s);
    fg_tmpdir_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_study_is_the_one_that_was_frozen),
        cmocka_unit_test(the_design_has_the_cells_it_says),
        cmocka_unit_test(the_full_design_is_balanced),
        cmocka_unit_test(the_effort_counts_every_run),
        cmocka_unit_test(cells_are_judged_by_the_paired_difference),
        cmocka_unit_test(cells_that_agree_are_not_too_few),
        cmocka_unit_test(only_those_in_the_race_get_more_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
