/* Data sets that are computed, from an expression NAME:key=value,key=value; a value without a key belongs to
 * the key at its place: synthetic:1,0.5 is synthetic:alpha=1,beta=0.5.
 *
 * synthetic   Synthetic(alpha, beta): alpha=1 beta=1 clients=30 features=60 classes=10 iid=0 seed=1
 * gaussian    mixture of unit Gaussians: classes=10 dim=20 n=10000 test=0 separation=3 groups=0 seed=1
 *
 * Random numbers are keyed by (seed, FG_RNG_GENERATE, client or class), so a client's data do not depend on
 * how many others there are.
 *
 * Thread safety: no shared state.
 */
#ifndef FG_DATASETS_GENERATE_H
#define FG_DATASETS_GENERATE_H

#include "datasets/dataset.h"

/* Make the data set that the expression describes.
 *
 * synthetic: client k has W_k ~ N(u_k, 1), b_k ~ N(u_k, 1) with u_k ~ N(0, alpha^2); x ~ N(v_k, Sigma) with
 * v_kj ~ N(B_k, 1), B_k ~ N(0, beta^2), Sigma diagonal, Sigma_jj = j^-1.2; y = argmax softmax(x W_k + b_k);
 * sizes are 50 + floor(lognormal(4, 2)), at most 100000. Groups are the clients. With iid=1 all share one W,
 * b and v = 0.
 *
 * gaussian: class c has a mean of length `separation` in a direction drawn uniformly; sample i is of class
 * i mod classes and group i / classes mod groups. The last `test` of the n + test samples are for testing.
 *
 * Errors:  FG_E_CONFIG names the key, what was expected and found; FG_E_NOMEM.
 * Owner:   the caller, fg_dataset_destroy().
 * Source:  Li et al., "Federated optimization in heterogeneous networks", MLSys 2020, section 5.1; alpha and
 *          beta are standard deviations, and sizes as drawn, as in the authors' code; differs: the size
 *          limit.
 */
enum fg_status fg_generate(struct fg_dataset **out, const char *expression, struct fg_err *err) FG_NODISCARD;

#endif
