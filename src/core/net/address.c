/* Network addresses. */
#include "core/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool address_read(const char *text, uint16_t port, struct address *address)
{
    struct address a = {0};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&a.storage, &v4, sizeof v4);
        a.len = sizeof v4;
    } else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
        memcpy(&a.storage, &v6, sizeof v6);
        a.len = sizeof v6;
    } else {
        return false;
    }
    *address = a;
    return true;
}

bool address_read_with_port(const char *text, uint16_t port, struct address *address)
{
    char host[INET6_ADDRSTRLEN + 1];
    const char *colon = strrchr(text, ':');
    const char *end = text + strlen(text);
    const char *start = text;
    uint64_t number = port;

    if (text[0] == '[') {
        start = text + 1;
        end = strchr(text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return false;
        colon = end[1] == ':' ? end + 1 : NULL;
    } else if (colon != NULL && strchr(text, ':') == colon) {
        end = colon;
    } else {
        colon = NULL;
    }
    if (colon != NULL &&
        (!text_number(span_of(colon + 1), 65535, &number) || number == 0))
        return false;
    if ((size_t)(end - start) >= sizeof host)
        return false;
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    return address_read(host, (uint16_t)number, address);
}

bool address_is_ipv6(const struct address *address)
{
    return address->storage.ss_family == AF_INET6;
}

/* The 16 octets, IPv4 in its mapped form. */
static void octets_of(const struct address *address, uint8_t octets[16])
{
    if (address_is_ipv6(address)) {
        const struct sockaddr_in6 *v6 =
            (const struct sockaddr_in6 *)(const void *)&address->storage;
        memcpy(octets, &v6->sin6_addr, 16);
        return;
    }
    const struct sockaddr_in *v4 =
        (const struct sockaddr_in *)(const void *)&address->storage;
    memcpy(octets, mapped_prefix, sizeof mapped_prefix);
    memcpy(octets + 12, &v4->sin_addr, 4);
}

void address_text(const struct address *address, char *to)
{
    uint8_t octets[16];

    octets_of(address, octets);
    const char *text = address_is_ipv6(address)
                           ? inet_ntop(AF_INET6, octets, to, ADDRESS_TEXT_SIZE)
                           : inet_ntop(AF_INET, octets + 12, to, ADDRESS_TEXT_SIZE);
    if (text == NULL)
        to[0] = '\0';
}

uint16_t address_port(const struct address *address)
{
    if (address_is_ipv6(address))
        return ntohs(
            ((const struct sockaddr_in6 *)(const void *)&address->storage)->sin6_port);
    return ntohs(((const struct sockaddr_in *)(const void *)&address->storage)->sin_port);
}

void address_text_with_port(const struct address *address, char *to)
{
    char alone[ADDRESS_TEXT_SIZE];

    address_text(address, alone);
    (void)snprintf(to, ADDRESS_TEXT_SIZE,
                   address_is_ipv6(address) ? "[%.45s]:%u" : "%.45s:%u", alone,
                   (unsigned int)address_port(address));
}

static bool bit_is_set(const uint8_t *octets, unsigned int bit)
{
    return (octets[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

bool address_network_read(const char *text, struct address_network *network)
{
    char alone[ADDRESS_TEXT_SIZE];
    struct address address;
    struct address_network n;
    const char *slash = strchr(text, '/');
    size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
    uint64_t bits;

    if (len >= sizeof alone)
        return false;
    memcpy(alone, text, len);
    alone[len] = '\0';
    if (!address_read(alone, 0, &address))
        return false;
    unsigned int all = address_is_ipv6(&address) ? 128 : 32;
    bits = all;
    if (slash != NULL && !text_number(span_of(slash + 1), all, &bits))
        return false;
    octets_of(&address, n.octets);
    n.bits = (unsigned int)bits + (128 - all);
    for (unsigned int bit = n.bits; bit < 128; bit++)
        if (bit_is_set(n.octets, bit))
            return false;
    *network = n;
    return true;
}

static bool octets_in_network(const uint8_t *octets,
                              const struct address_network *network)
{
    unsigned int whole = network->bits / 8;

    if (memcmp(octets, network->octets, whole) != 0)
        return false;
    for (unsigned int bit = whole * 8; bit < network->bits; bit++)
        if (bit_is_set(octets, bit) != bit_is_set(network->octets, bit))
            return false;
    return true;
}

bool address_in_network(const struct address *address,
                        const struct address_network *network)
{
    uint8_t octets[16];

    octets_of(address, octets);
    return octets_in_network(octets, network);
}

static const struct {
    const char *network;
    const char *what;
} special_rows[] = {
#define SPECIAL(network, what) {network, what},
#include "core/net/address_special.def"
#undef SPECIAL
};

#define SPECIAL_COUNT (sizeof special_rows / sizeof special_rows[0])

static struct address_network special_networks[SPECIAL_COUNT];
static pthread_once_t special_once = PTHREAD_ONCE_INIT;

static void read_special(void)
{
    for (size_t i = 0; i < SPECIAL_COUNT; i++) {
        /* a row that cannot be read would let its range through: it refuses everything
         * instead */
        if (!address_network_read(special_rows[i].network, &special_networks[i]))
            special_networks[i].bits = 0;
    }
}

static bool octets_are_special(const uint8_t *octets, const char **why)
{
    for (size_t i = 0; i < SPECIAL_COUNT; i++) {
        if (octets_in_network(octets, &special_networks[i])) {
            *why = special_rows[i].what;
            return true;
        }
    }
    return false;
}

bool address_is_special(const struct address *address, const char **why)
{
    /* forms that carry an IPv4 address: 6to4 (RFC 3056), NAT64 (RFC 6052) */
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
    uint8_t octets[16];
    uint8_t inner[16];

    (void)pthread_once(&special_once, read_special);
    octets_of(address, octets);
    if (octets_are_special(octets, why))
        return true;
    memcpy(inner, mapped_prefix, sizeof mapped_prefix);
    if (octets[0] == 0x20 && octets[1] == 0x02) {
        memcpy(inner + 12, octets + 2, 4);
        return octets_are_special(inner, why);
    }
    if (memcmp(octets, nat64, sizeof nat64) == 0) {
        memcpy(inner + 12, octets + 12, 4);
        return octets_are_special(inner, why);
    }
    return false;
}
