/* Questions and their answers. */
#include "client/dns/dns_ask.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/dns/dns_exchange.h"

#define RESOLV_CONF     "/etc/resolv.conf"
#define RESOLV_CONF_MAX (64 * 1024) /* octets */
#define QUERY_MAX       512         /* octets */

/* The lines "nameserver ADDRESS" of resolv.conf(5). */
static void read_lines(char *text, struct dns_addresses *resolvers)
{
    for (char *line = strsep(&text, "\n");
         line != NULL && resolvers->count < DNS_RESOLVERS_MAX;
         line = strsep(&text, "\n")) {
        struct span s = text_trim(span_of(line));
        if (strncmp((const char *)s.data, "nameserver", 10) != 0)
            continue;
        struct span value = text_trim(span_slice(s, 10, s.len));
        struct address *to = &resolvers->list[resolvers->count];
        resolvers->count += address_parse_with_port(value, DNS_EXCHANGE_PORT, to);
    }
}

enum err dns_ask_resolvers(const char *text, struct dns_addresses *resolvers,
                           struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct dns_addresses read = {0};
    struct span content;

    if (text[0] != '\0') {
        if (!address_parse_with_port(span_of(text), DNS_EXCHANGE_PORT, &read.list[0]))
            return err_set(why, ERR_CONFIG,
                           "the resolver \"%.100s\" is neither ADDRESS nor "
                           "ADDRESS:PORT",
                           text);
        read.count = 1;
    } else {
        TRY(file_read(a, RESOLV_CONF, RESOLV_CONF_MAX, &content, why));
        read_lines(arena_string_of(a, content), &read);
    }
    if (read.count == 0)
        return err_set(why, ERR_CONFIG,
                       RESOLV_CONF
                       " names no resolver; say one with the option resolver of dns");
    *resolvers = read;
    return ERR_OK;
}

/* ---- who does not answer ---- */

bool dns_ask_is_silent(const struct dns_asker *k, const struct address *server)
{
    int64_t now_us = clock_monotonic_us();

    for (size_t i = 0; k->silent != NULL && i < k->silent->count; i++)
        if (k->silent->until_us[i] > now_us && address_equal(&k->silent->list[i], server))
            return true;
    return false;
}

void dns_ask_remember_silent(const struct dns_asker *k, const struct address *server)
{
    struct dns_silent *silent = k->silent;
    int64_t now_us = clock_monotonic_us();
    size_t at = 0;

    if (silent == NULL)
        return;
    while (at < silent->count && silent->until_us[at] > now_us &&
           !address_equal(&silent->list[at], server))
        at++;
    if (at == DNS_SILENT_MAX)
        return;
    silent->list[at] = *server;
    silent->until_us[at] = now_us + DNS_SILENT_MS * 1000LL;
    silent->count = at < silent->count ? silent->count : at + 1;
}

/* ---- questions ---- */

static enum err no_answer(const struct address *to, const char *reason,
                          struct err_info *why)
{
    char text[ADDRESS_TEXT_SIZE];

    address_text_with_port(to, text);
    return err_set(why, ERR_NETWORK, "%s %s", text, reason);
}

static enum err make_question(const struct dns_asker *k, const char *name,
                              enum dns_type type, bool recursion, struct dns_exchange *e,
                              struct err_info *why)
{
    AUTO(buf) struct buf query = buf_make(QUERY_MAX);

    TRY(dns_wire_query(&query, name, type, recursion,
                       (unsigned int)random_below(UINT16_MAX + 1), why));
    e->message = arena_span(k->arena, buf_span(&query));
    return ERR_OK;
}

static enum err read_answer(const struct dns_asker *k, const struct dns_exchange *e,
                            const char *name, enum dns_type type,
                            struct dns_answer *answer, struct err_info *why)
{
    if (e->answer.len == 0)
        return no_answer(
            &e->to, arena_printf(k->arena, "does not answer: %s", strerror(e->os_error)),
            why);
    if (dns_wire_read(k->arena, e->answer, answer, why) != ERR_OK)
        return no_answer(&e->to, arena_string(k->arena, why->detail), why);
    if (!text_equal_ignoring_case(span_of(answer->question), span_of(name)) ||
        answer->question_type != (unsigned int)type)
        return no_answer(&e->to, "answers another question", why);
    return ERR_OK;
}

enum err dns_ask_server(const struct dns_asker *k, const struct address *to,
                        const char *name, enum dns_type type, bool recursion,
                        struct dns_answer *answer, struct err_info *why)
{
    struct dns_exchange e = {.to = *to};

    TRY(make_question(k, name, type, recursion, &e, why));
    TRY(dns_exchange_all(k->arena, &e, 1, DNS_ASK_WAIT_MS, k->stop, why));
    return read_answer(k, &e, name, type, answer, why);
}

enum err dns_ask_all(const struct dns_asker *k, const struct address *const *to,
                     size_t count, const char *name, enum dns_type type, int64_t wait_ms,
                     struct dns_answer *answers, bool *answered, struct err_info *why)
{
    struct dns_exchange *e = arena_array(k->arena, count, sizeof *e);
    struct err_info ignored = {0};

    for (size_t i = 0; i < count; i++) {
        e[i].to = *to[i];
        TRY(make_question(k, name, type, false, &e[i], why));
    }
    TRY(dns_exchange_all(k->arena, e, count, wait_ms, k->stop, why));
    for (size_t i = 0; i < count; i++)
        answered[i] = read_answer(k, &e[i], name, type, &answers[i], &ignored) == ERR_OK;
    return ERR_OK;
}

enum err dns_ask_resolver(const struct dns_asker *k, const char *name, enum dns_type type,
                          struct dns_answer *answer, struct err_info *why)
{
    enum err result = ERR_NETWORK;

    for (size_t i = 0; i < k->resolvers.count; i++) {
        const struct address *to = &k->resolvers.list[i];
        result = dns_ask_server(k, to, name, type, true, answer, why);
        if (result == ERR_INTERRUPTED)
            return result;
        if (result == ERR_OK && answer->rcode != DNS_NOERROR &&
            answer->rcode != DNS_NXDOMAIN)
            result = no_answer(
                to, arena_printf(k->arena, "answers %s", dns_rcode_name(answer->rcode)),
                why);
        if (result == ERR_OK)
            return ERR_OK;
    }
    return err_prefix(why, "%s cannot be looked up: the resolver",
                      name[0] != '\0' ? name : ".");
}

enum err dns_ask_addresses(const struct dns_asker *k, const char *name, uint16_t port,
                           struct dns_addresses *addresses, struct err_info *why)
{
    static const enum dns_type types[] = {DNS_AAAA, DNS_A};

    for (size_t t = 0; t < 2; t++) {
        struct dns_answer answer;
        TRY(dns_ask_resolver(k, name, types[t], &answer, why));
        for (size_t i = 0; i < answer.answer.count; i++) {
            const struct dns_record *r = &answer.answer.records[i];
            if (r->type != (unsigned int)types[t] || r->address.family == ADDRESS_NONE ||
                addresses->count == DNS_ADDRESSES_MAX)
                continue;
            struct address *to = &addresses->list[addresses->count++];
            *to = r->address;
            to->port = port;
        }
    }
    return ERR_OK;
}
