/* The board of a study: after each commit, who was up, who was to train, and what had been forecast. */
#include <math.h>

#include "src/base/mem.h"
#include "src/study/study_internal.h"

/* Hours (slots) ahead whose forecasts are scored, as `forage forecast` does. */
static const uint32_t ahead[FG_BOARD_AHEAD] = {1, 6, 24};

static void fill_head(struct study_board *b, const struct study *s)
{
    struct fg_aggregator_config cfg;
    const struct fg_outlook *o = fg_aggregator_outlook(s->agg);
    fg_setup_aggregator(s->setup, &cfg);
    bool foresees = o != NULL && !cfg.policy->carbon_alone; /* who will be up */
    uint32_t horizon = foresees ? fg_outlook_horizon(o) : 0;
    b->head = (struct fg_board_head){
        .clients = s->setup->clients,
        .n = fg_board_size(s->setup->clients, s->cfg->run.rounds, horizon > 0),
        .zones = fg_fleet_zones(s->setup->fleet),
        .rows_per_chance = horizon > 0 ? FG_BOARD_AHEAD : 0,
        .stays = s->cfg->run.clock == FG_OPT_CLOCK_VIRTUAL,
        .slot_s = s->cfg->run.slot_s,
    };
    for (int k = 0; k < FG_BOARD_AHEAD; k++) {
        b->head.ahead[k] = ahead[k] < horizon && cfg.slot_pace ? ahead[k] : 0;
    }
}

static enum fg_status header_of(struct fg_str *out, struct study_board *b, const struct study *s)
{
    const struct fg_fleet *f = s->setup->fleet;
    struct fg_aggregator_config cfg;
    struct fg_board_client *client = fg_calloc(b->head.n, sizeof *client);
    const char **names = fg_calloc(b->head.zones, sizeof *names);
    enum fg_status st = client != NULL && names != NULL ? FG_OK : FG_E_NOMEM;
    FG_TRY(st);
    fg_setup_aggregator(s->setup, &cfg);
    for (uint32_t z = 0; z < b->head.zones; z++) {
        names[z] = fg_fleet_zone_name(f, z);
    }
    for (uint32_t i = 0; i < b->head.n; i++) {
        uint32_t c = fg_board_client_at(b->head.clients, b->head.n, i);
        client[i] = (struct fg_board_client){
            .client = c,
            .zone = fg_fleet_zone(f, c),
            .target = cfg.rule.weights == FG_WEIGHT_SAMPLES ? (double)s->setup->samples[c] : 1.0,
            .availability = fg_fleet_availability(f, c),
        };
    }
    FG_TRY(fg_board_header(out, &b->head, client, names));
cleanup:
    fg_free(client);
    fg_free(names);
    return st;
}

enum fg_status study_board_open(struct study *s, struct fg_err *err)
{
    struct study_board *b = &s->board;
    struct fg_str header = {0};
    enum fg_status st = FG_OK;
    fill_head(b, s);
    b->state = fg_calloc((size_t)b->head.n * (1 + FG_BOARD_AHEAD), 1);
    b->intensity = fg_calloc(b->head.zones, sizeof *b->intensity);
    FG_TRY(b->state != NULL && b->intensity != NULL ? header_of(&header, b, s) : FG_E_NOMEM);
    FG_TRY(fg_rundir_board(s->dir, &header, fg_board_row_size(&b->head), fg_aggregator_version(s->agg), err));
cleanup:
    fg_str_fini(&header);
    return st;
}

void study_board_close(struct study_board *b)
{
    fg_free(b->state);
    fg_free(b->intensity);
    fg_str_fini(&b->row);
}

static uint8_t state_of(const struct study *s, uint32_t c, const struct fg_round_record *r)
{
    const struct fg_fleet *f = s->setup->fleet;
    unsigned up = fg_aggregator_was_up(s->agg, c) ? FG_BOARD_UP : 0;
    unsigned planned = fg_aggregator_planned(s->agg, c) ? FG_BOARD_PLANNED : 0;
    bool stays = s->board.head.stays && up != 0 &&
                 fg_fleet_stays(f, c, r->t_begin, r->t_begin + FG_HOUR) >= r->t_begin + FG_HOUR;
    return (uint8_t)(up | planned | (stays ? FG_BOARD_STAYED : 0u));
}

static uint8_t chance_of(const struct fg_outlook *o, uint32_t client, uint32_t h)
{
    double p = h > 0 && o != NULL ? fg_outlook_up(o, client, h) : -1.0;
    return p < 0.0 ? FG_BOARD_NO_CHANCE : (uint8_t)lround(p * FG_BOARD_CERTAIN);
}

static double intensity_of(const struct fg_fleet *f, uint32_t zone, const struct fg_round_record *r)
{
    return r->t_end > r->t_begin
               ? fg_fleet_carbon_integral(f, zone, r->t_begin, r->t_end) / fg_seconds(r->t_end - r->t_begin)
               : fg_fleet_intensity(f, zone, r->t_begin);
}

enum fg_status study_board_round(struct study *s, const struct fg_round_record *r, struct fg_err *err)
{
    struct study_board *b = &s->board;
    const struct fg_outlook *o = fg_aggregator_outlook(s->agg);
    uint32_t n = b->head.n;
    for (uint32_t z = 0; z < b->head.zones; z++) {
        b->intensity[z] = intensity_of(s->setup->fleet, z, r);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t c = fg_board_client_at(b->head.clients, n, i);
        b->state[i] = state_of(s, c, r);
        for (uint32_t k = 0; k < b->head.rows_per_chance; k++) {
            b->state[n * (1 + k) + i] = chance_of(o, c, b->head.ahead[k]);
        }
    }
    b->row.len = 0;
    enum fg_status st = fg_board_row(&b->row, &b->head, r->round, b->intensity, b->state, b->state + n);
    return st == FG_OK ? fg_rundir_board_row(s->dir, &b->row, err) : st;
}
