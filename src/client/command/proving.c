/* The options about challenges. */
#include "client/command/proving.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/device/device.h"
#include "client/dns/dns_place.h"
#include "client/solve/solve_choose.h"
#include "client/store/name.h"
#include "core/base/secret_file.h"
#include "core/base/text.h"

#define HTTP_DEFAULT "standalone"
#define LIST_MAX     400 /* octets of challenge types in a sentence */

#define DNS_TIMEOUT_MAX_MS 3600000

enum err proving_whole_path(const struct client_command *c, const char *option,
                            const char *path, const char **whole, struct err_info *why)
{
    char *real = realpath(path, NULL);

    if (real == NULL)
        return err_set_os(why, ERR_USAGE, errno, "%s: \"%s\"", option, path);
    *whole = arena_string(c->arena, real);
    free(real);
    return ERR_OK;
}

/* ---- which types ---- */

/* Was something said that is about this type only? */
static bool is_set_up(const struct client_command *c, enum challenge_type type)
{
    switch (type) {
    case CHALLENGE_HTTP_01:
        return c->http != NULL || c->http_port != 0;
    case CHALLENGE_TLS_ALPN_01:
        return c->tls_port != 0;
    case CHALLENGE_DNS_01:
        return c->dns_key != NULL;
    case CHALLENGE_DEVICE_ATTEST_01:
        return c->device != NULL;
    default:
        return false;
    }
}

static enum err read_list(const struct client_command *c, struct ways_challenges *list,
                          struct err_info *why)
{
    struct ways_challenges all = {0};
    AUTO(buf) struct buf known = buf_make(LIST_MAX);

    solve_choose_all(&all);
    ways_write_challenges(&known, &all);
    for (size_t i = 0; i < c->challenges.count; i++)
        if (ways_read_challenges(c->challenges.items[i], list, why) != ERR_OK)
            return err_set(why, ERR_USAGE, "--challenge: %s; there are %.*s",
                           arena_string(c->arena, why->detail), (int)known.len,
                           (const char *)known.data);
    for (size_t i = 0; i < list->count; i++)
        if (!solve_choose_knows(list->types[i]))
            return err_set(
                why, ERR_USAGE,
                "--challenge: this version of cairn cannot answer %s, only %.*s",
                terms_challenge_type(list->types[i]), (int)known.len,
                (const char *)known.data);
    return ERR_OK;
}

static enum err read_challenges(const struct client_command *c,
                                struct ways_challenges *list, struct err_info *why)
{
    struct ways_challenges all = {0};

    if (c->challenges.count > 0)
        return read_list(c, list, why);
    solve_choose_all(&all);
    for (size_t i = 0; i < all.count; i++)
        if (is_set_up(c, all.types[i]))
            ways_add(list, all.types[i]);
    bool only_device = list->count == 1 && c->device != NULL;
    if (list->count == 0 || (only_device && c->arguments.count > 0))
        ways_add(list, CHALLENGE_HTTP_01);
    return ERR_OK;
}

/* ---- how each is answered ---- */

static enum err read_http(const struct client_command *c, struct ways *ways,
                          struct err_info *why)
{
    static const char webroot[] = "webroot:";
    const char *folder = NULL;

    ways->http = c->http != NULL ? c->http : HTTP_DEFAULT;
    ways->http_port = c->http_port != 0 ? c->http_port : WAYS_HTTP_PORT;
    if (strncmp(ways->http, webroot, strlen(webroot)) == 0) {
        TRY(proving_whole_path(c, "--http webroot", ways->http + strlen(webroot), &folder,
                               why));
        ways->http = arena_printf(c->arena, "webroot:%s", folder);
        return ERR_OK;
    }
    if (strcmp(ways->http, HTTP_DEFAULT) != 0)
        return err_set(why, ERR_USAGE,
                       "--http: \"%.100s\" is neither standalone nor webroot:DIR",
                       ways->http);
    return ERR_OK;
}

static bool has_type(const struct ways_challenges *list, enum challenge_type type)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->types[i] == type)
            return true;
    return false;
}

static enum err read_timeout(const struct client_command *c, struct ways_dns *dns,
                             struct err_info *why)
{
    dns->timeout_ms = WAYS_DNS_TIMEOUT_MS;
    if (c->dns_timeout == NULL)
        return ERR_OK;
    if (!text_duration_ms(span_of(c->dns_timeout), &dns->timeout_ms) ||
        dns->timeout_ms > DNS_TIMEOUT_MAX_MS)
        return err_set(why, ERR_USAGE,
                       "--dns-timeout: \"%.50s\" is no time such as 90s or 10m, up to 1h",
                       c->dns_timeout);
    return ERR_OK;
}

/* An option of dns-01 that would have no effect. */
static enum err refuse_unused(const struct client_command *c, struct err_info *why)
{
    const char *given = c->dns_server != NULL     ? "--dns-server"
                        : c->dns_resolver != NULL ? "--dns-resolver"
                        : c->dns_check != NULL    ? "--dns-check"
                        : c->dns_timeout != NULL  ? "--dns-timeout"
                                                  : NULL;

    if (c->dns_key != NULL)
        return err_set(
            why, ERR_USAGE,
            "--dns-key is for dns-01, which is not among those of --challenge");
    if (given != NULL)
        return err_set(
            why, ERR_USAGE,
            "%s is for dns-01, which needs --dns-key FILE, the key for updates "
            "of the zone",
            given);
    return ERR_OK;
}

static enum err check_key(const char *path, struct err_info *why)
{
    int key = -1;

    TRY(secret_file_open("--dns-key", path, &key, why));
    (void)close(key);
    return ERR_OK;
}

static enum err read_dns(const struct client_command *c, struct ways *ways,
                         struct err_info *why)
{
    struct ways_dns *dns = &ways->dns;
    struct dns_addresses ignored;
    enum dns_check check;

    *dns = (struct ways_dns){.key_file = ""};
    if (!has_type(&ways->challenges, CHALLENGE_DNS_01))
        return refuse_unused(c, why);
    if (c->dns_key == NULL)
        return err_set(why, ERR_USAGE,
                       "dns-01 needs --dns-key FILE, the key for updates of the zone");
    TRY(proving_whole_path(c, "--dns-key", c->dns_key, &dns->key_file, why));
    TRY(check_key(dns->key_file, why)); /* before the CA makes an order */
    dns->server = c->dns_server != NULL ? c->dns_server : "";
    dns->resolver = c->dns_resolver != NULL ? c->dns_resolver : "";
    dns->check = c->dns_check != NULL ? c->dns_check : WAYS_DNS_CHECK;
    if (dns->server[0] != '\0' && !dns_place_is_server(dns->server))
        return err_set(why, ERR_USAGE,
                       "--dns-server: \"%.100s\" is neither HOST nor HOST:PORT",
                       dns->server);
    if (dns->resolver[0] != '\0' &&
        dns_ask_resolvers(dns->resolver, &ignored, why) != ERR_OK) {
        why->code = ERR_USAGE;
        return ERR_USAGE;
    }
    if (!dns_place_read_check(dns->check, &check))
        return err_set(why, ERR_USAGE,
                       "--dns-check: \"%.50s\" is none of authoritative, resolver, none",
                       dns->check);
    return read_timeout(c, dns, why);
}

/* An option of devices that would have no effect. */
static enum err refuse_without_device(const struct client_command *c,
                                      struct err_info *why)
{
    const char *given = c->identifiers.count > 0       ? "--identifier"
                        : c->pin_file != NULL          ? "--pin-file"
                        : c->attestation_ca != NULL    ? "--attestation-ca"
                        : c->attestation_chain != NULL ? "--attestation-chain"
                        : c->attestation_key != NULL   ? "--attestation-key"
                                                       : NULL;

    if (given != NULL)
        return err_set(why, ERR_USAGE, "%s is for a key in a device (--device)", given);
    return ERR_OK;
}

static enum err read_device(const struct client_command *c, struct ways *ways,
                            struct err_info *why)
{
    struct ways_device *d = &ways->device;

    *d = (struct ways_device){"", "", "", "", ""};
    if (c->device == NULL)
        return refuse_without_device(c, why);
    TRY(device_check(c->device, why));
    if (!has_type(&ways->challenges, CHALLENGE_DEVICE_ATTEST_01))
        return err_set(why, ERR_USAGE,
                       "--device is proved by device-attest-01, which is not among those "
                       "of --challenge");
    d->device = c->device;
    if (c->pin_file != NULL)
        TRY(proving_whole_path(c, "--pin-file", c->pin_file, &d->pin_file, why));
    if (c->attestation_chain != NULL)
        TRY(proving_whole_path(c, "--attestation-chain", c->attestation_chain,
                               &d->chain_file, why));
    if (c->attestation_key != NULL && strcmp(c->attestation_key, "p256") != 0 &&
        strcmp(c->attestation_key, "rsa2048") != 0)
        return err_set(why, ERR_USAGE,
                       "--attestation-key: \"%.50s\" is neither p256 nor rsa2048",
                       c->attestation_key);
    d->attestation_key = c->attestation_key != NULL ? c->attestation_key : "";
    if (c->attestation_ca == NULL)
        return ERR_OK;
    if (strncmp(c->attestation_ca, "https://", 8) != 0)
        return err_set(why, ERR_USAGE, "--attestation-ca: \"%.100s\" is no https URL",
                       c->attestation_ca);
    d->attestation_ca = c->attestation_ca;
    return ERR_OK;
}

enum err proving_read(const struct client_command *c, struct ways *ways,
                      struct err_info *why)
{
    struct ways read = {0};

    TRY(read_challenges(c, &read.challenges, why));
    TRY(read_http(c, &read, why));
    read.tls_port = c->tls_port != 0 ? c->tls_port : WAYS_TLS_PORT;
    TRY(read_dns(c, &read, why));
    TRY(read_device(c, &read, why));
    *ways = read;
    return ERR_OK;
}

/* ---- do they fit the names ---- */

static enum err refuse(const struct ways *ways, const char *name,
                       enum identifier_type type, bool wildcard, struct err_info *why)
{
    AUTO(buf) struct buf mine = buf_make(LIST_MAX);
    AUTO(buf) struct buf able = buf_make(LIST_MAX);
    struct ways_challenges list = {0};

    for (int t = 0; t < CHALLENGE_TYPE_COUNT; t++)
        if (terms_answers((enum challenge_type)t, type, wildcard) &&
            solve_choose_knows((enum challenge_type)t))
            ways_add(&list, (enum challenge_type)t);
    ways_write_challenges(&mine, &ways->challenges);
    ways_write_challenges(&able, &list);
    return err_set(why, ERR_USAGE, "%s: %s cannot be proved by %.*s; take %s%.*s%s", name,
                   wildcard                ? "a wildcard"
                   : terms_is_device(type) ? "a device"
                   : type == IDENTIFIER_IP ? "an address"
                                           : "a name",
                   (int)mine.len, (const char *)mine.data, wildcard ? "" : "--challenge ",
                   (int)able.len, (const char *)able.data,
                   wildcard ? " (--dns-key FILE)" : "");
}

enum err proving_check_names(const struct ways *ways, const char *const *names,
                             size_t count, struct err_info *why)
{
    for (size_t i = 0; i < count; i++) {
        const struct identifier identifier = name_identifier(names[i]);
        bool wildcard = identifier_is_wildcard(&identifier);
        if (!ways_answer(&ways->challenges, identifier.type, wildcard))
            return refuse(ways, names[i], identifier.type, wildcard, why);
    }
    return ERR_OK;
}
