/* Any bytes as a frame, and any bytes as the payload of each message: refused or decoded within bounds. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long touch(const uint8_t *p, size_t n)
{
    unsigned long sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += p[i];
    }
    return sum;
}

static unsigned long visit(const struct fg_msg *m)
{
    unsigned long sum = 0;
    if (m->type == FG_MSG_TASKS) {
        for (size_t i = 0; i < m->u.tasks.n; i++) {
            struct fg_msg_task t;
            fg_msg_task_at(&t, m, i);
            sum += t.task.client;
        }
    } else if (m->type == FG_MSG_MODEL) {
        float *values = fg_calloc((size_t)m->u.model.params, sizeof *values);
        if (values != NULL) {
            fg_msg_model_values(values, m);
        }
        fg_free(values);
    } else if (m->type == FG_MSG_STEPS) {
        struct fg_view rest = m->u.steps.raw;
        while (rest.len > 0) {
            struct fg_view step = fg_msg_step_next(&rest);
            sum += touch(step.data, step.len);
        }
    } else if (m->type == FG_MSG_HELLO) {
        sum =
            touch(m->u.hello.host.data, m->u.hello.host.len) + touch(m->u.hello.isa.data, m->u.hello.isa.len);
    } else if (m->type == FG_MSG_WELCOME) {
        sum = touch(m->u.welcome.config.data, m->u.welcome.config.len);
    } else if (m->type == FG_MSG_SHARD) {
        sum = touch(m->u.shard.bytes.data, m->u.shard.bytes.len);
    } else if (m->type == FG_MSG_RESULT) {
        sum = touch(m->u.result.delta.data, m->u.result.delta.len);
    } else if (m->type == FG_MSG_ADD) {
        for (size_t i = 0; i < m->u.add.n; i++) {
            struct fg_msg_term t;
            fg_msg_term_at(&t, m, i);
            sum += t.id;
        }
    } else if (m->type == FG_MSG_SUM) {
        sum = touch(m->u.sum.bytes.data, m->u.sum.bytes.len);
    } else if (m->type == FG_MSG_STATE) {
        sum = touch(m->u.state.bytes.data, m->u.state.bytes.len);
    } else if (m->type == FG_MSG_REFUSED) {
        sum = touch(m->u.refused.text.data, m->u.refused.text.len);
    }
    return sum;
}

static unsigned long receive(const uint8_t *data, size_t size)
{
    unsigned long sum = 0;
    struct fg_frame f;
    struct fg_msg m;
    struct fg_scanner rest;
    uint64_t checksum;
    struct fg_msg_values v = fg_msg_values(data, size);
    if (fg_frame_decode(&f, data, size) == FG_OK && fg_msg_decode(&m, &f) == FG_OK) {
        sum += visit(&m);
    }
    if (fg_frame_open(&f, &rest, &checksum, data, size, v.at, v.size == sizeof(float)) == FG_OK) {
        sum += fg_scan_all(fg_folders_get("auto"), rest, NULL).hash == checksum;
        sum += fg_msg_decode(&m, &f) == FG_OK ? visit(&m) : 0;
    }
    return sum;
}

/* The same bytes under a header whose checksums are right. */
static unsigned long receive_sealed(const uint8_t *data, size_t size)
{
    uint8_t *copy = NULL, *payload;
    unsigned long sum = 0;
    if (size >= FG_FRAME_HEADER_BYTES &&
        fg_frame_alloc(&copy, &payload, size - FG_FRAME_HEADER_BYTES) == FG_OK) {
        memcpy(copy, data, size);
        struct fg_msg_values v = fg_msg_values(copy, size);
        struct fg_frame f = {.type = data[6], .payload_len = size - FG_FRAME_HEADER_BYTES};
        fg_frame_seal(copy, &f, v.size > 0 ? v.at : 0);
        sum = receive(copy, size);
    }
    fg_free(copy);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static volatile unsigned long sink;
    struct fg_frame f;
    struct fg_msg m;
    sink += receive(data, size) + receive_sealed(data, size);
    if (size > 0) {
        f = (struct fg_frame){.type = data[0], .payload = data + 1, .payload_len = size - 1};
        if (fg_msg_decode(&m, &f) == FG_OK) {
            sink += visit(&m);
        }
    }
    (void)sink;
    return 0;
}
