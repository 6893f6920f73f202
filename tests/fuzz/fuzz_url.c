/* A URL, alone and as a reference; what is written must read the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/http/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(struct arena *a, const struct url *u)
{
    struct err_info why = {0};
    struct url copy;
    char *text = url_text(a, u);

    if (url_parse(a, span_of(text), &copy, &why) != ERR_OK)
        abort();
    if (strcmp(text, url_text(a, &copy)) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    struct url base;
    struct url u;

    if (size > 1500)
        return 0; /* what is written may be longer than URL_MAX */
    if (url_parse(a, span_make(data, size), &u, &why) == ERR_OK)
        again(a, &u);
    if (url_parse(a, span_of("http://a/b/c/d;p?q"), &base, &why) == ERR_OK &&
        url_join(a, &base, span_make(data, size), &u, &why) == ERR_OK)
        again(a, &u);
    return 0;
}
