/* The key by which a CA and its perspectives know each other: P-256, in a certificate
 * that nobody vouches for. What counts is its pin, the SHA-256 of the
 * SubjectPublicKeyInfo. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/secret.h"
#include "server/settings/settings.h"

#define PERSPECTIVE_KEY_FILE         SETTINGS_PERSPECTIVE_KEY /* PKCS#8 PEM, mode 0600 */
#define PERSPECTIVE_CERTIFICATE_FILE "perspective.pem"

struct perspective_key {
    struct span certificate_pem;
    struct secret key_pem; /* to be freed with perspective_key_free */
    uint8_t pin[SETTINGS_PIN_SIZE];
};

/* Make one; the certificate's subject is `name`. ERR_CRYPTO. */
MUST_CHECK enum err perspective_key_make(struct arena *a, const char *name,
                                         struct perspective_key *key,
                                         struct err_info *why);

/* Write both files into the folder; they belong to the folder's owner. ERR_EXISTS if one
 * is there already, ERR_IO; then neither is left. */
MUST_CHECK enum err perspective_key_create(struct arena *a, const char *directory,
                                           const struct perspective_key *key,
                                           struct err_info *why);

/* Read both files. ERR_NOT_FOUND if the certificate is not there; ERR_CONFIG. */
MUST_CHECK enum err perspective_key_read(struct arena *a, const char *directory,
                                         struct perspective_key *key,
                                         struct err_info *why);

/* Only the pin, for which the secret is not needed. Errors as above. */
MUST_CHECK enum err perspective_key_pin(struct arena *a, const char *directory,
                                        uint8_t pin[SETTINGS_PIN_SIZE],
                                        struct err_info *why);

/* The pin of the folder's key, which is made if there is none yet. */
MUST_CHECK enum err perspective_key_ensure(struct arena *a, const char *directory,
                                           const char *name,
                                           uint8_t pin[SETTINGS_PIN_SIZE],
                                           struct err_info *why);

/* Give a file of the folder to the folder's owner, when it was root who made it. */
void perspective_key_hand_over(const char *directory, const char *path);

/* Wipe. */
void perspective_key_free(struct perspective_key *key);

static inline void perspective_key_auto(struct perspective_key *key)
{
    perspective_key_free(key);
}
