/* From a configuration to everything that a run needs: data, partition, model, traces, fleet, sizes of tasks.
 *
 * Reads and checks every input and creates nothing, so that no run directory appears for a run that cannot
 * start. Messages of wrong values name the place in the configuration where they were set.
 *
 * Thread safety: one caller while it is made, any number of readers afterwards.
 */
#ifndef FG_SIM_SETUP_H
#define FG_SIM_SETUP_H

#include "datasets/dataset.h"
#include "datasets/partition.h"
#include "kernels/kernels.h"
#include "src/aggregator/core.h"
#include "src/availability/fleet.h"
#include "src/availability/price.h"
#include "src/config/config.h"
#include "src/model/model.h"
#include "src/wire/codec.h"
#include "src/wire/down.h"
#include "src/worker/executor_local.h"
#include "src/worker/trainer.h"

struct fg_setup {
    const struct fg_config *cfg; /* borrowed */
    const struct fg_kernels *kernels;
    bool cost_only;          /* train.mode: nothing is trained, params is NULL */
    struct fg_dataset *data; /* NULL, as part and model, for cost-only without data.path */
    struct fg_partition *part;
    struct fg_model *model;
    size_t n_params;              /* P */
    struct fg_trace *trace;       /* NULL = everyone is always up */
    struct fg_carbon **carbon;    /* (zones) */
    struct fg_zone_carbon *zones; /* (n_zones) */
    size_t n_zones;
    struct fg_fleet *fleet;
    uint32_t clients;
    uint32_t threads; /* resolved run.threads */
    struct fg_local_opts local;
    uint32_t *steps;          /* (clients) local steps of a full task */
    uint32_t *samples;        /* (clients) */
    uint64_t *shard_bytes;    /* (clients) under movable placement, else NULL */
    struct fg_prices prices;  /* of electricity, by the fleet's zones */
    struct fg_carbon **price; /* (n_price) their files */
    size_t n_price;
    uint64_t *may_go;     /* (clients) zones where the shard may go, NULL = all */
    uint32_t *test_index; /* (n_test) the global test set */
    size_t n_test;
    const struct fg_codec *codec;
    struct fg_codec_opts coding; /* of wire.*, for this model */
    struct fg_down_config down;  /* of wire.down; its codec is NULL where models go down whole */
    const struct fg_select_ops *policy;
    const struct fg_rule_ops *rule;
    uint64_t model_bytes, update_bytes;
    struct fg_cost_model cost;
    bool averages; /* aggregate.average: the run's model is the mean of the server's */
    float *params; /* (P) initial */
};

/* Build it all. `start` is when round 0 begins unless time.start says so; FG_START_AUTO: as the traces have
 * it. Errors: FG_E_CONFIG, FG_E_MISSING, FG_E_INPUT (exit code 2), FG_E_NOMEM, FG_E_IO.
 * Owner: the caller, fg_setup_destroy() (NULL allowed). */
enum fg_status fg_setup_create(struct fg_setup **out, const struct fg_config *cfg, fg_time_t start,
                               struct fg_err *err) FG_NODISCARD;
void fg_setup_destroy(struct fg_setup *s);

/* What can be said of a configuration before data and traces are read: whether its names are known and its
 * mode allows what is asked for. Errors: FG_E_CONFIG. */
enum fg_status fg_setup_check(const struct fg_config *c, struct fg_err *err) FG_NODISCARD;

/* The configuration of the aggregator core for this setup (borrows from it). */
void fg_setup_aggregator(const struct fg_setup *s, struct fg_aggregator_config *out);

/* Whether updates of fewer steps than planned are handed back at all; the rule says what becomes of them. */
bool fg_setup_takes_partial(const struct fg_config *c);

/* The data set of the [data] section alone. Errors: as fg_dataset_load(), naming the place of data.path.
 * Owner: the caller, fg_dataset_destroy(). */
enum fg_status fg_setup_load_data(struct fg_dataset **out, const struct fg_config *cfg,
                                  struct fg_err *err) FG_NODISCARD;

/* The kernels of run.kernels. Errors: FG_E_UNSUPPORTED where this machine or build lacks them. */
enum fg_status fg_setup_kernels(const struct fg_kernels **out, const struct fg_config *c,
                                struct fg_err *err) FG_NODISCARD;

/* run.threads, resolved. */
unsigned fg_setup_threads(const struct fg_config *c);

/* train.arithmetic as it is written. */
const char *fg_setup_arithmetic_name(const struct fg_config *c);

/* Tasks at once on a device, chosen: a host buffer of the model's size each;
 * waves of it are what memory allows. */
enum { FG_SETUP_DEVICE_WIDTH = 64 };

/* Tasks worth giving a trainer at once, and whether each of them takes a core. */
struct fg_setup_hands {
    unsigned cohort;
    bool cores;
};

/* The trainer that worker.device asks for, and what it likes to have at once.
 *
 * data: kept on the device for the trainer's life; NULL: brought there by each run.
 * Errors: FG_E_CONFIG, FG_E_UNSUPPORTED without such a device, FG_E_NOMEM, FG_E_IO.
 * Owner:  the caller, fg_trainer_destroy(). */
enum fg_status fg_setup_trainer(struct fg_trainer **out, struct fg_setup_hands *hands,
                                const struct fg_config *c, const struct fg_model *model,
                                const struct fg_local_opts *local, const struct fg_dataset *data,
                                struct fg_err *err) FG_NODISCARD;

/* Whether whoever collects updates only adds them up. */
bool fg_setup_only_adds(const struct fg_setup *s);

/* Whether updates may stay on a device that made them, where one process trains and aggregates: what the
 * codec leaves of them can be made there, and whoever collects them only adds them up. */
bool fg_setup_updates_stay(const struct fg_setup *s);

/* How updates of this model are encoded. Errors: FG_E_NOMEM. Owner: the caller, fg_setup_coding_fini(). */
enum fg_status fg_setup_coding(struct fg_codec_opts *out, const struct fg_config *c,
                               const struct fg_model *model) FG_NODISCARD;
void fg_setup_coding_fini(struct fg_codec_opts *coding);

/* How clients work locally, from the configuration alone (aggregate.rule must be known, else batch is
 * train.batch). */
struct fg_local_opts fg_setup_local(const struct fg_config *c);

/* What the fleet is drawn from, from the configuration alone. */
struct fg_fleet_spec fg_setup_fleet_spec(const struct fg_config *c, uint32_t clients, fg_time_t start);

/* What idle machines, the server and the making of machines cost, from the configuration alone (borrows
 * it). */
struct fg_cost_model fg_setup_cost(const struct fg_config *c);

/* The bound on the error that holds for the run so far, or why none does. Cost: one look at each training
 * sample where one may hold. Errors: FG_E_NOMEM. */
enum fg_status fg_setup_bound(const struct fg_setup *s, const struct fg_watch *w,
                              struct fg_bound_result *out) FG_NODISCARD;

/* A client's training shard: sample numbers within s->data. */
void fg_setup_shard(const struct fg_setup *s, uint32_t client, const uint32_t **index, uint32_t *n);

/* The same as a local executor asks for it, with a struct fg_setup as its argument. Never fails. */
enum fg_status fg_setup_task_shard(void *setup, const struct fg_task *task, struct fg_shard *out,
                                   struct fg_err *err);

/* A client's own test samples; may be none. */
void fg_setup_test_shard(const struct fg_setup *s, uint32_t client, const uint32_t **index, uint32_t *n);

/* Evaluate parameters on the global test set and, if asked, on each client's own test data: there by the
 * models of `plural` (NULL: none), where a client has one.
 * Cost: one forward pass of each sample; clients share the pass where their data come from the test set.
 * Errors: FG_E_INTERRUPTED soon after *stop (may be NULL) is set. */
enum fg_status fg_setup_evaluate(const struct fg_setup *s, struct fg_trainer *trainer, const float *params,
                                 bool global, bool clients, const struct fg_plural *plural, atomic_int *stop,
                                 struct fg_evaluation *out, struct fg_err *err);

/* Local learning rate of a round by train.schedule. */
double fg_setup_lr(const void *setup, uint32_t round);

#endif
