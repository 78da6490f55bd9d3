/* A deployment in one thread and in virtual time: worker cores at the ends of a network that
 * fails from a seed.
 *
 * The aggregator's side is the code under test (the remote executor and what is above it); it gets `base` as
 * its transport and chaos_now() as its clock. Time passes only while it waits. Workers compute a pretended
 * training whose result is a pure function of the task and the parameters, step by step,
 * so that it can be stopped and continued.
 *
 * What a link does is what the transport promises (whole frames, in order, or the peer is gone), however
 * late, unless `doubled`, `swapped` or `damaged` are set: then it also does what a broken one would.
 */
#ifndef FG_TESTS_LIB_CHAOS_H
#define FG_TESTS_LIB_CHAOS_H

#include "src/base/rng.h"
#include "src/base/str.h"
#include "src/net/transport.h"
#include "src/wire/codec.h"
#include "src/worker/executor.h"
#include "src/worker/kept.h"
#include "src/worker/session.h"

enum { CHAOS_P = 9, CHAOS_SHARDS = 5, CHAOS_SHARD_LEN = 64 };

/* What befalls a worker. */
enum chaos_fault {
    CHAOS_CRASH,     /* it dies; of what it had sent, the end may be lost */
    CHAOS_STOP,      /* it stands still for up to three times the patience (SIGSTOP, SIGCONT) */
    CHAOS_NOTICE,    /* it is told to leave */
    CHAOS_PARTITION, /* nothing passes for up to three times the patience, then all of it */
    CHAOS_FLAP,      /* for a while each frame takes up to the patience and a half */
    CHAOS_FAULTS
};

struct chaos_opts {
    uint64_t seed;
    uint32_t workers; /* at the start */
    uint32_t most;    /* that there can be, those started later included */
    fg_time_t patience_us;
    fg_time_t every_us[CHAOS_FAULTS];   /* mean time between two of a kind; 0: never */
    uint32_t doubled, swapped, damaged; /* of 10000 frames */
    fg_time_t step_us;                  /* one local step of a worker takes */
    uint32_t refused;                   /* of 10000 tasks: the worker says it cannot */
    bool partial;                       /* a worker that is told to stop answers with the steps it has done */
    bool movable;                       /* tasks name their shards */
    bool cannot_configure;
    bool keeps; /* clients keep something: updates go through top-k */
};

struct chaos_worker {
    struct fg_session *session;
    struct fg_session_actions acts;
    struct fg_kept *kept;              /* with o.keeps */
    const struct fg_session_job *jobs; /* that it computes */
    size_t n_jobs;
    fg_time_t ready_at, done_at; /* 0: not configuring, not computing */
    fg_time_t began;             /* to compute */
    bool halted;                 /* was told to stop between two steps */
    fg_time_t stopped_until, cut_until, flaps_until;
    fg_time_t last[2]; /* when the last frame arrives: at it, at the aggregator */
    bool dead, known_dead;
};

struct chaos_packet {
    fg_time_t due;
    uint64_t number; /* order of packets with the same time */
    uint32_t worker;
    bool up; /* to the aggregator */
    enum fg_net_event_kind kind;
    uint8_t *frame;
    size_t len;
};

struct chaos {
    struct fg_transport base;
    struct chaos_opts o;
    struct fg_rng rng;
    fg_time_t now, next_fault[CHAOS_FAULTS];
    struct chaos_worker *worker; /* (most + 1), from 1 */
    uint32_t n;                  /* there so far */
    struct chaos_packet *packet;
    size_t n_packet, cap_packet;
    uint64_t packets;
    struct fg_codec_ws ws;
    const char *(*check)(const void *arg); /* after each event; NULL, or what is wrong */
    const void *check_arg;
    unsigned count[CHAOS_FAULTS], doubled, swapped, damaged, handed_back, continued;
};

struct chaos *chaos_create(const struct chaos_opts *o);
void chaos_destroy(struct chaos *c);
fg_time_t chaos_now(void *chaos);

/* One fault, now, on this worker. */
void chaos_strike(struct chaos *c, enum chaos_fault kind, uint32_t worker);

/* How models go down as differences, one layer; for fg_down_create() with CHAOS_P parameters. */
extern const struct fg_codec_opts chaos_coding;

/* Let time pass as while the aggregator does something else. */
void chaos_pass(struct chaos *c, fg_time_t us);

/* Steps `from` to `to` of a task's training. Shapes: x (CHAOS_P). */
void chaos_steps(float *x, const struct fg_task *t, uint32_t from, uint32_t to);

/* What a task comes to: `delta` (CHAOS_P) for training. */
void chaos_compute(struct fg_result *out, float *delta, const struct fg_task *t, const float *params);

/* What an answer points to. */
struct chaos_bytes {
    uint8_t update[256];
    struct fg_str state;
};

/* What a worker answers after `done` steps; `halted`: it was told to stop; kept: may be NULL. The job's data
 * and the state it goes on from are checked. */
void chaos_answer(struct chaos *c, struct fg_kept *kept, const struct fg_session_job *j, uint32_t done,
                  bool halted, struct fg_session_answer *a, struct chaos_bytes *bytes);

/* For the executor's options, with the struct chaos as argument. */
enum fg_status chaos_shard_of(void *arg, const struct fg_task *task, uint8_t hash[32], struct fg_err *err);
bool chaos_shard_bytes(void *arg, const uint8_t hash[32], struct fg_view *out);

/* An executor without any of this: computes in collect. */
struct fg_executor *chaos_undisturbed(bool keeps);

#endif
