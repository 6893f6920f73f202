/* The protocol's words, expanded from terms.def. */
#include "core/acme/terms.h"

#include <stddef.h>
#include <string.h>

static const char *const challenge_types[] = {
#define CHALLENGE_TYPE(name, wire, answers, draft) wire,
#include "core/acme/terms.def"
};

/* What a type can prove. */
enum {
    TERMS_NAME = 1,
    TERMS_WILDCARD = 2,
    TERMS_ADDRESS = 4,
    TERMS_DEVICE = 8,
};
static const unsigned int proves[] = {
#define CHALLENGE_TYPE(name, wire, answers, draft) answers,
#include "core/acme/terms.def"
};
static const bool are_drafts[] = {
#define CHALLENGE_TYPE(name, wire, answers, draft) draft,
#include "core/acme/terms.def"
};
static const char *const identifier_types[] = {
#define IDENTIFIER_TYPE(name, wire) wire,
#include "core/acme/terms.def"
};
static const char *const order_statuses[] = {
#define ORDER_STATUS(name, wire) wire,
#include "core/acme/terms.def"
};
static const char *const authz_statuses[] = {
#define AUTHZ_STATUS(name, wire) wire,
#include "core/acme/terms.def"
};
static const char *const challenge_statuses[] = {
#define CHALLENGE_STATUS(name, wire) wire,
#include "core/acme/terms.def"
};
static const char *const account_statuses[] = {
#define ACCOUNT_STATUS(name, wire) wire,
#include "core/acme/terms.def"
};

static int find(const char *const *words, int count, const char *text)
{
    for (int i = 0; text != NULL && i < count; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    return -1;
}

/* One pair of functions per word list: value to wire name, wire name to value. */
#define WORDS(what, type, words)                                                         \
    const char *terms_##what(enum type value)                                            \
    {                                                                                    \
        unsigned int index = (unsigned int)value;                                        \
        return index < sizeof words / sizeof words[0] ? words[index] : "unknown";        \
    }                                                                                    \
    bool terms_read_##what(const char *text, enum type *value)                           \
    {                                                                                    \
        int index = find(words, (int)(sizeof words / sizeof words[0]), text);            \
        if (index < 0)                                                                   \
            return false;                                                                \
        *value = (enum type)index;                                                       \
        return true;                                                                     \
    }

WORDS(challenge_type, challenge_type, challenge_types)
WORDS(identifier_type, identifier_type, identifier_types)
WORDS(order_status, order_status, order_statuses)
WORDS(authz_status, authz_status, authz_statuses)
WORDS(challenge_status, challenge_status, challenge_statuses)
WORDS(account_status, account_status, account_statuses)

bool terms_answers(enum challenge_type type, enum identifier_type identifier,
                   bool wildcard)
{
    unsigned int index = (unsigned int)type;

    if (index >= CHALLENGE_TYPE_COUNT)
        return false;
    switch (identifier) {
    case IDENTIFIER_DNS:
        return (proves[index] & (wildcard ? TERMS_WILDCARD : TERMS_NAME)) != 0;
    case IDENTIFIER_IP:
        return !wildcard && (proves[index] & TERMS_ADDRESS) != 0;
    default:
        return !wildcard && terms_is_device(identifier) &&
               (proves[index] & TERMS_DEVICE) != 0;
    }
}

bool terms_is_device(enum identifier_type type)
{
    return type == IDENTIFIER_PERMANENT_IDENTIFIER || type == IDENTIFIER_HARDWARE_MODULE;
}

bool terms_is_draft(enum challenge_type type)
{
    unsigned int index = (unsigned int)type;

    return index < CHALLENGE_TYPE_COUNT && are_drafts[index];
}
