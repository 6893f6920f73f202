/* Settings of other clients, as INI and as assignments; a value that is quoted for a
 * shell must read the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/adopt/adopt_pairs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(struct arena *a, const struct adopt_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const struct adopt_pair *pair = &pairs->items[i];
        struct adopt_pairs copy = {0};
        struct err_info why = {0};
        if (pair->value == NULL || strncmp(pair->value, "__ACME_BASE64__", 15) == 0)
            continue;
        const char *line =
            arena_printf(a, "%s=%s\n", pair->key, adopt_pairs_quote(a, pair->value));
        if (adopt_pairs_parse_shell(a, "again", span_of(line), NULL, &copy, &why) !=
                ERR_OK ||
            copy.count != 1 || strcmp(copy.items[0].key, pair->key) != 0 ||
            copy.items[0].value == NULL || strcmp(copy.items[0].value, pair->value) != 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct adopt_pairs pairs = {0};
    struct err_info why = {0};

    if (size > 4096)
        return 0;
    if (adopt_pairs_parse_ini(a, "f", span_make(data, size), &pairs, &why) == ERR_OK)
        (void)adopt_pairs_text(&pairs, "renewalparams", "server");
    if (adopt_pairs_parse_shell(a, "f", span_make(data, size), NULL, &pairs, &why) ==
        ERR_OK)
        again(a, &pairs);
    return 0;
}
