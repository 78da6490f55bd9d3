/* The steps of fg_setup_create() that have files of their own; each fills in its members of the setup. */
#ifndef FG_SIM_SETUP_IMPL_H
#define FG_SIM_SETUP_IMPL_H

#include "src/sim/setup.h"

/* policy, rule, codec; checks every other name of a registry as well. Errors: FG_E_CONFIG,
 * listing the names. */
enum fg_status fg_setup_find_names(struct fg_setup *s, struct fg_err *err);

/* Whether everything that train.mode = cost-only cannot do is left alone. Errors: FG_E_CONFIG. */
enum fg_status fg_setup_check_mode(const struct fg_setup *s, struct fg_err *err);

/* Whether the run has no data set; then: the training samples of a client. */
bool fg_setup_is_bare(const struct fg_config *c);
uint32_t fg_setup_bare_samples(const struct fg_config *c, uint32_t client);

/* clients, from the data set and the trace. */
enum fg_status fg_setup_count_clients(struct fg_setup *s, struct fg_err *err);

/* may_go; whether data may move at all in this run; what the core needs of it. Errors: FG_E_CONFIG,
 * FG_E_INPUT, FG_E_MISSING, FG_E_IO. */
enum fg_status fg_setup_move(struct fg_setup *s, struct fg_err *err);
struct fg_move_config fg_setup_move_config(const struct fg_setup *s);

/* prices, price; whether there are any. Errors: FG_E_CONFIG, FG_E_INPUT, FG_E_MISSING, FG_E_IO. */
enum fg_status fg_setup_prices(struct fg_setup *s, struct fg_err *err);
bool fg_setup_has_prices(const struct fg_setup *s);
void fg_setup_prices_fini(struct fg_setup *s);

/* part, which may depend on the fleet. */
enum fg_status fg_setup_make_partition(struct fg_setup *s, struct fg_err *err);

/* test_index, n_test: the data set's test part, or all clients' held-out samples. */
enum fg_status fg_setup_make_test_set(struct fg_setup *s, struct fg_err *err);

#endif
