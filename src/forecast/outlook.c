#include "src/forecast/outlook_impl.h"

#include <string.h>

#include "src/base/calendar.h"
#include "src/base/mem.h"
#include "src/forecast/carbon.h"
#include "src/forecast/forecast.h"

/* ---- the outlook ---- */

static size_t look_bytes(const struct fg_outlook *o)
{
    return ((size_t)o->clients + 7) / 8;
}

static uint32_t least(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

static enum fg_status make_rows(struct fg_outlook *o)
{
    o->row = fg_calloc(o->clients, sizeof *o->row);
    o->first = fg_calloc(o->clients, sizeof *o->first);
    if (o->row == NULL || o->first == NULL) {
        return FG_E_NOMEM;
    }
    for (uint32_t i = 0; o->cfg.from_wakes && i < o->clients; i++) {
        o->row[i] = o->first[i] = i;
    }
    o->rows = o->clients;
    enum fg_status st =
        o->cfg.from_wakes ? FG_OK : fg_fleet_histories(o->cfg.fleet, o->row, o->first, &o->rows);
    st = st == FG_OK ? fg_realloc(&o->first, o->rows, sizeof *o->first) : st;
    o->weight = fg_calloc(o->rows, sizeof *o->weight);
    o->seen = fg_calloc(o->rows, sizeof *o->seen);
    o->hours = fg_calloc(o->rows, sizeof *o->hours);
    o->held = fg_calloc(o->rows, sizeof *o->held);
    if (o->weight == NULL || o->seen == NULL || o->hours == NULL || o->held == NULL) {
        return FG_E_NOMEM;
    }
    for (uint32_t i = 0; i < o->clients; i++) {
        o->weight[o->row[i]] += 1.0;
    }
    return st;
}

static enum fg_status make_forecaster(struct fg_outlook *o)
{
    struct fg_target target[FG_OUTLOOK_AHEAD_H];
    enum fg_status st = make_rows(o);
    if (st != FG_OK) {
        return st;
    }
    for (uint32_t i = 0; i < o->targets; i++) { /* of slot 0 what was seen says enough */
        target[i] = (struct fg_target){FG_EVENT_SLOT, i + 1};
    }
    return o->targets == 0 ? FG_OK
                           : fg_forecaster_create(&o->forecaster, o->rows, target, o->targets,
                                                  fg_floor_div(o->begin, FG_SECOND), 1, o->weight, NULL);
}

static enum fg_status find(struct fg_outlook *o, struct fg_err *err)
{
    o->predictor = fg_predictor_find(o->cfg.availability);
    o->oracle = strcmp(o->cfg.availability, "oracle") == 0;
    if (o->predictor == fg_predictors_n) {
        return fg_fail(err, FG_E_CONFIG, "forecast.availability: no predictor is called '%s'",
                       o->cfg.availability);
    }
    o->carbon_predictor = fg_carbon_predictor_find(o->cfg.carbon);
    o->carbon_oracle = strcmp(o->cfg.carbon, "oracle") == 0;
    return o->carbon_predictor < fg_carbon_predictors_n
               ? FG_OK
               : fg_fail(err, FG_E_CONFIG, "forecast.carbon: no predictor is called '%s'", o->cfg.carbon);
}

enum fg_status fg_outlook_create(struct fg_outlook **out, const struct fg_outlook_config *cfg,
                                 struct fg_err *err)
{
    struct fg_outlook *o = fg_calloc(1, sizeof *o);
    enum fg_status st = FG_E_NOMEM;
    if (o == NULL) {
        goto cleanup;
    }
    o->cfg = *cfg;
    o->horizon = cfg->horizon;
    FG_TRY(find(o, err));
    o->clients = fg_fleet_clients(cfg->fleet);
    o->zones = fg_fleet_zones(cfg->fleet);
    uint64_t ahead_h = (uint64_t)cfg->horizon * (uint64_t)cfg->slot / (uint64_t)FG_HOUR;
    o->targets = cfg->carbon_alone ? 0 : least(ahead_h < 1 ? 1 : ahead_h, FG_OUTLOOK_AHEAD_H);
    o->carbon_ahead = least(ahead_h + 1, FG_CARBON_AHEAD_MAX);
    o->now = fg_fleet_start(cfg->fleet);
    o->begin = o->now - (cfg->from_wakes ? 0 : (fg_time_t)cfg->history_h * FG_HOUR);
    o->certain = !cfg->from_wakes && fg_fleet_always_up(cfg->fleet);
    o->up = fg_calloc(o->clients, sizeof *o->up);
    o->settled_up = fg_calloc(o->clients, sizeof *o->settled_up);
    o->carbon = fg_calloc(o->zones, sizeof *o->carbon);
    if (o->carbon == NULL || o->up == NULL || o->settled_up == NULL) {
        st = FG_E_NOMEM;
        goto cleanup;
    }
    for (uint32_t z = 0; z < o->zones; z++) {
        o->carbon[z] =
            (struct fg_carbon_track){.zone = z, .ahead = o->carbon_ahead, .predictor = o->carbon_predictor};
    }
    if (!o->certain && !o->oracle) {
        FG_TRY(make_forecaster(o));
    }
    *out = o;
    return FG_OK;
cleanup:
    fg_outlook_destroy(o);
    return st == FG_E_NOMEM ? fg_fail(err, st, "out of memory for forecasts") : st;
}

void fg_outlook_destroy(struct fg_outlook *o)
{
    if (o != NULL) {
        fg_forecaster_destroy(o->forecaster);
        for (uint32_t z = 0; o->carbon != NULL && z < o->zones; z++) {
            fg_carbon_track_fini(&o->carbon[z]);
        }
        fg_free(o->carbon);
        fg_free(o->row);
        fg_free(o->first);
        fg_free(o->weight);
        fg_free(o->seen);
        fg_free(o->hours);
        fg_free(o->held);
        fg_free(o->up);
        fg_free(o->settled_up);
        fg_free(o->history);
        fg_free(o->kept);
        fg_free(o);
    }
}

enum fg_status fg_outlook_copy(struct fg_outlook *to, const struct fg_outlook *from)
{
    enum fg_status st = FG_OK;
    bool alike = to->clients == from->clients && to->zones == from->zones && to->targets == from->targets &&
                 to->carbon_ahead == from->carbon_ahead && to->begin == from->begin &&
                 to->rows == from->rows && to->carbon_oracle == from->carbon_oracle;
    alike = alike && (to->rows == 0 || memcmp(to->row, from->row, to->clients * sizeof *to->row) == 0);
    if (!alike || from->cfg.from_wakes || to->cfg.from_wakes) {
        return FG_OK;
    }
    for (uint32_t z = 0; z < from->zones && st == FG_OK; z++) {
        st = fg_carbon_track_copy(&to->carbon[z], &from->carbon[z]);
    }
    if (st != FG_OK) {
        return FG_E_NOMEM;
    }
    if (from->forecaster != NULL) {
        fg_forecaster_copy(to->forecaster, from->forecaster);
    }
    if (from->rows > 0) {
        memcpy(to->seen, from->seen, from->rows * sizeof *to->seen);
        memcpy(to->hours, from->hours, from->rows * sizeof *to->hours);
        memcpy(to->held, from->held, from->rows * sizeof *to->held);
    }
    to->all_hours = from->all_hours;
    to->all_held = from->all_held;
    to->looks = from->looks;
    to->steps = to->past = to->at = from->steps;
    to->carbon_steps = to->carbon_past = from->carbon_steps;
    to->n_kept = 0;
    return FG_OK;
}

/* ---- keeping ---- */

void fg_outlook_keep(struct fg_outlook *o, struct fg_carbon_shelf *shelf, bool rows)
{
    FG_ASSERT(!o->cfg.from_wakes);
    o->keeps = rows && o->rows > 0;
    for (uint32_t z = 0; z < o->zones; z++) {
        o->carbon[z].shelf = shelf;
    }
}

uint32_t fg_outlook_carbon_ahead(const struct fg_outlook *o)
{
    return o->carbon_ahead;
}

size_t fg_outlook_row(const struct fg_outlook *o)
{
    return (1 + (size_t)o->targets) * o->rows;
}

void fg_outlook_again(struct fg_outlook *o, const struct fg_fleet *fleet, uint32_t horizon)
{
    FG_ASSERT(horizon <= o->cfg.horizon);
    o->cfg.fleet = fleet;
    o->horizon = horizon;
    o->now = fg_fleet_start(fleet);
    o->at = o->past;
    for (uint32_t z = 0; z < o->zones && o->carbon[z].shelf != NULL; z++) {
        fg_carbon_track_again(&o->carbon[z]);
        o->carbon_steps = o->carbon_past;
    }
}

/* What is forecast after this step. */
static enum fg_status keep(struct fg_outlook *o)
{
    size_t row = fg_outlook_row(o);
    while (o->cap_kept < o->n_kept + row) {
        enum fg_status st = fg_grow(&o->kept, &o->cap_kept, sizeof *o->kept);
        if (st != FG_OK) {
            return st;
        }
    }
    double *to = o->kept + o->n_kept;
    for (uint32_t i = 0; i < o->rows; i++) {
        to[i] = fg_outlook_stay(o, i);
    }
    for (uint32_t t = 0; t < o->targets; t++) {
        memcpy(to + (1 + (size_t)t) * o->rows, fg_forecaster_get(o->forecaster, t, o->predictor),
               o->rows * sizeof *to);
    }
    o->n_kept += row;
    return FG_OK;
}

/* ---- seeing ---- */

/* The clients of row i were up for up_s of the hour that ends now, and are up now or not; `told`: that is
 * recorded. Clients of the study are known to be down, too. */
static void see_row(struct fg_outlook *o, uint32_t i, bool told, bool up, int64_t up_s)
{
    struct fg_seen *s = &o->seen[i];
    bool whole = up_s == 3600 || up_s == 0;
    if (s->up && o->steps > 0) {
        o->hours[i] += 1.0;
        o->all_hours += o->weight[i];
        o->held[i] += up_s == 3600 ? 1.0 : 0.0;
        o->all_held += up_s == 3600 ? o->weight[i] : 0.0;
    }
    /* within an hour that it was up for a part only, the last change is taken to be the only one */
    s->age_s = whole && s->up == up ? s->age_s + 3600 : up ? up_s : 3600 - up_s;
    s->known = s->known || told;
    if (told) {
        fg_looks_add(&o->looks, up, o->weight[i]);
    }
    s->up = up;
    s->up_s = (uint16_t)up_s;
}

static void see_fleet(struct fg_outlook *o, fg_time_t t)
{
    const struct fg_fleet *f = o->cfg.fleet;
    for (uint32_t i = 0; i < o->rows; i++) {
        uint32_t c = o->first[i], zone = fg_fleet_zone(f, c);
        bool told = fg_fleet_recorded(f, zone, t),
             hour = o->steps > 0 && fg_fleet_recorded(f, zone, t - FG_HOUR);
        bool up = told && fg_fleet_is_up(f, c, t);
        int64_t up_s = hour ? fg_fleet_up_us(f, c, t - FG_HOUR, t) / FG_SECOND
                       : up ? 3600 /* at the first look nothing else is known */
                            : 0;
        see_row(o, i, told, up, up_s);
    }
}

/* Between two looks a client is taken to be as it was at the first of them. */
static void see_bits(struct fg_outlook *o, const uint8_t *bits)
{
    for (uint32_t i = 0; i < o->clients; i++) {
        bool up = (bits[i / 8] >> (i % 8) & 1) != 0, was = o->steps == 0 ? up : o->seen[i].up;
        see_row(o, i, true, up, up && was ? 3600 : up || was ? 1800 : 0);
    }
}

static void learn(struct fg_outlook *o)
{
    if (o->forecaster != NULL) {
        fg_forecaster_step(o->forecaster, o->seen);
    }
    o->steps++;
}

static fg_time_t next_hour(const struct fg_outlook *o)
{
    return o->begin + (fg_time_t)o->steps * FG_HOUR;
}

/* One hour of what wakes showed: kept, then learnt from. */
static enum fg_status remember(struct fg_outlook *o)
{
    size_t row = look_bytes(o);
    while (o->cap < (o->steps + 1) * row) {
        enum fg_status st = fg_grow(&o->history, &o->cap, 1);
        if (st != FG_OK) {
            return st;
        }
    }
    uint8_t *bits = o->history + o->steps * row;
    memset(bits, 0, row);
    for (uint32_t i = 0; i < o->clients; i++) {
        bits[i / 8] = (uint8_t)(bits[i / 8] | o->up[i] << (i % 8));
    }
    see_bits(o, bits);
    learn(o);
    return FG_OK;
}

static enum fg_status see_wake(struct fg_outlook *o, const uint32_t *up, size_t n)
{
    enum fg_status st = FG_OK;
    while (st == FG_OK && next_hour(o) < o->now) {
        st = remember(o);
    }
    memset(o->up, 0, o->clients);
    for (size_t i = 0; i < n; i++) {
        o->up[up[i]] = 1;
    }
    return st == FG_OK && next_hour(o) == o->now ? remember(o) : st;
}

/* The hour of a zone that ends at t. */
static enum fg_status see_zone(struct fg_outlook *o, uint32_t zone, fg_time_t t)
{
    const struct fg_fleet *f = o->cfg.fleet;
    if (fg_fleet_zone_clients(f, zone) == 0 || !fg_fleet_recorded(f, zone, t - FG_HOUR)) {
        return FG_OK;
    }
    return fg_carbon_track_step(&o->carbon[zone], fg_floor_div(t - FG_HOUR, FG_SECOND),
                                fg_fleet_carbon_integral(f, zone, t - FG_HOUR, t) / 3600.0);
}

static enum fg_status see_carbon(struct fg_outlook *o)
{
    fg_time_t first = fg_fleet_start(o->cfg.fleet) - (fg_time_t)o->cfg.history_h * FG_HOUR;
    enum fg_status st = FG_OK;
    while (!o->carbon_oracle && st == FG_OK && first + (fg_time_t)o->carbon_steps * FG_HOUR <= o->now) {
        for (uint32_t z = 0; z < o->zones && st == FG_OK; z++) {
            st = see_zone(o, z, first + (fg_time_t)o->carbon_steps * FG_HOUR);
        }
        o->carbon_steps++;
    }
    return st;
}

enum fg_status fg_outlook_see(struct fg_outlook *o, fg_time_t now, const uint32_t *up, size_t n)
{
    o->now = now;
    enum fg_status st = see_carbon(o);
    if (st != FG_OK) {
        return st;
    }
    if (o->rows == 0) {
        return FG_OK;
    }
    if (o->cfg.from_wakes) {
        return see_wake(o, up, n);
    }
    while (st == FG_OK && next_hour(o) <= now) {
        see_fleet(o, next_hour(o));
        learn(o);
        st = o->keeps ? keep(o) : FG_OK;
    }
    while (o->at < o->steps && o->begin + (fg_time_t)o->at * FG_HOUR <= now) {
        o->at++;
    }
    return st;
}

/* ---- state ---- */

void fg_outlook_settle(struct fg_outlook *o)
{
    o->settled = o->steps;
    memcpy(o->settled_up, o->up, o->clients);
}

enum fg_status fg_outlook_save(const struct fg_outlook *o, struct fg_str *out)
{
    size_t rows = o->cfg.from_wakes ? o->settled : 0;
    enum fg_status st = fg_put_u32(out, (uint32_t)rows);
    if (st == FG_OK && rows > 0) {
        st = fg_str_add(out, o->history, rows * look_bytes(o));
    }
    return st == FG_OK ? fg_str_add(out, o->settled_up, o->clients) : st;
}

enum fg_status fg_outlook_load(struct fg_outlook *o, struct fg_reader *in)
{
    uint32_t rows = fg_get_u32(in);
    size_t row = look_bytes(o);
    enum fg_status st = FG_OK;
    for (uint32_t k = 0; k < rows && st == FG_OK && o->rows > 0; k++) {
        const uint8_t *bits = fg_get_bytes(in, row);
        if (bits == NULL) {
            return FG_OK; /* the reader is bad now */
        }
        for (uint32_t i = 0; i < o->clients; i++) {
            o->up[i] = bits[i / 8] >> (i % 8) & 1;
        }
        st = remember(o);
    }
    const uint8_t *up = fg_get_bytes(in, o->clients);
    for (uint32_t i = 0; up != NULL && i < o->clients; i++) {
        o->up[i] = up[i] != 0;
    }
    fg_outlook_settle(o);
    return st;
}
