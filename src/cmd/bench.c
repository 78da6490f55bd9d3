/* forage bench science: our policy against the others, one command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/cmd/table.h"
#include "src/store/lock.h"
#include "src/sweep/science.h"

struct args {
    struct fg_cmd_common common;
    const char *out, *size, *policy;
    uint64_t jobs;
    bool list, show;
    struct fg_cmd_list merge;
};

static const struct fg_cmd_option options[] = {
    {0, "size", "NAME", FG_CMD_TEXT, offsetof(struct args, size),
     "quick, small or full (default quick; --list says what they are)"},
    {'o', "out", "DIR", FG_CMD_TEXT, offsetof(struct args, out),
     "folder for runs and results (default science/SIZE)"},
    {'j', "jobs", "N", FG_CMD_UINT, offsetof(struct args, jobs), "runs at a time (default: one a core)"},
    {0, "policy", "FILE", FG_CMD_TEXT, offsetof(struct args, policy),
     "further policies, lines NAME = SECTION.KEY=VALUE ..., ranked with the others"},
    {0, "merge", "FILE", FG_CMD_LIST, offsetof(struct args, merge),
     "join a results.csv of others; runs that are here as well must have the same parameters"},
    {0, "show", NULL, FG_CMD_FLAG, offsetof(struct args, show), "run nothing: the table of what is finished"},
    {0, "list", NULL, FG_CMD_FLAG, offsetof(struct args, list), "the sizes, their hashes, and the policies"},
    FG_CMD_COMMON_OPTIONS(struct args, common),
    FG_CMD_END,
};

static enum fg_status list(void)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; st == FG_OK && fg_science_sizes[i].name != NULL; i++) {
        const struct fg_science_size *z = &fg_science_sizes[i];
        struct fg_science_effort e;
        char hex[65];
        st = fg_science_hash(hex, z);
        st = st == FG_OK ? fg_science_effort_of(&e, z) : st;
        if (st == FG_OK) {
            (void)printf("%s %s: %s; %zu runs, about %.1f hours of one core\n", z->name, hex, z->doc, e.runs,
                         e.hours);
        }
    }
    (void)printf("\npolicies:\n%s\nbeside them, without a rank:\n%s", fg_science_policies, fg_science_bounds);
    return st;
}

static const struct fg_science_size *find_size(const char *name)
{
    size_t i = 0;
    while (fg_science_sizes[i].name != NULL && strcmp(fg_science_sizes[i].name, name) != 0) {
        i++;
    }
    return fg_science_sizes[i].name != NULL ? &fg_science_sizes[i] : NULL;
}

/* What others have joins before the verdict, and is not written with ours. */
static enum fg_status conclude(struct fg_science *s, const struct args *a, char *const *merge,
                               struct fg_err *err)
{
    struct fg_science_table t[2] = {{0}};
    struct fg_str text = {0};
    json_t *o = NULL;
    bool drawn = false;
    enum fg_status st;
    FG_TRY(fg_science_csv(&text, s));
    FG_TRY(fg_file_replace("results.csv", text.data != NULL ? text.data : "", text.len, err));
    for (size_t i = 0; i < a->merge.n; i++) {
        FG_TRY(fg_science_merge(s, merge[i], err));
    }
    FG_TRY(fg_science_judge(&t[0], s, false));
    FG_TRY(fg_science_judge(&t[1], s, true));
    FG_TRY(t[0].n > 0 ? fg_sweep_picture(&drawn, "results.svg", &t[0].flat, &t[0].verdict, err) : FG_OK);
    if (a->common.json) {
        o = fg_science_json(s, t);
        FG_TRY(o != NULL ? FG_OK : FG_E_NOMEM);
        (void)json_dumpf(o, stdout, JSON_INDENT(1));
        (void)putchar('\n');
    } else {
        FG_TRY(fg_science_print(s, t));
        (void)printf("\nresults: %s/results.csv%s%s%s\n", s->folder, drawn ? ", " : "",
                     drawn ? s->folder : "", drawn ? "/results.svg" : "");
    }
cleanup:
    json_decref(o);
    fg_str_fini(&text);
    fg_science_table_fini(&t[0]);
    fg_science_table_fini(&t[1]);
    return st;
}

static enum fg_status science(const struct args *a, const char *word, struct fg_err *err)
{
    const char *name = a->size != NULL ? a->size : "quick";
    const struct fg_science_size *size = find_size(name);
    struct fg_science s = {0};
    struct fg_str folder = {0}, more = {0};
    char *merge[128] = {NULL};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int lock = -1;
    enum fg_status st;
    if (strcmp(word, "science") != 0 || size == NULL) {
        return fg_fail(err, FG_E_USAGE,
                       "expected 'science' and a size among quick, small, full, found '%s' and '%s'", word,
                       name);
    }
    if (a->list && a->common.json) {
        return fg_fail(err, FG_E_USAGE, "--list: expected no --json: it prints text");
    }
    if (a->list) {
        return list();
    }
    if (a->jobs > 4096) {
        return fg_fail(err, FG_E_USAGE, "--jobs: expected at most 4096, found %llu",
                       (unsigned long long)a->jobs);
    }
    for (size_t i = 0; i < a->merge.n; i++) { /* names are of the folder that we leave */
        merge[i] = realpath(a->merge.item[i], NULL);
        FG_TRY(merge[i] != NULL ? FG_OK : fg_fail(err, FG_E_MISSING, "%s: not there", a->merge.item[i]));
    }
    FG_TRY(a->policy != NULL ? fg_file_read(&more, a->policy, 65536, err) : FG_OK);
    FG_TRY(a->policy != NULL ? fg_str_add(&more, "", 1) : FG_OK);
    FG_TRY(a->out != NULL ? fg_str_addf(&folder, "%s", a->out) : fg_str_addf(&folder, "science/%s", name));
    FG_TRY(fg_sweep_folder(folder.data, err));
    FG_TRY(a->show ? FG_OK : fg_lock_take(&lock, folder.data, 10000, err));
    FG_TRY(fg_science_open(&s, size, folder.data, more.data, err));
    s.width = a->jobs > 0 ? (unsigned)a->jobs : cores > 0 ? (unsigned)cores : 1;
    s.quiet = a->common.quiet;
    s.show = a->show;
    FG_TRY(fg_science_stages(&s, err));
    FG_TRY(conclude(&s, a, merge, err));
cleanup:
    for (size_t i = 0; i < a->merge.n; i++) {
        free(merge[i]);
    }
    if (lock >= 0) {
        fg_lock_drop(lock);
    }
    fg_science_close(&s);
    fg_str_fini(&folder);
    fg_str_fini(&more);
    return st;
}

static int run(int argc, char **argv)
{
    struct args a = {0};
    struct fg_cmd_words words;
    struct fg_err err = {{0}};
    int rc = fg_cmd_parse(&fg_cmd_bench, &a, argc, argv, &words);
    if (rc >= 0) {
        return rc;
    }
    enum fg_status st = science(&a, words.item[0], &err);
    return st == FG_OK ? 0 : fg_cmd_fail(st, &err);
}

const struct fg_command fg_cmd_bench = {
    "bench",
    "science",
    1,
    1,
    "our policy against all others by a study that is fixed and hashed: table, ranks, picture",
    options,
    run,
};
