/* Addresses and networks of IPv4 and IPv6. */
#include "core/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

#define V4_BITS 32
#define V6_BITS 128

static unsigned int bits_of(const struct address *a)
{
    return a->family == ADDRESS_V4 ? V4_BITS : V6_BITS;
}

bool address_parse(struct span text, struct address *a)
{
    char copy[INET6_ADDRSTRLEN];
    struct address read = {0};

    if (text.len == 0 || text.len >= sizeof copy ||
        memchr(text.data, '\0', text.len) != NULL)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, read.octets) == 1)
        read.family = ADDRESS_V4;
    else if (inet_pton(AF_INET6, copy, read.octets) == 1)
        read.family = ADDRESS_V6;
    else
        return false;
    *a = read;
    return true;
}

/* Split "[v6]:port" or "host:port"; a text without port leaves `port` empty. */
static bool split_port(struct span text, struct span *host, struct span *port,
                       bool *has_port)
{
    *has_port = false;
    *host = text;
    if (text.data == NULL || text.len == 0)
        return false;
    const uint8_t *colon = memrchr(text.data, ':', text.len);
    if (text.data[0] == '[') {
        const uint8_t *end = memchr(text.data, ']', text.len);
        if (end == NULL)
            return false;
        size_t inner = (size_t)(end - text.data) - 1;
        *host = span_slice(text, 1, inner);
        struct span rest = span_slice(text, inner + 2, text.len);
        if (rest.len == 0)
            return true;
        if (rest.data[0] != ':')
            return false;
        *port = span_slice(rest, 1, rest.len);
        *has_port = true;
        return true;
    }
    if (colon == NULL || memchr(text.data, ':', (size_t)(colon - text.data)) != NULL)
        return true; /* no port, or IPv6 without brackets */
    *host = span_slice(text, 0, (size_t)(colon - text.data));
    *port = span_slice(text, host->len + 1, text.len);
    *has_port = true;
    return true;
}

bool address_parse_with_port(struct span text, uint16_t default_port, struct address *a)
{
    struct span host;
    struct span port;
    struct address read;
    bool has_port;
    uint64_t number = default_port;

    if (text.len == 0 || !split_port(text, &host, &port, &has_port))
        return false;
    if (has_port && !text_number(port, UINT16_MAX, &number))
        return false;
    if (!address_parse(host, &read))
        return false;
    if (text.data[0] == '[' && read.family != ADDRESS_V6)
        return false;
    read.port = (uint16_t)number;
    *a = read;
    return true;
}

void address_text(const struct address *a, char to[ADDRESS_TEXT_SIZE])
{
    int family = a->family == ADDRESS_V4 ? AF_INET : AF_INET6;

    if (a->family == ADDRESS_NONE ||
        inet_ntop(family, a->octets, to, ADDRESS_TEXT_SIZE) == NULL)
        (void)text_copy(to, ADDRESS_TEXT_SIZE, "-");
}

void address_text_with_port(const struct address *a, char to[ADDRESS_TEXT_SIZE])
{
    char text[ADDRESS_TEXT_SIZE];

    address_text(a, text);
    (void)snprintf(to, ADDRESS_TEXT_SIZE,
                   a->family == ADDRESS_V6 ? "[%.45s]:%u" : "%.45s:%u", text,
                   (unsigned int)a->port);
}

void address_reverse_name(const struct address *a, char to[ADDRESS_REVERSE_SIZE])
{
    struct span octets = address_octets(a);
    bool v4 = a->family == ADDRESS_V4;
    size_t at = 0;

    to[0] = '\0';
    for (size_t i = octets.len; i > 0; i--) {
        unsigned int octet = octets.data[i - 1];
        at += (size_t)(v4 ? snprintf(to + at, ADDRESS_REVERSE_SIZE - at, "%u.", octet)
                          : snprintf(to + at, ADDRESS_REVERSE_SIZE - at, "%x.%x.",
                                     octet & 0xf, octet >> 4));
    }
    if (octets.len > 0)
        (void)snprintf(to + at, ADDRESS_REVERSE_SIZE - at, "%s",
                       v4 ? "in-addr.arpa" : "ip6.arpa");
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->family == b->family && memcmp(a->octets, b->octets, sizeof a->octets) == 0;
}

/* `a` with its family changed to IPv4, made of the four octets at `offset`. */
static struct address inner_v4(const struct address *a, size_t offset)
{
    struct address v4 = {.family = ADDRESS_V4, .port = a->port};

    memcpy(v4.octets, a->octets + offset, 4);
    return v4;
}

struct address address_unmap(const struct address *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (a->family == ADDRESS_V6 && memcmp(a->octets, mapped, sizeof mapped) == 0)
        return inner_v4(a, sizeof mapped);
    return *a;
}

struct span address_octets(const struct address *a)
{
    return span_make(a->octets, a->family == ADDRESS_NONE ? 0 : bits_of(a) / 8);
}

bool address_from_octets(struct span octets, struct address *a)
{
    struct address read = {0};

    if (octets.len != V4_BITS / 8 && octets.len != V6_BITS / 8)
        return false;
    read.family = octets.len == V4_BITS / 8 ? ADDRESS_V4 : ADDRESS_V6;
    memcpy(read.octets, octets.data, octets.len);
    *a = read;
    return true;
}

struct address address_from_sockaddr(const struct sockaddr *sa)
{
    struct address a = {0};

    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        a.family = ADDRESS_V4;
        a.port = ntohs(in.sin_port);
        memcpy(a.octets, &in.sin_addr, sizeof in.sin_addr);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof in6);
        a.family = ADDRESS_V6;
        a.port = ntohs(in6.sin6_port);
        memcpy(a.octets, &in6.sin6_addr, sizeof in6.sin6_addr);
    }
    return address_unmap(&a);
}

socklen_t address_to_sockaddr(const struct address *a, struct sockaddr_storage *to)
{
    memset(to, 0, sizeof *to);
    if (a->family == ADDRESS_V4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
        memcpy(&in.sin_addr, a->octets, sizeof in.sin_addr);
        memcpy(to, &in, sizeof in);
        return sizeof in;
    }
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
    memcpy(&in6.sin6_addr, a->octets, sizeof in6.sin6_addr);
    memcpy(to, &in6, sizeof in6);
    return sizeof in6;
}

/* The first `bits` bits of both are the same. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
    unsigned int whole = bits / 8;
    unsigned int rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool address_network_parse(struct span text, struct address_network *n)
{
    struct address_network read;
    const uint8_t *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
    size_t length = slash != NULL ? (size_t)(slash - text.data) : text.len;
    uint64_t prefix;

    if (!address_parse(span_slice(text, 0, length), &read.base))
        return false;
    prefix = bits_of(&read.base);
    if (slash != NULL &&
        !text_number(span_slice(text, length + 1, text.len), prefix, &prefix))
        return false;
    read.prefix = (unsigned int)prefix;
    for (unsigned int bit = read.prefix; bit < bits_of(&read.base); bit++)
        if ((read.base.octets[bit / 8] & (0x80U >> (bit % 8))) != 0)
            return false;
    *n = read;
    return true;
}

void address_network_text(const struct address_network *n, char to[ADDRESS_TEXT_SIZE])
{
    char text[ADDRESS_TEXT_SIZE];

    address_text(&n->base, text);
    (void)snprintf(to, ADDRESS_TEXT_SIZE, "%.45s/%u", text, n->prefix);
}

bool address_network_has(const struct address_network *n, const struct address *a)
{
    struct address plain = address_unmap(a);

    if (n->base.family == ADDRESS_V6 && same_prefix(n->base.octets, a->octets, n->prefix))
        return a->family == ADDRESS_V6; /* a network of mapped addresses, spelt as such */
    return n->base.family == plain.family &&
           same_prefix(n->base.octets, plain.octets, n->prefix);
}

static const char *find_special(const struct address *a)
{
    static const struct {
        const char *network;
        const char *name;
    } rows[] = {
#define ADDRESS_SPECIAL(network, name, source) {network, name},
#include "core/net/address_special.def"
#undef ADDRESS_SPECIAL
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address_network n;
        if (address_network_parse(span_of(rows[i].network), &n) &&
            n.base.family == a->family && same_prefix(n.base.octets, a->octets, n.prefix))
            return rows[i].name;
    }
    return NULL;
}

const char *address_special_name(const struct address *a)
{
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b}; /* RFC 6052 2.1 */
    struct address plain = address_unmap(a);
    const char *name;

    if (plain.family == ADDRESS_NONE)
        return "no address";
    if (plain.family == ADDRESS_V4)
        return find_special(&plain);
    if (memcmp(plain.octets, nat64, sizeof nat64) == 0) {
        plain = inner_v4(&plain, sizeof nat64);
        return find_special(&plain);
    }
    if (plain.octets[0] == 0x20 && plain.octets[1] == 0x02) { /* 6to4, RFC 3056 2 */
        plain = inner_v4(&plain, 2);
        return find_special(&plain);
    }
    name = find_special(&plain);
    if (name == NULL && (plain.octets[0] & 0xe0) != 0x20) /* 2000::/3, RFC 4291 2.4 */
        return "not global unicast";
    return name;
}

bool address_is_special(const struct address *a)
{
    return address_special_name(a) != NULL;
}
