/* Bodies by length, by chunks, or until the connection closes. */
#include "core/http/http_body.h"

#include "core/http/http_parse_private.h"

/* Where the chunked reader stands (RFC 9112 7.1). */
enum {
    SIZE,         /* in the digits of a chunk's size */
    EXTENSION,    /* behind them, up to the line's end */
    SIZE_FEED,    /* CR was there, LF must come */
    DATA,         /* in the chunk */
    DATA_RETURN,  /* behind it: CR */
    DATA_FEED,    /* and LF */
    TRAILER,      /* at the start of a trailer line */
    TRAILER_NAME, /* in its name */
    TRAILER_LINE, /* behind its colon */
    TRAILER_FEED, /* at its end */
    LAST_FEED,    /* CR of the empty line was there */
    DONE,
};

#define DIGITS_MAX 15U /* of a chunk's size: always below 2^60 */

struct http_body http_body_begin(enum http_framing framing, uint64_t content_length)
{
    struct http_body b = {.framing = framing, .state = SIZE};

    if (framing == HTTP_LENGTH)
        b.remaining = content_length;
    return b;
}

static enum http_parse_result too_large(struct http_refusal *no)
{
    return http_parse_refuse(no, 413, "the body is too large (RFC 9110 15.5.14)");
}

static enum http_parse_result malformed(struct http_refusal *no)
{
    return http_parse_refuse(no, 400, "the chunked body is malformed (RFC 9112 7.1)");
}

/* Take what is there of `remaining` octets. */
static enum http_parse_result take_data(struct http_body *b, struct span input,
                                        struct buf *body, size_t *used,
                                        struct http_refusal *no)
{
    size_t len = input.len - *used;

    if (b->framing != HTTP_UNTIL_CLOSE && len > b->remaining)
        len = (size_t)b->remaining;
    if (len > body->max - body->len)
        return too_large(no);
    buf_add_span(body, span_slice(input, *used, len));
    *used += len;
    b->remaining -= b->framing == HTTP_UNTIL_CLOSE ? 0 : len;
    return HTTP_PARSE_MORE;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One octet of a chunk-size line. */
static enum http_parse_result size_octet(struct http_body *b, uint8_t c,
                                         const struct buf *body, struct http_refusal *no)
{
    int value = hex_value(c);

    if (++b->line > HTTP_BODY_CHUNK_LINE_MAX)
        return http_parse_refuse(no, 400, "a chunk's size line is too long");
    if (b->state == SIZE && value >= 0) {
        if (++b->digits > DIGITS_MAX)
            return malformed(no);
        b->remaining = b->remaining << 4 | (uint64_t)value;
        return HTTP_PARSE_MORE;
    }
    if (b->digits == 0)
        return malformed(no);
    if (c == '\r') {
        b->state = SIZE_FEED;
        return b->remaining > body->max - body->len ? too_large(no) : HTTP_PARSE_MORE;
    }
    /* extensions mean nothing to us; they begin with ';' and hold no controls */
    if ((b->state == SIZE && c != ';') || (c < ' ' && c != '\t') || c == 0x7f)
        return malformed(no);
    b->state = EXTENSION;
    if (++b->extensions > HTTP_BODY_EXTENSIONS_MAX)
        return http_parse_refuse(no, 400, "too many chunk extensions (RFC 9112 7.1.1)");
    return HTTP_PARSE_MORE;
}

/* One octet of the trailer section, which is read as strictly as headers are and then
 * dropped (RFC 9110 6.5.1). */
static enum http_parse_result trailer_octet(struct http_body *b, uint8_t c,
                                            struct http_refusal *no)
{
    if (++b->trailers > HTTP_BODY_TRAILERS_MAX)
        return http_parse_refuse(no, 431, "the trailers are too large");
    switch (b->state) {
    case TRAILER:
        b->state = c == '\r' ? LAST_FEED : TRAILER_NAME;
        return c == '\r' || http_parse_is_token(span_make(&c, 1)) ? HTTP_PARSE_MORE
                                                                  : malformed(no);
    case TRAILER_NAME:
        if (c == ':')
            b->state = TRAILER_LINE;
        return c == ':' || http_parse_is_token(span_make(&c, 1)) ? HTTP_PARSE_MORE
                                                                 : malformed(no);
    case TRAILER_LINE:
        if (c == '\r')
            b->state = TRAILER_FEED;
        return (c < ' ' && c != '\t' && c != '\r') || c == 0x7f ? malformed(no)
                                                                : HTTP_PARSE_MORE;
    case TRAILER_FEED:
        b->state = TRAILER;
        return c == '\n' ? HTTP_PARSE_MORE : malformed(no);
    default: /* LAST_FEED */
        b->state = DONE;
        return c == '\n' ? HTTP_PARSE_DONE : malformed(no);
    }
}

/* One octet that must be there. */
static enum http_parse_result fixed_octet(struct http_body *b, uint8_t c,
                                          struct http_refusal *no)
{
    switch (b->state) {
    case SIZE_FEED:
        b->state = b->remaining > 0 ? DATA : TRAILER;
        return c == '\n' ? HTTP_PARSE_MORE : malformed(no);
    case DATA_RETURN:
        b->state = DATA_FEED;
        return c == '\r' ? HTTP_PARSE_MORE : malformed(no);
    default: /* DATA_FEED */
        b->state = SIZE;
        b->digits = 0;
        b->line = 0;
        return c == '\n' ? HTTP_PARSE_MORE : malformed(no);
    }
}

static enum http_parse_result feed_chunked(struct http_body *b, struct span input,
                                           struct buf *body, size_t *used,
                                           struct http_refusal *no)
{
    enum http_parse_result result = HTTP_PARSE_MORE;

    while (*used < input.len && result == HTTP_PARSE_MORE) {
        uint8_t c = input.data[*used];
        if (b->state == DATA) {
            result = take_data(b, input, body, used, no);
            if (b->remaining == 0)
                b->state = DATA_RETURN;
            continue;
        }
        (*used)++;
        if (b->state == SIZE || b->state == EXTENSION)
            result = size_octet(b, c, body, no);
        else if (b->state >= TRAILER)
            result = trailer_octet(b, c, no);
        else
            result = fixed_octet(b, c, no);
    }
    return result;
}

enum http_parse_result http_body_feed(struct http_body *b, struct span input,
                                      struct buf *body, size_t *used,
                                      struct http_refusal *no)
{
    *used = 0;
    switch (b->framing) {
    case HTTP_NO_BODY:
        return HTTP_PARSE_DONE;
    case HTTP_LENGTH:
        if (b->remaining > body->max - body->len)
            return too_large(no);
        if (take_data(b, input, body, used, no) == HTTP_PARSE_REFUSED)
            return HTTP_PARSE_REFUSED;
        return b->remaining == 0 ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
    case HTTP_CHUNKED:
        return b->state == DONE ? HTTP_PARSE_DONE
                                : feed_chunked(b, input, body, used, no);
    default:
        return take_data(b, input, body, used, no);
    }
}

bool http_body_may_end(const struct http_body *b)
{
    switch (b->framing) {
    case HTTP_LENGTH:
        return b->remaining == 0;
    case HTTP_CHUNKED:
        return b->state == DONE;
    default:
        return true;
    }
}
