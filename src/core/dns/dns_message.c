/* Reading responses. */
#include "core/dns/dns_message.h"

#include <string.h>

#include "core/dns/dns_cursor.h"

#define RECORD_SIZE_MIN                                                                  \
    11 /* octets: the root's name, type, class, TTL, a length of 0                       \
        */
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

/* What a walk over the answers looks for, and what it found. */
struct search {
    enum dns_type wanted;
    struct address *addresses; /* of A and AAAA */
    size_t room;
    struct arena *arena; /* of TXT and CAA */
    struct span *texts;
    struct dns_caa *caa;
    char *alias; /* DNS_NAME_MAX and a NUL; NULL: of no interest */
    size_t count;
    size_t aliases;
};

static void take_address(struct dns_cursor *c, struct search *s, struct span data)
{
    size_t size = s->wanted == DNS_A ? 4 : 16;

    if (data.len != size) {
        c->bad = true;
        return;
    }
    if (s->count == s->room)
        return;
    struct address *a = &s->addresses[s->count++];
    memset(a, 0, sizeof *a);
    a->family = s->wanted == DNS_A ? ADDRESS_V4 : ADDRESS_V6;
    memcpy(a->octets, data.data, size);
}

/* One or more strings, each behind its length (RFC 1035 3.3.14). */
static void take_text(struct dns_cursor *c, struct search *s, struct span data)
{
    uint8_t *joined = arena_get(s->arena, data.len + 1);
    size_t len = 0;

    c->bad = c->bad || data.len == 0 || s->count == s->room;
    while (!c->bad && data.len > 0) {
        size_t part = data.data[0];
        c->bad = part > data.len - 1;
        if (c->bad)
            break;
        if (part > 0)
            memcpy(joined + len, data.data + 1, part);
        len += part;
        data = span_slice(data, part + 1, data.len);
    }
    if (!c->bad)
        s->texts[s->count++] = span_make(joined, len);
}

/* Flags, the tag behind its length, and the value (RFC 8659 4.1). */
static void take_caa(struct dns_cursor *c, struct search *s, struct span data)
{
    size_t tag = data.len >= 2 ? data.data[1] : 0;

    c->bad = c->bad || tag == 0 || tag > data.len - 2 || s->count == s->room;
    if (c->bad)
        return;
    struct span copy = arena_span(s->arena, data);
    struct dns_caa *record = &s->caa[s->count++];
    record->flags = copy.data[0];
    record->tag = span_slice(copy, 2, tag);
    record->value = span_slice(copy, 2 + tag, copy.len);
}

static void take_record(struct dns_cursor *c, struct search *s)
{
    dns_cursor_skip_name(c);
    unsigned int type = dns_cursor_take16(c);
    unsigned int class = dns_cursor_take16(c);
    dns_cursor_skip(c, 4); /* TTL */
    size_t len = dns_cursor_take16(c);
    size_t at = c->at;
    dns_cursor_skip(c, len);
    if (!c->bad && type == DNS_CNAME && class == DNS_CLASS_IN) {
        s->aliases++;
        if (s->alias != NULL)
            (void)dns_cursor_name(c->message, at, s->alias);
    }
    if (c->bad || type != (unsigned int)s->wanted || class != DNS_CLASS_IN)
        return;
    struct span data = span_slice(c->message, at, len);
    if (s->wanted == DNS_TXT)
        take_text(c, s, data);
    else if (s->wanted == DNS_CAA)
        take_caa(c, s, data);
    else
        take_address(c, s, data);
}

static enum err walk(struct span message, struct search *s, struct err_info *why)
{
    struct dns_cursor c = {.message = message};

    if (message.len < DNS_HEADER_SIZE || (message.data[2] & FLAG_RESPONSE) == 0)
        return err_set(why, ERR_PROTOCOL, "this is no DNS response");
    c.at = 4;
    unsigned int questions = dns_cursor_take16(&c);
    unsigned int answers = dns_cursor_take16(&c);
    c.at = DNS_HEADER_SIZE;
    for (unsigned int i = 0; i < questions && !c.bad; i++) {
        dns_cursor_skip_name(&c);
        dns_cursor_skip(&c, 4);
    }
    for (unsigned int i = 0; i < answers && !c.bad; i++)
        take_record(&c, s);
    if (c.bad)
        return err_set(why, ERR_PROTOCOL, "the DNS response is malformed");
    if (s->aliases > DNS_ALIASES_MAX)
        return err_set(why, ERR_PROTOCOL,
                       "the name leads through %zu aliases, which are at most %d",
                       s->aliases, DNS_ALIASES_MAX);
    return ERR_OK;
}

enum err dns_message_addresses(struct span message, enum dns_type type,
                               struct address *addresses, size_t room, size_t *count,
                               struct err_info *why)
{
    struct search s = {.wanted = type, .addresses = addresses, .room = room};

    TRY(walk(message, &s, why));
    *count = s.count;
    return ERR_OK;
}

enum err dns_message_texts(struct arena *a, struct span message,
                           const struct span **texts, size_t *count, const char **alias,
                           struct err_info *why)
{
    struct search s = {.wanted = DNS_TXT, .arena = a};

    s.room = message.len / RECORD_SIZE_MIN; /* so many fit into it */
    s.texts = arena_array(a, s.room + 1, sizeof *s.texts);
    s.alias = arena_get(a, DNS_NAME_MAX + 1);
    s.alias[0] = '\0';
    TRY(walk(message, &s, why));
    *texts = s.texts;
    *count = s.count;
    *alias = s.alias[0] != '\0' ? s.alias : NULL;
    return ERR_OK;
}

enum err dns_message_caa(struct arena *a, struct span message,
                         const struct dns_caa **records, size_t *count,
                         struct err_info *why)
{
    struct search s = {.wanted = DNS_CAA, .arena = a};

    s.room = message.len / RECORD_SIZE_MIN;
    s.caa = arena_array(a, s.room + 1, sizeof *s.caa);
    TRY(walk(message, &s, why));
    *records = s.caa;
    *count = s.count;
    return ERR_OK;
}
