/* Certificate requests, made; and their PEM (RFC 7468 7). */
#include "core/x509/csr.h"
#include "core/x509/oid.h"
#include "core/x509/pem.h"

#define DER_SAN_DNS 0x82 /* [2] IMPLICIT IA5String, RFC 5280 4.2.1.6 */
#define DER_SAN_IP  0x87 /* [7] IMPLICIT OCTET STRING */
#define LABEL       "CERTIFICATE REQUEST"
#define LABEL_OLD   "NEW CERTIFICATE REQUEST" /* as some programs write it */

/* An extension that is not critical, around the value written since `mark`. */
static void wrap_extension(struct der_writer *w, enum oid oid, size_t mark)
{
    der_write_wrap(w, DER_OCTET_STRING, mark);
    oid_write(w, oid);
    der_write_wrap(w, DER_SEQUENCE, mark);
}

/* Features ::= SEQUENCE OF INTEGER (RFC 7633 4.1): status_request alone. */
static void write_features(struct der_writer *w)
{
    static const uint8_t status_request[] = {DER_SEQUENCE, 3, DER_INTEGER, 1, 5};
    size_t mark = der_write_mark(w);

    der_write_raw(w, span_make(status_request, sizeof status_request));
    wrap_extension(w, OID_TLS_FEATURE, mark);
}

static void write_names(struct der_writer *w, const struct csr_names *names)
{
    size_t mark = der_write_mark(w);

    for (size_t i = names->device_count; i > 0; i--)
        device_name_write(w, &names->devices[i - 1]);
    for (size_t i = names->address_count; i > 0; i--)
        der_write_element(w, DER_SAN_IP, names->addresses[i - 1]);
    for (size_t i = names->dns_count; i > 0; i--)
        der_write_element(w, DER_SAN_DNS, span_of(names->dns[i - 1]));
    der_write_wrap(w, DER_SEQUENCE, mark);
    wrap_extension(w, OID_SUBJECT_ALTERNATIVE_NAME, mark);
}

/* RFC 2985 5.4.2 */
static void write_extension_request(struct der_writer *w, struct span extensions)
{
    size_t mark = der_write_mark(w);

    if (extensions.len > 0) {
        der_write_raw(w, extensions);
        der_write_wrap(w, DER_SET, mark);
        oid_write(w, OID_EXTENSION_REQUEST);
        der_write_wrap(w, DER_SEQUENCE, mark); /* Attribute */
    }
    der_write_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark);
}

enum err csr_make_with(struct buf *b, const struct key *key, struct span subject,
                       struct span extensions, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t signature_len = 0;
    struct der_writer w = der_writer_make(arena_get(a, CSR_MAX), CSR_MAX);
    size_t mark = der_write_mark(&w);

    write_extension_request(&w, extensions);
    der_write_raw(&w, key_spki(key));
    der_write_raw(&w, subject);
    der_write_unsigned(&w, span_make(NULL, 0));
    der_write_wrap(&w, DER_SEQUENCE, mark);
    struct span info = der_write_take(&w);
    if (info.len == 0)
        return err_set(why, ERR_TOO_LARGE, "too many names for one request");
    TRY(key_sign(key, key_x509_signature(key), info, signature, &signature_len, why));
    struct der_writer whole = der_writer_make(
        arena_get(a, CSR_MAX + KEY_SIGNATURE_MAX + 64), CSR_MAX + KEY_SIGNATURE_MAX + 64);
    mark = der_write_mark(&whole);
    der_write_bits(&whole, span_make(signature, signature_len));
    oid_write_signature(&whole, key_x509_signature(key));
    der_write_raw(&whole, info);
    der_write_wrap(&whole, DER_SEQUENCE, mark);
    buf_add_span(b, der_write_take(&whole));
    if (b->failed)
        return err_set(why, ERR_TOO_LARGE, "the request is too large");
    return ERR_OK;
}

enum err csr_make(struct buf *b, const struct key *key, const struct csr_names *names,
                  struct err_info *why)
{
    static const uint8_t empty_name[] = {DER_SEQUENCE, 0};
    AUTO(arena) struct arena *a = arena_new();
    struct der_writer w = der_writer_make(arena_get(a, CSR_MAX), CSR_MAX);

    size_t mark = der_write_mark(&w);
    size_t count = names->dns_count + names->address_count + names->device_count;
    bool any = count > 0 || names->must_staple;
    if (names->must_staple)
        write_features(&w);
    if (count > 0)
        write_names(&w, names);
    if (any)
        der_write_wrap(&w, DER_SEQUENCE, mark); /* Extensions */
    struct span extensions = der_write_take(&w);
    if (any && extensions.len == 0)
        return err_set(why, ERR_TOO_LARGE, "too many names for one request");
    return csr_make_with(b, key, span_make(empty_name, sizeof empty_name), extensions,
                         why);
}

void csr_pem_add(struct buf *b, struct span der)
{
    pem_add(b, LABEL, der);
}

enum err csr_from_pem(struct arena *a, struct span pem, struct span *der,
                      struct err_info *why)
{
    static const struct pem_kind kind = {LABEL, "certificate request"};
    static const struct pem_kind old = {LABEL_OLD, "certificate request"};
    struct span found = {0};
    size_t count = 0;

    if (pem_read(a, pem, &old, &found, 1, &count, NULL) != ERR_OK)
        TRY(pem_read(a, pem, &kind, &found, 1, &count, why));
    *der = found;
    return ERR_OK;
}
