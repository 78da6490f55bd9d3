/* Movable data: what the configuration says of who may train on whose. */
#include <string.h>

#include "src/availability/bars.h"
#include "src/availability/textfile.h"
#include "src/base/mem.h"
#include "src/sim/setup_impl.h"

static enum fg_status refuse(const struct fg_config *c, const char *key, const char *why, struct fg_err *err)
{
    return fg_fail(err, FG_E_CONFIG, "%s: %s: %s", fg_config_where(c, key), key, why);
}

static enum fg_status check(const struct fg_setup *s, struct fg_err *err)
{
    const struct fg_config *c = s->cfg;
    bool moves = c->data.move != FG_OPT_MOVE_OWN, copies = c->select.redundancy > 1;
    const char *key = moves ? "data.move" : "select.redundancy";
    if (!moves && !copies) {
        return FG_OK;
    }
    if (c->data.placement != FG_OPT_PLACEMENT_MOVABLE) {
        return refuse(c, key, "expected data.placement = movable: only then can a client get another's data",
                      err);
    }
    if (s->policy->ask != NULL || s->policy->by_loss) {
        return refuse(c, key, "select.policy chooses clients by their own data, which then say nothing", err);
    }
    if (s->codec->clients_keep_state) {
        return refuse(c, key,
                      "expected a wire.codec for which clients keep nothing: it would not move with the data",
                      err);
    }
    return FG_OK;
}

struct text {
    struct fg_str bytes;
};

static enum fg_status gather(void *arg, const void *bytes, size_t len, struct fg_err *err)
{
    struct text *t = arg;
    enum fg_status st = fg_str_add(&t->bytes, bytes, len);
    return st == FG_OK ? st : fg_fail(err, st, "out of memory for data.bars");
}

static enum fg_status read_file(struct fg_bars *b, const char *path, struct fg_err *err)
{
    struct text t = {0};
    enum fg_status st = fg_textfile_read(path, gather, &t, err);
    if (st == FG_OK) {
        st = fg_bars_parse(b, path, t.bytes.data, t.bytes.len, err);
    }
    fg_str_fini(&t.bytes);
    return st;
}

static enum fg_status bar(struct fg_setup *s, struct fg_err *err)
{
    const struct fg_config *c = s->cfg;
    const char *zone[FG_BARS_ZONES];
    struct fg_bars b = {.shards = s->clients, .zone = zone, .zones = fg_fleet_zones(s->fleet)};
    if (b.zones > FG_BARS_ZONES) {
        return refuse(c, "data.bars", "expected at most 64 zones", err);
    }
    for (uint32_t z = 0; z < b.zones; z++) {
        zone[z] = fg_fleet_zone_name(s->fleet, z);
    }
    b.allowed = s->may_go = fg_calloc(s->clients, sizeof *s->may_go);
    if (s->may_go == NULL) {
        return fg_fail(err, FG_E_NOMEM, "out of memory for %u shards", s->clients);
    }
    memset(s->may_go, 0xff, s->clients * sizeof *s->may_go);
    enum fg_status st = fg_bars_list(&b, c->data.barred_zones, err);
    const char *key = "data.barred_zones";
    if (st == FG_OK && c->data.bars[0] != '\0') {
        st = read_file(&b, c->data.bars, err);
        key = "data.bars";
    }
    return st == FG_OK ? st : fg_fail_prefix(err, st, "%s: %s", fg_config_where(c, key), key);
}

enum fg_status fg_setup_move(struct fg_setup *s, struct fg_err *err)
{
    const struct fg_config *c = s->cfg;
    enum fg_status st = check(s, err);
    bool barred = c->data.barred_zones[0] != '\0' || c->data.bars[0] != '\0';
    return st == FG_OK && barred ? bar(s, err) : st;
}

struct fg_move_config fg_setup_move_config(const struct fg_setup *s)
{
    static const enum fg_move how[] = {FG_MOVE_OWN, FG_MOVE_ROTATE, FG_MOVE_PLAN}; /* FG_OPT_MOVE_... */
    const struct fg_config *c = s->cfg;
    return (struct fg_move_config){.how = how[c->data.move],
                                   .copies = c->select.redundancy,
                                   .worth = c->data.move_worth,
                                   .margin = c->data.move_margin,
                                   .allowed = s->may_go};
}
