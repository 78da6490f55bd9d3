/* Who could train, was to train, and trained, client by slot, on the carbon intensity of the client's
 * zone.
 *
 * A cell stands for one or several clients and slots; clients lie in the order of their zones. Cells are
 * thick lines: a path a shade, in which runs of equal cells are one stroke, keeps a picture of a thousand
 * slots within some hundred kilobytes.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/calendar.h"
#include "src/base/mem.h"
#include "src/report/page.h"

#define WIDTH 1000.0
#define LEFT 96.0
#define RIGHT 34.0
#define TOP 10.0
#define BOTTOM 40.0
#define PLOT (WIDTH - LEFT - RIGHT)

enum {
    MOST_CELLS = 24000, /* of all pictures of a page, two at least as large as one would be */
    MOST_COLUMNS = 240,
    MOST_ROWS = 100
};

/* What a cell shows, besides its carbon: shades of up and trained by share; planned: and not asked. */
enum shade { AWAY, UP1, UP2, UP3, PLANNED, TRAINED1, TRAINED2, TRAINED3, LOST, SHADES };
static const enum fg_ink shade_ink[SHADES] = {
    FG_INK_AWAY, FG_INK_UP,       FG_INK_UP + 1,   FG_INK_UP + 2, FG_INK_TEXT,
    FG_INK_USED, FG_INK_USED + 1, FG_INK_USED + 2, FG_INK_LOST,
};

struct cell {
    uint32_t all, up, planned, used, lost;
};

struct client {
    struct fg_board_client who;
    uint32_t place; /* on the board */
};

struct picture {
    const struct fg_page_run *run;
    struct client *client; /* (n) in the order of the rows */
    uint32_t n;
    size_t rounds, rows, columns;
    struct cell *cell; /* (rows, columns) */
    double *carbon;    /* (zones, columns) g/kWh, NAN where nothing is known */
    uint32_t zones;
    double low, high;
    double row_h;
};

static int by_zone(const void *a, const void *b)
{
    const struct client *x = a, *y = b;
    if (x->who.zone != y->who.zone) {
        return x->who.zone < y->who.zone ? -1 : 1;
    }
    if (x->who.availability != y->who.availability) {
        return x->who.availability > y->who.availability ? -1 : 1;
    }
    return x->who.client < y->who.client ? -1 : x->who.client > y->who.client;
}

static size_t column_of(const struct picture *p, size_t round)
{
    return round * p->columns / p->rounds;
}

/* Who is drawn; without a board (a run of an older program) an even choice of those that the ledger knows. */
static enum fg_status choose(struct picture *p)
{
    const struct fg_board *b = &p->run->board;
    p->n = b->bytes != NULL ? b->head.n : fg_board_size(p->run->view.clients, 1, false);
    p->zones = b->bytes != NULL ? b->head.zones : 0;
    p->client = fg_calloc(p->n, sizeof *p->client);
    if (p->client == NULL) {
        return FG_E_NOMEM;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        p->client[i].place = i;
        if (b->bytes != NULL) {
            fg_board_client(&p->client[i].who, b, i);
        } else {
            p->client[i].who.client = fg_board_client_at(p->run->view.clients, p->n, i);
        }
    }
    qsort(p->client, p->n, sizeof *p->client, by_zone);
    return FG_OK;
}

static enum fg_status measure(struct picture *p, size_t runs)
{
    size_t most = MOST_CELLS / (runs < 2 ? 1 : runs / 2), columns = MOST_COLUMNS, rows = MOST_ROWS;
    p->rounds = p->run->view.n_rounds;
    columns = p->rounds < columns ? p->rounds : columns;
    rows = p->n < rows ? p->n : rows;
    while (rows * columns > most && (rows > 8 || columns > 40)) {
        rows = rows > 8 ? rows * 9 / 10 : rows;
        columns = columns > 40 ? columns * 9 / 10 : columns;
    }
    p->rows = rows;
    p->columns = columns;
    p->row_h = rows <= 12 ? 16.0 : rows <= 40 ? 9.0 : rows <= 80 ? 6.0 : 4.0;
    p->cell = fg_calloc(rows * columns, sizeof *p->cell);
    p->carbon = fg_calloc((size_t)p->zones * columns, sizeof *p->carbon);
    return p->cell != NULL && p->carbon != NULL ? FG_OK : FG_E_NOMEM;
}

static size_t row_of(const struct picture *p, size_t i)
{
    return i * p->rows / p->n;
}

static void count_board(struct picture *p)
{
    const struct fg_board *b = &p->run->board;
    for (size_t k = 0; b->bytes != NULL && k < b->rows; k++) {
        uint32_t round = fg_board_round(b, k);
        const uint8_t *state = fg_board_states(b, k);
        if (round >= p->rounds) {
            continue;
        }
        for (size_t i = 0; i < p->n; i++) {
            struct cell *c = &p->cell[row_of(p, i) * p->columns + column_of(p, round)];
            c->up += (state[p->client[i].place] & FG_BOARD_UP) != 0;
            c->planned += (state[p->client[i].place] & FG_BOARD_PLANNED) != 0;
        }
    }
    for (size_t round = 0; round < p->rounds; round++) {
        for (size_t i = 0; i < p->n; i++) {
            p->cell[row_of(p, i) * p->columns + column_of(p, round)].all++;
        }
    }
}

static enum fg_status count_assignments(struct picture *p)
{
    uint32_t clients = p->run->view.clients;
    uint32_t *row = fg_calloc(clients, sizeof *row); /* 1 + the client's row, 0 = not drawn */
    if (row == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < p->n; i++) {
        if (p->client[i].who.client < clients) {
            row[p->client[i].who.client] = (uint32_t)row_of(p, i) + 1;
        }
    }
    for (size_t k = 0; k < p->run->n_parts; k++) {
        struct fg_participation a;
        fg_parts_at(&a, p->run->parts.bytes, k);
        if (a.client < clients && row[a.client] > 0 && a.round < p->rounds) {
            struct cell *c = &p->cell[(size_t)(row[a.client] - 1) * p->columns + column_of(p, a.round)];
            bool used = a.verdict == FG_VERDICT_USED || a.verdict == FG_VERDICT_PARTIAL;
            c->used += used;
            c->lost += !used && a.verdict != FG_VERDICT_ASKED;
        }
    }
    fg_free(row);
    return FG_OK;
}

/* The mean intensity of each zone over a column. */
static enum fg_status mean_carbon(struct picture *p)
{
    const struct fg_board *b = &p->run->board;
    uint32_t *count = fg_calloc(p->columns, sizeof *count);
    double range[2] = {INFINITY, -INFINITY};
    if (count == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t k = 0; b->bytes != NULL && k < b->rows; k++) {
        uint32_t round = fg_board_round(b, k);
        if (round < p->rounds) {
            size_t c = column_of(p, round);
            count[c]++;
            for (uint32_t z = 0; z < p->zones; z++) {
                p->carbon[z * p->columns + c] += fg_board_intensity(b, k, z);
            }
        }
    }
    for (size_t i = 0; i < (size_t)p->zones * p->columns; i++) {
        p->carbon[i] = count[i % p->columns] > 0 ? p->carbon[i] / count[i % p->columns] : NAN;
        fg_range_hold(range, p->carbon[i]);
    }
    p->low = range[0];
    p->high = range[1];
    fg_free(count);
    return FG_OK;
}

static enum shade shade_of(const struct cell *c)
{
    uint32_t all = c->all > 0 ? c->all : 1, asked = c->used + c->lost;
    if (c->used > 0 && c->used >= c->lost) {
        return c->used * 3 > 2 * all ? TRAINED3 : c->used * 3 > all ? TRAINED2 : TRAINED1;
    }
    if (c->lost > 0) {
        return LOST;
    }
    if (c->planned > asked && c->planned * 4 >= all) {
        return PLANNED;
    }
    return c->up == 0 ? AWAY : c->up * 3 > 2 * all ? UP3 : c->up * 3 > all ? UP2 : UP1;
}

/* ---- drawing: x counts columns, y rows from below ---- */

/* A colour of its own: columns [c, end) of a row whose shade is s are one stroke. */
static enum fg_status strokes(struct fg_plots *plots, const struct picture *p, enum shade s)
{
    bool thin = s >= UP1 && s <= UP3; /* so that the carbon shows beside it */
    double share = s == PLANNED ? 0.2 : thin ? 0.4 : 0.76;
    enum fg_status st = fg_plot_data(plots);
    for (size_t r = 0; st == FG_OK && r < p->rows; r++) {
        const struct cell *cell = &p->cell[r * p->columns];
        double y = (double)(p->rows - r) - 0.5;
        for (size_t c = 0; st == FG_OK && c < p->columns;) {
            size_t end = c;
            while (end < p->columns && shade_of(&cell[end]) == s) {
                end++;
            }
            st = end > c ? fg_plot_stroke(plots, (double)c, y, (double)end, y) : FG_OK;
            c = end > c ? end : c + 1;
        }
    }
    return st == FG_OK ? fg_plot_lines(plots, shade_ink[s], share * p->row_h, false) : st;
}

static int carbon_shade(const struct picture *p, uint32_t zone, size_t column)
{
    double v = p->carbon[zone * p->columns + column];
    if (!isfinite(v)) {
        return -1;
    }
    int s = p->high > p->low ? (int)((v - p->low) / (p->high - p->low) * FG_PLOT_CARBON) : 0;
    return s < FG_PLOT_CARBON ? s : FG_PLOT_CARBON - 1;
}

/* The background of `rows` rows of one zone around y, shade by shade. */
static enum fg_status background(struct fg_plots *plots, const struct picture *p, uint32_t zone, double y,
                                 size_t rows)
{
    enum fg_status st = FG_OK;
    for (int s = 0; st == FG_OK && s < FG_PLOT_CARBON; s++) {
        st = fg_plot_data(plots);
        for (size_t c = 0; st == FG_OK && c < p->columns;) {
            size_t end = c;
            while (end < p->columns && carbon_shade(p, zone, end) == s) {
                end++;
            }
            st = end > c ? fg_plot_stroke(plots, (double)c, y, (double)end, y) : FG_OK;
            c = end > c ? end : c + 1;
        }
        st = st == FG_OK
                 ? fg_plot_lines(plots, (enum fg_ink)(FG_INK_CARBON + s), p->row_h * (double)rows, false)
                 : st;
    }
    return st;
}

/* The zone of a row: that of its first client. */
static uint32_t zone_of(const struct picture *p, size_t row)
{
    return p->client[(row * p->n + p->rows - 1) / p->rows].who.zone;
}

static enum fg_status zones(struct fg_plots *plots, const struct picture *p)
{
    enum fg_status st = FG_OK;
    for (size_t r = 0; st == FG_OK && p->zones > 0 && r < p->rows;) {
        uint32_t z = zone_of(p, r);
        char name[FG_BOARD_ZONE_NAME];
        size_t end = r;
        while (end < p->rows && zone_of(p, end) == z) {
            end++;
        }
        double y = (double)p->rows - 0.5 * (double)(r + end);
        FG_TRY(background(plots, p, z, y, end - r));
        fg_board_zone(name, &p->run->board, z);
        FG_TRY(p->row_h * (double)(end - r) >= 9.0 ? fg_plot_mark(plots, 'y', y, 8.0, 12, name) : FG_OK);
        r = end;
    }
cleanup:
    return st;
}

/* Rounds, and below them the time at which they begin. */
static enum fg_status slots_axis(struct fg_plots *plots, const struct picture *p)
{
    double step = fg_plot_step((double)p->rounds);
    char text[32], iso[32];
    enum fg_status st = FG_OK;
    size_t every = step < 1.0 ? 1 : (size_t)step;
    for (size_t v = 0; v < p->rounds; v += every) {
        double x = (double)p->columns * (double)v / (double)p->rounds;
        fg_iso_format(iso, fg_floor_div(p->run->view.rounds[v].t_begin, FG_SECOND));
        FG_TRY(fg_plot_rule(plots, x, 0.0, x, -5.0 / p->row_h));
        (void)snprintf(text, sizeof text, v == 0 ? "round %zu" : "%zu", v + 1);
        FG_TRY(fg_plot_mark(plots, 'x', x, 14.0, 12, text));
        (void)snprintf(text, sizeof text, "%.5s %.5s", iso + 5, iso + 11);
        FG_TRY(fg_plot_mark(plots, 'x', x, 28.0, 10, text));
    }
cleanup:
    return st;
}

static enum fg_status caption(struct fg_str *out, const struct picture *p)
{
    enum fg_status st = fg_str_addf(out, "<h3>");
    FG_TRY(st);
    FG_TRY(fg_html(out, p->run->name));
    FG_TRY(fg_str_addf(out, "</h3><p class=\"note\">%u clients", (unsigned)p->n));
    FG_TRY(p->n < p->run->view.clients
               ? fg_str_addf(out, " (an even choice of %u)", (unsigned)p->run->view.clients)
               : FG_OK);
    FG_TRY(fg_str_addf(out, ", %zu rounds", p->rounds));
    if (p->rows < p->n || p->columns < p->rounds) {
        FG_TRY(fg_str_addf(out, "; a cell is about %.3g clients by %.3g rounds, darker the more of them",
                           (double)p->n / (double)p->rows, (double)p->rounds / (double)p->columns));
    }
    if (p->zones > 0 && isfinite(p->low)) {
        FG_TRY(fg_str_addf(out, "; background: %.0f (pale) to %.0f g/kWh (strong)", p->low, p->high));
    } else {
        FG_TRY(fg_str_addf(out, "; who was up and the carbon intensity were not recorded"));
    }
    FG_TRY(fg_str_addf(out, ". Times are UTC.</p>\n"));
cleanup:
    return st;
}

static enum fg_status draw(struct fg_str *out, struct fg_plots *plots, const struct picture *p)
{
    double high = p->row_h * (double)p->rows;
    struct fg_panel panel = {.left = LEFT,
                             .right = RIGHT,
                             .top = TOP,
                             .bottom = BOTTOM,
                             .x1 = (double)p->columns,
                             .y1 = (double)p->rows};
    enum fg_status st;
    FG_TRY(caption(out, p));
    FG_TRY(fg_plot_begin(plots, out, WIDTH, TOP + high + BOTTOM, "Clients by slot"));
    FG_TRY(fg_panel_begin(plots, &panel));
    FG_TRY(fg_plot_data(plots));
    FG_TRY(fg_plot_stroke(plots, 0.0, panel.y1 / 2.0, panel.x1, panel.y1 / 2.0));
    FG_TRY(fg_plot_lines(plots, FG_INK_AWAY, high, false));
    FG_TRY(zones(plots, p));
    for (int s = UP1; s < SHADES; s++) {
        FG_TRY(strokes(plots, p, (enum shade)s));
    }
    FG_TRY(slots_axis(plots, p));
    FG_TRY(fg_panel_end(plots));
    FG_TRY(fg_plot_end(plots));
cleanup:
    return st;
}

static enum fg_status timeline(struct fg_str *out, struct fg_plots *plots, const struct fg_page_run *run,
                               size_t runs)
{
    struct picture p = {.run = run};
    enum fg_status st = FG_OK;
    if (run->view.n_rounds == 0 || run->view.clients == 0) {
        st = fg_str_addf(out, "<h3>");
        st = st == FG_OK ? fg_html(out, run->name) : st;
        return st == FG_OK ? fg_str_addf(out, "</h3><p class=\"note\">No round is committed yet.</p>\n") : st;
    }
    FG_TRY(choose(&p));
    FG_TRY(measure(&p, runs));
    count_board(&p);
    FG_TRY(count_assignments(&p));
    FG_TRY(mean_carbon(&p));
    FG_TRY(draw(out, plots, &p));
cleanup:
    fg_free(p.client);
    fg_free(p.cell);
    fg_free(p.carbon);
    return st;
}

static enum fg_status legend(struct fg_str *out)
{
    static const struct {
        enum fg_ink ink;
        const char *words; /* NULL: with the next */
    } keys[] = {
        {FG_INK_UP + 2, "up, not asked"},
        {FG_INK_TEXT, "planned, not given"},
        {FG_INK_USED + 2, "trained, update used"},
        {FG_INK_LOST, "lost, late or refused"},
        {FG_INK_CARBON + 1, NULL},
        {FG_INK_CARBON + 3, NULL},
        {FG_INK_CARBON + 5, "carbon intensity of the client's zone"},
    };
    enum fg_status st;
    FG_TRY(fg_str_addf(out, "<p class=\"legend\"><span>"));
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        FG_TRY(fg_plot_key_box(out, keys[k].ink));
        FG_TRY(keys[k].words != NULL ? fg_str_addf(out, " %s</span>\n<span>", keys[k].words) : FG_OK);
    }
    FG_TRY(fg_str_addf(out, "</span></p>\n"));
cleanup:
    return st;
}

enum fg_status fg_page_timelines(struct fg_str *out, struct fg_plots *plots, const struct fg_page_run *runs,
                                 size_t n)
{
    enum fg_status st = fg_str_addf(out, "<section id=\"slots\"><h2>Who, and when</h2>\n<p class=\"note\">A "
                                         "row a client, by zone and the most "
                                         "available first; a column a round.</p>\n");
    st = st == FG_OK ? legend(out) : st;
    for (size_t i = 0; st == FG_OK && i < n; i++) {
        st = timeline(out, plots, &runs[i], n);
    }
    return st == FG_OK ? fg_str_addf(out, "</section>\n") : st;
}
