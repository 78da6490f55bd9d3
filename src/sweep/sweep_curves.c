/* The learning curves of a sweep: a row an evaluation of a run, with what the run had spent by then. */
#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/store/columns.h"
#include "src/sweep/sweep.h"

/* Sums over the rounds up to the one of the row. */
struct spent {
    uint64_t steps, bytes, uplink_bytes;
    double energy_wh, carbon_g;
};

static enum fg_status add_row(struct fg_str *out, const struct fg_round_record *r, double hours,
                              const struct spent *by)
{
    enum fg_status st = fg_str_addf(out, ",%u,", (unsigned)r->round);
    st = st == FG_OK ? fg_str_add_f64(out, hours) : st;
    st = st == FG_OK ? fg_str_addf(out, ",") : st;
    st = st == FG_OK ? fg_str_add_f64(out, r->evaluation.accuracy) : st;
    st = st == FG_OK ? fg_str_addf(out, ",") : st;
    st = st == FG_OK ? fg_str_add_f64(out, r->evaluation.loss) : st;
    st = st == FG_OK
             ? fg_str_addf(out, ",%llu,%llu,", (unsigned long long)by->steps, (unsigned long long)by->bytes)
             : st;
    st = st == FG_OK ? fg_str_add_f64(out, by->energy_wh) : st;
    st = st == FG_OK ? fg_str_addf(out, ",") : st;
    st = st == FG_OK ? fg_str_add_f64(out, by->carbon_g) : st;
    return st == FG_OK ? fg_str_addf(out, ",%llu\n", (unsigned long long)by->uplink_bytes) : st;
}

/* The rows of one run; `head` is what stands before them: levels and seed. */
static enum fg_status add_run(struct fg_str *out, const char *folder, const char *head, struct fg_err *err)
{
    struct fg_str path = {0}, text = {0};
    struct fg_round_record *row = NULL;
    struct spent by = {0};
    size_t n = 0;
    enum fg_status st = fg_str_addf(&path, "%s/rounds.csv", folder);
    FG_TRY(st);
    FG_TRY(fg_file_read(&text, path.data, SIZE_MAX / 4, err));
    FG_TRY(fg_rounds_read(&row, &n, text.data, text.len, err));
    for (size_t i = 0; i < n; i++) {
        by.steps += row[i].steps_total;
        by.bytes += row[i].uplink_bytes + row[i].downlink_bytes;
        by.uplink_bytes += row[i].uplink_bytes;
        by.energy_wh += row[i].energy_wh;
        by.carbon_g += row[i].carbon_g;
        if (row[i].evaluation.have) {
            FG_TRY(fg_str_addf(out, "%s", head));
            FG_TRY(add_row(out, &row[i], fg_seconds(row[i].t_end - row[0].t_begin) / 3600.0, &by));
        }
    }
cleanup:
    fg_str_fini(&path);
    fg_str_fini(&text);
    fg_free(row);
    return st;
}

enum fg_status fg_sweep_curves(struct fg_str *out, const struct fg_sweep *s, const struct fg_sweep_jobs *jobs,
                               struct fg_err *err)
{
    struct fg_str head = {0};
    enum fg_status st = FG_OK;
    for (size_t a = 0; a < s->n_axes; a++) {
        FG_TRY(fg_str_addf(out, "%s,", s->axis[a].name));
    }
    FG_TRY(fg_str_addf(out, "seed,round,hours,accuracy,loss,steps,bytes,energy_wh,carbon_g,uplink_bytes\n"));
    for (size_t i = 0; i < jobs->n; i++) {
        const struct fg_sweep_job *job = &jobs->job[i];
        head.len = 0;
        for (size_t a = 0; a < s->n_axes; a++) {
            FG_TRY(fg_str_addf(&head, "%s,", s->axis[a].level[job->level[a]].label));
        }
        FG_TRY(fg_str_addf(&head, "%llu", (unsigned long long)job->seed));
        FG_TRY(job->finished ? add_run(out, job->folder, head.data, err) : FG_OK);
    }
cleanup:
    fg_str_fini(&head);
    return st;
}
