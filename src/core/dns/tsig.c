/* The record and its MAC. */
#include "core/dns/tsig.h"

#include <string.h>

#include "core/base/text.h"
#include "core/dns/dns_name.h"

#define TYPE_TSIG  250
#define CLASS_ANY  255
#define WIRE_MAX   (64 * 1024) /* octets of a message */
#define DIGEST_MAX (WIRE_MAX + 2048)
#define AT_ID      0
#define AT_COUNTS  4 /* questions, answers, authority, additional */
#define AT_EXTRA   10

static void add16(struct buf *b, unsigned int value)
{
    buf_add_octet(b, (uint8_t)(value >> 8));
    buf_add_octet(b, (uint8_t)value);
}

static void add48(struct buf *b, int64_t value)
{
    for (int shift = 40; shift >= 0; shift -= 8)
        buf_add_octet(b, (uint8_t)(value >> shift));
}

/* A name in canonical form: lower case, not compressed. */
static void add_name(struct buf *b, const char *name)
{
    while (*name != '\0') {
        size_t len = strcspn(name, ".");
        buf_add_octet(b, (uint8_t)len);
        buf_add(b, name, len);
        name += len;
        if (*name == '.')
            name++;
    }
    buf_add_octet(b, 0);
}

static unsigned int get16(struct span s, size_t at)
{
    return (unsigned int)s.data[at] << 8 | s.data[at + 1];
}

static int64_t get48(struct span s, size_t at)
{
    int64_t value = 0;

    for (size_t i = 0; i < 6; i++)
        value = value << 8 | s.data[at + i];
    return value;
}

/* ---- the MAC ---- */

/* The fields of a record that are signed (RFC 8945 4.3.3). */
struct fields {
    int64_t time;
    unsigned int fudge;
    unsigned int error;
    struct span other;
};

/* Of a message without its TSIG record; `request` is NULL for a request. */
static struct tsig_mac make_mac(const struct tsig_key *key, struct span message,
                                const struct fields *f, const struct tsig_mac *request)
{
    AUTO(buf) struct buf b = buf_make(DIGEST_MAX);
    struct tsig_mac mac;

    if (request != NULL) {
        add16(&b, (unsigned int)request->len);
        buf_add(&b, request->octets, request->len);
    }
    buf_add_span(&b, message);
    add_name(&b, key->name);
    add16(&b, CLASS_ANY);
    add16(&b, 0); /* TTL */
    add16(&b, 0);
    add_name(&b, tsig_key_algorithm(key));
    add48(&b, f->time);
    add16(&b, f->fudge);
    add16(&b, f->error);
    add16(&b, (unsigned int)f->other.len);
    buf_add_span(&b, f->other);
    mac.len = hash_hmac(key->hash, span_make(key->secret.data, key->secret.len),
                        buf_span(&b), mac.octets);
    return mac;
}

void tsig_sign(struct buf *message, const struct tsig_key *key, int64_t now,
               struct tsig_mac *mac)
{
    const struct fields f = {.time = now, .fudge = TSIG_FUDGE_S};
    AUTO(buf) struct buf data = buf_make(DIGEST_MAX);
    unsigned int id = get16(buf_span(message), AT_ID);
    unsigned int extra = get16(buf_span(message), AT_EXTRA) + 1;

    *mac = make_mac(key, buf_span(message), &f, NULL);
    add_name(&data, tsig_key_algorithm(key));
    add48(&data, f.time);
    add16(&data, f.fudge);
    add16(&data, (unsigned int)mac->len);
    buf_add(&data, mac->octets, mac->len);
    add16(&data, id);
    add16(&data, 0); /* error */
    add16(&data, 0); /* no other data */
    add_name(message, key->name);
    add16(message, TYPE_TSIG);
    add16(message, CLASS_ANY);
    add16(message, 0); /* TTL */
    add16(message, 0);
    add16(message, (unsigned int)data.len);
    buf_add_span(message, buf_span(&data));
    if (message->failed)
        return;
    message->data[AT_EXTRA] = (uint8_t)(extra >> 8);
    message->data[AT_EXTRA + 1] = (uint8_t)extra;
}

/* ---- responses ---- */

/* A TSIG record as it was found. */
struct record {
    size_t start; /* in the message */
    struct span mac;
    unsigned int id;
    struct fields fields;
    bool is_ours; /* key and algorithm */
};

static enum err malformed(struct err_info *why)
{
    return err_set(why, ERR_PROTOCOL, "the DNS response is malformed");
}

/* Pass over one record; is it of the type, and where are its data? Class and TTL can only
 * be these (RFC 8945 4.2). */
static bool skip_record(struct dns_cursor *c, struct span *data)
{
    dns_cursor_skip_name(c);
    bool is_tsig = dns_cursor_take16(c) == TYPE_TSIG;
    is_tsig = dns_cursor_take16(c) == CLASS_ANY && is_tsig;
    is_tsig = dns_cursor_take16(c) == 0 && is_tsig;
    is_tsig = dns_cursor_take16(c) == 0 && is_tsig;
    size_t len = dns_cursor_take16(c);
    *data = span_slice(c->message, c->at, len);
    dns_cursor_skip(c, len);
    return is_tsig;
}

/* To the last record, which is the TSIG record if any is (RFC 8945 5.1); false if there
 * is none. */
static bool find(struct dns_cursor *c, struct record *r, struct span *data)
{
    unsigned int questions = get16(c->message, AT_COUNTS);
    unsigned int records = 0;
    bool is_tsig = false;

    for (size_t at = AT_COUNTS + 2; at <= AT_EXTRA; at += 2)
        records += get16(c->message, at);
    c->at = DNS_HEADER_SIZE;
    for (unsigned int i = 0; i < questions && !c->bad; i++) {
        dns_cursor_skip_name(c);
        dns_cursor_skip(c, 4);
    }
    for (unsigned int i = 0; i < records && !c->bad; i++) {
        r->start = c->at;
        is_tsig = skip_record(c, data);
    }
    c->bad = c->bad || c->at != c->message.len;
    return !c->bad && get16(c->message, AT_EXTRA) > 0 && is_tsig;
}

static enum err read_record(const struct tsig_key *key, struct span message,
                            struct span data, struct record *r, struct err_info *why)
{
    struct dns_cursor c = {.message = data};
    char name[DNS_NAME_MAX + 1] = "";
    char algorithm[DNS_NAME_MAX + 1] = "";

    (void)dns_cursor_name(message, r->start, name);
    (void)dns_cursor_name(data, 0, algorithm); /* never compressed */
    text_lower(name);
    text_lower(algorithm);
    r->is_ours =
        strcmp(name, key->name) == 0 && strcmp(algorithm, tsig_key_algorithm(key)) == 0;
    dns_cursor_skip_name(&c);
    size_t time_at = c.at;
    dns_cursor_skip(&c, 6);
    r->fields.fudge = dns_cursor_take16(&c);
    size_t mac_len = dns_cursor_take16(&c);
    r->mac = span_slice(data, c.at, mac_len);
    dns_cursor_skip(&c, mac_len);
    r->id = dns_cursor_take16(&c);
    r->fields.error = dns_cursor_take16(&c);
    size_t other_len = dns_cursor_take16(&c);
    r->fields.other = span_slice(data, c.at, other_len);
    dns_cursor_skip(&c, other_len);
    if (c.bad || c.at != data.len)
        return malformed(why);
    r->fields.time = get48(data, time_at);
    return ERR_OK;
}

/* Made with our key, for our request? Truncated MACs are not taken (RFC 8945 5.2.2.1 lets
 * us). */
static bool is_authentic(const struct tsig_key *key, struct span message,
                         const struct record *r, const struct tsig_mac *request)
{
    AUTO(buf) struct buf plain = buf_make(WIRE_MAX);
    unsigned int extra = get16(message, AT_EXTRA) - 1;

    if (!r->is_ours)
        return false;
    buf_add_span(&plain, span_slice(message, 0, r->start));
    if (plain.failed)
        return false;
    plain.data[AT_ID] = (uint8_t)(r->id >> 8);
    plain.data[AT_ID + 1] = (uint8_t)r->id;
    plain.data[AT_EXTRA] = (uint8_t)(extra >> 8);
    plain.data[AT_EXTRA + 1] = (uint8_t)extra;
    const struct tsig_mac made = make_mac(key, buf_span(&plain), &r->fields, request);
    return secret_equal(span_make(made.octets, made.len), r->mac);
}

enum err tsig_judge(struct span message, const struct tsig_key *key, int64_t now,
                    const struct tsig_mac *request, struct tsig_verdict *verdict,
                    struct err_info *why)
{
    struct dns_cursor c = {.message = message};
    struct tsig_verdict v = {0};
    struct record r = {0};
    struct span data = span_of("");

    if (message.len < DNS_HEADER_SIZE || message.len > WIRE_MAX)
        return malformed(why);
    v.has_record = find(&c, &r, &data);
    if (c.bad)
        return malformed(why);
    if (v.has_record) {
        TRY(read_record(key, message, data, &r, why));
        int64_t apart = now > r.fields.time ? now - r.fields.time : r.fields.time - now;
        v.error = r.fields.error;
        v.is_proved = is_authentic(key, message, &r, request);
        if (v.is_proved && v.error == TSIG_BADTIME && r.fields.other.len == 6)
            v.server_time = get48(r.fields.other, 0);
        else if (v.is_proved)
            v.is_proved = apart <= (int64_t)r.fields.fudge;
    }
    *verdict = v;
    return ERR_OK;
}
