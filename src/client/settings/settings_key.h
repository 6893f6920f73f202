/* Types of keys by the names they have in settings (key_types.def). */
#pragma once

#include <stdbool.h>

#include "core/crypto/key.h"

struct settings_key {
    const char *name; /* "rsa2048" */
    enum key_type type;
    int bits;         /* 0: the type says it */
    const char *text; /* "RSA 2048" */
    bool for_accounts;
};

/* The type of that name, NULL if there is none. */
const struct settings_key *settings_key_find(const char *name);

/* ERR_CONFIG unless it is one, and this OpenSSL has it. */
MUST_CHECK enum err settings_key_check(const char *name, struct err_info *why);
