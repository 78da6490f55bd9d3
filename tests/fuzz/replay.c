/* The driver of the fuzz targets in `make check`: feeds LLVMFuzzerTestOneInput every file of its corpus and a
 * fixed number of mutations of each. The mutations depend on nothing but the corpus and FG_TEST_SEED (default
 * 1), so a failure repeats; the input that crashed is left in <target>.crash. FG_TEST_ITERS: mutations per
 * file.
 *
 * Usage: fuzz_<name> [FILE...]; without files the corpus is $FG_SRCDIR/tests/fuzz/corpus/<name>/.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/base/rng.h"

#define MAX_FILES 256
#define MAX_BYTES (1u << 16) /* a mutation's size: large inputs only make this slow */
#define MAX_SECONDS 10.0     /* of CPU time for all mutations of one target: a slow parser is reported */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static struct {
    char path[512];
    uint8_t *data;
    size_t size;
} files[MAX_FILES];
static size_t file_count;

static const uint8_t *now_data; /* the input being tried, for the crash file */
static size_t now_size;
static char crash_path[512];

static void save_crash(void)
{
    int fd = now_data == NULL ? -1 : open(crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd >= 0 && write(fd, now_data, now_size) == (ssize_t)now_size) {
        static const char text[] = "\nthe input is in ";
        (void)!write(1, text, sizeof text - 1);
        (void)!write(1, crash_path, strlen(crash_path));
        (void)!write(1, "\n", 1);
    }
}

static void on_signal(int sig)
{
    save_crash();
    signal(sig, SIG_DFL);
    raise(sig);
}

/* Try one input in memory of exactly its size, so that a sanitizer sees any read past its end. */
static int try_input(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + (size == 0));
    if (copy == NULL) {
        return -1;
    }
    memcpy(copy, data, size);
    now_data = copy;
    now_size = size;
    int rc = LLVMFuzzerTestOneInput(copy, size);
    now_data = NULL;
    free(copy);
    return rc;
}

static int load(const char *path)
{
    FILE *f = file_count < MAX_FILES ? fopen(path, "rb") : NULL;
    if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
        perror(path);
        return -1;
    }
    long size = ftell(f);
    rewind(f);
    uint8_t *data = size < 0 ? NULL : malloc((size_t)size + 1);
    if (data == NULL || fread(data, 1, (size_t)size, f) != (size_t)size) {
        perror(path);
        fclose(f);
        free(data);
        return -1;
    }
    fclose(f);
    snprintf(files[file_count].path, sizeof files[file_count].path, "%s", path);
    files[file_count].data = data;
    files[file_count++].size = (size_t)size;
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(a, b); /* path is the first member */
}

static int load_dir(const char *dir)
{
    DIR *d = opendir(dir);
    if (d == NULL) {
        perror(dir);
        return -1;
    }
    int rc = 0;
    for (struct dirent *e = readdir(d); e != NULL && rc == 0; e = readdir(d)) {
        char path[512];
        if (e->d_name[0] != '.' && snprintf(path, sizeof path, "%s/%s", dir, e->d_name) < (int)sizeof path) {
            rc = load(path);
        }
    }
    closedir(d);
    qsort(files, file_count, sizeof files[0], by_path);
    return rc;
}

/* Overwrite or insert at a random place; returns the new size. buf has room for MAX_BYTES. */
static size_t paste(uint8_t *buf, size_t size, const void *bytes, size_t n, int insert, struct fg_rng *r)
{
    size_t at = fg_rng_below(r, (uint32_t)size + 1);
    n = n > MAX_BYTES - at ? MAX_BYTES - at : n;
    if (insert) {
        size_t tail = size - at;
        tail = at + n + tail > MAX_BYTES ? MAX_BYTES - at - n : tail;
        memmove(buf + at + n, buf + at, tail);
        size = at + n + tail;
    }
    memcpy(buf + at, bytes, n);
    return at + n > size ? at + n : size;
}

static size_t mutate_once(uint8_t *buf, size_t size, struct fg_rng *r)
{
    static const char *const words[] = {
        "nan",        "-inf", "1e999", "-1",   "0",     "18446744073709551616",
        "2147483648", "\n",   ",",     "=",    "[",     "]",
        "\"",         "#",    "\r\n",  "-0.0", "0x1p3", "\xff\xfe"};
    static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x40, 0x10};
    uint8_t chunk[64];
    switch (fg_rng_below(r, 8)) {
    case 0:
        if (size > 0) {
            buf[fg_rng_below(r, (uint32_t)size)] ^= (uint8_t)(1u << fg_rng_below(r, 8));
        }
        return size;
    case 1:
        if (size > 0) {
            buf[fg_rng_below(r, (uint32_t)size)] = edges[fg_rng_below(r, sizeof edges)];
        }
        return size;
    case 2:
        return fg_rng_below(r, (uint32_t)size + 1); /* cut */
    case 3: {                                       /* drop a piece */
        size_t at = fg_rng_below(r, (uint32_t)size + 1);
        size_t n = fg_rng_below(r, 32);
        n = n > size - at ? size - at : n;
        memmove(buf + at, buf + at + n, size - at - n);
        return size - n;
    }
    case 4: {
        const char *w = words[fg_rng_below(r, sizeof words / sizeof *words)];
        return paste(buf, size, w, strlen(w), (int)fg_rng_below(r, 2), r);
    }
    case 5: { /* repeat a piece */
        size_t at = fg_rng_below(r, (uint32_t)size + 1);
        size_t n = size - at < sizeof chunk ? size - at : sizeof chunk;
        memcpy(chunk, buf + at, n);
        return paste(buf, size, chunk, n, 1, r);
    }
    case 6: { /* a piece of another file */
        size_t k = fg_rng_below(r, (uint32_t)file_count);
        size_t at = fg_rng_below(r, (uint32_t)(files[k].size > MAX_BYTES ? MAX_BYTES : files[k].size) + 1);
        size_t n = files[k].size - at < sizeof chunk ? files[k].size - at : sizeof chunk;
        return paste(buf, size, files[k].data + at, n, (int)fg_rng_below(r, 2), r);
    }
    default: { /* a little-endian number of 1, 2, 4 or 8 bytes */
        uint64_t v =
            fg_rng_below(r, 2) ? fg_rng_u64(r) >> fg_rng_below(r, 64) : ~(uint64_t)0 - fg_rng_below(r, 4);
        memcpy(chunk, &v, sizeof v);
        return paste(buf, size, chunk, (size_t)1 << fg_rng_below(r, 4), 0, r);
    }
    }
}

static unsigned env_number(const char *name, unsigned otherwise)
{
    const char *s = getenv(name);
    return s != NULL && *s != '\0' ? (unsigned)strtoul(s, NULL, 10) : otherwise;
}

/* All inputs made from file k; the number tried. */
static unsigned try_mutations(size_t k, unsigned iters, clock_t deadline)
{
    static uint8_t buf[MAX_BYTES + 64];
    struct fg_rng r;
    unsigned done = 0;
    fg_rng_init(&r, env_number("FG_TEST_SEED", 1), FG_RNG_TEST, (uint32_t)k, 0);
    for (; done < iters && clock() < deadline; done++) {
        size_t size = files[k].size > MAX_BYTES ? MAX_BYTES : files[k].size;
        memcpy(buf, files[k].data, size);
        for (unsigned m = 1 + fg_rng_below(&r, 4); m > 0; m--) {
            size = mutate_once(buf, size, &r);
        }
        try_input(buf, size);
    }
    return done;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

int main(int argc, char **argv)
{
    const char *target = base_name(argv[0]);
    const char *name = strncmp(target, "fuzz_", 5) == 0 ? target + 5 : target;
    const char *srcdir = getenv("FG_SRCDIR");
    char dir[512];
    int rc = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(crash_path, sizeof crash_path, "%s.crash", target);
    snprintf(dir, sizeof dir, "%s/tests/fuzz/corpus/%s", srcdir != NULL ? srcdir : ".", name);
    for (int i = 1; i < argc && rc == 0; i++) {
        rc = load(argv[i]);
    }
    if (rc != 0 || (argc < 2 && load_dir(dir) != 0) || file_count == 0) {
        printf("not ok - %s: no corpus\n", target);
        return 1;
    }
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        signal(signals[i], on_signal);
    }
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(save_crash);
    }
    unsigned times = env_number("FG_LONG", 0) != 0 ? 10 : 1; /* ./check --long */
    unsigned iters = argc > 1 ? 0 : env_number("FG_TEST_ITERS", times * (4000 / (unsigned)file_count + 1));
    clock_t deadline = clock() + (clock_t)(MAX_SECONDS * times * CLOCKS_PER_SEC);
    for (size_t k = 0; k < file_count; k++) {
        try_input(files[k].data, files[k].size);
        unsigned done = try_mutations(k, iters, deadline);
        printf("ok - %s: %s and %u mutations%s\n", target, base_name(files[k].path), done,
               done < iters ? " (out of time)" : "");
    }
    for (size_t k = 0; k < file_count; k++) {
        free(files[k].data);
    }
    return 0;
}
