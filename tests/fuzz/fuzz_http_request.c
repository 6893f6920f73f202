/* A request as a server reads it; in two pieces it must come out the same as whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/http/http_body.h"
#include "core/http/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_MAX 4096

static const struct http_parse_limits limits = {
    .head_octets = 2048, .header_count = 16, .target_octets = 512};

struct outcome {
    enum http_parse_result result;
    int status;
    size_t end; /* of the message, when it is whole */
    struct buf body;
};

static void body(struct span input, size_t split, const struct http_request_head *head,
                 size_t at, struct outcome *o)
{
    struct http_body b = http_body_begin(head->framing, head->content_length);
    struct http_refusal no = {0};
    size_t ends[2] = {split > at ? split : at, input.len};

    o->result = HTTP_PARSE_MORE;
    for (size_t i = 0; i < 2 && o->result == HTTP_PARSE_MORE; i++) {
        size_t used = 0;
        o->result =
            http_body_feed(&b, span_slice(input, at, ends[i] - at), &o->body, &used, &no);
        at += used;
    }
    o->status = no.status;
    o->end = at;
}

static struct outcome run(struct span input, size_t split)
{
    AUTO(arena) struct arena *a = arena_new();
    struct outcome o = {.body = buf_make(BODY_MAX), .result = HTTP_PARSE_MORE};
    struct http_scan scan = {0};
    struct http_refusal no = {0};
    struct http_request_head head;
    size_t length = 0;

    if (split < input.len)
        o.result =
            http_parse_scan(&scan, span_slice(input, 0, split), &limits, &length, &no);
    if (o.result == HTTP_PARSE_MORE)
        o.result = http_parse_scan(&scan, input, &limits, &length, &no);
    if (o.result == HTTP_PARSE_DONE)
        o.result =
            http_parse_request(a, span_slice(input, 0, length), &limits, &head, &no);
    o.status = no.status;
    if (o.result == HTTP_PARSE_DONE)
        body(input, split, &head, length, &o);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_make(data, size);
    struct outcome whole = run(input, size);
    struct outcome split =
        run(input, size > 0 ? (data[0] * 257U + size / 2) % (size + 1) : 0);

    if (whole.result != split.result || whole.status != split.status)
        abort();
    if (whole.result == HTTP_PARSE_DONE &&
        (whole.end != split.end ||
         !span_equal(buf_span(&whole.body), buf_span(&split.body))))
        abort();
    buf_free(&whole.body);
    buf_free(&split.body);
    return 0;
}
