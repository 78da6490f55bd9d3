#include "src/report/run_view.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/store/lock.h"
#include "src/store/summary.h"

static void add(struct fg_view_sum *s, const struct fg_participation *p)
{
    s->assignments++;
    s->steps += p->steps;
    s->bytes_up += p->bytes_up;
    s->bytes_down += p->bytes_down;
    s->energy_j += p->energy_j;
    s->carbon_g += p->carbon_g;
}

static enum fg_status load_parts(struct fg_run_view *v, const char *path, struct fg_err *err)
{
    enum { MOST_CLIENTS = 200000000 };
    struct fg_map map = {NULL, 0};
    struct fg_participation p;
    size_t n = 0;
    enum fg_status st = fg_file_map(&map, path, err);
    FG_TRY(st);
    FG_TRY(map.len == 0 ? FG_OK : fg_parts_count(&n, map.bytes, map.len, err));
    json_int_t clients = json_integer_value(json_object_get(v->summary, "clients"));
    v->clients = clients > 0 && clients < MOST_CLIENTS ? (uint32_t)clients : 0;
    for (size_t i = 0; i < n; i++) {
        fg_parts_at(&p, map.bytes, i);
        if (p.client >= MOST_CLIENTS || p.shard >= MOST_CLIENTS || p.verdict >= FG_VIEW_VERDICTS) {
            st = fg_fail(err, FG_E_CORRUPT,
                         "%s: row %zu: expected a client, a shard and a verdict, found %u, %u and %u", path,
                         i, (unsigned)p.client, (unsigned)p.shard, (unsigned)p.verdict);
            goto cleanup;
        }
        v->clients = p.client >= v->clients ? p.client + 1 : v->clients;
    }
    v->client = fg_calloc(v->clients, sizeof *v->client);
    v->used = fg_calloc(v->clients, sizeof *v->used);
    FG_TRY(v->client != NULL && v->used != NULL ? FG_OK : FG_E_NOMEM);
    for (size_t i = 0; i < n; i++) {
        fg_parts_at(&p, map.bytes, i);
        add(&v->client[p.client], &p);
        add(&v->verdict[p.verdict], &p);
        v->used[p.client] += p.verdict == FG_VERDICT_USED || p.verdict == FG_VERDICT_PARTIAL;
    }
cleanup:
    fg_file_unmap(&map);
    return st;
}

static enum fg_status load_rounds(struct fg_run_view *v, const char *path, struct fg_err *err)
{
    struct fg_str text = {0};
    enum fg_status st = fg_file_read(&text, path, SIZE_MAX / 4, err);
    if (st == FG_OK && text.len > 0) {
        st = fg_rounds_read(&v->rounds, &v->n_rounds, text.data, text.len, err);
    }
    fg_str_fini(&text);
    return st;
}

enum fg_status fg_run_view_load(struct fg_run_view *out, const char *folder, struct fg_err *err)
{
    struct fg_run_view v = {0};
    struct fg_str path = {0};
    struct stat sb;
    enum fg_status st = fg_str_addf(&path, "%s/rounds.csv", folder);
    FG_TRY(st);
    if (stat(path.data, &sb) != 0) {
        st = errno != ENOENT && errno != ENOTDIR ? fg_file_error(errno, path.data, "open", err)
             : stat(folder, &sb) != 0
                 ? fg_fail(err, FG_E_MISSING, "%s: expected a run folder, found nothing", folder)
                 : fg_fail(err, FG_E_MISSING, "%s: expected a run folder, found no rounds.csv in it", folder);
        goto cleanup;
    }
    st = load_rounds(&v, path.data, err);
    FG_TRY(st != FG_E_CORRUPT ? st : fg_fail_prefix(err, st, "%s", folder)); /* of several, which */
    path.len = 0;
    FG_TRY(fg_str_addf(&path, "%s/summary.json", folder));
    st = fg_summary_load(&v.summary, path.data, err);
    FG_TRY(st == FG_E_MISSING ? FG_OK : st);
    path.len = 0;
    FG_TRY(fg_str_addf(&path, "%s/participation.part", folder));
    FG_TRY(load_parts(&v, path.data, err));
    v.status = json_string_value(json_object_get(v.summary, "status"));
    if (v.status == NULL || strcmp(v.status, "running") == 0) {
        v.status = fg_lock_is_held(folder) ? "running" : "stopped";
    }
    path.len = 0;
    FG_TRY(fg_str_addf(&path, "%s/workers.json", folder));
    if (strcmp(v.status, "running") != 0 || fg_summary_load(&v.workers, path.data, NULL) != FG_OK) {
        v.workers = NULL; /* nobody writes it now, or no worker computes */
    }
    *out = v;
    v = (struct fg_run_view){0};
    if (err != NULL) {
        err->text[0] = '\0';
    }
cleanup:
    fg_str_fini(&path);
    fg_run_view_fini(&v);
    return st;
}

void fg_run_view_fini(struct fg_run_view *v)
{
    json_decref(v->summary);
    json_decref(v->workers);
    fg_free(v->rounds);
    fg_free(v->client);
    fg_free(v->used);
    *v = (struct fg_run_view){0};
}
