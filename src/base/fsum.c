#include "src/base/fsum_both.h"

#include "src/base/status.h"

void fg_fsum_add(struct fg_fsum *s, double x)
{
    FG_ASSERT(s->n < FG_FSUM_PARTS);
    fg_fsum_grow(s, x);
}

double fg_fsum_read(const struct fg_fsum *s)
{
    return fg_fsum_round(s);
}
