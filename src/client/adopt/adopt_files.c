/* A certificate of theirs and its key, judged before they become ours. */
#include <string.h>

#include "client/adopt/adopt.h"
#include "client/flow/flow_check.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/net/address.h"
#include "core/x509/certificate.h"

#define CHAIN_FILE_MAX (2 * CERTIFICATE_MAX * CERTIFICATE_CHAIN_MAX) /* octets */

/* As --key and the option `keys` call it; NULL: none that cairn makes. */
static const char *type_name(const struct key *key)
{
    int bits = key_bits(key);

    switch (key_type(key)) {
    case KEY_P256:
        return "p256";
    case KEY_P384:
        return "p384";
    case KEY_ED25519:
        return "ed25519";
    case KEY_RSA:
        return bits == 2048   ? "rsa2048"
               : bits == 3072 ? "rsa3072"
               : bits == 4096 ? "rsa4096"
                              : NULL;
    default:
        return NULL;
    }
}

/* The names of the certificate; they are those that are wanted if nobody says others. */
static void take_names(struct adopt *found, struct adopt_certificate *c,
                       const struct certificate *leaf)
{
    struct address address;
    char text[ADDRESS_TEXT_SIZE];

    for (size_t i = 0; i < leaf->dns_name_count; i++)
        adopt_list_add(found, &c->names, leaf->dns_names[i]);
    for (size_t i = 0; i < leaf->address_count; i++) {
        if (!address_from_octets(leaf->addresses[i], &address))
            continue;
        address_text(&address, text);
        adopt_list_add(found, &c->names, text);
    }
    if (c->want->names.count == 0)
        c->want->names = c->names;
}

static enum err read_pem(struct arena *a, const char *certificate_file,
                         const char *chain_file, struct span *pem, struct err_info *why)
{
    AUTO(buf) struct buf whole = buf_make(2 * CHAIN_FILE_MAX);
    struct span ders[CERTIFICATE_CHAIN_MAX];
    struct err_info ignored = {0};
    struct span text;
    size_t count = 0;

    TRY(file_read(a, certificate_file, CHAIN_FILE_MAX, &text, why));
    buf_add_span(&whole, text);
    bool alone = certificate_from_pem(a, text, ders, CERTIFICATE_CHAIN_MAX, &count,
                                      &ignored) != ERR_OK ||
                 count == 1;
    if (alone && chain_file != NULL && file_exists(chain_file)) {
        TRY(file_read(a, chain_file, CHAIN_FILE_MAX, &text, why));
        buf_add_text(&whole, "\n");
        buf_add_span(&whole, text);
    }
    if (whole.failed)
        return err_set(why, ERR_TOO_LARGE, "the chain is too large");
    *pem = arena_span(a, buf_span(&whole));
    return ERR_OK;
}

/* One that has ended is of no use but to be renewed: only its key is looked at. */
static enum err take_ended(struct adopt *found, struct adopt_certificate *c,
                           const struct certificate *leaf, const struct key *key,
                           struct err_info *why)
{
    AUTO(buf) struct buf pem = buf_make(2 * CERTIFICATE_MAX);
    char ended[CLOCK_TEXT_SIZE];
    char *serial = arena_get(found->arena, 2 * leaf->serial.len + 1);

    if (!span_equal(leaf->spki, key_spki(key)))
        return err_set(why, ERR_MALFORMED, "the certificate is for another key");
    certificate_pem_add(&pem, leaf->der);
    text_hex(serial, leaf->serial.data, leaf->serial.len);
    c->certificate_pem = arena_span(found->arena, buf_span(&pem));
    c->chain_pem = span_of("");
    c->not_before = leaf->not_before;
    c->not_after = leaf->not_after;
    c->serial = serial;
    c->id = "";
    clock_text(ended, leaf->not_after);
    adopt_remark(found, c->file,
                 "the certificate ended on %.10s; cairn renew gets a new one", ended);
    return ERR_OK;
}

static enum err read_leaf(struct arena *a, struct span pem, struct certificate **leaf,
                          struct err_info *why)
{
    struct span ders[CERTIFICATE_CHAIN_MAX];
    size_t count = 0;

    TRY(certificate_from_pem(a, pem, ders, CERTIFICATE_CHAIN_MAX, &count, why));
    return certificate_read(a, ders[0], leaf, why);
}

static enum err judge(struct adopt *found, struct adopt_certificate *c, struct span pem,
                      const struct certificate *leaf, const struct key *key,
                      struct err_info *why)
{
    struct arena *a = found->arena;
    struct flow_certificate got;

    if (leaf->not_after <= clock_now())
        return take_ended(found, c, leaf, key, why);
    TRY(flow_check(a, pem, c->names.items, c->names.count, key, &got, why));
    c->certificate_pem = got.certificate_pem;
    c->chain_pem = got.chain_pem;
    c->not_before = got.not_before;
    c->not_after = got.not_after;
    c->serial = got.serial;
    c->id = got.id;
    return ERR_OK;
}

static enum err take(struct adopt *found, struct adopt_certificate *c,
                     const char *key_file, const char *certificate_file,
                     const char *chain_file, struct err_info *why)
{
    AUTO(key) struct key *key = NULL;
    AUTO(secret) struct secret pem = {0};
    struct certificate *leaf = NULL;
    struct span chain;
    struct span text;

    TRY(read_pem(found->arena, certificate_file, chain_file, &chain, why));
    TRY(read_leaf(found->arena, chain, &leaf, why));
    take_names(found, c, leaf); /* without a key they are what is wanted, too */
    TRY(file_read(found->arena, key_file, KEY_PEM_MAX, &text, why));
    enum err result = key_from_pem(text, NULL, &key, why);
    memory_wipe((void *)(uintptr_t)text.data, text.len);
    if (result != ERR_OK)
        return err_prefix(why, "%s", key_file);
    const char *type = type_name(key);
    TRY(judge(found, c, chain, leaf, key, why));
    if (type == NULL)
        return err_set(why, ERR_CRYPTO, "cairn makes no keys of that type and size");
    TRY(key_to_pem(key, NULL, &pem, why));
    c->key_pem = arena_span(found->arena, span_make(pem.data, pem.len));
    c->key_type = type;
    c->want->keys = (struct config_list){0};
    adopt_list_add(found, &c->want->keys, type);
    c->has_files = true;
    return ERR_OK;
}

void adopt_certificate_files(struct adopt *found, struct adopt_certificate *c,
                             const char *key_file, const char *certificate_file,
                             const char *chain_file)
{
    struct err_info why = {0};

    c->certificate_file = arena_string(found->arena, certificate_file);
    if (take(found, c, key_file, certificate_file, chain_file, &why) != ERR_OK)
        c->lacks = arena_string(found->arena, why.detail);
}
