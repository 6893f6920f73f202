/* Format "android-key" (WebAuthn Level 3 8.4): a key of Android's key store. The
 * challenge in the KeyDescription is the key authorization itself, not its hash. */
#include <string.h>

#include "core/attest/android_description.h"
#include "core/attest/attest_private.h"
#include "core/base/secret.h"
#include "core/base/text.h"
#include "core/crypto/der_read.h"
#include "core/json/json_read.h"

#define PURPOSE_SIGN     2
#define ORIGIN_GENERATED 0
#define SERIAL_HEX_MAX                                                                   \
    64 /* octets of a certificate's serial number that are looked up                     \
        */

/* With the leading zero of a whole octet, or without, as the list is written by others.
 */
static bool is_listed(const struct json *entries, const char *hex)
{
    return json_member(entries, hex) != NULL ||
           json_member(entries, hex + strspn(hex, "0")) != NULL;
}

/* Google's list of attestation keys that became known or are in doubt, by serial numbers
 * in hexadecimal. Whatever an entry's status is: it is there since it must not be
 * trusted. */
static enum err check_status(const struct attest_case *c, struct err_info *why)
{
    const struct json *list = NULL;

    if (c->rules->android_status.len == 0)
        return ERR_OK;
    if (json_read(c->arena, c->rules->android_status, &list, why) != ERR_OK ||
        !json_is_object(json_member(list, "entries")))
        return err_set(why, ERR_CONFIG,
                       "the status list of Android's attestation keys cannot be read");
    for (size_t i = 0; i < c->x5c_count; i++) {
        struct span serial = c->certificates[i]->serial;
        char hex[2 * SERIAL_HEX_MAX + 1];
        if (serial.len > SERIAL_HEX_MAX)
            return err_set(why, ERR_MALFORMED,
                           "the serial number of x5c[%zu] is too long", i);
        text_hex(hex, serial.data, serial.len);
        if (is_listed(json_member(list, "entries"), hex))
            return err_set(why, ERR_UNAUTHORIZED,
                           "x5c[%zu] is revoked or suspended by the status list", i);
    }
    return ERR_OK;
}

/* Whoever has a genuine certificate can issue more below it, with whatever extension: the
 * one closest to the root counts, and that must be the leaf. */
static enum err read_description(const struct attest_case *c,
                                 struct android_description *d, struct err_info *why)
{
    struct span value;

    if (!attest_leaf_extension(c, ANDROID_DESCRIPTION_OID, &value))
        return err_set(why, ERR_UNAUTHORIZED, "x5c[0] has no KeyDescription");
    TRY(android_description_read(value, d, why));
    for (size_t i = 1; i < c->x5c_count; i++)
        if (attest_extension(c, i, ANDROID_DESCRIPTION_OID, &value))
            return err_set(why, ERR_UNAUTHORIZED,
                           "x5c[%zu] has a KeyDescription, so x5c[0] is not the "
                           "attestation certificate",
                           i);
    return ERR_OK;
}

static enum err check_levels(const struct attest_case *c,
                             const struct android_description *d, struct err_info *why)
{
    json_write_number(c->facts, "attestationVersion", d->version);
    json_write_number(c->facts, "securityLevel", d->level);
    json_write_number(c->facts, "keyMintSecurityLevel", d->keymint_level);
    if (d->level != ANDROID_TRUSTED_ENVIRONMENT && d->level != ANDROID_STRONG_BOX)
        return err_set(why, ERR_UNAUTHORIZED,
                       "the attestation is of security level %u: made by software",
                       d->level);
    if (d->keymint_level != ANDROID_TRUSTED_ENVIRONMENT &&
        d->keymint_level != ANDROID_STRONG_BOX)
        return err_set(why, ERR_UNAUTHORIZED,
                       "the key is of security level %u: kept by software",
                       d->keymint_level);
    if (c->rules->strong_box &&
        (d->level != ANDROID_STRONG_BOX || d->keymint_level != ANDROID_STRONG_BOX))
        return err_set(why, ERR_UNAUTHORIZED, "the key is not in a StrongBox");
    return ERR_OK;
}

/* Is it the SET OF INTEGER with PURPOSE_SIGN in it? */
static bool has_sign(struct span purpose)
{
    struct der_reader r = der_read_start(purpose, 1);
    bool found = false;

    der_read_enter(&r, DER_SET);
    while (der_read_more(&r))
        found = der_read_small(&r, UINT8_MAX) == PURPOSE_SIGN || found;
    der_read_leave(&r);
    return found && der_read_ok(&r) && !der_read_more(&r);
}

static bool is_generated(struct span origin)
{
    struct der_reader r = der_read_start(origin, 0);

    return der_read_small(&r, UINT8_MAX) == ORIGIN_GENERATED && der_read_ok(&r) &&
           !der_read_more(&r);
}

static enum err check_key(const struct android_description *d, struct err_info *why)
{
    struct span value;

    TRY(android_description_find(d->hardware, ANDROID_ORIGIN, &value, why));
    if (!is_generated(value))
        return err_set(why, ERR_UNAUTHORIZED,
                       "the hardware does not say that it generated the key (702)");
    TRY(android_description_find(d->hardware, ANDROID_PURPOSE, &value, why));
    if (!has_sign(value))
        return err_set(why, ERR_UNAUTHORIZED,
                       "the hardware does not say that the key is for signing (1)");
    TRY(android_description_find(d->hardware, ANDROID_ALL_APPLICATIONS, &value, why));
    struct span other;
    TRY(android_description_find(d->software, ANDROID_ALL_APPLICATIONS, &other, why));
    if (value.len > 0 || other.len > 0)
        return err_set(why, ERR_UNAUTHORIZED, "every application may use the key (600)");
    return ERR_OK;
}

static enum err check_boot(const struct attest_case *c,
                           const struct android_description *d, struct err_info *why)
{
    struct span value;
    bool verified = false;

    TRY(android_description_find(d->hardware, ANDROID_ROOT_OF_TRUST, &value, why));
    if (value.len > 0) {
        TRY(android_description_verified(value, &verified, why));
        json_write_bool(c->facts, "verifiedBoot", verified);
    }
    if (c->rules->verified_boot && !verified)
        return err_set(why, ERR_UNAUTHORIZED,
                       "the device was not started verified and locked (704)");
    return ERR_OK;
}

static enum err add_identity(struct attest_case *c, const struct android_description *d,
                             struct err_info *why)
{
    struct span value;

    TRY(android_description_find(d->hardware, ANDROID_SERIAL, &value, why));
    if (value.len == 0)
        return ERR_OK;
    struct der_reader r = der_read_start(value, 0);
    struct span serial = der_read_expect(&r, DER_OCTET_STRING);
    TRY(der_read_finish(&r, ERR_MALFORMED, "the serial number (713)", why));
    return attest_identity_add(c, serial, why);
}

enum err format_android_key(struct attest_case *c, struct err_info *why)
{
    struct android_description d;
    struct span signature;

    TRY(check_status(c, why));
    TRY(read_description(c, &d, why));
    if (!secret_equal(d.challenge, span_of(c->question->key_authorization)))
        return err_set(why, ERR_UNAUTHORIZED,
                       "attestationChallenge is not the key authorization");
    TRY(attest_statement_octets(c, "sig", &signature, why));
    TRY(attest_statement_signed(c, signature, why));
    TRY(check_levels(c, &d, why));
    TRY(check_key(&d, why));
    TRY(check_boot(c, &d, why));
    TRY(add_identity(c, &d, why));
    c->spki = key_spki(c->leaf_key);
    return ERR_OK;
}
