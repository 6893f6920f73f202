/* Walking over messages. */
#include "core/dns/dns_cursor.h"

#include <string.h>

unsigned int dns_cursor_take16(struct dns_cursor *c)
{
    if (c->bad || c->message.len - c->at < 2) {
        c->bad = true;
        return 0;
    }
    unsigned int value =
        (unsigned int)c->message.data[c->at] << 8 | c->message.data[c->at + 1];
    c->at += 2;
    return value;
}

void dns_cursor_skip(struct dns_cursor *c, size_t octets)
{
    if (c->bad || c->message.len - c->at < octets)
        c->bad = true;
    else
        c->at += octets;
}

void dns_cursor_skip_name(struct dns_cursor *c)
{
    while (!c->bad) {
        if (c->at >= c->message.len) {
            c->bad = true;
            return;
        }
        uint8_t len = c->message.data[c->at];
        if ((len & 0xc0) == 0xc0) {
            dns_cursor_skip(c, 2);
            return;
        }
        if ((len & 0xc0) != 0) {
            c->bad = true;
            return;
        }
        dns_cursor_skip(c, (size_t)len + 1);
        if (len == 0)
            return;
    }
}

bool dns_cursor_name(struct span message, size_t at, char *to)
{
    char name[DNS_NAME_MAX + 2]; /* a dot behind each label */
    size_t used = 0;

    for (;;) {
        struct span rest = span_slice(message, at, message.len);
        size_t len = rest.len > 0 ? rest.data[0] : 0;
        if (len == 0)
            break;
        if ((len & 0xc0) == 0xc0) {
            size_t back = rest.len > 1 ? (len & 0x3f) << 8 | rest.data[1] : message.len;
            if (back >= at)
                return false;
            at = back;
            continue;
        }
        if ((len & 0xc0) != 0 || len >= rest.len || used + len + 1 >= sizeof name)
            return false;
        for (size_t i = 1; i <= len; i++)
            name[used++] = rest.data[i] != '\0' ? (char)rest.data[i] : '?';
        name[used++] = '.';
        at += len + 1;
    }
    if (used == 0)
        return false;
    memcpy(to, name, used - 1);
    to[used - 1] = '\0';
    return true;
}
