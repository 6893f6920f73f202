/* Judging what a CA sent as our certificate. */
#include "client/flow/flow_check.h"

#include <string.h>

#include "client/settings/name.h"
#include "core/acme/certificate_id.h"
#include "core/acme/identifier_device.h"
#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/net/address.h"

/* A CA may leave a device's name out for the sake of privacy
 * (draft-ietf-acme-device-attest-09 3.2), but what it puts in must have been asked for.
 */
static bool is_wanted(const struct device_name *theirs, const char *const *names,
                      size_t count)
{
    AUTO(arena) struct arena *a = arena_new();

    for (size_t i = 0; i < count; i++) {
        const struct identifier name = name_identifier(names[i]);
        struct span id = {0};
        struct span oid = {0};
        if (name.type != (theirs->kind == DEVICE_NAME_MODULE
                              ? IDENTIFIER_HARDWARE_MODULE
                              : IDENTIFIER_PERMANENT_IDENTIFIER))
            continue;
        identifier_device_parts(a, &name, &id, &oid);
        if (span_equal(id, theirs->id) && span_equal(oid, theirs->oid))
            return true;
    }
    return false;
}

static bool has_name(const struct certificate *c, const char *name)
{
    struct address address;

    if (address_parse(span_of(name), &address)) {
        for (size_t i = 0; i < c->address_count; i++)
            if (span_equal(c->addresses[i], address_octets(&address)))
                return true;
        return false;
    }
    for (size_t i = 0; i < c->dns_name_count; i++)
        if (text_equal_ignoring_case(span_of(c->dns_names[i]), span_of(name)))
            return true;
    return false;
}

static enum err check_leaf(const struct certificate *c, const char *const *names,
                           size_t count, const struct key *key, struct err_info *why)
{
    if (!span_equal(c->spki, key_spki(key)))
        return err_set(why, ERR_PROTOCOL, "the CA's certificate is for another key");
    size_t open = 0; /* names that anybody can see */
    for (size_t i = 0; i < count; i++) {
        if (name_is_device(names[i]))
            continue;
        if (!has_name(c, names[i]))
            return err_set(why, ERR_PROTOCOL, "the CA's certificate lacks %s", names[i]);
        open++;
    }
    for (size_t i = 0; i < c->device_count; i++)
        if (!is_wanted(&c->devices[i], names, count))
            return err_set(why, ERR_PROTOCOL,
                           "the CA's certificate names a device nobody asked for");
    if (c->dns_name_count + c->address_count != open)
        return err_set(why, ERR_PROTOCOL,
                       "the CA's certificate has names nobody asked for");
    if (c->not_after <= clock_now()) {
        char end[CLOCK_TEXT_SIZE];
        char now[CLOCK_TEXT_SIZE];
        clock_text(end, c->not_after);
        clock_text(now, clock_now());
        return err_set(why, ERR_PROTOCOL,
                       "the CA's certificate has expired already, on %s; if this "
                       "machine's clock is wrong, which says %s, set it",
                       end, now);
    }
    return ERR_OK;
}

/* Is `lower` issued and signed by `upper`? */
static enum err check_link(const struct certificate *lower,
                           const struct certificate *upper, struct err_info *why)
{
    AUTO(key) struct key *key = NULL;

    if (!span_equal(lower->issuer, upper->subject) || !upper->is_ca ||
        key_from_spki(upper->spki, &key, why) != ERR_OK ||
        key_verify(key, lower->signature_kind, lower->tbs, lower->signature, why) !=
            ERR_OK)
        return err_set(why, ERR_PROTOCOL,
                       "the CA's certificate chain does not hang together");
    return ERR_OK;
}

/* RFC 8555 11.4: another PEM block might be taken for a key by whoever reads the file. */
static enum err only_certificates(struct arena *a, struct span pem, struct err_info *why)
{
    static const char begin[] = "-----BEGIN";
    static const char certificate[] = "-----BEGIN CERTIFICATE-----";

    if (memchr(pem.data, 0, pem.len) != NULL)
        return err_set(why, ERR_PROTOCOL, "the CA's certificate is no text");
    for (const char *at = strstr(arena_string_of(a, pem), begin); at != NULL;
         at = strstr(at + 1, begin))
        if (strncmp(at, certificate, strlen(certificate)) != 0)
            return err_set(why, ERR_PROTOCOL,
                           "the CA sent something else beside the certificate");
    return ERR_OK;
}

static enum err check_chain(struct arena *a, const struct certificate *leaf,
                            const struct span *ders, size_t count, struct err_info *why)
{
    const struct certificate *lower = leaf;

    for (size_t i = 1; i < count; i++) {
        struct certificate *upper = NULL;
        if (certificate_read(a, ders[i], &upper, why) != ERR_OK) {
            why->code = ERR_PROTOCOL;
            return err_prefix(why, "the CA's certificate chain cannot be read");
        }
        TRY(check_link(lower, upper, why));
        lower = upper;
    }
    return ERR_OK;
}

static void write_result(struct arena *a, const struct certificate *leaf,
                         const struct span *ders, size_t count,
                         struct flow_certificate *out)
{
    AUTO(buf) struct buf first = buf_make(2 * CERTIFICATE_MAX);
    AUTO(buf) struct buf chain = buf_make(2 * CERTIFICATE_MAX * CERTIFICATE_CHAIN_MAX);
    char *serial = arena_get(a, 2 * leaf->serial.len + 1);

    certificate_pem_add(&first, ders[0]);
    for (size_t i = 1; i < count; i++)
        certificate_pem_add(&chain, ders[i]);
    text_hex(serial, leaf->serial.data, leaf->serial.len);
    out->certificate_pem = arena_span(a, buf_span(&first));
    out->chain_pem = arena_span(a, buf_span(&chain));
    out->not_before = leaf->not_before;
    out->not_after = leaf->not_after;
    out->serial = serial;
    const struct certificate_id id = {leaf->authority_key_id, leaf->serial};
    const char *text = certificate_id_text(a, &id);
    out->id = text != NULL ? text : "";
}

enum err flow_check(struct arena *a, struct span pem, const char *const *names,
                    size_t name_count, const struct key *key,
                    struct flow_certificate *out, struct err_info *why)
{
    struct span ders[CERTIFICATE_CHAIN_MAX];
    struct certificate *leaf = NULL;
    size_t count = 0;

    if (pem.len == 0)
        return err_set(why, ERR_PROTOCOL, "the CA sent no certificate");
    TRY(only_certificates(a, pem, why));
    if (certificate_from_pem(a, pem, ders, CERTIFICATE_CHAIN_MAX, &count, why) !=
            ERR_OK ||
        certificate_read(a, ders[0], &leaf, why) != ERR_OK) {
        why->code = ERR_PROTOCOL;
        return err_prefix(why, "the CA's certificate cannot be read");
    }
    TRY(check_leaf(leaf, names, name_count, key, why));
    TRY(check_chain(a, leaf, ders, count, why));
    write_result(a, leaf, ders, count, out);
    return ERR_OK;
}
