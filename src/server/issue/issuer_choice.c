/* Which issuer signs. */
#include "server/issue/issuer_choice.h"

#include "server/settings/settings_issuers.h"

static enum settings_key_class class_of(enum key_type type)
{
    switch (type) {
    case KEY_RSA:
        return SETTINGS_KEYS_RSA;
    case KEY_ED25519:
        return SETTINGS_KEYS_ED25519;
    case KEY_MLDSA44:
    case KEY_MLDSA65:
    case KEY_MLDSA87:
        return SETTINGS_KEYS_MLDSA;
    default:
        return SETTINGS_KEYS_ECDSA;
    }
}

const struct issuer *issuer_choice_for_key(const struct issuer_set *set,
                                           const struct settings_directory *directory,
                                           const struct settings_profile *profile,
                                           enum key_type type)
{
    return issuer_set_find(set,
                           settings_issuers_name(directory, profile, class_of(type)));
}

static void add(struct issuer_choice *choice, const struct issuer *issuer)
{
    for (size_t i = 0; i < choice->count; i++)
        if (choice->list[i] == issuer)
            return;
    choice->list[choice->count++] = issuer;
    if (choice->count == 1 || issuer->template.not_before > choice->not_before)
        choice->not_before = issuer->template.not_before;
    if (choice->count == 1 || issuer->template.not_after < choice->not_after)
        choice->not_after = issuer->template.not_after;
}

bool issuer_choice_make(const struct issuer_set *set,
                        const struct settings_directory *directory,
                        const struct settings_profile *profile,
                        struct issuer_choice *choice)
{
    *choice = (struct issuer_choice){0};
    for (int class = 0; class < SETTINGS_KEY_CLASSES; class ++) {
        const struct issuer *issuer =
            issuer_set_find(set, settings_issuers_name(directory, profile,
                                                       (enum settings_key_class) class));
        if (issuer == NULL)
            return false;
        add(choice, issuer);
    }
    return true;
}
