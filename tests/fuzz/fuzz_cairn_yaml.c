/* cairn.yaml: what is read is checked, or refused by a sentence that can be shown. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/settings/settings.h"
#include "core/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct settings *s = arena_get(a, sizeof *s);
    struct err_info why = {0};
    char copy[ERR_DETAIL_MAX];

    if (size > 4096)
        return 0;
    if (settings_defaults(a, s, &why) != ERR_OK)
        abort();
    if (settings_read(a, "f", span_make(data, size), s, &why) == ERR_OK) {
        for (size_t i = 0; i < s->certificates.count; i++) {
            struct wanted w = {0};
            settings_wanted(s, s->certificates.members[i], &w);
            if (w.ca_count == 0)
                abort();
        }
        return 0;
    }
    if (why.code != ERR_CONFIG || why.detail[0] == '\0' ||
        !text_copy(copy, sizeof copy, why.detail))
        abort();
    text_make_printable(copy);
    if (strcmp(copy, why.detail) != 0)
        abort();
    return 0;
}
