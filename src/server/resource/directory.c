/* The directory (RFC 8555 7.1.1) and new nonces (7.2). */
#include <string.h>

#include "core/base/base64url.h"
#include "core/base/random.h"
#include "core/json/json_write.h"
#include "server/resource/render.h"
#include "server/resource/resource.h"

static void write_meta(const struct settings *settings, struct json_writer *w)
{
    json_write_begin_object(w, "meta");
    if (settings->terms_of_service[0] != '\0')
        json_write_text(w, "termsOfService", settings->terms_of_service);
    if (settings->website[0] != '\0')
        json_write_text(w, "website", settings->website);
    if (settings->caa_identities.count > 0) {
        json_write_begin_array(w, "caaIdentities");
        for (size_t i = 0; i < settings->caa_identities.count; i++)
            json_write_text(w, NULL, settings->caa_identities.items[i]);
        json_write_end_array(w);
    }
    json_write_end_object(w);
}

/* A member nobody knows, so that clients learn to pass over what they do not know. */
static void write_junk(struct exchange *x, struct json_writer *w)
{
    uint8_t octets[8];

    random_fill(octets, sizeof octets);
    json_write_text(w, base64url_string(x->arena, span_make(octets, sizeof octets)),
                    "unknown members are to be ignored (RFC 8555 7.1.1)");
}

enum err resource_directory(struct exchange *x, struct err_info *why)
{
    static const char *const members[][2] = {{"newNonce", "new-nonce"},
                                             {"newAccount", "new-account"},
                                             {"newOrder", "new-order"},
                                             {"keyChange", "key-change"},
                                             {"revokeCert", "revoke-cert"}};
    struct json_writer w = json_writer_make(&x->reply.body);

    (void)why;
    json_write_begin_object(&w, NULL);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        json_write_text(&w, members[i][0], exchange_url(x, members[i][1], 0));
    write_meta(x->services->settings, &w);
    write_junk(x, &w);
    json_write_end_object(&w);
    exchange_reply_set(x, 200, RENDER_JSON);
    return ERR_OK;
}

enum err resource_new_nonce(struct exchange *x, struct err_info *why)
{
    (void)why;
    exchange_reply_set(x, strcmp(x->method, "GET") == 0 ? 204 : 200, NULL);
    return ERR_OK;
}

enum err resource_root(struct exchange *x, struct err_info *why)
{
    (void)why;
    buf_add_span(&x->reply.body, x->services->root_pem);
    exchange_reply_set(x, 200, "application/x-pem-file");
    return ERR_OK;
}
