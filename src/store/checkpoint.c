#include "src/store/checkpoint.h"

#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "src/base/bytes.h"
#include "src/base/hash.h"

static const char magic[9] = "FGCKPT01";
enum { VERSION = 2 };

/* All that comes before the state. */
static enum fg_status put_head(struct fg_str *out, const struct fg_checkpoint *c)
{
    enum fg_status st = FG_OK;
    FG_TRY(fg_str_add(out, magic, 8));
    FG_TRY(fg_put_u32(out, VERSION));
    FG_TRY(fg_put_u32(out, FG_CHECKPOINT_FILES));
    FG_TRY(fg_put_u64(out, c->sequence));
    for (size_t i = 0; i < FG_CHECKPOINT_FILES; i++) {
        FG_TRY(fg_put_u64(out, c->length[i]));
    }
    FG_TRY(fg_put_u64(out, c->memory.generation));
    FG_TRY(fg_put_u64(out, c->memory.length));
    FG_TRY(fg_put_u64(out, c->len));
cleanup:
    return st;
}

/* The checksum of head and state, one after the other. */
static enum fg_status sum_of(uint64_t *sum, const struct fg_str *head, const struct fg_checkpoint *c)
{
    XXH3_state_t *h = XXH3_createState();
    if (h == NULL) {
        return FG_E_NOMEM;
    }
    (void)XXH3_64bits_reset(h);
    (void)XXH3_64bits_update(h, head->data, head->len);
    (void)XXH3_64bits_update(h, c->state, c->len);
    *sum = XXH3_64bits_digest(h);
    XXH3_freeState(h);
    return FG_OK;
}

enum fg_status fg_checkpoint_decode(struct fg_checkpoint *out, const void *bytes, size_t len,
                                    struct fg_err *err)
{
    struct fg_checkpoint c = {0};
    if (len < 24 || memcmp(bytes, magic, 8) != 0) {
        return fg_fail(err, FG_E_CORRUPT, "expected a checkpoint, found no such header");
    }
    struct fg_reader sum = fg_reader_of((const char *)bytes + len - 8, 8);
    if (fg_get_u64(&sum) != fg_xxh64(bytes, len - 8)) {
        return fg_fail(err, FG_E_CORRUPT, "expected a valid checksum, found another");
    }
    struct fg_reader r = fg_reader_of((const char *)bytes + 8, len - 16);
    uint32_t version = fg_get_u32(&r), files = fg_get_u32(&r);
    if (version != VERSION || files != FG_CHECKPOINT_FILES) {
        return fg_fail(err, FG_E_VERSION, "expected checkpoint version %d of %d files, found %u of %u",
                       VERSION, FG_CHECKPOINT_FILES, (unsigned)version, (unsigned)files);
    }
    c.sequence = fg_get_u64(&r);
    for (size_t i = 0; i < FG_CHECKPOINT_FILES; i++) {
        c.length[i] = fg_get_u64(&r);
    }
    c.memory.generation = fg_get_u64(&r);
    c.memory.length = fg_get_u64(&r);
    uint64_t n = fg_get_u64(&r);
    c.state = n <= len ? fg_get_bytes(&r, (size_t)n) : NULL;
    c.len = (size_t)n;
    if (c.state == NULL || !fg_reader_done(&r)) {
        return fg_fail(err, FG_E_CORRUPT, "expected a state of %llu bytes, found another length",
                       (unsigned long long)n);
    }
    *out = c;
    return FG_OK;
}

static enum fg_status file_name(struct fg_str *out, const char *folder, unsigned turn)
{
    return fg_str_addf(out, "%s/checkpoint.%u", folder, turn);
}

enum fg_status fg_checkpoint_write(const char *folder, const struct fg_checkpoint *c, struct fg_err *err)
{
    struct fg_str path = {0}, tmp = {0}, head = {0};
    struct fg_append f = {.path = NULL};
    uint64_t sum = 0;
    enum fg_status st = FG_OK;
    FG_TRY(file_name(&path, folder, c->sequence % 2));
    FG_TRY(fg_str_addf(&tmp, "%s.tmp", path.data));
    FG_TRY(put_head(&head, c));
    FG_TRY(sum_of(&sum, &head, c));
    FG_TRY(fg_append_open(&f, tmp.data, err));
    FG_TRY(fg_append_truncate(&f, 0, err));
    FG_TRY(fg_append_write(&f, head.data, head.len, err));
    FG_TRY(fg_append_write(&f, c->state, c->len, err));
    FG_TRY(fg_append_write(&f, &sum, sizeof sum, err));
    st = fg_file_commit(tmp.data, path.data, err);
cleanup:
    if (f.path != NULL) {
        fg_append_close(&f);
        if (st != FG_OK) {
            (void)unlink(tmp.data);
        }
    }
    fg_str_fini(&head);
    fg_str_fini(&tmp);
    fg_str_fini(&path);
    return st;
}

/* One of the two; FG_E_MISSING when it is not there. */
static enum fg_status load_one(struct fg_checkpoint *out, struct fg_str *bytes, const char *folder,
                               unsigned turn, const struct fg_memory *memory, struct fg_err *err)
{
    struct fg_str path = {0}, text = {0};
    enum fg_status st = FG_OK;
    FG_TRY(file_name(&path, folder, turn));
    FG_TRY(fg_file_read(&text, path.data, SIZE_MAX / 4, err));
    st = fg_checkpoint_decode(out, text.data, text.len, err);
    if (st == FG_OK && memory != NULL) {
        st = fg_memory_fits(memory, out->memory, err);
    }
    if (st != FG_OK) {
        st = fg_fail_prefix(err, st, "%s", path.data);
        goto cleanup;
    }
    *bytes = text;
    text = (struct fg_str){0};
cleanup:
    fg_str_fini(&text);
    fg_str_fini(&path);
    return st;
}

enum fg_status fg_checkpoint_load(struct fg_checkpoint *out, struct fg_str *bytes, const char *folder,
                                  const struct fg_memory *memory, struct fg_err *warning, struct fg_err *err)
{
    struct fg_checkpoint c[2] = {{0}};
    struct fg_str text[2] = {{0}};
    struct fg_err e[2] = {{{0}}};
    enum fg_status st[2];
    for (unsigned i = 0; i < 2; i++) {
        st[i] = load_one(&c[i], &text[i], folder, i, memory, &e[i]);
    }
    unsigned best = st[0] == FG_OK && (st[1] != FG_OK || c[0].sequence > c[1].sequence) ? 0 : 1;
    enum fg_status rc = st[best];
    if (rc != FG_OK) {
        unsigned bad = st[0] == FG_E_MISSING ? 1 : 0; /* the one that is there, if any */
        rc = st[bad] == FG_E_MISSING ? FG_OK : st[bad];
        if (rc != FG_OK && err != NULL) {
            *err = e[bad];
        } else {
            *out = (struct fg_checkpoint){0};
            *bytes = (struct fg_str){0};
        }
    } else {
        if (warning != NULL && st[1 - best] != FG_OK && st[1 - best] != FG_E_MISSING) {
            *warning = e[1 - best];
        }
        *out = c[best];
        *bytes = text[best];
        text[best] = (struct fg_str){0};
    }
    fg_str_fini(&text[0]);
    fg_str_fini(&text[1]);
    return rc;
}
