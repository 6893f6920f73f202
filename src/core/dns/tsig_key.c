/* Reading key files. */
#include "core/dns/tsig_key.h"

#include <string.h>

#include "core/base/base64url.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/dns/dns_name.h"

#define EXPECTED                                                                         \
    "expected is one key: a line algorithm:name:secret, or "                             \
    "key \"name\" { algorithm hmac-sha256; secret \"...\"; };"

static const char *const algorithms[HASH_KIND_COUNT] = {
    [HASH_SHA1] = "hmac-sha1",     [HASH_SHA224] = "hmac-sha224",
    [HASH_SHA256] = "hmac-sha256", [HASH_SHA384] = "hmac-sha384",
    [HASH_SHA512] = "hmac-sha512",
};

const char *tsig_key_algorithm(const struct tsig_key *key)
{
    return algorithms[key->hash];
}

void tsig_key_free(struct tsig_key *key)
{
    secret_free(&key->secret);
}

static enum err read_algorithm(struct span text, enum hash_kind *hash,
                               struct err_info *why)
{
    if (text.len > 0 && text.data[text.len - 1] == '.')
        text.len--;
    for (int i = 0; i < HASH_KIND_COUNT; i++)
        if (text_equal_ignoring_case(text, span_of(algorithms[i]))) {
            *hash = (enum hash_kind)i;
            return ERR_OK;
        }
    return err_set(why, ERR_CONFIG,
                   "the key's algorithm is not known; there are hmac-sha1, hmac-sha224, "
                   "hmac-sha256, hmac-sha384 and hmac-sha512");
}

static enum err read_name(struct span text, struct tsig_key *key, struct err_info *why)
{
    if (!dns_name_read(text, key->name))
        return err_set(why, ERR_CONFIG, "the key's name is no name of DNS");
    return ERR_OK;
}

/* Base64, in a copy that is wiped, as is what the decoder made. */
static bool decode(struct span text, struct secret *secret)
{
    AUTO(arena) struct arena *a = arena_new();
    char copy[(TSIG_KEY_SECRET_MAX + 2) / 3 * 4];
    struct span octets = span_of("");

    if (text.len == 0 || text.len > sizeof copy)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.data[i];
        copy[i] = c;
        if (c == '-' || c == '_') /* the other alphabet; nobody writes keys in it */
            copy[i] = '!';
        else if (c == '+' || c == '/')
            copy[i] = c == '+' ? '-' : '_';
    }
    bool good = text.len % 4 == 0 &&
                base64url_decode_padded(a, span_make(copy, text.len), &octets) &&
                octets.len > 0 && octets.len <= TSIG_KEY_SECRET_MAX;
    if (good)
        *secret = secret_make(octets);
    memory_wipe(copy, sizeof copy);
    if (octets.len > 0)
        memory_wipe((void *)(uintptr_t)octets.data, octets.len);
    return good;
}

static enum err read_secret(struct span text, struct tsig_key *key, struct err_info *why)
{
    if (!decode(text, &key->secret))
        return err_set(why, ERR_CONFIG,
                       "the key's secret is not base64 of 1 to %d octets",
                       TSIG_KEY_SECRET_MAX);
    return ERR_OK;
}

/* ---- a line ---- */

static enum err read_line(struct span text, struct tsig_key *key, struct err_info *why)
{
    struct span parts[3];
    size_t count = 0;
    size_t start = 0;

    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.data[i] != ':')
            continue;
        if (count == 3)
            return err_set(why, ERR_CONFIG, EXPECTED);
        parts[count++] = span_slice(text, start, i - start);
        start = i + 1;
    }
    if (count < 2)
        return err_set(why, ERR_CONFIG, EXPECTED);
    key->hash = HASH_SHA256;
    if (count == 3)
        TRY(read_algorithm(parts[0], &key->hash, why));
    TRY(read_name(parts[count - 2], key, why));
    return read_secret(parts[count - 1], key, why);
}

/* ---- BIND's form ---- */

struct words {
    struct span text;
    size_t at;
};

/* Is there a comment of that beginning; if so, it is passed over up to its end. */
static bool skip_comment(struct words *w, const char *begin, const char *end)
{
    struct span rest = span_slice(w->text, w->at, w->text.len);
    size_t len = strlen(end);

    if (!span_is(span_slice(rest, 0, strlen(begin)), begin))
        return false;
    for (w->at += strlen(begin); w->at < w->text.len; w->at++)
        if (span_is(span_slice(w->text, w->at, len), end)) {
            w->at += len;
            break;
        }
    return true;
}

static void skip_space(struct words *w)
{
    for (;;) {
        while (w->at < w->text.len && strchr(" \t\r\n", w->text.data[w->at]) != NULL &&
               w->text.data[w->at] != '\0')
            w->at++;
        if (!skip_comment(w, "#", "\n") && !skip_comment(w, "//", "\n") &&
            !skip_comment(w, "/*", "*/"))
            return;
    }
}

/* The next word: one of { } ; or what stands between quotes, or up to white space or one
 * of these. Empty at the end. */
static struct span next_word(struct words *w)
{
    skip_space(w);
    size_t start = w->at;
    if (start == w->text.len)
        return span_of("");
    uint8_t first = w->text.data[w->at++];
    if (first == '"') {
        while (w->at < w->text.len && w->text.data[w->at] != '"')
            w->at++;
        if (w->at == w->text.len)
            return span_of("");
        w->at++;
        return span_slice(w->text, start + 1, w->at - start - 2);
    }
    if (first == '{' || first == '}' || first == ';')
        return span_slice(w->text, start, 1);
    while (w->at < w->text.len && strchr(" \t\r\n{};\"", w->text.data[w->at]) == NULL)
        w->at++;
    return span_slice(w->text, start, w->at - start);
}

static bool next_is(struct words *w, const char *word)
{
    return span_is(next_word(w), word);
}

static enum err read_members(struct words *w, struct tsig_key *key, struct err_info *why)
{
    bool has_algorithm = false;

    for (;;) {
        struct span word = next_word(w);
        if (span_is(word, "}"))
            break;
        struct span value = next_word(w);
        if (!next_is(w, ";"))
            return err_set(why, ERR_CONFIG, EXPECTED);
        if (span_is(word, "algorithm") && !has_algorithm)
            TRY(read_algorithm(value, &key->hash, why));
        else if (span_is(word, "secret") && key->secret.data == NULL)
            TRY(read_secret(value, key, why));
        else
            return err_set(why, ERR_CONFIG, EXPECTED);
        has_algorithm = has_algorithm || span_is(word, "algorithm");
    }
    if (!has_algorithm || key->secret.data == NULL || !next_is(w, ";"))
        return err_set(why, ERR_CONFIG, EXPECTED);
    return ERR_OK;
}

static enum err read_statement(struct words *w, struct tsig_key *key,
                               struct err_info *why)
{
    TRY(read_name(next_word(w), key, why));
    if (!next_is(w, "{"))
        return err_set(why, ERR_CONFIG, EXPECTED);
    TRY(read_members(w, key, why));
    skip_space(w);
    if (w->at != w->text.len)
        return err_set(why, ERR_CONFIG, EXPECTED);
    return ERR_OK;
}

enum err tsig_key_read(struct span text, struct tsig_key *key, struct err_info *why)
{
    struct words w = {.text = text};
    struct tsig_key read = {.hash = HASH_SHA256};

    enum err result = next_is(&w, "key") ? read_statement(&w, &read, why)
                                         : read_line(text_trim(text), &read, why);
    if (result != ERR_OK) {
        tsig_key_free(&read);
        return result;
    }
    *key = read;
    return ERR_OK;
}
