#include "src/availability/stat.h"

#include <math.h>
#include <string.h>

#include "src/base/calendar.h"
#include "src/base/mem.h"
#include "src/base/sort.h"

static double quantile(const double *v, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t i = (size_t)floor(at);
    return i + 1 < n ? v[i] + (at - (double)i) * (v[i + 1] - v[i]) : v[n - 1];
}

void fg_distribution(struct fg_distribution *d, double *v, size_t n)
{
    *d = (struct fg_distribution){.n = n};
    if (n == 0) {
        return;
    }
    fg_sort_f64(v, n);
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += v[i];
    }
    d->mean = sum / (double)n;
    d->min = v[0];
    d->p10 = quantile(v, n, 0.10);
    d->p25 = quantile(v, n, 0.25);
    d->p50 = quantile(v, n, 0.50);
    d->p75 = quantile(v, n, 0.75);
    d->p90 = quantile(v, n, 0.90);
    d->max = v[n - 1];
}

/* Sums of value * weight by hour and weekday, and the weights. */
struct sums {
    double hour[24], hour_weight[24], day[7], day_weight[7];
};

static void add(struct sums *s, int64_t local_s, double value, double weight)
{
    int64_t days = fg_floor_div(local_s, FG_DAY_S);
    int hour = (int)((local_s - days * FG_DAY_S) / 3600), day = fg_weekday(days);
    s->hour[hour] += value * weight;
    s->hour_weight[hour] += weight;
    s->day[day] += value * weight;
    s->day_weight[day] += weight;
}

static void pattern_of(struct fg_pattern *p, const struct sums *s, bool dated)
{
    *p = (struct fg_pattern){.dated = dated};
    for (int h = 0; h < 24; h++) {
        p->have_hour[h] = s->hour_weight[h] > 0.0;
        p->hour[h] = p->have_hour[h] ? s->hour[h] / s->hour_weight[h] : 0.0;
    }
    for (int d = 0; d < 7; d++) {
        p->have_day[d] = s->day_weight[d] > 0.0;
        p->day[d] = p->have_day[d] ? s->day[d] / s->day_weight[d] : 0.0;
    }
}

static void up_pattern(const struct fg_trace *t, struct fg_pattern *out)
{
    struct sums s = {{0}, {0}, {0}, {0}};
    bool dated = t->has_zero;
    int64_t zero = dated ? t->zero_s : -3 * FG_DAY_S; /* 1969-12-29 was a Monday: day 0 */
    for (int64_t at = 0; at < t->span_s;) {
        int64_t next = (fg_floor_div(zero + at, 3600) + 1) * 3600 - zero, up = 0;
        next = next < t->span_s ? next : t->span_s;
        for (uint32_t n = 0; n < t->nodes; n++) {
            up += fg_trace_up_seconds(t, n, at, next);
        }
        double weight = (double)(next - at);
        add(&s, zero + at, (double)up / (weight * (double)t->nodes), weight);
        at = next;
    }
    pattern_of(out, &s, dated);
}

enum fg_status fg_trace_stat(const struct fg_trace *t, struct fg_trace_stat *out)
{
    uint32_t m = t->first[t->nodes];
    size_t sessions = 0, gaps = 0, cut = 0;
    double *v = fg_calloc((size_t)m + t->nodes, sizeof *v), *w = fg_calloc(m, sizeof *w);
    if (v == NULL || w == NULL) {
        fg_free(v);
        fg_free(w);
        return FG_E_NOMEM;
    }
    for (uint32_t n = 0; n < t->nodes; n++) {
        for (uint32_t i = t->first[n]; i < t->first[n + 1]; i++) {
            cut += t->start_s[i] == 0 || (int64_t)t->end_s[i] == t->span_s;
            v[sessions++] = (double)(t->end_s[i] - t->start_s[i]) / 3600.0;
            if (i > t->first[n]) {
                w[gaps++] = (double)(t->start_s[i] - t->end_s[i - 1]) / 3600.0;
            }
        }
    }
    fg_distribution(&out->session_h, v, sessions);
    fg_distribution(&out->gap_h, w, gaps);
    out->cut_sessions = cut;
    for (uint32_t n = 0; n < t->nodes; n++) {
        v[n] = fg_trace_availability(t, n);
    }
    fg_distribution(&out->availability, v, t->nodes);
    up_pattern(t, &out->up);
    fg_free(v);
    fg_free(w);
    return FG_OK;
}

enum fg_status fg_carbon_stat(const struct fg_carbon *c, const struct fg_tz *tz, struct fg_carbon_stat *out)
{
    struct sums s = {{0}, {0}, {0}, {0}};
    double *v = fg_calloc(c->hours, sizeof *v);
    if (v == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < c->hours; i++) {
        int64_t t = c->start_s + (int64_t)i * 3600;
        v[i] = c->g_per_kwh[i];
        add(&s, t + (tz != NULL ? fg_tz_offset(tz, t, NULL) : 0), v[i], 1.0);
    }
    fg_distribution(&out->g_per_kwh, v, c->hours);
    pattern_of(&out->pattern, &s, true);
    fg_free(v);
    return FG_OK;
}
