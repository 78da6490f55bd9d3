#include "tests/lib/test.h"

#include "tests/lib/twin.h"

#include "src/base/hash.h"
#include "src/base/mem.h"

uint32_t twin_below(struct twin *t, uint32_t n)
{
    return fg_rng_below(&t->rng, n);
}

/* Shard k: k + 40 bytes of value k. */
static void shard_bytes(uint8_t *bytes, size_t *len, unsigned k)
{
    *len = k + 40;
    memset(bytes, (int)k, *len);
}

void twin_shard_hash(uint8_t hash[32], unsigned k)
{
    uint8_t bytes[64];
    size_t len;
    shard_bytes(bytes, &len, k);
    assert_int_equal(fg_sha256(hash, bytes, len), FG_OK);
}

static unsigned shard_number(const uint8_t *hash)
{
    for (unsigned k = 0; k < SHARDS; k++) {
        uint8_t h[32];
        twin_shard_hash(h, k);
        if (memcmp(h, hash, 32) == 0) {
            return k;
        }
    }
    fail_msg("a shard was asked for that no task named");
    return 0;
}

static void on_run(struct twin *t, const struct fg_session_action *a)
{
    assert_true(t->configured);
    assert_int_equal(t->n_jobs, 0);
    assert_in_range(a->n, 1, t->at_most > 0 ? t->at_most : COHORT);
    for (size_t i = 0; i < a->n; i++) {
        const struct fg_session_job *j = &a->jobs[i];
        const struct fg_msg_task *given = &t->task[j->task.id];
        assert_true(j->task.id < t->tasks && t->pending[j->task.id] == 1);
        assert_int_equal(j->task.version, given->task.version);
        for (int k = 0; k < P; k++) {
            assert_true(j->params[k] == (float)(j->task.version * 10 + (uint64_t)k));
        }
        if (given->has_shard) {
            uint8_t want[64];
            size_t len;
            shard_bytes(want, &len, shard_number(given->shard));
            assert_int_equal(j->shard.len, len);
            assert_memory_equal(j->shard.data, want, len);
        } else {
            assert_null(j->shard.data);
        }
    }
    t->jobs = a->jobs;
    t->n_jobs = a->n;
}

static void on_send(struct twin *t, const struct fg_session_action *a)
{
    struct fg_frame f;
    struct fg_msg m;
    assert_int_equal(fg_frame_decode(&f, a->frame, a->len), FG_OK);
    assert_int_equal(fg_msg_decode(&m, &f), FG_OK);
    uint64_t id = 0;
    if (m.type == FG_MSG_SHARD_REQ) {
        t->wants[shard_number(m.u.shard.hash)] = true;
    } else if (m.type == FG_MSG_HELLO) {
        t->hellos++;
    } else if (m.type == FG_MSG_BYE) {
        t->byes++;
    } else if (m.type == FG_MSG_STATE) {
        id = m.u.state.task;
        assert_int_equal(m.u.state.bytes.len, 5);
        assert_memory_equal(m.u.state.bytes.data, "state", 5);
        t->handed++;
    } else if (m.type == FG_MSG_RESULT) {
        id = m.u.result.result.id;
        t->answered++;
    } else if (m.type == FG_MSG_REFUSED) {
        id = m.u.refused.task;
        t->refused++;
    }
    if (id != 0) {
        assert_true(id < t->tasks);
        assert_int_equal(t->pending[id], 1); /* answered at most once, and only what was given */
        t->pending[id] = 0;
    }
}

static void answer_lookups(struct twin *t);

void twin_step(struct twin *t, const struct fg_session_event *ev)
{
    assert_int_equal(fg_session_step(t->s, ev, &t->acts), FG_OK);
    const char *broken = fg_session_check(t->s);
    if (broken != NULL) {
        fail_msg("%s", broken);
    }
    for (size_t i = 0; i < t->acts.n; i++) {
        const struct fg_session_action *a = &t->acts.a[i];
        assert_false(t->quit);
        if (a->kind == FG_SESSION_SEND) {
            on_send(t, a);
        } else if (a->kind == FG_SESSION_RUN) {
            on_run(t, a);
        } else if (a->kind == FG_SESSION_CONFIGURE) {
            t->configuring = true;
        } else if (a->kind == FG_SESSION_LOOKUP) {
            assert_true(t->keeps && t->n_looked < SHARDS);
            t->looked[t->n_looked++] = shard_number(a->hash);
        } else if (a->kind == FG_SESSION_KEEP) {
            uint8_t bytes[64];
            size_t len;
            shard_bytes(bytes, &len, shard_number(a->hash));
            assert_true(t->keeps && a->shard.len == len);
            assert_memory_equal(a->shard.data, bytes, len);
        } else if (a->kind == FG_SESSION_HALT) {
            assert_true(t->n_jobs > 0 && !t->halted);
            t->halted = true;
        } else {
            t->quit = true;
        }
    }
    answer_lookups(t);
}

/* What is kept is there, damaged, or not there. */
static void answer_lookups(struct twin *t)
{
    while (t->n_looked > 0) {
        uint32_t k = t->looked[--t->n_looked], fate = twin_below(t, 3);
        uint8_t bytes[64], hash[FG_SHARD_HASH_BYTES];
        size_t len;
        twin_shard_hash(hash, k);
        shard_bytes(bytes, &len, k);
        bytes[0] ^= fate == 1;
        twin_step(
            t, &(struct fg_session_event){
                   .kind = FG_SESSION_STORED, .hash = hash, .frame = fate == 0 ? NULL : bytes, .len = len});
        t->found += fate == 2;
    }
}

/* Deliver a frame as the link may: mirrors, on its own, what a receiver must take. */
void twin_deliver(struct twin *t, const uint8_t *bytes, size_t len)
{
    struct fg_frame f;
    struct fg_msg m;
    if (fg_frame_decode(&f, bytes, len) == FG_OK && fg_msg_decode(&m, &f) == FG_OK && f.run_id == RUN_ID &&
        f.seq > t->seen) {
        t->seen = f.seq;
        t->at_most = m.type == FG_MSG_TASKS && t->configuring ? m.u.tasks.cohort : t->at_most;
        for (size_t i = 0; m.type == FG_MSG_TASKS && t->configuring && i < m.u.tasks.n; i++) {
            struct fg_msg_task given;
            fg_msg_task_at(&given, &m, i);
            t->pending[given.task.id] = 1;
        }
    }
    twin_step(t, &(struct fg_session_event){.kind = FG_SESSION_FRAME, .frame = bytes, .len = len});
}

struct frame *twin_frame(struct twin *t, const struct fg_msg *m, uint64_t run_id)
{
    assert_true(t->n_out < MAX_FRAMES);
    struct frame *f = &t->out[t->n_out++];
    assert_int_equal(fg_msg_encode(&f->bytes, &f->len, m, run_id, ++t->seq), FG_OK);
    return f;
}

void twin_send_model(struct twin *t, bool lose)
{
    float values[P];
    struct fg_msg m = {.type = FG_MSG_MODEL};
    t->newest += 1 + twin_below(t, 2);
    for (int k = 0; k < P; k++) {
        values[k] = (float)(t->newest * 10 + (uint64_t)k);
    }
    m.u.model.version = t->newest;
    m.u.model.params = P;
    m.u.model.values = values;
    struct frame *f = twin_frame(t, &m, RUN_ID);
    if (!lose) {
        twin_deliver(t, f->bytes, f->len);
    }
}

static void send_tasks(struct twin *t)
{
    struct fg_msg m = {.type = FG_MSG_TASKS};
    uint32_t n = 1 + twin_below(t, 4);
    uint64_t first = t->tasks;
    if (t->tasks + n >= MAX_TASKS || t->newest == 0) {
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct fg_msg_task *task = &t->task[t->tasks];
        bool old = t->newest > t->floor + 1 && twin_below(t, 4) == 0;
        *task = (struct fg_msg_task){.task = {.id = t->tasks,
                                              .version = old ? t->newest - 1 : t->newest,
                                              .kind = twin_below(t, 30) == 0 ? 9 : 1 + twin_below(t, 2),
                                              .client = twin_below(t, 50)},
                                     .has_shard = twin_below(t, 2) == 0};
        if (task->has_shard) {
            twin_shard_hash(task->shard, twin_below(t, SHARDS));
        }
        t->tasks++;
    }
    if (twin_below(t, 3) == 0 && t->newest > 1) {
        t->floor = t->newest - 1;
    }
    m.u.tasks.floor = t->floor;
    m.u.tasks.cohort = twin_below(t, COHORT + 1);
    m.u.tasks.n = n;
    m.u.tasks.list = &t->task[first];
    struct frame *f = twin_frame(t, &m, RUN_ID);
    uint32_t fate = twin_below(t, 10);
    if (fate != 0) { /* else late: a duplicate may bring it */
        twin_deliver(t, f->bytes, f->len);
    }
}

static void send_shard(struct twin *t, bool honest)
{
    uint32_t k = twin_below(t, SHARDS);
    uint8_t bytes[64];
    struct fg_msg m = {.type = FG_MSG_SHARD};
    twin_shard_hash(m.u.shard.hash, k);
    shard_bytes(bytes, &m.u.shard.bytes.len, k);
    bytes[0] ^= !honest;
    m.u.shard.bytes.data = bytes;
    struct frame *f = twin_frame(t, &m, RUN_ID);
    t->wants[k] = false; /* a damaged one makes the worker ask again, a lost one is answered at the end */
    twin_deliver(t, f->bytes, f->len);
}

/* A notice while a cohort runs: the finished of it are answered, the others handed back or, not begun,
 * left out. */
void twin_finish_halted(struct twin *t)
{
    struct fg_session_answer answers[3];
    size_t n = t->n_jobs;
    for (size_t i = 0; i < n; i++) {
        uint32_t fate = twin_below(t, 3);
        answers[i] = (struct fg_session_answer){.id = t->jobs[i].task.id};
        answers[i].st = fate == 0 ? FG_OK : FG_E_INTERRUPTED;
        answers[i].state = fate == 1 ? (const uint8_t *)"state" : NULL;
        answers[i].state_len = fate == 1 ? 5 : 0;
    }
    t->n_jobs = 0;
    twin_step(t, &(struct fg_session_event){.kind = FG_SESSION_DONE, .answers = answers, .n = n});
    assert_true(t->quit);
    assert_int_equal(t->byes, 1);
}

void twin_finish_cohort(struct twin *t)
{
    struct fg_session_answer answers[3];
    size_t n = t->n_jobs;
    for (size_t i = 0; i < n; i++) {
        answers[i] = (struct fg_session_answer){.id = t->jobs[n - 1 - i].task.id};
        answers[i].st = twin_below(t, 20) == 0 ? FG_E_NONFINITE : FG_OK;
        answers[i].bytes = (const uint8_t *)"delta";
        answers[i].len = 5;
    }
    t->n_jobs = 0;
    twin_step(t, &(struct fg_session_event){.kind = FG_SESSION_DONE, .answers = answers, .n = n});
}

void twin_configure(struct twin *t)
{
    t->configured = true;
    twin_step(t, &(struct fg_session_event){.kind = FG_SESSION_READY,
                                            .params = P,
                                            .cohort = COHORT,
                                            .cache_bytes = CACHE,
                                            .keeps_shards = t->keeps});
}

/* A frame again, damaged, cut, or of another run. */
void twin_mischief(struct twin *t)
{
    const struct frame *old = &t->out[twin_below(t, (uint32_t)t->n_out)];
    uint32_t fate = twin_below(t, 4);
    if (fate < 2) {
        twin_deliver(t, old->bytes, old->len);
    } else if (fate == 2) {
        uint8_t *copy = fg_calloc(old->len, 1);
        memcpy(copy, old->bytes, old->len);
        copy[twin_below(t, (uint32_t)old->len)] ^= (uint8_t)(1u << twin_below(t, 8));
        twin_deliver(t, copy, twin_below(t, 3) == 0 ? twin_below(t, (uint32_t)old->len) : old->len);
        fg_free(copy);
    } else {
        struct fg_msg m = {.type = FG_MSG_STOP};
        struct frame *f = twin_frame(t, &m, RUN_ID + 1);
        t->seq--; /* another run's frame does not count in ours */
        twin_deliver(t, f->bytes, f->len);
    }
}

void twin_random_event(struct twin *t)
{
    uint32_t what = twin_below(t, 100);
    if (what < 12) {
        twin_send_model(t, twin_below(t, 8) == 0);
    } else if (what < 40) {
        send_tasks(t);
    } else if (what < 55) {
        send_shard(t, twin_below(t, 4) != 0);
    } else if (what < 75 && t->n_jobs > 0) {
        twin_finish_cohort(t);
    } else if (what < 80 && t->configuring && !t->configured) {
        twin_configure(t);
    } else if (what < 85) {
        struct fg_msg m = {.type = FG_MSG_PING};
        struct frame *f = twin_frame(t, &m, RUN_ID);
        twin_deliver(t, f->bytes, f->len);
    } else if (t->n_out > 0) {
        twin_mischief(t);
    }
}

unsigned twin_pending(const struct twin *t)
{
    unsigned n = 0;
    for (size_t i = 0; i < MAX_TASKS; i++) {
        n += t->pending[i] == 1;
    }
    return n;
}

/* Give everything that is still asked for: then all must be answered. */
void twin_settle(struct twin *t)
{
    if (!t->configured) {
        twin_configure(t);
    }
    for (int i = 0; i < 100 && twin_pending(t) > 0; i++) {
        for (uint32_t k = 0; k < SHARDS; k++) {
            uint8_t bytes[64];
            struct fg_msg m = {.type = FG_MSG_SHARD};
            twin_shard_hash(m.u.shard.hash, k);
            shard_bytes(bytes, &m.u.shard.bytes.len, k);
            m.u.shard.bytes.data = bytes;
            struct frame *f = twin_frame(t, &m, RUN_ID);
            twin_deliver(t, f->bytes, f->len);
        }
        while (t->n_jobs > 0) {
            twin_finish_cohort(t);
        }
    }
    assert_int_equal(twin_pending(t), 0);
}

struct twin *twin_begin(uint64_t seed)
{
    struct twin *t = fg_calloc(1, sizeof *t);
    struct fg_session_self self = {.version = "1", .host = "h", .isa = "reference", .pid = 1};
    assert_non_null(t);
    fg_rng_init(&t->rng, seed, FG_RNG_TEST, 0, 0);
    assert_int_equal(fg_session_create(&t->s, &self), FG_OK);
    t->tasks = 1; /* ids begin with 1 */
    struct fg_msg m = {.type = FG_MSG_PING};
    struct frame *f = twin_frame(t, &m, RUN_ID);
    twin_deliver(t, f->bytes, f->len);
    assert_int_equal(t->hellos, 1);
    m = (struct fg_msg){.type = FG_MSG_WELCOME};
    m.u.welcome.params = P;
    m.u.welcome.config = fg_view_str("[run]\n");
    f = twin_frame(t, &m, RUN_ID);
    twin_deliver(t, f->bytes, f->len);
    assert_true(t->configuring);
    return t;
}

void twin_end(struct twin *t)
{
    for (size_t i = 0; i < t->n_out; i++) {
        fg_free(t->out[i].bytes);
    }
    fg_session_actions_fini(&t->acts);
    fg_session_destroy(t->s);
    fg_free(t);
}
