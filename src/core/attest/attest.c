/* Attestations: what all formats have in common. */
#include "core/attest/attest.h"

#include <assert.h>
#include <string.h>

#include "core/attest/attest_private.h"
#include "core/base/secret.h"
#include "core/base/text.h"
#include "core/x509/certificate.h"

static const char *const names[] = {
#define ATTEST_FORMAT(name, wire, option, proof, vendor) [ATTEST_##name] = wire,
#include "core/attest/formats.def"
#undef ATTEST_FORMAT
};

static attest_format_judge *const judges[] = {
    [ATTEST_TPM] = format_tpm,       [ATTEST_APPLE] = format_apple,
    [ATTEST_STEP] = format_step,     [ATTEST_ANDROID_KEY] = format_android_key,
    [ATTEST_PACKED] = format_packed,
};
static_assert(sizeof judges / sizeof *judges == ATTEST_FORMAT_COUNT,
              "a format without a judge");

const char *attest_format_name(enum attest_format format)
{
    return names[format];
}

bool attest_format_find(struct span name, enum attest_format *format)
{
    for (size_t i = 0; i < ATTEST_FORMAT_COUNT; i++) {
        if (!span_is(name, names[i]))
            continue;
        *format = (enum attest_format)i;
        return true;
    }
    return false;
}

static enum err read_format(struct attest_case *c, const struct attest_cbor *object,
                            struct err_info *why)
{
    const struct attest_cbor *name = attest_cbor_member(object, "fmt");

    if (name == NULL || name->kind != ATTEST_CBOR_TEXT)
        return err_set(why, ERR_MALFORMED, "the object has no text \"fmt\"");
    if (!attest_format_find(name->octets, &c->format) ||
        !c->rules->formats[c->format].enabled)
        return err_set(why, ERR_UNAUTHORIZED,
                       "attestations of format \"%.*s\" are not taken",
                       (int)(name->octets.len < 32 ? name->octets.len : 32),
                       (const char *)name->octets.data);
    return ERR_OK;
}

/* The object, down to the statement. */
static enum err read_object(struct attest_case *c, struct err_info *why)
{
    const struct attest_cbor *object = NULL;

    TRY(attest_cbor_read(c->arena, c->question->object, &object, why));
    if (object->kind != ATTEST_CBOR_MAP)
        return err_set(why, ERR_MALFORMED, "the object is no map");
    TRY(read_format(c, object, why));
    c->statement = attest_cbor_member(object, "attStmt");
    if (c->statement == NULL || c->statement->kind != ATTEST_CBOR_MAP)
        return err_set(why, ERR_MALFORMED, "the object has no map \"attStmt\"");
    /* S-DA-8: it should not be there, and is passed over */
    const struct attest_cbor *data = attest_cbor_member(object, "authData");
    if (data != NULL && data->kind != ATTEST_CBOR_OCTETS)
        return err_set(why, ERR_MALFORMED, "\"authData\" of the object has another type");
    return ERR_OK;
}

static enum err read_chain(struct attest_case *c, struct err_info *why)
{
    const struct attest_cbor *x5c = attest_cbor_member(c->statement, "x5c");

    if (x5c == NULL)
        return err_set(why, ERR_UNAUTHORIZED,
                       "the statement has no \"x5c\": nobody vouches for it");
    if (x5c->kind != ATTEST_CBOR_ARRAY)
        return err_set(why, ERR_MALFORMED, "\"x5c\" of the statement has another type");
    if (x5c->count == 0)
        return err_set(why, ERR_UNAUTHORIZED, "\"x5c\" of the statement is empty");
    if (x5c->count > ATTEST_CHAIN_MAX)
        return err_set(why, ERR_MALFORMED, "\"x5c\" has more than %d certificates",
                       ATTEST_CHAIN_MAX);
    for (const struct attest_cbor *i = x5c->first; i != NULL; i = i->next) {
        struct attest_certificate *read = NULL;
        if (i->kind != ATTEST_CBOR_OCTETS)
            return err_set(why, ERR_MALFORMED, "\"x5c\" has something else than octets");
        TRY(attest_certificate_read(c->arena, i->octets, &read, why));
        c->x5c[c->x5c_count] = i->octets;
        c->certificates[c->x5c_count++] = read;
    }
    return ERR_OK;
}

/* Roots vouch for one format only: whoever runs a CA for TPMs must not be able to speak
 * for phones. */
static enum err check_chain(struct attest_case *c, struct err_info *why)
{
    struct span roots = c->rules->formats[c->format].roots;

    if (roots.len == 0)
        roots = attest_vendor_roots(c->format);
    if (roots.len == 0)
        return err_set(why, ERR_CONFIG,
                       "there are no roots for attestations of format %s",
                       attest_format_name(c->format));
    return certificate_check_path(c->x5c, c->x5c_count, roots, c->question->now, why);
}

static void write_issuer(const struct attest_case *c)
{
    const struct attest_certificate *leaf = c->certificates[0];
    char *hex = arena_get(c->arena, 2 * leaf->serial.len + 1);

    text_hex(hex, leaf->serial.data, leaf->serial.len);
    json_write_text(c->facts, "format", attest_format_name(c->format));
    json_write_text(c->facts, "issuer", attest_certificate_name(c->arena, leaf->issuer));
    json_write_text(c->facts, "serial", hex);
}

enum err attest_case_read(struct attest_case *c, struct err_info *why)
{
    TRY(read_object(c, why));
    return read_chain(c, why);
}

enum err attest_case_judge(struct attest_case *c, struct err_info *why)
{
    TRY(key_from_spki(c->certificates[0]->spki, &c->leaf_key, why));
    (void)arena_own(c->arena, c->leaf_key, key_drop);
    json_write_begin_object(c->facts, NULL);
    write_issuer(c);
    return judges[c->format](c, why);
}

static bool knows(const struct attest_question *q, enum attest_known_kind kind,
                  const uint8_t *sha256)
{
    bool found = false;

    for (size_t i = 0; i < q->known_count; i++)
        found = (q->known[i].kind == kind &&
                 secret_equal(span_make(q->known[i].sha256, HASH_SHA256_SIZE),
                              span_make(sha256, HASH_SHA256_SIZE))) ||
                found;
    return found;
}

/* Does the inventory say that this is the device, by the EK that a certificate of the
 * chain vouches for, by the AK or by the attested key? */
static bool is_known(const struct attest_case *c, const struct attest_result *result)
{
    uint8_t ak[HASH_SHA256_SIZE];

    if (!c->inventory)
        return false;
    hash_sha256(c->certificates[0]->spki, ak);
    return (c->ek.kind == ATTEST_KNOWN_EK &&
            knows(c->question, ATTEST_KNOWN_EK, c->ek.sha256)) ||
           knows(c->question, ATTEST_KNOWN_AK, ak) ||
           knows(c->question, ATTEST_KNOWN_KEY, result->key_sha256);
}

static enum err check_identity(const struct attest_case *c, struct attest_result *result,
                               bool *differs, struct err_info *why)
{
    const struct identifier *wanted = &c->question->identifier;

    for (size_t i = 0; i < c->identity_count; i++)
        if (identifier_equal(&c->identities[i], wanted))
            return ERR_OK;
    result->by_inventory = is_known(c, result);
    if (result->by_inventory)
        return ERR_OK;
    *differs = true;
    if (c->identity_count == 0)
        return err_set(why, ERR_UNAUTHORIZED, "it names no device");
    return err_set(why, ERR_UNAUTHORIZED, "it is of another device");
}

static enum err judge(struct attest_case *c, struct attest_result *result, bool *differs,
                      struct err_info *why)
{
    TRY(attest_case_read(c, why));
    TRY(check_chain(c, why));
    TRY(attest_case_judge(c, why));
    result->format = c->format;
    result->spki = c->spki;
    hash_sha256(c->spki, result->key_sha256);
    TRY(check_identity(c, result, differs, why));
    json_write_bool(c->facts, "byInventory", result->by_inventory);
    json_write_end_object(c->facts);
    if (c->facts->buf->failed)
        return err_set(why, ERR_MALFORMED, "what it says is longer than %d octets",
                       ATTEST_FACTS_MAX);
    result->facts = arena_string_of(c->arena, buf_span(c->facts->buf));
    memcpy(result->identities, c->identities, sizeof result->identities);
    result->identity_count = c->identity_count;
    return ERR_OK;
}

enum err attest_verify(struct arena *a, const struct attest_rules *rules,
                       const struct attest_question *question,
                       struct attest_result *result, bool *identity_differs,
                       struct err_info *why)
{
    AUTO(buf) struct buf text = buf_make(ATTEST_FACTS_MAX);
    struct json_writer facts = json_writer_make(&text);
    struct attest_case *c = arena_get(a, sizeof *c);
    struct attest_result made = {0};
    struct err_info inner = {0};
    bool differs = false;

    *c = (struct attest_case){
        .arena = a, .rules = rules, .question = question, .facts = &facts};
    enum err code = judge(c, &made, &differs, &inner);
    if (identity_differs != NULL)
        *identity_differs = differs;
    if (code == ERR_CONFIG)
        return err_set(why, code, "%s", inner.detail);
    if (code != ERR_OK)
        return err_set(why, ERR_BAD_ATTESTATION_STATEMENT,
                       "the attestation is not acceptable: %s", inner.detail);
    *result = made;
    return ERR_OK;
}
