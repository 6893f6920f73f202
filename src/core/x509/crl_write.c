/* Certificate revocation lists, written. */
#include "core/x509/crl.h"
#include "core/x509/der_write.h"

#define AKI_KEY_ID        0x80
#define URL               0x86 /* GeneralName */
#define POINT_USER        0x81
#define UNSPECIFIED       0
#define SIGNATURE_HEADERS 64 /* octets around a signature */

/* Close an extension whose value was written since `mark`. */
static void extension(struct der_writer *w, enum oid oid, bool critical, size_t mark)
{
    der_write_wrap(w, DER_OCTET_STRING, mark);
    if (critical)
        der_write_true(w);
    oid_write(w, oid);
    der_write_wrap(w, DER_SEQUENCE, mark);
}

static void write_reason(struct der_writer *w, int reason)
{
    const uint8_t code = (uint8_t)reason;
    size_t mark = der_write_mark(w);

    der_write_element(w, DER_ENUMERATED, span_make(&code, 1));
    extension(w, OID_CRL_REASON, false, mark);
    der_write_wrap(w, DER_SEQUENCE, mark);
}

void crl_entry_add(struct buf *b, struct span serial, int64_t revoked_at, int reason)
{
    uint8_t octets[CRL_ENTRY_MAX];
    struct der_writer w = der_writer_make(octets, sizeof octets);
    size_t mark = der_write_mark(&w);

    if (reason != CRL_NO_REASON && reason != UNSPECIFIED)
        write_reason(&w, reason);
    der_write_time(&w, revoked_at);
    der_write_unsigned(&w, serial);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    buf_add_span(b, der_write_take(&w));
}

static enum err take(const struct der_writer *w, struct span *octets,
                     struct err_info *why)
{
    if (w->failed)
        return err_set(why, ERR_TOO_LARGE, "the revocation list would be too large");
    *octets = der_write_take(w);
    return ERR_OK;
}

/* RFC 5280 5.2.5; critical, so that who does not know it does not take a part for the
 * whole. */
static void write_point(struct der_writer *w, const struct crl_head *head)
{
    static const uint8_t yes = 0xff;
    size_t mark = der_write_mark(w);

    if (head->url_count == 0)
        return;
    if (head->only_user_certificates)
        der_write_element(w, POINT_USER, span_make(&yes, 1));
    size_t name = der_write_mark(w);
    for (size_t i = head->url_count; i > 0; i--)
        der_write_element(w, URL, span_of(head->urls[i - 1]));
    der_write_wrap(w, DER_CONTEXT_CONSTRUCTED(0), name); /* fullName */
    der_write_wrap(w, DER_CONTEXT_CONSTRUCTED(0), name); /* distributionPoint */
    der_write_wrap(w, DER_SEQUENCE, mark);
    extension(w, OID_ISSUING_DISTRIBUTION_POINT, true, mark);
}

static void write_number(struct der_writer *w, uint64_t number)
{
    size_t mark = der_write_mark(w);
    uint8_t octets[8];

    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(number >> (56 - 8 * i));
    der_write_unsigned(w, span_make(octets, sizeof octets));
    extension(w, OID_CRL_NUMBER, false, mark);
}

static void write_key_id(struct der_writer *w, struct span key_id)
{
    size_t mark = der_write_mark(w);

    der_write_element(w, AKI_KEY_ID, key_id);
    der_write_wrap(w, DER_SEQUENCE, mark);
    extension(w, OID_AUTHORITY_KEY_IDENTIFIER, false, mark);
}

enum err crl_tail_write(struct arena *a, const struct crl_head *head, struct span *tail,
                        struct err_info *why)
{
    struct der_writer w = der_writer_make(arena_get(a, CRL_PIECE_MAX), CRL_PIECE_MAX);
    size_t mark = der_write_mark(&w);

    write_point(&w, head);
    write_number(&w, head->number);
    write_key_id(&w, head->key_id);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    der_write_wrap(&w, DER_CONTEXT_CONSTRUCTED(0), mark);
    return take(&w, tail, why);
}

enum err crl_head_write(struct arena *a, const struct crl_head *head, size_t entries,
                        size_t tail, struct span *octets, struct err_info *why)
{
    static const uint8_t version_2[] = {0x02, 0x01, 0x01};
    struct der_writer w = der_writer_make(arena_get(a, CRL_PIECE_MAX), CRL_PIECE_MAX);
    size_t mark = der_write_mark(&w);

    if (entries > 0) /* absent when nothing is revoked, RFC 5280 5.1.2.6 */
        der_write_header(&w, DER_SEQUENCE, entries);
    der_write_time(&w, head->next_update);
    der_write_time(&w, head->this_update);
    der_write_raw(&w, head->issuer);
    oid_write_signature(&w, head->signature_kind);
    der_write_raw(&w, span_make(version_2, sizeof version_2));
    der_write_header(&w, DER_SEQUENCE, mark - der_write_mark(&w) + entries + tail);
    return take(&w, octets, why);
}

enum err crl_frame_write(struct arena *a, size_t tbs, enum key_signature kind,
                         struct span signature, struct span *before, struct span *behind,
                         struct err_info *why)
{
    size_t room = signature.len + SIGNATURE_HEADERS;
    struct der_writer w = der_writer_make(arena_get(a, room), room);
    struct der_writer outer =
        der_writer_make(arena_get(a, SIGNATURE_HEADERS), SIGNATURE_HEADERS);

    der_write_bits(&w, signature);
    oid_write_signature(&w, kind);
    TRY(take(&w, behind, why));
    der_write_header(&outer, DER_SEQUENCE, tbs + behind->len);
    return take(&outer, before, why);
}
