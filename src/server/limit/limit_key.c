/* Keys of buckets: made of addresses and identifiers, and read as people write them. */
#include "server/limit/limit_key.h"

#include <stdlib.h>
#include <string.h>

#include "core/acme/identifier_device.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "server/limit/limit_domain.h"

#define SHOWN_IDENTIFIERS 3
#define WILDCARD          "*."
#define IDENTIFIERS_MAX   1000 /* of a key that a person writes */

char *limit_key_network(struct arena *a, const struct address *peer, unsigned int v4,
                        unsigned int v6)
{
    struct address_network n = {.base = address_unmap(peer)};
    char text[ADDRESS_TEXT_SIZE];
    unsigned int all = n.base.family == ADDRESS_V4 ? 32 : 128;

    n.prefix = n.base.family == ADDRESS_V4 ? v4 : v6;
    n.base.port = 0;
    for (unsigned int bit = n.prefix; bit < all; bit++)
        n.base.octets[bit / 8] &= (uint8_t) ~(0x80U >> (bit % 8));
    if (n.prefix == all)
        address_text(&n.base, text);
    else
        address_network_text(&n, text);
    return arena_string(a, text);
}

/* Does it begin as the text of a device does? No name and no address does. */
static bool names_device(const char *text)
{
    enum identifier_type ignored;

    return identifier_device_value(text, &ignored) != text;
}

const char *limit_key_text(struct arena *a, const struct store_identifier *identifier)
{
    const struct identifier one = {(enum identifier_type)identifier->type,
                                   identifier->value};

    return identifier_text(a, &one);
}

char *limit_key_canonical(struct arena *a, const char *text)
{
    char *made = arena_string(a, text);

    if (!names_device(text))
        text_lower(made);
    return made;
}

const char *limit_key_domain(const struct limit *l, struct arena *a, const char *value)
{
    struct address address;

    if (names_device(value)) /* nobody else has it */
        return value;
    if (address_parse(span_of(value), &address))
        return limit_key_network(a, &address, 32, 64);
    return limit_domain_of(l, strncmp(value, WILDCARD, 2) == 0 ? value + 2 : value);
}

static int compare_texts(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The identifiers in an order of their own; types cannot be confused, their texts
 * differ. */
static const char **sorted(struct arena *a, const struct store_identifier *identifiers,
                           size_t count)
{
    const char **values = arena_array(a, count, sizeof *values);

    for (size_t i = 0; i < count; i++)
        values[i] = limit_key_text(a, &identifiers[i]);
    qsort(values, count, sizeof *values, compare_texts);
    return values;
}

void limit_key_hash(struct arena *a, const struct store_identifier *identifiers,
                    size_t count, uint8_t hash[STORE_HASH_SIZE])
{
    const char **values = sorted(a, identifiers, count);
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += strlen(values[i]) + 1;
    uint8_t *text = arena_get(a, size);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) { /* with their NULs between */
        size_t len = strlen(values[i]) + 1;
        memcpy(text + at, values[i], len);
        at += len;
    }
    hash_sha256(span_make(text, size), hash);
}

const char *limit_key_set(struct arena *a, const struct store_identifier *identifiers,
                          size_t count, const char **shown)
{
    const char **values = sorted(a, identifiers, count);
    uint8_t hash[STORE_HASH_SIZE];
    char *key = arena_get(a, 2 * STORE_HASH_SIZE + 1);
    const char *text = values[0];

    for (size_t i = 1; i < count && i < SHOWN_IDENTIFIERS; i++)
        text = arena_printf(a, "%s, %s", text, values[i]);
    if (count > SHOWN_IDENTIFIERS)
        text = arena_printf(a, "%s and %zu more", text, count - SHOWN_IDENTIFIERS);
    limit_key_hash(a, identifiers, count, hash);
    text_hex(key, hash, STORE_HASH_SIZE);
    *shown = text;
    return key;
}

/* ---- keys as people write them ---- */

static enum err address_key(struct arena *a, const char *text, unsigned int v4,
                            unsigned int v6, const char **key, struct err_info *why)
{
    struct address_network n;

    if (!address_network_parse(span_of(text), &n))
        return err_set(why, ERR_USAGE, "\"%.100s\" is no address and no network", text);
    *key = limit_key_network(a, &n.base, v4, v6);
    return ERR_OK;
}

static enum err account_key(const char *text, const char *rest, struct err_info *why)
{
    uint64_t number = 0;

    if (!text_number(span_make(text, (size_t)(rest - text)), INT64_MAX, &number) ||
        text[0] == '0')
        return err_set(why, ERR_USAGE,
                       "\"%.100s\" does not begin with the number of an account", text);
    return ERR_OK;
}

/* The next of several identifiers, taken from the front of the text; one of a device ends
 * at a comma only. NULL: there is none. */
static char *next_identifier(struct arena *a, char **text)
{
    char *word = *text + strspn(*text, ", ");
    size_t len = strcspn(word, names_device(word) ? "," : ", ");

    *text = word + len + (word[len] != '\0' ? 1 : 0);
    word[len] = '\0';
    return len == 0 ? NULL : limit_key_canonical(a, word);
}

static enum err set_key(struct arena *a, const char *text, const char **key,
                        struct err_info *why)
{
    struct store_identifier *identifiers =
        arena_array(a, IDENTIFIERS_MAX, sizeof *identifiers);
    const char *shown = NULL;
    size_t count = 0;
    char *rest = arena_string(a, text);

    for (char *word = next_identifier(a, &rest); word != NULL;
         word = next_identifier(a, &rest)) {
        if (count == IDENTIFIERS_MAX)
            return err_set(why, ERR_USAGE, "at most %d identifiers", IDENTIFIERS_MAX);
        identifiers[count++].value = word; /* a text is its own, whatever its type */
    }
    if (count == 0)
        return err_set(why, ERR_USAGE, "there are no identifiers");
    *key = limit_key_set(a, identifiers, count, &shown);
    return ERR_OK;
}

/* "17/www.example.test" */
static enum err account_identifier_key(struct arena *a, const char *text,
                                       const char **key, struct err_info *why)
{
    const char *slash = strchr(text, '/');

    if (slash == NULL || slash[1] == '\0')
        return err_set(why, ERR_USAGE,
                       "\"%.100s\" is not ACCOUNT/IDENTIFIER, such as "
                       "17/www.example.test",
                       text);
    *key = arena_printf(a, "%.*s/%s", (int)(slash - text), text,
                        limit_key_canonical(a, slash + 1));
    return account_key(text, slash, why);
}

enum err limit_key_read(const struct limit *l, struct arena *a, enum rate_kind kind,
                        const char *text, const char **key, struct err_info *why)
{
    char *lower = limit_key_canonical(a, text);

    switch (kind) {
    case RATE_NEW_ACCOUNTS_PER_ADDRESS:
    case RATE_REQUESTS_PER_ADDRESS:
    case RATE_ENROLLMENTS_PER_ADDRESS:
        return address_key(a, lower, 32, 64, key, why);
    case RATE_NEW_ACCOUNTS_PER_NETWORK:
        return address_key(a, lower, 24, 48, key, why);
    case RATE_CERTIFICATES_PER_DOMAIN:
    case RATE_VALIDATIONS_PER_DOMAIN:
        *key = limit_key_domain(l, a, lower);
        return ERR_OK;
    case RATE_CERTIFICATES_PER_SET:
        return set_key(a, text, key, why);
    case RATE_NEW_ORDERS_PER_EXTERNAL_KEY: /* as it is written */
        *key = arena_string(a, text);
        return ERR_OK;
    case RATE_NEW_ORDERS_PER_ACCOUNT:
        *key = lower;
        return account_key(text, text + strlen(text), why);
    default:
        return account_identifier_key(a, text, key, why);
    }
}
