/* OCSP read. */
#include <string.h>

#include "core/crypto/der_read.h"
#include "core/x509/ocsp.h"
#include "core/x509/oid.h"

#define DEPTH 10

/* ---- what requests and answers have in common ---- */

/* RFC 6960 4.1.1: of an unknown kind the rest is as unknown. */
static enum hash_kind read_hash(struct der_reader *r, bool *known)
{
    der_read_enter(r, DER_SEQUENCE);
    struct span id = der_read_oid(r);
    if (der_read_peek(r) == DER_NULL)
        der_read_null(r);
    while (der_read_more(r)) /* parameters of a kind we do not know */
        (void)der_read_element(r);
    der_read_leave(r);
    *known = oid_is(id, OID_SHA1) || oid_is(id, OID_SHA256);
    return oid_is(id, OID_SHA1) ? HASH_SHA1 : HASH_SHA256;
}

static void read_id(struct der_reader *r, struct ocsp_id *id)
{
    struct der_reader ahead = *r;

    id->whole = der_read_element(&ahead);
    der_read_enter(r, DER_SEQUENCE);
    id->hash = read_hash(r, &id->known);
    id->name = der_read_expect(r, DER_OCTET_STRING);
    id->key = der_read_expect(r, DER_OCTET_STRING);
    id->serial = der_read_integer(r);
    der_read_leave(r);
    if (id->serial.len > 0 && id->serial.data[0] >= 0x80)
        id->serial = span_make(NULL, 0); /* no serial of ours is negative */
    while (id->serial.len > 0 && id->serial.data[0] == 0)
        id->serial = span_slice(id->serial, 1, id->serial.len);
    size_t size = id->hash == HASH_SHA1 ? OCSP_KEY_HASH : HASH_SHA256_SIZE;
    if (der_read_ok(r) && id->known && (id->name.len != size || id->key.len != size))
        der_read_fail(r, "a hash has not the length of its kind");
}

/* RFC 8954 2.1: an OCTET STRING in the extension's OCTET STRING. */
static struct span read_nonce(struct der_reader *r, struct span value)
{
    struct der_reader inner = der_read_start(value, 1);
    struct span nonce = der_read_expect(&inner, DER_OCTET_STRING);

    if (!der_read_ok(&inner) || der_read_more(&inner))
        der_read_fail(r, "the nonce is no OCTET STRING");
    else if (nonce.len == 0 || nonce.len > OCSP_NONCE_MAX)
        der_read_fail(r, "the nonce has not 1 to 32 octets (RFC 8954 2.1)");
    return nonce;
}

/* Extensions, of which the nonce is the only one that says something to us. */
static void read_extensions(struct der_reader *r, struct span *nonce, bool others)
{
    der_read_enter(r, DER_SEQUENCE);
    if (!der_read_more(r))
        der_read_fail(r, "there are no extensions in their place");
    while (der_read_more(r)) {
        der_read_enter(r, DER_SEQUENCE);
        struct span id = der_read_oid(r);
        bool critical = der_read_peek(r) == DER_BOOLEAN && der_read_boolean(r);
        struct span value = der_read_expect(r, DER_OCTET_STRING);
        der_read_leave(r);
        if (!der_read_ok(r))
            return;
        if (nonce != NULL && oid_is(id, OID_OCSP_NONCE)) {
            if (nonce->len > 0)
                der_read_fail(r, "there are two nonces");
            *nonce = read_nonce(r, value);
        } else if (critical || !others) {
            der_read_fail(r, "an extension is not known");
        }
    }
    der_read_leave(r);
}

/* ---- requests ---- */

static void read_one(struct der_reader *r, struct ocsp_id *id)
{
    der_read_enter(r, DER_SEQUENCE);
    read_id(r, id);
    if (der_read_enter_optional(r, DER_CONTEXT_CONSTRUCTED(0))) {
        read_extensions(r, NULL, true);
        der_read_leave(r);
    }
    der_read_leave(r);
}

static void read_tbs_request(struct der_reader *r, struct ocsp_request *request)
{
    der_read_enter(r, DER_SEQUENCE);
    if (der_read_peek(r) == DER_CONTEXT_CONSTRUCTED(0))
        der_read_fail(r, "the version is not 1, or written out");
    if (der_read_peek(r) == DER_CONTEXT_CONSTRUCTED(1)) /* requestorName */
        (void)der_read_element(r);
    der_read_enter(r, DER_SEQUENCE);
    while (der_read_more(r)) {
        if (request->count == OCSP_CERTS_MAX)
            der_read_fail(r, "there are too many certificates in one request");
        else
            read_one(r, &request->ids[request->count++]);
    }
    der_read_leave(r);
    if (request->count == 0)
        der_read_fail(r, "there is no certificate in the request");
    if (der_read_enter_optional(r, DER_CONTEXT_CONSTRUCTED(2))) {
        read_extensions(r, &request->nonce, true);
        der_read_leave(r);
    }
    der_read_leave(r);
}

enum err ocsp_request_read(struct span der, struct ocsp_request *request,
                           struct err_info *why)
{
    struct der_reader r = der_read_start(der, DEPTH);

    memset(request, 0, sizeof *request);
    if (der.len > OCSP_REQUEST_MAX)
        return err_set(why, ERR_MALFORMED, "the request is longer than %d octets",
                       OCSP_REQUEST_MAX);
    der_read_enter(&r, DER_SEQUENCE);
    read_tbs_request(&r, request);
    if (der_read_peek(&r) == DER_CONTEXT_CONSTRUCTED(0)) /* optionalSignature */
        (void)der_read_element(&r);
    der_read_leave(&r);
    return der_read_finish(&r, ERR_MALFORMED, "the request", why);
}

/* ---- what is to be signed ---- */

/* RFC 5019 2.2.4 */
static int64_t read_time(struct der_reader *r)
{
    if (der_read_peek(r) != DER_GENERALIZED_TIME)
        der_read_fail(r, "a time is no GeneralizedTime");
    return der_read_time(r);
}

static void read_status(struct der_reader *r, struct ocsp_single *single)
{
    struct span nothing = {0};

    single->reason = OCSP_REASON_NONE;
    if (der_read_optional(r, DER_CONTEXT(0), &nothing)) {
        single->status = OCSP_GOOD;
    } else if (der_read_optional(r, DER_CONTEXT(2), &nothing)) {
        single->status = OCSP_UNKNOWN;
    } else {
        der_read_enter(r, DER_CONTEXT_CONSTRUCTED(1));
        single->status = OCSP_REVOKED;
        single->revoked = read_time(r);
        if (der_read_enter_optional(r, DER_CONTEXT_CONSTRUCTED(0))) {
            struct span reason = der_read_expect(r, DER_ENUMERATED);
            if (der_read_ok(r) && (reason.len != 1 || reason.data[0] > 10))
                der_read_fail(r, "a reason is none of RFC 5280 5.3.1");
            else if (der_read_ok(r))
                single->reason = reason.data[0];
            der_read_leave(r);
        }
        der_read_leave(r);
    }
    if (nothing.len > 0)
        der_read_fail(r, "a status has something in it");
}

static void read_single(struct der_reader *r, struct ocsp_single *single)
{
    der_read_enter(r, DER_SEQUENCE);
    read_id(r, &single->id);
    read_status(r, single);
    single->this_update = read_time(r);
    if (der_read_enter_optional(r, DER_CONTEXT_CONSTRUCTED(0))) {
        single->next_update = read_time(r);
        der_read_leave(r);
    }
    der_read_leave(r);
}

enum err ocsp_data_read(struct span tbs, struct ocsp_data *data, struct err_info *why)
{
    struct der_reader r = der_read_start(tbs, DEPTH);

    memset(data, 0, sizeof *data);
    der_read_enter(&r, DER_SEQUENCE);
    der_read_enter(&r, DER_CONTEXT_CONSTRUCTED(2)); /* byKey */
    data->responder = der_read_expect(&r, DER_OCTET_STRING);
    der_read_leave(&r);
    data->produced = read_time(&r);
    der_read_enter(&r, DER_SEQUENCE);
    while (der_read_more(&r)) {
        if (data->count == OCSP_CERTS_MAX)
            der_read_fail(&r, "there are too many certificates in one answer");
        else
            read_single(&r, &data->singles[data->count++]);
    }
    der_read_leave(&r);
    if (der_read_enter_optional(&r, DER_CONTEXT_CONSTRUCTED(1))) {
        read_extensions(&r, &data->nonce, false);
        der_read_leave(&r);
    }
    der_read_leave(&r);
    return der_read_finish(&r, ERR_MALFORMED, "the answer", why);
}
