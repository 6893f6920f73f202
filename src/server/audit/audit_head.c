/* The text of heads, and its signature. */
#include "server/audit/audit_head.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/x509/pem.h"

#define WORDS 9

void audit_head_text(char *to, const struct audit_head *head)
{
    char hashes[2][2 * HASH_SHA256_SIZE + 1];
    char time[CLOCK_TEXT_SIZE];

    text_hex(hashes[0], head->front.hash, HASH_SHA256_SIZE);
    text_hex(hashes[1], head->signer.hash, HASH_SHA256_SIZE);
    clock_text(time, head->time);
    (void)snprintf(to, AUDIT_HEAD_TEXT_MAX,
                   "cairn-audit-head 1 front %llu %s signer %llu %s %s",
                   (unsigned long long)head->front.seq, hashes[0],
                   (unsigned long long)head->signer.seq, hashes[1], time);
}

static bool read_place(const struct span *words, const char *name,
                       struct audit_place *place)
{
    size_t len = 0;

    return span_is(words[0], name) && text_number(words[1], INT64_MAX, &place->seq) &&
           text_unhex(words[2], place->hash, HASH_SHA256_SIZE, &len) &&
           len == HASH_SHA256_SIZE;
}

/* A head has one spelling: what is written of it must be what was read. */
static bool is_spelled(const struct audit_head *head, struct span text)
{
    char again[AUDIT_HEAD_TEXT_MAX];

    audit_head_text(again, head);
    return span_equal(span_of(again), text);
}

bool audit_head_read(struct span text, struct audit_head *head)
{
    struct span words[WORDS];
    struct span rest = text;
    size_t count = 0;

    while (count < WORDS) {
        const uint8_t *end = rest.len > 0 ? memchr(rest.data, ' ', rest.len) : NULL;
        size_t len = end != NULL ? (size_t)(end - rest.data) : rest.len;
        words[count++] = span_slice(rest, 0, len);
        if (end == NULL)
            break;
        rest = span_slice(rest, len + 1, rest.len);
    }
    return count == WORDS && span_is(words[0], "cairn-audit-head") &&
           span_is(words[1], "1") && read_place(&words[2], "front", &head->front) &&
           read_place(&words[5], "signer", &head->signer) &&
           clock_read(words[8], &head->time) && is_spelled(head, text);
}

enum err audit_head_sign(const struct key *key, const char *text, char *signature,
                         struct err_info *why)
{
    uint8_t octets[KEY_SIGNATURE_MAX];
    size_t len = 0;

    TRY(key_sign(key, KEY_SIGNATURE_EDDSA, span_of(text), octets, &len, why));
    text_hex(signature, octets, len);
    return ERR_OK;
}

bool audit_head_verify(const struct key *key, const char *text, const char *signature)
{
    uint8_t octets[KEY_SIGNATURE_MAX];
    size_t len = 0;

    return text_unhex(span_of(signature), octets, sizeof octets, &len) &&
           key_verify(key, KEY_SIGNATURE_EDDSA, span_of(text), span_make(octets, len),
                      NULL) == ERR_OK;
}

void audit_head_key_write(struct buf *b, const struct key *key)
{
    pem_add(b, "PUBLIC KEY", key_spki(key));
}

enum err audit_head_key_read(struct arena *a, struct span pem, struct key **key,
                             struct err_info *why)
{
    static const struct pem_kind kind = {"PUBLIC KEY", "public key"};
    struct span der = {0};
    size_t count = 0;

    TRY(pem_read(a, pem, &kind, &der, 1, &count, why));
    TRY(key_from_spki(der, key, why));
    if (key_type(*key) == KEY_ED25519)
        return ERR_OK;
    key_free(*key);
    return err_set(why, ERR_BAD_PUBLIC_KEY, "the key is no Ed25519 key");
}
