/* Object identifiers and signature algorithms. */
#include "core/x509/oid.h"

static const struct span octets_of[OID_COUNT] = {
#define OID(name, octets) {(const uint8_t *)(octets), sizeof(octets) - 1},
#include "core/x509/oids.def"
#undef OID
};

static const struct {
    enum oid oid;
    enum key_signature kind;
    bool null_parameters; /* RFC 4055 5: RSA has NULL, the others nothing */
} algorithms[] = {
    {OID_ECDSA_SHA256, KEY_SIGNATURE_ECDSA_SHA256, false},
    {OID_ECDSA_SHA384, KEY_SIGNATURE_ECDSA_SHA384, false},
    {OID_ECDSA_SHA512, KEY_SIGNATURE_ECDSA_SHA512, false},
    {OID_RSA_SHA256, KEY_SIGNATURE_RS256, true},
    {OID_RSA_SHA384, KEY_SIGNATURE_RS384, true},
    {OID_RSA_SHA512, KEY_SIGNATURE_RS512, true},
    {OID_ED25519, KEY_SIGNATURE_EDDSA, false},
};

#define ALGORITHM_COUNT (sizeof algorithms / sizeof algorithms[0])

struct span oid_octets(enum oid oid)
{
    return octets_of[oid];
}

bool oid_is(struct span content, enum oid oid)
{
    return span_equal(content, octets_of[oid]);
}

void oid_write(struct der_writer *w, enum oid oid)
{
    der_write_element(w, DER_OID, octets_of[oid]);
}

void oid_write_signature(struct der_writer *w, enum key_signature kind)
{
    size_t mark = der_write_mark(w);

    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        if (algorithms[i].kind != kind)
            continue;
        if (algorithms[i].null_parameters)
            der_write_element(w, DER_NULL, span_make(NULL, 0));
        oid_write(w, algorithms[i].oid);
        der_write_wrap(w, DER_SEQUENCE, mark);
        return;
    }
    w->failed = true;
}

enum key_signature oid_read_signature(struct der_reader *r)
{
    enum key_signature kind = KEY_SIGNATURE_ECDSA_SHA256;
    bool known = false;

    der_read_enter(r, DER_SEQUENCE);
    struct span oid = der_read_oid(r);
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        if (!oid_is(oid, algorithms[i].oid))
            continue;
        known = true;
        kind = algorithms[i].kind;
        if (algorithms[i].null_parameters)
            der_read_null(r);
    }
    if (!known)
        der_read_fail(r, "the signature algorithm is not supported");
    der_read_leave(r);
    return kind;
}
