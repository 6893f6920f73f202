/* Servers looked at from outside. */
#include "client/deploy/deploy_check.h"

#include <stdio.h>
#include <string.h>

#include "client/proc/wire.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/base/text.h"
#include "core/net/address.h"
#include "core/net/starttls.h"
#include "core/net/tls_look.h"
#include "core/x509/certificate.h"

#define STARTTLS_PREFIX "starttls-"
#define PORT_MAX        65535
#define PAUSE_MS        250   /* between two looks */
#define LOOK_MS         10000 /* one look */
#define SEE_FIELDS      6
#define NUMBER_SIZE     24 /* octets of a number as text */
#define SERIAL_SIZE     64 /* octets of a serial in hexadecimal, RFC 5280 4.1.2.2 */

enum err deploy_check_parse(struct arena *a, const char *text, struct deploy_check *check,
                            struct err_info *why)
{
    char *copy = arena_string(a, text);
    char *slash = strchr(copy, '/');
    struct deploy_check read = {.starttls = ""};
    struct address address;
    uint64_t port = 0;

    if (slash != NULL) {
        *slash = '\0';
        if (strncmp(slash + 1, STARTTLS_PREFIX, strlen(STARTTLS_PREFIX)) != 0 ||
            !starttls_is_known(slash + 1 + strlen(STARTTLS_PREFIX)))
            return err_set(why, ERR_CONFIG,
                           "check: \"%.100s\": behind / stands starttls- and one of %s",
                           text, starttls_names());
        read.starttls = slash + 1 + strlen(STARTTLS_PREFIX);
    }
    char *colon = strrchr(copy, ':');
    if (colon == NULL || colon == copy ||
        !text_number(span_of(colon + 1), PORT_MAX, &port) || port == 0)
        return err_set(why, ERR_CONFIG, "check: \"%.100s\" is not HOST:PORT", text);
    read.port = (uint16_t)port;
    if (address_parse_with_port(span_of(copy), 0, &address) && address.port != 0) {
        char *host = arena_get(a, ADDRESS_TEXT_SIZE);
        address_text(&address, host);
        read.host = host;
    } else {
        *colon = '\0';
        read.host = copy;
        if (strpbrk(copy, ":[] ") != NULL)
            return err_set(why, ERR_CONFIG, "check: \"%.100s\" is not HOST:PORT", text);
    }
    *check = read;
    return ERR_OK;
}

/* Is `host` one of the names, perhaps by a wildcard (RFC 6125 6.4.3)? */
static bool is_name(const struct deploy_material *m, const char *host)
{
    const char *dot = strchr(host, '.');

    for (size_t i = 0; i < m->name_count; i++) {
        const char *name = m->names[i];
        if (text_equal_ignoring_case(span_of(name), span_of(host)))
            return true;
        if (name[0] == '*' && dot != NULL &&
            text_equal_ignoring_case(span_of(name + 1), span_of(dot)))
            return true;
    }
    return false;
}

/* The server may have many names, so it is asked for one of the certificate's. */
static const char *choose_server_name(struct arena *a, const struct deploy_material *m,
                                      const char *host)
{
    struct address address;

    if (is_name(m, host))
        return host;
    for (size_t i = 0; i < m->name_count; i++) {
        const char *name = m->names[i];
        if (strchr(name, ':') != NULL || address_parse(span_of(name), &address))
            continue;
        return name[0] == '*' ? arena_printf(a, "www%s", name + 1) : name;
    }
    return host;
}

static enum tls_look_kind kind_of(const char *key_type)
{
    return key_type[0] == 'p'                 ? TLS_LOOK_ECDSA
           : strncmp(key_type, "rsa", 3) == 0 ? TLS_LOOK_RSA
           : strcmp(key_type, "ed25519") == 0 ? TLS_LOOK_ED25519
                                              : TLS_LOOK_ANY;
}

static enum err look(struct arena *a, int network, const struct deploy_check *check,
                     const char *server_name, enum tls_look_kind kind, char *serial,
                     struct err_info *why)
{
    char port[NUMBER_SIZE];
    char number[NUMBER_SIZE];
    char timeout[NUMBER_SIZE];
    struct certificate *certificate = NULL;
    struct span der;

    (void)snprintf(port, sizeof port, "%u", (unsigned int)check->port);
    (void)snprintf(number, sizeof number, "%u", (unsigned int)kind);
    (void)snprintf(timeout, sizeof timeout, "%d", LOOK_MS);
    const struct wire_message m = {WIRE_SEE,
                                   {span_of(check->host), span_of(port),
                                    span_of(check->starttls), span_of(server_name),
                                    span_of(number), span_of(timeout)},
                                   SEE_FIELDS};
    TRY(wire_call(a, network, &m, &der, why));
    TRY(certificate_read(a, der, &certificate, why));
    if (certificate->serial.len * 2 + 1 > SERIAL_SIZE)
        return err_set(why, ERR_MALFORMED, "its serial is too long");
    text_hex(serial, certificate->serial.data, certificate->serial.len);
    return ERR_OK;
}

static enum err wait_for(int network, const struct deploy_check *check,
                         const struct deploy_material *m, const struct deploy_part *part,
                         enum tls_look_kind kind, int64_t until_us, struct err_info *why)
{
    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        const char *name = choose_server_name(a, m, check->host);
        char serial[SERIAL_SIZE] = "";
        struct err_info seen = {0};
        enum err result = look(a, network, check, name, kind, serial, &seen);
        if (result == ERR_OK && strcmp(serial, part->serial) == 0)
            return ERR_OK;
        if (result == ERR_INTERRUPTED || result == ERR_IO)
            return err_set(why, result, "%s", seen.detail); /* of our own processes */
        if (clock_monotonic_us() < until_us) {
            if (!interrupt_sleep_ms(PAUSE_MS))
                return err_set(why, ERR_INTERRUPTED, "interrupted");
            continue;
        }
        if (result == ERR_OK)
            return err_set(why, ERR_DEPLOY,
                           "%.200s:%u shows the serial %s and not %s, to who asks for %s",
                           check->host, check->port, serial, part->serial, name);
        return err_set(why, ERR_DEPLOY, "no certificate is seen at %.200s:%u: %.400s",
                       check->host, check->port, seen.detail);
    }
}

enum err deploy_check_wait(int network, const struct deploy_check *check,
                           const struct deploy_material *m,
                           const struct deploy_part *part, int64_t timeout_ms,
                           struct err_info *why)
{
    int64_t until_us = clock_monotonic_us() + timeout_ms * 1000;

    if (part != NULL || m->count == 1)
        return wait_for(network, check, m, part != NULL ? part : &m->parts[0],
                        TLS_LOOK_ANY, until_us, why);
    for (size_t i = 0; i < m->count; i++)
        TRY(wait_for(network, check, m, &m->parts[i], kind_of(m->parts[i].key_type),
                     until_us, why));
    return ERR_OK;
}

enum err deploy_check_serve(struct arena *a, const struct wire_message *m,
                            struct span *certificate, struct err_info *why)
{
    uint64_t port = 0;
    uint64_t kind = 0;
    uint64_t timeout = 0;

    if (m->count != SEE_FIELDS || !text_number(m->fields[1], PORT_MAX, &port) ||
        !text_number(m->fields[4], TLS_LOOK_ED25519, &kind) ||
        !text_number(m->fields[5], INT32_MAX, &timeout))
        return err_set(why, ERR_PROTOCOL, "a call to see a server is malformed");
    const struct tls_look_request request = {.host = (const char *)m->fields[0].data,
                                             .port = (uint16_t)port,
                                             .starttls = (const char *)m->fields[2].data,
                                             .server_name =
                                                 (const char *)m->fields[3].data,
                                             .kind = (enum tls_look_kind)kind,
                                             .timeout_ms = (int64_t)timeout};
    return tls_look(a, &request, certificate, why);
}
