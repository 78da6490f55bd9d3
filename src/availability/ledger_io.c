/* The ledger as bytes, little-endian: magic, version, clients, rows; totals; rows, each with its client's
 * number, ascending; XXH3-64 of all before it. */
#include <string.h>

#include "src/availability/ledger.h"
#include "src/base/hash.h"
#include "src/base/mem.h"

static const char MAGIC[8] = "FGLEDGER";

enum { VERSION = 1, HEADER = 8 + 4 + 4 + 4, TOTALS = 8 * FG_VERDICTS * (4 + 2 * FG_COSTS), ROW = 4 + 9 * 8 + 4 * 4 };

static void put32(uint8_t **p, uint32_t v)
{
    for (int i = 0; i < 4; i++) {
        *(*p)++ = (uint8_t)(v >> (8 * i));
    }
}

static void put64(uint8_t **p, uint64_t v)
{
    put32(p, (uint32_t)v);
    put32(p, (uint32_t)(v >> 32));
}

static void put_double(uint8_t **p, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put64(p, bits);
}

static uint32_t get32(const uint8_t **p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        v |= (uint32_t)*(*p)++ << (8 * i);
    }
    return v;
}

static uint64_t get64(const uint8_t **p)
{
    uint64_t low = get32(p);
    return low | (uint64_t)get32(p) << 32;
}

static double get_double(const uint8_t **p)
{
    uint64_t bits = get64(p);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static int touched(const struct fg_ledger_row *r)
{
    return (r->tasks[0] | r->tasks[1] | r->tasks[2] | r->tasks[3]) != 0;
}

static void put_totals(uint8_t **p, const struct fg_ledger_totals *t)
{
    for (int v = 0; v < FG_VERDICTS; v++) {
        put64(p, t->tasks[v]);
        put64(p, t->steps[v]);
        put64(p, t->bytes_down[v]);
        put64(p, t->bytes_up[v]);
        for (int c = 0; c < FG_COSTS; c++) {
            put_double(p, t->energy_j[v][c]);
            put_double(p, t->carbon_g[v][c]);
        }
    }
}

static void get_totals(const uint8_t **p, struct fg_ledger_totals *t)
{
    for (int v = 0; v < FG_VERDICTS; v++) {
        t->tasks[v] = get64(p);
        t->steps[v] = get64(p);
        t->bytes_down[v] = get64(p);
        t->bytes_up[v] = get64(p);
        for (int c = 0; c < FG_COSTS; c++) {
            t->energy_j[v][c] = get_double(p);
            t->carbon_g[v][c] = get_double(p);
        }
    }
}

static void put_row(uint8_t **p, uint32_t client, const struct fg_ledger_row *r)
{
    put32(p, client);
    put64(p, r->bytes_down);
    put64(p, r->bytes_up);
    put64(p, r->steps);
    put64(p, r->steps_wasted);
    put_double(p, r->compute_j);
    put_double(p, r->comm_j);
    put_double(p, r->carbon_g);
    put_double(p, r->wasted_j);
    put_double(p, r->wasted_g);
    for (int v = 0; v < FG_VERDICTS; v++) {
        put32(p, r->tasks[v]);
    }
}

static void get_row(const uint8_t **p, struct fg_ledger_row *r)
{
    r->bytes_down = get64(p);
    r->bytes_up = get64(p);
    r->steps = get64(p);
    r->steps_wasted = get64(p);
    r->compute_j = get_double(p);
    r->comm_j = get_double(p);
    r->carbon_g = get_double(p);
    r->wasted_j = get_double(p);
    r->wasted_g = get_double(p);
    for (int v = 0; v < FG_VERDICTS; v++) {
        r->tasks[v] = get32(p);
    }
}

enum fg_status fg_ledger_save(const struct fg_ledger *l, struct fg_str *out)
{
    uint32_t clients = fg_ledger_clients(l), n = 0;
    for (uint32_t c = 0; c < clients; c++) {
        n += touched(fg_ledger_row(l, c)) != 0;
    }
    size_t size = HEADER + TOTALS + (size_t)n * ROW + 8;
    uint8_t *bytes = fg_calloc(size, 1), *p = bytes;
    if (bytes == NULL) {
        return FG_E_NOMEM;
    }
    memcpy(p, MAGIC, sizeof MAGIC);
    p += sizeof MAGIC;
    put32(&p, VERSION);
    put32(&p, clients);
    put32(&p, n);
    put_totals(&p, fg_ledger_totals(l));
    for (uint32_t c = 0; c < clients; c++) {
        if (touched(fg_ledger_row(l, c))) {
            put_row(&p, c, fg_ledger_row(l, c));
        }
    }
    put64(&p, fg_xxh64(bytes, size - 8));
    enum fg_status st = fg_str_add(out, bytes, size);
    fg_free(bytes);
    return st;
}

enum fg_status fg_ledger_load(struct fg_ledger **out, const void *bytes, size_t len, struct fg_err *err)
{
    const uint8_t *p = bytes;
    if (len < HEADER + TOTALS + 8 || memcmp(p, MAGIC, sizeof MAGIC) != 0) {
        return fg_fail(err, FG_E_CORRUPT, "ledger: not a ledger, or truncated (%zu bytes)", len);
    }
    p += sizeof MAGIC;
    uint32_t version = get32(&p), clients = get32(&p), n = get32(&p);
    if (version != VERSION) {
        return fg_fail(err, FG_E_VERSION, "ledger: expected version %d, found %u", VERSION, version);
    }
    const uint8_t *sum = (const uint8_t *)bytes + len - 8;
    if (len != HEADER + TOTALS + (size_t)n * ROW + 8 || n > clients || get64(&sum) != fg_xxh64(bytes, len - 8)) {
        return fg_fail(err, FG_E_CORRUPT, "ledger: damaged (length or checksum)");
    }
    struct fg_ledger *l = NULL;
    if (fg_ledger_create(&l, clients) != FG_OK) {
        return fg_fail(err, FG_E_NOMEM, "ledger: out of memory");
    }
    get_totals(&p, fg_ledger_totals_mut(l));
    int64_t last = -1;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t c = get32(&p);
        if (c >= clients || (int64_t)c <= last) {
            fg_ledger_destroy(l);
            return fg_fail(err, FG_E_CORRUPT, "ledger: client %u is out of order", c);
        }
        last = c;
        get_row(&p, fg_ledger_row_mut(l, c));
    }
    *out = l;
    return FG_OK;
}
