#include "src/availability/tz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/availability/tz_rule.h"
#include "src/base/mem.h"

enum { NAME_MAX_LEN = 63, FILE_MAX_BYTES = 1 << 20, OFFSET_MAX_S = 26 * 3600 };

struct fg_tz {
    size_t n;          /* changes */
    int64_t *at_s;     /* (n) strictly ascending, UTC */
    int32_t *offset_s; /* (n) from at_s[i] on */
    int32_t first_s;   /* before at_s[0] */
    bool has_rule;     /* after at_s[n - 1]; else its offset goes on */
    struct fg_tz_rule rule;
};

void fg_tz_destroy(struct fg_tz *tz)
{
    if (tz != NULL) {
        fg_free(tz->at_s);
        fg_free(tz->offset_s);
        fg_free(tz);
    }
}

/* "UTC", "GMT", "Z", "[UTC]+H", "[UTC]+HH", "[UTC]+H[H]:MM". */
static bool fixed_offset(const char *text, size_t len, int32_t *out)
{
    size_t i = 0;
    if (len == 1 && text[0] == 'Z') {
        *out = 0;
        return true;
    }
    if (len >= 3 && (memcmp(text, "UTC", 3) == 0 || memcmp(text, "GMT", 3) == 0)) {
        i = 3;
        if (len == 3) {
            *out = 0;
            return true;
        }
    }
    if (i == len || (text[i] != '+' && text[i] != '-')) {
        return false;
    }
    int sign = text[i++] == '-' ? -1 : 1, part[2] = {0, 0}, count[2] = {0, 0}, at = 0;
    for (; i < len; i++) {
        if (text[i] == ':' && at == 0) {
            at = 1;
        } else if (text[i] >= '0' && text[i] <= '9' && count[at] < 2) {
            part[at] = part[at] * 10 + (text[i] - '0');
            count[at]++;
        } else {
            return false;
        }
    }
    if (count[0] == 0 || (at == 1 && count[1] != 2) || part[0] > 14 || part[1] > 59) {
        return false;
    }
    *out = sign * (part[0] * 60 + part[1]) * 60;
    return true;
}

bool fg_tz_name_ok(const char *text, size_t len)
{
    int32_t offset;
    if (fixed_offset(text, len, &offset)) {
        return true;
    }
    if (len == 0 || len > NAME_MAX_LEN || text[0] == '/' || text[len - 1] == '/') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                  c == '-' || c == '+' || (c == '/' && text[i + 1] != '/');
        if (!ok) {
            return false;
        }
    }
    return true;
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p)
{
    uint64_t v = (uint64_t)be32(p) << 32 | be32(p + 4);
    int64_t out;
    memcpy(&out, &v, sizeof out);
    return out;
}

static int32_t be32s(const uint8_t *p)
{
    uint32_t v = be32(p);
    int32_t out;
    memcpy(&out, &v, sizeof out);
    return out;
}

struct header {
    uint8_t version;
    size_t isut, isstd, leap, time, type, chars;
};

static bool read_header(struct header *h, const uint8_t *p, size_t len)
{
    if (len < 44 || memcmp(p, "TZif", 4) != 0) {
        return false;
    }
    h->version = p[4];
    h->isut = be32(p + 20);
    h->isstd = be32(p + 24);
    h->leap = be32(p + 28);
    h->time = be32(p + 32);
    h->type = be32(p + 36);
    h->chars = be32(p + 40);
    return h->time <= FILE_MAX_BYTES && h->type >= 1 && h->type <= 256 && h->leap <= FILE_MAX_BYTES &&
           h->chars <= FILE_MAX_BYTES && h->isut <= 256 && h->isstd <= 256;
}

static size_t data_size(const struct header *h, size_t time_size)
{
    return h->time * (time_size + 1) + h->type * 6 + h->chars + h->leap * (time_size + 4) + h->isstd +
           h->isut;
}

/* The 64-bit data block at p (checked to be whole). */
static bool read_changes(struct fg_tz *tz, const struct header *h, const uint8_t *p)
{
    const uint8_t *times = p, *index = p + h->time * 8, *types = index + h->time;
    for (size_t i = 0; i < h->type; i++) {
        int32_t offset = be32s(types + 6 * i);
        if (offset < -OFFSET_MAX_S || offset > OFFSET_MAX_S) {
            return false;
        }
    }
    tz->first_s = be32s(types);
    for (size_t i = 0; i < h->time; i++) {
        if (index[i] >= h->type || (i > 0 && be64(times + 8 * i) <= tz->at_s[i - 1])) {
            return false;
        }
        tz->at_s[i] = be64(times + 8 * i);
        tz->offset_s[i] = be32s(types + 6 * (size_t)index[i]);
    }
    tz->n = h->time;
    return true;
}

enum fg_status fg_tz_parse(struct fg_tz **out, const char *name, const void *bytes, size_t len,
                           struct fg_err *err)
{
    const uint8_t *p = bytes;
    struct header h;
    if (!read_header(&h, p, len) || h.version < '2') {
        return fg_fail(err, FG_E_INPUT, "time zone %s: not a TZif file of version 2 or later", name);
    }
    size_t skip = 44 + data_size(&h, 4);
    if (skip > len || !read_header(&h, p + skip, len - skip)) {
        return fg_fail(err, FG_E_INPUT, "time zone %s: truncated TZif file", name);
    }
    p += skip + 44;
    len -= skip + 44;
    size_t block = data_size(&h, 8);
    if (block + 2 > len || p[block] != '\n') {
        return fg_fail(err, FG_E_INPUT, "time zone %s: truncated TZif file", name);
    }
    struct fg_tz *tz = fg_calloc(1, sizeof *tz);
    if (tz == NULL || (tz->at_s = fg_calloc(h.time, sizeof *tz->at_s)) == NULL ||
        (tz->offset_s = fg_calloc(h.time, sizeof *tz->offset_s)) == NULL) {
        fg_tz_destroy(tz);
        return fg_fail(err, FG_E_NOMEM, "time zone %s: out of memory", name);
    }
    const uint8_t *rule = p + block + 1, *end = memchr(rule, '\n', len - block - 1);
    bool ok = end != NULL && read_changes(tz, &h, p);
    if (ok && end != rule) {
        tz->has_rule = fg_tz_rule_parse(&tz->rule, (const char *)rule, (size_t)(end - rule));
        ok = tz->has_rule;
    }
    if (!ok) {
        fg_tz_destroy(tz);
        return fg_fail(err, FG_E_INPUT, "time zone %s: damaged TZif file", name);
    }
    *out = tz;
    return FG_OK;
}

static const char *data_dir(void)
{
    const char *dir = getenv("TZDIR");
    return dir == NULL || dir[0] == '\0' ? "/usr/share/zoneinfo" : dir;
}

static FILE *open_zone(const char *name, char path[512])
{
    int n = snprintf(path, 512, "%s/%s", data_dir(), name);
    return n < 0 || n >= 512 ? NULL : fopen(path, "rbe");
}

static bool is_there(const char *name)
{
    char path[512];
    FILE *file = open_zone(name, path);
    if (file != NULL) {
        fclose(file);
    }
    return file != NULL;
}

bool fg_tz_unknown(const char *name)
{
    int32_t offset;
    size_t len = strlen(name);
    return !fixed_offset(name, len, &offset) && is_there("UTC") &&
           !(fg_tz_name_ok(name, len) && is_there(name));
}

static enum fg_status load(struct fg_tz **out, const char *name, struct fg_err *err)
{
    enum fg_status st;
    uint8_t *bytes = NULL;
    char path[512];
    const char *dir = data_dir();
    FILE *file = open_zone(name, path);
    if (file == NULL) {
        return is_there("UTC")
                   ? fg_fail(err, FG_E_MISSING, "time zone '%s' is not in the tz data in %s", name, dir)
                   : fg_fail(err, FG_E_MISSING,
                             "time zone '%s': no tz data in %s (on Debian: apt-get install tzdata; or give a "
                             "fixed offset such as +02:00)",
                             name, dir);
    }
    bytes = fg_calloc(FILE_MAX_BYTES, 1);
    if (bytes == NULL) {
        st = fg_fail(err, FG_E_NOMEM, "time zone %s: out of memory", name);
        goto cleanup;
    }
    size_t len = fread(bytes, 1, FILE_MAX_BYTES, file);
    if (ferror(file)) {
        st = fg_fail(err, FG_E_IO, "time zone %s: cannot read %s: %s", name, path, strerror(errno));
        goto cleanup;
    }
    st = fg_tz_parse(out, name, bytes, len, err);

cleanup:
    fg_free(bytes);
    fclose(file);
    return st;
}

enum fg_status fg_tz_create(struct fg_tz **out, const char *name, struct fg_err *err)
{
    int32_t offset;
    if (!fg_tz_name_ok(name, strlen(name))) {
        return fg_fail(
            err, FG_E_INPUT,
            "time zone '%.63s': expected an IANA name such as Europe/Berlin or an offset such as +02:00",
            name);
    }
    if (!fixed_offset(name, strlen(name), &offset)) {
        return load(out, name, err);
    }
    struct fg_tz *tz = fg_calloc(1, sizeof *tz);
    if (tz == NULL) {
        return fg_fail(err, FG_E_NOMEM, "time zone %s: out of memory", name);
    }
    tz->first_s = offset;
    *out = tz;
    return FG_OK;
}

int32_t fg_tz_offset(const struct fg_tz *tz, int64_t utc_s, int64_t *until_s)
{
    int64_t ignored;
    if (until_s == NULL) {
        until_s = &ignored;
    }
    size_t lo = 0, hi = tz->n; /* the number of changes at or before utc_s */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (tz->at_s[mid] <= utc_s) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    if (lo == tz->n && tz->has_rule) {
        return fg_tz_rule_offset(&tz->rule, utc_s, until_s);
    }
    *until_s = lo < tz->n ? tz->at_s[lo] : INT64_MAX;
    return lo == 0 ? tz->first_s : tz->offset_s[lo - 1];
}
