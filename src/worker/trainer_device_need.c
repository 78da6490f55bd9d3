/* What a cohort takes of a device's memory: the sizes of what trainer_device.c and trainer_wave.c
 * allocate. */
#include <stdlib.h>

#include "src/base/mem.h"
#include "src/model/net.h"
#include "src/worker/trainer_device_internal.h"

struct fg_program_opts fg_device_program_opts(const struct fg_local_opts *o)
{
    return (struct fg_program_opts){.batch = o->batch,
                                    .momentum = o->momentum,
                                    .weight_decay = o->weight_decay,
                                    .clip = o->clip,
                                    .prox_mu = o->prox_mu};
}

/* A lane: waves take the longest first. */
struct size {
    uint64_t bytes;
    uint32_t steps;
};

static int longest_first(const void *a, const void *b)
{
    const struct size *x = a, *y = b;
    return x->steps != y->steps ? (x->steps < y->steps ? 1 : -1)
                                : (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static uint64_t client_bytes(const struct fg_program *p, uint32_t batch, uint32_t n, uint32_t steps)
{
    uint32_t of = batch == 0 ? n : batch, per_epoch = (n - 1) / of + 1;
    return fg_wave_lane_bytes(p, (uint64_t)((steps - 1) / per_epoch + 1) * n, 0);
}

/* Where waves are cut. */
struct room {
    uint64_t before, memory, all; /* bytes that are there before; free in the beginning; of the device */
    uint64_t peak;
    const struct fg_stay_bytes *stay; /* NULL: updates come back */
};

/* Updates of the n lanes of a wave that takes so much; they stay if there is room as
 * trainer_stay.c sees it. Returns their bytes. */
static uint64_t leave(struct room *r, size_t n, uint64_t wave)
{
    uint64_t there = r->before + wave;
    if (r->stay == NULL) {
        return 0;
    }
    bool fit = fg_stays_fit(*r->stay, n, r->memory - there, r->all);
    uint64_t made = fit ? n * (r->stay->update + r->stay->scratch) : 0;
    r->peak = there + made > r->peak ? there + made : r->peak;
    r->before += fit ? n * r->stay->update : 0;
    return made;
}

/* Cut lanes (n) into waves; r->peak grows to the largest, *stayed by updates. Returns how many,
 * 0 if one does not fit. */
static uint32_t cut(const struct size *lane, size_t n, struct room r, uint64_t *peak, uint64_t *stayed)
{
    uint32_t waves = 0;
    r.peak = *peak;
    for (size_t i = 0; i < n; waves++) {
        uint64_t sum = 0, left = r.memory > r.before ? r.memory - r.before : 0;
        size_t from = i;
        while (i < n && fg_wave_fits(sum + lane[i].bytes, left)) {
            sum += lane[i++].bytes;
        }
        if (i == from) { /* tried all the same */
            sum = lane[i++].bytes;
        }
        if (sum + FG_WAVE_BYTES > left) {
            return 0;
        }
        r.peak = r.before + sum + FG_WAVE_BYTES > r.peak ? r.before + sum + FG_WAVE_BYTES : r.peak;
        *stayed += leave(&r, i - from, sum + FG_WAVE_BYTES);
    }
    *peak = r.peak;
    return waves;
}

static void need_training(struct fg_device_need *out, const struct fg_program *p,
                          const struct fg_local_opts *opts, const struct fg_device_load *load,
                          const struct fg_stay_bytes *stay, struct size *lane)
{
    size_t n = 0;
    uint64_t shipped = 0, places = stay != NULL ? stay->fixed : 0;
    for (size_t i = 0; i < load->n; i++) {
        if (load->samples[i] > 0 && load->steps[i] > 0) {
            uint64_t bytes = client_bytes(p, opts->batch, load->samples[i], load->steps[i]);
            lane[n++] = (struct size){bytes, load->steps[i]};
            out->client_bytes = bytes > out->client_bytes ? bytes : out->client_bytes;
            out->cohort_bytes += bytes;
            shipped += load->kept ? 0 : fg_resident_bytes(load->data, load->samples[i]);
        }
    }
    out->cohort_bytes += FG_WAVE_BYTES + shipped;
    qsort(lane, n, sizeof *lane, longest_first);
    out->waves = cut(lane, n,
                     (struct room){.before = out->fixed_bytes + shipped + places,
                                   .memory = load->memory_bytes,
                                   .all = load->all_bytes,
                                   .stay = stay},
                     &out->peak_bytes, &out->stay_bytes);
    out->stay_bytes += places;
}

static void need_evaluation(struct fg_device_need *out, const struct fg_program *p,
                            const struct fg_device_load *load, const struct fg_stay_bytes *stay,
                            struct size *lane)
{
    size_t n = 0;
    uint64_t stayed = 0, places = stay != NULL ? stay->fixed : 0;
    uint64_t beside =
        p->packed * sizeof(float) + (load->kept ? 0 : fg_resident_bytes(load->data, load->data->n));
    out->evaluate_bytes = beside + FG_WAVE_BYTES;
    for (size_t first = 0; first < load->scored; first += FG_DEVICE_BLOCK) {
        size_t now = load->scored - first < FG_DEVICE_BLOCK ? load->scored - first : FG_DEVICE_BLOCK;
        lane[n] = (struct size){fg_wave_lane_bytes(p, now, now), (uint32_t)((now - 1) / FG_DEVICE_PART + 1)};
        out->evaluate_bytes += lane[n++].bytes;
    }
    out->evaluate_waves = cut(
        lane, n, (struct room){.before = out->fixed_bytes + beside + places, .memory = load->memory_bytes},
        &out->peak_bytes, &stayed);
}

enum fg_status fg_trainer_device_need(struct fg_device_need *out, const struct fg_model *model,
                                      const struct fg_local_opts *opts, const struct fg_device_load *load,
                                      struct fg_err *err)
{
    struct fg_program_opts how = fg_device_program_opts(opts), scoring = {.evaluate = true};
    struct fg_program train = {0}, score = {0};
    struct fg_device_need need = {0};
    const struct fg_stay_bytes bytes = fg_stays_bytes(model, load->levels, load->coded), *stay;
    size_t blocks = load->scored / FG_DEVICE_BLOCK + 1;
    struct size *lane = fg_calloc(load->n > blocks ? load->n : blocks, sizeof *lane);
    if (lane == NULL) {
        return fg_fail(err, FG_E_NOMEM, "no memory for a cohort of %zu", load->n);
    }
    enum fg_status st;
    FG_TRY(fg_model_program(&train, model, &how, err));
    FG_TRY(fg_model_program(&score, model, &scoring, err));
    need.fixed_bytes = train.n * sizeof *train.op + score.n * sizeof *score.op +
                       (load->kept ? fg_resident_bytes(load->data, load->data->n) : 0);
    need.peak_bytes = need.fixed_bytes;
    stay =
        (load->stays || load->coded) && need.fixed_bytes + bytes.fixed <= load->memory_bytes ? &bytes : NULL;
    need_training(&need, &train, opts, load, stay, lane);
    need_evaluation(&need, &score, load, stay, lane);
    *out = need;
cleanup:
    fg_program_fini(&train);
    fg_program_fini(&score);
    fg_free(lane);
    return st;
}
