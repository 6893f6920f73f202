/* Fingerprints of keys, found. */
#include "server/command/fingerprint.h"

#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/crypto/der_read.h"
#include "core/x509/certificate.h"
#include "core/x509/pem.h"
#include "server/admin/admin_fingerprint.h"

#define DEPTH 4 /* SEQUENCE of SEQUENCE and BIT STRING */

/* SubjectPublicKeyInfo, whatever the algorithm: the TPM of a device may have one that no
 * certificate of ours could have. */
static bool is_key(struct span der)
{
    struct der_reader r = der_read_start(der, DEPTH);

    der_read_enter(&r, DER_SEQUENCE);
    (void)der_read_expect(&r, DER_SEQUENCE);
    struct span bits = der_read_expect(&r, DER_BIT_STRING);
    der_read_leave(&r);
    return der_read_finish(&r, ERR_MALFORMED, "", NULL) == ERR_OK && bits.len > 1;
}

static enum err of_der(struct arena *a, struct span der, uint8_t *sha256,
                       struct err_info *why)
{
    struct certificate *certificate = NULL;

    if (is_key(der)) {
        hash_sha256(der, sha256);
        return ERR_OK;
    }
    TRY(certificate_read(a, der, &certificate, why));
    hash_sha256(certificate->spki, sha256);
    return ERR_OK;
}

static enum err of_file(struct arena *a, struct span text, uint8_t *sha256,
                        struct err_info *why)
{
    static const struct pem_kind kinds[] = {{"PUBLIC KEY", "public key"},
                                            {"CERTIFICATE", "certificate"}};
    struct err_info ignored = {0};
    struct span der;
    size_t count = 0;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (pem_read(a, text, &kinds[i], &der, 1, &count, &ignored) == ERR_OK)
            return of_der(a, der, sha256, why);
    return of_der(a, text, sha256, why);
}

enum err fingerprint_find(struct arena *a, const char *words,
                          uint8_t sha256[HASH_SHA256_SIZE], struct err_info *why)
{
    struct span text;

    if (admin_fingerprint_read(span_of(words), sha256))
        return ERR_OK;
    if (access(words, F_OK) != 0)
        return err_set(
            why, ERR_USAGE,
            "\"%.100s\" is neither a SHA-256 (64 hexadecimal digits, or base64) "
            "nor a file with a key or certificate",
            words);
    TRY(file_read(a, words, FINGERPRINT_FILE_MAX, &text, why));
    if (of_file(a, text, sha256, why) != ERR_OK)
        return err_prefix(why, "%s: no public key and no certificate", words);
    return ERR_OK;
}
