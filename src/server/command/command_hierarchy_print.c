/* What the certificate of a CA says, for people. */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/net/address.h"
#include "core/x509/certificate_authority.h"
#include "core/x509/oid.h"
#include "server/command/command_hierarchy.h"

#define LINE_MAX_OCTETS 4096

static const char *type_word(struct span type)
{
    if (oid_is(type, OID_COMMON_NAME))
        return "CN";
    if (oid_is(type, OID_ORGANIZATION))
        return "O";
    return oid_is(type, OID_COUNTRY) ? "C" : "?";
}

const char *command_hierarchy_name(struct arena *a, struct span name)
{
    AUTO(buf) struct buf b = buf_make(LINE_MAX_OCTETS);
    struct der_reader r = der_read_start(name, 4);

    der_read_enter(&r, DER_SEQUENCE);
    while (der_read_more(&r)) {
        der_read_enter(&r, DER_SET);
        while (der_read_more(&r)) {
            der_read_enter(&r, DER_SEQUENCE);
            const char *word = type_word(der_read_oid(&r));
            char *value = arena_string_of(a, der_read_tlv(&r, NULL));
            text_make_printable(value);
            der_read_leave(&r);
            buf_printf(&b, "%s%s=%s", b.len > 0 ? ", " : "", word, value);
        }
        der_read_leave(&r);
    }
    return arena_string_of(a, buf_span(&b));
}

static void print_network(struct span octets)
{
    char text[ADDRESS_TEXT_SIZE];
    struct address_network network = {0};

    if (!address_from_octets(span_slice(octets, 0, octets.len / 2), &network.base))
        return;
    for (size_t i = octets.len / 2; i < octets.len; i++)
        for (unsigned int mask = octets.data[i]; mask != 0; mask &= mask - 1)
            network.prefix++;
    address_network_text(&network, text);
    printf(" %s", text);
}

static void print_subtrees(const char *what, const struct name_constraints_list *list)
{
    if (list->dns_count + list->network_count + list->directory_count == 0)
        return;
    printf("  %-12s", what);
    for (size_t i = 0; i < list->dns_count; i++) {
        if (list->dns[i].len == 0)
            printf(" every-name");
        else
            printf(" %.*s", (int)list->dns[i].len, (const char *)list->dns[i].data);
    }
    for (size_t i = 0; i < list->network_count; i++)
        print_network(list->networks[i]);
    if (list->directory_count > 0)
        printf(" (and %zu subjects)", list->directory_count);
    printf("\n");
}

static void print_key(struct arena *a, struct span spki)
{
    AUTO(key) struct key *key = NULL;

    if (key_from_spki(spki, &key, NULL) == ERR_OK)
        printf("  %-12s %s\n", "key", hierarchy_key_text(a, key));
}

void command_hierarchy_print(struct arena *a, struct span der)
{
    char from[CLOCK_TEXT_SIZE];
    char until[CLOCK_TEXT_SIZE];
    struct certificate *c = NULL;
    struct name_constraints constraints = {0};

    if (certificate_read(a, der, &c, NULL) != ERR_OK ||
        certificate_authority_constraints(a, c, &constraints, NULL) != ERR_OK)
        return;
    clock_text(from, c->not_before);
    clock_text(until, c->not_after);
    printf("  %-12s %s\n", "subject", command_hierarchy_name(a, c->subject));
    printf("  %-12s %s\n", "issuer", command_hierarchy_name(a, c->issuer));
    printf("  %-12s %s to %s\n", "valid", from, until);
    print_key(a, c->spki);
    if (c->path_length >= 0)
        printf("  %-12s %d\n", "CAs below", c->path_length);
    if (c->extended_key_usage.len > 0)
        printf("  %-12s%s%s\n", "only for",
               certificate_authority_allows(c, oid_octets(OID_SERVER_AUTH)) ? " server"
                                                                            : "",
               certificate_authority_allows(c, oid_octets(OID_CLIENT_AUTH)) ? " client"
                                                                            : "");
    print_subtrees("permitted", &constraints.permitted);
    print_subtrees("excluded", &constraints.excluded);
}
