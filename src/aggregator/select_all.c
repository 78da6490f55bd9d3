/* Everyone who is available takes part. */
#include <string.h>

#include "src/aggregator/select.h"

static enum fg_status pick(struct fg_select *s, const struct fg_select_view *view, struct fg_picks *out)
{
    (void)s;
    memcpy(out->client, view->available, view->n_available * sizeof *out->client);
    out->n = view->n_available;
    return FG_OK;
}

extern const struct fg_select_ops fg_select_all;
const struct fg_select_ops fg_select_all = {
    .name = "all",
    .doc = "all available clients; with select.over > 1 the first select.clients answers are used",
    .source = "",
    .pick = pick,
};
