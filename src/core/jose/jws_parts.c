/* The parts of a flattened JWS. */
#include "core/jose/jws_parts.h"

#include "core/base/base64url.h"
#include "core/json/json_write.h"

/* A member that is a string of base64url; `text` stays in the document. */
static enum err need_base64url(struct arena *a, const struct json *jws, const char *name,
                               struct span *text, struct span *octets,
                               struct err_info *why)
{
    const char *unused = NULL;

    TRY(json_need_text(jws, name, &unused, why));
    *text = json_span(json_member(jws, name));
    if (!base64url_decode(a, *text, octets))
        return err_set(why, ERR_MALFORMED,
                       "%s is not base64url without padding (RFC 8555 6.1)", name);
    return ERR_OK;
}

static enum err refuse_member(const struct json *object, const char *name,
                              const char *reason, struct err_info *why)
{
    if (json_member(object, name) == NULL)
        return ERR_OK;
    return err_set(why, ERR_MALFORMED, "%s: %s", name, reason);
}

static enum err read_header(struct arena *a, struct span text, const struct json **header,
                            struct err_info *why)
{
    const struct json *read = NULL;

    if (text.len == 0)
        return err_set(why, ERR_MALFORMED, "the protected header is empty");
    enum err result = json_read(a, text, &read, why);
    if (result != ERR_OK) {
        (void)err_prefix(why, "protected header");
        return result;
    }
    if (!json_is_object(read))
        return err_set(why, ERR_MALFORMED, "the protected header is not an object");
    TRY(refuse_member(read, "crit", "no critical extension is understood", why));
    TRY(refuse_member(read, "b64", "unencoded payloads are not allowed (RFC 8555 6.2)",
                      why));
    *header = read;
    return ERR_OK;
}

static struct span join(struct arena *a, struct span header, struct span payload)
{
    uint8_t *data = arena_get(a, header.len + 1 + payload.len);

    memcpy(data, header.data, header.len);
    data[header.len] = '.';
    if (payload.len > 0)
        memcpy(data + header.len + 1, payload.data, payload.len);
    return span_make(data, header.len + 1 + payload.len);
}

enum err jws_parts_read(struct arena *a, const struct json *jws, struct jws_parts *parts,
                        struct err_info *why)
{
    struct span header_text, header, payload_text, signature_text;
    struct jws_parts read = {0};

    if (!json_is_object(jws))
        return err_set(why, ERR_MALFORMED, "the JWS is not an object");
    TRY(refuse_member(jws, "signatures", "one flattened signature only (RFC 8555 6.2)",
                      why));
    TRY(refuse_member(jws, "header", "no unprotected header (RFC 8555 6.2)", why));
    TRY(need_base64url(a, jws, "protected", &header_text, &header, why));
    TRY(need_base64url(a, jws, "payload", &payload_text, &read.payload, why));
    TRY(need_base64url(a, jws, "signature", &signature_text, &read.signature, why));
    if (read.signature.len == 0)
        return err_set(why, ERR_MALFORMED, "the signature is empty");
    TRY(read_header(a, header, &read.header, why));
    read.signing_input = join(a, header_text, payload_text);
    *parts = read;
    return ERR_OK;
}

void jws_parts_input(struct buf *input, struct span header, struct span payload)
{
    base64url_add(input, header);
    buf_add_octet(input, '.');
    base64url_add(input, payload);
}

void jws_parts_write(struct buf *b, struct span input, struct span signature)
{
    struct json_writer w = json_writer_make(b);
    size_t dot = 0;

    while (dot < input.len && input.data[dot] != '.')
        dot++;
    json_write_begin_object(&w, NULL);
    json_write_span(&w, "protected", span_slice(input, 0, dot));
    json_write_span(&w, "payload", span_slice(input, dot + 1, input.len));
    json_write_base64url(&w, "signature", signature);
    json_write_end_object(&w);
}
