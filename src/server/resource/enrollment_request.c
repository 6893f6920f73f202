/* Enrolment, out of its JSON. Octets are base64 with padding, as Go writes []byte. */
#include "server/resource/enrollment_request.h"

#include <stdio.h>
#include <string.h>

#include "core/attest/enrollment.h"
#include "core/base/base64.h"
#include "core/base/text.h"
#include "core/json/json_read.h"

#define OCTETS_MAX       2048  /* of one structure, as in messages.def */
#define CERTIFICATES_MAX 16384 /* of all certificates together */
#define VERSION_TPM_2    2

/* Smallstep's client names no type at all. */
static enum err read_body(const struct exchange *x, const struct json **body,
                          struct err_info *why)
{
    static const char json[] = "application/json";
    const char *type = x->content_type;

    if (type != NULL) {
        size_t len = strcspn(type, "; ");
        if (!text_equal_ignoring_case(span_make(type, len), span_of(json)))
            return err_set(why, ERR_MEDIA_TYPE, "the media type must be %s", json);
    }
    if (x->body.len > ENROLLMENT_REQUEST_MAX)
        return err_set(why, ERR_TOO_LARGE, "the request has more than %d octets",
                       ENROLLMENT_REQUEST_MAX);
    TRY(json_read(x->arena, x->body, body, why));
    if (!json_is_object(*body))
        return err_set(why, ERR_MALFORMED, "the request is no JSON object");
    return ERR_OK;
}

static enum err decode(struct arena *a, struct span text, const char *name,
                       struct span *octets, struct err_info *why)
{
    if (!base64_decode(a, text, octets))
        return err_set(why, ERR_MALFORMED, "%s is not base64 with padding", name);
    if (octets->len > OCTETS_MAX)
        return err_set(why, ERR_MALFORMED, "%s has more than %d octets", name,
                       OCTETS_MAX);
    return ERR_OK;
}

/* Empty if it is not there. */
static enum err take_octets(struct arena *a, const struct json *object, const char *name,
                            struct span *octets, struct err_info *why)
{
    const char *text = NULL;

    *octets = span_make(NULL, 0);
    if (json_member(object, name) == NULL)
        return ERR_OK;
    TRY(json_take_text(object, name, &text, why));
    return decode(a, span_of(text), name, octets, why);
}

static enum err take_certificates(struct arena *a, const struct json *body,
                                  struct span *certificates, struct err_info *why)
{
    const struct json *list = json_member(body, "ekCerts");
    AUTO(buf) struct buf b = buf_make(CERTIFICATES_MAX);

    *certificates = span_make(NULL, 0);
    if (list == NULL)
        return ERR_OK;
    TRY(json_need_array(body, "ekCerts", &list, why));
    if (json_count(list) > ENROLLMENT_CERTIFICATES_MAX)
        return err_set(why, ERR_MALFORMED, "ekCerts has more than %d elements",
                       ENROLLMENT_CERTIFICATES_MAX);
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *one = json_element(list, i);
        struct span octets = {0};
        if (!json_is_string(one) || !base64_decode(a, json_span(one), &octets) ||
            octets.len == 0)
            return err_set(why, ERR_MALFORMED,
                           "an element of ekCerts is not base64 with padding");
        buf_add_span(&b, octets);
    }
    if (b.failed)
        return err_set(why, ERR_MALFORMED, "ekCerts has more than %d octets",
                       CERTIFICATES_MAX);
    *certificates = arena_span(a, buf_span(&b));
    return ERR_OK;
}

/* ---- what the TPM says of itself ---- */

static enum err take_text(const struct json *info, const char *name, const char **text,
                          struct err_info *why)
{
    *text = NULL;
    if (info != NULL)
        TRY(json_take_text(info, name, text, why));
    if (*text == NULL)
        *text = "";
    if (strlen(*text) > TPM_CERTIFICATE_TEXT_MAX)
        return err_set(why, ERR_MALFORMED, "%s has more than %d octets", name,
                       TPM_CERTIFICATE_TEXT_MAX);
    for (const char *p = *text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return err_set(why, ERR_MALFORMED, "%s has control characters", name);
    return ERR_OK;
}

/* TPM_PT_MANUFACTURER as a number, as certificates of endorsement keys write it. */
static const char *manufacturer_text(struct arena *a, const char *text)
{
    uint64_t number = 0;

    if (text[0] == '\0' || !text_number(span_of(text), UINT32_MAX, &number))
        return text;
    return arena_printf(a, "id:%08llX", (unsigned long long)number);
}

static enum err take_info(struct arena *a, const struct json *body,
                          struct enroll_desk_question *q, struct err_info *why)
{
    const struct json *info = json_member(body, "tpmInfo");
    int64_t version = VERSION_TPM_2;

    if (info != NULL && !json_is_object(info))
        return err_set(why, ERR_MALFORMED, "tpmInfo is no object");
    TRY(take_text(info, "manufacturer", &q->manufacturer, why));
    TRY(take_text(info, "model", &q->model, why));
    TRY(take_text(info, "firmwareVersion", &q->version, why));
    q->manufacturer = manufacturer_text(a, q->manufacturer);
    if (info != NULL)
        TRY(json_take_number(info, "version", VERSION_TPM_2, &version, why));
    if (version != VERSION_TPM_2)
        return err_set(why, ERR_MALFORMED, "only TPMs of version 2.0 are taken");
    return ERR_OK;
}

enum err enrollment_request_read(const struct exchange *x,
                                 struct enroll_desk_question *question,
                                 struct err_info *why)
{
    struct enroll_desk_question q = {0};
    const struct json *body = NULL;
    struct arena *a = x->arena;

    TRY(read_body(x, &body, why));
    TRY(take_info(a, body, &q, why));
    TRY(take_octets(a, body, "ek", &q.ek, why));
    TRY(take_certificates(a, body, &q.certificates, why));
    const struct json *params = json_member(body, "params");
    if (!json_is_object(params))
        return err_set(why, ERR_MALFORMED, "params is missing, or no object");
    TRY(take_octets(a, params, "public", &q.public, why));
    TRY(take_octets(a, params, "createData", &q.create_data, why));
    TRY(take_octets(a, params, "createAttestation", &q.create_attestation, why));
    TRY(take_octets(a, params, "createSignature", &q.create_signature, why));
    if (q.public.len == 0)
        return err_set(why, ERR_MALFORMED, "public is missing");
    *question = q;
    return ERR_OK;
}

enum err enrollment_request_secret(const struct exchange *x, struct span *secret,
                                   struct err_info *why)
{
    const struct json *body = NULL;
    const char *text = NULL;

    TRY(read_body(x, &body, why));
    TRY(json_need_text(body, "secret", &text, why));
    return decode(x->arena, span_of(text), "secret", secret, why);
}
