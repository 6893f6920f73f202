/* cairn-ca device export: the inventory as a file that device import takes. */
#include <stdio.h>

#include "core/json/json_read.h"
#include "core/json/json_write.h"
#include "server/admin/admin_client.h"
#include "server/admin/admin_device_csv.h"
#include "server/admin/admin_request.h"
#include "server/command/command.h"

#define PAGE_MAX (4 * 1024 * 1024) /* octets of one page as it is printed */

/* In the order of the columns. */
static const char *const texts[] = {"identifier", "label", "eab"};
static const char *const keys[] = {"ek", "ak", "key"};
static const char *const ends[] = {"blocked", "reason"};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static void add_text(struct buf *b, const struct json *device, const char *name)
{
    const char *text = json_text(json_member(device, name));

    admin_device_csv_field(b, text != NULL ? text : "");
}

static void add_keys(struct buf *b, const struct json *device, const char *name)
{
    const struct json *list = json_member(device, name);

    for (size_t i = 0; i < json_count(list); i++) {
        buf_add_text(b, i > 0 ? " " : "");
        buf_add_text(b, json_text(json_element(list, i)));
    }
}

static void add_line(struct buf *b, const struct json *device)
{
    for (size_t i = 0; i < COUNT(texts); i++) {
        add_text(b, device, texts[i]);
        buf_add_octet(b, ',');
    }
    for (size_t i = 0; i < COUNT(keys); i++) {
        add_keys(b, device, keys[i]);
        buf_add_octet(b, ',');
    }
    for (size_t i = 0; i < COUNT(ends); i++) {
        buf_add_text(b, i > 0 ? "," : "");
        add_text(b, device, ends[i]);
    }
    buf_add_octet(b, '\n');
}

/* One page; `after` becomes where the next one begins, NULL behind the last. */
static enum err page(const struct command_line *line, struct admin_client *client,
                     const char **after, struct buf *b, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf request = buf_make(ADMIN_REQUEST_MAX);
    AUTO(buf) struct buf answer = buf_make(ADMIN_ANSWER_MAX + 1);
    struct json_writer w = json_writer_make(&request);
    const struct json *result = NULL;
    struct span ignored;

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "command", "device list");
    json_write_begin_object(&w, "arguments");
    if (*after != NULL)
        json_write_text(&w, "after", *after);
    json_write_end_object(&w);
    json_write_end_object(&w);
    TRY(admin_client_send(client, buf_span(&request), &answer, why));
    TRY(admin_request_answer(a, buf_span(&answer), &result, &ignored, why));
    const struct json *devices = json_member(result, "devices");
    for (size_t i = 0; i < json_count(devices); i++)
        add_line(b, json_element(devices, i));
    const char *next = json_text(json_member(result, "next_after"));
    *after = next != NULL ? arena_string(line->arena, next) : NULL;
    return b->failed
               ? err_set(why, ERR_TOO_LARGE, "a page is larger than %d octets", PAGE_MAX)
               : ERR_OK;
}

enum err command_device_export(const struct command_line *line, struct err_info *why)
{
    AUTO(admin_client) struct admin_client *client = NULL;
    const char *after = NULL;

    TRY(admin_client_open(line->arena, line->directory, &client, why));
    printf("identifier,label,eab,ek,ak,key,blocked,reason\n");
    do {
        AUTO(buf) struct buf b = buf_make(PAGE_MAX);
        TRY(page(line, client, &after, &b, why));
        if (fwrite(b.data, 1, b.len, stdout) != b.len)
            return err_set(why, ERR_IO, "standard output cannot be written");
    } while (after != NULL);
    return ERR_OK;
}
