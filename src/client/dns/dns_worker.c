/* Finding the place of a record, adding it, looking for it, removing it. */
#include "client/dns/dns_worker.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/dns/dns_watch.h"
#include "client/proc/child.h"
#include "client/proc/wire.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/dns/dns_change.h"
#include "core/dns/dns_exchange.h"

#define UPDATE_MAX     4096  /* octets */
#define UPDATE_TRY_MS  5000  /* for one address */
#define UPDATE_WAIT_MS 20000 /* for all addresses of the primary server */
#define MISSING_MAX    600   /* octets of a phrase */
#define PRIMARY_MAX    (DNS_ADDRESSES_MAX * ADDRESS_TEXT_SIZE)

/* What DNS_FIND found for a name. */
struct found {
    struct found *next;
    const char *name;
    struct dns_place place;
};

/* What was opened last. */
struct worker {
    struct arena *arena; /* of one DNS_OPEN */
    int fd;              /* to the process that asks */
    struct tsig_key key;
    const char *key_path;
    const char *resolver;
    struct dns_place_options options;
    struct found *found; /* the newest first */
    struct dns_watched *watched;
};

/* A place's fields as they travel and are kept: owner, zone, addresses of the primary. */
enum { OWNER, ZONE, PRIMARY, VALUE, CHANGE_FIELDS };

static const char *text_of(const struct wire_message *m, size_t i)
{
    return (const char *)m->fields[i].data; /* a NUL is behind it */
}

static enum err malformed(struct err_info *why)
{
    return err_set(why, ERR_PROTOCOL, "a call to the DNS process is malformed");
}

/* ---- opening ---- */

static void forget(struct worker *w)
{
    tsig_key_free(&w->key);
    w->found = NULL;
    w->watched = NULL;
    arena_reset(w->arena);
}

/* The file is open already; it is read here, so that its content is nowhere else. */
static enum err read_key(struct worker *w, int file, const char *path,
                         struct err_info *why)
{
    char content[TSIG_KEY_FILE_MAX + 1];
    size_t len = 0;
    ssize_t got = 1;

    while (got > 0 && len < sizeof content) {
        got = pread(file, content + len, sizeof content - len, (off_t)len);
        len += got > 0 ? (size_t)got : 0;
    }
    enum err result =
        got < 0 || len == sizeof content
            ? err_set(why, ERR_CONFIG, "cannot be read, or is larger than %d octets",
                      TSIG_KEY_FILE_MAX)
            : tsig_key_read(span_make(content, len), &w->key, why);
    memory_wipe(content, sizeof content);
    return result == ERR_OK ? ERR_OK : err_prefix(why, "%s", path);
}

/* Fields: the option --dns-server, --dns-resolver, --dns-check, the key file's path. */
static enum err begin(struct worker *w, const struct wire_message *m, int file,
                      struct err_info *why)
{
    enum dns_check check = DNS_CHECK_NONE;

    if (m->count != 4 || file < 0 || !dns_place_read_check(text_of(m, 2), &check))
        return malformed(why);
    forget(w);
    TRY(read_key(w, file, text_of(m, 3), why));
    w->options.server = arena_string(w->arena, text_of(m, 0));
    w->options.check = check;
    w->resolver = arena_string(w->arena, text_of(m, 1));
    return ERR_OK;
}

static enum err make_asker(const struct worker *w, struct arena *a, struct dns_asker *k,
                           struct err_info *why)
{
    k->arena = a;
    k->stop = w->fd;
    return dns_ask_resolvers(w->resolver, &k->resolvers, why);
}

/* ---- finding ---- */

static void write_addresses(struct buf *b, const struct dns_addresses *addresses)
{
    char text[ADDRESS_TEXT_SIZE];

    for (size_t i = 0; i < addresses->count; i++) {
        address_text_with_port(&addresses->list[i], text);
        buf_printf(b, "%s%s", i > 0 ? " " : "", text);
    }
}

/* A name and its wildcard have the same record name: found once is enough. */
static enum err find_once(struct worker *w, const char *name,
                          const struct dns_place **place, struct err_info *why)
{
    struct dns_asker k;

    for (const struct found *f = w->found; f != NULL; f = f->next)
        if (strcmp(f->name, name) == 0) {
            *place = &f->place;
            return ERR_OK;
        }
    struct found *f = arena_get(w->arena, sizeof *f);
    f->name = arena_string(w->arena, name);
    TRY(make_asker(w, w->arena, &k, why));
    TRY(dns_place_find(&k, &w->options, f->name, &f->place, why));
    f->next = w->found;
    w->found = f;
    *place = &f->place;
    return ERR_OK;
}

/* Field: the name of the record. Answer: owner, zone, addresses of the primary server. */
static enum err find(struct worker *w, struct arena *a, const struct wire_message *m,
                     struct wire_message *answer, struct err_info *why)
{
    AUTO(buf) struct buf primary = buf_make(PRIMARY_MAX);
    const struct dns_place *place = NULL;

    if (m->count != 1)
        return malformed(why);
    TRY(find_once(w, text_of(m, 0), &place, why));
    write_addresses(&primary, &place->primary);
    answer->fields[OWNER] = span_of(place->owner);
    answer->fields[ZONE] = span_of(place->zone);
    answer->fields[PRIMARY] = arena_span(a, buf_span(&primary));
    answer->count = VALUE;
    return ERR_OK;
}

/* ---- changing ---- */

/* By TCP, which large answers and firewalls that drop UDP do not hurt; else by UDP. */
static enum err send_to(const struct worker *w, struct arena *a, struct span message,
                        const struct address *to, struct dns_exchange *e,
                        struct err_info *why)
{
    *e = (struct dns_exchange){.to = *to, .message = message, .tcp = true};
    TRY(dns_exchange_all(a, e, 1, UPDATE_TRY_MS, w->fd, why));
    if (e->answer.len > 0 || e->arrived || dns_exchange_is_unreachable(e))
        return ERR_OK;
    e->tcp = false;
    return dns_exchange_all(a, e, 1, UPDATE_TRY_MS, w->fd, why);
}

/* Others of that name keep their time to live, and so ours must have it; alone it has
 * none: who tries again must not be shown the old one. */
static enum err find_ttl(const struct worker *w, struct arena *a,
                         const struct address *to, struct dns_update *update,
                         struct err_info *why)
{
    const struct dns_asker k = {.arena = a, .stop = w->fd};
    struct dns_answer answer;

    enum err result = dns_ask_server(&k, to, update->owner, DNS_TXT, false, &answer, why);
    if (result == ERR_INTERRUPTED)
        return result;
    const struct dns_record *other =
        result == ERR_OK ? dns_wire_find(&answer.answer, DNS_TXT) : NULL;
    update->ttl = other != NULL ? other->ttl : 0;
    return ERR_OK;
}

static enum err change_at(const struct worker *w, struct arena *a,
                          struct dns_update *update, const struct address *to,
                          struct err_info *why)
{
    AUTO(buf) struct buf message = buf_make(UPDATE_MAX);
    char server[ADDRESS_TEXT_SIZE];
    struct dns_exchange e;
    struct tsig_mac mac;
    unsigned int id = (unsigned int)random_below(UINT16_MAX + 1);

    address_text_with_port(to, server);
    if (update->add)
        TRY(find_ttl(w, a, to, update, why));
    TRY(dns_change_make(&message, update, &w->key, id, &mac, why));
    TRY(send_to(w, a, buf_span(&message), to, &e, why));
    if (e.answer.len == 0)
        return err_set(why, e.arrived ? ERR_TIMEOUT : ERR_NETWORK,
                       "%s does not answer: %s", server, strerror(e.os_error));
    return dns_change_judge(e.answer, update, &w->key, id, &mac, server, why);
}

/* At the first of its addresses that answers. ERR_TIMEOUT: it may have been done.
 * ERR_NETWORK: nothing has reached the server. */
static enum err change(const struct worker *w, struct arena *a,
                       const struct wire_message *m, bool add, struct err_info *why)
{
    struct dns_update update = {.zone = text_of(m, ZONE),
                                .owner = text_of(m, OWNER),
                                .value = text_of(m, VALUE),
                                .add = add};
    int64_t end_us = clock_monotonic_us() + UPDATE_WAIT_MS * 1000LL;
    char *rest = arena_string(a, text_of(m, PRIMARY));
    enum err result = err_set(why, ERR_PROTOCOL, "a call without a server");
    bool arrived = false;

    for (char *text = strsep(&rest, " "); text != NULL && clock_monotonic_us() < end_us;
         text = strsep(&rest, " ")) {
        struct address to;
        if (!address_parse_with_port(span_of(text), DNS_EXCHANGE_PORT, &to))
            return malformed(why);
        result = change_at(w, a, &update, &to, why);
        arrived = arrived || result == ERR_TIMEOUT;
        if (result != ERR_NETWORK && result != ERR_TIMEOUT)
            return result;
    }
    why->code = arrived ? ERR_TIMEOUT : result;
    return why->code;
}

/* From now on DNS_LOOK looks for it, where its place was found. */
static void watch(struct worker *w, const struct wire_message *m)
{
    const struct found *f = w->found;

    while (f != NULL && strcmp(f->place.owner, text_of(m, OWNER)) != 0)
        f = f->next;
    if (f == NULL)
        return;
    struct dns_watched *one = arena_get(w->arena, sizeof *one);
    one->place = &f->place;
    one->value = arena_string(w->arena, text_of(m, VALUE));
    one->next = w->watched;
    w->watched = one;
}

static enum err add_or_remove(struct worker *w, struct arena *a,
                              const struct wire_message *m, struct err_info *why)
{
    bool add = m->type == WIRE_DNS_ADD;

    if (m->count != CHANGE_FIELDS || w->key.secret.data == NULL)
        return malformed(why);
    if (add)
        watch(w, m);
    return change(w, a, m, add, why);
}

/* Answer: where a record is missing, in words; nothing if it is everywhere. */
static enum err look(struct worker *w, struct arena *a, struct wire_message *answer,
                     struct err_info *why)
{
    AUTO(buf) struct buf missing = buf_make(MISSING_MAX);
    struct dns_asker k;

    TRY(make_asker(w, a, &k, why));
    TRY(dns_watch_look(&k, w->watched, &missing, why));
    answer->fields[0] = arena_span(a, buf_span(&missing));
    answer->count = 1;
    return ERR_OK;
}

static enum err obey(struct worker *w, struct arena *a, const struct wire_message *m,
                     int file, struct wire_message *answer, struct err_info *why)
{
    switch (m->type) {
    case WIRE_DNS_OPEN:
        return begin(w, m, file, why);
    case WIRE_DNS_FIND:
        return find(w, a, m, answer, why);
    case WIRE_DNS_ADD:
    case WIRE_DNS_REMOVE:
        return add_or_remove(w, a, m, why);
    case WIRE_DNS_LOOK:
        return look(w, a, answer, why);
    case WIRE_CLOSE:
        forget(w);
        return ERR_OK;
    default:
        return malformed(why);
    }
}

int dns_worker_run(int fd)
{
    struct worker w = {.arena = arena_new(), .fd = fd};
    struct err_info why = {0};

    child_ignore_signals();
    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        struct wire_message answer = {.type = WIRE_ANSWER};
        struct wire_message m;
        int file = -1;

        if (wire_receive(a, fd, &m, &file, &why) != ERR_OK)
            break; /* nobody asks any more */
        enum err result = obey(&w, a, &m, file, &answer, &why);
        if (file >= 0)
            (void)close(file);
        if ((result == ERR_OK ? wire_send(fd, &answer, &why)
                              : wire_send_failure(fd, &why, &why)) != ERR_OK)
            break;
    }
    forget(&w);
    arena_free(w.arena);
    return EXIT_SUCCESS;
}
