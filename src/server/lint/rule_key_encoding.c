/* The algorithm of the key in the very octets that are allowed. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

/* clang-format off */
static const struct {
    const char *octets;
    size_t len;
} allowed[] = {
#define ROW(octets) {octets, sizeof(octets) - 1}
    ROW("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"),
    ROW("\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"),
    ROW("\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22"),
    ROW("\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23"),
    ROW("\x30\x05\x06\x03\x2b\x65\x70"),
    ROW("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x11"),
    ROW("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12"),
    ROW("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x13"),
#undef ROW
};
/* clang-format on */

const char *rule_key_encoding(const struct lint_subject *s)
{
    struct der_reader r = der_read_start(s->spki, 1);

    der_read_enter(&r, DER_SEQUENCE);
    struct span algorithm = der_read_element(&r);
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        if (span_equal(algorithm, span_make(allowed[i].octets, allowed[i].len)))
            return NULL;
    return "the key's algorithm is none that is allowed, or written otherwise";
}
