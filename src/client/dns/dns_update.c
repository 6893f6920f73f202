/* One update, from the key file to the server's answer. */
#include "client/dns/dns_update.h"

#include <string.h>
#include <unistd.h>

#include "client/dns/dns_ask.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/dns/dns_change.h"
#include "core/dns/dns_exchange.h"

#define UPDATE_MAX     4096  /* octets */
#define UPDATE_TRY_MS  5000  /* for one address */
#define UPDATE_WAIT_MS 20000 /* for all addresses of the primary server */

enum { OWNER, ZONE, PRIMARY, VALUE, PATH, FIELDS };

struct updater {
    struct arena *arena;
    int stop;
    struct tsig_key key;
};

static const char *text_of(const struct wire_message *m, size_t i)
{
    return (const char *)m->fields[i].data; /* a NUL is behind it */
}

/* The file is open already; it is read here, so that its content is nowhere else. */
static enum err read_key(struct tsig_key *key, int file, const char *path,
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
            : tsig_key_read(span_make(content, len), key, why);
    memory_wipe(content, sizeof content);
    return result == ERR_OK ? ERR_OK : err_prefix(why, "%s", path);
}

/* By TCP, which large answers and firewalls that drop UDP do not hurt; else by UDP. */
static enum err send_to(const struct updater *u, struct span message,
                        const struct address *to, struct dns_exchange *e,
                        struct err_info *why)
{
    *e = (struct dns_exchange){.to = *to, .message = message, .tcp = true};
    TRY(dns_exchange_all(u->arena, e, 1, UPDATE_TRY_MS, u->stop, why));
    if (e->answer.len > 0 || e->arrived || dns_exchange_is_unreachable(e))
        return ERR_OK;
    e->tcp = false;
    return dns_exchange_all(u->arena, e, 1, UPDATE_TRY_MS, u->stop, why);
}

/* Others of that name keep their time to live, and so ours must have it; alone it has
 * none: who tries again must not be shown the old one. */
static enum err find_ttl(const struct updater *u, const struct address *to,
                         struct dns_update *update, struct err_info *why)
{
    const struct dns_asker k = {.arena = u->arena, .stop = u->stop};
    struct dns_answer answer;

    enum err result = dns_ask_server(&k, to, update->owner, DNS_TXT, false, &answer, why);
    if (result == ERR_INTERRUPTED)
        return result;
    const struct dns_record *other =
        result == ERR_OK ? dns_wire_find(&answer.answer, DNS_TXT) : NULL;
    update->ttl = other != NULL ? other->ttl : 0;
    return ERR_OK;
}

static enum err change_at(const struct updater *u, struct dns_update *update,
                          const struct address *to, struct err_info *why)
{
    AUTO(buf) struct buf message = buf_make(UPDATE_MAX);
    char server[ADDRESS_TEXT_SIZE];
    struct dns_exchange e;
    struct tsig_mac mac;
    unsigned int id = (unsigned int)random_below(UINT16_MAX + 1);

    address_text_with_port(to, server);
    if (update->add)
        TRY(find_ttl(u, to, update, why));
    TRY(dns_change_make(&message, update, &u->key, id, &mac, why));
    TRY(send_to(u, buf_span(&message), to, &e, why));
    if (e.answer.len == 0)
        return err_set(why, e.arrived ? ERR_TIMEOUT : ERR_NETWORK,
                       "%s does not answer: %s", server, strerror(e.os_error));
    return dns_change_judge(e.answer, update, &u->key, id, &mac, server, why);
}

/* At the first of its addresses that answers. ERR_TIMEOUT: it may have been done.
 * ERR_NETWORK: nothing has reached the server. */
static enum err change(const struct updater *u, const struct wire_message *m, bool add,
                       struct err_info *why)
{
    struct dns_update update = {.zone = text_of(m, ZONE),
                                .owner = text_of(m, OWNER),
                                .value = text_of(m, VALUE),
                                .add = add};
    int64_t end_us = clock_monotonic_us() + UPDATE_WAIT_MS * 1000LL;
    char *rest = arena_string(u->arena, text_of(m, PRIMARY));
    enum err result = err_set(why, ERR_PROTOCOL, "a call without a server");
    bool arrived = false;

    for (char *text = strsep(&rest, " "); text != NULL && clock_monotonic_us() < end_us;
         text = strsep(&rest, " ")) {
        struct address to;
        if (!address_parse_with_port(span_of(text), DNS_EXCHANGE_PORT, &to))
            return err_set(why, ERR_PROTOCOL, "a call to the DNS process is malformed");
        result = change_at(u, &update, &to, why);
        arrived = arrived || result == ERR_TIMEOUT;
        if (result != ERR_NETWORK && result != ERR_TIMEOUT)
            return result;
    }
    why->code = arrived ? ERR_TIMEOUT : result;
    return why->code;
}

enum err dns_update_run(struct arena *a, int stop, const struct wire_message *m, int file,
                        struct err_info *why)
{
    struct updater u = {.arena = a, .stop = stop};

    if (m->count != FIELDS || file < 0)
        return err_set(why, ERR_PROTOCOL, "a call to the DNS process is malformed");
    TRY(read_key(&u.key, file, text_of(m, PATH), why));
    enum err result = change(&u, m, m->type == WIRE_DNS_ADD, why);
    tsig_key_free(&u.key);
    return result;
}
