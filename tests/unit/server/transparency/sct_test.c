/* Tests of server/transparency/sct: OpenSSL reads what is written; what is signed is laid
 * out here once more, by hand. The flow tests have OpenSSL verify whole certificates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ct.h>
#include <string.h>

#include "core/base/buf.h"
#include "server/transparency/sct.h"

#define TIMESTAMP UINT64_C(1800000000123)

static struct arena *arena;
static const uint8_t issuer_hash[HASH_SHA256_SIZE] = {0x11, 0x22};

/* RFC 6962 3.2. */
static struct span signed_octets(const struct sct_entry *entry, struct span extensions)
{
    uint8_t *to = arena_get(arena, 100 + entry->octets.len + extensions.len);
    uint8_t *at = to;
    const uint8_t head[] = {0,    0,    0,    0,    0x01, 0xa3,
                            0x18, 0x5c, 0x50, 0x7b, 0,    entry->issuer_key_hash != NULL};

    memcpy(at, head, sizeof head);
    at += sizeof head;
    if (entry->issuer_key_hash != NULL) {
        memcpy(at, entry->issuer_key_hash, HASH_SHA256_SIZE);
        at += HASH_SHA256_SIZE;
    }
    *at++ = (uint8_t)(entry->octets.len >> 16);
    *at++ = (uint8_t)(entry->octets.len >> 8);
    *at++ = (uint8_t)entry->octets.len;
    memcpy(at, entry->octets.data, entry->octets.len);
    at += entry->octets.len;
    *at++ = (uint8_t)(extensions.len >> 8);
    *at++ = (uint8_t)extensions.len;
    memcpy(at, extensions.data, extensions.len);
    at += extensions.len;
    return span_make(to, (size_t)(at - to));
}

static struct sct make(const struct key *key, const struct sct_entry *entry,
                       struct span extensions)
{
    uint8_t *id = arena_get(arena, HASH_SHA256_SIZE);
    uint8_t *signature = arena_get(arena, KEY_SIGNATURE_MAX);
    const bool rsa = key_type(key) == KEY_RSA;
    size_t len = 0;

    hash_sha256(key_spki(key), id);
    assert_int_equal(key_sign(key, rsa ? KEY_SIGNATURE_RS256 : KEY_SIGNATURE_ECDSA_SHA256,
                              signed_octets(entry, extensions), signature, &len, NULL),
                     ERR_OK);
    return (struct sct){.log_id = span_make(id, HASH_SHA256_SIZE),
                        .timestamp = TIMESTAMP,
                        .extensions = extensions,
                        .hash = 4,
                        .algorithm = rsa ? 1 : 3,
                        .signature = span_make(signature, len)};
}

/* X-CT-4: only what that log signed about just this. */
static void verified(void **state)
{
    static const struct {
        enum key_type type;
        int bits;
    } types[] = {{KEY_P256, 0}, {KEY_RSA, 2048}};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        AUTO(key) struct key *key = NULL;
        AUTO(key) struct key *other = NULL;
        const struct sct_entry entry = {i < 2 ? issuer_hash : NULL, span_of("entry")};
        const struct sct_entry changed = {entry.issuer_key_hash, span_of("entrz")};
        const struct sct_entry confused = {i < 2 ? NULL : issuer_hash, span_of("entry")};
        const struct span index = span_make("\0\0\5\0\0\0\1\2", 8);
        assert_int_equal(key_generate(types[i % 2].type, types[i % 2].bits, &key, NULL),
                         ERR_OK);
        assert_int_equal(key_generate(KEY_P256, 0, &other, NULL), ERR_OK);
        const struct sct good = make(key, &entry, index);
        const uint8_t *id = good.log_id.data;
        assert_int_equal(sct_verify(&good, key, id, &entry, NULL), ERR_OK);
        assert_int_equal(sct_verify(&good, key, id, &changed, NULL), ERR_UNAUTHORIZED);
        assert_int_equal(sct_verify(&good, key, id, &confused, NULL), ERR_UNAUTHORIZED);
        assert_int_equal(sct_verify(&good, other, id, &entry, NULL), ERR_UNAUTHORIZED);
        assert_int_equal(sct_verify(&good, key, issuer_hash, &entry, NULL),
                         ERR_UNAUTHORIZED);
        struct sct bad = good;
        bad.timestamp++;
        assert_int_equal(sct_verify(&bad, key, id, &entry, NULL), ERR_UNAUTHORIZED);
        bad = good;
        bad.extensions = span_slice(index, 0, 7);
        assert_int_equal(sct_verify(&bad, key, id, &entry, NULL), ERR_UNAUTHORIZED);
        bad = good;
        bad.hash = 5;
        assert_int_equal(sct_verify(&bad, key, id, &entry, NULL), ERR_UNAUTHORIZED);
        bad = good;
        bad.algorithm ^= 2;
        assert_int_equal(sct_verify(&bad, key, id, &entry, NULL), ERR_UNAUTHORIZED);
        bad = good;
        bad.signature.len--;
        assert_int_equal(sct_verify(&bad, key, id, &entry, NULL), ERR_UNAUTHORIZED);
    }
}

static void octets(void **state)
{
    AUTO(key) struct key *key = NULL;
    const struct sct_entry entry = {issuer_hash, span_of("entry")};
    const struct span index = span_make("\0\0\5\0\0\0\1\2", 8);
    struct sct back;

    (void)state;
    assert_int_equal(key_generate(KEY_P256, 0, &key, NULL), ERR_OK);
    const struct sct one = make(key, &entry, index);
    const struct span written = sct_write(arena, &one);
    const unsigned char *at = written.data;
    SCT *theirs = o2i_SCT(NULL, &at, written.len);
    unsigned char *found = NULL;
    assert_non_null(theirs);
    assert_int_equal(SCT_get_version(theirs), SCT_VERSION_V1);
    assert_int_equal(SCT_get_timestamp(theirs), TIMESTAMP);
    assert_int_equal(SCT_get_signature_nid(theirs), NID_ecdsa_with_SHA256);
    size_t len = SCT_get0_log_id(theirs, &found);
    assert_true(span_equal(span_make(found, len), one.log_id));
    len = SCT_get0_extensions(theirs, &found);
    assert_true(span_equal(span_make(found, len), index));
    len = SCT_get0_signature(theirs, &found);
    assert_true(span_equal(span_make(found, len), one.signature));
    SCT_free(theirs);
    assert_int_equal(sct_read(written, &back, NULL), ERR_OK);
    assert_int_equal(sct_verify(&back, key, back.log_id.data, &entry, NULL), ERR_OK);
    for (size_t i = 0; i < written.len; i++)
        assert_int_equal(sct_read(span_slice(written, 0, i), &back, NULL), ERR_MALFORMED);
    uint8_t *longer = arena_get(arena, written.len + 1);
    memcpy(longer, written.data, written.len);
    assert_int_equal(sct_read(span_make(longer, written.len + 1), &back, NULL),
                     ERR_MALFORMED);
    longer[0] = 1; /* version 2 */
    assert_int_equal(sct_read(span_make(longer, written.len), &back, NULL),
                     ERR_MALFORMED);
    const struct span both[] = {written, written, written};
    const struct span list = sct_list_write(arena, both, 3);
    at = list.data;
    STACK_OF(SCT) *stack = o2i_SCT_LIST(NULL, &at, list.len);
    assert_int_equal(sk_SCT_num(stack), 3);
    assert_ptr_equal(at, list.data + list.len);
    SCT_LIST_free(stack);
}

static void leaf_index(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
        bool has;
    } rows[] = {{"", 0, false},
                {"\0\0\5\1\2\3\4\5", 8, true},
                {"\0\0\4\1\2\3\4", 7, false},
                {"\0\0\6\1\2\3\4\5\6", 9, false},
                {"\1\0\1x\0\0\5\1\2\3\4\5", 12, true},
                {"\0\0\5\1\2\3\4\5\1", 9, false},
                {"\0\0\5\1\2\3\4", 7, false}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct sct one = {.extensions = span_make(rows[i].octets, rows[i].len)};
        assert_int_equal(sct_has_leaf_index(&one), rows[i].has);
    }
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verified),
        cmocka_unit_test(octets),
        cmocka_unit_test(leaf_index),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
