/* What web servers say and what is written for them: nginx's configuration to its end,
 * Apache httpd's lists, and pieces that go in and out of any text. */
#include <stdint.h>
#include <stdlib.h>

#include "client/solve/apache_vhosts.h"
#include "client/solve/nginx_config_words.h"
#include "client/solve/web_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_words(struct arena *a, struct span text)
{
    struct nginx_text t = {.path = "f", .text = text};
    struct err_info why = {0};
    struct nginx_words w;

    for (;;) {
        size_t before = t.at;
        if (nginx_words_next(a, &t, &w, &why) != ERR_OK || w.end == NGINX_WORDS_FILE_ENDS)
            return;
        if (t.at <= before || t.at > text.len)
            abort();
        if (w.end == NGINX_WORDS_BLOCK && w.count == 1 &&
            nginx_words_skip_lua(&t, &why) != ERR_OK)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char id[] = "0123456789abcdef";
    AUTO(arena) struct arena *a = arena_new();
    const struct span text = span_make(data, size);
    const struct web_piece pieces[] = {{"f", size / 2, "x\n"},
                                       {"f", WEB_EDIT_AT_THE_END, "y\n"}};
    struct apache_vhosts v;

    read_words(a, text);
    apache_vhosts_read(a, text, &v);
    for (size_t i = 0; i < v.count; i++)
        (void)apache_vhosts_may_serve(&v, i, "a.test", 80);
    if (memmem(data, size, "# cairn", 7) == NULL &&
        !span_equal(web_edit_remove(a, web_edit_add(a, text, "f", id, pieces, 2), id),
                    text))
        abort();
    return 0;
}
