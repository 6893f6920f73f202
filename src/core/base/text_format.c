/* Requests are answered with dozens of short texts, each of some strings and numbers. */
#include "core/base/text_format.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

struct output {
    char *to;
    size_t room;
    size_t len; /* of all, also of what has no room */
};

static void put(struct output *o, const char *text, size_t len)
{
    if (o->len < o->room)
        memcpy(o->to + o->len, text, len < o->room - o->len ? len : o->room - o->len);
    o->len += len;
}

static void put_number(struct output *o, uint64_t number)
{
    char digits[TEXT_DIGITS_MAX];
    const char *first = text_digits(digits, number);

    put(o, first, (size_t)(digits + sizeof digits - first));
}

static void put_signed(struct output *o, int64_t number)
{
    if (number < 0)
        put(o, "-", 1);
    put_number(o, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

static bool put_text(struct output *o, const char *text, int most)
{
    if (text == NULL)
        return false;
    put(o, text, most < 0 ? strlen(text) : strnlen(text, (size_t)most));
    return true;
}

/* The length of an integer's argument, behind which `format` is put. */
enum size { SIZE_INT, SIZE_LONG, SIZE_LONG_LONG, SIZE_SIZE };

static enum size read_size(const char **format)
{
    if (**format == 'z') {
        (*format)++;
        return SIZE_SIZE;
    }
    if (**format != 'l')
        return SIZE_INT;
    (*format)++;
    if (**format != 'l')
        return SIZE_LONG;
    (*format)++;
    return SIZE_LONG_LONG;
}

/* One directive, `format` behind its percent sign; false if it is not plain. */
static bool put_one(struct output *o, const char **format, va_list *arguments)
{
    const char *f = *format;
    int most = -1;
    char c;

    if (f[0] == '.' && f[1] == '*' && f[2] == 's') {
        most = va_arg(*arguments, int);
        f += 2;
    }
    enum size size = read_size(&f);
    *format = f + 1;
    switch (size == SIZE_INT ? *f : *f == 'd' || *f == 'u' ? *f : '?') {
    case 's':
        return put_text(o, va_arg(*arguments, const char *), most);
    case 'c':
        c = (char)va_arg(*arguments, int);
        put(o, &c, 1);
        return true;
    case '%':
        put(o, "%", 1);
        return true;
    case 'd':
        if (size == SIZE_SIZE)
            return false;
        put_signed(o, size == SIZE_INT    ? va_arg(*arguments, int)
                      : size == SIZE_LONG ? va_arg(*arguments, long)
                                          : va_arg(*arguments, long long));
        return true;
    case 'u':
        put_number(o, size == SIZE_INT         ? va_arg(*arguments, unsigned int)
                      : size == SIZE_LONG      ? va_arg(*arguments, unsigned long)
                      : size == SIZE_LONG_LONG ? va_arg(*arguments, unsigned long long)
                                               : va_arg(*arguments, size_t));
        return true;
    default:
        return false;
    }
}

static bool put_all(struct output *o, const char *format, va_list *arguments)
{
    const char *percent;

    while ((percent = strchr(format, '%')) != NULL) {
        put(o, format, (size_t)(percent - format));
        format = percent + 1;
        if (!put_one(o, &format, arguments))
            return false;
    }
    put(o, format, strlen(format));
    return true;
}

int text_format(char *to, size_t room, const char *format, va_list arguments)
{
    struct output o = {.to = to, .room = room};
    va_list again;

    va_copy(again, arguments);
    bool plain = put_all(&o, format, &again) && o.len <= INT_MAX;
    va_end(again);
    if (!plain)
        return vsnprintf(to, room, format, arguments);
    if (room > 0)
        to[o.len < room ? o.len : room - 1] = '\0';
    return (int)o.len;
}
