/* Key and certificate: made, written, read. */
#include "server/perspective/perspective_key.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/crypto/hash.h"
#include "core/crypto/key.h"
#include "core/x509/certificate.h"
#include "server/issue/template.h"

#define BACKDATE 60 /* seconds */
#define PEM_MAX  8192

enum err perspective_key_make(struct arena *a, const char *name,
                              struct perspective_key *made, struct err_info *why)
{
    AUTO(key) struct key *key = NULL;
    AUTO(buf) struct buf pem = buf_make(PEM_MAX);
    uint8_t signature[KEY_SIGNATURE_MAX];
    struct perspective_key k = {0};
    struct span tbs;
    size_t len = 0;

    TRY(key_generate(KEY_P256, 0, &key, why));
    enum key_signature kind = key_x509_signature(key);
    TRY(template_self_write(a, name, clock_now() - BACKDATE, key_spki(key), kind, &tbs,
                            why));
    TRY(key_sign(key, kind, tbs, signature, &len, why));
    certificate_pem_add(&pem, template_assemble(a, tbs, kind, span_make(signature, len)));
    k.certificate_pem = arena_span(a, buf_span(&pem));
    hash_sha256(key_spki(key), k.pin);
    TRY(key_to_pem(key, NULL, &k.key_pem, why));
    *made = k;
    return ERR_OK;
}

void perspective_key_hand_over(const char *directory, const char *path)
{
    struct stat folder;

    if (geteuid() == 0 && stat(directory, &folder) == 0 && folder.st_uid != 0 &&
        lchown(path, folder.st_uid, folder.st_gid) != 0)
        return; /* it stays root's, who can give it away himself */
}

enum err perspective_key_create(struct arena *a, const char *directory,
                                const struct perspective_key *key, struct err_info *why)
{
    const char *key_file = file_path(a, directory, PERSPECTIVE_KEY_FILE);
    const char *file = file_path(a, directory, PERSPECTIVE_CERTIFICATE_FILE);
    struct span secret = span_make(key->key_pem.data, key->key_pem.len);

    TRY(file_create(key_file, secret, 0600, why));
    enum err result = file_create(file, key->certificate_pem, 0644, why);
    if (result != ERR_OK) {
        (void)unlink(key_file);
        return result;
    }
    perspective_key_hand_over(directory, key_file);
    perspective_key_hand_over(directory, file);
    return ERR_OK;
}

static enum err read_certificate(struct arena *a, const char *directory,
                                 struct perspective_key *key, struct err_info *why)
{
    const char *file = file_path(a, directory, PERSPECTIVE_CERTIFICATE_FILE);
    struct certificate *c = NULL;
    struct span der;
    size_t count = 0;

    TRY(file_read(a, file, PEM_MAX, &key->certificate_pem, why));
    enum err result = certificate_from_pem(a, key->certificate_pem, &der, 1, &count, why);
    if (result == ERR_OK)
        result = certificate_read(a, der, &c, why);
    if (result != ERR_OK) {
        (void)err_set(why, ERR_CONFIG, "%s", why->detail);
        return err_prefix(why, "%s", file);
    }
    hash_sha256(c->spki, key->pin);
    return ERR_OK;
}

enum err perspective_key_read(struct arena *a, const char *directory,
                              struct perspective_key *key, struct err_info *why)
{
    const char *file = file_path(a, directory, PERSPECTIVE_KEY_FILE);
    AUTO(key) struct key *parsed = NULL;
    struct span pem;

    TRY(read_certificate(a, directory, key, why));
    if (file_read(a, file, PEM_MAX, &pem, why) != ERR_OK)
        return err_set(why, ERR_CONFIG, "%s", why->detail);
    key->key_pem = secret_make(pem);
    enum err result = key_from_pem(pem, NULL, &parsed, why);
    memory_wipe((void *)(uintptr_t)pem.data, pem.len);
    if (result != ERR_OK) {
        (void)err_set(why, ERR_CONFIG, "%s", why->detail);
        return err_prefix(why, "%s", file);
    }
    return ERR_OK;
}

enum err perspective_key_pin(struct arena *a, const char *directory,
                             uint8_t pin[SETTINGS_PIN_SIZE], struct err_info *why)
{
    struct perspective_key key = {0};

    TRY(read_certificate(a, directory, &key, why));
    memcpy(pin, key.pin, SETTINGS_PIN_SIZE);
    return ERR_OK;
}

enum err perspective_key_ensure(struct arena *a, const char *directory, const char *name,
                                uint8_t pin[SETTINGS_PIN_SIZE], struct err_info *why)
{
    AUTO(perspective_key) struct perspective_key key = {0};
    enum err result = perspective_key_pin(a, directory, pin, why);

    if (result != ERR_NOT_FOUND)
        return result;
    TRY(perspective_key_make(a, name, &key, why));
    result = perspective_key_create(a, directory, &key, why);
    if (result == ERR_EXISTS) /* somebody was faster */
        return perspective_key_pin(a, directory, pin, why);
    if (result == ERR_OK)
        memcpy(pin, key.pin, SETTINGS_PIN_SIZE);
    return result;
}

void perspective_key_free(struct perspective_key *key)
{
    secret_free(&key->key_pem);
}
