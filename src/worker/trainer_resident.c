#include "src/worker/trainer_resident.h"

enum fg_status fg_device_copy(void **out, struct fg_device *d, const void *from, size_t bytes,
                              struct fg_err *err)
{
    void *p;
    enum fg_status st = d->ops->alloc(d, &p, bytes > 0 ? bytes : 1, err);
    if (st != FG_OK) {
        return st;
    }
    st = d->ops->put(d, p, from, bytes, err);
    if (st != FG_OK) {
        d->ops->free(d, p);
        return st;
    }
    *out = p;
    return FG_OK;
}

/* An allocation takes a byte at least. */
static uint64_t room(uint64_t bytes)
{
    return bytes > 0 ? bytes : 1;
}

uint64_t fg_resident_bytes(const struct fg_dataset *data, uint64_t n)
{
    uint64_t channels = data->channels * sizeof(float);
    return room(n * fg_dataset_sample_bytes(data)) + room(n * data->label_width * sizeof *data->y) +
           room(data->scale != NULL ? channels : 0) + room(data->shift != NULL ? channels : 0) +
           sizeof(struct fg_device_data);
}

enum fg_status fg_resident_put(struct fg_resident *out, struct fg_device *d, const struct fg_dataset *data,
                               struct fg_err *err)
{
    struct fg_resident r = {.of = data};
    size_t channels = data->channels * sizeof(float), labels = data->n * data->label_width * sizeof *data->y;
    enum fg_status st;
    FG_TRY(fg_device_copy(&r.owned[0], d, data->x, data->n * fg_dataset_sample_bytes(data), err));
    FG_TRY(fg_device_copy(&r.owned[1], d, data->y, labels, err));
    FG_TRY(fg_device_copy(&r.owned[2], d, data->scale, data->scale != NULL ? channels : 0, err));
    FG_TRY(fg_device_copy(&r.owned[3], d, data->shift, data->shift != NULL ? channels : 0, err));
    struct fg_device_data view = {.x = r.owned[0],
                                  .y = r.owned[1],
                                  .scale = r.owned[2],
                                  .shift = r.owned[3],
                                  .width = (uint32_t)data->width,
                                  .label_width = data->label_width,
                                  .channels = data->channels,
                                  .bytes = data->dtype == FG_U8,
                                  .raw = data->kind == FG_DATA_TOKENS};
    FG_TRY(fg_device_copy(&r.owned[4], d, &view, sizeof view, err));
    r.view = r.owned[4];
    *out = r;
    return FG_OK;
cleanup:
    fg_resident_drop(&r, d);
    return st;
}

void fg_resident_drop(struct fg_resident *r, struct fg_device *d)
{
    for (int i = 0; i < 5; i++) {
        d->ops->free(d, r->owned[i]);
    }
    *r = (struct fg_resident){0};
}
