/* OpenSSL's error queue, turned into our errors. */
#include "core/crypto/crypto_error.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>

enum err crypto_error_set(struct err_info *why, enum err code, const char *format, ...)
{
    char text[ERR_DETAIL_MAX];
    va_list arguments;
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ERR_clear_error();
    if (reason == NULL)
        return err_set(why, code, "%s", text);
    return err_set(why, code, "%s: %s", text, reason);
}
