/* RSA keys that anybody can take apart. */
#pragma once

#include "core/crypto/key.h"

#define KEY_WEAK_FINGERPRINT_SIZE 10 /* octets */

/* What makes this public key weak, as words that go on "the key ..." and live forever;
 * NULL if nothing is known. RSA only: a small factor, the pattern of the Infineon library
 * (ROCA, CVE-2017-15361), two primes close to each other (Fermat), or a power of one
 * number. A good RSA key of 2048 bits costs 50 us, of 4096 bits 115 us, all others
 * nothing. */
const char *key_weakness(const struct key *k);

/* How Debian's list of keys that its OpenSSL made with 15 bits of chance (CVE-2008-0166)
 * names an RSA key: the last octets of SHA-1 of "Modulus=HEX" and a line feed, as
 * openssl rsa -modulus prints it. False if it is no RSA key. */
bool key_weak_fingerprint(const struct key *k, uint8_t digest[KEY_WEAK_FINGERPRINT_SIZE]);
