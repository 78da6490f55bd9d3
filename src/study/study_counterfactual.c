/* Replay with other decisions: what a deployment met, from its folder,
 * and what is not known of what would have been. */
#include <stdio.h>
#include <string.h>

#include "src/base/bytes.h"
#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/store/columns.h"
#include "src/study/compare.h"
#include "src/study/study_internal.h"

static const char *const names[2] = {"counterfactual", "recorded"};

/* ---- what was met ---- */

static enum fg_status not_the_same(const struct study *s, struct fg_err *err)
{
    return fg_fail(
        err, FG_E_CONFIG,
        "%s: its clients had other data than this configuration gives them; a replay can change what "
        "decides ([select], [aggregate], [train]), not [data]",
        s->shell->replay);
}

/* The start of an aggregator: where time does not stand still meanwhile, nobody saw anything since. */
static enum fg_status take_begin(struct study *s, struct fg_reader *r, bool first, struct fg_err *err)
{
    fg_time_t wall = (fg_time_t)fg_get_u64(r);
    (void)fg_get_u64(r);
    (void)fg_get_u64(r);
    (void)fg_get_u32(r);
    const void *theirs = fg_get_bytes(r, sizeof s->data);
    if (theirs == NULL || memcmp(theirs, s->data, sizeof s->data) != 0) {
        return not_the_same(s, err);
    }
    return first ? FG_OK : fg_met_blind(s->met, s->cfg->drive.on ? fg_met_end(s->met) : wall);
}

static enum fg_status take_seen(struct study *s, struct fg_reader *r)
{
    fg_time_t now = (fg_time_t)fg_get_u64(r);
    uint32_t client = fg_get_u32(r);
    bool up = fg_get_u8(r) != 0;
    return r->bad ? FG_E_CORRUPT : fg_met_seen(s->met, now, client, up);
}

static enum fg_status take_record(struct study *s, const struct fg_journal_record *record, bool first,
                                  struct fg_err *err)
{
    struct fg_reader r = fg_reader_of(record->payload, record->len);
    enum fg_status st = FG_OK;
    if (record->type == FG_JOURNAL_BEGIN) {
        return take_begin(s, &r, first, err);
    }
    if (record->type == FG_JOURNAL_SEEN) {
        st = take_seen(s, &r);
    } else if (record->type == FG_JOURNAL_EVENT) {
        (void)fg_get_u8(&r);
        fg_met_until(s->met, (fg_time_t)fg_get_u64(&r));
    }
    return st == FG_OK ? FG_OK : fg_fail(err, st, "%s/journal: %s", s->shell->replay, fg_status_text(st));
}

static enum fg_status read_journal(struct study *s, struct fg_err *err)
{
    struct fg_str path = {0}, bytes = {0};
    struct fg_journal_record record;
    uint64_t at;
    bool first = true, any = false;
    enum fg_status st;
    FG_TRY(fg_str_addf(&path, "%s/journal", s->shell->replay));
    FG_TRY(fg_file_read(&bytes, path.data, FG_JOURNAL_MAX, err));
    FG_TRY(fg_journal_begin(&at, bytes.data, bytes.len, err));
    while (fg_journal_next(&record, &at, bytes.data, bytes.len) == 1) {
        FG_TRY(take_record(s, &record, first, err));
        first = false;
        any = any || record.type == FG_JOURNAL_SEEN;
    }
    if (!any) {
        st = fg_fail(err, FG_E_INPUT,
                     "%s: nobody was seen to come or go; only runs under run.clock = real can be replayed so",
                     path.data);
    }
cleanup:
    fg_str_fini(&path);
    fg_str_fini(&bytes);
    return st;
}

/* Call take(arg, row) for every participation row of a run folder. */
static enum fg_status each_row(const char *dir,
                               enum fg_status (*take)(void *, const struct fg_participation *), void *arg,
                               struct fg_err *err)
{
    struct fg_str path = {0};
    struct fg_map map = {NULL, 0};
    size_t n = 0;
    enum fg_status st;
    FG_TRY(fg_str_addf(&path, "%s/participation.part", dir));
    FG_TRY(fg_file_map(&map, path.data, err));
    FG_TRY(fg_parts_count(&n, map.bytes, map.len, err));
    for (size_t i = 0; i < n && st == FG_OK; i++) {
        struct fg_participation row;
        fg_parts_at(&row, map.bytes, i);
        st = take(arg, &row);
    }
    if (st != FG_OK) {
        fg_fail(err, st, "%s: %s", path.data, fg_status_text(st));
    }
cleanup:
    fg_file_unmap(&map);
    fg_str_fini(&path);
    return st;
}

static enum fg_status take_tried(void *met, const struct fg_participation *row)
{
    return fg_met_tried(met, row);
}

enum fg_status study_met(struct study *s, struct fg_err *err)
{
    enum fg_status st = fg_met_create(&s->met, s->setup->clients);
    if (st != FG_OK) {
        return fg_fail(err, st, "out of memory for %u clients", s->setup->clients);
    }
    st = read_journal(s, err);
    return st == FG_OK ? each_row(s->shell->replay, take_tried, s->met, err) : st;
}

/* ---- what is not known ---- */

struct marks {
    const struct fg_met *met;
    json_t *rounds; /* of the comparison */
    uint64_t assignments, count[FG_MET_MARKS], pace_unknown;
};

static void add_one(json_t *round, const char *key)
{
    json_t *v = json_object_get(round, key);
    (void)json_object_set_new(round, key, json_integer(json_integer_value(v) + 1));
}

static enum fg_status take_mark(void *arg, const struct fg_participation *row)
{
    static const char *const keys[FG_MET_MARKS] = {"tried", "untried"};
    struct marks *m = arg;
    bool own;
    (void)fg_met_step_s(m->met, row->client, &own);
    enum fg_met_mark mark = fg_met_mark(m->met, row->client, row->t_begin, row->t_end);
    json_t *round = json_array_get(m->rounds, row->round);
    m->assignments++;
    m->count[mark]++;
    m->pace_unknown += !own;
    add_one(round, keys[mark]);
    if (!own) {
        add_one(round, "pace_unknown");
    }
    return FG_OK;
}

/* Rounds that began while nobody was looking: who was up then is not known. */
static uint64_t mark_blind(const struct marks *m)
{
    uint64_t n = 0;
    for (size_t k = 0; k < json_array_size(m->rounds); k++) {
        json_t *round = json_array_get(m->rounds, k), *own = json_object_get(round, names[0]);
        fg_time_t at = fg_from_seconds(json_number_value(json_object_get(own, "t_begin_s")));
        bool blind = json_is_object(own) && fg_met_is_blind(m->met, at);
        (void)json_object_set_new(round, "blind", json_boolean(blind));
        n += blind;
    }
    return n;
}

static void print_marks(const struct study *s, const struct marks *m, uint64_t blind)
{
    (void)printf(
        "\n%llu assignments: %llu to clients that had a task then, too; %llu to clients that were there and "
        "had "
        "none, so that what they would have done is not known; %llu to clients whose speed was never seen\n",
        (unsigned long long)m->assignments, (unsigned long long)m->count[FG_MET_TRIED],
        (unsigned long long)m->count[FG_MET_UNTRIED], (unsigned long long)m->pace_unknown);
    if (blind > 0) {
        (void)printf("%llu rounds began while the aggregator was down: nobody knows who was up\n",
                     (unsigned long long)blind);
    }
    if (fg_aggregator_version(s->agg) < s->cfg->run.rounds) {
        (void)printf("the recording ends within round %llu of %u\n",
                     (unsigned long long)fg_aggregator_version(s->agg) + 1, s->cfg->run.rounds);
    }
}

enum fg_status study_beside(const struct study *s, struct fg_err *err)
{
    const char *const dirs[2] = {fg_rundir_path(s->dir), s->shell->replay};
    json_t *c = NULL;
    enum fg_status st;
    FG_TRY(fg_compare_runs(&c, names, dirs, err));
    struct marks m = {.met = s->met, .rounds = json_object_get(c, "rounds")};
    FG_TRY(each_row(dirs[0], take_mark, &m, err));
    uint64_t blind = mark_blind(&m);
    if (!s->common->json) {
        fg_compare_print(c, names);
        print_marks(s, &m, blind);
        (void)printf("results               %s\n", dirs[0]);
        goto cleanup;
    }
    (void)json_object_set_new(c, "assignments",
                              json_pack("{s:I,s:I,s:I,s:I,s:I}", "all", (json_int_t)m.assignments, "tried",
                                        (json_int_t)m.count[FG_MET_TRIED], "untried",
                                        (json_int_t)m.count[FG_MET_UNTRIED], "pace_unknown",
                                        (json_int_t)m.pace_unknown, "blind_rounds", (json_int_t)blind));
    (void)json_dumpf(c, stdout, JSON_INDENT(2));
    (void)putchar('\n');
cleanup:
    json_decref(c);
    return st;
}
