/* The passphrase of the CA's keys, from a file or a systemd credential. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/secret.h"
#include "server/settings/settings.h"

/* Read what files.passphrase names; one line end at the end is dropped. Empty if there is
 * none. ERR_CONFIG: it is not there, is empty, or others can read it. Free with
 * secret_free. */
MUST_CHECK enum err passphrase_read(struct arena *a, const struct settings *settings,
                                    struct secret *passphrase, struct err_info *why);

/* The same of a file's name, relative to `directory`, or credential:NAME; "" is none. */
MUST_CHECK enum err passphrase_read_from(struct arena *a, const char *directory,
                                         const char *source, struct secret *passphrase,
                                         struct err_info *why);
