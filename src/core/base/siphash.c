/* SipHash-2-4. */
#include "core/base/siphash.h"

#include <stddef.h>

#define WORD 8 /* octets */

struct state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t turn(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void mix(struct state *s)
{
    s->v0 += s->v1;
    s->v1 = turn(s->v1, 13) ^ s->v0;
    s->v0 = turn(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = turn(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = turn(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = turn(s->v1, 17) ^ s->v2;
    s->v2 = turn(s->v2, 32);
}

static void take(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    mix(s);
    mix(s);
    s->v0 ^= word;
}

/* Little-endian, up to a word; missing octets are 0. */
static uint64_t word_at(const uint8_t *p, size_t len)
{
    uint64_t word = 0;

    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)p[i] << (8 * i);
    return word;
}

uint64_t siphash_make(const uint8_t *key, struct span s)
{
    uint64_t k0 = word_at(key, WORD);
    uint64_t k1 = word_at(key + WORD, WORD);
    struct state v = {k0 ^ 0x736f6d6570736575U, k1 ^ 0x646f72616e646f6dU,
                      k0 ^ 0x6c7967656e657261U, k1 ^ 0x7465646279746573U};
    size_t whole = s.len - s.len % WORD;

    for (size_t i = 0; i < whole; i += WORD)
        take(&v, word_at(s.data + i, WORD));
    uint64_t last = s.len > whole ? word_at(s.data + whole, s.len - whole) : 0;
    take(&v, last | (uint64_t)s.len << 56);
    v.v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        mix(&v);
    return v.v0 ^ v.v1 ^ v.v2 ^ v.v3;
}
