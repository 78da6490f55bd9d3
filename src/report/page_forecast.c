/* Calibration of the forecasts that a run's policy had, and how evenly its clients took part. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/sort.h"
#include "src/report/page.h"

enum { BINS = 10, LEAST = 30 /* forecasts that make a point */ };

/* Forecasts so many slots ahead against what was: by tenths of the forecast chance. */
struct calibration {
    double chance[BINS], held[BINS], count[BINS];
    double all, up, brier;
};

static void calibrate(struct calibration *out, const struct fg_board *b, uint32_t which)
{
    uint32_t ahead = b->head.ahead[which];
    memset(out, 0, sizeof *out);
    for (size_t k = 0; ahead > 0 && k + ahead < b->rows; k++) {
        const uint8_t *said = fg_board_chances(b, k, which), *was = fg_board_states(b, k + ahead);
        if (fg_board_round(b, k + ahead) != fg_board_round(b, k) + ahead) {
            continue;
        }
        for (uint32_t i = 0; i < b->head.n; i++) {
            if (said[i] != FG_BOARD_NO_CHANCE) {
                double p = said[i] / (double)FG_BOARD_CERTAIN,
                       y = (was[i] & FG_BOARD_STAYED) != 0 ? 1.0 : 0.0;
                int bin = p >= 1.0 ? BINS - 1 : (int)(p * BINS);
                out->chance[bin] += p;
                out->held[bin] += y;
                out->count[bin] += 1.0;
                out->all += 1.0;
                out->up += y;
                out->brier += (p - y) * (p - y);
            }
        }
    }
}

static bool has_forecasts(const struct fg_page_run *r)
{
    return r->board.bytes != NULL && r->board.head.rows_per_chance > 0 && r->board.head.stays;
}

static enum fg_status calibration_panel(struct fg_str *out, struct fg_plots *plots,
                                        const struct fg_page_run *runs, size_t n, uint32_t which)
{
    char title[64];
    struct fg_panel p = {
        .x0 = 0, .x1 = 1, .y0 = 0, .y1 = 1, .x_name = "forecast chance", .y_name = "share that held"};
    enum fg_status st = FG_OK;
    uint32_t ahead = 0;
    for (size_t i = 0; i < n; i++) {
        ahead = ahead == 0 && has_forecasts(&runs[i]) ? runs[i].board.head.ahead[which] : ahead;
    }
    if (ahead == 0) {
        return FG_OK;
    }
    (void)snprintf(title, sizeof title, "Up for an hour, %u slot%s ahead", (unsigned)ahead,
                   ahead > 1 ? "s" : "");
    p.title = title;
    FG_TRY(fg_plot_simple(plots, out, &p));
    FG_TRY(fg_plot_rule(plots, 0, 0, 1, 1));
    for (size_t i = 0; i < n; i++) {
        struct calibration c;
        double x[BINS], y[BINS];
        size_t m = 0;
        if (!has_forecasts(&runs[i])) {
            continue;
        }
        calibrate(&c, &runs[i].board, which);
        for (int k = 0; k < BINS; k++) {
            if (c.count[k] >= LEAST) {
                x[m] = c.chance[k] / c.count[k];
                y[m++] = c.held[k] / c.count[k];
            }
        }
        FG_TRY(m > 0 ? fg_plot_curve(plots, x, y, m, i, 1) : FG_OK);
    }
    FG_TRY(fg_plot_simple_end(plots));
cleanup:
    return st;
}

static enum fg_status calibration_row(struct fg_str *out, const struct fg_page_run *r, uint32_t which)
{
    struct calibration c;
    enum fg_status st = FG_OK;
    calibrate(&c, &r->board, which);
    if (c.all > 0.0) {
        double base = c.up / c.all;
        FG_TRY(fg_str_addf(out, "<tr><th>"));
        FG_TRY(fg_html(out, r->name));
        FG_TRY(fg_str_addf(out, "</th><td>%u</td><td>%.0f</td><td>%.3f</td><td>%.4f</td><td>%.4f</td></tr>\n",
                           (unsigned)r->board.head.ahead[which], c.all, base, c.brier / c.all,
                           base * (1.0 - base)));
    }
cleanup:
    return st;
}

enum fg_status fg_page_calibration(struct fg_str *out, struct fg_plots *plots, const struct fg_page_run *runs,
                                   size_t n)
{
    bool any = false;
    enum fg_status st = fg_str_addf(out, "<section id=\"forecasts\"><h2>Forecasts</h2>\n");
    for (size_t i = 0; i < n; i++) {
        any = any || has_forecasts(&runs[i]);
    }
    FG_TRY(st);
    if (!any) {
        FG_TRY(fg_str_addf(out, "<p>No forecasts to score: %s</p></section>\n",
                           n == 1 ? "the policy plans nothing ahead, or the clock was real."
                                  : "none of the policies plans ahead, or the clock was real."));
        goto cleanup;
    }
    FG_TRY(fg_str_addf(
        out, "<p class=\"note\">What the policy was told of its clients' availability against what they "
             "did. On the line a chance of 0.7 held seven times in ten; points "
             "of fewer than 30 forecasts are left out.</p>\n"));
    FG_TRY(fg_page_legend(out, runs, n));
    FG_TRY(fg_str_addf(out, "<div class=\"plots\">\n"));
    for (uint32_t k = 0; k < FG_BOARD_AHEAD; k++) {
        FG_TRY(calibration_panel(out, plots, runs, n, k));
    }
    FG_TRY(fg_str_addf(
        out, "</div>\n<div class=\"wide\"><table><tr><th>run</th><th>slots ahead</th><th>forecasts</th>"
             "<th>share up</th><th>Brier score</th><th>of the share alone</th></tr>\n"));
    for (size_t i = 0; i < n; i++) {
        for (uint32_t k = 0; has_forecasts(&runs[i]) && k < FG_BOARD_AHEAD; k++) {
            FG_TRY(calibration_row(out, &runs[i], k));
        }
    }
    FG_TRY(fg_str_addf(out, "</table></div></section>\n"));
cleanup:
    return st;
}

/* ---- participation ---- */

static double target_of(const struct fg_page_run *r, uint32_t i, uint32_t *client)
{
    struct fg_board_client c = {.client = i, .target = 1.0};
    if (r->board.bytes != NULL) {
        fg_board_client(&c, &r->board, i);
    }
    *client = c.client;
    return c.target;
}

/* The updates of each client over those that it should have had, growing: (n). Returns how many. */
static size_t ratios(double *out, const struct fg_page_run *r)
{
    uint32_t n = r->board.bytes != NULL ? r->board.head.n : fg_board_size(r->view.clients, 1, false), c;
    double target = 0.0, used = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        target += target_of(r, i, &c);
        used += c < r->view.clients ? r->view.used[c] : 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        double due = target_of(r, i, &c) / target;
        out[i] = c < r->view.clients && used > 0.0 && due > 0.0 ? r->view.used[c] / used / due : 0.0;
    }
    fg_sort_f64(out, n);
    return n;
}

static enum fg_status bias_panel(struct fg_str *out, struct fg_plots *plots, const struct fg_page_run *runs,
                                 size_t n, double *x, double *y)
{
    struct fg_panel p = {.x0 = 0,
                         .x1 = 100,
                         .y0 = 0,
                         .y1 = 2,
                         .title = "Updates over what would be fair, client by client",
                         .x_name = "clients, fewest first, %",
                         .y_name = "times their share"};
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < n; i++) {
        size_t m = ratios(y, &runs[i]);
        double top = m > 0 ? ceil(y[m - 1]) : 2.0;
        p.y1 = top > p.y1 ? top : p.y1;
    }
    p.y1 = p.y1 > 8.0 ? 8.0 : p.y1;
    FG_TRY(fg_plot_simple(plots, out, &p));
    FG_TRY(fg_plot_rule(plots, 0, 1, 100, 1));
    for (size_t i = 0; i < n; i++) {
        size_t m = ratios(y, &runs[i]);
        for (size_t k = 0; k < m; k++) {
            x[k] = 100.0 * ((double)k + 0.5) / (double)m;
            y[k] = y[k] > 8.0 ? 8.0 : y[k];
        }
        FG_TRY(m > 0 ? fg_plot_curve(plots, x, y, m, i, 0) : FG_OK);
    }
    FG_TRY(fg_plot_simple_end(plots));
cleanup:
    return st;
}

static enum fg_status count_panel(struct fg_str *out, struct fg_plots *plots, const struct fg_page_run *runs,
                                  size_t n)
{
    enum { STEPS = 400 };
    double xr[2] = {0.0, 1.0};
    struct fg_panel p = {.x0 = 0,
                         .y0 = 0,
                         .y1 = 100,
                         .title = "How often clients took part",
                         .x_name = "updates used, at most",
                         .y_name = "share of clients, %"};
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < n; i++) {
        for (uint32_t c = 0; c < runs[i].view.clients; c++) {
            fg_range_hold(xr, runs[i].view.used[c]);
        }
    }
    p.x1 = xr[1];
    FG_TRY(fg_plot_simple(plots, out, &p));
    for (size_t i = 0; i < n; i++) {
        double x[STEPS + 1], y[STEPS + 1] = {0};
        const struct fg_run_view *v = &runs[i].view;
        for (uint32_t c = 0; c < v->clients; c++) {
            y[(size_t)ceil(v->used[c] / xr[1] * STEPS)] += 100.0 / v->clients;
        }
        for (int k = 0; k <= STEPS; k++) {
            x[k] = xr[1] * k / STEPS;
            y[k] += k > 0 ? y[k - 1] : 0.0;
        }
        FG_TRY(fg_plot_curve(plots, x, y, STEPS + 1, i, 0));
    }
    FG_TRY(fg_plot_simple_end(plots));
cleanup:
    return st;
}

/* By zone: who should count how much, and what came. */
static enum fg_status zone_rows(struct fg_str *out, const struct fg_page_run *r)
{
    const struct fg_board *b = &r->board;
    uint32_t zones = b->head.zones;
    double *sum = fg_calloc(5 * (size_t)zones, sizeof *sum), target = 0.0, used = 0.0;
    enum fg_status st = sum != NULL ? FG_OK : FG_E_NOMEM;
    FG_TRY(st);
    for (uint32_t i = 0; i < b->head.n; i++) {
        struct fg_board_client c;
        fg_board_client(&c, b, i);
        double mine = c.client < r->view.clients ? r->view.used[c.client] : 0;
        sum[5 * c.zone] += 1.0;
        sum[5 * c.zone + 1] += c.target;
        sum[5 * c.zone + 2] += mine;
        sum[5 * c.zone + 3] += c.availability;
        target += c.target;
        used += mine;
    }
    for (size_t k = 0; k < b->rows; k++) {
        for (uint32_t z = 0; z < zones; z++) {
            sum[5 * z + 4] += fg_board_intensity(b, k, z) / (double)b->rows;
        }
    }
    for (uint32_t z = 0; z < zones; z++) {
        char name[FG_BOARD_ZONE_NAME];
        const double *s = sum + 5 * (size_t)z;
        fg_board_zone(name, b, z);
        if (s[0] > 0.0) {
            FG_TRY(fg_str_addf(out, "<tr><th>"));
            FG_TRY(fg_html(out, r->name));
            FG_TRY(fg_str_addf(out, "</th><td class=\"left\">"));
            FG_TRY(fg_html(out, name));
            FG_TRY(fg_str_addf(
                out, "</td><td>%.0f</td><td>%.0f</td><td>%.1f%%</td><td>%.1f%%</td><td>%.1f%%</td></tr>\n",
                s[4], s[0], 100.0 * s[3] / s[0], 100.0 * s[1] / target,
                used > 0.0 ? 100.0 * s[2] / used : 0.0));
        }
    }
cleanup:
    fg_free(sum);
    return st;
}

static enum fg_status participation_body(struct fg_str *out, struct fg_plots *plots,
                                         const struct fg_page_run *runs, size_t n, double *x, double *y)
{
    enum fg_status st;
    FG_TRY(fg_str_addf(
        out, "<section id=\"participation\"><h2>Participation and bias</h2>\n<p class=\"note\">Whose "
             "updates made the model. First: which share of the clients had at most so many updates used. "
             "Second: each client's updates over its fair share, 1 where nobody is preferred.</p>\n"));
    FG_TRY(fg_page_legend(out, runs, n));
    FG_TRY(fg_str_addf(out, "<div class=\"plots\">\n"));
    FG_TRY(count_panel(out, plots, runs, n));
    FG_TRY(bias_panel(out, plots, runs, n, x, y));
    FG_TRY(fg_str_addf(out, "</div>\n<div class=\"wide\"><table><tr><th>run</th><th "
                            "class=\"left\">zone</th><th>g/kWh</th><th>clients</th>"
                            "<th>up</th><th>should count</th><th>updates used</th></tr>\n"));
    for (size_t i = 0; i < n; i++) {
        FG_TRY(runs[i].board.bytes != NULL ? zone_rows(out, &runs[i]) : FG_OK);
    }
    FG_TRY(fg_str_addf(out, "</table></div></section>\n"));
cleanup:
    return st;
}

enum fg_status fg_page_participation(struct fg_str *out, struct fg_plots *plots,
                                     const struct fg_page_run *runs, size_t n)
{
    uint32_t most = 1;
    for (size_t i = 0; i < n; i++) {
        uint32_t m = runs[i].board.bytes != NULL ? runs[i].board.head.n
                                                 : fg_board_size(runs[i].view.clients, 1, false);
        most = m > most ? m : most;
    }
    double *x = fg_calloc(most, sizeof *x), *y = fg_calloc(most, sizeof *y);
    enum fg_status st = x != NULL && y != NULL ? participation_body(out, plots, runs, n, x, y) : FG_E_NOMEM;
    fg_free(x);
    fg_free(y);
    return st;
}
