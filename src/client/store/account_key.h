/* Files with an account's key: the key itself (PKCS #8, PEM), or where it is, if it is in
 * a device. That is a text: a line "device: ...", a line "pin-file: ..." if there is one,
 * what the device gave to keep, and the public key (PEM). None of it is a secret. */
#pragma once

#include <stdbool.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/key.h"

struct account_place {
    const char *device;   /* as in the settings; NULL: the key is in the file */
    const char *pin_file; /* NULL: none */
    struct span text;     /* what the device gave to keep */
};

/* Read one. Of a key in a device `*key` is the public half. It belongs to the arena.
 * ERR_NOT_FOUND if there is none; ERR_CRYPTO, ERR_MALFORMED, ERR_IO. */
MUST_CHECK enum err account_key_read(struct arena *a, const char *path, struct key **key,
                                     struct account_place *place, struct err_info *why);

/* The device that the file names, and where its PIN is, without reading a key that is in
 * it: `text` stays empty, and all of it if the file names none. */
void account_key_find(struct arena *a, const char *path, struct account_place *place);

/* Write one, whole or not at all. ERR_IO. */
MUST_CHECK enum err account_key_write(const char *path, const struct key *key,
                                      const struct account_place *place,
                                      struct err_info *why);
