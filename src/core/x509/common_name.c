/* Common names. */
#include "core/x509/common_name.h"

#include <string.h>

#include "core/crypto/der_read.h"
#include "core/x509/oid.h"

#define DEPTH 4

static bool is_text(uint8_t tag)
{
    return tag == DER_UTF8_STRING || tag == DER_PRINTABLE_STRING ||
           tag == DER_TELETEX_STRING || tag == DER_IA5_STRING;
}

/* Name ::= SEQUENCE OF SET OF SEQUENCE { type, value } */
const char *common_name_of(struct arena *a, struct span name)
{
    struct der_reader r = der_read_start(name, DEPTH);
    struct span found = {0};
    struct err_info ignored = {0};

    der_read_enter(&r, DER_SEQUENCE);
    while (der_read_more(&r)) {
        der_read_enter(&r, DER_SET);
        while (der_read_more(&r)) {
            uint8_t tag = 0;
            der_read_enter(&r, DER_SEQUENCE);
            struct span type = der_read_oid(&r);
            struct span value = der_read_tlv(&r, &tag);
            der_read_leave(&r);
            if (oid_is(type, OID_COMMON_NAME) && is_text(tag))
                found = value;
        }
        der_read_leave(&r);
    }
    der_read_leave(&r);
    if (der_read_finish(&r, ERR_MALFORMED, "the name", &ignored) != ERR_OK ||
        found.len == 0 || memchr(found.data, 0, found.len) != NULL)
        return NULL;
    return arena_string_of(a, found);
}
