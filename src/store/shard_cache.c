#include "src/store/shard_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/hash.h"
#include "src/base/mem.h"

enum { HEX = 64, SHARD_MAX = 1 << 30 };

struct fg_shard_cache {
    char *folder;
    uint64_t limit;
    struct fg_str path, tmp; /* scratch */
};

/* An entry as trimming sees it. */
struct entry {
    char name[HEX + 1];
    uint64_t bytes;
    struct timespec used;
};

static enum fg_status usual_place(struct fg_str *out, struct fg_err *err)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (base != NULL && base[0] == '/') {
        return fg_str_addf(out, "%s/forage/shards", base);
    }
    return home != NULL && home[0] == '/'
               ? fg_str_addf(out, "%s/.cache/forage/shards", home)
               : fg_fail(err, FG_E_MISSING, "worker.cache_dir: neither XDG_CACHE_HOME nor HOME is a folder");
}

static enum fg_status make_folder(char *path, struct fg_err *err)
{
    for (char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        int rc = mkdir(path, 0755);
        int code = errno;
        *p = '/';
        if (rc != 0 && code != EEXIST) {
            return fg_file_error(code, path, "create", err);
        }
    }
    bool there = mkdir(path, 0700) == 0 || errno == EEXIST;
    return there ? FG_OK : fg_file_error(errno, path, "create", err);
}

enum fg_status fg_shard_cache_open(struct fg_shard_cache **out, const char *folder, uint64_t limit_bytes,
                                   struct fg_err *err)
{
    struct fg_shard_cache *c = fg_calloc(1, sizeof *c);
    struct fg_str path = {0};
    enum fg_status st = FG_E_NOMEM;
    FG_TRY(c != NULL ? FG_OK : FG_E_NOMEM);
    FG_TRY(folder != NULL && folder[0] != '\0' ? fg_str_addf(&path, "%s", folder) : usual_place(&path, err));
    FG_TRY(make_folder(path.data, err));
    c->folder = fg_strdup(path.data);
    c->limit = limit_bytes;
    FG_TRY(c->folder != NULL ? FG_OK : FG_E_NOMEM);
    *out = c;
    c = NULL;
cleanup:
    fg_shard_cache_close(c);
    fg_str_fini(&path);
    return st;
}

void fg_shard_cache_close(struct fg_shard_cache *c)
{
    if (c != NULL) {
        fg_str_fini(&c->path);
        fg_str_fini(&c->tmp);
        fg_free(c->folder);
        fg_free(c);
    }
}

static enum fg_status find_path(struct fg_shard_cache *c, const uint8_t hash[32])
{
    char hex[HEX + 1];
    fg_hex32(hex, hash);
    c->path.len = 0;
    return fg_str_addf(&c->path, "%s/%s", c->folder, hex);
}

enum fg_status fg_shard_cache_get(struct fg_shard_cache *c, const uint8_t hash[32], struct fg_str *out,
                                  struct fg_err *err)
{
    uint8_t digest[32];
    out->len = 0;
    enum fg_status st;
    FG_TRY(find_path(c, hash));
    FG_TRY(fg_file_read(out, c->path.data, SHARD_MAX, err));
    FG_TRY(fg_sha256(digest, out->len > 0 ? out->data : "", out->len));
    if (memcmp(digest, hash, sizeof digest) != 0) {
        (void)unlink(c->path.data);
        out->len = 0;
        return fg_fail(err, FG_E_CORRUPT, "%s: expected bytes of that hash, found others", c->path.data);
    }
    (void)utimensat(AT_FDCWD, c->path.data, NULL, 0); /* used now; where that fails it only goes sooner */
cleanup:
    return st;
}

static bool is_entry(const char *name)
{
    return strlen(name) == HEX && strspn(name, "0123456789abcdef") == HEX;
}

static int by_use(const void *x, const void *y)
{
    const struct timespec *a = &((const struct entry *)x)->used, *b = &((const struct entry *)y)->used;
    return a->tv_sec != b->tv_sec ? (a->tv_sec < b->tv_sec ? -1 : 1)
                                  : (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

static enum fg_status list(struct entry **out, size_t *n, uint64_t *total, const struct fg_shard_cache *c,
                           struct fg_err *err)
{
    struct entry *e = NULL;
    size_t cap = 0;
    enum fg_status st = FG_OK;
    DIR *dir = opendir(c->folder);
    if (dir == NULL) {
        return fg_file_error(errno, c->folder, "read", err);
    }
    *n = 0;
    *total = 0;
    for (struct dirent *d = readdir(dir); d != NULL && st == FG_OK; d = readdir(dir)) {
        struct stat sb;
        if (!is_entry(d->d_name) || fstatat(dirfd(dir), d->d_name, &sb, 0) != 0) {
            continue; /* somebody else's, or removed by another worker */
        }
        st = FG_GROW(e, *n, cap);
        if (st == FG_OK) {
            e[*n] = (struct entry){.bytes = (uint64_t)sb.st_size, .used = sb.st_mtim};
            memcpy(e[(*n)++].name, d->d_name, HEX);
            *total += (uint64_t)sb.st_size;
        }
    }
    (void)closedir(dir);
    *out = e;
    return st;
}

/* What was used longest ago goes. */
static enum fg_status trim(struct fg_shard_cache *c, struct fg_err *err)
{
    struct entry *e = NULL;
    size_t n = 0;
    uint64_t total = 0;
    enum fg_status st = list(&e, &n, &total, c, err);
    if (st == FG_OK && total > c->limit) {
        qsort(e, n, sizeof *e, by_use);
    }
    for (size_t i = 0; i < n && total > c->limit && st == FG_OK; i++) {
        c->path.len = 0;
        st = fg_str_addf(&c->path, "%s/%s", c->folder, e[i].name);
        if (st == FG_OK && (unlink(c->path.data) == 0 || errno == ENOENT)) {
            total -= e[i].bytes;
        }
    }
    fg_free(e);
    return st;
}

/* Not synced: what a power cut leaves behind is found by its hash. */
static enum fg_status write_new(const char *tmp, const void *bytes, size_t len, struct fg_err *err)
{
    FILE *f = fopen(tmp, "we");
    if (f == NULL) {
        return fg_file_error(errno, tmp, "create", err);
    }
    int code = fwrite(bytes, 1, len, f) == len ? 0 : errno;
    if (fclose(f) != 0 && code == 0) {
        code = errno; /* of what was held back */
    }
    if (code != 0) {
        (void)unlink(tmp);
        return fg_file_error(code, tmp, "write", err);
    }
    return FG_OK;
}

enum fg_status fg_shard_cache_put(struct fg_shard_cache *c, const uint8_t hash[32], const void *bytes,
                                  size_t len, struct fg_err *err)
{
    enum fg_status st;
    if (len > c->limit) {
        return FG_OK;
    }
    FG_TRY(find_path(c, hash));
    c->tmp.len = 0;
    FG_TRY(fg_str_addf(&c->tmp, "%s.%ld", c->path.data, (long)getpid()));
    FG_TRY(write_new(c->tmp.data, bytes, len, err));
    if (rename(c->tmp.data, c->path.data) != 0) {
        st = fg_file_error(errno, c->path.data, "replace", err);
        (void)unlink(c->tmp.data);
        return st;
    }
    st = trim(c, err);
cleanup:
    return st;
}
