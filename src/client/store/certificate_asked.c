/* The member "asked" of metadata.json. */
#include "client/store/certificate_asked.h"

#include <string.h>

#include "core/base/text.h"
#include "core/crypto/hash.h"

struct certificate_asked certificate_asked_make(const struct settings_certificate *c,
                                                const char *csr)
{
    return (struct certificate_asked){.known = true,
                                      .profile = c->profile,
                                      .lifetime_s = c->lifetime_ms / 1000,
                                      .must_staple = c->must_staple && c->csr[0] == '\0',
                                      .csr = csr};
}

const char *certificate_asked_digest(struct arena *a, struct span der)
{
    uint8_t digest[HASH_SHA256_SIZE];
    char *text = arena_get(a, 2 * sizeof digest + 1);

    hash_sha256(der, digest);
    text_hex(text, digest, sizeof digest);
    return text;
}

/* A request that cannot be read is complained of when it is needed. */
static const char *request_difference(const char *wanted, const char *there)
{
    if (wanted == NULL || there == NULL || strcmp(wanted, there) == 0)
        return NULL;
    if (wanted[0] == '\0')
        return "the one that is there is for a certificate request";
    return there[0] == '\0' ? "the one that is there is for no certificate request"
                            : "the one that is there is for another certificate request";
}

const char *certificate_asked_difference(const struct certificate_asked *wanted,
                                         const struct certificate_asked *there)
{
    if (!wanted->known || !there->known)
        return NULL;
    const char *request = request_difference(wanted->csr, there->csr);
    if (request != NULL)
        return request;
    if (strcmp(wanted->profile, there->profile) != 0)
        return "the one that is there has another profile";
    if (wanted->lifetime_s != there->lifetime_s)
        return "the one that is there was asked for with another lifetime";
    if (wanted->must_staple != there->must_staple)
        return wanted->must_staple
                   ? "the one that is there was asked for without must-staple"
                   : "the one that is there was asked for with must-staple";
    return NULL;
}

void certificate_asked_write(struct json_writer *w, const struct certificate_asked *asked)
{
    if (!asked->known)
        return;
    json_write_begin_object(w, "asked");
    json_write_text(w, "profile", asked->profile);
    json_write_number(w, "lifetime", asked->lifetime_s);
    json_write_bool(w, "must_staple", asked->must_staple);
    if (asked->csr != NULL)
        json_write_text(w, "csr", asked->csr);
    json_write_end_object(w);
}

enum err certificate_asked_read(const struct json *object,
                                struct certificate_asked *asked, struct err_info *why)
{
    const struct json *member = json_member(object, "asked");
    struct certificate_asked read = {.known = true};

    *asked = (struct certificate_asked){0};
    if (member == NULL)
        return ERR_OK;
    TRY(json_need_text(member, "profile", &read.profile, why));
    TRY(json_take_number(member, "lifetime", 0, &read.lifetime_s, why));
    TRY(json_take_bool(member, "must_staple", false, &read.must_staple, why));
    TRY(json_take_text(member, "csr", &read.csr, why));
    *asked = read;
    return ERR_OK;
}
