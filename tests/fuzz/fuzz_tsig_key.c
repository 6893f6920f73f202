/* A key file: what is read is small, printable, and reads the same as one line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/base64url.h"
#include "core/dns/tsig_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The other alphabet, padded. */
static void add_base64(struct buf *b, struct span s)
{
    size_t start = b->len;

    base64url_add(b, s);
    for (size_t i = start; i < b->len; i++) {
        if (b->data[i] == '-')
            b->data[i] = '+';
        else if (b->data[i] == '_')
            b->data[i] = '/';
    }
    while ((b->len - start) % 4 != 0)
        buf_add_text(b, "=");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(tsig_key) struct tsig_key key = {0};
    AUTO(tsig_key) struct tsig_key again = {0};
    AUTO(buf) struct buf line = buf_make(4096);
    struct err_info why = {0};

    if (tsig_key_read(span_make(data, size), &key, &why) != ERR_OK)
        return why.detail[0] == '\0' ? (abort(), 0) : 0;
    struct span secret = span_make(key.secret.data, key.secret.len);
    buf_printf(&line, "%s:%s:", tsig_key_algorithm(&key), key.name);
    add_base64(&line, secret);
    if (tsig_key_read(buf_span(&line), &again, &why) != ERR_OK ||
        strcmp(key.name, again.name) != 0 || key.hash != again.hash ||
        !span_equal(secret, span_make(again.secret.data, again.secret.len)))
        abort();
    return 0;
}
