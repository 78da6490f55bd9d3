/* Small data sets that can be learnt to the last sample, made in memory. */
#ifndef FG_TESTS_LIB_TOYDATA_H
#define FG_TESTS_LIB_TOYDATA_H

#include "datasets/dataset.h"

/* n vectors of `features` >= classes values: noise, and 3 more at the label's place. */
struct fg_dataset *toy_vectors(size_t n, uint32_t features, uint32_t classes);

/* n images of 8 x 8 x 1 bytes, dark with one bright quadrant, which is the label (4 classes). */
struct fg_dataset *toy_images(size_t n);

/* n texts of `length` characters of `vocabulary`, each counting up from a random start:
 * the next is code + 1. */
struct fg_dataset *toy_texts(size_t n, uint32_t length, uint32_t vocabulary);

void toy_destroy(struct fg_dataset *d);

#endif
