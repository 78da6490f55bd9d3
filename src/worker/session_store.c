/* What a worker keeps: versions of the parameters, and shards by the hash of their bytes. */
#include <string.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/wire/down.h"
#include "src/worker/session_internal.h"

static struct version *find_version(const struct fg_session *s, uint64_t number)
{
    for (size_t i = 0; i < s->n_versions; i++) {
        if (s->versions[i].number == number) {
            return &s->versions[i];
        }
    }
    return NULL;
}

const float *session_version(const struct fg_session *s, uint64_t number)
{
    const struct version *v = find_version(s, number);
    return v != NULL ? v->params : NULL;
}

enum fg_status session_version_keep(struct fg_session *s, const struct fg_msg *model)
{
    if (find_version(s, model->u.model.version) != NULL) {
        return FG_OK; /* a version never changes */
    }
    enum fg_status st = FG_GROW(s->versions, s->n_versions, s->cap_versions);
    if (st != FG_OK) {
        return st;
    }
    float *params = fg_calloc_aligned((size_t)s->params, sizeof *params);
    if (params == NULL) {
        return FG_E_NOMEM;
    }
    fg_msg_model_values(params, model);
    uint64_t number = fg_version_number(model->u.model.version);
    s->floor = number < s->floor ? number : s->floor; /* an old one is asked for again */
    s->versions[s->n_versions++] = (struct version){model->u.model.version, params};
    return FG_OK;
}

/* All steps of the message from `x` (P) on; scratch (P). */
static enum fg_status take_steps(struct fg_session *s, const struct fg_msg *m, float *x, float *scratch)
{
    const struct fg_codec *codec = fg_codec_by_id(m->u.steps.codec);
    struct fg_view rest = m->u.steps.raw;
    enum fg_status st = codec != NULL ? FG_OK : FG_E_CORRUPT;
    s->ws.opts = *s->coding;
    for (uint64_t v = m->u.steps.from + 1; v <= m->u.steps.version && st == FG_OK; v++) {
        struct fg_view step = fg_msg_step_next(&rest);
        st = fg_down_apply(&s->ws, codec, v, x, scratch, (size_t)s->params, step.data, step.len);
    }
    bool same = st == FG_OK && fg_down_hash(x, (size_t)s->params) == m->u.steps.hash;
    return st == FG_OK && !same ? FG_E_CORRUPT : st;
}

enum fg_status session_version_reach(struct fg_session *s, const struct fg_msg *m)
{
    const float *from = session_version(s, m->u.steps.from);
    if (find_version(s, m->u.steps.version) != NULL) {
        return FG_OK;
    }
    if (from == NULL) {
        return FG_OK;
    }
    enum fg_status st = FG_GROW(s->versions, s->n_versions, s->cap_versions);
    float *x = st == FG_OK ? fg_calloc_aligned((size_t)s->params, sizeof *x) : NULL;
    float *scratch = x != NULL ? fg_calloc_aligned((size_t)s->params, sizeof *x) : NULL;
    st = st == FG_OK && scratch == NULL ? FG_E_NOMEM : st;
    if (st == FG_OK) {
        memcpy(x, from, (size_t)s->params * sizeof *x);
        st = take_steps(s, m, x, scratch);
    }
    fg_free(scratch);
    if (st == FG_OK) {
        s->versions[s->n_versions++] = (struct version){m->u.steps.version, x};
        s->floor = m->u.steps.version < s->floor ? m->u.steps.version : s->floor;
        return FG_OK;
    }
    fg_free(x);
    return st == FG_E_CORRUPT ? FG_OK : st; /* its tasks will say that the version is not here */
}

static bool version_needed(const struct fg_session *s, uint64_t number)
{
    for (size_t i = 0; i < s->n_jobs; i++) {
        if (s->jobs[i].given.task.version == number) {
            return true;
        }
    }
    return fg_version_number(number) >= s->floor;
}

void session_versions_drop(struct fg_session *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n_versions; i++) {
        if (version_needed(s, s->versions[i].number)) {
            s->versions[kept++] = s->versions[i];
        } else {
            fg_free(s->versions[i].params);
        }
    }
    s->n_versions = kept;
}

struct shard *session_shard(const struct fg_session *s, const uint8_t *hash)
{
    for (size_t i = 0; i < s->n_shards; i++) {
        if (memcmp(s->shards[i].hash, hash, FG_SHARD_HASH_BYTES) == 0) {
            return &s->shards[i];
        }
    }
    return NULL;
}

enum fg_status session_shard_expect(struct fg_session *s, const uint8_t *hash)
{
    enum fg_status st = FG_GROW(s->shards, s->n_shards, s->cap_shards);
    if (st == FG_OK) {
        struct shard *sh = &s->shards[s->n_shards++];
        *sh = (struct shard){.used = s->steps, .attempts = 1};
        memcpy(sh->hash, hash, FG_SHARD_HASH_BYTES);
    }
    return st;
}

enum fg_status session_shard_put(struct fg_session *s, struct shard *sh, struct fg_view bytes)
{
    uint8_t digest[32];
    enum fg_status st = fg_sha256(digest, bytes.data, bytes.len);
    if (st != FG_OK) {
        return st;
    }
    if (memcmp(digest, sh->hash, sizeof digest) != 0) {
        return FG_E_CORRUPT;
    }
    uint8_t *copy = fg_calloc_aligned(bytes.len, 1);
    if (copy == NULL) {
        return FG_E_NOMEM;
    }
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    sh->bytes = copy;
    sh->len = bytes.len;
    sh->used = s->steps;
    s->stats.shard_bytes += bytes.len;
    return FG_OK;
}

void session_shard_forget(struct fg_session *s, struct shard *sh)
{
    s->stats.shard_bytes -= sh->bytes != NULL ? sh->len : 0;
    fg_free(sh->bytes);
    *sh = s->shards[--s->n_shards];
}

static bool shard_needed(const struct fg_session *s, const struct shard *sh)
{
    for (size_t i = 0; i < s->n_jobs; i++) {
        const struct fg_msg_task *t = &s->jobs[i].given;
        if (t->has_shard && memcmp(t->shard, sh->hash, FG_SHARD_HASH_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

void session_shards_trim(struct fg_session *s)
{
    while (s->stats.shard_bytes > s->cache_bytes) {
        struct shard *oldest = NULL;
        for (size_t i = 0; i < s->n_shards; i++) {
            struct shard *sh = &s->shards[i];
            if (sh->bytes != NULL && (oldest == NULL || sh->used < oldest->used) && !shard_needed(s, sh)) {
                oldest = sh;
            }
        }
        if (oldest == NULL) {
            return; /* all are needed now: the limit waits */
        }
        session_shard_forget(s, oldest);
    }
}

enum fg_status session_state_keep(struct fg_session *s, const struct fg_msg *m)
{
    struct fg_view from = m->u.state.bytes;
    enum fg_status st = FG_GROW(s->states, s->n_states, s->cap_states);
    uint8_t *copy = st == FG_OK ? fg_calloc(from.len > 0 ? from.len : 1, 1) : NULL;
    if (copy == NULL) {
        return FG_E_NOMEM;
    }
    if (from.len > 0) {
        memcpy(copy, from.data, from.len);
    }
    s->states[s->n_states++] = (struct state){.task = m->u.state.task, .bytes = copy, .len = from.len};
    return FG_OK;
}

void session_state_take(struct fg_session *s, uint64_t task, struct state *out)
{
    for (size_t i = 0; i < s->n_states; i++) {
        if (s->states[i].task == task) {
            *out = s->states[i];
            s->states[i] = s->states[--s->n_states];
            return;
        }
    }
}

void session_states_drop(struct fg_session *s)
{
    while (s->n_states > 0) {
        fg_free(s->states[--s->n_states].bytes);
    }
}

bool session_job_can_run(const struct fg_session *s, const struct job *j)
{
    const struct shard *sh = j->given.has_shard ? session_shard(s, j->given.shard) : NULL;
    return find_version(s, j->given.task.version) != NULL &&
           (!j->given.has_shard || (sh != NULL && sh->bytes != NULL));
}

void session_stores_fini(struct fg_session *s)
{
    for (size_t i = 0; i < s->n_versions; i++) {
        fg_free(s->versions[i].params);
    }
    for (size_t i = 0; i < s->n_shards; i++) {
        fg_free(s->shards[i].bytes);
    }
    for (size_t i = 0; i < s->n_jobs; i++) {
        fg_free(s->jobs[i].resume.bytes);
    }
    session_states_drop(s);
    fg_codec_ws_fini(&s->ws);
    fg_free(s->versions);
    fg_free(s->shards);
    fg_free(s->states);
}

const char *fg_session_check(const struct fg_session *s)
{
    size_t bytes = 0, spare = 0, running = 0;
    for (size_t i = 0; i < s->n_shards; i++) {
        const struct shard *sh = &s->shards[i];
        bytes += sh->bytes != NULL ? sh->len : 0;
        spare += sh->bytes != NULL && !shard_needed(s, sh) ? sh->len : 0;
    }
    if (bytes != s->stats.shard_bytes) {
        return "the count of cached bytes is wrong";
    }
    if (s->phase == PHASE_WORKING && spare > s->cache_bytes) {
        return "shards that no task needs exceed the cache";
    }
    for (size_t i = 0; i < s->n_versions; i++) {
        if (!version_needed(s, s->versions[i].number)) {
            return "a version is kept that nothing needs";
        }
    }
    for (size_t i = 0; i < s->n_jobs; i++) {
        running += s->jobs[i].running;
        if (s->jobs[i].running && !session_job_can_run(s, &s->jobs[i])) {
            return "a task runs without its parameters or its shard";
        }
        for (size_t k = 0; k < i; k++) {
            if (s->jobs[k].given.task.id == s->jobs[i].given.task.id) {
                return "a task is there twice";
            }
        }
    }
    return running == s->n_cohort ? NULL : "the running tasks are not the cohort";
}
