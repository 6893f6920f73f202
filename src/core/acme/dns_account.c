/* Base32 (RFC 4648 6) of half a digest. */
#include "core/acme/dns_account.h"

#include <stddef.h>
#include <stdint.h>

#include "core/crypto/hash.h"

#define OCTETS    10 /* of the digest */
#define CHARACTER 5  /* bits of one */

void dns_account_label(const char *account_url, char label[DNS_ACCOUNT_LABEL_SIZE])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t digest[HASH_SHA256_SIZE];
    size_t used = 0;
    unsigned int bits = 0;
    unsigned int held = 0;

    hash_sha256(span_of(account_url), digest);
    label[used++] = '_';
    for (size_t i = 0; i < OCTETS; i++) {
        bits = bits << 8 | digest[i];
        for (held += 8; held >= CHARACTER; held -= CHARACTER)
            label[used++] = alphabet[bits >> (held - CHARACTER) & 0x1f];
        bits &= 0xff;
    }
    label[used] = '\0';
}
