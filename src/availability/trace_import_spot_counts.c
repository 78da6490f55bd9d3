/* Counts of running spot machines at a fixed spacing, as JSON: {"metadata": {"gap_seconds": 300}, "data":
 * [0, 4, 3, ...]}. Slot k of a pool is up while the count is k or more: which machine was taken is not told.
 * Source of the form: skypilot-org/spot-traces. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "src/availability/trace_import_impl.h"

#define SLOTS_MAX 100000
#define GAP_MAX 1e7

static enum fg_status add_slots(struct fg_trace_build *b, const json_t *data, int64_t gap, long long slots,
                                const char *pool)
{
    enum fg_status st = FG_OK;
    size_t n = json_array_size(data);
    for (long long k = 1; st == FG_OK && k <= slots; k++) {
        char name[64];
        uint32_t node;
        size_t since = 0;
        bool up = false;
        int len = slots == 1 ? snprintf(name, sizeof name, "%.40s", pool)
                             : snprintf(name, sizeof name, "%.40s-%02lld", pool, k);
        st = fg_trace_build_node(b, &node, name, (size_t)len);
        for (size_t i = 0; st == FG_OK && i <= n; i++) {
            bool now = i < n && json_number_value(json_array_get(data, i)) >= (double)k;
            if (up && !now) {
                st = fg_trace_build_add(b, node, (int64_t)since * gap, (int64_t)i * gap);
            }
            since = now && !up ? i : since;
            up = now;
        }
    }
    return st;
}

static enum fg_status read_counts(struct fg_trace_build *b, struct fg_trace_head *head, const void *bytes,
                                  size_t len, const struct fg_import_options *o, struct fg_err *err)
{
    json_error_t why;
    json_t *root = json_loadb(bytes, len, 0, &why);
    const json_t *gap = json_object_get(json_object_get(root, "metadata"), "gap_seconds"),
                 *data = json_object_get(root, "data");
    enum fg_status st = FG_OK;
    double most = 0.0, seconds = json_number_value(gap);
    if (root == NULL) {
        return fg_fail(err, FG_E_INPUT, "%s:%d: %s", o->name, why.line, why.text);
    }
    if (!json_is_array(data) || !(seconds >= 1.0 && seconds <= GAP_MAX)) {
        st = fg_fail(err, FG_E_INPUT,
                     "%s: expected metadata.gap_seconds of 1 or more and an array named data", o->name);
    }
    for (size_t i = 0; st == FG_OK && i < json_array_size(data); i++) {
        const json_t *v = json_array_get(data, i);
        if (!json_is_number(v) || json_number_value(v) < 0.0 || json_number_value(v) > SLOTS_MAX) {
            st =
                fg_fail(err, FG_E_INPUT, "%s: data[%zu]: expected a count of 0 to %d", o->name, i, SLOTS_MAX);
        } else if (json_number_value(v) > most) {
            most = json_number_value(v);
        }
    }
    /* work and rows grow with slots times samples: refuse what could only be a mistake */
    if (st == FG_OK && most * (double)json_array_size(data) > 4e6) {
        st = fg_fail(err, FG_E_INPUT, "%s: %g machines in %zu samples are too many", o->name, most,
                     json_array_size(data));
    }
    if (st == FG_OK) {
        fg_trace_build_observe(b, 0, (int64_t)json_array_size(data) * (int64_t)seconds);
        st = add_slots(b, data, (int64_t)seconds, (long long)most, o->pool);
        head->clock = FG_CLOCK_ELAPSED;
        head->nested = head->nested || most > 1.0;
    }
    json_decref(root);
    return st;
}

/* JSON of counts of spot machines at a fixed spacing; a file is a pool. */
const struct fg_trace_importer fg_trace_import_spot_counts = {"spot-counts", read_counts};
