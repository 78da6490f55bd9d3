/* What a rule keeps of each client: saved row by row, restored at any checkpoint, bounded, cut and judged. */
#include "tests/lib/test.h"
#include "tests/lib/tmpdir.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/store/checkpoint.h"

enum { N = 7, P = 5, HEAD = 16 + 20 + 16, RECORD = 16 + 4 * P };

static const char *file(uint64_t generation)
{
    return fg_tmpdir_file(generation % 2 == 0 ? "memory.0" : "memory.1");
}

static struct fg_memory *open_memory(bool on_disk)
{
    struct fg_memory *m = NULL;
    struct fg_err err = {{0}};
    enum fg_status st = fg_memory_open(&m, fg_tmpdir, N, P, on_disk, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(st, FG_OK);
    return m;
}

/* What a commit does. */
static void set(struct fg_memory *m, float twin[N][P], uint32_t client, float value)
{
    struct fg_rule_rows rows = fg_memory_rows(m);
    for (int i = 0; i < P; i++) {
        twin[client][i] = rows.row[client * P + (uint32_t)i] = value + (float)i;
    }
    rows.changed[client] = 1;
}

static struct fg_memory_mark save(struct fg_memory *m)
{
    struct fg_memory_mark mark;
    struct fg_err err = {{0}};
    enum fg_status st = fg_memory_save(m, &mark, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(st, FG_OK);
    return mark;
}

static void restored_is(struct fg_memory_mark mark, bool on_disk, float twin[N][P])
{
    struct fg_memory *m = open_memory(on_disk);
    assert_int_equal(fg_memory_restore(m, mark, NULL), FG_OK);
    assert_memory_equal(fg_memory_rows(m).row, twin, N * P * sizeof(float));
    for (int i = 0; i < N; i++) {
        assert_int_equal(fg_memory_rows(m).changed[i], 0);
    }
    fg_memory_close(m);
}

static off_t size_of(const char *path)
{
    struct stat sb;
    return stat(path, &sb) == 0 ? sb.st_size : -1;
}

static void only_what_changed_is_written(void **state)
{
    (void)state;
    float twin[N][P] = {{0}};
    struct fg_memory *m = open_memory(false);
    struct fg_memory_mark mark = save(m); /* nothing yet: no file */
    assert_int_equal(mark.generation, 0);
    assert_int_equal(size_of(file(0)), -1);
    assert_int_equal(size_of(file(1)), -1);
    for (uint32_t c = 0; c < 5; c++) {
        set(m, twin, c, 10.0f * (float)c);
    }
    mark = save(m);
    assert_int_equal(mark.length, HEAD + 5 * RECORD);
    assert_int_equal(fg_memory_cost(m).bytes, 5 * P * sizeof(float));
    set(m, twin, 3, -1.0f);
    mark = save(m);
    assert_int_equal(mark.length, HEAD + 6 * RECORD);
    assert_int_equal(save(m).length, mark.length); /* unchanged */
    assert_int_equal(size_of(file(mark.generation)), mark.length);
    fg_memory_close(m);
    restored_is(mark, false, twin);
    restored_is(mark, true, twin);
}

/* Random commits and checkpoints, two of which are kept as in a run's folder: either can be gone back to, and
 * what lies there is bounded. */
static void both_checkpoints_can_be_gone_back_to(void **state)
{
    (void)state;
    unsigned files_begun = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct fg_rng r;
        float now[N][P] = {{0}}, then[2][N][P] = {{{0}}};
        struct fg_memory_mark mark[2] = {{0, 0}};
        fg_rng_init(&r, seed, FG_RNG_TEST, 3, 0);
        fg_tmpdir_remove(fg_tmpdir);
        fg_tmpdir_make(fg_tmpdir);
        struct fg_memory *m = open_memory(seed % 2 == 1);
        for (unsigned s = 1; s <= 30; s++) {
            for (uint32_t k = fg_rng_below(&r, N + 3); k > 0; k--) {
                set(m, now, fg_rng_below(&r, N), (float)fg_rng_uniform(&r));
            }
            mark[s % 2] = save(m);
            memcpy(then[s % 2], now, sizeof now);
            files_begun += mark[s % 2].generation != mark[1 - s % 2].generation;
            fg_memory_settled(m);
            off_t a = size_of(file(0)), b = size_of(file(1)), most = HEAD + 2 * N * RECORD;
            assert_true(a <= most && b <= most);
            if (mark[0].generation == mark[1].generation) { /* the file before it is not needed any more */
                assert_true(a == -1 || b == -1);
            }
            if (fg_rng_below(&r, 4) == 0) { /* died: from the newest, or the one before if that is damaged */
                unsigned at = fg_rng_below(&r, 2);
                fg_memory_close(m);
                restored_is(mark[s % 2], false, then[s % 2]);
                m = open_memory(seed % 2 == 1);
                assert_int_equal(fg_memory_restore(m, mark[at], NULL), FG_OK);
                assert_memory_equal(fg_memory_rows(m).row, then[at], sizeof now);
                memcpy(now, then[at], sizeof now);
                mark[1 - at] = mark[at]; /* the next checkpoint takes its place */
                memcpy(then[1 - at], now, sizeof now);
            }
        }
        fg_memory_close(m);
    }
    assert_true(files_begun > 100);
}

static void flip(const char *path, off_t at)
{
    char x;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &x, 1, at), 1);
    x ^= 0x10;
    assert_int_equal(pwrite(fd, &x, 1, at), 1);
    close(fd);
}

/* A torn end is what a crash leaves; damage before it spares the checkpoints that do not need those bytes. */
static void damage_is_noticed_and_spares_what_lies_before(void **state)
{
    (void)state;
    float first[N][P] = {{0}}, second[N][P];
    struct fg_memory *m = open_memory(false);
    set(m, first, 0, 1.0f);
    set(m, first, 1, 2.0f);
    struct fg_memory_mark old = save(m);
    memcpy(second, first, sizeof first);
    set(m, second, 1, 3.0f);
    struct fg_memory_mark last = save(m);
    fg_memory_close(m);
    assert_int_equal(old.generation, last.generation);
    for (off_t at = FG_JOURNAL_HEADER; at < (off_t)last.length; at++) {
        struct fg_err err = {{0}};
        flip(file(last.generation), at);
        m = open_memory(false);
        enum fg_status was = fg_memory_fits(m, old, NULL), is = fg_memory_fits(m, last, &err);
        assert_int_equal(is, FG_E_CORRUPT);
        assert_non_null(strstr(err.text, file(last.generation)));
        assert_int_equal(was, at < (off_t)old.length ? FG_E_CORRUPT : FG_OK);
        assert_int_equal(fg_memory_restore(m, last, NULL), FG_E_CORRUPT);
        fg_memory_close(m);
        flip(file(last.generation), at);
    }
    for (off_t len = (off_t)last.length - 1; len >= (off_t)old.length; len--) { /* cut short */
        assert_int_equal(truncate(file(last.generation), len), 0);
        m = open_memory(false);
        assert_int_equal(fg_memory_fits(m, last, NULL), FG_E_CORRUPT);
        fg_memory_close(m);
        restored_is(old, false, first);
    }
    restored_is((struct fg_memory_mark){0, 0}, false, (float[N][P]){{0}});
}

static void a_row_ends_where_a_checkpoint_says(void **state)
{
    (void)state;
    float twin[N][P] = {{0}};
    struct fg_memory *m = open_memory(false);
    set(m, twin, 0, 1.0f);
    struct fg_memory_mark mark = save(m);
    fg_memory_close(m);
    mark.length--;
    m = open_memory(false);
    assert_int_equal(fg_memory_restore(m, mark, NULL), FG_E_CORRUPT);
    fg_memory_close(m);
}

/* Of other clients or another model: not this run's. */
static void another_runs_file_does_not_fit(void **state)
{
    (void)state;
    float twin[N][P] = {{0}};
    struct fg_memory *m = open_memory(false), *other = NULL;
    set(m, twin, 0, 1.0f);
    struct fg_memory_mark mark = save(m);
    fg_memory_close(m);
    assert_int_equal(fg_memory_open(&other, fg_tmpdir, N + 1, P, false, NULL), FG_OK);
    assert_int_equal(fg_memory_fits(other, mark, NULL), FG_E_CORRUPT);
    fg_memory_close(other);
    assert_int_equal(fg_memory_open(&other, fg_tmpdir, N, P - 1, false, NULL), FG_OK);
    assert_int_equal(fg_memory_fits(other, mark, NULL), FG_E_CORRUPT);
    fg_memory_close(other);
}

static void a_damaged_memory_falls_back_to_the_checkpoint_before(void **state)
{
    (void)state;
    float twin[N][P] = {{0}};
    struct fg_memory *m = open_memory(false);
    struct fg_checkpoint c[2] = {{.sequence = 1, .state = "one", .len = 3},
                                 {.sequence = 2, .state = "two", .len = 3}},
                         got;
    struct fg_str bytes = {0};
    struct fg_err warning = {{0}}, err = {{0}};
    for (uint32_t i = 0; i < 2; i++) {
        set(m, twin, i, 1.0f);
        c[i].memory = save(m);
        assert_int_equal(fg_checkpoint_write(fg_tmpdir, &c[i], NULL), FG_OK);
        fg_memory_settled(m);
    }
    fg_memory_close(m);
    flip(file(c[1].memory.generation), (off_t)c[1].memory.length - 1);
    m = open_memory(false);
    assert_int_equal(fg_checkpoint_load(&got, &bytes, fg_tmpdir, m, &warning, NULL), FG_OK);
    assert_int_equal(got.sequence, 1);
    assert_non_null(strstr(warning.text, "checkpoint.0"));
    assert_non_null(strstr(warning.text, "memory.1"));
    assert_int_equal(fg_memory_restore(m, got.memory, NULL), FG_OK);
    fg_memory_close(m);
    fg_str_fini(&bytes);
    flip(file(c[0].memory.generation), HEAD + 20);
    m = open_memory(false);
    assert_int_equal(fg_checkpoint_load(&got, &bytes, fg_tmpdir, m, NULL, &err), FG_E_CORRUPT);
    assert_non_null(strstr(err.text, "memory.1"));
    fg_memory_close(m);
}

/* On a disk that is too small: rows on disk say so at once; a save that finds no room leaves what was
 * saved. */
static void a_full_disk_loses_nothing_saved(void **state)
{
    (void)state;
    enum { CLIENTS = 16, PARAMS = 1024 };
    struct fg_memory *m = NULL;
    struct fg_err err = {{0}};
    struct fg_memory_mark mark = {0, 0}, last = {0, 0};
    if (mount("tmpfs", fg_tmpdir, "tmpfs", 0, "size=49152") != 0) {
        skip();
    }
    enum fg_status on_disk = fg_memory_open(&m, fg_tmpdir, CLIENTS, PARAMS, true, &err);
    bool left = access(file(0), F_OK) == 0 || access(file(1), F_OK) == 0;
    struct fg_err first = err;
    enum fg_status opened = fg_memory_open(&m, fg_tmpdir, CLIENTS, PARAMS, false, &err), st = opened;
    uint32_t saved = 0;
    for (uint32_t c = 0; st == FG_OK && c < CLIENTS; c++) {
        struct fg_rule_rows rows = fg_memory_rows(m);
        rows.row[c * PARAMS] = (float)(c + 1);
        rows.changed[c] = 1;
        st = fg_memory_save(m, &mark, &err);
        if (st == FG_OK) {
            last = mark;
            saved = c + 1;
            fg_memory_settled(m);
        }
    }
    fg_memory_close(m);
    float seen[CLIENTS] = {0};
    enum fg_status again = fg_memory_open(&m, fg_tmpdir, CLIENTS, PARAMS, false, NULL);
    enum fg_status back = again == FG_OK ? fg_memory_restore(m, last, NULL) : again;
    for (uint32_t c = 0; back == FG_OK && c < CLIENTS; c++) {
        seen[c] = fg_memory_rows(m).row[c * PARAMS];
    }
    fg_memory_close(again == FG_OK ? m : NULL);
    umount(fg_tmpdir);
    assert_int_equal(on_disk, FG_E_FULL);
    assert_non_null(strstr(first.text, "could not take room for every client: No space left on device"));
    assert_false(left);
    assert_int_equal(opened, FG_OK);
    assert_int_equal(st, FG_E_FULL);
    assert_non_null(strstr(err.text, "memory.1"));
    assert_true(saved > 2 && saved < CLIENTS);
    assert_int_equal(back, FG_OK);
    for (uint32_t c = 0; c < CLIENTS; c++) {
        assert_true(seen[c] == (c < saved ? (float)(c + 1) : 0.0f));
    }
}

static void every_failing_allocation_is_survived(void **state)
{
    (void)state;
    float twin[N][P] = {{0}};
    struct fg_memory *m = open_memory(false);
    set(m, twin, 2, 1.0f);
    struct fg_memory_mark mark = save(m), next;
    fg_memory_close(m);
    for (long n = 0;; n++) {
        long left = n;
        m = NULL;
        fg_mem_set_hook(fg_fail_nth, &left);
        enum fg_status st = fg_memory_open(&m, fg_tmpdir, N, P, n % 2 == 1, NULL);
        if (st == FG_OK) {
            st = fg_memory_restore(m, mark, NULL);
        }
        if (st == FG_OK) {
            set(m, twin, 2, 1.0f);
            st = fg_memory_save(m, &next, NULL);
        }
        fg_mem_set_hook(NULL, NULL);
        fg_memory_close(m);
        if (st == FG_OK) {
            assert_true(n > 5);
            return;
        }
        assert_int_equal(st, FG_E_NOMEM);
        restored_is(mark, false, twin);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fg_tmpdir_set_up, fg_tmpdir_tear_down)
    const struct CMUnitTest tests[] = {
        T(only_what_changed_is_written),
        T(both_checkpoints_can_be_gone_back_to),
        T(damage_is_noticed_and_spares_what_lies_before),
        T(a_row_ends_where_a_checkpoint_says),
        T(another_runs_file_does_not_fit),
        T(a_damaged_memory_falls_back_to_the_checkpoint_before),
        T(a_full_disk_loses_nothing_saved),
        T(every_failing_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
