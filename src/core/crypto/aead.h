/* AES-256-GCM with a key that is set up once per thread: seals nonces and stored secrets.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/span.h"

#define AEAD_KEY_SIZE 32 /* octets */
#define AEAD_IV_SIZE  12
#define AEAD_TAG_SIZE 16

/* A key; may be used by several threads at once. */
struct aead;

/* A new key from AEAD_KEY_SIZE octets; free with aead_free (wiped). */
struct aead *aead_new(const uint8_t *key);
void aead_free(struct aead *k);

/* Encrypt: `sealed` gets plain.len + AEAD_TAG_SIZE octets. An iv must never be used
 * twice. */
void aead_seal(struct aead *k, const uint8_t *iv, struct span associated,
               struct span plain, uint8_t *sealed);

/* Decrypt into `plain` (sealed.len - AEAD_TAG_SIZE octets); false if it was not sealed
 * with this key, iv and associated data. */
bool aead_open(struct aead *k, const uint8_t *iv, struct span associated,
               struct span sealed, uint8_t *plain);
