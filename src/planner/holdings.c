#include "src/planner/holdings.h"

#include "src/base/mem.h"

enum fg_status fg_holdings_init(struct fg_holdings *h, uint32_t clients, uint32_t shards)
{
    *h = (struct fg_holdings){
        .clients = clients, .shards = shards, .last = fg_calloc(clients, sizeof *h->last)};
    return h->last != NULL ? FG_OK : FG_E_NOMEM;
}

void fg_holdings_fini(struct fg_holdings *h)
{
    fg_free(h->last);
    fg_free(h->node);
    *h = (struct fg_holdings){0};
}

bool fg_holdings_has(const struct fg_holdings *h, uint32_t client, uint32_t shard)
{
    uint32_t at = h->last[client];
    while (at != 0 && h->node[at - 1].shard != shard) {
        at = h->node[at - 1].before;
    }
    return at != 0;
}

enum fg_status fg_holdings_add(struct fg_holdings *h, uint32_t client, uint32_t shard)
{
    if (fg_holdings_has(h, client, shard)) {
        return FG_OK;
    }
    enum fg_status st = FG_GROW(h->node, h->n, h->cap);
    if (st == FG_OK) {
        h->node[h->n++] = (struct fg_held){client, shard, h->last[client]};
        h->last[client] = (uint32_t)h->n;
    }
    return st;
}

size_t fg_holdings_of(const struct fg_holdings *h, uint32_t client, uint32_t *out, size_t room)
{
    size_t n = 0;
    for (uint32_t at = h->last[client]; at != 0; at = h->node[at - 1].before) {
        if (n < room) {
            out[n] = h->node[at - 1].shard;
        }
        n++;
    }
    return n;
}

enum fg_status fg_holdings_save(const struct fg_holdings *h, struct fg_str *out)
{
    enum fg_status st = fg_put_u64(out, h->n);
    for (size_t i = 0; i < h->n && st == FG_OK; i++) {
        const uint32_t pair[2] = {h->node[i].client, h->node[i].shard};
        st = fg_put_u32s(out, pair, 2);
    }
    return st;
}

enum fg_status fg_holdings_load(struct fg_holdings *h, struct fg_reader *in)
{
    uint64_t n = fg_get_u64(in);
    enum fg_status st = FG_OK;
    for (uint64_t i = 0; i < n && !in->bad && st == FG_OK; i++) {
        uint32_t client = fg_get_u32(in), shard = fg_get_u32(in);
        in->bad = in->bad || client >= h->clients || shard >= h->shards || fg_holdings_has(h, client, shard);
        st = in->bad ? FG_OK : fg_holdings_add(h, client, shard);
    }
    return st;
}
