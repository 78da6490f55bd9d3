/* Looking at a partition: sizes and skew, and whether it is one. */
#ifndef FG_TESTS_LIB_PARTITIONS_H
#define FG_TESTS_LIB_PARTITIONS_H

#include "datasets/partition.h"

/* Sizes of the training lists, and how far labels are from the whole: total variation distance between a
 * client's label distribution and that of all training samples dealt out (0 = the same, towards 1 =
 * disjoint). For tokens the labels are those of every position. */
struct partition_stats {
    size_t train_samples, test_samples; /* sums over clients */
    size_t min_samples, median_samples, max_samples;
    double mean_label_distance, max_label_distance;
};
enum fg_status partition_stats(struct partition_stats *out, const struct fg_partition *p,
                               const struct fg_dataset *ds) FG_NODISCARD;

/* Invariants: offsets ascend, lists ascend and are in range, no training sample is dealt twice, none is in
 * training and test. Errors: FG_E_INTERNAL, FG_E_NOMEM. */
enum fg_status partition_check(const struct fg_partition *p, const struct fg_dataset *ds,
                               struct fg_err *err) FG_NODISCARD;

#endif
