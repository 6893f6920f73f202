/* A TPM 2.0 (format `tpm`): a key for the certificate, and an attestation key that says
 * where it is. */
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include "client/device/device.h"
#include "client/device/tpm_endorsement.h"
#include "client/device/tpm_key_file.h"
#include "core/acme/identifier_device.h"
#include "core/attest/attest_write.h"
#include "core/base/base64.h"
#include "core/base/clock.h"
#include "core/crypto/hash.h"
#include "core/json/json_write.h"
#include "core/tpm/tpm_read.h"
#include "core/x509/certificate.h"

#define JSON_MAX        (32 * 1024) /* octets of a request for enrolment */
#define TEXT_MAX        (16 * 1024) /* octets of a key as text */
#define DIGEST_INFO_LEN 19 /* octets before the hash, of SHA-256, -384 and -512 */

struct device_tpm {
    const char *tcti;
    struct tpm_link link;
    struct tpm_endorsement ek; /* found when it is needed first */
    struct tpm_blob ak;
    bool has_ak;
    struct certificate *certificate; /* of the attestation key; NULL: none */
    struct span chain[CERTIFICATE_CHAIN_MAX];
    size_t chain_count;
    struct tpm_blob key; /* of the certificate */
    bool has_key;
};

/* ---- the connection ---- */

/* There is one only while something is done: a TPM without a resource manager has one
 * place, and others wait for it, such as the process that opens it for the account's key.
 */
static enum err connect_tpm(struct device *d, struct device_tpm **held,
                            struct err_info *why)
{
    struct device_tpm *t = d->state;

    TRY(tpm_link_open(d->arena, t->tcti, d->options->pin, &t->link, why));
    *held = t;
    return ERR_OK;
}

static inline void connection_auto(struct device_tpm **held)
{
    if (*held != NULL)
        tpm_link_close(&(*held)->link);
}

/* ---- the attestation key ---- */

static enum err spki_of(struct arena *a, const TPM2B_PUBLIC *area, struct span *spki,
                        struct err_info *why)
{
    struct tpm_public *read = NULL;
    struct span octets = {0};

    TRY(tpm_object_public(a, area, &octets, why));
    TRY(tpm_read_public(a, octets, &read, why));
    *spki = read->spki;
    return ERR_OK;
}

static TPM2B_PUBLIC ak_template(const struct device *d)
{
    TPM2B_PUBLIC template = {0};

    if (!tpm_object_template(d->options->attestation_key, true, &template))
        (void)tpm_object_template("p256", true, &template);
    return template;
}

/* Certificates that belong to the attestation key, its own first. */
static enum err take_chain(struct device *d, struct span pem, struct err_info *why)
{
    struct device_tpm *t = d->state;
    struct certificate *leaf = NULL;
    struct span ders[CERTIFICATE_CHAIN_MAX];
    struct span spki = {0};
    size_t count = 0;

    TRY(certificate_from_pem(d->arena, pem, ders, CERTIFICATE_CHAIN_MAX, &count, why));
    TRY(certificate_read(d->arena, ders[0], &leaf, why));
    TRY(spki_of(d->arena, &t->ak.public_half, &spki, why));
    if (!span_equal(spki, leaf->spki))
        return err_set(why, ERR_PROTOCOL, "it is for another key");
    for (size_t i = 0; i < count; i++)
        t->chain[i] = ders[i];
    t->chain_count = count;
    t->certificate = leaf;
    return ERR_OK;
}

static enum err certify(struct device *d, struct span chain, struct err_info *why)
{
    if (take_chain(d, chain, why) == ERR_OK)
        return ERR_OK;
    why->code = ERR_PROTOCOL;
    return err_prefix(why, "the certificate that the attestation CA sent");
}

/* Of an earlier run. It must be of this TPM: whoever has another one must see why. */
static enum err take_kept(struct device *d, struct err_info *why)
{
    AUTO(tpm_object) struct tpm_object o = {0};
    struct device_tpm *t = d->state;

    if (d->options->kept.len == 0)
        return ERR_OK;
    if (tpm_key_file_read(d->options->kept, &t->ak, why) != ERR_OK ||
        take_chain(d, d->options->kept, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return err_prefix(why, "what was kept of the attestation key is damaged; --force "
                               "makes a new one");
    }
    TRY(tpm_object_load(&t->link, &t->ak, "loading the attestation key", &o, why));
    t->has_ak = true;
    return ERR_OK;
}

/* When a third of its certificate's time is left, there is time to try it again. */
static enum device_enrolment_need needs_enrolment(struct device *d)
{
    struct device_tpm *t = d->state;
    const struct certificate *c = t->certificate;
    int64_t now = clock_now();

    if (!t->has_ak || c == NULL || now >= c->not_after ||
        t->ak.public_half.publicArea.type != ak_template(d).publicArea.type)
        return DEVICE_ENROLMENT_NOW;
    return now >= c->not_after - (c->not_after - c->not_before) / 3
               ? DEVICE_ENROLMENT_SOON
               : DEVICE_ENROLMENT_NONE;
}

/* ---- enrolment (docs/devices.md) ---- */

static void write_octets(struct json_writer *w, struct arena *a, const char *name,
                         struct span octets)
{
    AUTO(buf) struct buf b = buf_make(JSON_MAX);

    base64_add(&b, octets);
    json_write_text(w, name, arena_string_of(a, buf_span(&b)));
}

/* By the attestation key about itself. */
static enum err write_creation(struct device *d, struct arena *a, struct json_writer *w,
                               const struct tpm_creation *creation, struct err_info *why)
{
    AUTO(tpm_object) struct tpm_object ak = {0};
    static const TPM2B_DATA nothing = {0};
    static const TPMT_SIG_SCHEME own = {.scheme = TPM2_ALG_NULL};
    struct device_tpm *t = d->state;
    TPM2B_ATTEST *attest = NULL;
    TPMT_SIGNATURE *signature = NULL;
    uint8_t data[sizeof(TPMS_CREATION_DATA)];
    uint8_t signed_by[sizeof(TPMT_SIGNATURE)];
    size_t data_len = 0;
    size_t signed_len = 0;

    TRY(tpm_object_load(&t->link, &t->ak, "loading the attestation key", &ak, why));
    TRY(tpm_link_judge(Esys_CertifyCreation(t->link.esys, ak.handle, ak.handle,
                                            ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                            &nothing, &creation->hash, &own,
                                            &creation->ticket, &attest, &signature),
                       "having the attestation key say how it was made", why));
    TSS2_RC result = Tss2_MU_TPMS_CREATION_DATA_Marshal(&creation->data.creationData,
                                                        data, sizeof data, &data_len);
    if (result == TSS2_RC_SUCCESS)
        result = Tss2_MU_TPMT_SIGNATURE_Marshal(signature, signed_by, sizeof signed_by,
                                                &signed_len);
    write_octets(w, a, "createData", span_make(data, data_len));
    write_octets(w, a, "createAttestation",
                 span_make(attest->attestationData, attest->size));
    write_octets(w, a, "createSignature", span_make(signed_by, signed_len));
    Esys_Free(attest);
    Esys_Free(signature);
    return tpm_link_judge(result, "writing what the attestation key said", why);
}

static enum err write_request(struct device *d, struct arena *a, struct buf *b,
                              const struct tpm_creation *creation, struct err_info *why)
{
    struct device_tpm *t = d->state;
    struct json_writer w = json_writer_make(b);
    struct span spki = {0};
    struct span area = {0};

    TRY(spki_of(a, &t->ek.area, &spki, why));
    TRY(tpm_object_public(a, &t->ak.public_half, &area, why));
    json_write_begin_object(&w, NULL);
    json_write_begin_object(&w, "tpmInfo");
    json_write_number(&w, "version", 2);
    json_write_text(&w, "manufacturer", t->link.manufacturer);
    json_write_text(&w, "model", t->link.model);
    json_write_text(&w, "firmwareVersion", t->link.firmware);
    json_write_end_object(&w);
    write_octets(&w, a, "ek", spki);
    json_write_begin_array(&w, "ekCerts");
    if (t->ek.certificate.len > 0)
        write_octets(&w, a, NULL, t->ek.certificate);
    json_write_end_array(&w);
    json_write_begin_object(&w, "params");
    write_octets(&w, a, "public", area);
    TRY(write_creation(d, a, &w, creation, why));
    json_write_end_object(&w);
    json_write_end_object(&w);
    if (b->failed)
        return err_set(why, ERR_TOO_LARGE, "the TPM's certificates are too large");
    return ERR_OK;
}

/* With a new key: only of such a one the TPM still says how it was made. */
static enum err enrol(struct device *d, struct arena *a, struct device_enrolment *e,
                      struct err_info *why)
{
    AUTO(buf) struct buf json = buf_make(JSON_MAX);
    AUTO(buf) struct buf text = buf_make(TEXT_MAX);
    struct device_tpm *t = d->state;
    AUTO(connection) struct device_tpm *held = NULL;
    const TPM2B_PUBLIC template = ak_template(d);
    struct tpm_creation creation;

    t->certificate = NULL;
    TRY(connect_tpm(d, &held, why));
    TRY(tpm_endorsement_find(d->arena, &t->link, &t->ek, why));
    TRY(tpm_object_create(&t->link, &template, "making an attestation key", &t->ak,
                          &creation, why));
    t->has_ak = true;
    TRY(write_request(d, a, &json, &creation, why));
    TRY(tpm_key_file_write(&text, &t->ak, why));
    e->kept = arena_span(a, buf_span(&text));
    e->json = arena_span(a, buf_span(&json));
    return ERR_OK;
}

static enum err activate(struct device *d, struct arena *a, struct span credential,
                         struct span secret, struct span *answer, struct err_info *why)
{
    struct device_tpm *t = d->state;
    AUTO(connection) struct device_tpm *held = NULL;

    if (t->ek.template == NULL || !t->has_ak)
        return err_set(why, ERR_PROTOCOL, "there is no enrolment under way");
    TRY(connect_tpm(d, &held, why));
    return tpm_endorsement_activate(a, &t->link, &t->ek, &t->ak, credential, secret,
                                    answer, why);
}

/* ---- what it is ---- */

static enum err identify(struct device *d, struct arena *a,
                         struct identifier *identifiers, size_t *count,
                         struct err_info *why)
{
    const struct certificate *c = ((struct device_tpm *)d->state)->certificate;
    size_t found = 0;

    for (size_t i = 0; c != NULL && i < c->device_count && found < DEVICE_IDENTIFIERS_MAX;
         i++) {
        enum identifier_type type = c->devices[i].kind == DEVICE_NAME_MODULE
                                        ? IDENTIFIER_HARDWARE_MODULE
                                        : IDENTIFIER_PERMANENT_IDENTIFIER;
        TRY(identifier_device_join(a, type, c->devices[i].id, c->devices[i].oid,
                                   &identifiers[found++], why));
    }
    *count = found;
    return ERR_OK;
}

/* ---- the certificate's key ---- */

static enum err make_key(struct device *d, struct arena *a, const char *type,
                         struct device_key *key, struct err_info *why)
{
    AUTO(buf) struct buf text = buf_make(TEXT_MAX);
    struct device_tpm *t = d->state;
    AUTO(connection) struct device_tpm *held = NULL;
    TPM2B_PUBLIC template;

    if (!tpm_object_template(type, false, &template))
        return err_set(why, ERR_USAGE, "a TPM has no keys of the type \"%.50s\"", type);
    TRY(connect_tpm(d, &held, why));
    TRY(tpm_object_create(&t->link, &template, "making a key", &t->key, NULL, why));
    t->has_key = true;
    TRY(tpm_key_file_write(&text, &t->key, why));
    TRY(spki_of(a, &t->key.public_half, &key->spki, why));
    key->text = arena_span(a, buf_span(&text));
    return ERR_OK;
}

static enum err load_key(struct device *d, struct arena *a, struct span text,
                         struct device_key *key, struct err_info *why)
{
    struct device_tpm *t = d->state;
    AUTO(connection) struct device_tpm *held = NULL;
    AUTO(tpm_object) struct tpm_object loaded = {0};
    AUTO(buf) struct buf b = buf_make(TEXT_MAX);

    TRY(tpm_key_file_read(text, &t->key, why));
    TRY(connect_tpm(d, &held, why));
    enum err result = tpm_object_load(&t->link, &t->key, "loading the key", &loaded, why);
    if (result == ERR_NOT_FOUND && d->options->use == DEVICE_USE_ACCOUNT)
        return err_set(why, result,
                       "the TPM was cleared since, or is another one; the account is "
                       "lost with it: put its folder aside, and register another");
    TRY(result);
    t->has_key = true;
    TRY(spki_of(a, &t->key.public_half, &key->spki, why));
    TRY(tpm_key_file_write(&b, &t->key, why)); /* and nothing that stood around it */
    key->text = arena_span(a, buf_span(&b));
    return ERR_OK;
}

static enum err need_key(const struct device_tpm *t, struct err_info *why)
{
    if (!t->has_key)
        return err_set(why, ERR_PROTOCOL, "no key was made in the TPM");
    return ERR_OK;
}

/* TPM2_Certify, with what the TPM is to say beside it. */
static enum err certify_key(struct device_tpm *t, struct span said, TPM2B_ATTEST **attest,
                            TPMT_SIGNATURE **signature, struct err_info *why)
{
    AUTO(tpm_object) struct tpm_object key = {0};
    AUTO(tpm_object) struct tpm_object ak = {0};
    static const TPMT_SIG_SCHEME own = {.scheme = TPM2_ALG_NULL};
    TPM2B_DATA data = {.size = (UINT16)said.len};

    memcpy(data.buffer, said.data, said.len);
    TRY(tpm_object_load(&t->link, &t->key, "loading the key", &key, why));
    TRY(tpm_object_load(&t->link, &t->ak, "loading the attestation key", &ak, why));
    return tpm_link_judge(Esys_Certify(t->link.esys, key.handle, ak.handle,
                                       ESYS_TR_PASSWORD, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                       &data, &own, attest, signature),
                          "attesting the key", why);
}

static enum err attest(struct device *d, struct arena *a, const char *key_authorization,
                       struct span *object, struct err_info *why)
{
    struct device_tpm *t = d->state;
    AUTO(connection) struct device_tpm *held = NULL;
    AUTO(buf) struct buf b = buf_make(DEVICE_OBJECT_MAX);
    uint8_t said[HASH_SHA256_SIZE];
    uint8_t signed_by[sizeof(TPMT_SIGNATURE)];
    TPM2B_ATTEST *info = NULL;
    TPMT_SIGNATURE *signature = NULL;
    struct span area = {0};
    size_t signed_len = 0;

    TRY(need_key(t, why));
    if (t->certificate == NULL)
        return err_set(why, ERR_PROTOCOL, "the attestation key has no certificate");
    TRY(tpm_object_public(a, &t->key.public_half, &area, why));
    hash_sha256(span_of(key_authorization), said);
    TRY(connect_tpm(d, &held, why));
    TRY(certify_key(t, span_make(said, sizeof said), &info, &signature, why));
    TSS2_RC result = Tss2_MU_TPMT_SIGNATURE_Marshal(signature, signed_by,
                                                    sizeof signed_by, &signed_len);
    const struct attest_write_tpm what = {
        .algorithm = t->ak.public_half.publicArea.type == TPM2_ALG_RSA
                         ? ATTEST_COSE_RS256
                         : ATTEST_COSE_ES256,
        .chain = t->chain,
        .chain_count = t->chain_count,
        .signature = span_make(signed_by, signed_len),
        .cert_info = span_make(info->attestationData, info->size),
        .pub_area = area};
    attest_write_tpm(&b, &what);
    Esys_Free(info);
    Esys_Free(signature);
    TRY(tpm_link_judge(result, "writing the attestation", why));
    if (b.failed)
        return err_set(why, ERR_TOO_LARGE, "the attestation is too large");
    *object = arena_span(a, buf_span(&b));
    return ERR_OK;
}

/* ---- signing ---- */

/* The hash of that many octets. False if TPMs do not sign such. */
static bool hash_of(size_t len, TPMI_ALG_HASH *hash)
{
    *hash = len == 32   ? TPM2_ALG_SHA256
            : len == 48 ? TPM2_ALG_SHA384
            : len == 64 ? TPM2_ALG_SHA512
                        : TPM2_ALG_NULL;
    return *hash != TPM2_ALG_NULL;
}

/* A number at full length: TPMs leave leading zeros out. */
static void pad(uint8_t *to, size_t len, const TPM2B_ECC_PARAMETER *number)
{
    size_t used = number->size < len ? number->size : len;

    memset(to, 0, len);
    memcpy(to + len - used, number->buffer + number->size - used, used);
}

static size_t take_signature(const struct device_tpm *t, const TPMT_SIGNATURE *made,
                             uint8_t *signature)
{
    if (made->sigAlg == TPM2_ALG_RSASSA) {
        const TPM2B_PUBLIC_KEY_RSA *number = &made->signature.rsassa.sig;
        memcpy(signature, number->buffer, number->size);
        return number->size;
    }
    TPMI_ECC_CURVE curve = t->key.public_half.publicArea.parameters.eccDetail.curveID;
    size_t len = curve == TPM2_ECC_NIST_P384 ? 48 : 32;
    pad(signature, len, &made->signature.ecdsa.signatureR);
    pad(signature + len, len, &made->signature.ecdsa.signatureS);
    return 2 * len;
}

static enum err sign(struct device *d, struct span input, uint8_t *signature, size_t *len,
                     struct err_info *why)
{
    static const TPMT_TK_HASHCHECK from_outside = {.tag = TPM2_ST_HASHCHECK,
                                                   .hierarchy = TPM2_RH_NULL};
    struct device_tpm *t = d->state;
    AUTO(connection) struct device_tpm *held = NULL;
    AUTO(tpm_object) struct tpm_object key = {0};
    bool is_rsa = t->key.public_half.publicArea.type == TPM2_ALG_RSA;
    TPMT_SIG_SCHEME scheme = {.scheme = is_rsa ? TPM2_ALG_RSASSA : TPM2_ALG_ECDSA};
    TPMT_SIGNATURE *made = NULL;
    TPM2B_DIGEST digest = {0};

    TRY(need_key(t, why));
    if (is_rsa)
        input = span_slice(input, DIGEST_INFO_LEN, input.len);
    if (!hash_of(input.len, &scheme.details.any.hashAlg))
        return err_set(why, ERR_CRYPTO, "a TPM does not sign %zu octets", input.len);
    digest.size = (UINT16)input.len;
    memcpy(digest.buffer, input.data, input.len);
    TRY(connect_tpm(d, &held, why));
    TRY(tpm_object_load(&t->link, &t->key, "loading the key", &key, why));
    TRY(tpm_link_judge(Esys_Sign(t->link.esys, key.handle, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                 ESYS_TR_NONE, &digest, &scheme, &from_outside, &made),
                       "signing", why));
    *len = take_signature(t, made, signature);
    Esys_Free(made);
    return ERR_OK;
}

/* ---- opening ---- */

static const char *tcti_of(const char *text)
{
    const char *more = strchr(text, ':');
    const char *said = getenv("CAIRN_TPM");

    if (more != NULL && more[1] != '\0')
        return more + 1;
    return said != NULL && said[0] != '\0' ? said : TPM_LINK_DEFAULT;
}

enum err device_tpm_open(struct device *d, struct err_info *why)
{
    struct device_tpm *t = arena_get(d->arena, sizeof *t);
    AUTO(connection) struct device_tpm *held = NULL;

    d->state = t;
    d->make_key = make_key;
    d->load_key = load_key;
    d->sign = sign;
    if (d->options->use == DEVICE_USE_ATTESTED) {
        d->needs_enrolment = needs_enrolment;
        d->enrol = enrol;
        d->activate = activate;
        d->certify = certify;
        d->identify = identify;
        d->attest = attest;
    }
    t->tcti = tcti_of(d->options->text);
    TRY(connect_tpm(d, &held, why));
    d->description = arena_printf(d->arena, "TPM 2.0 of %s (%s), firmware %s",
                                  t->link.vendor, t->link.model, t->link.firmware);
    return take_kept(d, why);
}
