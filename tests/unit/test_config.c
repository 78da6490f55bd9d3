#include "tests/lib/test.h"

#include <stdlib.h>

#include "src/base/mem.h"
#include "src/config/option.h"

static const struct fg_config_origin FILE_INI = {"file.ini", "/home/me/runs", "/data"};
static const struct fg_config_origin SET = {"--set", "/cwd", NULL};

static void parse_ok(struct fg_config *c, const char *text)
{
    struct fg_err err = {{0}};
    assert_int_equal(fg_config_init(c), FG_OK);
    enum fg_status st = fg_config_parse(c, text, strlen(text), &FILE_INI, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(st, FG_OK);
}

static void refused(const char *text, const char *message)
{
    struct fg_config c;
    struct fg_err err = {{0}};
    assert_int_equal(fg_config_init(&c), FG_OK);
    enum fg_status st = fg_config_parse(&c, text, strlen(text), &FILE_INI, &err);
    fg_config_fini(&c);
    assert_string_equal(err.text, message);
    assert_int_equal(st, FG_E_CONFIG);
}

static void init_gives_the_documented_defaults(void **state)
{
    (void)state;
    struct fg_config c;
    assert_int_equal(fg_config_init(&c), FG_OK);
    assert_int_equal(c.run.rounds, 100);
    assert_int_equal(c.run.seed, 1);
    assert_int_equal(c.run.kernels, FG_OPT_KERNELS_AUTO);
    assert_true(c.time.start == FG_NEVER);
    assert_false(c.run.stop_at_target);
    fg_assert_close(c.train.lr, 0.1, 0);
    fg_assert_close(c.aggregate.tau, 1e-3, 0);
    assert_string_equal(c.select.policy, "uniform");
    assert_string_equal(c.wire.codec, "none");
    assert_int_equal(c.carbon.traces.n, 0);
    assert_string_equal(fg_config_where(&c, "run.rounds"), "default");
    fg_config_fini(&c);
}

static void parse_reads_every_type(void **state)
{
    (void)state;
    struct fg_config c;
    parse_ok(&c, "; a comment\n"
                 "[run]\r\n"
                 "rounds = 7\n"
                 "seed=9223372036854775807\n"
                 "kernels = avx2 ; inline comment\n"
                 "stop_at_target = yes\n"
                 "name = my run\n"
                 "[train]\n"
                 "lr = 2.5e-2\n"
                 "[time]\n"
                 "start = 2024-02-29T12:30:05Z\n"
                 "[run]\n"
                 "threads = 3\n");
    assert_int_equal(c.run.rounds, 7);
    assert_true(c.run.seed == INT64_MAX);
    assert_int_equal(c.run.kernels, FG_OPT_KERNELS_AVX2);
    assert_true(c.run.stop_at_target);
    assert_string_equal(c.run.name, "my run");
    fg_assert_close(c.train.lr, 0.025, 0);
    assert_true(c.time.start == 1709209805 * FG_SECOND); /* date -d 2024-02-29T12:30:05Z +%s */
    assert_int_equal(c.run.threads, 3);
    assert_string_equal(fg_config_where(&c, "run.threads"), "file.ini:13");
    fg_config_fini(&c);
}

static void choices_have_the_values_of_their_names(void **state)
{
    (void)state;
    struct fg_config c;
    parse_ok(&c, "[run]\nkernels=reference\nclock=real\npace=continuous\n"
                 "[data]\nplacement=movable\npartition=groups\ncoupling=rare-carbon\nscale=none\n"
                 "[aggregate]\nweights=uniform\nover=all\n[train]\nschedule=cosine\non_leave=hand_back\n");
    assert_int_equal(c.run.kernels, FG_OPT_KERNELS_REFERENCE);
    assert_int_equal(c.run.clock, FG_OPT_CLOCK_REAL);
    assert_int_equal(c.run.pace, FG_OPT_PACE_CONTINUOUS);
    assert_int_equal(c.data.placement, FG_OPT_PLACEMENT_MOVABLE);
    assert_int_equal(c.data.partition, FG_OPT_PARTITION_GROUPS);
    assert_int_equal(c.data.coupling, FG_OPT_COUPLING_RARE_CARBON);
    assert_int_equal(c.data.scale, FG_OPT_SCALE_NONE);
    assert_int_equal(c.aggregate.weights, FG_OPT_WEIGHTS_UNIFORM);
    assert_int_equal(c.aggregate.over, FG_OPT_OVER_ALL);
    assert_int_equal(c.train.schedule, FG_OPT_SCHEDULE_COSINE);
    assert_int_equal(c.train.on_leave, FG_OPT_ON_LEAVE_HAND_BACK);
    fg_config_fini(&c);
    parse_ok(&c, "[run]\nkernels=avx512\n[data]\npartition=shards\ncoupling=labels-availability\n"
                 "[train]\nschedule=step\n");
    assert_int_equal(c.run.kernels, FG_OPT_KERNELS_AVX512);
    assert_int_equal(c.data.partition, FG_OPT_PARTITION_SHARDS);
    assert_int_equal(c.data.coupling, FG_OPT_COUPLING_LABELS_AVAILABILITY);
    assert_int_equal(c.train.schedule, FG_OPT_SCHEDULE_STEP);
    fg_config_fini(&c);
}

static void lists_continue_on_indented_lines(void **state)
{
    (void)state;
    struct fg_config c;
    parse_ok(&c, "[carbon]\ntraces = DE=de.csv, FR=../fr.csv.gz,\n"
                 "\n"
                 "    # a comment between\n"
                 "    US-CAL = /abs/cal.csv\n"
                 "\tSE=./se.csv\n"
                 "pue = 1.5\n"
                 "[model]\nlayers = conv2d(32, 5),\n   relu\n   dense(10)\n");
    assert_int_equal(c.carbon.traces.n, 4);
    assert_string_equal(c.carbon.traces.item[0].name, "DE");
    assert_string_equal(c.carbon.traces.item[0].path, "/home/me/runs/de.csv");
    assert_string_equal(c.carbon.traces.item[1].path, "/home/me/fr.csv.gz");
    assert_string_equal(c.carbon.traces.item[2].name, "US-CAL");
    assert_string_equal(c.carbon.traces.item[2].path, "/abs/cal.csv");
    assert_string_equal(c.carbon.traces.item[3].path, "/home/me/runs/se.csv");
    fg_assert_close(c.carbon.pue, 1.5, 0);
    assert_string_equal(c.model.layers, "conv2d(32, 5), relu, dense(10)");
    fg_config_fini(&c);
}

/* The folder of a study may have a comma in its name: what is saved is read again. */
static void paths_of_a_list_may_have_commas(void **state)
{
    (void)state;
    struct fg_config c, again;
    struct fg_str saved = {0};
    struct fg_err err = {{0}};
    parse_ok(&c, "[carbon]\ntraces = DE=/a, b/c,d.csv,FR = x,,\n  SE=/e,\n");
    assert_int_equal(c.carbon.traces.n, 3);
    assert_string_equal(c.carbon.traces.item[0].path, "/a, b/c,d.csv");
    assert_string_equal(c.carbon.traces.item[1].name, "FR");
    assert_string_equal(c.carbon.traces.item[1].path, "/home/me/runs/x");
    assert_string_equal(c.carbon.traces.item[2].path, "/e");
    assert_int_equal(fg_config_save(&saved, &c, &err), FG_OK);
    parse_ok(&again, saved.data);
    assert_int_equal(again.carbon.traces.n, 3);
    assert_string_equal(again.carbon.traces.item[0].path, "/a, b/c,d.csv");
    fg_str_fini(&saved);
    fg_config_fini(&again);
    fg_config_fini(&c);
}

/* A path is saved with the folder of its file: that, too, must be what INI text can hold. */
static void folders_that_cannot_be_saved_are_refused(void **state)
{
    (void)state;
    static const char *const folder[] = {"/home/a ;b", "/home/a\tb", "/home/a, b=c"};
    static const char *const why[] = {
        "file.ini:2: carbon.traces: expected text without a ';' after a blank, its folder's name included "
        "('/home/a ;b/x'), found 'DE=x'",
        "file.ini:2: carbon.traces: expected text without control characters, its folder's name included "
        "('/home/a\tb/x'), found 'DE=x'",
        "file.ini:2: carbon.traces: expected paths without ',' before '=' ('/home/a, b=c/x'), found 'DE=x'"};
    for (size_t i = 0; i < 3; i++) {
        struct fg_config_origin from = {.name = "file.ini", .folder = folder[i]};
        struct fg_config c;
        struct fg_err err = {{0}};
        const char *text = "[carbon]\ntraces = DE=x\n";
        assert_int_equal(fg_config_init(&c), FG_OK);
        assert_int_equal(fg_config_parse(&c, text, strlen(text), &from, &err), FG_E_CONFIG);
        assert_string_equal(err.text, why[i]);
        fg_config_fini(&c);
    }
}

static void a_backslash_continues_any_value(void **state)
{
    (void)state;
    struct fg_config c;
    parse_ok(&c, "[data]\npath = /a/very/long\\\n    /path\\\n  .h5\n");
    assert_string_equal(c.data.path, "/a/very/long/path.h5");
    fg_config_fini(&c);
}

static void paths_are_relative_to_their_origin(void **state)
{
    (void)state;
    struct fg_config c;
    parse_ok(&c, "[data]\npath = $FORAGE_DATA/mnist\ncache = c\n[model]\nfrom =\n");
    assert_string_equal(c.data.path, "/data/mnist");
    assert_string_equal(c.data.cache, "/home/me/runs/c");
    assert_string_equal(c.model.from, "");
    assert_int_equal(fg_config_set(&c, "data.path=x.h5", &SET, NULL), FG_OK);
    assert_string_equal(c.data.path, "/cwd/x.h5");
    assert_int_equal(fg_config_set(&c, "data.path=./../../../a/../b", &SET, NULL), FG_OK);
    assert_string_equal(c.data.path, "/a/../b");
    assert_string_equal(fg_config_where(&c, "data.path"), "--set");
    assert_int_equal(fg_config_set(&c, "data.path=synthetic:1,1", &SET, NULL), FG_OK);
    assert_string_equal(c.data.path, "synthetic:1,1");
    fg_config_fini(&c);
}

static void a_wrong_line_names_place_expected_and_found(void **state)
{
    (void)state;
    refused("[run]\nround = 3\n",
            "file.ini:2: run.round: expected a known key (the nearest is 'run.rounds'), found 'round'");
    refused("[train]\nepochs = 1\n[run]\n\nlr = 3\n",
            "file.ini:5: run.lr: expected a known key (the nearest is 'train.lr'), found 'lr'");
    refused("[run]\nclients_per_round = 3\n",
            "file.ini:2: run.clients_per_round: expected a known key (the nearest is 'run.rounds'), found "
            "'clients_per_round'");
    refused(
        "[run]\nstrategy = x\n",
        "file.ini:2: run.strategy: expected a known key (`forage options run` lists them), found 'strategy'");
    refused(
        "[run]\nrounds = 4 # four\n",
        "file.ini:2: run.rounds: expected an integer in 1..1000000000, found '4 # four' (behind a value a "
        "comment begins with ' ;')");
    refused("[data]\npath = \"x.h5\"\n",
            "file.ini:2: data.path: expected a bare path, found '\"x.h5\"' (a value stands "
            "without quotes)");
    refused(
        "[data]\npath = ~/x.h5\n",
        "file.ini:2: data.path: expected a path that begins with a folder's name, ~ is not understood, found "
        "'~/x.h5'");
    refused("# levels\n[sweep]\n",
            "file.ini:2: expected a study, found [sweep]: a sweep (forage sweep FILE)");
    refused("[runs]\n", "file.ini:1: expected a known section, found [runs]; the nearest is [run]");
    refused("[run]\nrounds = ten\n",
            "file.ini:2: run.rounds: expected an integer in 1..1000000000, found 'ten'");
    refused("[run]\nrounds = 0\n", "file.ini:2: run.rounds: expected an integer in 1..1000000000, found '0'");
    refused("[run]\nrounds = -4\n",
            "file.ini:2: run.rounds: expected an integer in 1..1000000000, found '-4'");
    refused("[run]\nrounds = 99999999999999999999\n",
            "file.ini:2: run.rounds: expected an integer in 1..1000000000, found '99999999999999999999'");
    refused("[train]\nlr = 0\n",
            "file.ini:2: train.lr: expected a number above 0, at most 1000000, found '0'");
    refused("[train]\nlr = nan\n",
            "file.ini:2: train.lr: expected a number above 0, at most 1000000, found 'nan'");
    refused("[run]\nkernels = sse\n",
            "file.ini:2: run.kernels: expected auto|avx512|avx2|reference, found 'sse'");
    refused("[time]\nwrap = maybe\n", "file.ini:2: time.wrap: expected yes|no, found 'maybe'");
    refused("[time]\nstart = 2023-02-29\n",
            "file.ini:2: time.start: expected a UTC time such as 2024-03-01T00:00:00Z, found '2023-02-29'");
    refused("[run]\nrounds = 3\nseed = 1\nrounds = 4\n",
            "file.ini:4: run.rounds: expected once, found again (first on line 2)");
    refused("[run]\nrounds = 3\n  4\n",
            "file.ini:3: run.rounds: expected no indented line after this key (it is no list), found '4'");
    refused("[run]\nrounds\nseed = x\n", "file.ini:2: expected 'key = value' or '[section]', found neither");
    refused("rounds = 3\n", "file.ini:1: expected a [section] first, found key 'rounds'");
    refused("[run\nrounds = 3\n", "file.ini:1: expected ']' at the end of the section's name, found '[run'");
    refused("[carbon]\ntraces = DE\n",
            "file.ini:2: carbon.traces: expected NAME=path, separated by commas or lines, found 'DE'");
    refused("[carbon]\ntraces = DE=a, DE=b\n",
            "file.ini:2: carbon.traces: expected each NAME once ('DE' is there twice), found 'DE=a, DE=b'");
    refused("[data]\npath = /a\\\n", "file.ini:2: data.path: expected an indented line after the backslash");
    refused("[run]\nname = a\x01z\n", "file.ini:2: expected text, found the control character 1");
    refused("[run]\nname = M\xfcnchen\n",
            "file.ini:2: expected text in UTF-8, found the byte 0xfc in 'name = M?nchen'");
    refused("# 3 \xb0\n[run]\n", "file.ini:1: expected text in UTF-8, found the byte 0xb0 in '# 3 ?'");
    refused("[run]\nname = \xe2\x82", "file.ini:2: expected text in UTF-8, found the byte 0xe2 in 'name = ?"
                                      "?'");
}

static void a_long_line_is_refused_not_cut(void **state)
{
    (void)state;
    char text[600] = "[run]\n\nname = ";
    size_t head = strlen(text), at = head;
    while (at < head + FG_CONFIG_LINE_MAX - 7) { /* "name = " has seven bytes */
        text[at++] = 'x';
    }
    memcpy(text + at, "\nseed = 5\n", 11);
    struct fg_config c;
    parse_ok(&c, text); /* the longest that goes */
    assert_int_equal(strlen(c.run.name), FG_CONFIG_LINE_MAX - 7);
    assert_int_equal(c.run.seed, 5);
    fg_config_fini(&c);
    memcpy(text + at, "x\nseed = 5\n", 12);
    refused(text,
            "file.ini:3: expected at most 196 bytes in a line (continue a long value on indented lines), "
            "found 197 in 'name = xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'");
}

static void set_names_itself_in_errors_and_changes_nothing(void **state)
{
    (void)state;
    struct fg_config c;
    struct fg_err err;
    assert_int_equal(fg_config_init(&c), FG_OK);
    assert_int_equal(fg_config_set(&c, "run.rounds=x", &SET, &err), FG_E_CONFIG);
    assert_string_equal(err.text, "--set: run.rounds: expected an integer in 1..1000000000, found 'x'");
    assert_int_equal(c.run.rounds, 100);
    assert_int_equal(fg_config_set(&c, "run.name=M\xfcnchen", &SET, &err), FG_E_CONFIG);
    assert_string_equal(err.text,
                        "--set: run.name: expected text in UTF-8 (the byte 0xfc is none), found 'M?nchen'");
    const struct fg_config_origin latin = {"--set", "/M\xfcnchen", NULL};
    assert_int_equal(fg_config_set(&c, "data.path=x.h5", &latin, &err), FG_E_CONFIG);
    assert_string_equal(err.text,
                        "--set: data.path: expected text in UTF-8 (the byte 0xfc is none), its folder's name "
                        "included ('/M?nchen/x.h5'), found 'x.h5'");
    assert_int_equal(fg_config_set(&c, "rounds=3", &SET, &err), FG_E_CONFIG);
    assert_string_equal(err.text, "--set: expected section.key=value, found 'rounds=3'");
    assert_int_equal(fg_config_set(&c, "carbon.trace=DE=x", &SET, &err), FG_E_CONFIG);
    assert_string_equal(err.text,
                        "--set: carbon.trace: expected a known key (the nearest is 'carbon.traces'), "
                        "found 'trace'");
    assert_int_equal(fg_config_set(&c, "data.path=$FORAGE_DATA/x", &SET, &err), FG_E_CONFIG);
    assert_string_equal(err.text,
                        "--set: data.path: expected the environment variable FORAGE_DATA to name the "
                        "folder of data sets, found '$FORAGE_DATA/x'");
    assert_int_equal(fg_config_reject(&c, "select.policy", &err, "one of %s", "all, uniform"), FG_E_CONFIG);
    assert_string_equal(err.text, "default: select.policy: expected one of all, uniform, found 'uniform'");
    assert_int_equal(fg_config_parse(&c, "", 0, &FILE_INI, NULL), FG_OK);
    assert_int_equal(fg_config_reject(&c, "data.path", &err, "a file"), FG_E_CONFIG);
    assert_string_equal(err.text, "file.ini (default): data.path: expected a file, found nothing");
    fg_config_fini(&c);
}

/* Any value of a type, from a counter, in ways that are hard to write down. */
static void scramble(struct fg_config *c, unsigned salt)
{
    char set[2000], long_path[1200];
    for (size_t i = 0; i < FG_OPTION_COUNT; i++) {
        const struct fg_option *o = &fg_options[i];
        const char *value = "";
        char number[40];
        memset(long_path, 0, sizeof long_path);
        static const char *const letters[] = {"/", "a", "b", "c", " ", "d", ";", "#",
                                              "[", "x", "]", "=", ":", ",", "é"};
        for (size_t k = 0; strlen(long_path) < 150 + (i * 37 + salt * 101) % 900; k++) {
            strcat(long_path, letters[(k * 7 + i + salt) % 15]);
        }
        switch (o->type) {
        case FG_OPTION_UINT:
            snprintf(number, sizeof number, "%.0f", salt % 2 != 0 ? o->max : o->min);
            value = number;
            break;
        case FG_OPTION_U64:
            value = "1234567890123456789";
            break;
        case FG_OPTION_REAL:
            snprintf(number, sizeof number, "%.17g", o->min + (o->max - o->min) / (3.0 + salt));
            value = number;
            break;
        case FG_OPTION_BOOL:
            value = salt % 2 != 0 ? "on" : "false";
            break;
        case FG_OPTION_CHOICE:
            value = strrchr(o->choices, '|') + 1;
            break;
        case FG_OPTION_TIME:
            value = salt % 2 != 0 ? "1969-12-31T23:59:59Z" : "2100-03-01";
            break;
        case FG_OPTION_MAP:
            value =
                "A=a/b c, "
                "B-1=/d\nC=deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/"
                "deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/x";
            break;
        default:
            for (char *p = long_path; *p != '\0'; p++) { /* no blank or ';' beside each other: refused */
                if (*p == ';' && (p == long_path || p[-1] == ' ')) {
                    *p = 'x';
                }
            }
            value = long_path;
        }
        snprintf(set, sizeof set, "%s=%s", o->key, value);
        struct fg_err err = {{0}};
        enum fg_status st = fg_config_set(c, set, &SET, &err);
        assert_string_equal(err.text, "");
        assert_int_equal(st, FG_OK);
    }
}

static void save_parses_back_to_the_same_values(void **state)
{
    (void)state;
    for (unsigned salt = 0; salt < 40; salt++) {
        struct fg_config a, b;
        struct fg_str first = {0}, second = {0};
        struct fg_err err = {{0}};
        static const struct fg_config_origin elsewhere = {"config.ini", "/somewhere/else", NULL};
        assert_int_equal(fg_config_init(&a), FG_OK);
        if (salt > 0) {
            scramble(&a, salt);
        }
        assert_int_equal(fg_config_save(&first, &a, &err), FG_OK);
        assert_int_equal(fg_config_init(&b), FG_OK);
        enum fg_status st = fg_config_parse(&b, first.data, first.len, &elsewhere, &err);
        assert_string_equal(err.text, "");
        assert_int_equal(st, FG_OK);
        const char *key = "?";
        assert_int_equal(fg_config_diff(&key, &a, &b, NULL, NULL), FG_OK);
        assert_null(key);
        assert_int_equal(fg_config_save(&second, &b, &err), FG_OK);
        assert_string_equal(first.data, second.data);
        fg_str_fini(&first);
        fg_str_fini(&second);
        fg_config_fini(&a);
        fg_config_fini(&b);
    }
}

static void diff_names_the_first_key_that_can_change_the_result(void **state)
{
    (void)state;
    struct fg_config a, b;
    struct fg_str x = {0}, y = {0};
    const char *key = NULL;
    parse_ok(&a, "[run]\nthreads = 1\nkernels = avx2\n[train]\nlr = 0.1\n[wire]\nlevel = 1\n");
    parse_ok(&b,
             "[run]\nthreads = 2\nkernels = auto\n[train]\nlr = 0.2\n[wire]\nlevel = 2\n[worker]\nnice=3\n");
    assert_int_equal(fg_config_diff(&key, &a, &b, &x, &y), FG_OK);
    assert_string_equal(key, "train.lr");
    assert_string_equal(x.data, "0.1");
    assert_string_equal(y.data, "0.2");
    fg_str_fini(&x);
    fg_str_fini(&y);
    fg_config_fini(&a);
    fg_config_fini(&b);
}

static void parse_survives_every_failing_allocation(void **state)
{
    (void)state;
    const char *text = "[run]\nname = n\n[carbon]\ntraces = A=a,\n  B=b\n[model]\nlayers = x\n  y\n[data]\n"
                       "path = $FORAGE_DATA/m\n";
    for (long n = 0;; n++) {
        long left = n;
        struct fg_config c;
        fg_mem_set_hook(fg_fail_nth, &left);
        enum fg_status st = fg_config_init(&c);
        if (st == FG_OK) {
            st = fg_config_parse(&c, text, strlen(text), &FILE_INI, NULL);
            if (st == FG_OK) {
                st = fg_config_set(&c, "carbon.traces=C=c", &SET, NULL);
            }
            fg_mem_set_hook(NULL, NULL);
            fg_config_fini(&c);
        }
        fg_mem_set_hook(NULL, NULL);
        if (st == FG_OK) {
            assert_true(n > 20);
            return;
        }
        assert_int_equal(st, FG_E_NOMEM);
    }
}

static void every_row_of_the_table_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < FG_OPTION_COUNT; i++) {
        const struct fg_option *o = &fg_options[i];
        assert_true(strlen(o->doc) > 10);
        assert_ptr_equal(fg_option_find(o->section, o->name), o);
        assert_true((o->type == FG_OPTION_CHOICE) == (o->choices[0] != '\0'));
        if (o->type == FG_OPTION_UINT) {
            assert_true(o->max <= UINT32_MAX && o->min <= o->max);
        }
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(fg_options[k].key, o->key);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_gives_the_documented_defaults),
        cmocka_unit_test(parse_reads_every_type),
        cmocka_unit_test(choices_have_the_values_of_their_names),
        cmocka_unit_test(lists_continue_on_indented_lines),
        cmocka_unit_test(paths_of_a_list_may_have_commas),
        cmocka_unit_test(folders_that_cannot_be_saved_are_refused),
        cmocka_unit_test(a_backslash_continues_any_value),
        cmocka_unit_test(paths_are_relative_to_their_origin),
        cmocka_unit_test(a_wrong_line_names_place_expected_and_found),
        cmocka_unit_test(a_long_line_is_refused_not_cut),
        cmocka_unit_test(set_names_itself_in_errors_and_changes_nothing),
        cmocka_unit_test(save_parses_back_to_the_same_values),
        cmocka_unit_test(diff_names_the_first_key_that_can_change_the_result),
        cmocka_unit_test(parse_survives_every_failing_allocation),
        cmocka_unit_test(every_row_of_the_table_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
