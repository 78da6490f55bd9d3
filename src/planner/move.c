#include "src/planner/move.h"

#include <math.h>

#include "src/base/mem.h"
#include "src/base/sort.h"

double fg_move_gain(const struct fg_move_problem *p, size_t k, uint32_t shard)
{
    double update = p->survives[k] * p->worth_g;
    if (fg_holdings_has(p->have, p->client[k], shard) ||
        (p->planned != NULL && p->planned(p->arg, p->client[k], shard))) {
        return update * (1.0 + p->lack[shard]);
    }
    size_t held = fg_holdings_of(p->have, p->client[k], NULL, 0);
    double uses = p->uses[k] / ((double)held + 1.0); /* the more it has, the less it uses each */
    double margin = held > 0 ? p->margin : 0.0;
    return update * (1.0 + p->lack[shard] - margin) -
           p->ship_g(p->arg, p->client[k], shard) / (uses > 1.0 ? uses : 1.0);
}

/* A block of picks (rows) and the shards that they may get (columns). */
struct block {
    size_t rows, cols;
    uint32_t *shard; /* (cols) */
    double *cost;    /* (rows, cols + rows) negative gain; the last `rows` columns: no shard */
    double *u, *v, *least;
    size_t *of, *way; /* (cols + rows + 1) 1 + row in the column, 0 = none; the path */
    bool *seen;
};

/* Rows are added one by one, each by the shortest path of exchanges (Kuhn 1955 with potentials). */
static void match(struct block *b)
{
    size_t wide = b->cols + b->rows;
    for (size_t j = 0; j <= wide; j++) {
        b->of[j] = 0;
        b->v[j] = 0.0;
    }
    for (size_t i = 0; i <= b->rows; i++) {
        b->u[i] = 0.0;
    }
    for (size_t row = 1; row <= b->rows; row++) {
        size_t at = 0;
        b->of[0] = row;
        for (size_t j = 0; j <= wide; j++) {
            b->least[j] = INFINITY;
            b->seen[j] = false;
        }
        do {
            size_t i = b->of[at], next = 0;
            double step = INFINITY;
            b->seen[at] = true;
            for (size_t j = 1; j <= wide; j++) {
                if (b->seen[j]) {
                    continue;
                }
                double reduced = b->cost[(i - 1) * wide + j - 1] - b->u[i] - b->v[j];
                if (reduced < b->least[j]) {
                    b->least[j] = reduced;
                    b->way[j] = at;
                }
                if (b->least[j] < step) {
                    step = b->least[j];
                    next = j;
                }
            }
            for (size_t j = 0; j <= wide; j++) {
                if (b->seen[j]) {
                    b->u[b->of[j]] += step;
                    b->v[j] -= step;
                } else {
                    b->least[j] -= step;
                }
            }
            at = next;
        } while (b->of[at] != 0);
        while (at != 0) {
            b->of[at] = b->of[b->way[at]];
            at = b->way[at];
        }
    }
}

/* Columns: the shards that lack most, and what the picks have. */
static void gather(struct block *b, const struct fg_move_problem *p, const struct fg_ranked *order,
                   uint8_t *gone, size_t first)
{
    b->cols = 0;
    for (size_t i = 0; i < p->shards && b->cols < FG_MOVE_WIDE; i++) {
        if (gone[order[i].number] == 0) {
            b->shard[b->cols++] = order[i].number;
            gone[order[i].number] = 2;
        }
    }
    for (size_t r = 0; r < b->rows; r++) {
        uint32_t have[FG_MOVE_HELD];
        size_t n = fg_holdings_of(p->have, p->client[first + r], have, FG_MOVE_HELD);
        for (size_t i = 0; i < n && i < FG_MOVE_HELD; i++) {
            if (gone[have[i]] == 0) {
                b->shard[b->cols++] = have[i];
                gone[have[i]] = 2;
            }
        }
    }
    for (size_t j = 0; j < b->cols; j++) {
        gone[b->shard[j]] = 0;
    }
}

/* No shard at all is worse than all that can be won otherwise, a forbidden one worse than none. */
static void weigh(struct block *b, const struct fg_move_problem *p, size_t first)
{
    size_t wide = b->cols + b->rows;
    double most = 1.0;
    for (size_t r = 0; r < b->rows; r++) {
        for (size_t j = 0; j < b->cols; j++) {
            double gain = fg_move_gain(p, first + r, b->shard[j]);
            b->cost[r * wide + j] = -gain;
            most = isfinite(gain) && fabs(gain) > most ? fabs(gain) : most;
        }
    }
    double nothing = 2.0 * most * ((double)b->rows + 1.0);
    for (size_t r = 0; r < b->rows; r++) {
        for (size_t j = 0; j < wide; j++) {
            double *cost = &b->cost[r * wide + j];
            *cost = j >= b->cols ? nothing : isfinite(*cost) ? *cost : 2.0 * nothing;
        }
    }
}

static void settle(const struct block *b, uint32_t *out, uint8_t *gone)
{
    for (size_t r = 0; r < b->rows; r++) {
        out[r] = FG_NO_SHARD;
    }
    for (size_t j = 1; j <= b->cols; j++) {
        if (b->of[j] != 0) {
            out[b->of[j] - 1] = b->shard[j - 1];
            gone[b->shard[j - 1]] = 1;
        }
    }
}

static void free_block(struct block *b)
{
    fg_free(b->shard);
    fg_free(b->cost);
    fg_free(b->u);
    fg_free(b->v);
    fg_free(b->least);
    fg_free(b->of);
    fg_free(b->way);
    fg_free(b->seen);
}

static enum fg_status make_block(struct block *b, size_t n, uint32_t shards)
{
    size_t rows = n < FG_MOVE_BLOCK ? n : FG_MOVE_BLOCK;
    size_t cols = (shards < FG_MOVE_WIDE ? shards : FG_MOVE_WIDE) + rows * FG_MOVE_HELD;
    size_t wide = cols + rows + 1;
    *b = (struct block){.shard = fg_calloc(cols, sizeof *b->shard),
                        .cost = fg_calloc(rows * wide, sizeof *b->cost),
                        .u = fg_calloc(rows + 1, sizeof *b->u),
                        .v = fg_calloc(wide, sizeof *b->v),
                        .least = fg_calloc(wide, sizeof *b->least),
                        .of = fg_calloc(wide, sizeof *b->of),
                        .way = fg_calloc(wide, sizeof *b->way),
                        .seen = fg_calloc(wide, sizeof *b->seen)};
    bool all = b->shard != NULL && b->cost != NULL && b->u != NULL && b->v != NULL && b->least != NULL &&
               b->of != NULL && b->way != NULL && b->seen != NULL;
    return all ? FG_OK : FG_E_NOMEM;
}

enum fg_status fg_move_assign(uint32_t *shard, size_t n, const struct fg_move_problem *p)
{
    struct block b = {0};
    struct fg_ranked *order = fg_calloc(p->shards, sizeof *order);
    uint8_t *gone = fg_calloc(p->shards, 1);
    enum fg_status st = order != NULL && gone != NULL ? make_block(&b, n, p->shards) : FG_E_NOMEM;
    for (uint32_t j = 0; st == FG_OK && j < p->shards; j++) {
        order[j] = (struct fg_ranked){p->lack[j], j};
        gone[j] = p->taken != NULL ? p->taken[j] : 0;
    }
    if (st == FG_OK) {
        fg_sort_ranked(order, p->shards);
    }
    for (size_t first = 0; first < n && st == FG_OK; first += FG_MOVE_BLOCK) {
        b.rows = n - first < FG_MOVE_BLOCK ? n - first : FG_MOVE_BLOCK;
        gather(&b, p, order, gone, first);
        weigh(&b, p, first);
        match(&b);
        settle(&b, shard + first, gone);
    }
    free_block(&b);
    fg_free(gone);
    fg_free(order);
    return st;
}
