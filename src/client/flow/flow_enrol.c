/* The enrolment of an attestation key. */
#include "client/flow/flow_enrol.h"

#include <string.h>

#include "client/request/acme_request.h"
#include "core/base/base64.h"
#include "core/json/json_write.h"
#include "core/x509/certificate.h"

#define USER_AGENT  "cairn/" CAIRN_VERSION
#define PAYLOAD_MAX (64 * 1024)

struct enrolment {
    const struct flow_enrol_options *options;
    const struct keeper *keeper;
    struct acme_peer peer;
    struct arena *arena;
};

static enum err find_base(struct enrolment *e, struct http_client *http,
                          const struct report *report, const char **base,
                          struct err_info *why)
{
    const struct flow_enrol_options *o = e->options;

    if (o->attestation_ca != NULL) {
        acme_request_without_directory(&e->peer, http, report, e->arena);
        *base = o->attestation_ca;
        return ERR_OK;
    }
    TRY(acme_request_begin(&e->peer, http, report, e->arena, o->ca, why));
    if (e->peer.directory.attestation_ca == NULL)
        return err_set(
            why, ERR_REFUSED,
            "the device's attestation key needs a certificate, and %s does not "
            "say who gives one; say --attestation-ca URL",
            o->ca);
    *base = e->peer.directory.attestation_ca;
    return ERR_OK;
}

static enum err post(struct enrolment *e, const char *base, const char *what,
                     struct span body, const struct json **answer, struct err_info *why)
{
    size_t len = strlen(base);

    while (len > 0 && base[len - 1] == '/')
        len--;
    const char *url = arena_printf(e->arena, "%.*s/%s", (int)len, base, what);
    if (acme_request_plain(&e->peer, e->arena, url, body, answer, why) != ERR_OK)
        return err_prefix(why, "the attestation key got no certificate");
    return ERR_OK;
}

static enum err need_octets(struct enrolment *e, const struct json *object,
                            const char *name, struct span *octets, struct err_info *why)
{
    const char *text = NULL;

    if (json_need_text(object, name, &text, why) != ERR_OK ||
        !base64_decode(e->arena, span_of(text), octets))
        return err_set(why, ERR_PROTOCOL,
                       "the attestation CA's answer has no %s in base64", name);
    return ERR_OK;
}

/* The CA encrypts something that only the TPM with both keys can read, and is told it. */
static enum err activate(struct enrolment *e, const struct json *challenge,
                         struct buf *body, struct err_info *why)
{
    struct json_writer w = json_writer_make(body);
    AUTO(buf) struct buf text = buf_make(PAYLOAD_MAX);
    struct span credential = {0};
    struct span secret = {0};
    struct span answer = {0};

    TRY(need_octets(e, challenge, "credential", &credential, why));
    TRY(need_octets(e, challenge, "secret", &secret, why));
    TRY(keeper_activate(e->keeper, e->arena, credential, secret, &answer, why));
    base64_add(&text, answer);
    json_write_begin_object(&w, NULL);
    json_write_text(&w, "secret", arena_string_of(e->arena, buf_span(&text)));
    json_write_end_object(&w);
    return ERR_OK;
}

static enum err read_chain(struct enrolment *e, const struct json *answer,
                           struct span *pem, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(2 * CERTIFICATE_MAX * CERTIFICATE_CHAIN_MAX);
    const struct json *list = json_member(answer, "chain");
    size_t count = json_count(list);

    if (!json_is_array(list) || count == 0 || count > CERTIFICATE_CHAIN_MAX)
        return err_set(why, ERR_PROTOCOL,
                       "the attestation CA sent no chain of certificates");
    for (size_t i = 0; i < count; i++) {
        struct span der = {0};
        const char *text = json_text(json_element(list, i));
        if (text == NULL || !base64_decode(e->arena, span_of(text), &der) || der.len == 0)
            return err_set(why, ERR_PROTOCOL,
                           "the attestation CA sent a certificate that is not base64");
        certificate_pem_add(&b, der);
    }
    *pem = arena_span(e->arena, buf_span(&b));
    return ERR_OK;
}

static enum err run(struct enrolment *e, struct http_client *http,
                    const struct report *report, struct span *pem, struct err_info *why)
{
    AUTO(buf) struct buf body = buf_make(PAYLOAD_MAX);
    const struct json *answer = NULL;
    const char *base = NULL;

    TRY(find_base(e, http, report, &base, why));
    report_step(report, "enrol", "the device's attestation key, at %s", base);
    TRY(post(e, base, "attest", e->options->request, &answer, why));
    TRY(activate(e, answer, &body, why));
    TRY(post(e, base, "secret", buf_span(&body), &answer, why));
    return read_chain(e, answer, pem, why);
}

enum err flow_enrol(const struct flow_enrol_options *options, const struct keeper *keeper,
                    const struct report *report, struct arena *a, struct span *pem,
                    struct err_info *why)
{
    struct enrolment e = {.options = options, .keeper = keeper, .arena = a};
    struct http_client *http = NULL;

    TRY(http_client_new(options->roots, USER_AGENT, &http, why));
    enum err result = run(&e, http, report, pem, why);
    http_client_free(http);
    return result;
}
