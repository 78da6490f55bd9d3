/* gnuplot at work: the script in and the pictures out through files in memory,
 * so that neither waits for the other. */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/report/plot.h"

enum { IN, OUT, ERR };
static const char remedy[] = "install it (apt-get install gnuplot-nox), or name the program in GNUPLOT";

static enum fg_status write_all(int fd, const struct fg_str *text)
{
    for (size_t done = 0; done < text->len;) {
        ssize_t n = write(fd, text->data + done, text->len - done);
        if (n < 0 && errno != EINTR) {
            return FG_E_IO;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return lseek(fd, 0, SEEK_SET) == 0 ? FG_OK : FG_E_IO;
}

static enum fg_status read_all(struct fg_str *out, int fd)
{
    char part[65536];
    enum fg_status st = lseek(fd, 0, SEEK_SET) == 0 ? FG_OK : FG_E_IO;
    for (ssize_t n = 1; st == FG_OK && n != 0;) {
        n = read(fd, part, sizeof part);
        st = n > 0 ? fg_str_add(out, part, (size_t)n) : n == 0 || errno == EINTR ? FG_OK : FG_E_IO;
    }
    return st;
}

/* Start it without a file of the user's settings and wait; *rc gets its exit code. */
static enum fg_status run(int *rc, const char *program, const int fd[3], struct fg_err *err)
{
    char name[] = "gnuplot", option[] = "-d", *argv[] = {name, option, NULL};
    posix_spawn_file_actions_t files;
    pid_t pid, got;
    int status = 0;
    (void)posix_spawn_file_actions_init(&files);
    for (int i = 0; i < 3; i++) {
        (void)posix_spawn_file_actions_adddup2(&files, fd[i], i);
    }
    int error = posix_spawnp(&pid, program, &files, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&files);
    if (error != 0) {
        return fg_fail(err, FG_E_MISSING, "pictures are drawn by gnuplot, and '%s' cannot be run (%s): %s",
                       program, strerror(error), remedy);
    }
    do {
        got = waitpid(pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    *rc = got == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return FG_OK;
}

/* What it complained of, in a line: errors name the line of the script under it. */
static const char *complaint(struct fg_str *said)
{
    const char *last = "it said nothing";
    for (char *line = said->data != NULL ? strtok(said->data, "\n") : NULL; line != NULL;
         line = strtok(NULL, "\n")) {
        if (line[strspn(line, " \t^")] != '\0') {
            last = line;
        }
    }
    return last;
}

enum fg_status fg_plots_draw(struct fg_plots *s, struct fg_err *err)
{
    const char *asked = getenv("GNUPLOT"), *program = asked != NULL && *asked != '\0' ? asked : "gnuplot";
    struct fg_str drawn = {0}, said = {0}, probe = {0};
    int fd[3] = {-1, -1, -1}, rc = 0;
    enum fg_status st = FG_OK;
    if (s->n == 0) {
        return FG_OK;
    }
    for (int i = 0; i < 3; i++) {
        fd[i] = memfd_create("gnuplot", MFD_CLOEXEC);
        FG_TRY(fd[i] >= 0 ? FG_OK
                          : fg_fail(err, FG_E_IO, "no file in memory for gnuplot: %s", strerror(errno)));
    }
    st = write_all(fd[IN], &s->script);
    FG_TRY(st == FG_OK ? run(&rc, program, fd, err)
                       : fg_fail(err, st, "cannot keep %zu bytes for gnuplot in memory: %s", s->script.len,
                                 strerror(errno)));
    FG_TRY(read_all(&drawn, fd[OUT]));
    FG_TRY(read_all(&said, fd[ERR]));
    st = rc == 0 ? fg_plot_clean(&probe, &drawn, s->n - 1, "", false) : FG_E_IO;
    if (st == FG_E_IO) {
        st = fg_fail(err, st, "%s did not draw the pictures (exit code %d): %s", program, rc,
                     complaint(&said));
    }
    FG_TRY(st);
    fg_str_fini(&s->drawn);
    s->drawn = drawn;
    drawn = (struct fg_str){0};
cleanup:
    for (int i = 0; i < 3; i++) {
        if (fd[i] >= 0) {
            close(fd[i]);
        }
    }
    fg_str_fini(&drawn);
    fg_str_fini(&said);
    fg_str_fini(&probe);
    return st;
}

static enum fg_status picture(struct fg_str *out, const struct fg_plots *s, size_t i, const char *why)
{
    const char *name = s->names.data;
    enum fg_status st;
    for (size_t k = 0; k < i; k++) {
        name += strlen(name) + 1;
    }
    if (s->drawn.len > 0) {
        return fg_plot_clean(out, &s->drawn, i, name, false);
    }
    FG_TRY(fg_str_addf(out, "<p class=\"none\"><b>"));
    FG_TRY(fg_html(out, name));
    FG_TRY(fg_str_addf(out, "</b> is not drawn: "));
    FG_TRY(fg_html(out, why));
    FG_TRY(fg_str_addf(out, "</p>\n"));
cleanup:
    return st;
}

enum fg_status fg_plots_fill(struct fg_str *out, const struct fg_str *text, const struct fg_plots *s,
                             const char *why)
{
    enum fg_status st = FG_OK;
    const char *p = text->data, *end = text->data + text->len;
    for (size_t i = 0; st == FG_OK && p < end; i++) {
        const char *place = memchr(p, FG_PLOT_PLACE, (size_t)(end - p)), *stop = place != NULL ? place : end;
        st = fg_str_add(out, p, (size_t)(stop - p));
        st = st == FG_OK && place != NULL && i < s->n ? picture(out, s, i, why) : st;
        p = stop + 1;
    }
    return st;
}

enum fg_status fg_plots_file(struct fg_str *out, struct fg_plots *s, struct fg_err *err)
{
    enum fg_status st = fg_plots_draw(s, err);
    return st == FG_OK ? fg_plot_clean(out, &s->drawn, 0, s->names.data, true) : st;
}

enum fg_status fg_plot_name(const char *option, const char *path, struct fg_err *err)
{
    static const char *const other[] = {".png", ".pdf", ".jpg", ".jpeg", ".gif", ".eps", ".webp"};
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash != NULL ? slash : path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof other / sizeof *other; i++) {
        if (strcasecmp(dot, other[i]) == 0) {
            return fg_fail(err, FG_E_USAGE, "%s: pictures are SVG: expected FILE.svg, found '%s'", option,
                           path);
        }
    }
    return FG_OK;
}

enum fg_status fg_plots_save(struct fg_plots *s, const char *path, struct fg_err *err)
{
    struct fg_str svg = {0};
    enum fg_status st = fg_plots_file(&svg, s, err);
    st = st == FG_OK ? fg_file_replace(path, svg.data, svg.len, err) : st;
    fg_str_fini(&svg);
    return st;
}
