/* OpenSSL's thread-local error queue, turned into our errors at once so that nothing
 * stays behind for the next user of the thread (SSL_get_error looks at the same queue).
 */
#pragma once

#include "core/base/err.h"

/* Record `code` with the sentence made from `format`, followed by OpenSSL's reason if
 * there is one, and empty the queue. Returns `code`. */
enum err crypto_error_set(struct err_info *why, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
