/* Reading a KeyDescription. Its lists have tags of more than 30, which no other structure
 * we read has, so they are walked through here. */
#include "core/attest/android_description.h"

#include "core/crypto/der_read.h"

#define LEVEL_MAX      255
#define TAG_MAX        16383 /* of two octets */
#define TAG_MANY       0x1f  /* low bits of an identifier octet: more octets follow */
#define TAG_EXPLICIT   0xa0  /* context-specific, constructed */
#define STATE_VERIFIED 0

enum err android_description_read(struct span value,
                                  struct android_description *description,
                                  struct err_info *why)
{
    struct der_reader r = der_read_start(value, 2);
    struct android_description d = {0};

    der_read_enter(&r, DER_SEQUENCE);
    d.version = der_read_small(&r, UINT32_MAX);
    struct span level = der_read_expect(&r, DER_ENUMERATED);
    (void)der_read_small(&r, UINT32_MAX);
    struct span keymint_level = der_read_expect(&r, DER_ENUMERATED);
    d.challenge = der_read_expect(&r, DER_OCTET_STRING);
    (void)der_read_expect(&r, DER_OCTET_STRING); /* uniqueId */
    d.software = der_read_expect(&r, DER_SEQUENCE);
    d.hardware = der_read_expect(&r, DER_SEQUENCE);
    der_read_leave(&r);
    if (der_read_ok(&r) && (level.len != 1 || keymint_level.len != 1))
        der_read_fail(&r, "a security level is not one octet");
    TRY(der_read_finish(&r, ERR_MALFORMED, "the KeyDescription", why));
    d.level = level.data[0];
    d.keymint_level = keymint_level.data[0];
    *description = d;
    return ERR_OK;
}

/* Identifier octets (X.690 8.1.2) at `*at`: the number of an explicit tag. */
static bool read_tag(struct span list, size_t *at, uint32_t *number)
{
    uint8_t first = list.data[(*at)++];

    if ((first & ~TAG_MANY) != TAG_EXPLICIT)
        return false;
    *number = first & TAG_MANY;
    if (*number != TAG_MANY)
        return true;
    *number = 0;
    for (int i = 0; i < 2 && *at < list.len; i++) {
        uint8_t octet = list.data[(*at)++];
        *number = *number << 7 | (octet & 0x7fU);
        if (*number == 0) /* a leading zero */
            return false;
        if ((octet & 0x80) == 0)
            return *number >= TAG_MANY;
    }
    return false;
}

/* Length octets (X.690 8.1.3, 10.1) at `*at`; the content is inside the list. */
static bool read_length(struct span list, size_t *at, size_t *len)
{
    if (*at >= list.len)
        return false;
    *len = list.data[(*at)++];
    if (*len >= 0x80) {
        size_t count = *len & 0x7f;
        if (count == 0 || count > 2 || list.len - *at < count || list.data[*at] == 0)
            return false;
        *len = 0;
        for (size_t i = 0; i < count; i++)
            *len = *len << 8 | list.data[(*at)++];
        if (*len < 0x80)
            return false;
    }
    return *len <= list.len - *at;
}

enum err android_description_find(struct span list, uint32_t number, struct span *content,
                                  struct err_info *why)
{
    struct span found = {0};

    for (size_t at = 0; at < list.len;) {
        uint32_t tag = 0;
        size_t len = 0;
        if (!read_tag(list, &at, &tag) || !read_length(list, &at, &len) || len == 0)
            return err_set(why, ERR_MALFORMED,
                           "a list of the KeyDescription is malformed at octet %zu", at);
        if (tag == number && found.len > 0)
            return err_set(why, ERR_MALFORMED,
                           "a list of the KeyDescription has the tag %u twice", number);
        if (tag == number)
            found = span_slice(list, at, len);
        at += len;
    }
    *content = found;
    return ERR_OK;
}

enum err android_description_verified(struct span root_of_trust, bool *verified,
                                      struct err_info *why)
{
    struct der_reader r = der_read_start(root_of_trust, 1);

    der_read_enter(&r, DER_SEQUENCE);
    (void)der_read_expect(&r, DER_OCTET_STRING); /* verifiedBootKey */
    bool locked = der_read_boolean(&r);
    struct span state = der_read_expect(&r, DER_ENUMERATED);
    while (der_read_more(&r))
        (void)der_read_tlv(&r, NULL); /* verifiedBootHash, since version 3 */
    der_read_leave(&r);
    TRY(der_read_finish(&r, ERR_MALFORMED, "the root of trust", why));
    *verified = locked && state.len == 1 && state.data[0] == STATE_VERIFIED;
    return ERR_OK;
}
