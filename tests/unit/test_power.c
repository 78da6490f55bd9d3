/* A power cut: of every file, what is there afterwards is what was synced, and a folder's names are those of
 * its last sync. fsync and fdatasync are ours here and note that; then a folder is made of it, and must be
 * one that goes on from the last checkpoint. */
#include "tests/lib/test.h"
#include "tests/lib/tmpdir.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/plan/outcome.h"
#include "src/store/rundir.h"

/* A state that is text. */
static enum fg_status put_text(const void *text, struct fg_str *out)
{
    return fg_str_add(out, text, strlen(text));
}

enum { FILES = 32, CLIENTS = 5, PARAMS = 9 };

static char run[80], after[80];

/* What the disk has of a file that was synced, by its inode. */
static struct durable {
    ino_t inode;
    struct fg_str bytes;
} durable[FILES];
/* What names it has for them, since the folder was synced. */
static struct entry {
    char name[64];
    ino_t inode;
} entry[FILES];
static size_t n_durable, n_entry;
static bool looking; /* at what a cut left: not at the run */

static void note_file(int fd, const struct stat *sb)
{
    size_t i = 0;
    while (i < n_durable && durable[i].inode != sb->st_ino) {
        i++;
    }
    assert_true(i < FILES);
    n_durable += i == n_durable;
    char path[64], *bytes = malloc((size_t)sb->st_size + 1);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_RDONLY);
    assert_true(bytes != NULL && again >= 0);
    assert_int_equal(pread(again, bytes, (size_t)sb->st_size, 0), sb->st_size);
    close(again);
    durable[i].inode = sb->st_ino;
    durable[i].bytes.len = 0;
    assert_int_equal(fg_str_add(&durable[i].bytes, bytes, (size_t)sb->st_size), FG_OK);
    free(bytes);
}

static void note_folder(int fd)
{
    DIR *d = fdopendir(dup(fd));
    rewinddir(d);
    n_entry = 0;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        struct stat sb;
        if (e->d_name[0] != '.') {
            assert_true(n_entry < FILES && strlen(e->d_name) < sizeof entry->name);
            assert_int_equal(fstatat(fd, e->d_name, &sb, 0), 0);
            memcpy(entry[n_entry].name, e->d_name, strlen(e->d_name) + 1);
            entry[n_entry++].inode = sb.st_ino;
        }
    }
    closedir(d);
}

static int synced(int fd)
{
    struct stat sb;
    if (!looking && fstat(fd, &sb) == 0) {
        if (S_ISDIR(sb.st_mode)) {
            note_folder(fd);
        } else {
            note_file(fd, &sb);
        }
    }
    return 0;
}

int fsync(int fd);
int fdatasync(int fd);

int fsync(int fd)
{
    return synced(fd);
}

int fdatasync(int fd)
{
    return synced(fd);
}

/* The folder as it is found when the power is back: a name whose file was never synced has nothing in it. */
static void cut_power(void)
{
    fg_tmpdir_remove(after);
    assert_int_equal(mkdir(after, 0700), 0);
    for (size_t i = 0; i < n_entry; i++) {
        char path[80 + sizeof entry[i].name];
        snprintf(path, sizeof path, "%.79s/%.63s", after, entry[i].name);
        size_t k = 0;
        while (k < n_durable && durable[k].inode != entry[i].inode) {
            k++;
        }
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_true(fd >= 0);
        if (k < n_durable) {
            assert_int_equal(write(fd, durable[k].bytes.data, durable[k].bytes.len), durable[k].bytes.len);
        }
        close(fd);
    }
}

static void count_rounds(const char *folder, size_t want)
{
    char path[128];
    struct fg_str text = {0};
    snprintf(path, sizeof path, "%s/rounds.csv", folder);
    assert_int_equal(fg_file_read(&text, path, 1 << 20, NULL), FG_OK);
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++) {
        lines += text.data[i] == '\n';
    }
    assert_int_equal(lines, want + 1);
    fg_str_fini(&text);
}

/* As the run was at its last checkpoint, after `rounds` rounds; before the first, as new. */
static void goes_on(const struct fg_config *cfg, uint32_t rounds, float rows[CLIENTS][PARAMS])
{
    struct fg_rundir *d = NULL;
    struct fg_str state = {0};
    struct fg_err err = {{0}};
    uint64_t journal = 0;
    char want[24] = "";
    cut_power();
    looking = true;
    if (rounds > 0) {
        snprintf(want, sizeof want, "after %u", rounds);
    }
    enum fg_status st = fg_rundir_open(&d, after, cfg, false, 0, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(st, FG_OK);
    assert_int_equal(fg_rundir_state(d), FG_RUNDIR_RESUME);
    assert_int_equal(fg_rundir_remember(d, CLIENTS, PARAMS, false, NULL), FG_OK);
    st = fg_rundir_resume(d, &state, &journal, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(st, FG_OK);
    assert_int_equal(state.len, strlen(want));
    assert_true(state.len == 0 || memcmp(state.data, want, state.len) == 0);
    assert_memory_equal(fg_memory_rows(fg_rundir_memory(d)).row, rows, sizeof(float[CLIENTS][PARAMS]));
    count_rounds(after, rounds);
    fg_str_fini(&state);
    fg_rundir_close(d);
    looking = false;
}

static void a_power_cut_costs_what_came_after_the_last_checkpoint(void **state)
{
    (void)state;
    struct fg_config cfg;
    struct fg_rundir *d = NULL;
    struct fg_err err = {{0}};
    float rows[CLIENTS][PARAMS] = {{0}}, saved[CLIENTS][PARAMS] = {{0}};
    uint32_t last = 0;
    snprintf(run, sizeof run, "%s/run", fg_tmpdir);
    snprintf(after, sizeof after, "%s/after", fg_tmpdir);
    assert_int_equal(fg_config_init(&cfg), FG_OK);
    assert_int_equal(fg_rundir_open(&d, run, &cfg, false, 0, &err), FG_OK);
    assert_int_equal(fg_rundir_remember(d, CLIENTS, PARAMS, false, &err), FG_OK);
    goes_on(&cfg, 0, saved);
    for (uint32_t round = 0; round < 40; round++) {
        struct fg_round_record r = {.round = round, .version = round + 1, .train_loss = 1.0};
        struct fg_participation p = {.round = round, .client = round % CLIENTS, .verdict = FG_VERDICT_USED};
        struct fg_rule_rows mem = fg_memory_rows(fg_rundir_memory(d));
        for (uint32_t i = 0; i < PARAMS; i++) {
            rows[round % CLIENTS][i] = mem.row[round % CLIENTS * PARAMS + i] =
                (float)(round * PARAMS + i + 1);
        }
        mem.changed[round % CLIENTS] = 1;
        assert_int_equal(fg_rundir_round(d, &r, &p, 1, &err), FG_OK);
        assert_int_equal(fg_journal_add(fg_rundir_journal(d), 1, "event", 5, &err), FG_OK);
        if (round % 3 == 1) {
            char text[24];
            struct fg_summary s = {.name = "x", .status = "running", .version = "0"};
            last = round + 1;
            snprintf(text, sizeof text, "after %u", last);
            assert_int_equal(fg_rundir_checkpoint(d, put_text, text, &s, &err), FG_OK);
            memcpy(saved, rows, sizeof rows);
        }
        goes_on(&cfg, last, saved);
    }
    assert_true(last > 30);
    fg_rundir_close(d);
    fg_config_fini(&cfg);
    for (size_t i = 0; i < FILES; i++) {
        fg_str_fini(&durable[i].bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
        a_power_cut_costs_what_came_after_the_last_checkpoint, fg_tmpdir_set_up, fg_tmpdir_tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
