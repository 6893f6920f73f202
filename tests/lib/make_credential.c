/* make_credential EK.der NAME SECRET OUT: core/tpm/credential for that endorsement key
 * (SubjectPublicKeyInfo), a name and a secret in hexadecimal, as a file that
 * tpm2_activatecredential reads. */
#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/tpm/credential.h"

#define FILE_MAX 4096

static size_t unhex(const char *text, uint8_t *octets, size_t room)
{
    size_t len = 0;

    return text_unhex(span_of(text), octets, room, &len) ? len : 0;
}

static enum err make(struct arena *a, char *const *argv, struct err_info *why)
{
    static const uint8_t magic[] = {0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1};
    AUTO(key) struct key *ek = NULL;
    uint8_t name[CREDENTIAL_NAME_MAX];
    uint8_t secret[CREDENTIAL_SECRET_MAX];
    struct credential made = {0};
    struct span spki;

    TRY(file_read(a, argv[1], FILE_MAX, &spki, why));
    TRY(key_from_spki(spki, &ek, why));
    size_t name_len = unhex(argv[2], name, sizeof name);
    size_t secret_len = unhex(argv[3], secret, sizeof secret);
    TRY(credential_make(a, ek, span_make(name, name_len), span_make(secret, secret_len),
                        &made, why));
    FILE *out = fopen(argv[4], "wb");
    if (out == NULL)
        return err_set(why, ERR_IO, "cannot write %s", argv[4]);
    bool good = fwrite(magic, 1, sizeof magic, out) == sizeof magic &&
                fwrite(made.blob.data, 1, made.blob.len, out) == made.blob.len &&
                fwrite(made.secret.data, 1, made.secret.len, out) == made.secret.len;
    return fclose(out) == 0 && good ? ERR_OK : err_set(why, ERR_IO, "cannot write");
}

int main(int argc, char **argv)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};

    if (argc != 5)
        return 2;
    if (make(a, argv, &why) == ERR_OK)
        return 0;
    (void)fprintf(stderr, "%s\n", why.detail);
    return 1;
}
