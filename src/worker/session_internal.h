/* The worker core's state and its two stores, shared by session.c and session_store.c only. */
#ifndef FG_WORKER_SESSION_INTERNAL_H
#define FG_WORKER_SESSION_INTERNAL_H

#include "src/worker/session.h"

enum session_phase { PHASE_NEW, PHASE_CONFIGURING, PHASE_WORKING, PHASE_LEAVING, PHASE_ENDED };

struct version {
    uint64_t number;
    float *params; /* (P) */
};

/* A shard: asked for (bytes NULL) or here. */
struct shard {
    uint8_t hash[FG_SHARD_HASH_BYTES];
    uint8_t *bytes;
    size_t len;
    uint64_t used;     /* when last needed, counted in steps of the session */
    unsigned attempts; /* times asked for, because it came damaged */
    unsigned pings;    /* since it was asked for */
};

/* Bytes of a training state that came for a task. */
struct state {
    uint64_t task;
    uint8_t *bytes;
    size_t len;
};

struct job {
    struct fg_msg_task given;
    bool running;
    struct state resume; /* bytes NULL: from the start */
};

struct fg_session {
    enum session_phase phase;
    struct fg_link link;
    char *version, *host, *isa;
    uint32_t pid;
    uint8_t *config; /* a copy, from WELCOME to READY */
    uint64_t params; /* P */
    uint32_t input[FG_MSG_INPUT];
    uint64_t floor;
    uint64_t steps;           /* taken: the stores' notion of order */
    uint32_t cohort, at_most; /* tasks together: worth it, and wanted; 0: no limit */
    bool keeps_shards, sums;
    size_t cache_bytes;
    struct job *jobs; /* in the order given; the running ones among them */
    size_t n_jobs, cap_jobs;
    struct fg_session_job *cohort_jobs; /* what RUN pointed at */
    size_t n_cohort, cap_cohort;
    struct version *versions;
    size_t n_versions, cap_versions;
    struct shard *shards;
    size_t n_shards, cap_shards;
    struct state *states; /* that came for the next TASKS */
    size_t n_states, cap_states;
    const struct fg_codec_opts *coding; /* NULL until READY */
    struct fg_codec_ws ws;
    struct fg_session_stats stats;
};

/* Actions. */
enum fg_status session_act(struct fg_session_actions *out, struct fg_session_action action);
enum fg_status session_send(struct fg_session *s, struct fg_session_actions *out, const struct fg_msg *m);
enum fg_status session_refuse(struct fg_session *s, struct fg_session_actions *out, uint64_t task,
                              enum fg_refusal reason, const char *text);
void session_remove_job(struct fg_session *s, struct job *j);

/* Look for the shards of tasks that came before the configuration was ready; a task needs a shard that is not
 * here; one came from where it is kept, or from the aggregator; those that do not
 * come are asked for again. */
enum fg_status session_shards_begin(struct fg_session *s, struct fg_session_actions *out);
enum fg_status session_shard_find(struct fg_session *s, struct fg_session_actions *out, const uint8_t *hash);
enum fg_status session_on_stored(struct fg_session *s, const struct fg_session_event *ev,
                                 struct fg_session_actions *out);
enum fg_status session_on_shard(struct fg_session *s, const struct fg_msg *m, struct fg_session_actions *out);
enum fg_status session_request_again(struct fg_session *s, struct fg_session_actions *out);

/* Versions. keep: a MODEL message's parameters, replacing the same number; drop: what floor and jobs
 * allow. */
const float *session_version(const struct fg_session *s, uint64_t number);
enum fg_status session_version_keep(struct fg_session *s, const struct fg_msg *model);
/* One that is reached from another: nothing if that is not here, or it leads elsewhere. */
enum fg_status session_version_reach(struct fg_session *s, const struct fg_msg *m);
void session_versions_drop(struct fg_session *s);

/* Shards. expect: make an entry without bytes; put: FG_E_CORRUPT if the bytes do not hash to the name. */
struct shard *session_shard(const struct fg_session *s, const uint8_t *hash);
enum fg_status session_shard_expect(struct fg_session *s, const uint8_t *hash);
enum fg_status session_shard_put(struct fg_session *s, struct shard *sh, struct fg_view bytes);
void session_shard_forget(struct fg_session *s, struct shard *sh);
void session_shards_trim(struct fg_session *s);

/* States. keep: a copy of a STATE message's; take: the one of this task, moved into *out; drop:
 * those nobody took. */
enum fg_status session_state_keep(struct fg_session *s, const struct fg_msg *m);
void session_state_take(struct fg_session *s, uint64_t task, struct state *out);
void session_states_drop(struct fg_session *s);

/* Whether a job's parameters and data are here. */
bool session_job_can_run(const struct fg_session *s, const struct job *j);
void session_stores_fini(struct fg_session *s);

#endif
