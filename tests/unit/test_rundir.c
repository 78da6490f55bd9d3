/* Run folders: the four states, the lock, resuming, and run.h5. */
#include "tests/lib/test.h"
#include "tests/lib/tmpdir.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/plan/outcome.h"
#include "src/store/rundir.h"

/* A state that is text. */
static enum fg_status put_text(const void *text, struct fg_str *out)
{
    return fg_str_add(out, text, strlen(text));
}

static char run[80];
static struct fg_config cfg;
static const struct fg_config_origin from = {"--set", "/", NULL};

static int set_up(void **state)
{
    fg_tmpdir_set_up(state);
    snprintf(run, sizeof run, "%s/runs/x", fg_tmpdir);
    return fg_config_init(&cfg) == FG_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    fg_config_fini(&cfg);
    return fg_tmpdir_tear_down(state);
}

static int exists(const char *file)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", run, file);
    return access(path, F_OK) == 0;
}

static struct fg_rundir *open_run(enum fg_rundir_state want, bool force)
{
    struct fg_rundir *d = NULL;
    struct fg_err err = {{0}};
    enum fg_status st = fg_rundir_open(&d, run, &cfg, force, 0, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(st, FG_OK);
    assert_int_equal(fg_rundir_state(d), want);
    return d;
}

static void refuse(enum fg_status want, const char *message)
{
    struct fg_rundir *d = NULL;
    struct fg_err err = {{0}};
    assert_int_equal(fg_rundir_open(&d, run, &cfg, false, 0, &err), want);
    if (strstr(err.text, message) == NULL) {
        fail_msg("expected '%s' in '%s'", message, err.text);
    }
}

static void add_round(struct fg_rundir *d, uint32_t i)
{
    struct fg_round_record r = {.round = i,
                                .version = i + 1,
                                .energy_wh = 0.5,
                                .train_loss = 1.5,
                                .evaluation = {.have = true, .accuracy = 0.25 * i, .loss = 1.0}};
    struct fg_participation p[2] = {
        {.round = i, .client = i, .verdict = FG_VERDICT_USED, .steps = 10, .energy_j = 3.5},
        {.round = i, .client = 2, .verdict = FG_VERDICT_LOST, .bytes_down = 1000}};
    assert_int_equal(fg_rundir_round(d, &r, p, 2, NULL), FG_OK);
}

static const float params[6] = {1.5f, -2.0f, 0.0f, 3.25f, 1e-30f, 7.0f};

static struct fg_summary summary_of(const char *status)
{
    struct fg_summary s = {.name = "x",
                           .status = status,
                           .version = "0",
                           .seed = 1,
                           .clients = 4,
                           .params = 6,
                           .rounds = 3,
                           .rounds_to_target = -1};
    uint8_t digest[32];
    assert_int_equal(fg_sha256(digest, params, sizeof params), FG_OK);
    fg_hex32(s.params_sha256, digest);
    return s;
}

static void checkpoint(struct fg_rundir *d, const char *text)
{
    struct fg_summary s = summary_of("running");
    assert_int_equal(fg_rundir_checkpoint(d, put_text, text, &s, NULL), FG_OK);
}

static void finish(struct fg_rundir *d)
{
    static const struct fg_layer_info tensor[2] = {{"1.dense.weight", 2, {2, 2, 1, 1}, 0, 4},
                                                   {"1.dense.bias", 1, {2, 1, 1, 1}, 4, 2}};
    static const double energy[4] = {1, 2, 3, 4.5};
    static const struct fg_ledger_col ledger[1] = {
        {.name = "compute_j", .unit = "J", .kind = FG_COL_F64, .data = energy, .doc = "energy of computing"}};
    struct fg_summary s = summary_of("finished");
    struct fg_run_content c = {.summary = &s,
                               .layers = "dense 2",
                               .tensor = tensor,
                               .n_tensors = 2,
                               .params = params,
                               .ledger = ledger,
                               .n_ledger = 1};
    struct fg_err err = {{0}};
    enum fg_status st = fg_rundir_finish(d, &c, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(st, FG_OK);
}

static void resume_is(struct fg_rundir *d, const char *want)
{
    struct fg_str text = {0};
    uint64_t journal = 0;
    assert_int_equal(fg_rundir_resume(d, &text, &journal, NULL), FG_OK);
    assert_int_equal(text.len, strlen(want));
    if (text.len > 0) {
        assert_memory_equal(text.data, want, text.len);
    }
    assert_int_equal(journal, FG_JOURNAL_HEADER);
    fg_str_fini(&text);
}

static void count_rows(size_t rounds, size_t parts)
{
    char path[128];
    struct fg_str text = {0};
    struct fg_round_record *rows = NULL;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/rounds.csv", run);
    assert_int_equal(fg_file_read(&text, path, 1 << 20, NULL), FG_OK);
    assert_int_equal(fg_rounds_read(&rows, &n, text.data, text.len, NULL), FG_OK);
    assert_int_equal(n, rounds);
    fg_free(rows);
    fg_str_fini(&text);
    snprintf(path, sizeof path, "%s/participation.part", run);
    assert_int_equal(fg_file_read(&text, path, 1 << 20, NULL), FG_OK);
    assert_int_equal(fg_parts_count(&n, text.data, text.len, NULL), FG_OK);
    assert_int_equal(n, parts);
    fg_str_fini(&text);
}

static void a_run_goes_from_new_to_finished(void **state)
{
    (void)state;
    struct fg_rundir *d = open_run(FG_RUNDIR_NEW, false);
    assert_true(exists("config.ini"));
    add_round(d, 0);
    checkpoint(d, "after 1");
    add_round(d, 1);
    fg_rundir_close(d);

    d = open_run(FG_RUNDIR_RESUME, false);
    count_rows(2, 4);
    resume_is(d, "after 1");
    count_rows(1, 2); /* cut back to the checkpoint */
    add_round(d, 1);
    add_round(d, 2);
    finish(d);
    fg_rundir_close(d);

    d = open_run(FG_RUNDIR_FINISHED, false);
    fg_rundir_close(d);
    count_rows(3, 6);
    struct fg_run_params p;
    assert_int_equal(fg_run_params_read(&p, run, NULL), FG_OK);
    assert_int_equal(p.n, 6);
    assert_memory_equal(p.values, params, sizeof params);
    assert_int_equal(p.n_tensors, 2);
    assert_string_equal(p.tensor[1].name, "1.dense.bias");
    assert_int_equal(p.tensor[1].offset, 4);
    assert_int_equal(p.tensor[0].ndim, 2);
    assert_string_equal(p.layers, "dense 2");
    fg_run_params_fini(&p);

    d = open_run(FG_RUNDIR_NEW, true); /* --force */
    assert_false(exists("run.h5"));
    count_rows(0, 0);
    fg_rundir_close(d);
}

static void before_the_first_checkpoint_nothing_counts(void **state)
{
    (void)state;
    struct fg_rundir *d = open_run(FG_RUNDIR_NEW, false);
    add_round(d, 0);
    fg_rundir_close(d);
    d = open_run(FG_RUNDIR_RESUME, false);
    resume_is(d, "");
    count_rows(0, 0);
    fg_rundir_close(d);
}

static void another_configuration_is_refused_by_key(void **state)
{
    (void)state;
    fg_rundir_close(open_run(FG_RUNDIR_NEW, false));
    assert_int_equal(fg_config_set(&cfg, "run.threads=3", &from, NULL), FG_OK);
    fg_rundir_close(open_run(FG_RUNDIR_RESUME, false)); /* cannot change the result */
    assert_int_equal(fg_config_set(&cfg, "train.lr=0.5", &from, NULL), FG_OK);
    refuse(FG_E_CONFIG, "train.lr: expected '0.1' as in the run that is there, found '0.5' (--set)");
}

static void a_held_folder_names_its_holder(void **state)
{
    (void)state;
    int ready[2];
    char message[64];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct fg_rundir *d = NULL;
        if (fg_rundir_open(&d, run, &cfg, false, 0, NULL) == FG_OK && write(ready[1], "x", 1) == 1) {
            pause();
        }
        _exit(1);
    }
    char x;
    assert_int_equal(read(ready[0], &x, 1), 1);
    snprintf(message, sizeof message, "found it held by process %ld", (long)child);
    refuse(FG_E_BUSY, message);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    close(ready[1]);
    fg_rundir_close(open_run(FG_RUNDIR_RESUME, false)); /* a dead holder holds nothing */
}

/* One byte of a file of the run is another one; resuming says `message`. */
static void damage(const char *name, size_t at, const char *message)
{
    char path[128];
    struct fg_str was = {0}, text = {0};
    uint64_t journal;
    struct fg_err err = {{0}};
    snprintf(path, sizeof path, "%s/%s", run, name);
    assert_int_equal(fg_file_read(&was, path, 1 << 20, NULL), FG_OK);
    was.data[at] ^= 0x41;
    assert_int_equal(fg_file_replace(path, was.data, was.len, NULL), FG_OK);
    struct fg_rundir *d = open_run(FG_RUNDIR_RESUME, false);
    assert_int_equal(fg_rundir_resume(d, &text, &journal, &err), FG_E_CORRUPT);
    if (strncmp(err.text, run, strlen(run)) != 0 || strstr(err.text, message) == NULL) {
        fail_msg("expected '%s: %s' in '%s'", run, message, err.text);
    }
    fg_rundir_close(d);
    was.data[at] ^= 0x41;
    assert_int_equal(fg_file_replace(path, was.data, was.len, NULL), FG_OK);
    fg_str_fini(&was);
}

static void damaged_rows_are_said_before_the_run_goes_on(void **state)
{
    (void)state;
    struct fg_rundir *d = open_run(FG_RUNDIR_NEW, false);
    add_round(d, 0);
    checkpoint(d, "after 1");
    fg_rundir_close(d);
    damage("rounds.csv", 3, "rounds.csv:1: expected the header");
    damage("rounds.csv", strlen("round,version,t_begin_s,t_end_s,") + 1, "rounds.csv:1: expected the header");
    damage("participation.part", 3, "participation.part: expected its header of 16 bytes");
    d = open_run(FG_RUNDIR_RESUME, false);
    resume_is(d, "after 1");
    fg_rundir_close(d);
}

static void a_damaged_header_of_the_board_is_made_good(void **state)
{
    (void)state;
    struct fg_str header = {0}, text = {0};
    char path[128];
    struct fg_rundir *d = open_run(FG_RUNDIR_NEW, false);
    assert_int_equal(fg_str_addf(&header, "header"), FG_OK);
    assert_int_equal(fg_rundir_board(d, &header, 4, 0, NULL), FG_OK);
    assert_int_equal(fg_str_addf(&text, "row0"), FG_OK);
    assert_int_equal(fg_rundir_board_row(d, &text, NULL), FG_OK);
    fg_rundir_close(d);
    snprintf(path, sizeof path, "%s/board.part", run);
    assert_int_equal(fg_file_replace(path, "hEaderrow0ro", 12, NULL), FG_OK);
    d = open_run(FG_RUNDIR_RESUME, false);
    assert_int_equal(fg_rundir_board(d, &header, 4, 1, NULL), FG_OK);
    fg_rundir_close(d);
    fg_str_fini(&text);
    assert_int_equal(fg_file_read(&text, path, 1 << 20, NULL), FG_OK);
    assert_int_equal(text.len, 10);
    assert_memory_equal(text.data, "headerrow0", 10);
    fg_str_fini(&header);
    fg_str_fini(&text);
}

static void what_a_failed_launch_leaves_is_its_own(void **state)
{
    (void)state;
    char path[128];
    fg_rundir_close(open_run(FG_RUNDIR_NEW, false));
    snprintf(path, sizeof path, "%s/config.ini", run);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/mpirun.log", run);
    assert_int_equal(fg_file_replace(path, "x", 1, NULL), FG_OK);
    fg_rundir_close(open_run(FG_RUNDIR_NEW, false));
    assert_false(exists("mpirun.log"));
}

static void foreign_files_are_left_alone(void **state)
{
    (void)state;
    char path[128];
    fg_rundir_close(open_run(FG_RUNDIR_NEW, false));
    snprintf(path, sizeof path, "%s/config.ini", run);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/thesis.tex", run);
    assert_int_equal(fg_file_replace(path, "x", 1, NULL), FG_OK);
    refuse(FG_E_USAGE, "found 'thesis.tex' in it");
    assert_true(exists("thesis.tex"));
    fg_rundir_close(open_run(FG_RUNDIR_NEW, true));
    assert_true(exists("thesis.tex"));
}

static void a_file_in_the_way_is_named(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/runs", fg_tmpdir);
    assert_int_equal(fg_file_replace(path, "x", 1, NULL), FG_OK);
    refuse(FG_E_MISSING, "/runs/x: could not create the run folder: Not a directory");
}

/* On 32 KiB the run may begin or not, but says which file did not fit and leaves nothing that began. */
static void a_full_disk_is_said_and_leaves_nothing(void **state)
{
    (void)state;
    char small[80];
    snprintf(small, sizeof small, "%s/small", fg_tmpdir);
    assert_int_equal(mkdir(small, 0700), 0);
    if (mount("tmpfs", small, "tmpfs", 0, "size=4096") != 0) {
        skip();
    }
    struct fg_rundir *d = NULL;
    struct fg_err err = {{0}};
    char path[128];
    snprintf(path, sizeof path, "%s/x", small);
    enum fg_status st = fg_rundir_open(&d, path, &cfg, false, 0, &err);
    int there = access(path, F_OK) == 0;
    fg_rundir_close(st == FG_OK ? d : NULL);
    umount(small);
    assert_int_equal(st, FG_E_FULL);
    assert_non_null(strstr(err.text, "No space left on device"));
    assert_non_null(strstr(err.text, path));
    assert_false(there);
}

static void damaged_parameters_are_refused(void **state)
{
    (void)state;
    char path[128];
    struct fg_str text = {0};
    struct fg_run_params p;
    struct fg_rundir *d = open_run(FG_RUNDIR_NEW, false);
    finish(d);
    fg_rundir_close(d);
    snprintf(path, sizeof path, "%s/run.h5", run);
    assert_int_equal(fg_file_read(&text, path, 1 << 24, NULL), FG_OK);
    const float needle = 3.25f;
    char *at = memmem(text.data, text.len, &needle, sizeof needle);
    assert_non_null(at);
    *at ^= 1;
    assert_int_equal(fg_file_replace(path, text.data, text.len, NULL), FG_OK);
    assert_int_equal(fg_run_params_read(&p, path, NULL), FG_E_INPUT);
    for (size_t len = 0; len < text.len; len += 97) { /* truncated anywhere: refused, never a crash */
        assert_int_equal(fg_file_replace(path, text.data, len, NULL), FG_OK);
        assert_int_equal(fg_run_params_read(&p, path, NULL), FG_E_INPUT);
    }
    fg_str_fini(&text);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(fg_run_params_read(&p, run, NULL), FG_E_MISSING);
    assert_int_equal(fg_run_params_read(&p, "/nowhere", NULL), FG_E_MISSING);
}

static void the_same_run_gives_the_same_bytes(void **state)
{
    (void)state;
    struct fg_str first = {0}, second = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/run.h5", run);
    for (int i = 0; i < 2; i++) {
        struct fg_rundir *d = open_run(FG_RUNDIR_NEW, i > 0);
        for (uint32_t r = 0; r < 100; r++) {
            add_round(d, r);
        }
        finish(d);
        fg_rundir_close(d);
        assert_int_equal(fg_file_read(i == 0 ? &first : &second, path, 1 << 24, NULL), FG_OK);
    }
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    fg_str_fini(&first);
    fg_str_fini(&second);
}

/* With the n-th allocation failing, a run folder is not there afterwards or can be opened again. */
static void opening_survives_every_failing_allocation(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        long left = n;
        struct fg_rundir *d = NULL;
        fg_mem_set_hook(fg_fail_nth, &left);
        enum fg_status st = fg_rundir_open(&d, run, &cfg, false, 0, NULL);
        fg_mem_set_hook(NULL, NULL);
        if (st == FG_OK) {
            assert_true(n > 10);
            fg_rundir_close(d);
            return;
        }
        assert_int_equal(st, FG_E_NOMEM);
        assert_false(exists("config.ini"));
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_run_goes_from_new_to_finished),
        T(before_the_first_checkpoint_nothing_counts),
        T(another_configuration_is_refused_by_key),
        T(a_held_folder_names_its_holder),
        T(damaged_rows_are_said_before_the_run_goes_on),
        T(a_damaged_header_of_the_board_is_made_good),
        T(what_a_failed_launch_leaves_is_its_own),
        T(foreign_files_are_left_alone),
        T(a_file_in_the_way_is_named),
        T(a_full_disk_is_said_and_leaves_nothing),
        T(damaged_parameters_are_refused),
        T(the_same_run_gives_the_same_bytes),
        T(opening_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
