/* All parts, in the order in which a CA comes to them. */
#include "client/preflight/preflight.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/preflight/preflight_private.h"
#include "client/renewal/renewal_state.h"
#include "client/settings/name.h"
#include "client/store/account_store.h"
#include "core/acme/identifier.h"
#include "core/base/text.h"

#define SENTENCE_MAX 1200 /* octets */

void preflight_add(struct preflight *p, enum preflight_level level, const char *part,
                   const char *about, const char *advice, const char *format, ...)
{
    char sentence[SENTENCE_MAX];
    va_list values;

    va_start(values, format);
    (void)vsnprintf(sentence, sizeof sentence, format, values);
    va_end(values);
    text_make_printable(sentence); /* some of it is what others said */
    if (p->count == p->room) {
        size_t room = p->room != 0 ? 2 * p->room : 32;
        struct preflight_finding *more = arena_array(p->arena, room, sizeof *more);
        if (p->count > 0)
            memcpy(more, p->findings, p->count * sizeof *more);
        p->findings = more;
        p->room = room;
    }
    p->findings[p->count++] = (struct preflight_finding){
        level, part, about, arena_string(p->arena, sentence), advice};
    p->wrong += level == PREFLIGHT_WRONG;
}

struct dns_line preflight_dns_line(const struct preflight *p)
{
    return (struct dns_line){.fd = p->crew->dns.fd};
}

const char *preflight_resolver(const struct preflight *p, const char *name)
{
    const struct settings_dns *dns = settings_dns_for(p->wanted, name);

    return dns != NULL ? dns->resolver : "";
}

static bool is_of_doors(enum challenge_type type)
{
    return type == CHALLENGE_HTTP_01 || type == CHALLENGE_TLS_ALPN_01;
}

static bool is_of_records(enum challenge_type type)
{
    return type == CHALLENGE_DNS_01 || type == CHALLENGE_DNS_ACCOUNT_01 ||
           type == CHALLENGE_DNS_PERSIST_01;
}

/* Names and addresses; of devices there is nothing to see. */
static size_t list_names(const struct preflight *p, struct preflight_name *names)
{
    const struct config_list *all = &p->wanted->certificate->names;
    size_t count = 0;

    for (size_t i = 0; i < all->count; i++) {
        const struct identifier id = name_identifier(all->items[i]);
        if (terms_is_device(id.type))
            continue;
        names[count++] = (struct preflight_name){.name = identifier_base(&id),
                                                 .wildcard = identifier_is_wildcard(&id),
                                                 .is_address = id.type == IDENTIFIER_IP};
    }
    return count;
}

static enum err look_at_names(struct preflight *p, struct preflight_name *names,
                              size_t count, const char *identity, const char *account,
                              struct err_info *why)
{
    const struct challenge_list *types = &p->wanted->certificate->challenge_types;

    for (size_t i = 0; i < count; i++) {
        bool by_door = false;
        for (size_t t = 0; t < types->count; t++)
            by_door |= is_of_doors(types->types[t]) && !names[i].wildcard;
        if (by_door)
            TRY(preflight_addresses(p, &names[i], why));
        if (!names[i].is_address)
            TRY(preflight_caa(p, &names[i], identity, account, why));
        for (size_t t = 0; t < types->count; t++)
            if (is_of_records(types->types[t]) && !names[i].is_address)
                TRY(preflight_records(p, types->types[t], &names[i], identity, account,
                                      why));
    }
    for (size_t t = 0; t < types->count; t++)
        if (is_of_doors(types->types[t]))
            TRY(preflight_door(p, types->types[t], names, count, why));
    return ERR_OK;
}

/* One that is there, and counts for nothing. */
static void look_at_certificate(struct preflight *p)
{
    const char *name = p->wanted->certificate->name;
    struct renewal_state *state = arena_get(p->arena, sizeof *state);
    struct certificate_metadata there;
    struct err_info ignored = {0};

    if (certificate_store_get(p->arena, p->directory, name, &there, &ignored) != ERR_OK)
        return;
    (void)renewal_state_load(p->arena, p->directory, name, state, &ignored);
    renewal_state_settle(state, &there);
    if (there.revoked)
        preflight_add(p, PREFLIGHT_NOTE, "certificate", name,
                      arena_printf(p->arena, "cairn renew --force %s gets another", name),
                      "it was revoked, and is not renewed by itself");
}

enum err preflight_run(struct preflight *p, struct err_info *why)
{
    const struct settings_ca *ca = p->wanted->cas[0];
    struct preflight_name *names =
        arena_array(p->arena, p->wanted->certificate->names.count + 1, sizeof *names);
    struct flow_directory d = {.caa_identity = ""};
    struct account account = {0};
    struct err_info ignored = {0};
    bool known = false;

    look_at_certificate(p);
    size_t count = list_names(p, names);
    TRY(preflight_ca(p, ca, &d, &known, why));
    (void)!account_store_find(p->arena, p->directory, ca->directory, &account, &ignored);
    return look_at_names(p, names, count, d.caa_identity, account.url, why);
}
