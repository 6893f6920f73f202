/* Files with an account's key. */
#include "client/store/account_key.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/secret.h"
#include "core/x509/pem.h"

#define DEVICE_LINE   "device: "
#define PIN_FILE_LINE "pin-file: "
#define PUBLIC_LABEL  "PUBLIC KEY"

/* The rest of the line that `text` begins with, if it begins so; `*text` is then what is
 * behind it. NULL if it does not. */
static const char *take_line(struct arena *a, struct span *text, const char *lead)
{
    size_t len = strlen(lead);

    if (text->len < len || memcmp(text->data, lead, len) != 0)
        return NULL;
    const uint8_t *end = memchr(text->data, '\n', text->len);
    size_t whole = end != NULL ? (size_t)(end - text->data) : text->len;
    const char *line = arena_string_of(a, span_slice(*text, len, whole - len));
    *text = span_slice(*text, whole + (end != NULL ? 1 : 0), text->len);
    return line;
}

static enum err read_place(struct arena *a, struct span text, struct key **key,
                           struct account_place *place, struct err_info *why)
{
    static const struct pem_kind kind = {PUBLIC_LABEL, "public key"};
    struct account_place read = {.device = take_line(a, &text, DEVICE_LINE)};
    struct span spki = {0};
    size_t count = 0;

    read.pin_file = take_line(a, &text, PIN_FILE_LINE);
    TRY(pem_read(a, text, &kind, &spki, 1, &count, why));
    TRY(key_from_spki(spki, key, why));
    read.text = arena_span(a, text);
    *place = read;
    return ERR_OK;
}

static bool is_place(struct span text)
{
    return text.len >= strlen(DEVICE_LINE) &&
           memcmp(text.data, DEVICE_LINE, strlen(DEVICE_LINE)) == 0;
}

enum err account_key_read(struct arena *a, const char *path, struct key **key,
                          struct account_place *place, struct err_info *why)
{
    struct span text;
    enum err result = ERR_OK;

    TRY(file_read(a, path, KEY_PEM_MAX, &text, why));
    *place = (struct account_place){0};
    if (is_place(text)) {
        result = read_place(a, text, key, place, why);
    } else {
        result = key_from_pem(text, NULL, key, why);
        memory_wipe((void *)(uintptr_t)text.data, text.len);
    }
    if (result != ERR_OK)
        return err_prefix(why, "%s", path);
    arena_own(a, *key, key_drop);
    return ERR_OK;
}

/* Nothing of a key is read for that. */
static bool begins_as_place(const char *path)
{
    char lead[sizeof DEVICE_LINE - 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return false;
    ssize_t got = read(fd, lead, sizeof lead);
    (void)close(fd);
    return got > 0 && is_place(span_make(lead, (size_t)got));
}

void account_key_find(struct arena *a, const char *path, struct account_place *place)
{
    struct err_info ignored = {0};
    struct span text;

    *place = (struct account_place){0};
    if (!begins_as_place(path) ||
        file_read(a, path, KEY_PEM_MAX, &text, &ignored) != ERR_OK)
        return;
    if (is_place(text)) {
        place->device = take_line(a, &text, DEVICE_LINE);
        place->pin_file = take_line(a, &text, PIN_FILE_LINE);
    } else {
        memory_wipe((void *)(uintptr_t)text.data, text.len);
    }
}

static enum err write_place(struct buf *b, const struct key *key,
                            const struct account_place *place, struct err_info *why)
{
    buf_printf(b, DEVICE_LINE "%s\n", place->device);
    if (place->pin_file != NULL)
        buf_printf(b, PIN_FILE_LINE "%s\n", place->pin_file);
    buf_add_span(b, place->text);
    pem_add(b, PUBLIC_LABEL, key_spki(key));
    return b->failed ? err_set(why, ERR_TOO_LARGE, "the device's key is too large")
                     : ERR_OK;
}

enum err account_key_write(const char *path, const struct key *key,
                           const struct account_place *place, struct err_info *why)
{
    AUTO(secret) struct secret pem = {0};
    AUTO(buf) struct buf text = buf_make(KEY_PEM_MAX);

    if (place != NULL && place->device != NULL) {
        TRY(write_place(&text, key, place, why));
        return file_replace(path, buf_span(&text), 0600, why);
    }
    TRY(key_to_pem(key, NULL, &pem, why));
    return file_replace(path, span_make(pem.data, pem.len), 0600, why);
}
