/* Rounds of pretended workers (pretend.h) whose updates are added up: what the tests of such sums share.
 */
#ifndef FG_TESTS_PRETEND_SUMS_H
#define FG_TESTS_PRETEND_SUMS_H

#include "src/aggregator/exact.h"
#include "tests/lib/pretend.h"

enum { PRETEND_COHORT = 14 };

/* Publish a version and hand in a cohort that trains from it; ids go on from *id. */
void pretend_cohort(struct pretend *w, struct fg_executor *ex, struct fg_task task[PRETEND_COHORT],
                    uint64_t version, uint64_t *id);

/* Collect a task, after the workers got on with theirs for a while, so that not all is computed here. */
void pretend_collect(struct pretend *w, struct fg_executor *ex, const struct fg_task *t,
                     struct fg_result *res);

/* What the task's update counts; and add it to a sum as it is at the other end of the wire. */
double pretend_weight(const struct fg_task *t);
void pretend_add(const struct pretend *w, struct fg_exact *sum, const struct fg_task *t);

/* Fail unless all that the executor keeps agrees. */
void pretend_sound(struct fg_executor *ex);

#endif
