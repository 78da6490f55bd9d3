/* The hosts of a deployment: who of those that the command line names is up. */
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/deploy/launch.h"
#include "src/deploy/launch_folder.h"
#include "src/net/probe.h"
#include "src/net/route.h"

enum { FILE_MAX = 1 << 20 };

enum fg_status fg_launch_hosts(struct fg_hosts *out, const char *list, const char *file, struct fg_err *err)
{
    struct fg_hosts hosts = {0};
    struct fg_str text = {0};
    enum fg_status st = FG_OK;
    if (list != NULL && file != NULL) {
        return fg_fail(err, FG_E_USAGE, "expected --host or --hostfile, found both");
    }
    if (list != NULL) {
        st = fg_hosts_add_list(&hosts, list, strlen(list), err);
    } else if (file != NULL) {
        st = fg_file_read(&text, file, FILE_MAX, err);
        st = st == FG_OK ? fg_hosts_add_file(&hosts, file, text.len > 0 ? text.data : "", text.len, err) : st;
        st = st == FG_OK && hosts.n == 0 ? fg_fail(err, FG_E_INPUT, "%s: expected a host, found none", file)
                                         : st;
    }
    fg_str_fini(&text);
    if (st == FG_OK) {
        *out = hosts;
    } else {
        fg_hosts_fini(&hosts);
    }
    return st;
}

/* Those that answer into *up, the others into *down. */
static enum fg_status sort_out(struct fg_str *up, struct fg_str *down, const struct fg_hosts *h,
                               const struct fg_agent *agent, struct fg_err *err)
{
    struct fg_probe *probe = NULL;
    bool *is_up = fg_calloc(h->n, sizeof *is_up);
    enum fg_status st = is_up != NULL ? fg_probe_create(&probe, h, agent) : FG_E_NOMEM;
    if (st == FG_OK) {
        fg_probe_all(probe, is_up);
    }
    for (size_t i = 0; i < h->n && st == FG_OK; i++) {
        struct fg_str *to = is_up[i] ? up : down;
        st = fg_str_addf(to, "%s%s:%u", to->len > 0 ? "," : "", h->host[i].name, (unsigned)h->host[i].slots);
        if (!is_up[i]) {
            fg_log_write(FG_LOG_WARN, "host %s does not answer and is left out at first", h->host[i].name);
        }
    }
    fg_probe_destroy(probe);
    fg_free(is_up);
    if (st == FG_OK && up->len == 0) {
        return fg_fail(err, FG_E_GONE,
                       "none of the hosts answers `%s HOST true`: try it by hand, or forage doctor --host",
                       agent->word[0]);
    }
    return st == FG_OK ? st : fg_fail(err, st, "out of memory for %zu hosts", h->n);
}

/* The network of the first host that is another machine. */
static enum fg_status find_network(struct fg_str *out, const struct fg_hosts *h, struct fg_err *err)
{
    for (size_t i = 0; i < h->n; i++) {
        if (!fg_agent_here(h->host[i].name)) {
            enum fg_status st = fg_route_to(out, h->host[i].name, err);
            return st == FG_OK ? st : fg_fail_prefix(err, st, "which network? --interface names it");
        }
    }
    return fg_str_addf(out, "lo");
}

enum fg_status fg_launch_hosts_up(struct fg_str *network, const struct fg_hosts *h, const char *agent,
                                  struct fg_err *err)
{
    struct fg_str up = {0}, down = {0};
    struct fg_agent a = {0};
    enum fg_status st;
    FG_TRY(fg_agent_init(&a, agent, err));
    FG_TRY(sort_out(&up, &down, h, &a, err));
    FG_TRY(network->len == 0 ? find_network(network, h, err) : FG_OK);
    (void)setenv(FG_LAUNCH_HOSTS, up.data, 1);
    (void)setenv(FG_LAUNCH_DOWN, down.len > 0 ? down.data : "", 1);
    (void)setenv(FG_LAUNCH_AGENT, agent != NULL ? agent : "", 1);
    (void)setenv("PRTE_MCA_ras", "^slurm,pbs,lsf,gridengine,flux",
                 0);                         /* mpirun has this machine only, whatever */
    (void)setenv("PRTE_MCA_plm", "ssh", 0);  /* a batch system allots */
    (void)setenv("PMIX_MCA_gds", "hash", 0); /* other machines do not share our memory */
    (void)setenv("PMIX_MCA_ptl_base_if_include", network->data, 0);
cleanup:
    fg_agent_fini(&a);
    fg_str_fini(&up);
    fg_str_fini(&down);
    return st;
}
