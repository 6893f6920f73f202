/* A new CA: root and intermediate. */
#include "server/issue/hierarchy.h"

#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/x509/certificate.h"
#include "server/issue/template.h"

#define YEAR           (365LL * 86400)
#define BACKDATE       60 /* seconds */
#define PEM_OUTPUT_MAX 16384

static enum err sign(struct arena *a, const struct key *key, struct span tbs,
                     struct span *der, struct err_info *why)
{
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;

    TRY(key_sign(key, key_x509_signature(key), tbs, signature, &len, why));
    *der = template_assemble(a, tbs, key_x509_signature(key), span_make(signature, len));
    return ERR_OK;
}

static struct span pem_of(struct arena *a, struct span der)
{
    AUTO(buf) struct buf b = buf_make(PEM_OUTPUT_MAX);

    certificate_pem_add(&b, der);
    return arena_span(a, buf_span(&b));
}

static enum err make_root(struct arena *a, const char *name, int64_t now,
                          const struct key *key, struct hierarchy *h, struct span *der,
                          struct err_info *why)
{
    struct template_ca ca = {.common_name = arena_printf(a, "%s Root", name),
                             .not_before = now - BACKDATE,
                             .not_after = now + HIERARCHY_ROOT_YEARS * YEAR,
                             .path_length = -1,
                             .spki = key_spki(key)};
    uint8_t digest[HASH_SHA256_SIZE];
    struct span tbs = {0};

    serial_make(now, ca.serial);
    TRY(template_ca_write(a, NULL, key_x509_signature(key), &ca, &tbs, why));
    TRY(sign(a, key, tbs, der, why));
    h->root_pem = pem_of(a, *der);
    h->root_not_after = ca.not_after;
    hash_sha256(*der, digest);
    char *text = arena_get(a, 2 * sizeof digest + 1);
    text_hex(text, digest, sizeof digest);
    h->root_fingerprint = text;
    return ERR_OK;
}

static enum err make_intermediate(struct arena *a, const char *name, int64_t now,
                                  const struct key *root_key, struct span root_der,
                                  const struct key *key, struct hierarchy *h,
                                  struct err_info *why)
{
    struct template_ca ca = {.common_name = arena_printf(a, "%s Intermediate", name),
                             .not_before = now - BACKDATE,
                             .not_after = now + HIERARCHY_INTERMEDIATE_YEARS * YEAR,
                             .path_length = 0,
                             .spki = key_spki(key)};
    struct template_issuer issuer = {0};
    struct span tbs = {0};
    struct span der = {0};

    serial_make(now, ca.serial);
    TRY(template_issuer_read(a, root_der, &issuer, why));
    TRY(template_ca_write(a, &issuer, issuer.signature_kind, &ca, &tbs, why));
    TRY(sign(a, root_key, tbs, &der, why));
    h->intermediate_pem = pem_of(a, der);
    h->intermediate_not_after = ca.not_after;
    return ERR_OK;
}

enum err hierarchy_make(struct arena *a, const char *name, int64_t now,
                        const struct secret *passphrase, struct hierarchy *made,
                        struct err_info *why)
{
    AUTO(key) struct key *root_key = NULL;
    AUTO(key) struct key *key = NULL;
    AUTO(hierarchy) struct hierarchy h = {0};
    struct span root_der = {0};

    TRY(key_generate(KEY_P384, 0, &root_key, why));
    TRY(key_generate(KEY_P256, 0, &key, why));
    TRY(make_root(a, name, now, root_key, &h, &root_der, why));
    TRY(make_intermediate(a, name, now, root_key, root_der, key, &h, why));
    TRY(key_to_pem(root_key, passphrase, &h.root_key_pem, why));
    TRY(key_to_pem(key, passphrase, &h.intermediate_key_pem, why));
    *made = h;
    h = (struct hierarchy){0};
    return ERR_OK;
}

void hierarchy_free(struct hierarchy *h)
{
    secret_free(&h->root_key_pem);
    secret_free(&h->intermediate_key_pem);
}
