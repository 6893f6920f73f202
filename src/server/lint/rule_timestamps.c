/* A list of signed certificate timestamps: one or more of version 1, each from another
 * log. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

#define LOG_ID_SIZE    32
#define TIMESTAMPS_MAX 16

/* The cursor of what is not DER. */
struct octets {
    const uint8_t *at;
    size_t left;
    bool bad;
};

static struct span take(struct octets *o, size_t len)
{
    struct span taken = span_make(o->at, len);

    if (o->bad || len > o->left) {
        o->bad = true;
        return span_make(NULL, 0);
    }
    o->at += len;
    o->left -= len;
    return taken;
}

/* What has its length, two octets, in front (RFC 5246 4.3). */
static struct span take_vector(struct octets *o)
{
    struct span len = take(o, 2);

    return len.data == NULL ? len : take(o, (size_t)len.data[0] << 8 | len.data[1]);
}

/* One of version 1 with a signature behind it; its log's number. */
static struct span read_timestamp(struct span text)
{
    struct octets o = {text.data, text.len, false};
    struct span version = take(&o, 1);
    struct span log = take(&o, LOG_ID_SIZE);
    (void)take(&o, 8); /* the time */
    (void)take_vector(&o);
    (void)take(&o, 2); /* hash and signature algorithm */
    struct span signature = take_vector(&o);

    if (o.bad || o.left > 0 || version.data[0] != 0 || signature.len == 0)
        return span_make(NULL, 0);
    return log;
}

static const char *judge(struct span list)
{
    struct octets outer = {list.data, list.len, false};
    struct span all = take_vector(&outer);
    struct octets inner = {all.data, all.len, outer.bad || outer.left > 0};
    struct span logs[TIMESTAMPS_MAX];
    size_t count = 0;

    while (!inner.bad && inner.left > 0 && count < TIMESTAMPS_MAX) {
        logs[count] = read_timestamp(take_vector(&inner));
        if (logs[count].len == 0)
            return "a timestamp is malformed or not of version 1";
        for (size_t i = 0; i < count; i++)
            if (span_equal(logs[i], logs[count]))
                return "two timestamps are of one log";
        count++;
    }
    if (inner.bad || inner.left > 0 || count == 0)
        return "the list of timestamps is malformed, empty or too long";
    return NULL;
}

const char *rule_timestamps(const struct lint_subject *s)
{
    const struct lint_extension *e =
        lint_rule_extension(s, OID_SIGNED_CERTIFICATE_TIMESTAMPS);

    if (e == NULL)
        return NULL;
    struct der_reader r = der_read_start(e->value, 1);
    struct span list = der_read_expect(&r, DER_OCTET_STRING);
    if (e->critical || der_read_finish(&r, ERR_LINT, "the timestamps", NULL) != ERR_OK)
        return "the list of timestamps is critical, or in no OCTET STRING";
    return judge(list);
}
