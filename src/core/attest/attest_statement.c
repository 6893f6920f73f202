/* What several formats ask of a statement. */
#include "core/attest/attest_cose.h"
#include "core/attest/attest_private.h"
#include "core/x509/oid.h"

static enum err need(const struct attest_case *c, const char *name,
                     enum attest_cbor_kind kind, const struct attest_cbor **value,
                     struct err_info *why)
{
    *value = attest_cbor_member(c->statement, name);
    if (*value == NULL)
        return err_set(why, ERR_MALFORMED, "the statement has no \"%s\"", name);
    if ((*value)->kind != kind)
        return err_set(why, ERR_MALFORMED, "\"%s\" of the statement has another type",
                       name);
    return ERR_OK;
}

enum err attest_statement_octets(const struct attest_case *c, const char *name,
                                 struct span *octets, struct err_info *why)
{
    const struct attest_cbor *value = NULL;

    TRY(need(c, name, ATTEST_CBOR_OCTETS, &value, why));
    if (value->octets.len == 0)
        return err_set(why, ERR_MALFORMED, "\"%s\" of the statement is empty", name);
    *octets = value->octets;
    return ERR_OK;
}

enum err attest_statement_number(const struct attest_case *c, const char *name,
                                 int64_t *number, struct err_info *why)
{
    const struct attest_cbor *value = NULL;

    TRY(need(c, name, ATTEST_CBOR_NUMBER, &value, why));
    *number = value->number;
    return ERR_OK;
}

enum err attest_statement_signed(const struct attest_case *c, struct span signature,
                                 struct err_info *why)
{
    static const struct {
        int64_t algorithm;
        enum key_type type;
        enum key_signature how;
    } rows[] = {
        {ATTEST_COSE_ES256, KEY_P256, KEY_SIGNATURE_ECDSA_SHA256},
        {ATTEST_COSE_ES384, KEY_P384, KEY_SIGNATURE_ECDSA_SHA384},
        {ATTEST_COSE_RS256, KEY_RSA, KEY_SIGNATURE_RS256},
        {ATTEST_COSE_EDDSA, KEY_ED25519, KEY_SIGNATURE_EDDSA},
    };
    int64_t algorithm = 0;

    TRY(attest_statement_number(c, "alg", &algorithm, why));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].type != key_type(c->leaf_key))
            continue;
        if (rows[i].algorithm != algorithm)
            return err_set(
                why, ERR_MALFORMED,
                "\"alg\" is %lld, which is not the algorithm of the key (%lld)",
                (long long)algorithm, (long long)rows[i].algorithm);
        if (key_verify(c->leaf_key, rows[i].how, span_of(c->question->key_authorization),
                       signature, why) != ERR_OK)
            return err_set(why, ERR_UNAUTHORIZED,
                           "\"sig\" is not the signature of the key authorization by the "
                           "key of x5c[0]");
        return ERR_OK;
    }
    return err_set(why, ERR_BAD_PUBLIC_KEY,
                   "the key of x5c[0] is none of P-256, P-384, RSA, Ed25519");
}

bool attest_extension(const struct attest_case *c, size_t certificate, const char *dotted,
                      struct span *value)
{
    struct span oid;

    return oid_from_text(c->arena, span_of(dotted), &oid) &&
           attest_certificate_find(c->certificates[certificate], oid, value);
}

bool attest_leaf_extension(const struct attest_case *c, const char *dotted,
                           struct span *value)
{
    return attest_extension(c, 0, dotted, value);
}
