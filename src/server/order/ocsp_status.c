/* Certificates looked up for OCSP. */
#include "server/order/ocsp_status.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/crypto/der_read.h"
#include "core/x509/certificate.h"
#include "server/store/store_search.h"

static const enum hash_kind kinds[OCSP_STATUS_HASHES] = {HASH_SHA1, HASH_SHA256};

#define UNSPECIFIED 0 /* RFC 5280 5.3.1: better not said at all */

static enum err read_issuer(struct arena *a, const struct issuer *issuer,
                            struct ocsp_status_issuer *made, struct err_info *why)
{
    struct der_reader r = der_read_start(issuer->chain_der, 1);
    struct certificate *c = NULL;

    TRY(certificate_read(a, der_read_element(&r), &c, why));
    made->key_id = issuer->template.key_id;
    for (size_t i = 0; i < OCSP_STATUS_HASHES; i++) {
        (void)ocsp_hash_name(kinds[i], c->subject, made->name[i]);
        if (ocsp_hash_key(kinds[i], c->spki, made->key[i]) == 0)
            return err_set(why, ERR_CONFIG, "the issuer \"%s\" has no key", issuer->name);
    }
    return ERR_OK;
}

enum err ocsp_status_table_make(struct arena *a, const struct issuer_set *set,
                                struct ocsp_status_table *table, struct err_info *why)
{
    struct ocsp_status_issuer *list = arena_array(a, set->count + 1, sizeof *list);

    for (size_t i = 0; i < set->count; i++)
        TRY(read_issuer(a, &set->issuers[i], &list[i], why));
    *table = (struct ocsp_status_table){.issuers = list, .count = set->count};
    return ERR_OK;
}

size_t ocsp_status_issuer_of(const struct ocsp_status_table *table,
                             const struct ocsp_id *id)
{
    size_t which = id->hash == HASH_SHA1 ? 0 : 1;

    for (size_t i = 0; i < table->count && id->known; i++)
        if (span_equal(id->name,
                       span_make(table->issuers[i].name[which], id->name.len)) &&
            span_equal(id->key, span_make(table->issuers[i].key[which], id->key.len)))
            return i;
    return table->count;
}

/* Is it that issuer's? Of what is older than the store's column the octets say it. */
static enum err is_issuers(const struct store_found *row, struct span key_id, bool *is,
                           struct err_info *why)
{
    const struct store_issuance *i = &row->issuance;

    *is = span_equal(span_make(i->issuer, i->issuer_len), key_id);
    if (i->issuer_len > 0)
        return ERR_OK;
    AUTO(arena) struct arena *a = arena_new();
    struct certificate *c = NULL;
    TRY(certificate_read_tbs(a, i->tbs, &c, why));
    *is = span_equal(c->authority_key_id, key_id);
    return ERR_OK;
}

static enum err find_one(struct store_session *session, struct span key_id,
                         struct ocsp_single *single, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_found *row = NULL;
    bool is = false;

    enum err result = single->id.serial.len > 0
                          ? store_search_serial(session, a, single->id.serial, &row, why)
                          : ERR_NOT_FOUND;
    if (result == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(result);
    TRY(is_issuers(row, key_id, &is, why));
    if (!is)
        return ERR_OK;
    single->status = row->revocation.at != 0 ? OCSP_REVOKED : OCSP_GOOD;
    /* a clock that was ahead is not believed */
    single->revoked = row->revocation.at < clock_now() ? row->revocation.at : clock_now();
    if (row->revocation.at != 0 && row->revocation.reason != UNSPECIFIED &&
        row->revocation.reason != STORE_REASON_NONE)
        single->reason = row->revocation.reason;
    return ERR_OK;
}

enum err ocsp_status_find(struct store_session *session,
                          const struct ocsp_status_table *table,
                          const struct ocsp_request *request, struct ocsp_data *data,
                          size_t *issuer, struct err_info *why)
{
    size_t which = table->count;

    for (size_t i = 0; i < request->count && which == table->count; i++)
        which = ocsp_status_issuer_of(table, &request->ids[i]);
    if (which == table->count)
        return err_set(why, ERR_UNAUTHORIZED,
                       "the certificate is of no issuer of this CA");
    for (size_t i = 0; i < request->count; i++) {
        data->singles[i] = (struct ocsp_single){
            .id = request->ids[i], .status = OCSP_UNKNOWN, .reason = OCSP_REASON_NONE};
        if (ocsp_status_issuer_of(table, &request->ids[i]) == which)
            TRY(find_one(session, table->issuers[which].key_id, &data->singles[i], why));
    }
    data->count = request->count;
    *issuer = which;
    return ERR_OK;
}
