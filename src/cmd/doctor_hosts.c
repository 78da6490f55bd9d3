/* The doctor's look at other machines. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/cmd/doctor.h"

enum { MAX_HOSTS = 128, NAME_BYTES = 256 };

struct hosts {
    char name[MAX_HOSTS][NAME_BYTES];
    size_t n;
};

static enum fg_status add_host(struct hosts *h, const char *name, size_t len, struct fg_err *err)
{
    if (len == 0) {
        return FG_OK;
    }
    if (h->n == MAX_HOSTS || len >= NAME_BYTES) {
        return fg_fail(err, FG_E_USAGE, "doctor: expected at most %d hosts of less than %d bytes", MAX_HOSTS,
                       NAME_BYTES);
    }
    memcpy(h->name[h->n], name, len);
    h->name[h->n++][len] = '\0';
    return FG_OK;
}

static enum fg_status read_hostfile(struct hosts *h, const char *path, struct fg_err *err)
{
    char line[1024];
    enum fg_status st = FG_OK;
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        return fg_fail(err, FG_E_MISSING, "%s: %s", path, strerror(errno));
    }
    for (size_t number = 1; st == FG_OK && fgets(line, sizeof line, f) != NULL; number++) {
        if (strchr(line, '\n') == NULL && !feof(f)) {
            st = fg_fail(err, FG_E_INPUT,
                         "%s:%zu: expected a host name and options, found a line over %zu bytes", path,
                         number, sizeof line - 2);
            break;
        }
        const char *p = line + strspn(line, " \t");
        st = add_host(h, p, strcspn(p, " \t\r\n#:"), err);
    }
    fclose(f);
    return st;
}

static void try_all(struct fg_doctor *d, const struct hosts *h)
{
    pid_t pid[MAX_HOSTS] = {0};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (size_t i = 0; i < h->n; i++) {
        const char *argv[] = {"ssh",      "-n",   "-o", "BatchMode=yes", "-o", "ConnectTimeout=3", "--",
                              h->name[i], "true", NULL};
        pid[i] = fg_doctor_spawn(argv, null);
    }
    for (size_t i = 0; i < h->n; i++) {
        int rc = pid[i] > 0 ? fg_doctor_wait(pid[i], 10.0) : 127;
        if (rc == 0) {
            fg_doctor_add(d, FG_DOCTOR_OK, "host", NULL, "%s: reachable", h->name[i]);
        } else if (rc == 127) {
            fg_doctor_add(d, FG_DOCTOR_FAIL, "host", "apt-get install openssh-client",
                          "%s: not tried, no ssh here", h->name[i]);
        } else {
            fg_doctor_add(d, FG_DOCTOR_FAIL, "host",
                          "`ssh HOST true` must work without a password: check the name, the network, and "
                          "ssh-copy-id HOST",
                          "%s: not reachable by ssh (code %d)", h->name[i], rc);
        }
    }
    if (null >= 0) {
        close(null);
    }
}

enum fg_status fg_doctor_check_hosts(struct fg_doctor *d, const char *list, const char *hostfile,
                                     struct fg_err *err)
{
    static struct hosts h; /* too large for the stack */
    enum fg_status st = FG_OK;
    h.n = 0;
    while (st == FG_OK && list != NULL && *list != '\0') {
        size_t len = strcspn(list, ",");
        st = add_host(&h, list, strcspn(list, ",:"), err);
        list += len + (list[len] == ',');
    }
    if (st == FG_OK && hostfile != NULL) {
        st = read_hostfile(&h, hostfile, err);
    }
    if (st == FG_OK) {
        try_all(d, &h);
    }
    return st;
}
