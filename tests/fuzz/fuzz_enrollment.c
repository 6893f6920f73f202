/* What a stranger sends of its TPM's keys: parts with two octets of length in front, in
 * the order of struct enrollment_question; the second is a certificate of the EK. What is
 * right of it has a credential of the size that its key has. */
#include <stdint.h>
#include <stdlib.h>

#include "core/attest/enrollment.h"

#define NOW 1800000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static struct span take(struct span *rest)
{
    if (rest->len < 2)
        return span_make(NULL, 0);
    size_t len = (size_t)rest->data[0] << 8 | rest->data[1];
    struct span part = span_slice(*rest, 2, len);
    *rest = span_slice(*rest, 2 + part.len, rest->len);
    return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[CREDENTIAL_SECRET_MAX];
    AUTO(arena) struct arena *a = arena_new();
    struct span rest = span_make(data, size);
    struct enrollment_answer answer = {0};
    struct tpm_certificate_ek ek = {0};
    struct err_info why = {0};

    struct enrollment_question q = {.secret = span_make(secret, sizeof secret),
                                    .now = NOW};
    q.ek = take(&rest);
    const struct span certificate = take(&rest);
    q.ek_certificates = &certificate;
    q.ek_certificate_count = certificate.len > 0;
    q.public = take(&rest);
    q.create_data = take(&rest);
    q.create_attestation = take(&rest);
    q.create_signature = take(&rest);
    if (tpm_certificate_ek_read(a, certificate, &ek, &why) == ERR_OK)
        must(ek.name.manufacturer.len > 0 && ek.name.model.len > 0 &&
             ek.name.version.len > 0 && ek.spki.data >= certificate.data);
    if (enrollment_judge(a, &q, &answer, &why) != ERR_OK)
        return 0;
    must(!answer.certified && answer.doubt[0] != '\0'); /* nobody is believed */
    must(answer.ak.len > 0 && answer.credential.secret.len > 64);
    must(answer.credential.blob.len >= 2 + 2 + 32 + 2 + sizeof secret);
    return 0;
}
