/* Digests of one length behind each other, sorted. */
#include "server/policy/policy_key_lists.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/crypto/key_weak.h"

#define FILE_MAX (512UL * 1024 * 1024) /* octets: seven million SHA-256 */

struct table {
    uint8_t *octets; /* owned */
    size_t width;    /* octets of one */
    size_t count;
    size_t room; /* there are so many places */
};

struct policy_key_lists {
    struct table debian;
    struct table compromised;
};

static int compare_fingerprints(const void *a, const void *b)
{
    return memcmp(a, b, KEY_WEAK_FINGERPRINT_SIZE);
}

static int compare_hashes(const void *a, const void *b)
{
    return memcmp(a, b, HASH_SHA256_SIZE);
}

static uint8_t *next_place(struct table *t)
{
    if (t->count == t->room) {
        t->room = t->room == 0 ? 1024 : 2 * t->room;
        t->octets = memory_resize(t->octets, t->room * t->width);
    }
    return t->octets + t->count * t->width;
}

static enum err read_line(struct table *t, const char *option, const char *path,
                          size_t number, struct span line, struct err_info *why)
{
    const uint8_t *remark = memchr(line.data, '#', line.len);
    size_t len = 0;

    if (remark != NULL)
        line.len = (size_t)(remark - line.data);
    line = text_trim(line);
    if (line.len == 0)
        return ERR_OK;
    if (!text_unhex(line, next_place(t), t->width, &len) || len != t->width)
        return err_set(why, ERR_CONFIG, "%s: %s:%zu: not %zu hexadecimal digits", option,
                       path, number, 2 * t->width);
    t->count++;
    return ERR_OK;
}

static enum err read_file(struct table *t, const char *option, const char *path,
                          struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span rest = {0};
    struct err_info unread = {0};
    size_t before = t->count;

    if (file_read(a, path, FILE_MAX, &rest, &unread) != ERR_OK)
        return err_set(why, ERR_CONFIG, "%s: %s", option, unread.detail);
    for (size_t number = 1; rest.len > 0; number++) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.data) : rest.len;
        TRY(read_line(t, option, path, number, span_slice(rest, 0, len), why));
        rest = span_slice(rest, end != NULL ? len + 1 : len, rest.len);
    }
    if (t->count == before)
        return err_set(why, ERR_CONFIG, "%s: %s names no key", option, path);
    return ERR_OK;
}

static enum err read_files(struct table *t, const struct settings *s, const char *option,
                           const struct config_list *files,
                           int (*compare)(const void *, const void *),
                           struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();

    for (size_t i = 0; i < files->count; i++)
        TRY(read_file(t, option, settings_path(a, s, files->items[i]), why));
    if (t->count > 0)
        qsort(t->octets, t->count, t->width, compare);
    return ERR_OK;
}

void policy_key_lists_free(struct policy_key_lists *lists)
{
    if (lists == NULL)
        return;
    free(lists->debian.octets);
    free(lists->compromised.octets);
    free(lists);
}

void policy_key_lists_drop(void *lists)
{
    policy_key_lists_free(lists);
}

enum err policy_key_lists_load(const struct settings *settings,
                               struct policy_key_lists **lists, struct err_info *why)
{
    const struct settings *s = settings;
    struct policy_key_lists *made = memory_get_zeroed(1, sizeof *made);

    made->debian.width = KEY_WEAK_FINGERPRINT_SIZE;
    made->compromised.width = HASH_SHA256_SIZE;
    enum err result = read_files(&made->debian, s, "keys.debian_weak", &s->debian_weak,
                                 compare_fingerprints, why);
    if (result == ERR_OK)
        result = read_files(&made->compromised, s, "keys.compromised",
                            &s->compromised_keys, compare_hashes, why);
    if (result != ERR_OK) {
        policy_key_lists_free(made);
        return result;
    }
    *lists = made;
    return ERR_OK;
}

static bool has(const struct table *t, const uint8_t *digest,
                int (*compare)(const void *, const void *))
{
    return t->count > 0 &&
           bsearch(digest, t->octets, t->count, t->width, compare) != NULL;
}

const char *policy_key_lists_find(const struct policy_key_lists *lists,
                                  const struct key *key)
{
    uint8_t fingerprint[KEY_WEAK_FINGERPRINT_SIZE];
    uint8_t hash[HASH_SHA256_SIZE];

    if (lists == NULL)
        return NULL;
    if (lists->compromised.count > 0) {
        hash_sha256(key_spki(key), hash);
        if (has(&lists->compromised, hash, compare_hashes))
            return "is in a list of keys that are known to others";
    }
    if (lists->debian.count > 0 && key_weak_fingerprint(key, fingerprint) &&
        has(&lists->debian, fingerprint, compare_fingerprints))
        return "is one of those that Debian's OpenSSL made of too little chance "
               "(CVE-2008-0166)";
    return NULL;
}
