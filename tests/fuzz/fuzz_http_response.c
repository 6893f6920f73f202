/* A response as a client reads it. */
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/http/http_body.h"
#include "core/http/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_parse_limits limits = {
    .head_octets = 2048, .header_count = 16, .target_octets = 512};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf body = buf_make(4096);
    struct span input = span_make(data, size);
    struct http_scan scan = {0};
    struct http_refusal no;
    struct http_response_head head;
    size_t length = 0;
    size_t used = 0;

    if (http_parse_scan(&scan, input, &limits, &length, &no) != HTTP_PARSE_DONE ||
        http_parse_response(a, span_slice(input, 0, length), &limits, HTTP_GET, &head,
                            &no) != HTTP_PARSE_DONE)
        return 0;
    struct http_body b = http_body_begin(head.framing, head.content_length);
    (void)http_body_feed(&b, span_slice(input, length, size), &body, &used, &no);
    (void)http_body_may_end(&b);
    return 0;
}
