/* Availability traces: what the reader accepts and refuses, and fast queries against a naive twin. */
#include "tests/lib/test.h"

#include "src/availability/trace.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

#define GOOD                                                                                \
    "# clock: utc\n# zero_utc: 2024-09-01T00:00:00Z\n# some prose, with commas: and such\n" \
    "node,start_s,end_s\nDE-1,0,100\nGB-2,50,60\nDE-1,150,300\nGB-2,70,80\n"

static enum fg_status parse(struct fg_trace **t, const char *text, struct fg_err *err)
{
    return fg_trace_parse(t, "t.csv", text, strlen(text), NULL, err);
}

static void refused(const char *text, const char *message)
{
    struct fg_trace *t = NULL;
    struct fg_err err = {""};
    assert_int_equal(parse(&t, text, &err), FG_E_INPUT);
    assert_null(t);
    if (strstr(err.text, message) == NULL) {
        fail_msg("expected '%s' in '%s'", message, err.text);
    }
}

static void parse_good_file_gives_its_rows(void **state)
{
    (void)state;
    struct fg_trace *t = NULL;
    struct fg_err err;
    assert_int_equal(parse(&t, GOOD, &err), FG_OK);
    assert_int_equal(t->clock, FG_CLOCK_UTC);
    assert_int_equal(t->zero_s, 1725148800);
    assert_int_equal(t->nodes, 2);
    assert_int_equal(t->span_s, 300);
    assert_string_equal(fg_trace_node_name(t, 0), "DE-1");
    assert_string_equal(fg_trace_node_name(t, 1), "GB-2");
    assert_int_equal(t->up_s[0], 250);
    assert_int_equal(t->up_s[1], 20);
    assert_true(fg_trace_is_up(t, 0, 0) && fg_trace_is_up(t, 0, 99) && !fg_trace_is_up(t, 0, 100));
    assert_true(!fg_trace_is_up(t, 0, -1) && !fg_trace_is_up(t, 0, 300));
    assert_int_equal(fg_trace_up_seconds(t, 0, 90, 160), 20);
    assert_int_equal(fg_trace_check(t, &err), FG_OK);
    fg_trace_destroy(t);
}

static void parse_bad_files_names_line_and_reason(void **state)
{
    (void)state;
#define H "node,start_s,end_s\n"
    refused("", "empty file");
    refused("# only: prose\n", "no line but comments");
    refused(H, "no good rows");
    refused("node,start_s\na,1\n", "t.csv:1: expected the header node,start_s,end_s, found 'node,start_s'");
    refused("a,1,2\n", "expected the header");
    refused(H "a,1\n", "t.csv:2: expected 3 columns (node,start_s,end_s), found 2");
    refused(H "a,1,2,3\n", "found 4");
    refused(H ",1,2\n", "expected a node name");
    refused(H "a,one,2\n", "start_s: expected a whole number of seconds, found 'one'");
    refused(H "a,nan,2\n", "found 'nan'");
    refused(H "a,1,2.5\n", "end_s: expected a whole number of seconds, found '2.5'");
    refused(H "a,1,99999999999\n", "too large");
    refused(H "a,1,99999999999999999999999\n", "too large");
    refused(H "a,-1,2\n", "negative");
    refused(H "a,5,5\n", "empty: start_s = end_s = 5");
    refused(H "a,5,2\n", "t.csv:2: node a: the interval is reversed: start_s 5 is after end_s 2");
    refused(H "a,1,9\nb,0,1\na,5,12\n", "t.csv:4: node a: starts at 5, but line 2 goes on until 9");
    refused(H "a,10,12\na,1,2\n", "sorted");
    refused(H "a,1,5\na,5,7\n", "touches the interval of line 2");
    refused("# clock: utc\n" H "a,1,2\n", "t.csv:1: clock: utc needs a `# zero_utc:` line");
    refused("# clock: gps\n" H "a,1,2\n", "expected utc, local or elapsed, found 'gps'");
    refused("# clock: local\n# clock: local\n" H "a,1,2\n", "t.csv:2: clock is given twice");
    refused("# zero_utc: yesterday\n" H "a,1,2\n", "zero_utc: expected a date");
    refused("# zero_utc: 2023-02-30\n" H "a,1,2\n", "zero_utc: expected a date");
    refused("# tz: ../../etc/passwd\n" H "a,1,2\n", "tz: expected an IANA name");
    refused("# nested: perhaps\n" H "a,1,2\n", "nested: expected yes or no");
    refused("# span_s: 10\n" H "a,1,2\na,5,12\n", "t.csv:4: the interval ends at 12, after span_s 10");
    refused("# nodes: 2  intervals: 1  span_s: 9\n" H "a,1,2\n", "t.csv:1: says 2 nodes");
    refused("# nodes: 1  intervals: 7  span_s: 9\n" H "a,1,2\n", "says 7 intervals");
    refused(H "a,1,2\na\001,1,2\n", "t.csv:3: byte 0x01 in column 2");
#undef H
}

static void parse_overlong_line_is_refused(void **state)
{
    (void)state;
    char text[FG_LINE_MAX * 2];
    memset(text, 'x', sizeof text);
    memcpy(text, "# ", 2);
    memcpy(text + sizeof text - 2, "\n", 2);
    refused(text, "t.csv:1: line longer than 4096 bytes");
}

static void parse_in_pieces_gives_the_same(void **state)
{
    (void)state;
    static const char text[] = "\xEF\xBB\xBF# clock: local\r\n# tz: Europe/Berlin\r\nnode,start_s,end_s\r\n"
                               "a,1,2\r\n\r\n b , 3,4\r\na,5,9";
    for (size_t piece = 1; piece < sizeof text; piece++) {
        struct fg_trace_reader *r = NULL;
        struct fg_trace *t = NULL;
        assert_int_equal(fg_trace_reader_create(&r, "t.csv", NULL), FG_OK);
        for (size_t at = 0; at < sizeof text - 1; at += piece) {
            size_t n = sizeof text - 1 - at < piece ? sizeof text - 1 - at : piece;
            assert_int_equal(fg_trace_reader_feed(r, text + at, n, NULL), FG_OK);
        }
        assert_int_equal(fg_trace_reader_finish(r, &t, NULL), FG_OK);
        assert_int_equal(t->clock, FG_CLOCK_LOCAL);
        assert_string_equal(t->tz, "Europe/Berlin");
        assert_int_equal(t->nodes, 2);
        assert_string_equal(fg_trace_node_name(t, 1), "b");
        assert_int_equal(t->up_s[0], 5);
        fg_trace_destroy(t);
        fg_trace_reader_destroy(r);
    }
}

static void lint_notes_every_problem(void **state)
{
    (void)state;
    static const char text[] = "node,start_s,end_s\na,1,x\na,9,2\na,3,4\na,4,5\n";
    struct fg_problems all = {{0}, 0};
    struct fg_trace *t = NULL;
    struct fg_err err;
    assert_int_equal(fg_trace_parse(&t, "t.csv", text, sizeof text - 1, &all, &err), FG_E_INPUT);
    assert_int_equal(all.count, 3);
    assert_non_null(strstr(all.text.data, "t.csv:2: "));
    assert_non_null(strstr(all.text.data, "t.csv:3: "));
    assert_non_null(strstr(all.text.data, "t.csv:5: "));
    assert_string_equal(err.text, "t.csv: 3 problems");
    fg_problems_fini(&all);
}

/* Random traces; a bit per second is the twin. */
enum { SPAN = 400, NODES = 5 };

static void queries_agree_with_a_bitmap(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 60; seed++) {
        struct fg_rng rng;
        fg_rng_init(&rng, seed, FG_RNG_TEST, 0, 0);
        static char up[NODES][SPAN + 1];
        struct fg_str text = {0};
        memset(up, 0, sizeof up);
        assert_int_equal(fg_str_addf(&text, "# span_s: %d\nnode,start_s,end_s\n", SPAN), FG_OK);
        for (int n = 0; n < NODES; n++) {
            uint32_t at = fg_rng_below(&rng, 30);
            do {
                uint32_t end = at + 1 + fg_rng_below(&rng, 40);
                end = end < SPAN ? end : SPAN;
                assert_int_equal(fg_str_addf(&text, "n%d,%u,%u\n", n, at, end), FG_OK);
                memset(up[n] + at, 1, end - at);
                at = end + 1 + fg_rng_below(&rng, 50);
            } while (at < SPAN);
        }
        struct fg_trace *t = NULL;
        struct fg_err err;
        assert_int_equal(fg_trace_parse(&t, "t", text.data, text.len, NULL, &err), FG_OK);
        assert_int_equal(fg_trace_check(t, &err), FG_OK);
        for (uint32_t n = 0; n < NODES; n++) {
            for (int at = -3; at < SPAN + 3; at++) {
                char now = (char)(at >= 0 && at < SPAN ? up[n][at] : 0);
                int64_t sum = 0, until = at + (int64_t)fg_rng_below(&rng, SPAN);
                for (int k = at > 0 ? at : 0; k < SPAN && k < until; k++) {
                    sum += up[n][k];
                }
                assert_int_equal(fg_trace_is_up(t, n, at), now);
                assert_int_equal(fg_trace_up_seconds(t, n, at, until), sum);
            }
        }
        fg_trace_destroy(t);
        fg_str_fini(&text);
    }
}

static void parse_without_memory_fails_cleanly(void **state)
{
    (void)state;
    int n = 0;
    for (;; n++) {
        long left = n;
        struct fg_trace *t = NULL;
        struct fg_err err = {""};
        fg_mem_set_hook(fg_fail_nth, &left);
        enum fg_status st = parse(&t, GOOD, &err);
        fg_mem_set_hook(NULL, NULL);
        if (st == FG_OK) {
            fg_trace_destroy(t);
            break;
        }
        assert_int_equal(st, FG_E_NOMEM);
        assert_null(t);
        assert_non_null(strstr(err.text, "out of memory"));
    }
    assert_true(n > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_good_file_gives_its_rows),
        cmocka_unit_test(parse_bad_files_names_line_and_reason),
        cmocka_unit_test(parse_overlong_line_is_refused),
        cmocka_unit_test(parse_in_pieces_gives_the_same),
        cmocka_unit_test(lint_notes_every_problem),
        cmocka_unit_test(queries_agree_with_a_bitmap),
        cmocka_unit_test(parse_without_memory_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
