/* What the commands that make certificates of CAs share. */
#include "server/command/command_hierarchy.h"

#include <stdio.h>
#include <string.h>

#include "core/acme/identifier.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/net/address.h"
#include "core/pkcs11/pkcs11_uri.h"
#include "core/x509/oid.h"
#include "server/command/passphrase.h"

#define COMMON_NAME_MAX  64 /* characters, RFC 5280 A.1, as the next */
#define ORGANIZATION_MAX 64
#define NETWORK_MAX      32 /* octets of address and mask */

/* ---- subjects ---- */

static size_t characters(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static enum err check_text(const char *what, const char *text, size_t most,
                           struct err_info *why)
{
    if (!text_is_utf8(span_of(text)) || text[0] == '\0' || characters(text) > most)
        return err_set(why, ERR_USAGE, "the %s must have 1 to %zu characters of UTF-8",
                       what, most);
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return err_set(why, ERR_USAGE, "the %s has control characters", what);
    return ERR_OK;
}

enum err command_hierarchy_subject(const struct command_line *line,
                                   const char *common_name, struct span *subject,
                                   struct err_info *why)
{
    const struct template_name name = {line->country, line->organization, common_name};
    const char *country = line->country;

    TRY(check_text("common name", common_name, COMMON_NAME_MAX, why));
    if (line->organization != NULL)
        TRY(check_text("organization", line->organization, ORGANIZATION_MAX, why));
    if (country != NULL && (strlen(country) != 2 || country[0] < 'A' ||
                            country[0] > 'Z' || country[1] < 'A' || country[1] > 'Z'))
        return err_set(why, ERR_USAGE,
                       "--country: \"%.20s\" is not the code of a country, two capital "
                       "letters such as DE",
                       country);
    return template_name_write(line->arena, &name, subject, why);
}

/* ---- name constraints ---- */

static struct span network_octets(struct arena *a, const struct address_network *network)
{
    struct span base = address_octets(&network->base);
    uint8_t *octets = arena_get(a, NETWORK_MAX);

    memcpy(octets, base.data, base.len);
    for (unsigned int i = 0; i < network->prefix; i++)
        octets[base.len + i / 8] |= (uint8_t)(0x80U >> i % 8);
    return span_make(octets, 2 * base.len);
}

/* A name with everything below it, or a network. */
static enum err read_subtrees(struct arena *a, const char *option,
                              const struct cli_list *from,
                              struct name_constraints_list *to, struct err_info *why)
{
    struct span *dns = arena_array(a, from->count + 1, sizeof *dns);
    struct span *networks = arena_array(a, from->count + 2, sizeof *networks);

    for (size_t i = 0; i < from->count; i++) {
        const char *item = from->items[i];
        struct address_network network;
        struct identifier name;
        if (address_network_parse(span_of(item), &network)) {
            networks[to->network_count++] = network_octets(a, &network);
            continue;
        }
        if (item[0] == '.' || item[0] == '*')
            return err_set(why, ERR_USAGE,
                           "%s: write \"%s\" without its beginning: a name stands for "
                           "itself and all below it (RFC 5280 4.2.1.10)",
                           option, item);
        if (identifier_read_dns(a, item, &name, why) != ERR_OK) {
            why->code = ERR_USAGE;
            return err_prefix(why, "%s", option);
        }
        dns[to->dns_count++] = span_of(name.value);
    }
    to->dns = dns;
    to->networks = networks;
    return ERR_OK;
}

static bool has_family(const struct name_constraints_list *list, size_t octets)
{
    for (size_t i = 0; i < list->network_count; i++)
        if (list->networks[i].len == octets)
            return true;
    return false;
}

/* What is only permitted of one kind would leave the other kinds free: they are excluded
 * as a whole (Baseline Requirements 7.1.2.5.2). The lists have room for that. */
static void exclude_the_rest(const struct name_constraints_list *permitted,
                             struct name_constraints_list *excluded)
{
    static const uint8_t everything[NETWORK_MAX];
    struct span *dns = (struct span *)(uintptr_t)excluded->dns;
    struct span *networks = (struct span *)(uintptr_t)excluded->networks;

    if (permitted->dns_count + permitted->network_count == 0)
        return;
    if (permitted->dns_count == 0)
        dns[excluded->dns_count++] = span_make(everything, 0);
    if (!has_family(permitted, 8))
        networks[excluded->network_count++] = span_make(everything, 8);
    if (!has_family(permitted, 32))
        networks[excluded->network_count++] = span_make(everything, 32);
}

/* ---- the rest of the wish ---- */

static enum err read_oids(struct arena *a, const char *option,
                          const struct cli_list *from, struct template_oids *to,
                          struct err_info *why)
{
    struct span *list = arena_array(a, from->count + 1, sizeof *list);

    for (size_t i = 0; i < from->count; i++)
        if (!oid_from_text(a, span_of(from->items[i]), &list[i]))
            return err_set(
                why, ERR_USAGE,
                "%s: \"%.80s\" is no object identifier, such as 2.23.140.1.2.1", option,
                from->items[i]);
    *to = (struct template_oids){list, from->count};
    return ERR_OK;
}

static enum err read_usages(struct arena *a, const struct cli_list *from,
                            struct template_oids *to, struct err_info *why)
{
    struct span *list = arena_array(a, from->count + 1, sizeof *list);

    for (size_t i = 0; i < from->count; i++) {
        if (strcmp(from->items[i], "server") == 0)
            list[i] = oid_octets(OID_SERVER_AUTH);
        else if (strcmp(from->items[i], "client") == 0)
            list[i] = oid_octets(OID_CLIENT_AUTH);
        else
            return err_set(why, ERR_USAGE,
                           "--usage: \"%.40s\" is neither server nor client",
                           from->items[i]);
        for (size_t j = 0; j < i; j++)
            if (span_equal(list[i], list[j]))
                return err_set(why, ERR_USAGE, "--usage: \"%s\" is there twice",
                               from->items[i]);
    }
    *to = (struct template_oids){list, from->count};
    return ERR_OK;
}

/* Plain HTTP: who looks at a list to judge a certificate cannot judge TLS by it. */
static enum err read_urls(const char *option, const struct cli_list *from,
                          struct template_urls *to, struct err_info *why)
{
    for (size_t i = 0; i < from->count; i++)
        if (strncmp(from->items[i], "http://", 7) != 0 ||
            !settings_is_web_url(from->items[i]))
            return err_set(why, ERR_USAGE,
                           "%s: \"%.200s\" is no URL that begins with http:// (RFC 5280 "
                           "8)",
                           option, from->items[i]);
    *to = (struct template_urls){from->items, from->count};
    return ERR_OK;
}

enum err command_hierarchy_wish(const struct command_line *line,
                                struct hierarchy_wish *wish, struct err_info *why)
{
    struct arena *a = line->arena;
    struct name_constraints *constraints = arena_get(a, sizeof *constraints);

    wish->now = clock_now();
    wish->days = line->days;
    TRY(read_subtrees(a, "--permit", &line->permits, &constraints->permitted, why));
    TRY(read_subtrees(a, "--exclude", &line->excludes, &constraints->excluded, why));
    exclude_the_rest(&constraints->permitted, &constraints->excluded);
    if (!name_constraints_is_empty(constraints))
        wish->constraints = constraints;
    TRY(read_oids(a, "--policy", &line->policies, &wish->policies, why));
    TRY(read_usages(a, &line->usages, &wish->usages, why));
    TRY(read_urls("--crl-url", &line->crl_urls, &wish->crl_urls, why));
    TRY(read_urls("--issuer-url", &line->issuer_urls, &wish->issuer_urls, why));
    return read_urls("--ocsp-url", &line->ocsp_urls, &wish->ocsp_urls, why);
}

/* ---- files ---- */

enum err command_hierarchy_certificates(struct arena *a, const char *path,
                                        struct span *ders, size_t *count,
                                        struct err_info *why)
{
    struct span text;
    enum err result = file_read(a, path, COMMAND_HIERARCHY_PEM_MAX, &text, why);

    if (result == ERR_OK &&
        certificate_from_pem(a, text, ders, CERTIFICATE_CHAIN_MAX, count, why) != ERR_OK)
        result = err_prefix(why, "%s", path);
    if (result != ERR_OK)
        why->code = ERR_CONFIG;
    return result != ERR_OK ? ERR_CONFIG : ERR_OK;
}

enum err command_hierarchy_certificate(struct arena *a, const char *path,
                                       struct span *der, struct err_info *why)
{
    struct span ders[CERTIFICATE_CHAIN_MAX];
    size_t count = 0;

    TRY(command_hierarchy_certificates(a, path, ders, &count, why));
    *der = ders[0];
    return ERR_OK;
}

struct command_token command_hierarchy_token(const struct command_line *line)
{
    return (struct command_token){
        .module = line->module, .directory = ".", .pin = line->pin_file};
}

enum err command_hierarchy_key(struct arena *a, const char *path,
                               const char *passphrase_file,
                               const struct command_token *token, struct key **key,
                               struct err_info *why)
{
    AUTO(secret) struct secret passphrase = {0};
    struct span pem = {0};

    if (pkcs11_uri_is(path))
        return command_token_open(a, path, token, key, why);
    if (passphrase_file != NULL)
        TRY(passphrase_read_from(a, ".", passphrase_file, &passphrase, why));
    enum err result = file_read(a, path, KEY_PEM_MAX, &pem, why);
    if (result == ERR_OK) {
        result = key_from_pem(pem, passphrase.len > 0 ? &passphrase : NULL, key, why);
        memory_wipe((void *)(uintptr_t)pem.data, pem.len);
        if (result != ERR_OK)
            result = err_prefix(why, "%s", path);
    }
    if (result != ERR_OK)
        why->code = ERR_CONFIG;
    return result != ERR_OK ? ERR_CONFIG : ERR_OK;
}

enum err command_hierarchy_root_key(const struct command_line *line, struct span root,
                                    const char *path, struct key **key,
                                    struct err_info *why)
{
    const struct command_token token = command_hierarchy_token(line);
    AUTO(key) struct key *read = NULL;
    struct certificate *c = NULL;

    TRY(command_hierarchy_key(line->arena, line->root_key, line->key_passphrase_file,
                              &token, &read, why));
    if (certificate_read(line->arena, root, &c, why) != ERR_OK)
        return err_prefix(why, "%s", path);
    if (!span_equal(c->spki, key_spki(read)))
        return err_set(why, ERR_CONFIG,
                       "%s and %s do not belong together: the certificate is for another "
                       "key",
                       line->root_key, path);
    *key = read;
    read = NULL;
    return ERR_OK;
}
