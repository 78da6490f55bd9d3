#include "datasets/generate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "datasets/build.h"
#include "datasets/load.h"
#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/base/str.h"

/* A key of an expression. */
struct option {
    const char *key;
    double low, high, value; /* value: the default, then what was given */
    int whole;
};

static enum fg_status unknown_key(const struct option *o, size_t n, const char *key, size_t len,
                                  const char *all, struct fg_err *err)
{
    struct fg_str known = {0};
    for (size_t i = 0; i < n; i++) {
        if (fg_str_addf(&known, " %s", o[i].key) != FG_OK) {
            break;
        }
    }
    enum fg_status st = fg_fail(err, FG_E_CONFIG, "%s: unknown key '%.*s'; known:%s", all, (int)len, key,
                                known.data != NULL ? known.data : "");
    fg_str_fini(&known);
    return st;
}

/* "key=value", or a value alone, which belongs to the key at its place. */
static enum fg_status parse_one(struct option *o, size_t n, size_t place, const char *text, size_t len,
                                const char *all, struct fg_err *err)
{
    const char *eq = memchr(text, '=', len), *value = eq != NULL ? eq + 1 : text;
    size_t key = eq != NULL ? (size_t)(eq - text) : 0, rest = len - (size_t)(value - text), i = place;
    if (eq != NULL) {
        for (i = 0; i < n && (strlen(o[i].key) != key || memcmp(o[i].key, text, key) != 0); i++) {
        }
    }
    if (i >= n) {
        return unknown_key(o, n, text, eq != NULL ? key : len, all, err);
    }
    double v = 0.0;
    enum fg_status st = fg_parse_f64(&v, value, rest);
    if (st != FG_OK || v < o[i].low || v > o[i].high || (o[i].whole && v != floor(v))) {
        return fg_fail(err, FG_E_CONFIG, "%s: %s: expected a %snumber %g..%g, found '%.*s'", all, o[i].key,
                       o[i].whole ? "whole " : "", o[i].low, o[i].high, (int)rest, value);
    }
    o[i].value = v;
    return FG_OK;
}

static enum fg_status parse_options(struct option *o, size_t n, const char *expression, struct fg_err *err)
{
    const char *p = strchr(expression, ':');
    for (size_t place = 0; p != NULL && p[1] != '\0'; place++) {
        const char *start = p + 1, *end = strchr(start, ',');
        size_t len = end != NULL ? (size_t)(end - start) : strlen(start);
        enum fg_status st = parse_one(o, n, place, start, len, expression, err);
        if (st != FG_OK) {
            return st;
        }
        p = end;
    }
    return FG_OK;
}

static enum fg_status name_groups(struct fg_dataset *ds, const char *what, struct fg_err *err)
{
    char name[40];
    for (uint32_t g = 0; g < ds->groups; g++) {
        snprintf(name, sizeof name, "%s%u", what, g);
        if ((ds->group_name[g] = fg_strdup(name)) == NULL) {
            return fg_fail(err, FG_E_NOMEM, "%s: out of memory", ds->name);
        }
    }
    return FG_OK;
}

/* Synthetic(alpha, beta): one client's model, means and room for a sample. */
struct synthetic {
    double alpha, beta;
    uint32_t clients, features, classes;
    int iid;
    uint64_t seed;
    double *w;     /* (features, classes) */
    double *b;     /* (classes) */
    double *mean;  /* (features) */
    double *sigma; /* (features) standard deviations */
    double *logit; /* (classes) */
};

/* Streams of one client: task 0 its size, 1 its model, 2 its samples. The shared model of iid is client
 * 2^32-1. */
static size_t client_size(const struct synthetic *s, uint32_t client)
{
    struct fg_rng r;
    fg_rng_init(&r, s->seed, FG_RNG_GENERATE, client, 0);
    double v = fg_exp(4.0 + 2.0 * fg_rng_normal(&r));
    return v > 99950.0 ? 100000 : 50 + (size_t)v;
}

static void client_model(struct synthetic *s, uint32_t client)
{
    struct fg_rng r;
    fg_rng_init(&r, s->seed, FG_RNG_GENERATE, s->iid ? UINT32_MAX : client, 1);
    double u = s->iid ? 0.0 : s->alpha * fg_rng_normal(&r),
           centre = s->iid ? 0.0 : s->beta * fg_rng_normal(&r);
    for (uint32_t j = 0; j < s->features; j++) {
        s->mean[j] = s->iid ? 0.0 : centre + fg_rng_normal(&r);
    }
    for (size_t i = 0; i < (size_t)s->features * s->classes; i++) {
        s->w[i] = u + fg_rng_normal(&r);
    }
    for (uint32_t c = 0; c < s->classes; c++) {
        s->b[c] = u + fg_rng_normal(&r);
    }
}

static uint16_t sample(struct synthetic *s, struct fg_rng *r, float *x)
{
    for (uint32_t c = 0; c < s->classes; c++) {
        s->logit[c] = s->b[c];
    }
    for (uint32_t j = 0; j < s->features; j++) {
        x[j] = (float)(s->mean[j] + s->sigma[j] * fg_rng_normal(r));
        for (uint32_t c = 0; c < s->classes; c++) {
            s->logit[c] += (double)x[j] * s->w[(size_t)j * s->classes + c];
        }
    }
    uint16_t best = 0;
    for (uint32_t c = 1; c < s->classes; c++) {
        if (s->logit[c] > s->logit[best]) {
            best = (uint16_t)c;
        }
    }
    return best;
}

static void fill_synthetic(struct fg_dataset *ds, struct synthetic *s)
{
    struct fg_dataset_arrays *a = fg_dataset_edit(ds);
    size_t at = 0;
    for (uint32_t j = 0; j < s->features; j++) {
        s->sigma[j] = sqrt(fg_pow(j + 1.0, -1.2));
    }
    for (uint32_t k = 0; k < s->clients; k++) {
        struct fg_rng r;
        client_model(s, k);
        fg_rng_init(&r, s->seed, FG_RNG_GENERATE, k, 2);
        for (size_t n = client_size(s, k); n > 0; n--, at++) {
            a->y[at] = sample(s, &r, (float *)a->x + at * s->features);
            a->group[at] = k;
        }
    }
}

static enum fg_status generate_synthetic(struct fg_dataset **out, const char *expression, struct fg_err *err)
{
    struct option o[] = {{"alpha", 0, 1e6, 1, 0},
                         {"beta", 0, 1e6, 1, 0},
                         {"clients", 1, 1e6, 30, 1},
                         {"features", 1, 65536, 60, 1},
                         {"classes", 2, 65535, 10, 1},
                         {"iid", 0, 1, 0, 1},
                         {"seed", 0, 9007199254740991.0, 1, 1}};
    enum fg_status st = parse_options(o, sizeof o / sizeof *o, expression, err);
    if (st != FG_OK) {
        return st;
    }
    struct synthetic s = {.alpha = o[0].value,
                          .beta = o[1].value,
                          .clients = (uint32_t)o[2].value,
                          .features = (uint32_t)o[3].value,
                          .classes = (uint32_t)o[4].value,
                          .iid = o[5].value != 0.0,
                          .seed = (uint64_t)o[6].value};
    struct fg_dataset *ds = NULL;
    size_t n = 0;
    for (uint32_t k = 0; k < s.clients; k++) {
        n += client_size(&s, k);
    }
    s.w = fg_calloc((size_t)s.features * s.classes, sizeof *s.w);
    s.b = fg_calloc(s.classes, sizeof *s.b);
    s.mean = fg_calloc(s.features, sizeof *s.mean);
    s.sigma = fg_calloc(s.features, sizeof *s.sigma);
    s.logit = fg_calloc(s.classes, sizeof *s.logit);
    if (s.w == NULL || s.b == NULL || s.mean == NULL || s.sigma == NULL || s.logit == NULL) {
        st = fg_fail(err, FG_E_NOMEM, "%s: out of memory", expression);
        goto cleanup;
    }
    struct fg_dataset layout = {.kind = FG_DATA_VECTOR,
                                .dtype = FG_F32,
                                .shape = {s.features, 1, 1},
                                .label_width = 1,
                                .classes = s.classes,
                                .n = n,
                                .n_train = n,
                                .groups = s.clients};
    FG_TRY(fg_dataset_create(&ds, &layout, expression, err));
    FG_TRY(name_groups(ds, "device", err));
    fill_synthetic(ds, &s);
    *out = ds;
    ds = NULL;
cleanup:
    fg_dataset_destroy(ds);
    fg_free(s.w);
    fg_free(s.b);
    fg_free(s.mean);
    fg_free(s.sigma);
    fg_free(s.logit);
    return st;
}

static enum fg_status fill_gaussian(struct fg_dataset *ds, double separation, uint64_t seed,
                                    struct fg_err *err)
{
    struct fg_dataset_arrays *a = fg_dataset_edit(ds);
    size_t dim = ds->width;
    FG_ASSERT(ds->classes > 0);
    double *mean = fg_calloc((size_t)ds->classes * dim, sizeof *mean);
    if (mean == NULL) {
        return fg_fail(err, FG_E_NOMEM, "%s: out of memory", ds->name);
    }
    struct fg_rng r;
    for (uint32_t c = 0; c < ds->classes; c++) {
        double square = 0.0;
        fg_rng_init(&r, seed, FG_RNG_GENERATE, c, 1);
        for (size_t j = 0; j < dim; j++) {
            double v = fg_rng_normal(&r);
            mean[c * dim + j] = v;
            square += v * v;
        }
        for (size_t j = 0; j < dim; j++) {
            mean[c * dim + j] *= separation / sqrt(square);
        }
    }
    for (size_t i = 0; i < ds->n; i++) {
        uint32_t c = (uint32_t)(i % ds->classes);
        float *x = (float *)a->x + i * dim;
        fg_rng_init(&r, seed, FG_RNG_GENERATE, (uint32_t)i, 2);
        for (size_t j = 0; j < dim; j++) {
            x[j] = (float)(mean[c * dim + j] + fg_rng_normal(&r));
        }
        a->y[i] = (uint16_t)c;
        if (a->group != NULL) {
            a->group[i] = (uint32_t)(i / ds->classes % ds->groups);
        }
    }
    fg_free(mean);
    return FG_OK;
}

static enum fg_status generate_gaussian(struct fg_dataset **out, const char *expression, struct fg_err *err)
{
    struct option o[] = {{"classes", 2, 65535, 10, 1},
                         {"dim", 1, 1e6, 20, 1},
                         {"n", 1, 1e9, 10000, 1},
                         {"test", 0, 1e9, 0, 1},
                         {"separation", 0, 1e6, 3, 0},
                         {"groups", 0, 1e6, 0, 1},
                         {"seed", 0, 9007199254740991.0, 1, 1}};
    enum fg_status st = parse_options(o, sizeof o / sizeof *o, expression, err);
    if (st != FG_OK) {
        return st;
    }
    struct fg_dataset layout = {.kind = FG_DATA_VECTOR,
                                .dtype = FG_F32,
                                .shape = {(uint32_t)o[1].value, 1, 1},
                                .label_width = 1,
                                .classes = (uint32_t)o[0].value,
                                .n = (size_t)(o[2].value + o[3].value),
                                .n_train = (size_t)o[2].value,
                                .groups = (uint32_t)o[5].value};
    struct fg_dataset *ds;
    if ((st = fg_dataset_create(&ds, &layout, expression, err)) != FG_OK) {
        return st;
    }
    if ((st = name_groups(ds, "group", err)) != FG_OK ||
        (st = fill_gaussian(ds, o[4].value, (uint64_t)o[6].value, err)) != FG_OK) {
        fg_dataset_destroy(ds);
        return st;
    }
    *out = ds;
    return FG_OK;
}

static const struct {
    const char *name;
    enum fg_status (*make)(struct fg_dataset **out, const char *expression, struct fg_err *err);
} generators[] = {{"synthetic", generate_synthetic}, {"gaussian", generate_gaussian}};

static size_t which(const char *expression)
{
    size_t n = sizeof generators / sizeof *generators, len = strcspn(expression, ":"), i = 0;
    while (i < n && (strlen(generators[i].name) != len || memcmp(generators[i].name, expression, len) != 0)) {
        i++;
    }
    return i;
}

int fg_dataset_is_generated(const char *path)
{
    return strchr(path, ':') != NULL && which(path) < sizeof generators / sizeof *generators;
}

enum fg_status fg_generate(struct fg_dataset **out, const char *expression, struct fg_err *err)
{
    size_t i = which(expression);
    if (i == sizeof generators / sizeof *generators) {
        return fg_fail(err, FG_E_CONFIG, "%s: expected a generator, synthetic:... or gaussian:...",
                       expression);
    }
    return generators[i].make(out, expression, err);
}
