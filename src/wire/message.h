/* Messages: what a frame says. One struct for all of them, encoded to and decoded from a frame's payload.
 *
 *   worker                         aggregator
 *                             <-   PING (the invitation)
 *   HELLO (who I am)          ->
 *                             <-   WELCOME (configuration, worker id, parameters P)
 *   READY (what I can do)     ->
 *                             <-   MODEL (a version of the parameters)
 *                             <-   TASKS (what to compute, from which versions and shards)
 *   SHARD_REQ (hash)          ->
 *                             <-   SHARD (bytes)
 *   RESULT or REFUSED         ->
 *                             <-   ADD (updates that stayed with the worker, to a sum that it keeps)
 *                             <-   SUM_REQ
 *   SUM (bytes)               ->
 *   PONG                      <->  PING
 *                             <-   STEPS (from a version of the parameters to a later one)
 *   STATE, BYE                ->   (the worker leaves; where an unfinished task stands)
 *                             <-   STATE (a task of the next TASKS goes on from there)
 *                             <-   STOP (the run is over)
 *
 * A decoded message is a view: its strings and arrays point into the frame's bytes. Decoding takes any bytes.
 * Layer 2; the bytes are specified in doc/wire-format.md.
 *
 * Thread safety: pure functions on the caller's memory.
 */
#ifndef FG_WIRE_MESSAGE_H
#define FG_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"
#include "src/plan/plan.h"
#include "src/wire/frame.h"

enum fg_msg_type {
    FG_MSG_HELLO = 1,
    FG_MSG_WELCOME = 2,
    FG_MSG_MODEL = 3,
    FG_MSG_TASKS = 4,
    FG_MSG_SHARD_REQ = 5,
    FG_MSG_SHARD = 6,
    FG_MSG_RESULT = 7,
    FG_MSG_REFUSED = 8,
    FG_MSG_STOP = 9,
    FG_MSG_PING = 10,
    FG_MSG_PONG = 11,
    FG_MSG_BYE = 12,
    FG_MSG_STATE = 13,
    FG_MSG_STEPS = 14,
    FG_MSG_ADD = 15,
    FG_MSG_SUM_REQ = 16,
    FG_MSG_SUM = 17,
    FG_MSG_READY = 18
};

/* Why a worker does not carry out a task (or, with task id 0, cannot work at all). */
enum fg_refusal {
    FG_REFUSED_CONFIG = 1,  /* the configuration or its data cannot be used here; the worker leaves */
    FG_REFUSED_VERSION = 2, /* the parameters of that version are not here */
    FG_REFUSED_SHARD = 3,   /* the shard came damaged, again and again */
    FG_REFUSED_TASK = 4,    /* the computation failed */
    FG_REFUSED_LOST = 5     /* what this worker computes with is lost: it leaves, its tasks go to others */
};

enum fg_stop_reason { FG_STOP_DONE = 1, FG_STOP_INTERRUPTED = 2, FG_STOP_FAILED = 3 };

/* In the place of a codec: of a RESULT whose bytes are no update, and of one whose update stays with the
 * worker (its bytes are a float: the largest |x| of its values, NAN if one is not finite). */
enum { FG_MSG_NO_CODEC = 0, FG_MSG_STAYS = 0x7fffffff };
enum {
    FG_MSG_TERM_BYTES = 16,
    FG_SHARD_HASH_BYTES = 32,
    FG_MSG_TASK_BYTES = 92,
    FG_MSG_TEXT_MAX = 65536,
    FG_MSG_INPUT = 5
};

/* Bytes that belong to someone else; text is not NUL-terminated. */
struct fg_view {
    const uint8_t *data;
    size_t len;
};

struct fg_msg_task {
    struct fg_task task;
    bool has_shard; /* else the worker finds the client's data itself */
    uint8_t shard[FG_SHARD_HASH_BYTES];
};

/* An update that stayed with its worker, and what it counts. */
struct fg_msg_term {
    uint64_t id; /* of its task */
    double weight;
};

struct fg_msg {
    enum fg_msg_type type;
    union {
        struct {
            struct fg_view version; /* of the program */
            struct fg_view host;
            struct fg_view isa; /* kernels it runs, for the log */
            uint32_t pid;
        } hello;
        struct {
            uint32_t worker;              /* its number in this run */
            uint64_t params;              /* P */
            bool sums;                    /* updates stay with the worker, which adds them up */
            uint32_t input[FG_MSG_INPUT]; /* what a sample is: kind, shape[3], classes */
            struct fg_view config;
        } welcome;
        struct {
            uint32_t cohort; /* tasks worth giving it to compute together, at least 1 */
            bool cores;      /* each of them takes a core of its machine */
        } ready;
        struct {
            uint64_t version;
            uint64_t params;     /* P */
            const float *values; /* (P) when encoding */
            const uint8_t *raw;  /* (4 P) little-endian, after decoding */
        } model;
        struct {
            uint64_t version, from; /* each step leads one version on */
            uint64_t params;        /* P */
            uint64_t hash;          /* of the parameters at the end, fg_down_hash() */
            uint32_t codec;
            const struct fg_view *list; /* (version - from) when encoding */
            struct fg_view raw;         /* after decoding: (version - from) blobs, fg_msg_step_next() */
        } steps;
        struct {
            uint64_t floor;  /* versions below are not asked for again: drop them */
            uint32_t cohort; /* compute no more tasks together from now on; 0: as READY said */
            uint32_t n;
            const struct fg_msg_task *list; /* (n) when encoding */
            const uint8_t *raw;             /* (n, FG_MSG_TASK_BYTES) after decoding */
        } tasks;
        struct {
            uint8_t hash[FG_SHARD_HASH_BYTES];
            struct fg_view bytes; /* SHARD only */
        } shard;
        struct {
            struct fg_result result; /* delta is not used here */
            uint32_t codec;  /* id of the codec of `delta`, or FG_MSG_NO_CODEC: scores (doc/wire-format.md),
                              * or FG_MSG_STAYS */
            uint64_t params; /* P, or 0: no delta */
            struct fg_view delta; /* encoded */
            float largest; /* of the delta where it is floats (fg_msg_values()); the receiver sets it */
        } result;
        struct {
            uint64_t sum; /* its number: a new one begins with nothing */
            uint32_t n;
            const struct fg_msg_term *list; /* (n) when encoding */
            const uint8_t *raw;             /* (n, FG_MSG_TERM_BYTES) after decoding */
        } add;
        struct {
            uint64_t sum;         /* of SUM_REQ and SUM: its number */
            struct fg_view bytes; /* SUM: fg_exact_pack(); empty: there is no such sum */
        } sum;
        struct {
            uint64_t task; /* id, or 0 */
            enum fg_refusal reason;
            struct fg_view text;
        } refused;
        struct {
            uint64_t task;
            struct fg_view bytes; /* fg_train_state_encode() */
        } state;
        struct {
            uint32_t reason; /* STOP: enum fg_stop_reason; BYE: 0 */
        } end;
        struct {
            uint64_t token;   /* PONG repeats PING's */
            uint32_t queued;  /* PONG: tasks waiting */
            uint32_t running; /* PONG: tasks in computation */
        } ping;
    } u;
};

/* Encode a message as a whole, sealed frame.
 * Errors: FG_E_RANGE if it would exceed FG_FRAME_MAX, a text is longer than its field, or decoding would
 * refuse it; FG_E_NOMEM.
 * Owner: *bytes is the caller's, fg_free(). Cost: one copy and one checksum pass. */
enum fg_status fg_msg_encode(uint8_t **bytes, size_t *len, const struct fg_msg *m, uint64_t run_id,
                             uint64_t seq) FG_NODISCARD;

/* Decode a frame's payload; views point into it. Errors: FG_E_CORRUPT, FG_E_VERSION (unknown type). */
enum fg_status fg_msg_decode(struct fg_msg *out, const struct fg_frame *f) FG_NODISCARD;

/* Where in the payload of this whole frame, judged or not, values lie one after the other, to the payload's
 * end: in a RESULT whose codec is plain. Else the payload's length. size: of each, in bytes; 0: there are
 * none. */
struct fg_msg_values {
    size_t at, size;
};
struct fg_msg_values fg_msg_values(const uint8_t *bytes, size_t len);

/* Task i < m->u.tasks.n of a TASKS message, encoded or decoded. */
void fg_msg_task_at(struct fg_msg_task *out, const struct fg_msg *m, size_t i);

/* Term i < m->u.add.n of an ADD message, encoded or decoded. */
void fg_msg_term_at(struct fg_msg_term *out, const struct fg_msg *m, size_t i);

/* The parameters of a decoded MODEL message. Shapes: out (m->u.model.params). */
void fg_msg_model_values(float *out, const struct fg_msg *m);

/* The next step of a decoded STEPS message, cut off the front of `rest` (at first m->u.steps.raw). */
struct fg_view fg_msg_step_next(struct fg_view *rest);

/* For logs: "damaged shard". */
const char *fg_refusal_text(enum fg_refusal reason);

/* A view of a NUL-terminated string. */
struct fg_view fg_view_str(const char *s);

#endif
