/* The certificate that answers tls-alpn-01. */
#include "client/solve/challenge_certificate.h"

#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/crypto/hash.h"
#include "core/net/address.h"
#include "core/x509/der_write.h"
#include "core/x509/oid.h"

#define TBS_MAX     2048 /* octets: a name, a key and three short fields */
#define SERIAL_SIZE 16
#define DAY         86400          /* seconds */
#define LIFE        (7 * DAY)      /* as long as a CA may take to ask */
#define VERSION_3   "\x02"         /* RFC 5280 4.1.2.1 */
#define DER_SAN_DNS DER_CONTEXT(2) /* IMPLICIT IA5String, RFC 5280 4.2.1.6 */
#define DER_SAN_IP  DER_CONTEXT(7) /* IMPLICIT OCTET STRING */

static void write_extension(struct der_writer *w, enum oid id, bool critical, size_t mark)
{
    der_write_wrap(w, DER_OCTET_STRING, mark);
    if (critical)
        der_write_true(w);
    oid_write(w, id);
    der_write_wrap(w, DER_SEQUENCE, mark);
}

/* RFC 8737 3: Authorization ::= OCTET STRING (SIZE (32)) */
static void write_authorization(struct der_writer *w, struct span key_authorization)
{
    size_t mark = der_write_mark(w);
    uint8_t digest[HASH_SHA256_SIZE];

    hash_sha256(key_authorization, digest);
    der_write_element(w, DER_OCTET_STRING, span_make(digest, sizeof digest));
    write_extension(w, OID_ACME_IDENTIFIER, true, mark);
}

static void write_name(struct der_writer *w, const struct identifier *identifier)
{
    size_t mark = der_write_mark(w);
    struct address address;

    if (identifier_address(identifier, &address))
        der_write_element(w, DER_SAN_IP, address_octets(&address));
    else
        der_write_element(w, DER_SAN_DNS, span_of(identifier->value));
    der_write_wrap(w, DER_SEQUENCE, mark);
    write_extension(w, OID_SUBJECT_ALTERNATIVE_NAME, false, mark);
}

/* Subject and issuer say what it is to whoever meets it in a log. */
static void write_party(struct der_writer *w)
{
    size_t mark = der_write_mark(w);

    der_write_element(w, DER_UTF8_STRING, span_of("ACME tls-alpn-01 challenge"));
    oid_write(w, OID_COMMON_NAME);
    der_write_wrap(w, DER_SEQUENCE, mark);
    der_write_wrap(w, DER_SET, mark);
    der_write_wrap(w, DER_SEQUENCE, mark);
}

static void write_tbs(struct der_writer *w, const struct key *key,
                      const struct identifier *identifier, struct span key_authorization)
{
    size_t whole = der_write_mark(w);
    int64_t now = clock_now();
    uint8_t serial[SERIAL_SIZE];

    random_fill(serial, sizeof serial);
    serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and always as long */
    write_name(w, identifier);
    write_authorization(w, key_authorization);
    der_write_wrap(w, DER_SEQUENCE, whole);
    der_write_wrap(w, DER_CONTEXT_CONSTRUCTED(3), whole);
    der_write_raw(w, key_spki(key));
    write_party(w);
    size_t mark = der_write_mark(w);
    der_write_time(w, now + LIFE);
    der_write_time(w, now - DAY); /* for a CA whose clock is behind */
    der_write_wrap(w, DER_SEQUENCE, mark);
    write_party(w);
    oid_write_signature(w, key_x509_signature(key));
    der_write_unsigned(w, span_make(serial, sizeof serial));
    mark = der_write_mark(w);
    der_write_element(w, DER_INTEGER, span_make(VERSION_3, 1));
    der_write_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark);
    der_write_wrap(w, DER_SEQUENCE, whole);
}

enum err challenge_certificate_make(struct buf *b, const struct key *key,
                                    const struct identifier *identifier,
                                    struct span key_authorization, struct err_info *why)
{
    uint8_t tbs_room[TBS_MAX];
    uint8_t room[TBS_MAX + KEY_SIGNATURE_MAX + 64];
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t signature_len = 0;
    struct der_writer inner = der_writer_make(tbs_room, sizeof tbs_room);
    struct der_writer whole = der_writer_make(room, sizeof room);
    size_t mark = der_write_mark(&whole);

    write_tbs(&inner, key, identifier, key_authorization);
    struct span tbs = der_write_take(&inner);
    if (tbs.len == 0)
        return err_set(why, ERR_CRYPTO, "the challenge certificate is too large");
    TRY(key_sign(key, key_x509_signature(key), tbs, signature, &signature_len, why));
    der_write_bits(&whole, span_make(signature, signature_len));
    oid_write_signature(&whole, key_x509_signature(key));
    der_write_raw(&whole, tbs);
    der_write_wrap(&whole, DER_SEQUENCE, mark);
    buf_add_span(b, der_write_take(&whole));
    return b->failed ? err_set(why, ERR_CRYPTO, "the challenge certificate is too large")
                     : ERR_OK;
}
