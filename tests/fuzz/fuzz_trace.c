/* Availability traces: never crashes; what parses keeps its invariants,
 * and pieces give the same as one text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "src/availability/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_trace *t = NULL, *u = NULL;
    struct fg_trace_reader *r = NULL;
    struct fg_problems all = {{0}, 0};
    struct fg_err err;
    enum fg_status one = fg_trace_parse(&t, "t", data, size, NULL, &err), two = FG_OK;
    if (one == FG_OK) {
        if (fg_trace_check(t, &err) != FG_OK) {
            abort();
        }
        for (uint32_t n = 0; n < t->nodes; n++) {
            int64_t at = t->start_s[t->first[n]]; /* it has an interval */
            if (!fg_trace_is_up(t, n, at) || fg_trace_up_seconds(t, n, INT64_MIN, INT64_MAX) != t->up_s[n]) {
                abort();
            }
        }
    }
    if (fg_trace_reader_create(&r, "t", &all) == FG_OK) {
        for (size_t at = 0; at < size && two == FG_OK; at += 7) {
            two = fg_trace_reader_feed(r, data + at, size - at < 7 ? size - at : 7, &err);
        }
        two = two == FG_OK ? fg_trace_reader_finish(r, &u, &err) : two;
        if ((one == FG_OK) != (two == FG_OK)) {
            abort();
        }
    }
    fg_trace_reader_destroy(r);
    fg_problems_fini(&all);
    fg_trace_destroy(t);
    fg_trace_destroy(u);
    return 0;
}
