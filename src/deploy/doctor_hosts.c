/* The doctor's look at other machines. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "src/deploy/doctor.h"
#include "src/deploy/launch.h"

enum { MAX_HOSTS = 128, SAID_BYTES = 2000 };

static const char same[] = "forage " PACKAGE_VERSION "\n"; /* that `forage --version` says here */

/* A host that is asked for its forage and the number of our user there. */
struct asked {
    pid_t pid;
    FILE *said;
};

static struct asked ask(const char *host, const char *command)
{
    const char *argv[] = {"ssh", "-n",    "-o", "BatchMode=yes", "-o", "ConnectTimeout=3", "--",
                          host,  command, NULL};
    struct asked a = {.pid = -1, .said = tmpfile()};
    if (a.said != NULL) {
        a.pid = fg_doctor_spawn(argv, fileno(a.said));
    }
    return a;
}

static void hear(struct fg_doctor *d, const char *host, struct asked *a)
{
    char said[SAID_BYTES] = "";
    int rc = a->pid > 0 ? fg_doctor_wait(a->pid, 10.0) : 127;
    if (a->said != NULL) {
        rewind(a->said);
        said[fread(said, 1, sizeof said - 1, a->said)] = '\0';
        (void)fclose(a->said);
    }
    bool like_ours = strstr(said, same) != NULL;
    const char *why = fg_launch_last_line(said);
    char user[24];
    (void)snprintf(user, sizeof user, "%u", (unsigned)geteuid());
    if (rc == 0 && like_ours && strcmp(why, user) != 0) {
        fg_doctor_add(d, FG_DOCTOR_FAIL, "host",
                      "Open MPI wants a user of the same number (id -u) there: ~/.ssh/config names another",
                      "%s: reachable, has this forage, but user %s is %s there", host, user, why);
    } else if (rc == 0 && like_ours) {
        fg_doctor_add(d, FG_DOCTOR_OK, "host", NULL, "%s: reachable, has this forage", host);
    } else if (rc == 127 && why[0] == '\0') {
        fg_doctor_add(d, FG_DOCTOR_FAIL, "host", "apt-get install openssh-client",
                      "%s: not tried, no ssh here", host);
    } else if (rc == -2 || rc == 255) {
        fg_doctor_add(d, FG_DOCTOR_FAIL, "host",
                      "`ssh HOST true` must work without a password: check the name, the network, and "
                      "ssh-copy-id HOST",
                      "%s: not reachable by ssh (%s)", host, why[0] != '\0' ? why : "no answer");
    } else {
        fg_doctor_add(d, FG_DOCTOR_FAIL, "host",
                      "the same forage, with the same Open MPI, has to be at the same path there",
                      "%s: reachable, but without forage " PACKAGE_VERSION " (%s)", host, why);
    }
}

static enum fg_status try_all(struct fg_doctor *d, const struct fg_hosts *h)
{
    struct asked asked[MAX_HOSTS];
    struct fg_launch_argv self = {0};
    struct fg_str command = {0};
    enum fg_status st;
    FG_TRY(fg_launch_self(&self));
    FG_TRY(fg_launch_add(&self, "--version"));
    FG_TRY(fg_launch_quote(&command, &self));
    FG_TRY(fg_str_addf(&command, " && id -u"));
    for (size_t i = 0; i < h->n; i++) {
        asked[i] = ask(h->host[i].name, command.data);
    }
    for (size_t i = 0; i < h->n; i++) {
        hear(d, h->host[i].name, &asked[i]);
    }
cleanup:
    fg_launch_argv_fini(&self);
    fg_str_fini(&command);
    return st;
}

enum fg_status fg_doctor_check_hosts(struct fg_doctor *d, const char *list, const char *hostfile,
                                     struct fg_err *err)
{
    struct fg_hosts h = {0};
    enum fg_status st = fg_launch_hosts(&h, list, hostfile, err);
    if (st == FG_OK && h.n > MAX_HOSTS) {
        st = fg_fail(err, FG_E_USAGE, "doctor: expected at most %d hosts, found %zu", MAX_HOSTS, h.n);
    }
    st = st == FG_OK ? try_all(d, &h) : st;
    fg_hosts_fini(&h);
    return st;
}
