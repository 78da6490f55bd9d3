/* How fast updates become a sum, on one core: RESULT frames as they came from the wire, checksum verified,
 * message and codec decoded, judged, folded into the rule's sum. Updates/s of CPU time,
 * 64 updates of 1,663,370 values.
 *
 *     make bench/bench_sum && bench/bench_sum [REPEATS] [UPDATES] [WAY]
 *
 * After each line of figures it waits for one on stdin if that is a pipe,
 * so that bench/run can measure NumPy in turn.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/limits.h"
#include "src/aggregator/exact.h"
#include "src/aggregator/rule.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/wire/codec.h"
#include "src/wire/message.h"

enum { P = 1663370, UPDATES_MAX = 64 };

static const struct way {
    const char *name, *codec;
    double density;
} ways[] = {
    {"fp32", "none", 0}, {"int8", "int8", 0}, {"ternary", "ternary", 0}, {"sparse-ternary", "ternary", 0.01}};

struct frame {
    uint8_t *bytes;
    size_t len;
};

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "bench_sum: %s\n", what);
        exit(1);
    }
}

/* What a worker of this run would send. */
static struct frame encode(const struct way *w, const float *delta, uint32_t client)
{
    const struct fg_codec *codec = fg_codec_find(w->codec);
    struct fg_codec_ws ws = {.opts.density = w->density, .shard = client};
    struct fg_msg m = {.type = FG_MSG_RESULT};
    size_t cap = codec->bound(&ws.opts, P), len = 0;
    uint8_t *bytes = fg_calloc(cap, 1);
    struct frame f = {NULL, 0};
    must(bytes != NULL && codec->encode(&ws, bytes, cap, &len, delta, P) == FG_OK, "cannot encode");
    m.u.result.result = (struct fg_result){.id = client + 1, .client = client, .steps = 60, .samples = 600};
    m.u.result.codec = codec->id;
    m.u.result.params = P;
    m.u.result.delta = (struct fg_view){bytes, len};
    must(fg_msg_encode(&f.bytes, &f.len, &m, 1, 1) == FG_OK, "cannot encode");
    fg_free(bytes);
    fg_codec_ws_fini(&ws);
    return f;
}

/* An update as the aggregator's executor holds it, see src/net/remote_tasks.c;
 * the frame itself is measured again. */
struct held {
    struct fg_hold hold;
    struct fg_unjudged unjudged;
    void *own;
    struct fg_form form;
};

static void free_held(struct fg_hold *hold)
{
    struct held *h = (struct held *)hold;
    fg_free(h->own);
    fg_free(h);
}

static enum fg_status cannot_mend(struct fg_unjudged *u, double weight, struct fg_exact *into)
{
    (void)u;
    (void)weight;
    (void)into;
    must(false, "bad values");
    return FG_E_CORRUPT;
}

/* From the frame to the sum: values that lie as they are are judged as they are added. */
static void take(const struct frame *frame, struct fg_rule *rule, struct fg_codec_ws *ws)
{
    struct fg_frame f;
    struct fg_msg m;
    struct held *h = fg_calloc(1, sizeof *h);
    must(h != NULL, "no memory");
    struct fg_msg_values v = fg_msg_values(frame->bytes, frame->len);
    h->unjudged.mend = cannot_mend;
    enum fg_status st = v.size == 0 ? fg_frame_decode(&f, frame->bytes, frame->len)
                                    : fg_frame_open(&f, &h->unjudged.scan, &h->unjudged.checksum,
                                                    frame->bytes, frame->len, v.at, v.size == sizeof(float));
    must(st == FG_OK && fg_msg_decode(&m, &f) == FG_OK, "bad frame");
    const struct fg_codec *codec = fg_codec_by_id(m.u.result.codec);
    struct fg_view bytes = m.u.result.delta;
    must(codec->open(ws, &h->form, &h->own, P, bytes.data, bytes.len) == FG_OK, "cannot open");
    h->form.unjudged = v.size > 0 ? &h->unjudged : NULL;
    h->hold = (struct fg_hold){.users = 1, .free = free_held};
    struct fg_rule_update u = {.form = &h->form,
                               .hold = &h->hold,
                               .client = m.u.result.result.client,
                               .samples = m.u.result.result.samples,
                               .steps = m.u.result.result.steps,
                               .lr = 0.1,
                               .factor = 1.0};
    must(fg_rule_fold(rule, &u) == FG_OK, "cannot fold");
    fg_hold_drop(&h->hold);
}

static struct fg_rule *new_rule(void)
{
    struct fg_rule *rule = NULL;
    struct fg_err err;
    struct fg_rule_config cfg = {
        .params = P, .clients = UPDATES_MAX, .total_samples = 600 * UPDATES_MAX, .lr = 1.0};
    must(fg_rule_create(&rule, fg_rule_find("fedavg"), &cfg, &err) == FG_OK, "out of memory");
    return rule;
}

/* What bench/instructions.sh counts, by this name. */
void bench_counted(const struct frame *frame, size_t n, struct fg_rule *rule, struct fg_codec_ws *ws);
__attribute__((noinline)) void bench_counted(const struct frame *frame, size_t n, struct fg_rule *rule,
                                             struct fg_codec_ws *ws)
{
    struct fg_there here = {0};
    for (size_t i = 0; i < n; i++) {
        take(&frame[i], rule, ws);
    }
    must(fg_rule_settle(rule, NULL, &here) == FG_OK, "cannot fold");
}

/* The rule is that of a run's second round: its memory is there. */
static void measure(const struct way *w, const struct frame *frame, size_t n, struct fg_rule *rule)
{
    struct fg_codec_ws ws = {.opts.density = w->density};
    struct fg_there here = {0};
    take(&frame[0], rule, &ws);
    must(fg_rule_settle(rule, NULL, &here) == FG_OK, "cannot fold");
    fg_rule_drop(rule);
    double s = bench_now_s();
    bench_counted(frame, n, rule, &ws);
    s = bench_now_s() - s;
    printf("%-16s %9zu %10.1f %10.3f\n", w->name, frame[0].len, (double)n / s,
           (double)n * (double)frame[0].len / s * 1e-9);
    fflush(stdout);
    fg_rule_drop(rule);
    fg_codec_ws_fini(&ws);
}

int main(int argc, char **argv)
{
    size_t repeats = argc > 1 ? strtoul(argv[1], NULL, 10) : 5,
           n = argc > 2 ? strtoul(argv[2], NULL, 10) : 64;
    static struct frame frame[UPDATES_MAX];
    struct fg_rng r;
    fg_mem_keep();
    must(repeats > 0 && n > 0 && n <= UPDATES_MAX, "usage: bench_sum [REPEATS] [UPDATES, at most 64] [WAY]");
    float *x = fg_calloc_aligned(P, sizeof *x);
    must(x != NULL, "out of memory");
    struct fg_rule *rule = new_rule();
    fg_rng_init(&r, 1, FG_RNG_TEST, 0, 0);
    for (size_t i = 0; i < P; i++) {
        x[i] = (float)fg_rng_normal(&r) * 0.01f;
    }
    printf("%-16s %9s %10s %10s\n", "way", "bytes", "updates/s", "GB/s");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (argc > 3 && strcmp(argv[3], ways[i].name) != 0) {
            continue;
        }
        for (size_t k = 0; k < n; k++) {
            frame[k] = encode(&ways[i], x, (uint32_t)k);
        }
        for (size_t k = 0; k < repeats; k++) {
            measure(&ways[i], frame, n, rule);
            char turn[16];
            if (!isatty(0) && fgets(turn, sizeof turn, stdin) == NULL) {
                return 0;
            }
        }
        for (size_t k = 0; k < n; k++) {
            fg_free(frame[k].bytes);
        }
    }
    fg_rule_destroy(rule);
    fg_free(x);
    return 0;
}
