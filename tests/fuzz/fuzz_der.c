/* Any octets as DER and as a public key: reading ends, and a key that is read is written
 * the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/crypto/der_read.h"
#include "core/crypto/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read everything, going down wherever it is possible. */
static void walk(struct der_reader *r, unsigned int depth)
{
    while (der_read_more(r)) {
        uint8_t tag = der_read_peek(r);
        if ((tag & 0x20) != 0 && depth > 0) {
            der_read_enter(r, tag);
            walk(r, depth - 1);
            der_read_leave(r);
        } else if (tag == DER_INTEGER) {
            (void)der_read_integer(r);
        } else if (tag == DER_BIT_STRING) {
            (void)der_read_bits(r);
        } else if (tag == DER_OID) {
            (void)der_read_oid(r);
        } else if (tag == DER_UTC_TIME || tag == DER_GENERALIZED_TIME) {
            (void)der_read_time(r);
        } else {
            (void)der_read_element(r);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span octets = span_make(data, size);
    struct der_reader r = der_read_start(octets, 8);
    struct key *k = NULL;
    struct err_info why = {0};

    walk(&r, 8);
    if (der_read_finish(&r, ERR_MALFORMED, "it", &why) != ERR_OK && why.detail[0] == '\0')
        abort();
    if (key_from_spki(octets, &k, NULL) == ERR_OK && !span_equal(key_spki(k), octets))
        abort();
    key_free(k);
    return 0;
}
