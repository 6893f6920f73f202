/* cairn renew: whatever is due, each as it is wanted. */
#include <stdio.h>

#include "client/command/batch.h"

#define OUTPUT_MAX (16 * 1024 * 1024) /* octets */

enum err command_renew(const struct client_command *c, struct err_info *why)
{
    AUTO(buf) struct buf text = buf_make(OUTPUT_MAX);
    struct json_writer json = json_writer_make(&text);
    struct place place;
    struct batch b = {.c = c,
                      .place = &place,
                      .verb = "renewed",
                      .skips_left_over = c->arguments.count == 0,
                      .json = &json};
    size_t changed = 0;

    TRY(place_find(c, &place, why));
    TRY(place_stored(c, &place, &b.names, why));
    json_write_begin_array(&json, NULL);
    enum err result = batch_run(&b, &changed, why);
    json_write_end_array(&json);
    if (c->json && (result == ERR_OK || text.len > sizeof "[]")) {
        printf("%.*s\n", (int)text.len, (const char *)text.data);
        *c->printed = true;
    }
    *c->unchanged = changed == 0;
    return result;
}
