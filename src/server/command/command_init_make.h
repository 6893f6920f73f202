/* Keys and certificates of a new CA: made, asked for, or brought along. */
#pragma once

#include "core/base/secret.h"
#include "server/command/command.h"
#include "server/settings/settings.h"

/* How a CA begins. */
enum command_init_way {
    COMMAND_INIT_NEW,     /* root and intermediate are made */
    COMMAND_INIT_BELOW,   /* the intermediate is made, by a root that is given */
    COMMAND_INIT_REQUEST, /* the intermediate's key is made, its certificate comes later
                           */
    COMMAND_INIT_IMPORT,  /* the intermediate is given */
};

struct command_init_made {
    enum command_init_way way;
    struct span root;             /* DER; empty: it comes later */
    struct span intermediate;     /* the same */
    struct span intermediate_pem; /* with what stands behind it, without the root */
    struct span request;          /* DER; empty: none */
    struct secret root_key_pem;   /* empty: not ours */
    struct secret key_pem;
    const char *root_key_text; /* what kind of key it is; NULL as root is empty */
    const char *key_text;
};

/* Do what the options ask for; the keys are encrypted if there is a passphrase. Free with
 * command_init_made_free. ERR_USAGE, ERR_CONFIG, ERR_CRYPTO. */
MUST_CHECK enum err command_init_make(const struct command_line *line,
                                      const struct settings *s,
                                      const struct secret *passphrase,
                                      struct command_init_made *made,
                                      struct err_info *why);

/* Wipe the keys. */
void command_init_made_free(struct command_init_made *made);

static inline void command_init_made_auto(struct command_init_made *made)
{
    command_init_made_free(made);
}
