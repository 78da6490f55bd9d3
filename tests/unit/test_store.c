/* Journal, checkpoints and records: bytes in, bytes out, and what a fault leaves behind. */
#include "tests/lib/test.h"
#include "tests/lib/tmpdir.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "src/base/mem.h"
#include "src/plan/outcome.h"
#include "src/store/checkpoint.h"
#include "src/store/columns.h"
#include "src/store/journal.h"
#include "src/store/summary.h"

static void write_journal(const char *path)
{
    struct fg_journal j;
    assert_int_equal(fg_journal_open(&j, path, NULL), FG_OK);
    assert_int_equal(fg_journal_add(&j, 7, "first", 5, NULL), FG_OK);
    assert_int_equal(fg_journal_add(&j, 8, "", 0, NULL), FG_OK);
    assert_int_equal(fg_journal_add(&j, 9, "third one", 9, NULL), FG_OK);
    fg_journal_close(&j);
}

static size_t count_records(const void *bytes, size_t len, uint64_t *at)
{
    struct fg_journal_record r;
    size_t n = 0;
    if (fg_journal_begin(at, bytes, len, NULL) != FG_OK) {
        return 0;
    }
    while (fg_journal_next(&r, at, bytes, len) == 1) {
        n++;
    }
    return n;
}

static void journal_reads_back_what_was_added(void **state)
{
    (void)state;
    struct fg_str text = {0};
    struct fg_journal_record r;
    uint64_t at = 0;
    const char *path = fg_tmpdir_file("journal");
    write_journal(path);
    assert_int_equal(fg_file_read(&text, path, 1 << 20, NULL), FG_OK);
    assert_int_equal(text.len, 16 + 3 * 16 + 14);
    assert_int_equal(fg_journal_begin(&at, text.data, text.len, NULL), FG_OK);
    assert_int_equal(fg_journal_next(&r, &at, text.data, text.len), 1);
    assert_int_equal(r.type, 7);
    assert_int_equal(r.len, 5);
    assert_memory_equal(r.payload, "first", 5);
    assert_int_equal(fg_journal_next(&r, &at, text.data, text.len), 1);
    assert_int_equal(r.len, 0);
    assert_int_equal(fg_journal_next(&r, &at, text.data, text.len), 1);
    assert_memory_equal(r.payload, "third one", 9);
    assert_int_equal(fg_journal_next(&r, &at, text.data, text.len), 0);
    fg_str_fini(&text);
}

/* Cut the file after every byte, and flip every byte: what was whole before it stays, the rest goes. */
static void a_torn_or_damaged_journal_keeps_what_is_before_it(void **state)
{
    (void)state;
    static const size_t ends[] = {16, 37, 53, 78}; /* header, after each record */
    struct fg_str text = {0};
    uint64_t at = 0;
    const char *path = fg_tmpdir_file("journal");
    write_journal(path);
    assert_int_equal(fg_file_read(&text, path, 1 << 20, NULL), FG_OK);
    for (size_t len = 0; len <= text.len; len++) {
        size_t whole = 0;
        while (whole < 3 && len >= ends[whole + 1]) {
            whole++;
        }
        assert_int_equal(count_records(text.data, len, &at), whole);
        struct fg_journal j;
        const char *torn = fg_tmpdir_file("torn");
        assert_int_equal(fg_file_replace(torn, text.data, len, NULL), FG_OK);
        assert_int_equal(fg_journal_open(&j, torn, NULL), FG_OK);
        assert_int_equal(j.file.len, ends[whole]);
        assert_int_equal(j.cut_bytes, len < 16 ? len : len - ends[whole]);
        assert_int_equal(fg_journal_add(&j, 1, "next", 4, NULL), FG_OK);
        fg_journal_close(&j);
        struct fg_str now = {0};
        assert_int_equal(fg_file_read(&now, torn, 1 << 20, NULL), FG_OK);
        assert_int_equal(count_records(now.data, now.len, &at), whole + 1);
        fg_str_fini(&now);
    }
    for (size_t i = 16; i < text.len; i++) {
        size_t whole = i < ends[1] ? 0 : i < ends[2] ? 1 : 2;
        text.data[i] ^= 0x40;
        assert_int_equal(count_records(text.data, text.len, &at), whole);
        text.data[i] ^= 0x40;
    }
    fg_str_fini(&text);
}

static void something_else_is_no_journal(void **state)
{
    (void)state;
    struct fg_journal j;
    struct fg_err err;
    char want[200];
    const char *path = fg_tmpdir_file("journal");
    assert_int_equal(fg_file_replace(path, "round,version\n1,2\n345", 20, NULL), FG_OK);
    assert_int_equal(fg_journal_open(&j, path, &err), FG_E_CORRUPT);
    snprintf(want, sizeof want, "%s: expected a journal, found no such header", path);
    assert_string_equal(err.text, want);
    fg_assert_file_is(path, "round,version\n1,2\n345", 20);
}

static void save_checkpoint(uint64_t sequence, const char *text)
{
    struct fg_checkpoint c = {.sequence = sequence,
                              .length = {sequence * 10, sequence * 20, sequence * 30},
                              .memory = {sequence * 40, sequence * 50},
                              .state = text,
                              .len = strlen(text)};
    assert_int_equal(fg_checkpoint_write(fg_tmpdir, &c, NULL), FG_OK);
}

static void load_is(uint64_t sequence, const char *text, int damaged)
{
    struct fg_checkpoint c;
    struct fg_str bytes = {0};
    struct fg_err warning = {{0}};
    assert_int_equal(fg_checkpoint_load(&c, &bytes, fg_tmpdir, NULL, &warning, NULL), FG_OK);
    assert_int_equal(c.sequence, sequence);
    assert_int_equal(c.len, strlen(text));
    assert_memory_equal(c.state, text, c.len);
    assert_int_equal(c.length[0], sequence * 10);
    assert_int_equal(c.length[2], sequence * 30);
    assert_int_equal(c.memory.generation, sequence * 40);
    assert_int_equal(c.memory.length, sequence * 50);
    assert_int_equal(warning.text[0] != '\0', damaged);
    fg_str_fini(&bytes);
}

static void the_newest_valid_checkpoint_counts(void **state)
{
    (void)state;
    struct fg_checkpoint c = {.sequence = 5};
    struct fg_str bytes = {0};
    struct fg_err err;
    assert_int_equal(fg_checkpoint_load(&c, &bytes, fg_tmpdir, NULL, NULL, NULL), FG_OK);
    assert_int_equal(c.sequence, 0);
    save_checkpoint(1, "one");
    load_is(1, "one", 0);
    save_checkpoint(2, "state two");
    load_is(2, "state two", 0);
    save_checkpoint(3, "three");
    load_is(3, "three", 0);
    int fd = open(fg_tmpdir_file("checkpoint.1"), O_WRONLY); /* the third */
    assert_int_equal(pwrite(fd, "?", 1, 60), 1);
    close(fd);
    load_is(2, "state two", 1);
    assert_int_equal(truncate(fg_tmpdir_file("checkpoint.0"), 30), 0);
    assert_int_equal(fg_checkpoint_load(&c, &bytes, fg_tmpdir, NULL, NULL, &err), FG_E_CORRUPT);
    assert_non_null(strstr(err.text, "checkpoint.0: expected a valid checksum"));
}

static struct fg_round_record some_round(uint32_t i)
{
    struct fg_round_record r = {
        .round = i,
        .version = i + 1,
        .t_begin = -1500000 + (fg_time_t)i * 3600 * FG_SECOND,
        .t_end = (fg_time_t)i * 3600 * FG_SECOND + 1,
        .n_available = 50,
        .n_used = 3,
        .steps_total = 18000000000000000000u,
        .uplink_bytes = 123456789012345,
        .energy_wh = 1.0 / 3.0,
        .carbon_g = 1e-7,
        .train_loss = i == 1 ? -1.0 : 2.25,
        .evaluation =
            {.have = i != 1, .have_clients = i == 2, .loss = 0.5, .accuracy = 0.1, .client_worst = 0.0625},
    };
    return r;
}

static void rounds_csv_reads_back_exactly(void **state)
{
    (void)state;
    struct fg_str text = {0};
    struct fg_round_record *rows = NULL;
    struct fg_err err;
    size_t n = 0;
    assert_int_equal(fg_rounds_header(&text), FG_OK);
    for (uint32_t i = 0; i < 3; i++) {
        struct fg_round_record r = some_round(i);
        assert_int_equal(fg_rounds_row(&text, &r), FG_OK);
    }
    assert_non_null(strstr(text.data,
                           "\n0,1,-1.500000,0.000001,50,0,3,0,0,0,18000000000000000000,0,123456789012345,0,"
                           "0.3333333333333333,1e-07,0,0,2.25,0.5,0.1,,,\n"));
    assert_non_null(strstr(text.data, ",,,,,,\n2,")); /* no loss, no evaluation in round 1 */
    size_t whole = text.len;
    assert_int_equal(fg_str_addf(&text, "3,4,17"), FG_OK); /* being written */
    assert_int_equal(fg_rounds_read(&rows, &n, text.data, text.len, NULL), FG_OK);
    assert_int_equal(n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        struct fg_round_record want = some_round(i);
        assert_true(rows[i].round == i && rows[i].steps_total == want.steps_total);
        assert_true(rows[i].t_begin == want.t_begin && rows[i].t_end == want.t_end);
        fg_assert_close(rows[i].energy_wh, want.energy_wh, 0);
        fg_assert_close(rows[i].train_loss, want.train_loss, 0);
        assert_int_equal(rows[i].evaluation.have, want.evaluation.have);
        assert_int_equal(rows[i].evaluation.have_clients, want.evaluation.have_clients);
    }
    fg_assert_close(rows[2].evaluation.client_worst, 0.0625, 0);
    fg_free(rows);
    struct fg_round_record diverged = some_round(0); /* losses that are no numbers are read all the same */
    diverged.train_loss = INFINITY;
    diverged.evaluation.loss = -NAN;
    text.len = whole;
    assert_int_equal(fg_rounds_row(&text, &diverged), FG_OK);
    assert_int_equal(fg_rounds_read(&rows, &n, text.data, text.len, NULL), FG_OK);
    assert_true(n == 4 && isnan(rows[3].evaluation.loss) && isinf(rows[3].train_loss));
    fg_free(rows);
    text.data[whole - 3] = 'x';
    assert_int_equal(fg_rounds_read(&rows, &n, text.data, text.len, &err), FG_E_CORRUPT);
    assert_non_null(strstr(err.text, "rounds.csv:4: expected a row of numbers"));
    assert_int_equal(fg_rounds_read(&rows, &n, "round,\n", 7, &err), FG_E_CORRUPT);
    fg_str_fini(&text);
}

static void participation_rows_read_back(void **state)
{
    (void)state;
    struct fg_str text = {0};
    struct fg_participation out,
        p = {3,  4000000000u, FG_VERDICT_LATE, 17, 18, 6, 1ull << 40, 5, 0.1, -2.5, 3e-9,
             -7, 99,          1ull << 33,      21};
    size_t n = 0;
    assert_int_equal(fg_parts_header(&text), FG_OK);
    assert_int_equal(text.len, FG_PARTS_HEADER);
    assert_int_equal(fg_parts_row(&text, &p), FG_OK);
    assert_int_equal(text.len, FG_PARTS_HEADER + FG_PARTS_ROW);
    assert_int_equal(fg_parts_row(&text, &p), FG_OK);
    assert_int_equal(fg_parts_count(&n, text.data, text.len - 1, NULL), FG_OK);
    assert_int_equal(n, 1); /* a torn row is none */
    fg_parts_at(&out, text.data, 0);
    assert_true(out.round == 3 && out.client == 4000000000u && out.verdict == FG_VERDICT_LATE &&
                out.steps == 17);
    assert_true(out.steps_planned == 18 && out.bytes_up == 1ull << 40 && out.bytes_down == 5);
    assert_true(out.t_begin == -7 && out.t_end == 99 && out.shard_bytes == 1ull << 33 && out.shard == 21);
    fg_assert_close(out.carbon_g, -2.5, 0);
    fg_assert_close(out.loss, 3e-9, 0);
    assert_int_equal(fg_parts_count(&n, "FGPARTS1\x4f\0\0\0\0\0\0\0", 16, NULL), FG_E_VERSION);
    assert_int_equal(fg_parts_count(&n, "x", 1, NULL), FG_E_CORRUPT);
    fg_str_fini(&text);
}

static void summary_is_json_with_null_for_unknown(void **state)
{
    (void)state;
    struct fg_summary s = {.name = "a\"b\\\n",
                           .status = "running",
                           .version = "1",
                           .seed = UINT64_MAX >> 1,
                           .clients = 7,
                           .accuracy = -1,
                           .loss = 0.1,
                           .rounds_to_target = -1,
                           .client_accuracy_mean = -1};
    struct fg_str text = {0};
    json_t *j = NULL;
    assert_int_equal(fg_summary_json(&text, &s), FG_OK);
    const char *path = fg_tmpdir_file("summary.json");
    assert_int_equal(fg_file_replace(path, text.data, text.len, NULL), FG_OK);
    assert_int_equal(fg_summary_load(&j, path, NULL), FG_OK);
    assert_string_equal(json_string_value(json_object_get(j, "name")), "a\"b\\\n");
    assert_true(json_is_null(json_object_get(j, "accuracy")));
    assert_true(json_is_null(json_object_get(j, "rounds_to_target")));
    assert_non_null(strstr(text.data, "\"loss\": 0.1,"));
    static const char *const keys[] = {
        "rounds",          "accuracy",     "loss",     "target_accuracy", "rounds_to_target", "params_sha256",
        "virtual_s",       "wall_s",       "saving_s", "uplink_bytes",    "downlink_bytes",   "energy_wh",
        "saving_memory_s", "memory_bytes", "carbon_g", "steps_total",     "steps_wasted",     "updates_used",
        "updates_lost",    "clients",      "seed",     "version"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_non_null(json_object_get(j, keys[i]));
    }
    json_decref(j);
    struct fg_err err;
    assert_int_equal(fg_file_replace(path, "{\"a\": ", 6, NULL), FG_OK);
    assert_int_equal(fg_summary_load(&j, path, &err), FG_E_CORRUPT);
    assert_non_null(strstr(err.text, "summary.json:1: expected a JSON object"));
    fg_str_fini(&text);
}

/* Everything that allocates, once; with the n-th allocation failing it says so, leaks nothing and can be
 * repeated. */
static enum fg_status once(void)
{
    struct fg_str text = {0}, bytes = {0};
    struct fg_round_record r = some_round(0), *rows = NULL;
    struct fg_summary s = {.name = "x", .status = "running", .version = "1"};
    struct fg_checkpoint c = {.sequence = 1, .state = "state", .len = 5}, back;
    struct fg_journal j = {.file = {.fd = -1}};
    size_t n = 0;
    enum fg_status st = FG_OK;
    FG_TRY(fg_rounds_header(&text));
    FG_TRY(fg_rounds_row(&text, &r));
    FG_TRY(fg_rounds_read(&rows, &n, text.data, text.len, NULL));
    FG_TRY(fg_summary_json(&text, &s));
    FG_TRY(fg_checkpoint_write(fg_tmpdir, &c, NULL));
    FG_TRY(fg_checkpoint_load(&back, &bytes, fg_tmpdir, NULL, NULL, NULL));
    FG_TRY(fg_journal_open(&j, fg_tmpdir_file("journal"), NULL));
    FG_TRY(fg_journal_add(&j, 1, "x", 1, NULL));
cleanup:
    fg_journal_close(&j);
    fg_free(rows);
    fg_str_fini(&text);
    fg_str_fini(&bytes);
    return st;
}

static void every_failing_allocation_is_survived(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        long left = n;
        fg_mem_set_hook(fg_fail_nth, &left);
        enum fg_status st = once();
        fg_mem_set_hook(NULL, NULL);
        if (st == FG_OK) {
            assert_true(n > 10);
            return;
        }
        assert_int_equal(st, FG_E_NOMEM);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fg_tmpdir_set_up, fg_tmpdir_tear_down)
    const struct CMUnitTest tests[] = {

        T(journal_reads_back_what_was_added),     T(a_torn_or_damaged_journal_keeps_what_is_before_it),
        T(something_else_is_no_journal),          T(the_newest_valid_checkpoint_counts),
        T(rounds_csv_reads_back_exactly),         T(participation_rows_read_back),
        T(summary_is_json_with_null_for_unknown), T(every_failing_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
