/* Everyone who is available takes part. */
#include <string.h>

#include "src/aggregator/select.h"

static size_t pick(const struct fg_select_config *cfg, const struct fg_select_view *view, uint32_t *out,
                   uint32_t *scratch)
{
    (void)cfg;
    (void)scratch;
    memcpy(out, view->available, view->n_available * sizeof *out);
    return view->n_available;
}

extern const struct fg_select_ops fg_select_all;
const struct fg_select_ops fg_select_all = {
    .name = "all",
    .doc = "all available clients; with select.over > 1 the first select.clients answers are used",
    .source = "",
    .pick = pick,
};
