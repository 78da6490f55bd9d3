/* Shards on disk: they come back, also to another process; damage is noticed; the limit holds. */
#include "tests/lib/test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/hash.h"
#include "src/store/shard_cache.h"
#include "tests/lib/tmpdir.h"

enum { LEN = 1000 };

static void shard(uint8_t bytes[LEN], uint8_t hash[32], int number)
{
    memset(bytes, number, LEN);
    assert_int_equal(fg_sha256(hash, bytes, LEN), FG_OK);
}

static void path_of(char path[200], int number)
{
    uint8_t bytes[LEN], hash[32];
    char hex[65];
    shard(bytes, hash, number);
    fg_hex32(hex, hash);
    (void)snprintf(path, 200, "%s/%s", fg_tmpdir, hex);
}

static struct fg_shard_cache *open_cache(uint64_t limit)
{
    struct fg_shard_cache *c;
    assert_int_equal(fg_shard_cache_open(&c, fg_tmpdir, limit, NULL), FG_OK);
    return c;
}

static void put(struct fg_shard_cache *c, int number)
{
    uint8_t bytes[LEN], hash[32];
    shard(bytes, hash, number);
    assert_int_equal(fg_shard_cache_put(c, hash, bytes, LEN, NULL), FG_OK);
}

static enum fg_status get(struct fg_shard_cache *c, int number)
{
    uint8_t bytes[LEN], hash[32];
    struct fg_str out = {0};
    struct fg_err err;
    shard(bytes, hash, number);
    enum fg_status st = fg_shard_cache_get(c, hash, &out, &err);
    if (st == FG_OK) {
        assert_int_equal(out.len, LEN);
        assert_memory_equal(out.data, bytes, LEN);
    } else {
        assert_int_equal(out.len, 0);
    }
    fg_str_fini(&out);
    return st;
}

/* As if it had been used so many seconds after the epoch. */
static void used_at(int number, time_t when)
{
    char path[200];
    path_of(path, number);
    const struct timespec t[2] = {{.tv_sec = when}, {.tv_sec = when}};
    assert_int_equal(utimensat(0, path, t, 0), 0);
}

static void what_was_kept_is_there_for_the_next_start(void **state)
{
    (void)state;
    struct fg_shard_cache *c = open_cache(10 * LEN);
    assert_int_equal(get(c, 1), FG_E_MISSING);
    put(c, 1);
    put(c, 1);
    assert_int_equal(get(c, 1), FG_OK);
    fg_shard_cache_close(c);
    c = open_cache(10 * LEN);
    assert_int_equal(get(c, 1), FG_OK);
    assert_int_equal(get(c, 2), FG_E_MISSING);
    fg_shard_cache_close(c);
}

static void damage_is_noticed_and_removed(void **state)
{
    (void)state;
    static const char *const how[] = {"r+", "w", "a"}; /* a changed byte, nothing left, too long */
    struct fg_shard_cache *c = open_cache(10 * LEN);
    for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
        char path[200];
        put(c, 3);
        path_of(path, 3);
        FILE *f = fopen(path, how[i]);
        assert_non_null(f);
        assert_true(i == 1 || fputc('x', f) == 'x');
        assert_int_equal(fclose(f), 0);
        assert_int_equal(get(c, 3), FG_E_CORRUPT);
        assert_int_equal(get(c, 3), FG_E_MISSING);
    }
    fg_shard_cache_close(c);
}

static void the_limit_holds_and_the_oldest_goes(void **state)
{
    (void)state;
    struct fg_shard_cache *c = open_cache(3 * LEN + 1);
    for (int i = 1; i <= 3; i++) {
        put(c, i);
        used_at(i, 1000 + i);
    }
    assert_int_equal(get(c, 1), FG_OK); /* used now */
    put(c, 4);
    assert_int_equal(get(c, 2), FG_E_MISSING);
    assert_true(get(c, 1) == FG_OK && get(c, 3) == FG_OK && get(c, 4) == FG_OK);
    fg_shard_cache_close(c);
    c = open_cache(LEN - 1); /* too large to be kept at all: the others stay until room is needed */
    put(c, 5);
    assert_int_equal(get(c, 5), FG_E_MISSING);
    fg_shard_cache_close(c);
}

static void only_its_owner_may_look(void **state)
{
    (void)state;
    struct fg_shard_cache *c;
    struct stat sb;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/a/b", fg_tmpdir);
    assert_int_equal(fg_shard_cache_open(&c, path, LEN, NULL), FG_OK);
    assert_int_equal(stat(path, &sb), 0);
    assert_int_equal(sb.st_mode & 0777, 0700);
    fg_shard_cache_close(c);
}

/* So small a shard is written when its file is closed. */
static void why_it_could_not_be_written_is_said(void **state)
{
    (void)state;
    struct fg_shard_cache *c = open_cache(10 * LEN);
    struct fg_err err = {{0}};
    struct rlimit before, none;
    uint8_t bytes[LEN], hash[32];
    shard(bytes, hash, 6);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    errno = ENOSPC; /* of something before */
    enum fg_status st = fg_shard_cache_put(c, hash, bytes, LEN, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(st, FG_E_IO);
    assert_non_null(strstr(err.text, strerror(EFBIG)));
    assert_int_equal(get(c, 6), FG_E_MISSING);
    fg_shard_cache_close(c);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fg_tmpdir_set_up, fg_tmpdir_tear_down)
    const struct CMUnitTest tests[] = {
        T(what_was_kept_is_there_for_the_next_start), T(damage_is_noticed_and_removed),
        T(the_limit_holds_and_the_oldest_goes),       T(only_its_owner_may_look),
        T(why_it_could_not_be_written_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
