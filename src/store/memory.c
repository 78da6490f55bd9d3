#include "src/store/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/base/bytes.h"
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/base/now.h"

#define HEAD UINT32_MAX /* type of the first record; of the others, the client */
enum { HEAD_BYTES = FG_JOURNAL_HEADER + 20 + FG_JOURNAL_FRAME };

struct fg_memory {
    char *folder;
    uint32_t clients;
    size_t params;
    struct fg_rule_rows rows;
    size_t mapped; /* bytes of rows.row where it is a file, else 0 */
    uint8_t *kept; /* (clients) has a row in the file */
    uint64_t n_kept;
    struct fg_journal file;         /* being added to */
    uint64_t generation;            /* of it, 0 = there is none yet */
    uint64_t settled;               /* the one that the last checkpoint names */
    struct fg_memory_mark found[2]; /* of the two files: how far they are valid */
    double save_s;
    struct fg_str name; /* scratch */
};

static size_t row_bytes(const struct fg_memory *m)
{
    return m->params * sizeof(float);
}

/* Of the file's name in m->name. */
static enum fg_status name_file(struct fg_memory *m, uint64_t generation, const char *ending)
{
    m->name.len = 0;
    return fg_str_addf(&m->name, "%s/memory.%u%s", m->folder, (unsigned)(generation % 2), ending);
}

/* The file's number, if it begins as one of this run; 0 otherwise. */
static uint64_t read_head(const struct fg_memory *m, uint64_t *at, const void *bytes, size_t len)
{
    struct fg_journal_record head;
    if (fg_journal_begin(at, bytes, len, NULL) != FG_OK || fg_journal_next(&head, at, bytes, len) != 1 ||
        head.type != HEAD || head.len != HEAD_BYTES - FG_JOURNAL_HEADER - FG_JOURNAL_FRAME) {
        return 0;
    }
    struct fg_reader r = fg_reader_of(head.payload, head.len);
    uint64_t generation = fg_get_u64(&r);
    uint32_t clients = fg_get_u32(&r);
    return clients == m->clients && fg_get_u64(&r) == m->params ? generation : 0;
}

/* The next row, or NULL at the end of what is valid. */
static const void *next_row(const struct fg_memory *m, uint32_t *client, uint64_t *at, const void *bytes,
                            size_t len)
{
    struct fg_journal_record r;
    uint64_t next = *at;
    if (fg_journal_next(&r, &next, bytes, len) != 1 || r.type >= m->clients || r.len != row_bytes(m)) {
        return NULL;
    }
    *at = next;
    *client = r.type;
    return r.payload;
}

/* How far each of the two files is valid. */
static enum fg_status look(struct fg_memory *m, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    for (unsigned i = 0; i < 2; i++) {
        struct fg_map map;
        uint32_t client;
        uint64_t at = 0;
        FG_TRY(name_file(m, i, ""));
        if (access(m->name.data, F_OK) != 0 && errno == ENOENT) {
            continue;
        }
        FG_TRY(fg_file_map(&map, m->name.data, err));
        uint64_t generation = read_head(m, &at, map.bytes, map.len);
        while (generation % 2 == i && generation != 0 &&
               next_row(m, &client, &at, map.bytes, map.len) != NULL) {
        }
        m->found[i] = (struct fg_memory_mark){generation % 2 == i ? generation : 0, at};
        if (at < map.len) {
            fg_log_write(FG_LOG_WARN, "%s: valid up to byte %llu of %zu", m->name.data,
                         (unsigned long long)at, map.len);
        }
        fg_file_unmap(&map);
    }
cleanup:
    return st;
}

/* A mapped file without a name, which is gone with the process. All of its room is taken now: a page that
 * finds none later would end the process. */
static enum fg_status map_rows(struct fg_memory *m, size_t bytes, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    int fd = -1;
    m->name.len = 0;
    FG_TRY(fg_str_addf(&m->name, "%s/memory.live", m->folder));
    fd = open(m->name.data, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        st = fg_file_error(errno, m->name.data, "open for writing", err);
        goto cleanup;
    }
    unlink(m->name.data);
    int failed = posix_fallocate(fd, 0, (off_t)bytes);
    void *at = failed == 0 ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (at == MAP_FAILED) {
        st = fg_file_error(failed != 0 ? failed : errno, m->name.data, "take room for every client", err);
        goto cleanup;
    }
    m->rows.row = at;
    m->mapped = bytes;
cleanup:
    if (fd >= 0) {
        close(fd);
    }
    return st;
}

enum fg_status fg_memory_open(struct fg_memory **out, const char *folder, uint32_t clients, size_t params,
                              bool on_disk, struct fg_err *err)
{
    struct fg_memory *m = fg_calloc(1, sizeof *m);
    enum fg_status st = FG_E_NOMEM;
    if (m == NULL) {
        return fg_fail(err, st, "out of memory for the rule's memory");
    }
    size_t n = (size_t)clients * params;
    m->clients = clients;
    m->params = params;
    m->file.file.fd = -1;
    m->folder = fg_strdup(folder);
    m->kept = fg_calloc(clients, 1);
    m->rows.changed = fg_calloc(clients, 1);
    FG_TRY(m->folder != NULL && m->kept != NULL && m->rows.changed != NULL ? FG_OK : FG_E_NOMEM);
    if (on_disk && n > 0) {
        FG_TRY(map_rows(m, n * sizeof(float), err));
    } else {
        m->rows.row = fg_calloc(n, sizeof(float));
        FG_TRY(m->rows.row != NULL ? FG_OK : FG_E_NOMEM);
    }
    FG_TRY(look(m, err));
    *out = m;
    return FG_OK;
cleanup:
    fg_memory_close(m);
    return st != FG_E_NOMEM ? st : fg_fail(err, st, "out of memory for what the rule keeps of each client");
}

void fg_memory_close(struct fg_memory *m)
{
    if (m != NULL) {
        if (m->mapped > 0) {
            munmap(m->rows.row, m->mapped);
        } else {
            fg_free(m->rows.row);
        }
        fg_free(m->rows.changed);
        fg_free(m->kept);
        fg_journal_close(&m->file);
        fg_str_fini(&m->name);
        fg_free(m->folder);
        fg_free(m);
    }
}

struct fg_rule_rows fg_memory_rows(const struct fg_memory *m)
{
    return m->rows;
}

struct fg_memory_cost fg_memory_cost(const struct fg_memory *m)
{
    return (struct fg_memory_cost){m->n_kept * row_bytes(m), m->save_s};
}

enum fg_status fg_memory_fits(const struct fg_memory *m, struct fg_memory_mark mark, struct fg_err *err)
{
    const struct fg_memory_mark *have = &m->found[mark.generation % 2];
    if (mark.generation == 0 || (have->generation == mark.generation && have->length >= mark.length)) {
        return FG_OK;
    }
    return fg_fail(
        err, FG_E_CORRUPT,
        "%s/memory.%u: expected the rule's memory number %llu, valid up to byte %llu; found number "
        "%llu up to byte %llu",
        m->folder, (unsigned)(mark.generation % 2), (unsigned long long)mark.generation,
        (unsigned long long)mark.length, (unsigned long long)have->generation,
        (unsigned long long)have->length);
}

enum fg_status fg_memory_restore(struct fg_memory *m, struct fg_memory_mark mark, struct fg_err *err)
{
    struct fg_map map = {NULL, 0};
    uint64_t at = 0;
    uint32_t client = 0;
    const void *row;
    enum fg_status st = fg_memory_fits(m, mark, err);
    if (st != FG_OK || mark.generation == 0) {
        return st;
    }
    FG_TRY(name_file(m, mark.generation, ""));
    FG_TRY(fg_file_map(&map, m->name.data, err));
    size_t len = mark.length < map.len ? (size_t)mark.length : map.len;
    (void)read_head(m, &at, map.bytes, len);
    while ((row = next_row(m, &client, &at, map.bytes, len)) != NULL) {
        memcpy(m->rows.row + (size_t)client * m->params, row, row_bytes(m));
        m->n_kept += m->kept[client] == 0;
        m->kept[client] = 1;
    }
    if (at != mark.length) {
        st = fg_fail(err, FG_E_CORRUPT, "%s: expected a row to end at byte %llu, found byte %llu",
                     m->name.data, (unsigned long long)mark.length, (unsigned long long)at);
        goto cleanup;
    }
    FG_TRY(fg_append_open(&m->file.file, m->name.data, err));
    FG_TRY(fg_append_truncate(&m->file.file, mark.length, err));
    m->generation = m->settled = mark.generation;
cleanup:
    fg_file_unmap(&map);
    return st;
}

/* Add the rows marked 1 in which[clients]. */
static enum fg_status add_rows(const struct fg_memory *m, struct fg_journal *j, const uint8_t *which,
                               struct fg_err *err)
{
    enum fg_status st = FG_OK;
    for (uint32_t i = 0; i < m->clients && st == FG_OK; i++) {
        if (which[i] != 0) {
            st = fg_journal_add(j, i, m->rows.row + (size_t)i * m->params, row_bytes(m), err);
        }
    }
    return st;
}

/* The other file from here on, with the live rows only. */
static enum fg_status begin_file(struct fg_memory *m, struct fg_err *err)
{
    struct fg_journal j = {.file = {.fd = -1}};
    struct fg_append placed = {.fd = -1};
    struct fg_str head = {0}, tmp = {0};
    uint64_t generation = m->generation + 1;
    enum fg_status st;
    FG_TRY(name_file(m, generation, ".tmp"));
    FG_TRY(fg_str_add(&tmp, m->name.data, m->name.len));
    FG_TRY(name_file(m, generation, ""));
    unlink(tmp.data);
    FG_TRY(fg_journal_open(&j, tmp.data, err));
    FG_TRY(fg_put_u64(&head, generation));
    FG_TRY(fg_put_u32(&head, m->clients));
    FG_TRY(fg_put_u64(&head, m->params));
    FG_TRY(fg_journal_add(&j, HEAD, head.data, head.len, err));
    FG_TRY(add_rows(m, &j, m->kept, err));
    FG_TRY(fg_file_commit(tmp.data, m->name.data, err));
    FG_TRY(fg_append_open(&placed, m->name.data, err));
    fg_journal_close(&m->file);
    m->file.file = placed;
    m->generation = generation;
cleanup:
    if (st != FG_OK && j.file.fd >= 0) {
        unlink(tmp.data);
    }
    fg_journal_close(&j);
    fg_str_fini(&head);
    fg_str_fini(&tmp);
    return st;
}

static enum fg_status save_changed(struct fg_memory *m, uint64_t changed, struct fg_err *err)
{
    uint64_t record = row_bytes(m) + FG_JOURNAL_FRAME;
    if (m->generation == 0 || m->file.file.len + changed * record > HEAD_BYTES + 2 * m->n_kept * record) {
        return begin_file(m, err);
    }
    enum fg_status st = add_rows(m, &m->file, m->rows.changed, err);
    return st == FG_OK ? fg_append_sync(&m->file.file, err) : st;
}

enum fg_status fg_memory_save(struct fg_memory *m, struct fg_memory_mark *mark, struct fg_err *err)
{
    double begin = fg_now_steady_s();
    uint64_t changed = 0;
    for (uint32_t i = 0; i < m->clients; i++) {
        changed += m->rows.changed[i];
        m->n_kept += m->rows.changed[i] != 0 && m->kept[i] == 0;
        m->kept[i] |= m->rows.changed[i];
    }
    enum fg_status st = changed > 0 ? save_changed(m, changed, err) : FG_OK;
    if (st == FG_OK) {
        memset(m->rows.changed, 0, m->clients);
        *mark = (struct fg_memory_mark){m->generation, m->generation == 0 ? 0 : m->file.file.len};
    }
    m->save_s += fg_now_steady_s() - begin;
    return st;
}

void fg_memory_settled(struct fg_memory *m)
{
    if (m->settled == m->generation && m->generation != 0 && name_file(m, m->generation + 1, "") == FG_OK) {
        unlink(m->name.data); /* both checkpoints name the file in use */
    }
    m->settled = m->generation;
}
