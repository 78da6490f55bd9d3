#include "src/store/columns.h"

#include <math.h>
#include <string.h>

#include "src/base/bytes.h"
#include "src/base/mem.h"
#include "src/plan/outcome.h"

#define R(name, unit, kind, field, doc)                                         \
    {                                                                           \
        name, unit, FG_COL_##kind, offsetof(struct fg_round_record, field), doc \
    }
const struct fg_col fg_round_cols[] = {
    R("round", "", U32, round, "number of the round, from 0"),
    R("version", "", U64, version, "of the parameters after it"),
    R("t_begin_s", "s", TIME, t_begin, "begin, seconds since 1970-01-01T00:00:00Z"),
    R("t_end_s", "s", TIME, t_end, "commit"),
    R("n_available", "clients", U32, n_available, "clients up at its begin"),
    R("n_selected", "clients", U32, n_selected, "clients asked"),
    R("n_used", "updates", U32, n_used, "updates folded in, partial ones included"),
    R("n_partial", "updates", U32, n_partial, "of these, with fewer steps than planned"),
    R("n_lost", "updates", U32, n_lost, "clients that left"),
    R("n_late", "updates", U32, n_late, "answers after the close"),
    R("steps_total", "steps", U64, steps_total, "local steps done, wasted ones included"),
    R("steps_wasted", "steps", U64, steps_wasted, "local steps that reached no model"),
    R("uplink_bytes", "B", U64, uplink_bytes, "bytes from clients"),
    R("downlink_bytes", "B", U64, downlink_bytes, "bytes to clients"),
    R("energy_wh", "Wh", F64, energy_wh, "energy, wasted included"),
    R("carbon_g", "gCO2", F64, carbon_g, "carbon, wasted included"),
    R("wasted_wh", "Wh", F64, wasted_wh, "energy of work that reached no model"),
    R("wasted_g", "gCO2", F64, wasted_g, "carbon of work that reached no model"),
    R("train_loss", "nat", LOSS, train_loss, "mean training loss of the used updates"),
    R("test_loss", "nat", EVAL, evaluation.loss, "loss on the global test set"),
    R("test_accuracy", "fraction", EVAL, evaluation.accuracy, "accuracy on the global test set"),
    R("client_accuracy_mean", "fraction", CLIENTS, evaluation.client_mean,
      "mean over clients' test accuracies"),
    R("client_accuracy_p10", "fraction", CLIENTS, evaluation.client_p10, "10th percentile of them"),
    R("client_accuracy_worst", "fraction", CLIENTS, evaluation.client_worst, "worst of them"),
    {NULL, NULL, FG_COL_U8, 0, NULL},
};
#undef R

#define P(name, unit, kind, field, doc)                                          \
    {                                                                            \
        name, unit, FG_COL_##kind, offsetof(struct fg_participation, field), doc \
    }
const struct fg_col fg_participation_cols[] = {
    P("round", "", U32, round, "round of the assignment, from 0"),
    P("client", "", U32, client, "who got it"),
    P("shard", "", U32, shard, "whose data: the client's own unless data move"),
    P("verdict", "", U8, verdict, "0 used, 1 partial, 2 lost, 3 late, 4 stale, 5 asked for its loss"),
    P("steps", "steps", U32, steps, "local steps done"),
    P("steps_planned", "steps", U32, steps_planned, "local steps asked for"),
    P("staleness", "commits", U32, staleness, "commits between its model and this round's"),
    P("bytes_up", "B", U64, bytes_up, "bytes from the client"),
    P("bytes_down", "B", U64, bytes_down, "bytes to the client"),
    P("shard_bytes", "B", U64, shard_bytes, "of these, data that were shipped with the task"),
    P("energy_j", "J", F64, energy_j, "energy of computing and communication"),
    P("carbon_g", "gCO2", F64, carbon_g, "with the zone's intensity at that time"),
    P("loss", "nat", F64, loss, "training loss it reported, 0 when nothing came"),
    P("t_begin_s", "s", TIME, t_begin, "assignment, seconds since 1970-01-01T00:00:00Z"),
    P("t_end_s", "s", TIME, t_end, "arrival or end"),
    {NULL, NULL, FG_COL_U8, 0, NULL},
};
#undef P

const char *fg_verdict_name(unsigned verdict)
{
    switch (verdict) {
    case FG_VERDICT_USED:
        return "used";
    case FG_VERDICT_PARTIAL:
        return "partial";
    case FG_VERDICT_LOST:
        return "lost";
    case FG_VERDICT_LATE:
        return "late";
    case FG_VERDICT_STALE:
        return "stale";
    case FG_VERDICT_ASKED:
        return "asked";
    default:
        return "unknown";
    }
}

/* A row of another struct than fg_round_record never has the kinds that ask for its evaluation. */
static bool present(const struct fg_col *c, const void *row)
{
    const struct fg_round_record *r = row;
    return c->kind == FG_COL_EVAL ? r->evaluation.have
                                  : c->kind != FG_COL_CLIENTS || r->evaluation.have_clients;
}

bool fg_col_f64(double *out, const struct fg_col *c, const void *row)
{
    const char *at = (const char *)row + c->offset;
    bool there = present(c, row);
    switch (c->kind) {
    case FG_COL_U8:
        *out = *(const uint8_t *)at;
        break;
    case FG_COL_U32:
        *out = *(const uint32_t *)at;
        break;
    case FG_COL_U64:
        *out = (double)*(const uint64_t *)at;
        break;
    case FG_COL_TIME:
        *out = fg_seconds(*(const fg_time_t *)at);
        break;
    case FG_COL_LOSS:
        *out = *(const double *)at;
        there = *out >= 0.0;
        break;
    default:
        *out = *(const double *)at;
    }
    if (!there) {
        *out = (double)NAN;
    }
    return there;
}

enum fg_status fg_rounds_header(struct fg_str *out)
{
    enum fg_status st = FG_OK;
    for (const struct fg_col *c = fg_round_cols; st == FG_OK && c->name != NULL; c++) {
        st = fg_str_addf(out, "%s%s", c == fg_round_cols ? "" : ",", c->name);
    }
    return st == FG_OK ? fg_str_add(out, "\n", 1) : st;
}

static enum fg_status add_time(struct fg_str *out, fg_time_t t)
{
    uint64_t us = t < 0 ? -(uint64_t)t : (uint64_t)t;
    enum fg_status st = fg_str_addf(out, "%s%llu", t < 0 ? "-" : "", (unsigned long long)(us / 1000000));
    return st == FG_OK && us % 1000000 != 0 ? fg_str_addf(out, ".%06u", (unsigned)(us % 1000000)) : st;
}

static enum fg_status add_value(struct fg_str *out, const struct fg_col *c, const void *row)
{
    const char *at = (const char *)row + c->offset;
    double x;
    switch (c->kind) {
    case FG_COL_U64:
        return fg_str_addf(out, "%llu", (unsigned long long)*(const uint64_t *)at);
    case FG_COL_TIME:
        return add_time(out, *(const fg_time_t *)at);
    default:
        return fg_col_f64(&x, c, row) ? fg_str_add_f64(out, x) : FG_OK;
    }
}

enum fg_status fg_rounds_row(struct fg_str *out, const struct fg_round_record *r)
{
    enum fg_status st = FG_OK;
    for (const struct fg_col *c = fg_round_cols; st == FG_OK && c->name != NULL; c++) {
        st = c == fg_round_cols ? FG_OK : fg_str_add(out, ",", 1);
        if (st == FG_OK) {
            st = add_value(out, c, r);
        }
    }
    return st == FG_OK ? fg_str_add(out, "\n", 1) : st;
}

/* A number as fg_str_add_f64() writes it: losses of a run that diverged are nan or inf. */
static bool read_f64(double *x, const char *text, size_t len)
{
    static const struct {
        const char *text;
        double value;
    } far[] = {{"nan", NAN}, {"-nan", NAN}, {"inf", INFINITY}, {"-inf", -INFINITY}};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        if (len == strlen(far[i].text) && memcmp(text, far[i].text, len) == 0) {
            *x = far[i].value;
            return true;
        }
    }
    return fg_parse_f64(x, text, len) == FG_OK;
}

/* Write one field into the record; false when it is no such value. */
static bool read_value(struct fg_round_record *r, const struct fg_col *c, const char *text, size_t len)
{
    char *at = (char *)r + c->offset;
    uint64_t u = 0;
    double x = -1.0;
    if (c->kind == FG_COL_U32 || c->kind == FG_COL_U64) {
        if (fg_parse_u64(&u, text, len) != FG_OK || (c->kind == FG_COL_U32 && u > UINT32_MAX)) {
            return false;
        }
        if (c->kind == FG_COL_U32) {
            *(uint32_t *)at = (uint32_t)u;
        } else {
            *(uint64_t *)at = u;
        }
        return true;
    }
    bool empty = len == 0;
    if ((empty && c->kind < FG_COL_LOSS) || (!empty && !read_f64(&x, text, len))) {
        return false;
    }
    if (c->kind == FG_COL_TIME) {
        if (!isfinite(x)) {
            return false;
        }
        *(fg_time_t *)at = fg_from_seconds(x);
        return true;
    }
    *(double *)at = x;
    r->evaluation.have = r->evaluation.have || (c->kind == FG_COL_EVAL && !empty);
    r->evaluation.have_clients = r->evaluation.have_clients || (c->kind == FG_COL_CLIENTS && !empty);
    return true;
}

static bool read_row(struct fg_round_record *r, const char *line, size_t len)
{
    *r = (struct fg_round_record){0};
    const char *end = line + len;
    for (const struct fg_col *c = fg_round_cols; c->name != NULL; c++) {
        const char *comma = line <= end ? memchr(line, ',', (size_t)(end - line)) : NULL;
        bool last = c[1].name == NULL;
        if (line > end || last != (comma == NULL)) {
            return false;
        }
        const char *stop = last ? end : comma;
        if (!read_value(r, c, line, (size_t)(stop - line))) {
            return false;
        }
        line = stop + 1;
    }
    return true;
}

enum fg_status fg_rounds_read(struct fg_round_record **rows, size_t *n, const char *text, size_t len,
                              struct fg_err *err)
{
    struct fg_round_record *list = NULL;
    struct fg_str header = {0};
    size_t count = 0, cap = 0, line_no = 1;
    enum fg_status st = FG_OK;
    FG_TRY(fg_rounds_header(&header));
    if (len < header.len || memcmp(text, header.data, header.len) != 0) {
        st = fg_fail(err, FG_E_CORRUPT, "rounds.csv:1: expected the header '%.60s...', found another",
                     header.data);
        goto cleanup;
    }
    for (size_t at = header.len; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        if (end == NULL) {
            break;
        }
        size_t line_len = (size_t)(end - (text + at));
        line_no++;
        FG_TRY(FG_GROW(list, count, cap));
        if (!read_row(&list[count], text + at, line_len)) {
            st = fg_fail(err, FG_E_CORRUPT, "rounds.csv:%zu: expected a row of numbers, found '%.*s'",
                         line_no, (int)(line_len < 60 ? line_len : 60), text + at);
            goto cleanup;
        }
        count++;
        at += line_len + 1;
    }
    *rows = list;
    *n = count;
    list = NULL;
cleanup:
    fg_str_fini(&header);
    fg_free(list);
    return st;
}

static const char parts_magic[9] = "FGPARTS1";

/* As it lies in the file: nothing is padded, and bytes.c insists on a little-endian machine. */
struct part_row {
    uint32_t round, client, verdict, steps, steps_planned, staleness;
    uint64_t bytes_up, bytes_down;
    double energy_j, carbon_g, loss;
    int64_t t_begin, t_end;
    uint64_t shard_bytes;
    uint32_t shard, zero;
};
_Static_assert(sizeof(struct part_row) == FG_PARTS_ROW, "rows of a part file are 96 bytes");

static void pack(struct part_row *row, const struct fg_participation *p)
{
    *row = (struct part_row){.round = p->round,
                             .client = p->client,
                             .verdict = p->verdict,
                             .steps = p->steps,
                             .steps_planned = p->steps_planned,
                             .staleness = p->staleness,
                             .bytes_up = p->bytes_up,
                             .bytes_down = p->bytes_down,
                             .energy_j = p->energy_j,
                             .carbon_g = p->carbon_g,
                             .loss = p->loss,
                             .t_begin = p->t_begin,
                             .t_end = p->t_end,
                             .shard_bytes = p->shard_bytes,
                             .shard = p->shard};
}

enum fg_status fg_parts_header(struct fg_str *out)
{
    enum fg_status st = fg_str_add(out, parts_magic, 8);
    st = st == FG_OK ? fg_put_u32(out, FG_PARTS_ROW) : st;
    return st == FG_OK ? fg_put_u32(out, 0) : st;
}

enum fg_status fg_parts_row(struct fg_str *out, const struct fg_participation *p)
{
    struct part_row row;
    pack(&row, p);
    return fg_str_add(out, &row, sizeof row);
}

enum fg_status fg_parts_count(size_t *n, const void *bytes, size_t len, struct fg_err *err)
{
    if (len < FG_PARTS_HEADER || memcmp(bytes, parts_magic, 8) != 0) {
        return fg_fail(err, FG_E_CORRUPT,
                       "participation.part: expected its header of %d bytes, found another", FG_PARTS_HEADER);
    }
    struct fg_reader r = fg_reader_of((const char *)bytes + 8, 4);
    uint32_t row = fg_get_u32(&r);
    if (row != FG_PARTS_ROW) {
        return fg_fail(err, FG_E_VERSION, "participation.part: expected rows of %d bytes, found %u",
                       FG_PARTS_ROW, (unsigned)row);
    }
    *n = (len - FG_PARTS_HEADER) / FG_PARTS_ROW;
    return FG_OK;
}

unsigned fg_parts_verdict(uint32_t *client, const void *bytes, size_t i)
{
    const char *row = (const char *)bytes + FG_PARTS_HEADER + i * FG_PARTS_ROW;
    uint32_t verdict;
    memcpy(client, row + offsetof(struct part_row, client), sizeof *client);
    memcpy(&verdict, row + offsetof(struct part_row, verdict), sizeof verdict);
    return (uint8_t)verdict;
}

void fg_parts_at(struct fg_participation *out, const void *bytes, size_t i)
{
    struct part_row row;
    memcpy(&row, (const char *)bytes + FG_PARTS_HEADER + i * FG_PARTS_ROW, sizeof row);
    *out = (struct fg_participation){.round = row.round,
                                     .client = row.client,
                                     .verdict = (uint8_t)row.verdict,
                                     .steps = row.steps,
                                     .steps_planned = row.steps_planned,
                                     .staleness = row.staleness,
                                     .bytes_up = row.bytes_up,
                                     .bytes_down = row.bytes_down,
                                     .energy_j = row.energy_j,
                                     .carbon_g = row.carbon_g,
                                     .loss = row.loss,
                                     .t_begin = row.t_begin,
                                     .t_end = row.t_end,
                                     .shard_bytes = row.shard_bytes,
                                     .shard = row.shard};
}
