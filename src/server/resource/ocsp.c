/* OCSP over HTTP (RFC 6960 A.1, RFC 5019 5 and 6): no resource of ACME, but on the same
 * trays. */
#include <string.h>

#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/http/http_date.h"
#include "server/limit/limit_rules.h"
#include "server/order/ocsp_desk.h"
#include "server/resource/resource.h"

#define ETAG_OCTETS 16

/* Base64 in a path, percent-encoded or not; a base64 slash may stand there as it is, also
 * two in a row (X-OCSP-4). */
static bool read_path(struct arena *a, const char *path, struct span *der)
{
    size_t len = strlen(path);
    char *text = arena_get(a, len + 1);
    size_t used = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t octet = (uint8_t)path[i];
        size_t one = 0;
        if (octet == '%') {
            if (i + 2 >= len || !text_unhex(span_make(path + i + 1, 2), &octet, 1, &one))
                return false;
            i += 2;
        }
        text[used++] = (char)(octet == '+' ? '-' : octet == '/' ? '_' : octet);
    }
    return base64url_decode_padded(a, span_make(text, used), der);
}

static enum err read_request(struct exchange *x, struct span *der, struct err_info *why)
{
    const char *rest = x->path + strlen(RESOURCE_OCSP_PATH);
    bool is_post = strcmp(x->method, "POST") == 0;

    if (*rest == '/')
        rest++;
    if (is_post && *rest == '\0') {
        if (x->content_type == NULL ||
            !text_equal_ignoring_case(span_of(x->content_type),
                                      span_of("application/ocsp-request")))
            return err_set(why, ERR_MEDIA_TYPE,
                           "OCSP requests are application/ocsp-request (RFC 6960 A.1)");
        *der = x->body;
        return ERR_OK;
    }
    if (is_post || (strcmp(x->method, "GET") != 0 && strcmp(x->method, "HEAD") != 0)) {
        exchange_header_add(x, "Allow", "GET, HEAD, POST");
        return err_set(why, ERR_METHOD_NOT_ALLOWED,
                       "OCSP is asked with GET, or with POST at %s", RESOURCE_OCSP_PATH);
    }
    if (!read_path(x->arena, rest, der)) /* what it decodes to is no request either */
        *der = span_make(NULL, 0);
    return ERR_OK;
}

static char *date_text(struct arena *a, int64_t seconds)
{
    char *text = arena_get(a, HTTP_DATE_SIZE);

    http_date_write(text, seconds);
    return text;
}

/* RFC 5019 6.2: what anybody may keep, and until when (X-OCSP-11). */
static void add_caching(struct exchange *x, const struct ocsp_desk_answer *answer)
{
    uint8_t digest[HASH_SHA256_SIZE];
    char hex[2 * ETAG_OCTETS + 1];
    int64_t left = (answer->next_update - answer->this_update) / 2 -
                   (clock_now() - answer->this_update);

    if (!answer->cached || left <= 0) {
        exchange_header_add(x, "Cache-Control", "no-cache");
        return;
    }
    hash_sha256(answer->der, digest);
    text_hex(hex, digest, ETAG_OCTETS);
    exchange_header_add(x, "ETag", arena_printf(x->arena, "\"%s\"", hex));
    exchange_header_add(x, "Last-Modified", date_text(x->arena, answer->this_update));
    exchange_header_add(x, "Expires", date_text(x->arena, clock_now() + left));
    exchange_header_add(x, "Cache-Control",
                        arena_printf(x->arena,
                                     "max-age=%lld, public, no-transform, "
                                     "must-revalidate",
                                     (long long)left));
}

enum err resource_ocsp(struct exchange *x, struct err_info *why)
{
    struct ocsp_desk_answer answer;
    struct span der = {0};
    bool parked = false;

    if (x->step_data == NULL) {
        TRY(limit_rules_request(x->services->limits, x->arena, x->peer, why));
        TRY(read_request(x, &der, why));
    }
    TRY(ocsp_desk_ask(x->services->ocsp, x, der, resource_ocsp, &answer, &parked, why));
    if (parked)
        return ERR_OK;
    buf_add_span(&x->reply.body, answer.der);
    add_caching(x, &answer);
    exchange_reply_set(x, 200, "application/ocsp-response");
    return ERR_OK;
}

bool resource_is_ocsp(const struct services *services, const char *path)
{
    size_t len = strlen(RESOURCE_OCSP_PATH);

    return services->ocsp != NULL && services->settings->ocsp_enabled &&
           strncmp(path, RESOURCE_OCSP_PATH, len) == 0 &&
           (path[len] == '\0' || path[len] == '/');
}
