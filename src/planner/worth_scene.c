/* Hours as they were: what the fleet shows, and what of it is seen. */
#include "src/base/mem.h"
#include "src/planner/worth_impl.h"

enum fg_status fg_scene_init(struct fg_scene *s, uint32_t nodes, uint32_t zones, int64_t hours,
                             int64_t start_s)
{
    *s = (struct fg_scene){.nodes = nodes, .zones = zones, .hours = hours, .start_s = start_s};
    s->zone = fg_calloc(nodes, sizeof *s->zone);
    s->up = fg_calloc((size_t)(hours + 1) * nodes, sizeof *s->up);
    s->up_s = fg_calloc((size_t)hours * nodes, sizeof *s->up_s);
    s->g = fg_calloc((size_t)(FG_WORTH_PAST_H + hours) * zones, sizeof *s->g);
    return s->zone != NULL && s->up != NULL && s->up_s != NULL && s->g != NULL ? FG_OK : FG_E_NOMEM;
}

void fg_scene_fini(struct fg_scene *s)
{
    fg_free(s->zone);
    fg_free(s->up);
    fg_free(s->up_s);
    fg_free(s->g);
}

enum fg_status fg_scene_of_fleet(struct fg_scene *s, const struct fg_fleet *f, int64_t hours)
{
    uint32_t nodes = fg_fleet_clients(f), zones = fg_fleet_zones(f);
    fg_time_t start = fg_fleet_start(f);
    start -= start % FG_HOUR;
    enum fg_status st = fg_scene_init(s, nodes, zones, hours, start / FG_SECOND);
    for (uint32_t i = 0; st == FG_OK && i < nodes; i++) {
        s->zone[i] = fg_fleet_zone(f, i);
        for (int64_t h = 0; h <= hours; h++) {
            fg_time_t t = start + h * FG_HOUR;
            s->up[(size_t)h * nodes + i] = fg_fleet_is_up(f, i, t);
            if (h < hours) {
                s->up_s[(size_t)h * nodes + i] = (uint16_t)(fg_fleet_up_us(f, i, t, t + FG_HOUR) / FG_SECOND);
            }
        }
    }
    for (uint32_t z = 0; st == FG_OK && z < zones; z++) {
        double *g = s->g + (size_t)z * (size_t)(FG_WORTH_PAST_H + hours);
        for (int64_t h = 0; h < FG_WORTH_PAST_H + hours; h++) {
            g[h] = fg_fleet_intensity(f, z, start + (h - FG_WORTH_PAST_H) * FG_HOUR);
        }
    }
    return st;
}

void fg_scene_see(const struct fg_scene *s, int64_t t, struct fg_seen *seen)
{
    for (uint32_t i = 0; i < s->nodes; i++) {
        bool up = s->up[(size_t)t * s->nodes + i] != 0;
        uint16_t up_s = t > 0 ? s->up_s[(size_t)(t - 1) * s->nodes + i] : up ? 3600 : 0;
        int64_t same = up ? up_s : 3600 - up_s; /* of the last hour; all of it: the state goes on */
        seen[i] = (struct fg_seen){.known = (t > 0 && seen[i].known) || up || up_s > 0,
                                   .up = up,
                                   .up_s = up_s,
                                   .age_s = t == 0 ? 0 : same + (same == 3600 ? seen[i].age_s : 0)};
    }
}
