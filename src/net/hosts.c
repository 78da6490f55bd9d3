#include "src/net/hosts.h"

#include <stdbool.h>
#include <string.h>

#include "src/base/mem.h"

void fg_hosts_fini(struct fg_hosts *h)
{
    fg_free(h->host);
    *h = (struct fg_hosts){0};
}

/* A name ends up in argument vectors: it must not look like an option. */
static bool is_name(const char *text, size_t len)
{
    bool good = len > 0 && len <= FG_HOST_NAME_MAX && text[0] != '-';
    for (size_t i = 0; i < len && good; i++) {
        char c = text[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '-' || c == '_';
    }
    return good;
}

static enum fg_status add(struct fg_hosts *h, const char *name, size_t len, uint32_t slots)
{
    for (size_t i = 0; i < h->n; i++) {
        struct fg_host *host = &h->host[i];
        if (strlen(host->name) == len && memcmp(host->name, name, len) == 0) {
            uint32_t most = FG_HOST_SLOTS_MAX - host->slots;
            host->slots += slots < most ? slots : most;
            return FG_OK;
        }
    }
    enum fg_status st = h->n < FG_HOSTS_MAX ? FG_GROW(h->host, h->n, h->cap) : FG_E_RANGE;
    if (st == FG_OK) {
        h->host[h->n] = (struct fg_host){.slots = slots};
        memcpy(h->host[h->n++].name, name, len);
    }
    return st;
}

/* `NAME` or `NAME:SLOTS`; false when it is neither. */
static bool split(const char *text, size_t len, size_t *name, uint32_t *slots)
{
    const char *colon = memchr(text, ':', len);
    uint64_t n = 1;
    *name = colon != NULL ? (size_t)(colon - text) : len;
    bool good =
        is_name(text, *name) && (colon == NULL || fg_parse_u64(&n, colon + 1, len - *name - 1) == FG_OK);
    *slots = (uint32_t)(n <= FG_HOST_SLOTS_MAX ? n : 0);
    return good && *slots > 0;
}

enum fg_status fg_hosts_add_list(struct fg_hosts *h, const char *text, size_t len, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    for (size_t at = 0; at <= len && st == FG_OK;) {
        const char *comma = memchr(text + at, ',', len - at);
        size_t item = comma != NULL ? (size_t)(comma - text) - at : len - at, name;
        uint32_t slots;
        if (!split(text + at, item, &name, &slots)) {
            return fg_fail(err, FG_E_USAGE,
                           "hosts: expected NAME or NAME:SLOTS, separated by commas, found '%.*s'",
                           (int)(item < 60 ? item : 60), text + at);
        }
        st = add(h, text + at, name, slots);
        at += item + 1;
    }
    return st == FG_OK ? st : fg_fail(err, st, "hosts: more than %d, or out of memory", FG_HOSTS_MAX);
}

/* The next word of a line from *at on; its length, 0 at the end. */
static size_t word(const char *line, size_t len, size_t *at)
{
    while (*at < len && (line[*at] == ' ' || line[*at] == '\t' || line[*at] == '\r')) {
        ++*at;
    }
    size_t end = *at;
    while (end < len && line[end] != ' ' && line[end] != '\t' && line[end] != '\r') {
        end++;
    }
    return end - *at;
}

/* `slots=N`, or a key that means nothing here. */
static bool take_key(uint32_t *slots, const char *text, size_t len)
{
    static const char *const ignored[] = {"max_slots=", "max-slots="};
    uint64_t n;
    if (len > 6 && memcmp(text, "slots=", 6) == 0) {
        bool good = fg_parse_u64(&n, text + 6, len - 6) == FG_OK && n > 0 && n <= FG_HOST_SLOTS_MAX;
        *slots = good ? (uint32_t)n : *slots;
        return good;
    }
    bool known = false;
    for (size_t i = 0; i < 2; i++) {
        size_t k = strlen(ignored[i]);
        known = known || (len > k && memcmp(text, ignored[i], k) == 0);
    }
    return known;
}

static enum fg_status add_line(struct fg_hosts *h, const char *line, size_t len, bool *good)
{
    size_t at = 0, n = word(line, len, &at), name, first = at;
    uint32_t slots;
    *good = true;
    if (n == 0) {
        return FG_OK;
    }
    *good = split(line + at, n, &name, &slots);
    at += n;
    while (*good && (n = word(line, len, &at)) > 0) {
        *good = take_key(&slots, line + at, n);
        at += n;
    }
    return *good ? add(h, line + first, name, slots) : FG_OK;
}

enum fg_status fg_hosts_add_file(struct fg_hosts *h, const char *name, const char *text, size_t len,
                                 struct fg_err *err)
{
    enum fg_status st = FG_OK;
    size_t number = 1;
    for (size_t at = fg_utf8_mark(text, len); at < len && st == FG_OK; number++) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end != NULL ? (size_t)(end - text) - at : len - at;
        const char *comment = memchr(text + at, '#', n);
        bool good = true;
        st = add_line(h, text + at, comment != NULL ? (size_t)(comment - text) - at : n, &good);
        if (!good) {
            return fg_fail(err, FG_E_INPUT, "%s:%zu: expected NAME slots=N, found '%.*s'", name, number,
                           (int)(n < 60 ? n : 60), text + at);
        }
        at += n + 1;
    }
    return st == FG_OK ? st
                       : fg_fail(err, st, "%s: more than %d hosts, or out of memory", name, FG_HOSTS_MAX);
}

enum fg_status fg_hosts_text(struct fg_str *out, const struct fg_hosts *h)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < h->n && st == FG_OK; i++) {
        st = fg_str_addf(out, "%s%s:%u", i > 0 ? "," : "", h->host[i].name, (unsigned)h->host[i].slots);
    }
    return st;
}

size_t fg_hosts_initial(const struct fg_hosts *h, uint32_t i)
{
    uint64_t all = 0, before = 0;
    size_t n = h->first > 0 && h->first < h->n ? h->first : h->n;
    for (size_t k = 0; k < n; k++) {
        all += h->host[k].slots;
    }
    for (size_t k = 0; k < n; k++) {
        before += h->host[k].slots;
        if (i % all < before) {
            return k;
        }
    }
    return FG_HOSTS_NONE;
}

size_t fg_hosts_pick(struct fg_hosts *h, fg_time_t now)
{
    size_t best = FG_HOSTS_NONE;
    for (size_t k = 0; k < h->n; k++) {
        size_t i = (h->next + k) % h->n;
        const struct fg_host *a = &h->host[i], *b = best != FG_HOSTS_NONE ? &h->host[best] : NULL;
        if (now >= a->bad_until &&
            (b == NULL || (uint64_t)a->used * b->slots < (uint64_t)b->used * a->slots)) {
            best = i;
        }
    }
    if (best != FG_HOSTS_NONE) {
        h->next = (best + 1) % h->n;
    }
    return best;
}
