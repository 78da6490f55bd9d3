/* Lists of hosts and host files: any bytes; what is taken reads back as the same. */
#include <stdlib.h>
#include <string.h>

#include "src/net/hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct fg_hosts *h)
{
    struct fg_str text = {0}, again = {0};
    struct fg_hosts back = {0};
    if (fg_hosts_text(&text, h) != FG_OK || fg_hosts_add_list(&back, text.data, text.len, NULL) != FG_OK ||
        fg_hosts_text(&again, &back) != FG_OK || strcmp(text.data, again.data) != 0 ||
        fg_hosts_pick(h, 0) >= h->n || fg_hosts_initial(h, 12345) >= h->n) {
        abort();
    }
    fg_hosts_fini(&back);
    fg_str_fini(&text);
    fg_str_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_hosts list = {0}, file = {0};
    const char *text = (const char *)data;
    if (fg_hosts_add_list(&list, text, size, NULL) == FG_OK) {
        check(&list);
    }
    if (fg_hosts_add_file(&file, "hosts", text, size, NULL) == FG_OK && file.n > 0) {
        check(&file);
    }
    fg_hosts_fini(&list);
    fg_hosts_fini(&file);
    return 0;
}
