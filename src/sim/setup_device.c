#include "src/sim/setup_device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernels/cuda.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/base/str.h"

enum kind { KIND_CPU, KIND_AUTO, KIND_CUDA, KIND_EMULATED };

/* One item of the list. */
struct item {
    enum kind kind;
    int number;
    struct fg_emulation emulation;
};

enum { PLACES = 1024, NUMBERS = 1000 };
static const uint64_t MOST_KB = 1u << 30;

static bool is(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(text, word, len) == 0;
}

/* ":N" behind a word, or nothing: *out is left as it is. Takes it from the text. */
static bool take_number(uint64_t *out, const char **text, size_t *len, uint64_t most)
{
    if (*len == 0) {
        return true;
    }
    const char *from = *text + 1, *end = memchr(from, ':', *len - 1);
    size_t n = **text == ':' ? (end != NULL ? (size_t)(end - from) : *len - 1) : 0;
    uint64_t value = 0;
    if (n == 0 || fg_parse_u64(&value, from, n) != FG_OK || value > most) {
        return false;
    }
    *out = value;
    *text = from + n;
    *len -= n + 1;
    return true;
}

/* cpu, auto, cuda[:N], emulated[:KB[:CALLS]] */
static bool read_item(struct item *out, const char *text, size_t len)
{
    uint64_t number = 0, kb = 1u << 20, calls = 0;
    const char *colon = memchr(text, ':', len);
    size_t word = colon != NULL ? (size_t)(colon - text) : len;
    const char *rest = text + word;
    size_t left = len - word;
    struct item i = {.kind = KIND_CPU};
    if (is(text, word, "cuda")) {
        i.kind = KIND_CUDA;
        if (!take_number(&number, &rest, &left, NUMBERS)) {
            return false;
        }
    } else if (is(text, word, "emulated")) {
        i.kind = KIND_EMULATED;
        if (!take_number(&kb, &rest, &left, MOST_KB) || !take_number(&calls, &rest, &left, UINT32_MAX)) {
            return false;
        }
    } else if (is(text, word, "auto")) {
        i.kind = KIND_AUTO;
    } else if (!is(text, word, "cpu")) {
        return false;
    }
    i.number = (int)number;
    i.emulation = (struct fg_emulation){.memory_bytes = kb << 10, .threads = 32, .fail_at = (uint32_t)calls};
    *out = i;
    return left == 0;
}

/* Reads the whole list; *out is item number `which`, counted round. */
static bool read_list(struct item *out, size_t *n, const char *list, size_t which)
{
    struct item found = {.kind = KIND_CPU};
    for (int pass = 0; pass < 2; pass++) { /* the first counts */
        size_t items = 0;
        for (const char *p = list;; p++) {
            p += strspn(p, " ");
            size_t len = strcspn(p, ","), word = len;
            while (word > 0 && p[word - 1] == ' ') {
                word--;
            }
            struct item i;
            if (!read_item(&i, p, word)) {
                return false;
            }
            found = pass == 1 && items == which % *n ? i : found;
            items++;
            p += len;
            if (*p == '\0') {
                break;
            }
        }
        *n = items;
    }
    *out = found;
    return true;
}

/* The first free place among this user's processes of the run on this machine, held for the life of the
 * process: an abstract socket's name, which the kernel frees with it. */
static size_t take_place(const struct fg_config *c)
{
    static int held = -1;
    static size_t place;
    if (held >= 0) {
        return place;
    }
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    unsigned long long run = fg_xxh64(c->run.name, strlen(c->run.name)) + c->run.seed;
    held = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (place = 0; held >= 0 && place < PLACES; place++) {
        int len = snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "forage-device-%u-%llx-%zu",
                           (unsigned)getuid(), run, place);
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
        if (bind(held, (const struct sockaddr *)&at, size) == 0 || errno != EADDRINUSE) {
            break;
        }
    }
    return place;
}

/* Whether this process has no CUDA device, which is said: a driver that is too old looks like none. */
static bool none_here(void)
{
    struct fg_cuda_device unused;
    struct fg_err why = {""};
    if (fg_cuda_device_count() > 0) {
        return false;
    }
    if (fg_cuda_device_info(&unused, 0, &why) != FG_OK) {
        fg_log_write(FG_LOG_INFO, "trains on the CPU: %s", why.text);
    }
    return true;
}

enum fg_status fg_setup_device(struct fg_device **out, const struct fg_config *c, struct fg_err *err)
{
    const char *list = c->worker.device;
    struct item item;
    size_t n = 1;
    if (!read_list(&item, &n, list, 0)) {
        return fg_config_reject(
            c, "worker.device", err,
            "cpu, auto, cuda, cuda:N, emulated, emulated:KB or emulated:KB:CALLS, or a list of them");
    }
    if (n > 1) {
        size_t place = take_place(c);
        (void)read_list(&item, &n, list, place);
        fg_log_write(FG_LOG_INFO, "trains on item %zu of worker.device", place % n + 1);
    }
    *out = NULL;
    if (item.kind == KIND_CPU || (item.kind == KIND_AUTO && none_here())) {
        return FG_OK;
    }
    enum fg_status st = item.kind == KIND_EMULATED ? fg_device_emulated(out, &item.emulation, err)
                                                   : fg_device_cuda(out, item.number, err);
    return st == FG_OK ? st
                       : fg_fail_prefix(err, st, "%s: worker.device", fg_config_where(c, "worker.device"));
}

bool fg_setup_device_varies(const struct fg_config *c)
{
    struct item first, item;
    size_t n = 1;
    if (!read_list(&first, &n, c->worker.device, 0)) {
        return false;
    }
    bool varies = first.kind == KIND_AUTO;
    for (size_t i = 1; i < n; i++) {
        varies = varies || (read_list(&item, &n, c->worker.device, i) && item.kind != first.kind);
    }
    return varies;
}
