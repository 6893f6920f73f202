/* Names, canonical. */
#include "client/settings/settings_names.h"

#include <string.h>

#include "client/settings/name.h"
#include "core/acme/identifier_device.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/net/address.h"

#define DIGEST_OCTETS 8 /* at the end of a name that was cut */

/* A dot at the end says that the name is whole, which all are (RFC 1034 3.1). */
static const char *without_last_dot(struct arena *a, const char *text)
{
    size_t len = strlen(text);

    if (len < 2 || text[len - 1] != '.')
        return text;
    return arena_string_of(a, span_make(text, len - 1));
}

static enum err read_one(struct arena *a, const char *text, const char **name,
                         struct err_info *why)
{
    struct address address;
    struct identifier read;
    char canonical[ADDRESS_TEXT_SIZE];

    if (name_is_device(text)) {
        const struct identifier given = name_identifier(text);
        TRY(identifier_read_device(a, given.type, span_of(given.value), &read, why));
    } else if (address_parse(span_of(text), &address)) {
        address_text(&address, canonical);
        TRY(identifier_read_ip(a, canonical, &read, why));
    } else {
        text = without_last_dot(a, text);
        const char *ascii =
            identifier_is_ascii(text) ? NULL : identifier_to_ascii(a, text);
        TRY(identifier_read_dns(a, ascii != NULL ? ascii : text, &read, why));
    }
    *name = name_text(a, &read);
    return ERR_OK;
}

/* No domain has a number for its last label (RFC 1123 2.1). */
static bool ends_in_number(const char *text)
{
    const char *last = strrchr(text, '.');

    last = last == NULL ? text : last + 1;
    return last[0] != '\0' && strspn(last, "0123456789") == strlen(last);
}

/* What people write who come from a browser, or a client with commas between names; and
 * addresses that are none. */
static enum err refuse(struct arena *a, const char *text, struct err_info *why)
{
    struct address address;

    why->code = ERR_CONFIG;
    if (ends_in_number(without_last_dot(a, text)) && strpbrk(text, ",/[:") == NULL)
        return err_set(
            why, ERR_CONFIG,
            "\"%.200s\" is no name, as it ends in a number, and no address: an "
            "IPv4 address is four numbers, such as 192.0.2.1",
            text);
    if (strpbrk(text, ",/[:") == NULL || name_is_device(text) ||
        address_parse(span_of(text), &address))
        return ERR_CONFIG;
    return err_set(why, ERR_CONFIG,
                   "\"%.200s\" is not one name: write names and addresses alone, with "
                   "blanks between them",
                   text);
}

static bool has(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

enum err settings_names_read(struct arena *a, struct config_list *names,
                             struct err_info *why)
{
    const char **read = arena_array(a, names->count + 1, sizeof *read);
    size_t count = 0;

    for (size_t i = 0; i < names->count; i++) {
        const char *name = NULL;
        if (read_one(a, names->items[i], &name, why) != ERR_OK)
            return refuse(a, names->items[i], why);
        if (!has(read, count, name))
            read[count++] = name;
    }
    if (count > SETTINGS_NAMES_MAX)
        return err_set(why, ERR_CONFIG, "more than %d names in one certificate",
                       SETTINGS_NAMES_MAX);
    *names = (struct config_list){read, count};
    return ERR_OK;
}

/* Names that begin alike are not the same. */
static void cut(char *title, const char *whole)
{
    uint8_t digest[HASH_SHA256_SIZE];
    char *end = title + SETTINGS_CERTIFICATE_NAME_MAX - 2 * DIGEST_OCTETS;

    if (strlen(title) <= SETTINGS_CERTIFICATE_NAME_MAX)
        return;
    hash_sha256(span_of(whole), digest);
    text_hex(end, digest, DIGEST_OCTETS);
    end[-1] = '-';
}

const char *settings_names_title(struct arena *a, const struct config_list *names)
{
    if (names->count == 0)
        return "device";
    const struct identifier first = name_identifier(names->items[0]);
    char *title = arena_printf(
        a, "%s%s", first.type == IDENTIFIER_IP && first.value[0] == ':' ? "ip" : "",
        first.value);
    for (char *p = title; *p != '\0'; p++) {
        *p = *p == ':' ? '-' : *p == '*' ? '_' : *p;
        if (terms_is_device(first.type) && !settings_is_certificate_name_letter(*p))
            *p = '_';
    }
    if (title[0] == '.' || title[0] == '-') /* as an option does */
        title[0] = '_';
    cut(title, names->items[0]);
    return title;
}
