/* UTF-8 told from other bytes, messages that stay text whatever they quote, numbers as text. */
#include "tests/lib/test.h"

#include <float.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/rng.h"

#include "src/base/str.h"

/* A code point in n bytes, as short as that or not. */
static void encode(char out[5], uint32_t point, size_t n)
{
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    memset(out, 0, 5);
    for (size_t i = n; i-- > 1; point >>= 6) {
        out[i] = (char)(0x80 | (point & 0x3f));
    }
    out[0] = (char)(first[n] | point);
}

static void every_character_has_one_form(void **state)
{
    (void)state;
    static const uint32_t end[] = {0, 0x80, 0x800, 0x10000, 0x110000},
                          room[] = {0, 0x80, 0x800, 0x10000, 0x200000};
    char text[5];
    for (size_t n = 1; n <= 4; n++) {
        for (uint32_t point = 0; point < room[n]; point++) {
            bool is =
                point >= end[n - 1] && point < end[n] && point != 0 && (point < 0xd800 || point > 0xdfff);
            encode(text, point, n);
            if (fg_utf8(text) != (is ? n : 0)) {
                fail_msg("U+%04X in %zu bytes", (unsigned)point, n);
            }
            for (size_t cut = 1; cut < n; cut++) { /* broken off */
                char kept = text[cut];
                text[cut] = '\0';
                assert_int_equal(fg_utf8(text), 0);
                text[cut] = kept;
            }
        }
    }
    assert_int_equal(fg_utf8("\x80"), 0);
    assert_int_equal(fg_utf8("\xff"), 0);
    static const char cut[] = {'a', '\xc3', '\xbc', '\xe2', '\x82', '\xac'}; /* does not end */
    static const size_t whole[] = {0, 1, 1, 3, 3, 3, 6};
    for (size_t len = 0; len <= sizeof cut; len++) {
        assert_int_equal(fg_utf8_span(cut, len), whole[len]);
    }
    assert_int_equal(fg_utf8_span("a\xff"
                                  "b",
                                  3),
                     1);
    assert_int_equal(fg_utf8_span("ab\0c", 4), 2);
}

static void messages_are_text_whatever_they_quote(void **state)
{
    (void)state;
    struct fg_err err;
    assert_int_equal(
        fg_fail(&err, FG_E_INPUT, "found '%s'", "\x1b[2J\x07 gr\xc3\xbc\xc3\x9f\xff\xc3-\x7f\n\t."),
        FG_E_INPUT);
    assert_string_equal(err.text, "found '?[2J? gr\xc3\xbc\xc3\x9f?"
                                  "?-?\n\t.'");
    assert_int_equal(fg_fail_prefix(&err, FG_E_INPUT, "a\xe2"), FG_E_INPUT);
    assert_string_equal(err.text, "a?: found '?[2J? gr\xc3\xbc\xc3\x9f?"
                                  "?-?\n\t.'");
}

/* A path of 800 bytes leaves the reason behind it, and what stands before. */
static void long_messages_lack_their_middle(void **state)
{
    (void)state;
    struct fg_err err;
    char path[801];
    for (size_t shift = 0; shift < 2; shift++) { /* cut within a character, or not */
        for (size_t i = 0; i < sizeof path - 1; i++) {
            path[i] = (i + shift) % 2 == 0 ? '\xc3' : '\xbc';
        }
        path[0] = '/';
        path[sizeof path - 2] = '/';
        path[sizeof path - 1] = '\0';
        (void)fg_fail(&err, FG_E_INPUT, "%s: no space left", path);
        (void)fg_fail_prefix(&err, FG_E_INPUT, "x.ini:3");
        size_t len = strlen(err.text);
        assert_in_range(len, sizeof err.text - 6, sizeof err.text - 1);
        assert_int_equal(fg_utf8_span(err.text, len), len);
        assert_memory_equal(err.text, "x.ini:3: /", 10);
        assert_non_null(strstr(err.text, " ... "));
        assert_string_equal(err.text + len - 16, "/: no space left");
    }
}

static void wrong_input_is_one_exit_code(void **state)
{
    (void)state;
    static const enum fg_status wrong[] = {FG_E_USAGE, FG_E_CONFIG,  FG_E_INPUT,   FG_E_MISSING,
                                           FG_E_BUSY,  FG_E_CORRUPT, FG_E_VERSION, FG_E_UNSUPPORTED},
                                failed[] = {FG_E_NOMEM, FG_E_IO, FG_E_FULL, FG_E_INTERNAL, FG_E_GONE};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(fg_status_exit_code(wrong[i]), 2);
    }
    for (size_t i = 0; i < sizeof failed / sizeof *failed; i++) {
        assert_int_equal(fg_status_exit_code(failed[i]), 1);
    }
    assert_int_equal(fg_status_exit_code(FG_OK), 0);
    assert_int_equal(fg_status_exit_code(FG_E_INTERRUPTED), 75);
}

/* What fg_str_add_f64() promises, found by trying one digit after another. */
static void shortest(char out[40], double x)
{
    if (isnan(x)) {
        snprintf(out, 40, "nan");
    } else if (fabs(x) < 1e15 && !(floor(x) < x)) {
        snprintf(out, 40, "%.0f", x);
    } else {
        for (int digits = 1; digits <= 17; digits++) {
            snprintf(out, 40, "%.*g", digits, x);
            double back = strtod(out, NULL);
            if (!(back < x) && !(back > x)) {
                break;
            }
        }
    }
}

static void is_shortest(double x)
{
    struct fg_str text = {0};
    char want[40];
    shortest(want, x);
    assert_int_equal(fg_str_add_f64(&text, x), FG_OK);
    if (strcmp(text.data, want) != 0) {
        fail_msg("%a: expected %s, found %s", x, want, text.data);
    }
    fg_str_fini(&text);
}

static void with_neighbours(double x)
{
    double low = nextafter(x, -INFINITY), high = nextafter(x, INFINITY);
    const double all[] = {x, low, nextafter(low, -INFINITY), high, nextafter(high, INFINITY)};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        is_shortest(all[i]);
        is_shortest(-all[i]);
    }
}

static void numbers_are_as_short_as_they_read_back(void **state)
{
    (void)state;
    static const double edges[] = {0.0, DBL_MIN, DBL_MAX, DBL_TRUE_MIN, 1e15, 1e16, 9007199254740992.0,
                                   0.1, INFINITY};
    struct fg_rng rng;
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        with_neighbours(edges[i]);
    }
    is_shortest((double)NAN);
    for (int e = -1074; e < 1024; e += 3) {
        with_neighbours(ldexp(1.0, e));
    }
    for (int e = -323; e <= 308; e++) {
        with_neighbours(pow(10.0, e));
    }
    fg_rng_init(&rng, fg_test_number("FG_TEST_SEED", 1), FG_RNG_TEST, 0, 0);
    for (int i = 0; i < (int)fg_test_iters(20000); i++) {
        uint64_t bits = fg_rng_u64(&rng);
        double x;
        memcpy(&x, &bits, sizeof x);
        is_shortest(x);
        is_shortest((double)(bits >> 44) / pow(10.0, (double)(i % 12))); /* few digits */
        is_shortest(DBL_TRUE_MIN * (double)(bits % 100000));             /* subnormal */
    }
}

/* Whatever room there is. */
static void text_is_added_whole_at_any_length(void **state)
{
    (void)state;
    char all[400], want[512];
    memset(all, 'x', sizeof all);
    for (int before = 0; before < 200; before += 3) {
        for (int added = 0; added < 200; added++) {
            struct fg_str text = {0};
            assert_int_equal(fg_str_add(&text, all, (size_t)before), FG_OK);
            assert_int_equal(fg_str_addf(&text, "%.*s%s", added, all, "y"), FG_OK);
            snprintf(want, sizeof want, "%.*sy", before + added, all);
            assert_int_equal(text.len, before + added + 1);
            assert_string_equal(text.data, want);
            fg_str_fini(&text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_has_one_form),
        cmocka_unit_test(messages_are_text_whatever_they_quote),
        cmocka_unit_test(long_messages_lack_their_middle),
        cmocka_unit_test(wrong_input_is_one_exit_code),
        cmocka_unit_test(numbers_are_as_short_as_they_read_back),
        cmocka_unit_test(text_is_added_whole_at_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
