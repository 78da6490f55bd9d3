/* The worker core over thousands of random conversations: frames duplicated, late, damaged, of other runs,
 * tasks before their data, shards damaged. A naive twin knows what must be answered; the core's own
 * invariants are checked after every event. FG_TEST_SEED and FG_TEST_ITERS choose others. */
#include "tests/lib/test.h"

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/worker/session.h"

enum { P = 5, SHARDS = 6, MAX_TASKS = 400, MAX_FRAMES = 2000, RUN_ID = 77, CACHE = 150 };

struct frame {
    uint8_t *bytes;
    size_t len;
};

struct twin {
    struct fg_rng rng;
    struct fg_session *s;
    struct fg_session_actions acts;
    struct frame out[MAX_FRAMES]; /* sent by the pretended aggregator, kept to be duplicated and delayed */
    size_t n_out;
    uint64_t seq, seen;
    bool has_version[MAX_TASKS]; /* the worker was given this version, in order, and may still use it */
    uint64_t newest, floor;
    int pending[MAX_TASKS]; /* by task id: given, in order, and not answered */
    uint64_t found;
    bool keeps; /* shards are looked for and kept on this machine */
    uint32_t looked[SHARDS], n_looked;
    bool wants[SHARDS]; /* asked for and not sent */
    struct fg_msg_task task[MAX_TASKS];
    uint64_t tasks;
    const struct fg_session_job *jobs; /* running */
    size_t n_jobs;
    bool configuring, configured, halted, quit;
    unsigned answered, refused, hellos, handed, byes;
};

static uint32_t below(struct twin *t, uint32_t n)
{
    return fg_rng_below(&t->rng, n);
}

/* Shard k: k + 40 bytes of value k. */
static void shard_bytes(uint8_t *bytes, size_t *len, unsigned k)
{
    *len = k + 40;
    memset(bytes, (int)k, *len);
}

static void shard_hash(uint8_t hash[32], unsigned k)
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
        shard_hash(h, k);
        if (memcmp(h, hash, 32) == 0) {
            return k;
        }
    }
    fail_msg("a shard was asked for that no task named");
    return 0;
}

static void step(struct twin *t, const struct fg_session_event *ev);

static void on_run(struct twin *t, const struct fg_session_action *a)
{
    assert_true(t->configured);
    assert_int_equal(t->n_jobs, 0);
    assert_in_range(a->n, 1, 3);
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

static void step(struct twin *t, const struct fg_session_event *ev)
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
        uint32_t k = t->looked[--t->n_looked], fate = below(t, 3);
        uint8_t bytes[64], hash[FG_SHARD_HASH_BYTES];
        size_t len;
        shard_hash(hash, k);
        shard_bytes(bytes, &len, k);
        bytes[0] ^= fate == 1;
        step(t, &(struct fg_session_event){
                    .kind = FG_SESSION_STORED, .hash = hash, .frame = fate == 0 ? NULL : bytes, .len = len});
        t->found += fate == 2;
    }
}

/* Deliver a frame as the link may: mirrors, on its own, what a receiver must take. */
static void deliver(struct twin *t, const uint8_t *bytes, size_t len)
{
    struct fg_frame f;
    struct fg_msg m;
    if (fg_frame_decode(&f, bytes, len) == FG_OK && fg_msg_decode(&m, &f) == FG_OK && f.run_id == RUN_ID &&
        f.seq > t->seen) {
        t->seen = f.seq;
        for (size_t i = 0; m.type == FG_MSG_TASKS && t->configuring && i < m.u.tasks.n; i++) {
            struct fg_msg_task given;
            fg_msg_task_at(&given, &m, i);
            t->pending[given.task.id] = 1;
        }
    }
    step(t, &(struct fg_session_event){.kind = FG_SESSION_FRAME, .frame = bytes, .len = len});
}

static struct frame *make(struct twin *t, const struct fg_msg *m, uint64_t run_id)
{
    assert_true(t->n_out < MAX_FRAMES);
    struct frame *f = &t->out[t->n_out++];
    assert_int_equal(fg_msg_encode(&f->bytes, &f->len, m, run_id, ++t->seq), FG_OK);
    return f;
}

static void send_model(struct twin *t, bool lose)
{
    float values[P];
    struct fg_msg m = {.type = FG_MSG_MODEL};
    t->newest += 1 + below(t, 2);
    for (int k = 0; k < P; k++) {
        values[k] = (float)(t->newest * 10 + (uint64_t)k);
    }
    m.u.model.version = t->newest;
    m.u.model.params = P;
    m.u.model.values = values;
    struct frame *f = make(t, &m, RUN_ID);
    if (!lose) {
        deliver(t, f->bytes, f->len);
    }
}

static void send_tasks(struct twin *t)
{
    struct fg_msg m = {.type = FG_MSG_TASKS};
    uint32_t n = 1 + below(t, 4);
    uint64_t first = t->tasks;
    if (t->tasks + n >= MAX_TASKS || t->newest == 0) {
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct fg_msg_task *task = &t->task[t->tasks];
        bool old = t->newest > t->floor + 1 && below(t, 4) == 0;
        *task = (struct fg_msg_task){.task = {.id = t->tasks,
                                              .version = old ? t->newest - 1 : t->newest,
                                              .kind = below(t, 30) == 0 ? 9 : 1 + below(t, 2),
                                              .client = below(t, 50)},
                                     .has_shard = below(t, 2) == 0};
        if (task->has_shard) {
            shard_hash(task->shard, below(t, SHARDS));
        }
        t->tasks++;
    }
    if (below(t, 3) == 0 && t->newest > 1) {
        t->floor = t->newest - 1;
    }
    m.u.tasks.floor = t->floor;
    m.u.tasks.n = n;
    m.u.tasks.list = &t->task[first];
    struct frame *f = make(t, &m, RUN_ID);
    uint32_t fate = below(t, 10);
    if (fate != 0) { /* else late: a duplicate may bring it */
        deliver(t, f->bytes, f->len);
    }
}

static void send_shard(struct twin *t, bool honest)
{
    uint32_t k = below(t, SHARDS);
    uint8_t bytes[64];
    struct fg_msg m = {.type = FG_MSG_SHARD};
    shard_hash(m.u.shard.hash, k);
    shard_bytes(bytes, &m.u.shard.bytes.len, k);
    bytes[0] ^= !honest;
    m.u.shard.bytes.data = bytes;
    struct frame *f = make(t, &m, RUN_ID);
    t->wants[k] = false; /* a damaged one makes the worker ask again, a lost one is answered at the end */
    deliver(t, f->bytes, f->len);
}

/* A notice while a cohort runs: the finished of it are answered, the others handed back or, not begun, left out. */
static void finish_halted(struct twin *t)
{
    struct fg_session_answer answers[3];
    size_t n = t->n_jobs;
    for (size_t i = 0; i < n; i++) {
        uint32_t fate = below(t, 3);
        answers[i] = (struct fg_session_answer){.id = t->jobs[i].task.id};
        answers[i].st = fate == 0 ? FG_OK : FG_E_INTERRUPTED;
        answers[i].state = fate == 1 ? (const uint8_t *)"state" : NULL;
        answers[i].state_len = fate == 1 ? 5 : 0;
    }
    t->n_jobs = 0;
    step(t, &(struct fg_session_event){.kind = FG_SESSION_DONE, .answers = answers, .n = n});
    assert_true(t->quit);
    assert_int_equal(t->byes, 1);
}

static void finish_cohort(struct twin *t)
{
    struct fg_session_answer answers[3];
    size_t n = t->n_jobs;
    for (size_t i = 0; i < n; i++) {
        answers[i] = (struct fg_session_answer){.id = t->jobs[n - 1 - i].task.id};
        answers[i].st = below(t, 20) == 0 ? FG_E_NONFINITE : FG_OK;
        answers[i].bytes = (const uint8_t *)"delta";
        answers[i].len = 5;
    }
    t->n_jobs = 0;
    step(t, &(struct fg_session_event){.kind = FG_SESSION_DONE, .answers = answers, .n = n});
}

static void configure(struct twin *t)
{
    t->configured = true;
    step(t, &(struct fg_session_event){.kind = FG_SESSION_READY,
                                       .params = P,
                                       .cohort = 3,
                                       .cache_bytes = CACHE,
                                       .keeps_shards = t->keeps});
}

/* A frame again, damaged, cut, or of another run. */
static void mischief(struct twin *t)
{
    const struct frame *old = &t->out[below(t, (uint32_t)t->n_out)];
    uint32_t fate = below(t, 4);
    if (fate < 2) {
        deliver(t, old->bytes, old->len);
    } else if (fate == 2) {
        uint8_t *copy = fg_calloc(old->len, 1);
        memcpy(copy, old->bytes, old->len);
        copy[below(t, (uint32_t)old->len)] ^= (uint8_t)(1u << below(t, 8));
        deliver(t, copy, below(t, 3) == 0 ? below(t, (uint32_t)old->len) : old->len);
        fg_free(copy);
    } else {
        struct fg_msg m = {.type = FG_MSG_STOP};
        struct frame *f = make(t, &m, RUN_ID + 1);
        t->seq--; /* another run's frame does not count in ours */
        deliver(t, f->bytes, f->len);
    }
}

static void random_event(struct twin *t)
{
    uint32_t what = below(t, 100);
    if (what < 12) {
        send_model(t, below(t, 8) == 0);
    } else if (what < 40) {
        send_tasks(t);
    } else if (what < 55) {
        send_shard(t, below(t, 4) != 0);
    } else if (what < 75 && t->n_jobs > 0) {
        finish_cohort(t);
    } else if (what < 80 && t->configuring && !t->configured) {
        configure(t);
    } else if (what < 85) {
        struct fg_msg m = {.type = FG_MSG_PING};
        struct frame *f = make(t, &m, RUN_ID);
        deliver(t, f->bytes, f->len);
    } else if (t->n_out > 0) {
        mischief(t);
    }
}

static unsigned pending_count(const struct twin *t)
{
    unsigned n = 0;
    for (size_t i = 0; i < MAX_TASKS; i++) {
        n += t->pending[i] == 1;
    }
    return n;
}

/* Give everything that is still asked for: then all must be answered. */
static void settle(struct twin *t)
{
    if (!t->configured) {
        configure(t);
    }
    for (int i = 0; i < 100 && pending_count(t) > 0; i++) {
        for (uint32_t k = 0; k < SHARDS; k++) {
            uint8_t bytes[64];
            struct fg_msg m = {.type = FG_MSG_SHARD};
            shard_hash(m.u.shard.hash, k);
            shard_bytes(bytes, &m.u.shard.bytes.len, k);
            m.u.shard.bytes.data = bytes;
            struct frame *f = make(t, &m, RUN_ID);
            deliver(t, f->bytes, f->len);
        }
        while (t->n_jobs > 0) {
            finish_cohort(t);
        }
    }
    assert_int_equal(pending_count(t), 0);
}

static struct twin *begin(uint64_t seed)
{
    struct twin *t = fg_calloc(1, sizeof *t);
    struct fg_session_self self = {.version = "1", .host = "h", .isa = "reference", .pid = 1, .threads = 3};
    assert_non_null(t);
    fg_rng_init(&t->rng, seed, FG_RNG_TEST, 0, 0);
    assert_int_equal(fg_session_create(&t->s, &self), FG_OK);
    t->tasks = 1; /* ids begin with 1 */
    struct fg_msg m = {.type = FG_MSG_PING};
    struct frame *f = make(t, &m, RUN_ID);
    deliver(t, f->bytes, f->len);
    assert_int_equal(t->hellos, 1);
    m = (struct fg_msg){.type = FG_MSG_WELCOME};
    m.u.welcome.params = P;
    m.u.welcome.config = fg_view_str("[run]\n");
    f = make(t, &m, RUN_ID);
    deliver(t, f->bytes, f->len);
    assert_true(t->configuring);
    return t;
}

static void end(struct twin *t)
{
    for (size_t i = 0; i < t->n_out; i++) {
        fg_free(t->out[i].bytes);
    }
    fg_session_actions_fini(&t->acts);
    fg_session_destroy(t->s);
    fg_free(t);
}

static void random_conversations_keep_every_promise(void **state)
{
    (void)state;
    uint64_t seed = fg_test_number("FG_TEST_SEED", 1), iters = fg_test_iters(3000);
    unsigned answered = 0, refused = 0;
    uint64_t found = 0;
    for (uint64_t i = 0; i < iters; i++) {
        struct twin *t = begin(seed + i);
        if (i == 0) {
            print_message("seed %llu\n", (unsigned long long)seed);
        }
        t->keeps = i % 2 == 1;
        for (int n = 0; n < 150; n++) {
            random_event(t);
        }
        settle(t);
        assert_int_equal(fg_session_stats(t->s).shards_stored, t->found);
        found += t->found;
        answered += t->answered;
        refused += t->refused;
        /* once nothing is asked of old versions, only the newest stays */
        struct fg_msg m = {.type = FG_MSG_TASKS};
        m.u.tasks.floor = t->newest;
        struct frame *f = make(t, &m, RUN_ID);
        deliver(t, f->bytes, f->len);
        assert_true(fg_session_stats(t->s).versions <= 1);
        assert_true(fg_session_stats(t->s).shard_bytes <= CACHE);
        end(t);
    }
    assert_true(answered > 20 * iters && refused > iters &&
                found > iters / 4); /* the test did what it says */
}

static void ending_is_final(void **state)
{
    (void)state;
    static const enum fg_session_event_kind kinds[] = {FG_SESSION_LEAVE, FG_SESSION_LOST};
    unsigned halted = 0, handed = 0;
    for (uint64_t i = 0; i < 300; i++) {
        struct twin *t = begin(i);
        for (uint32_t n = below(t, 60); n > 0; n--) {
            random_event(t);
        }
        if (below(t, 3) == 0) {
            struct fg_msg m = {.type = FG_MSG_STOP};
            struct frame *f = make(t, &m, RUN_ID);
            deliver(t, f->bytes, f->len);
        } else {
            step(t, &(struct fg_session_event){.kind = kinds[below(t, 2)]});
        }
        halted += t->halted;
        for (uint32_t n = t->halted ? below(t, 10) : 0; n > 0; n--) { /* nothing is begun any more */
            size_t running = t->n_jobs;
            mischief(t);
            assert_int_equal(t->n_jobs, running);
        }
        if (t->halted && !t->quit && below(t, 3) == 0) { /* the grace is over */
            step(t, &(struct fg_session_event){.kind = FG_SESSION_LEAVE});
            assert_int_equal(t->byes, 1);
        } else if (t->halted && !t->quit) {
            finish_halted(t);
        }
        handed += t->handed;
        assert_true(t->quit);
        for (int n = 0; n < 30; n++) { /* step() fails on any action after QUIT */
            if (t->configured) {
                random_event(t);
            } else {
                mischief(t);
            }
        }
        end(t);
    }
    assert_true(halted > 20 && handed > 10);
}

/* A state goes with the task that it was sent for, once; one that no task takes is forgotten. */
static void a_state_comes_with_its_task(void **state)
{
    (void)state;
    struct twin *t = begin(8);
    configure(t);
    send_model(t, false);
    for (uint64_t id = 1; id <= 2; id++) {
        struct fg_msg m = {.type = FG_MSG_STATE};
        m.u.state.task = id == 1 ? 1 : 9;
        m.u.state.bytes = fg_view_str("stood here");
        struct frame *f = make(t, &m, RUN_ID);
        deliver(t, f->bytes, f->len);
        m = (struct fg_msg){.type = FG_MSG_TASKS};
        t->task[id] = (struct fg_msg_task){.task = {.id = id, .version = t->newest, .kind = FG_TASK_TRAIN}};
        t->tasks = id + 1;
        m.u.tasks.n = 1;
        m.u.tasks.list = &t->task[id];
        f = make(t, &m, RUN_ID);
        deliver(t, f->bytes, f->len);
        assert_int_equal(t->n_jobs, 1);
        assert_int_equal(t->jobs[0].resume.len, id == 1 ? 10 : 0);
        assert_true(id != 1 || memcmp(t->jobs[0].resume.data, "stood here", 10) == 0);
        finish_cohort(t);
    }
    end(t);
}

static void unusable_configuration_is_refused_and_ends(void **state)
{
    (void)state;
    struct twin *t = begin(5);
    step(t, &(struct fg_session_event){.kind = FG_SESSION_READY, .st = FG_E_MISSING, .text = "no data here"});
    assert_int_equal(t->refused, 1);
    assert_true(t->quit);
    end(t);
    t = begin(6);
    step(t, &(struct fg_session_event){.kind = FG_SESSION_READY, .params = P + 1, .cohort = 1});
    assert_int_equal(t->refused, 1);
    assert_true(t->quit);
    end(t);
}

static void a_shard_that_stays_damaged_is_given_up(void **state)
{
    (void)state;
    struct twin *t = begin(7);
    configure(t);
    send_model(t, false);
    struct fg_msg m = {.type = FG_MSG_TASKS};
    t->task[1] = (struct fg_msg_task){.task = {.id = 1, .version = t->newest, .kind = FG_TASK_TRAIN},
                                      .has_shard = true};
    shard_hash(t->task[1].shard, 2);
    t->tasks = 2;
    m.u.tasks.n = 1;
    m.u.tasks.list = &t->task[1];
    struct frame *f = make(t, &m, RUN_ID);
    deliver(t, f->bytes, f->len);
    for (int i = 0; i < 3; i++) {
        assert_true(t->wants[2]);
        t->wants[2] = false;
        struct fg_msg shard = {.type = FG_MSG_SHARD};
        shard_hash(shard.u.shard.hash, 2);
        shard.u.shard.bytes = fg_view_str("not these bytes");
        f = make(t, &shard, RUN_ID);
        deliver(t, f->bytes, f->len);
    }
    assert_false(t->wants[2]);
    assert_int_equal(t->refused, 1);
    assert_int_equal(pending_count(t), 0);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_conversations_keep_every_promise),
        cmocka_unit_test(ending_is_final),
        cmocka_unit_test(a_state_comes_with_its_task),
        cmocka_unit_test(unusable_configuration_is_refused_and_ends),
        cmocka_unit_test(a_shard_that_stays_damaged_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
