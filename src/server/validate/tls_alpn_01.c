/* tls-alpn-01 (RFC 8737 3, RFC 8738 6): a TLS handshake with the name's server on port
 * 443 that agrees on "acme-tls/1" and shows a certificate made for this challenge. Where
 * it connects to is in validate_target.c, what the certificate must say in
 * core/acme/alpn_proof.c. */
#include "core/acme/alpn_proof.h"
#include "core/base/text.h"
#include "core/net/tls.h"
#include "server/validate/validate_private.h"

#define NAMES_RECORDED       10  /* of a certificate */
#define NAME_RECORDED_OCTETS 255 /* of each */
#define PROTOCOL_SHOWN       32  /* octets of what was negotiated */
#define UNRECOGNIZED_NAME    112 /* alerts, RFC 8446 6.2 */
#define NO_PROTOCOL          120

struct tls_alpn_01 {
    struct alpn_proof proof;
    const char *server_name;
};

static void try_target(struct validate_check *c);

/* ---- the record ---- */

static void note_certificate(struct validate_check *c, struct span der,
                             const struct alpn_certificate *certificate)
{
    uint8_t digest[HASH_SHA256_SIZE];
    char hex[2 * HASH_SHA256_SIZE + 1];

    hash_sha256(der, digest);
    text_hex(hex, digest, sizeof digest);
    json_write_text(&c->record, "certificate_sha256", hex);
    if (certificate == NULL)
        return;
    json_write_begin_array(&c->record, "names");
    for (size_t i = 0; i < certificate->name_count && i < NAMES_RECORDED; i++)
        json_write_text(&c->record, NULL,
                        alpn_proof_name_shown(c->arena, &certificate->names[i],
                                              NAME_RECORDED_OCTETS));
    json_write_end_array(&c->record);
    if (certificate->name_count > NAMES_RECORDED)
        json_write_number(&c->record, "more",
                          (int64_t)(certificate->name_count - NAMES_RECORDED));
    if (certificate->digest.len == HASH_SHA256_SIZE) {
        text_hex(hex, certificate->digest.data, certificate->digest.len);
        json_write_text(&c->record, "acme_identifier", hex);
    }
}

static void note_probe(struct validate_check *c, const struct tls_probe_result *r,
                       const struct alpn_certificate *certificate)
{
    const struct tls_alpn_01 *s = c->state;

    validate_step_begin(c);
    json_write_text(&c->record, "server_name", s->server_name);
    json_write_text(&c->record, "address", c->target.at);
    if (r->code != ERR_OK) {
        json_write_text(&c->record, "error", r->detail);
    } else {
        json_write_text(&c->record, "tls", r->version);
        json_write_text(&c->record, "protocol",
                        validate_text_shown(c->arena, r->protocol, PROTOCOL_SHOWN));
        json_write_number(&c->record, "certificates", (int64_t)r->certificate_count);
    }
    if (r->certificate.len > 0)
        note_certificate(c, r->certificate, certificate);
    validate_step_end(c);
}

/* ---- the verdict ---- */

/* What was probed, for refusals. */
static const char *where(struct validate_check *c)
{
    return c->target.host != NULL
               ? arena_printf(c->arena, "%s at %s", c->target.host, c->target.at)
               : c->target.at;
}

static void refuse_protocol(struct validate_check *c, struct span protocol)
{
    if (protocol.len == 0)
        validate_bad(c, ERR_UNAUTHORIZED,
                     "%s negotiated no protocol by ALPN; expected \"" TLS_ALPN_ACME_TLS_1
                     "\" (RFC 8737 3): the server does not answer tls-alpn-01",
                     where(c));
    else
        validate_bad(c, ERR_UNAUTHORIZED,
                     "%s negotiated the protocol \"%s\" by ALPN; expected "
                     "\"" TLS_ALPN_ACME_TLS_1 "\" (RFC 8737 3)",
                     where(c), validate_text_shown(c->arena, protocol, PROTOCOL_SHOWN));
}

static void judge(struct validate_check *c, const struct tls_probe_result *r)
{
    const struct tls_alpn_01 *s = c->state;
    struct alpn_certificate *certificate = NULL;
    struct err_info why = {0};
    enum err result = alpn_certificate_read(c->arena, r->certificate, &certificate, &why);

    note_probe(c, r, certificate);
    if (!span_is(r->protocol, TLS_ALPN_ACME_TLS_1)) {
        refuse_protocol(c, r->protocol);
        return;
    }
    if (result == ERR_OK)
        result = alpn_proof_check(&s->proof, certificate, &why);
    if (result == ERR_OK)
        validate_good(c);
    else
        validate_bad(c, ERR_UNAUTHORIZED, "%s: %s", where(c), why.detail);
}

/* What two alerts mean here; other failures say enough. */
static const char *hint(int alert)
{
    switch (alert) {
    case UNRECOGNIZED_NAME:
        return ": it knows no such name; expected the certificate for this challenge";
    case NO_PROTOCOL:
        return ": it does not know \"" TLS_ALPN_ACME_TLS_1 "\", so nothing there answers "
               "tls-alpn-01";
    default:
        return "";
    }
}

static void on_probed(void *argument, const struct tls_probe_result *r)
{
    struct validate_check *c = argument;
    const struct tls_alpn_01 *s = c->state;

    c->probe = NULL;
    validate_share_leave(c);
    if (r->code == ERR_OK) {
        judge(c, r);
        return;
    }
    note_probe(c, r, NULL);
    if (!r->dialled && validate_target_next(c))
        try_target(c);
    else
        validate_trouble(c, r->code, "%s (TLS with server name %s): %s%s", where(c),
                         s->server_name, r->detail, hint(r->alert));
}

static void dial(struct validate_check *c)
{
    const struct tls_alpn_01 *s = c->state;
    const struct tls_probe_request request = {.to = validate_target_address(c),
                                              .server_name = s->server_name,
                                              .dial_ms = validate_target_dial_ms(c),
                                              .timeout_ms = validate_time_left_ms(c)};

    c->probe = tls_probe_start(c->validator->prober, &request, on_probed, c);
}

static void try_target(struct validate_check *c)
{
    const struct address to = validate_target_address(c);

    validate_share_enter(c, &to, dial);
}

void tls_alpn_01_start(struct validate_check *c)
{
    struct tls_alpn_01 *s = arena_get(c->arena, sizeof *s);
    uint16_t port = c->place->view.tls_port;

    /* the front checked them, and offers no tls-alpn-01 for wildcards */
    if (c->question.key_authorization[0] == '\0' || c->question.identifier[0] == '\0' ||
        c->question.wildcard) {
        validate_bad(c, ERR_INTERNAL, "the question is malformed");
        return;
    }
    s->proof = alpn_proof_of(c->question.identifier, c->question.key_authorization);
    s->server_name = alpn_proof_server_name(c->arena, &s->proof);
    c->state = s;
    if (s->proof.name != NULL)
        validate_target_find_name(c, s->proof.name, port, "", try_target);
    else
        validate_target_find_address(c, &s->proof.address, port, "", try_target);
}
