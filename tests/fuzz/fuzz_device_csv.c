/* A list of devices: what is read is within its bounds, and reads the same again when it
 * is written. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "server/admin/admin_device_csv.h"

#define NOW 1790000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct admin_device_line *line)
{
    const struct store_device *d = &line->device;

    if (d->key_count > STORE_DEVICE_KEYS_MAX || d->blocked > NOW ||
        strlen(d->label) > ADMIN_DEVICE_LABEL_MAX ||
        strlen(d->reason) > ADMIN_DEVICE_LABEL_MAX || line->number == 0 ||
        d->identifier.value[0] == '\0' ||
        (d->kid != NULL && strlen(d->kid) > ADMIN_DEVICE_KID_MAX))
        abort();
}

static void write_again(struct arena *a, const struct admin_device_line *line)
{
    AUTO(buf) struct buf b = buf_make(64 * 1024);
    struct admin_device_csv again;
    struct err_info why = {0};

    buf_add_text(&b, "type,identifier,label\n");
    buf_add_text(&b, line->device.identifier.type == 2 ? "permanent-identifier,"
                                                       : "hardware-module,");
    admin_device_csv_field(&b, line->device.identifier.value);
    buf_add_text(&b, ",");
    admin_device_csv_field(&b, line->device.label);
    buf_add_text(&b, "\n");
    if (admin_device_csv_read(a, buf_span(&b), NOW, &again, &why) != ERR_OK ||
        again.count != 1 || again.fault_count != 0 ||
        strcmp(again.lines[0].device.identifier.value, line->device.identifier.value) !=
            0 ||
        strcmp(again.lines[0].device.label, line->device.label) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct admin_device_csv csv;
    struct err_info why = {0};
    struct span text = span_make(data, size);

    if (!text_is_utf8(text) || (size > 0 && memchr(data, 0, size) != NULL))
        return 0; /* the program sends no such file */
    if (admin_device_csv_read(a, text, NOW, &csv, &why) != ERR_OK) {
        if (why.detail[0] == '\0')
            abort();
        return 0;
    }
    if (csv.count + csv.fault_count > ADMIN_DEVICE_CSV_MAX)
        abort();
    for (size_t i = 0; i < csv.fault_count; i++)
        if (csv.faults[i].problem[0] == '\0')
            abort();
    for (size_t i = 0; i < csv.count; i++) {
        check(&csv.lines[i]);
        if (i < 8)
            write_again(a, &csv.lines[i]);
    }
    return 0;
}
