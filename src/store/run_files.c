#include "src/store/run_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/str.h"

/* `lock` apart. */
static const char *const own_files[] = {
    "config.ini",       "config.ini.tmp",     "summary.json",     "summary.json.tmp",
    "rounds.csv",       "participation.part", "journal",          "checkpoint.0",
    "checkpoint.1",     "checkpoint.0.tmp",   "checkpoint.1.tmp", "run.h5",
    "run.h5.tmp",       "workers.json",       "workers.json.tmp", "log.txt",
    "board.part",       "memory.0",           "memory.1",         "memory.0.tmp",
    "memory.1.tmp",     "memory.live",        "mpirun.log",       "inputs.sha256",
    "inputs.sha256.tmp"};

static bool is_own(const char *name)
{
    bool own = strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lock") == 0;
    for (size_t i = 0; i < sizeof own_files / sizeof own_files[0] && !own; i++) {
        own = strcmp(name, own_files[i]) == 0;
    }
    return own;
}

enum fg_status fg_run_files_alone(const char *folder, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return fg_file_error(errno, folder, "read", err);
    }
    for (struct dirent *e = readdir(dir); st == FG_OK && e != NULL; e = readdir(dir)) {
        if (!is_own(e->d_name)) {
            st = fg_fail(
                err, FG_E_USAGE,
                "%s: expected an empty folder or a run's, found '%s' in it (--force uses it all the same)",
                folder, e->d_name);
        }
    }
    closedir(dir);
    return st;
}

enum fg_status fg_run_files_clear(const char *folder, struct fg_err *err)
{
    struct fg_str path = {0};
    enum fg_status st = FG_OK;
    for (size_t i = 0; st == FG_OK && i < sizeof own_files / sizeof own_files[0]; i++) {
        path.len = 0;
        st = fg_str_addf(&path, "%s/%s", folder, own_files[i]);
        if (st == FG_OK && unlink(path.data) != 0 && errno != ENOENT) {
            st = fg_file_error(errno, path.data, "remove", err);
        }
    }
    fg_str_fini(&path);
    return st;
}

enum fg_status fg_run_files_apart(const char *path, struct fg_err *err)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    struct fg_str config = {0};
    struct stat sb;
    if (!is_own(name) || stat(path, &sb) != 0 || !S_ISREG(sb.st_mode)) {
        return FG_OK;
    }
    enum fg_status st = fg_str_addf(&config, "%.*sconfig.ini", (int)(name - path), path);
    if (st == FG_OK && access(config.data, F_OK) == 0) {
        st = fg_fail(err, FG_E_USAGE, "%s: expected a file that is not a run's own", path);
    }
    fg_str_fini(&config);
    return st;
}
