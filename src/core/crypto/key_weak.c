/* RSA keys that anybody can take apart. */
#include "core/crypto/key_weak.h"

#include <ctype.h>
#include <math.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

#define FERMAT_ROUNDS 100
#define ROCA_PRIMES   38 /* those of the published fingerprint: 3 to 167 */
#define SMALL_BITS    31 /* of a number whose powers are found by logarithms */

/* The odd primes that are tried as factors: all below 752, as in other CAs. */
static const uint16_t primes[] = {
    3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,
    67,  71,  73,  79,  83,  89,  97,  101, 103, 107, 109, 113, 127, 131, 137, 139, 149,
    151, 157, 163, 167, 173, 179, 181, 191, 193, 197, 199, 211, 223, 227, 229, 233, 239,
    241, 251, 257, 263, 269, 271, 277, 281, 283, 293, 307, 311, 313, 317, 331, 337, 347,
    349, 353, 359, 367, 373, 379, 383, 389, 397, 401, 409, 419, 421, 431, 433, 439, 443,
    449, 457, 461, 463, 467, 479, 487, 491, 499, 503, 509, 521, 523, 541, 547, 557, 563,
    569, 571, 577, 587, 593, 599, 601, 607, 613, 617, 619, 631, 641, 643, 647, 653, 659,
    661, 673, 677, 683, 691, 701, 709, 719, 727, 733, 739, 743, 751};
#define PRIMES (sizeof primes / sizeof primes[0])

static uint32_t residue(struct span number, uint32_t divisor)
{
    uint64_t rest = 0;
    size_t i = 0;

    for (; i < number.len % 4; i++)
        rest = (rest << 8 | number.data[i]) % divisor;
    for (; i < number.len; i += 4) {
        const uint8_t *four = number.data + i;
        rest = (rest << 32 | (uint32_t)four[0] << 24 | (uint32_t)four[1] << 16 |
                (uint32_t)four[2] << 8 | four[3]) %
               divisor;
    }
    return (uint32_t)rest;
}

/* The rest of the number for each prime: one pass for as many as fit in 32 bits. */
static void residues(struct span number, uint16_t *rests)
{
    for (size_t first = 0, next; first < PRIMES; first = next) {
        uint64_t product = primes[first];
        for (next = first + 1; next < PRIMES && product * primes[next] <= UINT32_MAX;
             next++)
            product *= primes[next];
        uint32_t rest = residue(number, (uint32_t)product);
        for (size_t i = first; i < next; i++)
            rests[i] = (uint16_t)(rest % primes[i]);
    }
}

/* Is it a power of 65537 modulo the prime? */
static bool is_power(uint32_t rest, uint32_t prime)
{
    uint32_t power = 1;

    do {
        if (power == rest)
            return true;
        power = power * (65537 % prime) % prime;
    } while (power != 1);
    return false;
}

/* Primes of that library are powers of 65537 modulo all small primes, and so are their
 * products; one of 2^27 other numbers is. */
static bool has_infineon_pattern(const uint16_t *rests)
{
    for (size_t i = 0; i < ROCA_PRIMES; i++)
        if (!is_power(rests[i], primes[i]))
            return false;
    return true;
}

/* The largest number whose square is not above `n`, by Newton's method from above. */
static bool root(BIGNUM *r, const BIGNUM *n, BN_CTX *ctx)
{
    bool good = false;

    BN_CTX_start(ctx);
    BIGNUM *next = BN_CTX_get(ctx);
    if (next != NULL) {
        BN_zero(next);
        good = BN_set_bit(next, (BN_num_bits(n) + 1) / 2) == 1;
        do
            good = good && BN_copy(r, next) != NULL &&
                   (BN_is_zero(r) ||
                    (BN_div(next, NULL, n, r, ctx) == 1 && BN_add(next, next, r) == 1)) &&
                   BN_rshift1(next, next) == 1;
        while (good && BN_cmp(next, r) < 0);
    }
    BN_CTX_end(ctx);
    return good;
}

/* Nearly all others are told by their rests. */
static bool is_square(const BIGNUM *n, BIGNUM *r, BIGNUM *square, BN_CTX *ctx)
{
    static const uint8_t moduli[] = {63, 65, 11, 17};
    const uint64_t squares_of_64 = UINT64_C(0x0202021202030213); /* a bit for each */
    BN_ULONG rest = BN_mod_word(n, 64UL * 63 * 65 * 11 * 17);

    if ((squares_of_64 >> rest % 64 & 1) == 0)
        return false;
    for (size_t i = 0; i < sizeof moduli / sizeof moduli[0]; i++) {
        BN_ULONG x = 0;
        while (x < moduli[i] && x * x % moduli[i] != rest % moduli[i])
            x++;
        if (x == moduli[i])
            return false;
    }
    return root(r, n, ctx) && BN_sqr(square, r, ctx) == 1 && BN_cmp(square, n) == 0;
}

/* Fermat: n = a^2 - b^2 with a not far above the root of n. */
static bool has_close_primes(struct span modulus)
{
    BN_CTX *ctx = BN_CTX_new();
    bool found = false;

    if (ctx == NULL)
        return false;
    BN_CTX_start(ctx);
    BIGNUM *n = BN_CTX_get(ctx);
    BIGNUM *a = BN_CTX_get(ctx);
    BIGNUM *b2 = BN_CTX_get(ctx);
    BIGNUM *r = BN_CTX_get(ctx);
    BIGNUM *square = BN_CTX_get(ctx); /* the last is NULL if any is */
    bool good = square != NULL && BN_bin2bn(modulus.data, (int)modulus.len, n) != NULL &&
                root(a, n, ctx) && BN_sqr(b2, a, ctx) == 1 && BN_sub(b2, b2, n) == 1;
    /* b2 is not above zero here: n is a square, or `a` must grow once */
    for (int i = 0; good && !found && i < FERMAT_ROUNDS; i++) {
        found = !BN_is_negative(b2) && is_square(b2, r, square, ctx);
        /* (a + 1)^2 = a^2 + 2a + 1 */
        good = BN_add(b2, b2, a) == 1 && BN_add_word(a, 1) == 1 && BN_add(b2, b2, a) == 1;
    }
    BN_CTX_end(ctx);
    BN_CTX_free(ctx);
    return found;
}

/* The number's logarithm to base 2, from its first 64 bits. */
static double logarithm(struct span number)
{
    uint64_t first = 0;

    for (size_t i = 0; i < sizeof first; i++)
        first = first << 8 | number.data[i];
    return log2((double)first) + 8.0 * (double)(number.len - sizeof first);
}

/* Can it be a k-th power, by its rests for primes that are 1 above a multiple of k? Of
 * all numbers one in k is, for each such prime. */
static bool may_be_power(const uint16_t *rests, uint32_t k)
{
    for (size_t i = 0; i < PRIMES; i++) {
        uint64_t power = 1;
        uint64_t square = rests[i];
        if (primes[i] % k != 1)
            continue;
        for (uint32_t e = (primes[i] - 1U) / k; e > 0; e >>= 1) {
            if ((e & 1) != 0)
                power = power * square % primes[i];
            square = square * square % primes[i];
        }
        if (power != 1)
            return false;
    }
    return true;
}

/* Is n the k-th power of a number? Newton's method from above. */
static bool is_exact_power(const BIGNUM *n, BN_ULONG k, BN_CTX *ctx)
{
    bool good = false;

    BN_CTX_start(ctx);
    BIGNUM *exponent = BN_CTX_get(ctx);
    BIGNUM *r = BN_CTX_get(ctx);
    BIGNUM *next = BN_CTX_get(ctx);
    BIGNUM *power = BN_CTX_get(ctx); /* NULL if any is */
    if (power != NULL) {
        good = BN_set_bit(next, (BN_num_bits(n) + (int)k - 1) / (int)k) == 1 &&
               BN_set_word(exponent, k - 1) == 1;
        do /* next = ((k - 1) r + n / r^(k - 1)) / k */
            good = good && BN_copy(r, next) != NULL &&
                   BN_exp(power, r, exponent, ctx) == 1 &&
                   BN_div(next, NULL, n, power, ctx) == 1 && BN_mul_word(r, k - 1) == 1 &&
                   BN_add(next, next, r) == 1 && BN_div_word(next, k) != (BN_ULONG)-1 &&
                   BN_div_word(r, k - 1) != (BN_ULONG)-1;
        while (good && BN_cmp(next, r) < 0);
        good = good && BN_add_word(exponent, 1) == 1 &&
               BN_exp(power, r, exponent, ctx) == 1 && BN_cmp(power, n) == 0;
    }
    BN_CTX_end(ctx);
    return good;
}

/* A power of one number, as of a prime (BR 6.1.6); squares are found by Fermat's method.
 * No root is a multiple of a small prime, so exponents end where it would be below 751.
 */
static bool is_power_of_one(struct span modulus, const uint16_t *rests)
{
    double bits = logarithm(modulus);
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.len, NULL);
    bool found = false;

    for (uint32_t k = 3; !found && ctx != NULL && n != NULL && bits / k > 9; k += 2) {
        if ((k > 3 && k % 3 == 0) || (k > 5 && k % 5 == 0) || (k > 7 && k % 7 == 0))
            continue; /* found by that factor of it */
        if (bits / k > SMALL_BITS) {
            found = may_be_power(rests, k) && is_exact_power(n, k, ctx);
        } else { /* the double is right to 1/1000 */
            double root = exp2(bits / k);
            found = fabs(root - round(root)) < 0.001 &&
                    residue(modulus, (uint32_t)round(root)) == 0;
        }
    }
    BN_free(n);
    BN_CTX_free(ctx);
    return found;
}

bool key_weak_fingerprint(const struct key *k, uint8_t digest[KEY_WEAK_FINGERPRINT_SIZE])
{
    static const char before[] = "Modulus=";
    char text[sizeof before + KEY_RSA_MAX_BITS / 4 + 1];
    uint8_t sha1[EVP_MAX_MD_SIZE];
    struct span modulus;
    struct span exponent;

    if (key_type(k) != KEY_RSA)
        return false;
    key_numbers(k, &modulus, &exponent);
    memcpy(text, before, sizeof before - 1);
    char *digits = text + sizeof before - 1;
    text_hex(digits, modulus.data, modulus.len);
    if (digits[0] == '0') /* openssl prints none in front */
        memmove(digits, digits + 1, strlen(digits));
    for (char *p = digits; *p != '\0'; p++)
        *p = (char)toupper((unsigned char)*p);
    size_t len = strlen(text);
    text[len++] = '\n';
    if (EVP_Q_digest(NULL, "SHA1", NULL, text, len, sha1, NULL) != 1)
        return false;
    memcpy(digest, sha1 + 20 - KEY_WEAK_FINGERPRINT_SIZE, KEY_WEAK_FINGERPRINT_SIZE);
    return true;
}

const char *key_weakness(const struct key *k)
{
    struct span modulus;
    struct span exponent;
    uint16_t rests[PRIMES];

    if (key_type(k) != KEY_RSA)
        return NULL;
    key_numbers(k, &modulus, &exponent);
    residues(modulus, rests);
    for (size_t i = 0; i < PRIMES; i++)
        if (rests[i] == 0)
            return "has a small factor";
    if (has_infineon_pattern(rests))
        return "was made by a library whose keys can be computed (ROCA, CVE-2017-15361)";
    if (has_close_primes(modulus))
        return "has two primes that are close to each other";
    if (is_power_of_one(modulus, rests))
        return "has a modulus that is a power of one number";
    return NULL;
}
