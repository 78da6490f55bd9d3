/* How long a data set takes to load: wall time, from its raw files,
 * and from the cache that these were imported into.
 *
 *     make bench/bench_load && bench/bench_load PATH [REPEATS]
 *
 * The cache is a folder of its own, which is removed.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/case.h"
#include "bench/limits.h"
#include "datasets/load.h"

static void load(const char *how, const char *path, const char *cache)
{
    struct fg_dataset_spec spec = FG_DATASET_SPEC_DEFAULT;
    struct fg_dataset *ds = NULL;
    struct fg_err err = {""};
    spec.path = path;
    spec.cache = cache;
    double begin = bench_wall_s();
    bench_must(fg_dataset_load(&ds, &spec, &err), &err);
    printf("%s %zu %.6f\n", how, ds->n, bench_wall_s() - begin);
    fg_dataset_destroy(ds);
}

/* All files of a folder, and the folder. */
static void clear(const char *folder)
{
    DIR *d = bench_need(opendir(folder));
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        (void)unlinkat(dirfd(d), e->d_name, 0);
    }
    (void)closedir(d);
    (void)rmdir(folder);
}

int main(int argc, char **argv)
{
    char cache[BENCH_PATH];
    int repeats = argc > 2 ? atoi(argv[2]) : 5;
    if (argc < 2 || repeats < 1) {
        fprintf(stderr, "usage: bench_load PATH [REPEATS]\n");
        return 2;
    }
    bench_folder(cache, "bench_load");
    printf("how samples s\n");
    load("import", argv[1], cache);
    for (int i = 0; i < repeats; i++) {
        load("cache", argv[1], cache);
    }
    clear(cache);
    return 0;
}
