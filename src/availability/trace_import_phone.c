/* State changes of phones, as JSON: {ID: {"messages": "2020-01-29 16:42:53\tbattery_charged_on\n...",
 * ...}, ...} (one text or a list of texts). A phone is up while every needed state holds: charging, wifi
 * (any mobile network or none ends it), idle (screen off or locked). Unknown until its first message;
 * nothing is said beyond the last message of the phone. Times are the phone's own. Source of the form:
 * Yang et al., WWW 2021. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/availability/trace_import_impl.h"
#include "src/base/mem.h"

enum { CHARGING = 1, WIFI = 2, IDLE = 4 };

struct event {
    int64_t at;
    size_t order;
    int state, on; /* state 0: tells only that the phone was watched */
};

struct events {
    struct event *item;
    size_t n, cap;
};

static int by_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->at != y->at) {
        return x->at < y->at ? -1 : 1;
    }
    return (x->order > y->order) - (x->order < y->order);
}

static void judge(struct fg_span word, struct event *e)
{
    static const struct {
        const char *words;
        int state, on;
    } table[] = {
        {"battery_charged_on|charging|plugged|charge_on", CHARGING, 1},
        {"battery_charged_off|discharging|unplugged|charge_off", CHARGING, 0},
        {"wifi|wifi_on", WIFI, 1},
        {"wifi_off|2g|3g|4g|5g|unknown|cellular|none|offline", WIFI, 0},
        {"screen_off|screen_lock", IDLE, 1},
        {"screen_on|screen_unlock", IDLE, 0},
    };
    e->state = e->on = 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (fg_import_word(word, table[i].words)) {
            e->state = table[i].state;
            e->on = table[i].on;
        }
    }
}

static struct fg_span trimmed(const char *at, size_t len)
{
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\r')) {
        len--;
    }
    while (len > 0 && *at == ' ') {
        at++;
        len--;
    }
    return (struct fg_span){at, len};
}

/* Lines TIME<tab>STATE; what is damaged is left out, as such logs are. */
static enum fg_status parse_messages(struct events *to, const char *text, size_t len)
{
    for (size_t from = 0; from < len;) {
        const char *end = memchr(text + from, '\n', len - from);
        size_t n = end != NULL ? (size_t)(end - text) - from : len - from;
        const char *tab = memchr(text + from, '\t', n);
        struct event e = {.order = to->n};
        bool dated;
        if (tab != NULL &&
            fg_import_time(trimmed(text + from, (size_t)(tab - text) - from), 1.0, &e.at, &dated)) {
            judge(trimmed(tab + 1, from + n - (size_t)(tab + 1 - text)), &e);
            if (FG_GROW(to->item, to->n, to->cap) != FG_OK) {
                return FG_E_NOMEM;
            }
            to->item[to->n++] = e;
        }
        from += n + 1;
    }
    return FG_OK;
}

static enum fg_status add_phone(struct fg_trace_build *b, uint32_t node, struct events *ev, int need)
{
    enum fg_status st = FG_OK;
    int holds = 0;
    int64_t since = 0;
    if (ev->n == 0) {
        return FG_OK;
    }
    qsort(ev->item, ev->n, sizeof *ev->item, by_time);
    fg_trace_build_observe(b, ev->item[0].at, ev->item[ev->n - 1].at);
    for (size_t i = 0; st == FG_OK && i < ev->n; i++) {
        const struct event *e = &ev->item[i];
        bool was = (holds & need) == need;
        holds = e->on ? holds | e->state : holds & ~e->state;
        bool is = (holds & need) == need;
        since = is && !was ? e->at : since;
        if (was && (!is || i + 1 == ev->n)) {
            st = fg_trace_build_add(b, node, since, e->at);
        }
    }
    return st;
}

static enum fg_status one_phone(struct fg_trace_build *b, const char *id, const json_t *phone, int need)
{
    struct events ev = {0};
    const json_t *messages = json_object_get(phone, "messages");
    size_t parts = json_is_array(messages) ? json_array_size(messages) : 1;
    uint32_t node = 0;
    enum fg_status st =
        fg_trace_build_node(b, &node, id[0] != '\0' ? id : "_", id[0] != '\0' ? strlen(id) : 1);
    for (size_t i = 0; st == FG_OK && i < parts; i++) {
        const json_t *part = json_is_array(messages) ? json_array_get(messages, i) : messages;
        if (json_is_string(part)) {
            st = parse_messages(&ev, json_string_value(part), json_string_length(part));
        }
    }
    st = st == FG_OK ? add_phone(b, node, &ev, need) : st;
    fg_free(ev.item);
    return st;
}

static enum fg_status parse_need(int *need, const struct fg_import_options *o, struct fg_err *err)
{
    *need = 0;
    for (const char *at = o->need != NULL ? o->need : "charging,wifi"; *at != '\0';) {
        struct fg_span word = {at, strcspn(at, ",")};
        int one = fg_import_word(word, "charging") ? CHARGING
                  : fg_import_word(word, "wifi")   ? WIFI
                  : fg_import_word(word, "idle")   ? IDLE
                                                   : 0;
        if (one == 0) {
            return fg_fail(err, FG_E_USAGE,
                           "%s: needed states: expected charging, wifi or idle, found '%.*s'", o->name,
                           (int)(word.len < 40 ? word.len : 40), word.at);
        }
        *need |= one;
        at += word.len + (at[word.len] == ',');
    }
    return *need != 0 ? FG_OK : fg_fail(err, FG_E_USAGE, "%s: no state is needed", o->name);
}

static enum fg_status read_phones(struct fg_trace_build *b, struct fg_trace_head *head, const void *bytes,
                                  size_t len, const struct fg_import_options *o, struct fg_err *err)
{
    json_error_t why;
    json_t *phone;
    const char *id;
    int need;
    enum fg_status st = parse_need(&need, o, err);
    if (st != FG_OK) {
        return st;
    }
    json_t *root = json_loadb(bytes, len, 0, &why);
    if (root == NULL) {
        return fg_fail(err, FG_E_INPUT, "%s:%d: expected JSON: %s", o->name, why.line, why.text);
    }
    if (!json_is_object(root)) {
        st = fg_fail(err, FG_E_INPUT, "%s: expected an object of phones", o->name);
    }
    json_object_foreach(root, id, phone)
    {
        st = st == FG_OK ? one_phone(b, id, phone, need) : st;
    }
    json_decref(root);
    head->clock = FG_CLOCK_LOCAL;
    head->at_midnight = head->dated = true;
    return st;
}

/* JSON of phones' messages (charging, network, screen), a line each change. */
const struct fg_trace_importer fg_trace_import_phone = {"phone", read_phones};
