#include "src/store/rundir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/store/checkpoint.h"
#include "src/store/lock.h"
#include "src/store/run_files.h"
#include "src/store/summary.h"

struct fg_rundir {
    char *path;
    enum fg_rundir_state state;
    int lock;
    uint64_t sequence; /* of the last checkpoint */
    struct fg_append rounds, parts;
    struct fg_append board; /* path NULL: none is kept */
    struct fg_journal journal;
    struct fg_memory *memory; /* NULL unless the rule keeps something of each client */
    FILE *log;
    struct fg_str name, text; /* scratch */
};

static const char *file(struct fg_rundir *d, const char *name)
{
    d->name.len = 0;
    return fg_str_addf(&d->name, "%s/%s", d->path, name) == FG_OK ? d->name.data : NULL;
}

#define FG_NAMED(d, var, name)       \
    const char *var = file(d, name); \
    if ((var) == NULL) {             \
        return FG_E_NOMEM;           \
    }

/* The folder and its parents; *created says whether the folder itself was not there. */
static enum fg_status make_folder(const char *path, bool *created, struct fg_err *err)
{
    char *copy = fg_strdup(path);
    int rc = 0;
    if (copy == NULL) {
        return FG_E_NOMEM;
    }
    for (char *p = copy + 1; rc == 0 && p[-1] != '\0'; p++) {
        if (*p == '/' || *p == '\0') {
            char end = *p;
            *p = '\0';
            rc = mkdir(copy, 0777);
            *created = rc == 0;
            rc = rc != 0 && errno != EEXIST;
            *p = end;
        }
    }
    enum fg_status st = rc != 0 ? fg_file_error(errno, path, "create the run folder", err) : FG_OK;
    struct stat sb;
    if (st == FG_OK && (stat(path, &sb) != 0 || !S_ISDIR(sb.st_mode))) {
        st = fg_fail(err, FG_E_USAGE, "%s: expected a folder, found a file", path);
    }
    fg_free(copy);
    return st;
}

/* The configuration of the run that is there against ours. */
static enum fg_status compare_config(struct fg_rundir *d, const struct fg_config *ours,
                                     const struct fg_str *text, struct fg_err *err)
{
    struct fg_config theirs;
    struct fg_str a = {0}, b = {0};
    const char *key = NULL;
    FG_NAMED(d, path, "config.ini");
    const struct fg_config_origin from = {path, d->path, NULL};
    enum fg_status st = fg_config_init(&theirs);
    if (st != FG_OK) {
        return st;
    }
    FG_TRY(fg_config_parse(&theirs, text->data, text->len, &from, err));
    FG_TRY(fg_config_diff(&key, &theirs, ours, &a, &b));
    if (key != NULL) {
        st = fg_fail(err, FG_E_CONFIG,
                     "%s: %s: expected '%s' as in the run that is there, found '%s' (%s); "
                     "--force starts anew, --out names another folder",
                     d->path, key, a.data, b.data, fg_config_where(ours, key));
    }
cleanup:
    fg_str_fini(&a);
    fg_str_fini(&b);
    fg_config_fini(&theirs);
    return st;
}

static bool is_finished(struct fg_rundir *d)
{
    json_t *summary = NULL;
    const char *path = file(d, "summary.json");
    if (path == NULL || fg_summary_load(&summary, path, NULL) != FG_OK) {
        return false;
    }
    const char *status = json_string_value(json_object_get(summary, "status"));
    bool finished = status != NULL && strcmp(status, "finished") == 0;
    json_decref(summary);
    path = file(d, "run.h5");
    return finished && path != NULL && access(path, F_OK) == 0;
}

/* Which of the three states the folder is in; a new one is cleared of remains. */
static enum fg_status find_state(struct fg_rundir *d, const struct fg_config *c, bool force,
                                 struct fg_err *err)
{
    struct fg_str text = {0};
    enum fg_status st = FG_E_MISSING;
    if (!force) {
        FG_NAMED(d, path, "config.ini");
        struct fg_err why = {{0}};
        st = fg_file_read(&text, path, (size_t)16 << 20, &why);
        if (st != FG_OK && st != FG_E_MISSING && err != NULL) {
            *err = why;
        }
    }
    if (st == FG_E_MISSING) {
        d->state = FG_RUNDIR_NEW;
        FG_TRY(force ? FG_OK : fg_run_files_alone(d->path, err));
        FG_TRY(fg_run_files_clear(d->path, err));
    } else if (st == FG_OK) {
        FG_TRY(compare_config(d, c, &text, err));
        d->state = is_finished(d) ? FG_RUNDIR_FINISHED : FG_RUNDIR_RESUME;
    }
cleanup:
    fg_str_fini(&text);
    return st;
}

static enum fg_status save_config(struct fg_rundir *d, const struct fg_config *c, struct fg_err *err)
{
    d->text.len = 0;
    enum fg_status st = fg_config_save(&d->text, c, err);
    if (st != FG_OK) {
        return st;
    }
    FG_NAMED(d, path, "config.ini");
    return fg_file_replace(path, d->text.data, d->text.len, err);
}

/* Open a file that grows; an empty one gets its header. */
static enum fg_status open_append(struct fg_rundir *d, struct fg_append *f, const char *name,
                                  enum fg_status (*header)(struct fg_str *out), struct fg_err *err)
{
    FG_NAMED(d, path, name);
    enum fg_status st = fg_append_open(f, path, err);
    if (st == FG_OK && f->len == 0) {
        d->text.len = 0;
        st = header(&d->text);
        st = st == FG_OK ? fg_append_write(f, d->text.data, d->text.len, err) : st;
    }
    return st;
}

static enum fg_status open_files(struct fg_rundir *d, const struct fg_config *c, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    FG_TRY(save_config(d, c, err)); /* also when it is resumed: threads, kernels and the like may be new */
    FG_TRY(open_append(d, &d->rounds, "rounds.csv", fg_rounds_header, err));
    FG_TRY(open_append(d, &d->parts, "participation.part", fg_parts_header, err));
    FG_NAMED(d, journal, "journal");
    FG_TRY(fg_journal_open(&d->journal, journal, err));
    FG_NAMED(d, log, "log.txt");
    d->log = fopen(log, "ae");
    if (d->log == NULL) {
        return fg_file_error(errno, log, "open for writing", err);
    }
    fg_log_to_file(d->log);
    if (d->journal.cut_bytes > 0) {
        fg_log_write(FG_LOG_WARN, "%s/journal: a torn end of %llu bytes was cut", d->path,
                     (unsigned long long)d->journal.cut_bytes);
    }
    fg_log_write(FG_LOG_DEBUG, "%s held by process %ld: %s", d->path, (long)getpid(),
                 d->state == FG_RUNDIR_NEW ? "a new run" : "an unfinished run");
cleanup:
    return st;
}

enum fg_status fg_rundir_open(struct fg_rundir **out, const char *path, const struct fg_config *c, bool force,
                              unsigned wait_ms, struct fg_err *err)
{
    struct fg_rundir *d = fg_calloc(1, sizeof *d);
    enum fg_status st = FG_E_NOMEM;
    bool created = false;
    if (d == NULL) {
        return st;
    }
    d->lock = -1;
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    d->path = fg_strndup(path, len);
    FG_TRY(d->path != NULL ? FG_OK : FG_E_NOMEM);
    path = d->path;
    FG_TRY(make_folder(path, &created, err));
    FG_TRY(fg_lock_take(&d->lock, path, wait_ms, err));
    FG_TRY(find_state(d, c, force, err));
    if (d->state != FG_RUNDIR_FINISHED) {
        FG_TRY(open_files(d, c, err));
    }
    *out = d;
    return FG_OK;
cleanup:
    if (created && d->state == FG_RUNDIR_NEW) { /* leave no trace of a run that never began */
        enum fg_status gone = fg_run_files_clear(d->path, NULL); /* why it never began is what is told */
        (void)gone;
        const char *name = file(d, "lock");
        if (name != NULL) {
            unlink(name);
        }
        rmdir(d->path);
    }
    fg_rundir_close(d);
    return st;
}

void fg_rundir_close(struct fg_rundir *d)
{
    if (d == NULL) {
        return;
    }
    if (d->log != NULL) {
        fg_log_to_file(NULL);
        fclose(d->log);
    }
    fg_append_close(&d->rounds);
    fg_append_close(&d->parts);
    if (d->board.path != NULL) {
        fg_append_close(&d->board);
    }
    fg_journal_close(&d->journal);
    fg_memory_close(d->memory);
    if (d->lock >= 0) {
        fg_lock_drop(d->lock);
    }
    fg_str_fini(&d->name);
    fg_str_fini(&d->text);
    fg_free(d->path);
    fg_free(d);
}

enum fg_rundir_state fg_rundir_state(const struct fg_rundir *d)
{
    return d->state;
}

const char *fg_rundir_path(const struct fg_rundir *d)
{
    return d->path;
}

struct fg_journal *fg_rundir_journal(struct fg_rundir *d)
{
    return &d->journal;
}

enum fg_status fg_rundir_remember(struct fg_rundir *d, uint32_t clients, size_t params, bool on_disk,
                                  struct fg_err *err)
{
    return fg_memory_open(&d->memory, d->path, clients, params, on_disk, err);
}

struct fg_memory *fg_rundir_memory(struct fg_rundir *d)
{
    return d->memory;
}

/* Before the first checkpoint there are only the headers. */
static enum fg_status cut_to_start(struct fg_rundir *d, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    d->text.len = 0;
    FG_TRY(fg_append_truncate(&d->rounds, 0, err));
    FG_TRY(fg_append_truncate(&d->parts, 0, err));
    FG_TRY(fg_rounds_header(&d->text));
    FG_TRY(fg_append_write(&d->rounds, d->text.data, d->text.len, err));
    d->text.len = 0;
    FG_TRY(fg_parts_header(&d->text));
    FG_TRY(fg_append_write(&d->parts, d->text.data, d->text.len, err));
cleanup:
    return st;
}

/* What a checkpoint names must be readable at the end: damage is said before anything is computed. */
static enum fg_status check_rows(struct fg_rundir *d, struct fg_err *err)
{
    struct fg_round_record *rounds = NULL;
    struct fg_map csv = {NULL, 0}, parts = {NULL, 0};
    size_t n;
    enum fg_status st = FG_OK;
    FG_TRY(fg_file_map(&csv, d->rounds.path, err));
    FG_TRY(fg_file_map(&parts, d->parts.path, err));
    st = fg_rounds_read(&rounds, &n, csv.bytes, csv.len, err);
    st = st == FG_OK ? fg_parts_count(&n, parts.bytes, parts.len, err) : st;
    st = st == FG_OK ? st : fg_fail_prefix(err, st, "%s", d->path);
cleanup:
    fg_file_unmap(&csv);
    fg_file_unmap(&parts);
    fg_free(rounds);
    return st;
}

enum fg_status fg_rundir_resume(struct fg_rundir *d, struct fg_str *state, uint64_t *journal_len,
                                struct fg_err *err)
{
    struct fg_checkpoint c;
    struct fg_str bytes = {0};
    struct fg_err warning = {{0}};
    enum fg_status st = fg_checkpoint_load(&c, &bytes, d->path, d->memory, &warning, err);
    if (st != FG_OK) {
        return st;
    }
    if (warning.text[0] != '\0') {
        fg_log_write(FG_LOG_WARN, "%s; going on from the checkpoint before it", warning.text);
    }
    if (c.sequence == 0) {
        FG_TRY(cut_to_start(d, err));
        *journal_len = FG_JOURNAL_HEADER;
    } else {
        FG_TRY(fg_append_truncate(&d->rounds, c.length[0], err));
        FG_TRY(fg_append_truncate(&d->parts, c.length[1], err));
        FG_TRY(check_rows(d, err));
        memmove(bytes.data, c.state, c.len); /* it may be most of what memory there is: no second copy */
        bytes.len = c.len;
        fg_str_fini(state);
        *state = bytes;
        bytes = (struct fg_str){0};
        *journal_len = c.length[2];
    }
    FG_TRY(d->memory != NULL ? fg_memory_restore(d->memory, c.memory, err) : FG_OK);
    d->sequence = c.sequence;
cleanup:
    fg_str_fini(&bytes);
    return st;
}

enum fg_status fg_rundir_round(struct fg_rundir *d, const struct fg_round_record *r,
                               const struct fg_participation *p, size_t n, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    d->text.len = 0;
    for (size_t i = 0; i < n; i++) {
        FG_TRY(fg_parts_row(&d->text, &p[i]));
    }
    FG_TRY(n > 0 ? fg_append_write(&d->parts, d->text.data, d->text.len, err) : FG_OK);
    d->text.len = 0;
    FG_TRY(fg_rounds_row(&d->text, r));
    FG_TRY(fg_append_write(&d->rounds, d->text.data, d->text.len, err));
cleanup:
    return st;
}

enum fg_status fg_rundir_board(struct fg_rundir *d, const struct fg_str *header, size_t row, uint64_t rounds,
                               struct fg_err *err)
{
    FG_NAMED(d, path, "board.part");
    enum fg_status st = fg_append_open(&d->board, path, err);
    if (st != FG_OK) {
        return st;
    }
    uint64_t whole = header->len + rounds * row;
    if (d->board.len < header->len) { /* new, or of an older program: then the first rounds are not on it */
        FG_TRY(fg_append_truncate(&d->board, 0, err));
        FG_TRY(fg_append_write(&d->board, header->data, header->len, err));
    } else {
        uint64_t rest = (d->board.len - header->len) % row;
        FG_TRY(fg_append_truncate(&d->board, d->board.len < whole ? d->board.len - rest : whole, err));
        if (pwrite(d->board.fd, header->data, header->len, 0) < 0) { /* the same, unless it is damaged */
            st = fg_file_error(errno, path, "write", err);
        }
    }
cleanup:
    return st;
}

enum fg_status fg_rundir_board_row(struct fg_rundir *d, const struct fg_str *row, struct fg_err *err)
{
    return fg_append_write(&d->board, row->data, row->len, err);
}

enum fg_status fg_rundir_summary(struct fg_rundir *d, const struct fg_summary *s, struct fg_err *err)
{
    d->text.len = 0;
    enum fg_status st = fg_summary_json(&d->text, s);
    if (st != FG_OK) {
        return st;
    }
    FG_NAMED(d, path, "summary.json");
    return fg_file_replace(path, d->text.data, d->text.len, err);
}

enum fg_status fg_rundir_checkpoint(struct fg_rundir *d,
                                    enum fg_status (*put)(const void *arg, struct fg_str *out),
                                    const void *arg, const struct fg_summary *s, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    FG_TRY(fg_append_sync(&d->rounds, err));
    FG_TRY(fg_append_sync(&d->parts, err));
    FG_TRY(d->board.path != NULL ? fg_append_sync(&d->board, err) : FG_OK);
    FG_TRY(fg_append_sync(&d->journal.file, err));
    struct fg_memory_mark memory = {0, 0};
    FG_TRY(d->memory != NULL ? fg_memory_save(d->memory, &memory, err) : FG_OK);
    struct fg_checkpoint c = {
        .sequence = d->sequence + 1,
        .length = {d->rounds.len, d->parts.len, d->journal.file.len},
        .memory = memory,
        .put = put,
        .put_arg = arg,
    };
    FG_TRY(fg_checkpoint_write(d->path, &c, err));
    d->sequence++;
    if (d->memory != NULL) {
        fg_memory_settled(d->memory);
    }
    FG_TRY(fg_rundir_summary(d, s, err));
cleanup:
    return st;
}

enum fg_status fg_rundir_finish(struct fg_rundir *d, struct fg_run_content *c, struct fg_err *err)
{
    struct fg_round_record *rounds = NULL;
    struct fg_map parts = {NULL, 0}, board = {NULL, 0};
    struct fg_str csv = {0}, config = {0};
    enum fg_status st = FG_OK;
    FG_TRY(fg_append_sync(&d->rounds, err));
    FG_TRY(fg_append_sync(&d->parts, err));
    FG_TRY(fg_file_read(&csv, d->rounds.path, SIZE_MAX / 4, err));
    FG_TRY(fg_rounds_read(&rounds, &c->n_rounds, csv.data, csv.len, err));
    FG_TRY(fg_file_map(&parts, d->parts.path, err));
    FG_TRY(fg_parts_count(&c->n_parts, parts.bytes, parts.len, err));
    if (d->board.path != NULL) {
        FG_TRY(fg_append_sync(&d->board, err));
        FG_TRY(fg_file_map(&board, d->board.path, err));
        FG_TRY(fg_board_read(&c->board, board.bytes, board.len, err));
    }
    FG_TRY(file(d, "config.ini") != NULL ? FG_OK : FG_E_NOMEM);
    FG_TRY(fg_file_read(&config, d->name.data, (size_t)16 << 20, err));
    c->rounds = rounds;
    c->parts = parts;
    c->config = config.data;
    FG_TRY(file(d, "run.h5") != NULL ? FG_OK : FG_E_NOMEM);
    FG_TRY(fg_run_h5_write(d->name.data, c, err));
    FG_TRY(fg_rundir_summary(d, c->summary, err));
cleanup:
    c->rounds = NULL;
    c->parts = (struct fg_map){NULL, 0};
    c->config = NULL;
    c->board = (struct fg_board){.bytes = NULL};
    fg_file_unmap(&parts);
    fg_file_unmap(&board);
    fg_str_fini(&config);
    fg_str_fini(&csv);
    fg_free(rounds);
    return st;
}
