/* Reading responses. */
#include "core/dns/dns_message.h"

#include <string.h>

#define HEADER_SIZE   12
#define FLAG_RESPONSE 0x80

const char *dns_rcode_name(int rcode)
{
    static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                        "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                        "NXRRSET", "NOTAUTH", "NOTZONE"};

    return rcode >= 0 && (size_t)rcode < sizeof names / sizeof names[0]
               ? names[rcode]
               : "an unknown RCODE";
}

struct cursor {
    struct span message;
    size_t at;
    bool bad;
};

static unsigned int take16(struct cursor *c)
{
    if (c->bad || c->message.len - c->at < 2) {
        c->bad = true;
        return 0;
    }
    unsigned int value =
        (unsigned int)c->message.data[c->at] << 8 | c->message.data[c->at + 1];
    c->at += 2;
    return value;
}

static void skip(struct cursor *c, size_t octets)
{
    if (c->bad || c->message.len - c->at < octets)
        c->bad = true;
    else
        c->at += octets;
}

/* A name is passed over, not followed: it ends with the root or at the first pointer
 * (RFC 1035 4.1.4). */
static void skip_name(struct cursor *c)
{
    while (!c->bad) {
        if (c->at >= c->message.len) {
            c->bad = true;
            return;
        }
        uint8_t len = c->message.data[c->at];
        if ((len & 0xc0) == 0xc0) {
            skip(c, 2);
            return;
        }
        if ((len & 0xc0) != 0) {
            c->bad = true;
            return;
        }
        skip(c, (size_t)len + 1);
        if (len == 0)
            return;
    }
}

static void take_record(struct cursor *c, enum dns_type wanted, struct address *addresses,
                        size_t room, size_t *count)
{
    size_t size = wanted == DNS_A ? 4 : 16;

    skip_name(c);
    unsigned int type = take16(c);
    unsigned int class = take16(c);
    skip(c, 4); /* TTL */
    size_t len = take16(c);
    size_t data = c->at;
    skip(c, len);
    if (c->bad || type != (unsigned int)wanted || class != DNS_CLASS_IN)
        return;
    if (len != size) {
        c->bad = true;
        return;
    }
    if (*count == room)
        return;
    struct address *a = &addresses[(*count)++];
    memset(a, 0, sizeof *a);
    a->family = wanted == DNS_A ? ADDRESS_V4 : ADDRESS_V6;
    memcpy(a->octets, c->message.data + data, size);
}

enum err dns_message_addresses(struct span message, enum dns_type type,
                               struct address *addresses, size_t room, size_t *count,
                               struct err_info *why)
{
    struct cursor c = {.message = message};
    size_t found = 0;

    if (message.len < HEADER_SIZE || (message.data[2] & FLAG_RESPONSE) == 0)
        return err_set(why, ERR_PROTOCOL, "this is no DNS response");
    c.at = 4;
    unsigned int questions = take16(&c);
    unsigned int answers = take16(&c);
    c.at = HEADER_SIZE;
    for (unsigned int i = 0; i < questions && !c.bad; i++) {
        skip_name(&c);
        skip(&c, 4);
    }
    for (unsigned int i = 0; i < answers && !c.bad; i++)
        take_record(&c, type, addresses, room, &found);
    if (c.bad)
        return err_set(why, ERR_PROTOCOL, "the DNS response is malformed");
    *count = found;
    return ERR_OK;
}
