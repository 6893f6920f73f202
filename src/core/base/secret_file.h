/* Files with secrets: for the eyes of their owner only, or credentials that systemd hands
 * over ("credential:NAME", systemd.exec(5), LoadCredential=). */
#pragma once

#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

/* Open it for reading; the caller closes `*fd`. `what` is the option that names it, and
 * begins the sentence of a failure. ERR_CONFIG: it is not there, no file, or can be read
 * by others; there is no such credential. */
MUST_CHECK enum err secret_file_open(const char *what, const char *path, int *fd,
                                     struct err_info *why);

/* Read it whole, at most `max` octets, with a NUL behind it that is not counted. The
 * caller wipes the content. ERR_CONFIG. */
MUST_CHECK enum err secret_file_read(struct arena *a, const char *what, const char *path,
                                     size_t max, struct span *content,
                                     struct err_info *why);
