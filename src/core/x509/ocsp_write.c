/* OCSP written. */
#include "core/x509/der_write.h"
#include "core/x509/ocsp.h"
#include "core/x509/oid.h"

#define DATA_MAX   (OCSP_CERTS_MAX * 512 + 1024) /* octets */
#define ANSWER_MAX (DATA_MAX + 16 * 1024)        /* with a certificate */

static void write_nonce(struct der_writer *w, struct span nonce)
{
    size_t all = der_write_mark(w);

    if (nonce.len == 0)
        return;
    der_write_element(w, DER_OCTET_STRING, nonce);
    der_write_wrap(w, DER_OCTET_STRING, all);
    oid_write(w, OID_OCSP_NONCE);
    der_write_wrap(w, DER_SEQUENCE, all);
    der_write_wrap(w, DER_SEQUENCE, all);
    der_write_wrap(w, DER_CONTEXT_CONSTRUCTED(1), all);
}

static void write_status(struct der_writer *w, const struct ocsp_single *single)
{
    size_t mark = der_write_mark(w);

    if (single->status != OCSP_REVOKED) {
        der_write_element(w, DER_CONTEXT(single->status == OCSP_GOOD ? 0 : 2),
                          span_make(NULL, 0));
        return;
    }
    if (single->reason != OCSP_REASON_NONE) {
        uint8_t reason = (uint8_t)single->reason;
        der_write_element(w, DER_ENUMERATED, span_make(&reason, 1));
        der_write_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark);
    }
    der_write_generalized_time(w, single->revoked);
    der_write_wrap(w, DER_CONTEXT_CONSTRUCTED(1), mark);
}

static void write_single(struct der_writer *w, const struct ocsp_single *single)
{
    size_t all = der_write_mark(w);

    der_write_generalized_time(w, single->next_update);
    der_write_wrap(w, DER_CONTEXT_CONSTRUCTED(0), all);
    der_write_generalized_time(w, single->this_update);
    write_status(w, single);
    der_write_raw(w, single->id.whole);
    der_write_wrap(w, DER_SEQUENCE, all);
}

enum err ocsp_data_write(struct arena *a, const struct ocsp_data *data, struct span *tbs,
                         struct err_info *why)
{
    struct der_writer w = der_writer_make(arena_get(a, DATA_MAX), DATA_MAX);
    size_t all = der_write_mark(&w);

    write_nonce(&w, data->nonce);
    size_t mark = der_write_mark(&w);
    for (size_t i = data->count; i > 0; i--)
        write_single(&w, &data->singles[i - 1]);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    der_write_generalized_time(&w, data->produced);
    mark = der_write_mark(&w);
    der_write_element(&w, DER_OCTET_STRING, data->responder);
    der_write_wrap(&w, DER_CONTEXT_CONSTRUCTED(2), mark);
    der_write_wrap(&w, DER_SEQUENCE, all);
    *tbs = der_write_take(&w);
    return tbs->len > 0 ? ERR_OK
                        : err_set(why, ERR_TOO_LARGE,
                                  "the answer has more than %d octets", DATA_MAX);
}

struct span ocsp_answer(struct arena *a, struct span tbs, enum key_signature kind,
                        struct span signature, struct span certificate)
{
    static const uint8_t successful = 0;
    struct der_writer w = der_writer_make(arena_get(a, ANSWER_MAX), ANSWER_MAX);
    size_t all = der_write_mark(&w);

    der_write_raw(&w, certificate);
    der_write_wrap(&w, DER_SEQUENCE, all);
    der_write_wrap(&w, DER_CONTEXT_CONSTRUCTED(0), all);
    der_write_bits(&w, signature);
    oid_write_signature(&w, kind);
    der_write_raw(&w, tbs);
    der_write_wrap(&w, DER_SEQUENCE, all);
    der_write_wrap(&w, DER_OCTET_STRING, all);
    oid_write(&w, OID_OCSP_BASIC);
    der_write_wrap(&w, DER_SEQUENCE, all);
    der_write_wrap(&w, DER_CONTEXT_CONSTRUCTED(0), all);
    der_write_element(&w, DER_ENUMERATED, span_make(&successful, 1));
    der_write_wrap(&w, DER_SEQUENCE, all);
    return der_write_take(&w);
}

struct span ocsp_refuse(enum ocsp_refusal refusal)
{
    static const uint8_t answers[7][5] = {
        [OCSP_MALFORMED_REQUEST] = {0x30, 3, DER_ENUMERATED, 1, OCSP_MALFORMED_REQUEST},
        [OCSP_INTERNAL_ERROR] = {0x30, 3, DER_ENUMERATED, 1, OCSP_INTERNAL_ERROR},
        [OCSP_TRY_LATER] = {0x30, 3, DER_ENUMERATED, 1, OCSP_TRY_LATER},
        [OCSP_UNAUTHORIZED] = {0x30, 3, DER_ENUMERATED, 1, OCSP_UNAUTHORIZED},
    };

    return span_make(answers[refusal], sizeof answers[refusal]);
}

size_t ocsp_hash_name(enum hash_kind kind, struct span name, uint8_t *to)
{
    return hash_make(kind, name, to);
}

/* RFC 6960 4.1.1: of the bits, without tag, length and the count of unused ones. */
size_t ocsp_hash_key(enum hash_kind kind, struct span spki, uint8_t *to)
{
    struct der_reader r = der_read_start(spki, 3);

    der_read_enter(&r, DER_SEQUENCE);
    (void)der_read_element(&r);
    struct span bits = der_read_bits(&r);
    return der_read_ok(&r) && bits.len > 0 ? hash_make(kind, bits, to) : 0;
}
