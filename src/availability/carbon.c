#include "src/availability/carbon.h"

#include <math.h>
#include <string.h>

#include "src/availability/textfile.h"
#include "src/availability/tz.h"
#include "src/base/calendar.h"
#include "src/base/mem.h"
#include "src/base/time.h"

#define HOURS_MAX 2000000 /* 228 years */

enum { KEY_ZONE, KEY_TZ, KEY_KIND, KEY_SCOPE, KEY_BASIS, KEYS };
static const char *const key_names[KEYS] = {"zone", "tz", "kind", "scope", "basis"};

/* The words allowed for a key, as one text for messages; NULL: any. */
static const char *const key_values[KEYS][2] = {{NULL, NULL},
                                                {NULL, NULL},
                                                {"average", "marginal"},
                                                {"life-cycle", "direct"},
                                                {"consumption", "production"}};

struct reader {
    struct fg_lines lines;
    struct fg_carbon *c;
    char **value[KEYS]; /* where each key's text goes */
    size_t header_line, last_line, cap;
    int64_t last_s; /* time of the last row with a good time */
};

#define PROBLEM(...) fg_lines_problem(&r->lines, r->lines.line, __VA_ARGS__)

static enum fg_status take_key(struct reader *r, struct fg_span key, struct fg_span value)
{
    char q[48];
    size_t k = 0;
    while (k < KEYS && !fg_span_is(key, key_names[k])) {
        k++;
    }
    if (k == KEYS) {
        return FG_OK;
    }
    if (*r->value[k] != NULL) {
        return PROBLEM("%s is given twice", key_names[k]);
    }
    if (k == KEY_TZ && !fg_tz_name_ok(value.at, value.len)) {
        return PROBLEM(
            "tz: expected an IANA name such as Europe/Berlin or an offset such as +02:00, found '%s'",
            fg_span_quote(q, value));
    }
    if (key_values[k][0] != NULL && !fg_span_is(value, key_values[k][0]) &&
        !fg_span_is(value, key_values[k][1])) {
        return PROBLEM("%s: expected %s or %s, found '%s'", key_names[k], key_values[k][0], key_values[k][1],
                       fg_span_quote(q, value));
    }
    if (k == KEY_TZ) {
        r->c->tz_line = r->lines.line;
    }
    *r->value[k] = fg_strndup(value.at, value.len);
    return *r->value[k] != NULL ? FG_OK : FG_E_NOMEM;
}

static enum fg_status check_time(struct reader *r, int64_t t)
{
    char now[32], last[32];
    int64_t step = t - r->last_s;
    if (r->last_line == 0 || step == 3600) {
        return FG_OK;
    }
    fg_iso_format(now, t);
    fg_iso_format(last, r->last_s);
    if (step > 3600 && step % 3600 == 0) {
        return PROBLEM("hole of %lld hours: %s follows %s of line %zu", (long long)(step / 3600 - 1), now,
                       last, r->last_line);
    }
    if (step == 0) {
        return PROBLEM("%s is there twice, first as %s in line %zu", now, last, r->last_line);
    }
    return PROBLEM("rows must be one hour apart: %s follows %s of line %zu", now, last, r->last_line);
}

static enum fg_status take_row(struct reader *r, const char *text, size_t len)
{
    char q[48];
    struct fg_span f[2];
    size_t n = fg_lines_fields(text, len, f, 2);
    if (n != 2) {
        return PROBLEM("expected 2 columns (utc_time,gco2_per_kwh), found %zu: '%s'", n,
                       fg_span_quote(q, (struct fg_span){text, len}));
    }
    int64_t t = 0;
    double v = 0;
    if (fg_iso_parse(&t, f[0].at, f[0].len) != FG_OK || t % 3600 != 0) {
        return PROBLEM("utc_time: expected a full hour such as 2023-01-01T00:00:00Z, found '%s'",
                       fg_span_quote(q, f[0]));
    }
    enum fg_status st = check_time(r, t);
    if (st != FG_OK) {
        return st;
    }
    r->last_s = t;
    r->last_line = r->lines.line;
    st = fg_parse_f64(&v, f[1].at, f[1].len);
    if (st == FG_E_INPUT) {
        return PROBLEM("gco2_per_kwh: expected a number, found '%s'", fg_span_quote(q, f[1]));
    }
    if (st != FG_OK || v < 0 || v > FG_INTENSITY_MAX) {
        return PROBLEM("gco2_per_kwh: expected 0 to %g, found '%s'", FG_INTENSITY_MAX,
                       fg_span_quote(q, f[1]));
    }
    struct fg_carbon *c = r->c;
    if (c->hours == HOURS_MAX) {
        return PROBLEM("expected at most %d hours, found more", HOURS_MAX);
    }
    if (c->hours == 0) {
        c->start_s = t;
    }
    st = FG_GROW(c->g_per_kwh, c->hours, r->cap);
    if (st == FG_OK) {
        c->g_per_kwh[c->hours++] = v;
    }
    return st;
}

static enum fg_status take_line(void *arg, const char *text, size_t len)
{
    struct reader *r = arg;
    struct fg_span key, value, f[2];
    if (text[0] == '#') {
        return fg_lines_key(text, len, &key, &value) ? take_key(r, key, value) : FG_OK;
    }
    if (r->header_line != 0) {
        return take_row(r, text, len);
    }
    r->header_line = r->lines.line;
    size_t n = fg_lines_fields(text, len, f, 2);
    if (n != 2 || !fg_span_is(f[0], "utc_time") || !fg_span_is(f[1], "gco2_per_kwh")) {
        char q[48];
        return PROBLEM(
            "expected the header utc_time,gco2_per_kwh, found '%s' (forage trace import reads other forms)",
            fg_span_quote(q, (struct fg_span){text, len}));
    }
    return FG_OK;
}

static void reader_destroy(struct reader *r)
{
    if (r != NULL) {
        fg_carbon_destroy(r->c);
        fg_free(r);
    }
}

static enum fg_status reader_create(struct reader **out, const char *name, struct fg_problems *all)
{
    struct reader *r = fg_calloc(1, sizeof *r);
    if (r == NULL) {
        return FG_E_NOMEM;
    }
    r->c = fg_calloc(1, sizeof *r->c);
    if (r->c == NULL || (r->c->name = fg_strdup(name)) == NULL) {
        reader_destroy(r);
        return FG_E_NOMEM;
    }
    r->value[KEY_ZONE] = &r->c->zone;
    r->value[KEY_TZ] = &r->c->tz;
    r->value[KEY_KIND] = &r->c->kind;
    r->value[KEY_SCOPE] = &r->c->scope;
    r->value[KEY_BASIS] = &r->c->basis;
    r->lines.name = r->c->name;
    r->lines.all = all;
    r->lines.take = take_line;
    r->lines.arg = r;
    *out = r;
    return FG_OK;
}

static enum fg_status feed(void *arg, const void *bytes, size_t len, struct fg_err *err)
{
    struct reader *r = arg;
    r->lines.err = err;
    return fg_lines_feed(&r->lines, bytes, len);
}

static enum fg_status finish(struct reader *r, struct fg_carbon **out, struct fg_err *err)
{
    struct fg_carbon *c = r->c;
    r->lines.err = err;
    enum fg_status st = fg_lines_end(&r->lines);
    if (st == FG_OK && r->header_line == 0) {
        st = fg_lines_problem(&r->lines, 0, "expected the header utc_time,gco2_per_kwh, found %s",
                              r->lines.line == 0 ? "an empty file" : "no line but comments");
    } else if (st == FG_OK && c->hours == 0) {
        st = fg_lines_problem(&r->lines, 0, "the file has no good rows");
    }
    if (st == FG_OK && r->lines.all != NULL && r->lines.all->count != 0) {
        st = fg_fail(err, FG_E_INPUT, "%s: %zu problems", c->name, r->lines.all->count);
    }
    if (st != FG_OK) {
        return st;
    }
    for (size_t k = 0; k < KEYS; k++) {
        if (*r->value[k] == NULL && (*r->value[k] = fg_strdup("")) == NULL) {
            return FG_E_NOMEM;
        }
    }
    c->before_ug = fg_calloc(c->hours + 1, sizeof *c->before_ug);
    if (c->before_ug == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < c->hours; i++) {
        c->before_ug[i + 1] = c->before_ug[i] + (int64_t)floor(c->g_per_kwh[i] * 1e6 + 0.5);
    }
    *out = c;
    r->c = NULL;
    return FG_OK;
}

/* From these bytes; NULL: from the file of this name. */
static enum fg_status read_carbon(struct fg_carbon **out, const char *name, const struct fg_span *bytes,
                                  struct fg_problems *all, struct fg_err *err)
{
    struct reader *r = NULL;
    enum fg_status st;
    FG_TRY(reader_create(&r, name, all));
    FG_TRY(bytes != NULL ? feed(r, bytes->at, bytes->len, err) : fg_textfile_read(name, feed, r, err));
    FG_TRY(finish(r, out, err));
cleanup:
    reader_destroy(r);
    return st == FG_E_NOMEM ? fg_fail(err, st, "%s: out of memory", name) : st;
}

enum fg_status fg_carbon_parse(struct fg_carbon **out, const char *name, const void *bytes, size_t len,
                               struct fg_problems *all, struct fg_err *err)
{
    return read_carbon(out, name, &(struct fg_span){bytes, len}, all, err);
}

enum fg_status fg_carbon_load(struct fg_carbon **out, const char *path, struct fg_problems *all,
                              struct fg_err *err)
{
    return read_carbon(out, path, NULL, all, err);
}

void fg_carbon_destroy(struct fg_carbon *c)
{
    if (c == NULL) {
        return;
    }
    fg_free(c->name);
    fg_free(c->zone);
    fg_free(c->tz);
    fg_free(c->kind);
    fg_free(c->scope);
    fg_free(c->basis);
    fg_free(c->g_per_kwh);
    fg_free(c->before_ug);
    fg_free(c);
}

double fg_carbon_integral(const struct fg_carbon *c, int64_t t0_us, int64_t t1_us)
{
    int64_t end = (int64_t)c->hours * FG_HOUR;
    if (t1_us <= t0_us) {
        return 0.0;
    }
    double sum = 0.0;
    if (t0_us < 0) {
        int64_t until = t1_us < 0 ? t1_us : 0;
        sum += c->g_per_kwh[0] * ((double)(until - t0_us) / 1e6);
        t0_us = until;
    }
    if (t1_us > end) {
        int64_t from = t0_us > end ? t0_us : end;
        sum += c->g_per_kwh[c->hours - 1] * ((double)(t1_us - from) / 1e6);
        t1_us = from;
    }
    if (t0_us >= t1_us) {
        return sum;
    }
    int64_t first = t0_us / FG_HOUR, last = t1_us / FG_HOUR;
    if (first == last) {
        return sum + c->g_per_kwh[first] * ((double)(t1_us - t0_us) / 1e6);
    }
    sum += c->g_per_kwh[first] * ((double)((first + 1) * FG_HOUR - t0_us) / 1e6);
    sum += (double)(c->before_ug[last] - c->before_ug[first + 1]) / 1e6 * 3600.0;
    if (t1_us > last * FG_HOUR) {
        sum += c->g_per_kwh[last] * ((double)(t1_us - last * FG_HOUR) / 1e6);
    }
    return sum;
}

double fg_carbon_mean(const struct fg_carbon *c)
{
    return (double)c->before_ug[c->hours] / 1e6 / (double)c->hours;
}

enum fg_status fg_carbon_check_alike(const struct fg_carbon *const *c, size_t n, struct fg_err *err)
{
    for (size_t i = 1; i < n; i++) {
        const char *a[3] = {c[0]->kind, c[0]->scope, c[0]->basis};
        const char *b[3] = {c[i]->kind, c[i]->scope, c[i]->basis};
        for (size_t k = 0; k < 3; k++) {
            if (strcmp(a[k], b[k]) != 0) {
                return fg_fail(
                    err, FG_E_INPUT,
                    "carbon files differ in %s: %s says '%s', %s says '%s'; their grams do not compare "
                    "(carbon.allow_mixed = yes to mix them all the same)",
                    key_names[KEY_KIND + k], c[0]->name, a[k], c[i]->name, b[k]);
            }
        }
    }
    return FG_OK;
}
