/* Does a certificate answer a tls-alpn-01 challenge? */
#include "core/acme/alpn_proof.h"

#include <string.h>

#include "core/base/text.h"

#define HEX_SIZE (2 * HASH_SHA256_SIZE + 1)

struct alpn_proof alpn_proof_of(const char *identifier, const char *key_authorization)
{
    struct alpn_proof proof = {0};

    if (!address_parse(span_of(identifier), &proof.address))
        proof.name = identifier;
    hash_sha256(span_of(key_authorization), proof.digest);
    return proof;
}

const char *alpn_proof_server_name(struct arena *a, const struct alpn_proof *proof)
{
    char reverse[ADDRESS_REVERSE_SIZE];

    if (proof->name != NULL)
        return proof->name;
    address_reverse_name(&proof->address, reverse);
    return arena_string(a, reverse);
}

/* ---- names in sentences ---- */

static const char *const kind_names[] = {
    [ALPN_CERTIFICATE_OTHER_NAME] = "an otherName",
    [ALPN_CERTIFICATE_EMAIL] = "e-mail",
    [ALPN_CERTIFICATE_DNS] = "",
    [ALPN_CERTIFICATE_X400] = "an x400Address",
    [ALPN_CERTIFICATE_DIRECTORY] = "a directoryName",
    [ALPN_CERTIFICATE_EDI] = "an ediPartyName",
    [ALPN_CERTIFICATE_URI] = "URI",
    [ALPN_CERTIFICATE_IP] = "IP address",
    [ALPN_CERTIFICATE_REGISTERED_ID] = "a registeredID",
};

static const char *quoted(struct arena *a, const char *kind, struct span text,
                          size_t most)
{
    char *shown = arena_string_of(a, span_slice(text, 0, most));

    for (size_t i = 0; i < text.len && i < most; i++)
        if (shown[i] == '\0')
            shown[i] = '?';
    text_make_printable(shown);
    return arena_printf(a, "%s%s\"%s%s\"", kind, kind[0] != '\0' ? " " : "", shown,
                        text.len > most ? "..." : "");
}

const char *alpn_proof_name_shown(struct arena *a,
                                  const struct alpn_certificate_name *name, size_t most)
{
    const char *kind = kind_names[name->kind];
    char text[ADDRESS_TEXT_SIZE];
    struct address address;

    switch (name->kind) {
    case ALPN_CERTIFICATE_DNS:
    case ALPN_CERTIFICATE_EMAIL:
    case ALPN_CERTIFICATE_URI:
        return quoted(a, kind, name->value, most);
    case ALPN_CERTIFICATE_IP:
        if (!address_from_octets(name->value, &address))
            return arena_printf(a, "an IP address of %zu octets", name->value.len);
        address_text(&address, text);
        return arena_printf(a, "%s %s", kind, text);
    default:
        return kind;
    }
}

static const char *list_names(struct arena *a, const struct alpn_certificate *c)
{
    const char *list = "";

    for (size_t i = 0; i < c->name_count && i < ALPN_PROOF_NAMES_SHOWN; i++)
        list =
            arena_printf(a, "%s%s%s", list, i > 0 ? ", " : "",
                         alpn_proof_name_shown(a, &c->names[i], ALPN_PROOF_NAME_SHOWN));
    if (c->name_count > ALPN_PROOF_NAMES_SHOWN)
        list = arena_printf(a, "%s and %zu more", list,
                            c->name_count - ALPN_PROOF_NAMES_SHOWN);
    return list;
}

/* ---- the rules ---- */

static bool is_named(const struct alpn_proof *proof,
                     const struct alpn_certificate_name *n)
{
    if (proof->name != NULL)
        return n->kind == ALPN_CERTIFICATE_DNS &&
               text_equal_ignoring_case(n->value, span_of(proof->name));
    return n->kind == ALPN_CERTIFICATE_IP &&
           span_equal(n->value, address_octets(&proof->address));
}

static enum err check_names(const struct alpn_proof *proof,
                            const struct alpn_certificate *c, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    char text[ADDRESS_TEXT_SIZE];
    const char *expected = text;

    if (c->name_count == 1 && is_named(proof, &c->names[0]))
        return ERR_OK;
    if (proof->name != NULL)
        expected = arena_printf(a, "the DNS name \"%s\"", proof->name);
    else
        address_text(&proof->address, text);
    if (c->name_count == 0)
        return err_set(
            why, ERR_UNAUTHORIZED, "the certificate %s; expected one with %s only",
            c->has_names ? "has an empty subjectAltName" : "has no subjectAltName",
            expected);
    return err_set(why, ERR_UNAUTHORIZED,
                   "the certificate is for %s; expected one for %s only",
                   list_names(a, c), expected);
}

static enum err check_identifier(const struct alpn_proof *proof,
                                 const struct alpn_certificate *c, struct err_info *why)
{
    char seen[HEX_SIZE];
    char expected[HEX_SIZE];

    if (!c->is_critical)
        return err_set(why, ERR_UNAUTHORIZED,
                       "the certificate's acmeIdentifier extension is not critical, "
                       "which it must be");
    if (c->digest.len != HASH_SHA256_SIZE)
        return err_set(
            why, ERR_UNAUTHORIZED,
            "the certificate's acmeIdentifier extension does not hold an OCTET "
            "STRING of %d octets, the SHA-256 of the key authorization",
            HASH_SHA256_SIZE);
    if (secret_equal(c->digest, span_make(proof->digest, sizeof proof->digest)))
        return ERR_OK;
    text_hex(seen, c->digest.data, c->digest.len);
    text_hex(expected, proof->digest, sizeof proof->digest);
    return err_set(why, ERR_UNAUTHORIZED,
                   "the certificate's acmeIdentifier is %s; expected %s: it was made for "
                   "another token or account key",
                   seen, expected);
}

/* Whoever knows the digest has proved what is to be proved: RFC 8737 4 leaves it to us
 * whether the signature counts. It does where we can verify it, since what is not
 * self-signed was not made for this; a key that is too short or an algorithm that is too
 * old for our certificates is no reason to refuse. */
static enum err check_self_signed(const struct alpn_certificate *c, struct err_info *why)
{
    AUTO(key) struct key *key = NULL;

    if (!span_equal(c->issuer, c->subject))
        return err_set(why, ERR_UNAUTHORIZED,
                       "the certificate is not self-signed: its issuer is not its "
                       "subject");
    if (!c->signature_known || key_from_spki(c->spki, &key, NULL) != ERR_OK ||
        key_verify(key, c->signature_kind, c->tbs, c->signature, NULL) == ERR_OK)
        return ERR_OK;
    return err_set(why, ERR_UNAUTHORIZED,
                   "the certificate is not self-signed: its signature is not by its own "
                   "key");
}

enum err alpn_proof_check(const struct alpn_proof *proof,
                          const struct alpn_certificate *c, struct err_info *why)
{
    if (!c->has_identifier)
        return err_set(
            why, ERR_UNAUTHORIZED,
            "the certificate has no acmeIdentifier extension%s: it was not made "
            "for tls-alpn-01 (RFC 8737 3)",
            c->has_draft_identifier ? " but that of an old draft (1.3.6.1.5.5.7.1.30.1)"
                                    : "");
    TRY(check_names(proof, c, why));
    TRY(check_identifier(proof, c, why));
    return check_self_signed(c, why);
}
