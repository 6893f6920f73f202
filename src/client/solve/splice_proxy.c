/* Headers of the PROXY protocol. */
#include "client/solve/splice_proxy.h"

#include <stdio.h>
#include <string.h>

#define V2_HEAD  16 /* octets before the addresses */
#define V2_PROXY 0x21
#define V2_TCP4  0x11
#define V2_TCP6  0x21

static size_t write_line(const struct address *peer, const struct address *own,
                         uint8_t to[SPLICE_PROXY_MAX])
{
    char from_text[ADDRESS_TEXT_SIZE];
    char own_text[ADDRESS_TEXT_SIZE];

    address_text(peer, from_text);
    address_text(own, own_text);
    int len = peer->family != own->family || peer->family == ADDRESS_NONE
                  ? snprintf((char *)to, SPLICE_PROXY_MAX, "PROXY UNKNOWN\r\n")
                  : snprintf((char *)to, SPLICE_PROXY_MAX, "PROXY TCP%d %s %s %u %u\r\n",
                             peer->family == ADDRESS_V4 ? 4 : 6, from_text, own_text,
                             peer->port, own->port);
    return len > 0 ? (size_t)len : 0;
}

static size_t add_port(uint8_t *to, uint16_t port)
{
    to[0] = (uint8_t)(port >> 8);
    to[1] = (uint8_t)port;
    return 2;
}

static size_t write_binary(const struct address *peer, const struct address *own,
                           uint8_t to[SPLICE_PROXY_MAX])
{
    static const uint8_t signature[] = {'\r', '\n', '\r', '\n', 0,   '\r',
                                        '\n', 'Q',  'U',  'I',  'T', '\n'};
    size_t each = peer->family == ADDRESS_V4 ? 4 : 16;
    size_t len = V2_HEAD;

    memcpy(to, signature, sizeof signature);
    to[12] = V2_PROXY;
    to[13] = peer->family == ADDRESS_V4 ? V2_TCP4 : V2_TCP6;
    if (peer->family == ADDRESS_NONE || peer->family != own->family) {
        memset(to + 13, 0, 3); /* unspecified */
        return len;
    }
    memcpy(to + len, peer->octets, each);
    memcpy(to + len + each, own->octets, each);
    len += 2 * each;
    len += add_port(to + len, peer->port);
    len += add_port(to + len, own->port);
    to[14] = 0;
    to[15] = (uint8_t)(len - V2_HEAD);
    return len;
}

size_t splice_proxy_write(enum splice_proxy version, const struct address *peer,
                          const struct address *own, uint8_t to[SPLICE_PROXY_MAX])
{
    return version == SPLICE_PROXY_V2 ? write_binary(peer, own, to)
                                      : write_line(peer, own, to);
}

bool splice_read(const char *way, struct splice_options *options)
{
    static const struct {
        const char *word;
        enum splice_proxy proxy;
    } words[] = {{"splice:", SPLICE_PROXY_NONE},
                 {"splice+proxy:", SPLICE_PROXY_V1},
                 {"splice+proxy-v2:", SPLICE_PROXY_V2}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t len = strlen(words[i].word);
        if (strncmp(way, words[i].word, len) != 0)
            continue;
        options->proxy = words[i].proxy;
        return address_parse_with_port(span_of(way + len), 0, &options->behind) &&
               options->behind.port != 0;
    }
    return false;
}

bool splice_leads_back(const char *way, const struct address *own)
{
    struct splice_options o = {0};
    char behind[ADDRESS_TEXT_SIZE];
    char mine[ADDRESS_TEXT_SIZE];

    if (!splice_read(way, &o) || o.behind.port != own->port)
        return false;
    address_text(&o.behind, behind);
    address_text(own, mine);
    bool every = strcmp(mine, "0.0.0.0") == 0 || strcmp(mine, "::") == 0;
    return strcmp(behind, mine) == 0 ||
           (every && (strncmp(behind, "127.", 4) == 0 || strcmp(behind, "::1") == 0 ||
                      strcmp(behind, "0.0.0.0") == 0 || strcmp(behind, "::") == 0));
}
