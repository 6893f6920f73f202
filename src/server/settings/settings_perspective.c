/* Perspectives on other hosts: those of cairn-ca.yaml, and those that the command
 * `perspective add` keeps in a file of its own. */
#include "server/settings/settings_perspective.h"

#include <string.h>

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/net/address.h"

#define PIN_PREFIX "sha256:"

/* ---- the text ---- */

/* One text goes to every process, so the second file stands behind the first one and a
 * NUL, which YAML has nowhere. */
enum err settings_perspective_join(struct arena *a, const char *directory,
                                   struct span *text, struct err_info *why)
{
    const char *file = file_path(a, directory, SETTINGS_PERSPECTIVES_FILE);
    struct span more = {0};

    if (text->len > 0 && memchr(text->data, 0, text->len) != NULL)
        return err_set(why, ERR_CONFIG, "%s has a NUL, which is no text",
                       file_path(a, directory, SETTINGS_FILE));
    enum err result = file_read(a, file, CONFIG_FILE_MAX, &more, why);
    if (result == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(result);
    if (more.len > 0 && memchr(more.data, 0, more.len) != NULL)
        return err_set(why, ERR_CONFIG, "%s has a NUL, which is no text", file);
    uint8_t *joined = arena_get(a, text->len + 1 + more.len);
    if (text->len > 0)
        memcpy(joined, text->data, text->len);
    if (more.len > 0)
        memcpy(joined + text->len + 1, more.data, more.len);
    *text = span_make(joined, text->len + 1 + more.len);
    return ERR_OK;
}

void settings_perspective_split(struct span text, struct span *first, struct span *second)
{
    const uint8_t *nul = text.len > 0 ? memchr(text.data, 0, text.len) : NULL;
    size_t len = nul != NULL ? (size_t)(nul - text.data) : text.len;

    *first = span_slice(text, 0, len);
    *second = span_slice(text, len + 1, SIZE_MAX);
}

static struct config_table table_of_family(void)
{
    const struct config_table table = {
        .families = &settings_families[SETTINGS_FAMILY_PERSPECTIVES], .family_count = 1};

    return table;
}

enum err settings_perspective_read(struct arena *a, struct span text, struct settings *s,
                                   struct err_info *why)
{
    const struct config_table table = table_of_family();
    const char *file = file_path(a, s->directory, SETTINGS_PERSPECTIVES_FILE);
    struct settings *read = arena_get(a, sizeof *read);
    struct config_group *all = &s->perspectives;

    if (text_trim(text).len == 0)
        return ERR_OK;
    TRY(config_read(a, &table, file, text, read, why));
    void **members = arena_array(a, 2 * CONFIG_MEMBERS_MAX, sizeof *members);
    if (all->count > 0)
        memcpy(members, all->members, all->count * sizeof *members);
    for (size_t i = 0; i < read->perspectives.count; i++) {
        struct settings_perspective *p = read->perspectives.members[i];
        if (settings_perspective(s, p->name) != NULL)
            return err_set(why, ERR_CONFIG, "%s: perspectives.%s is in %s too", file,
                           p->name, SETTINGS_FILE);
        members[all->count + i] = p;
    }
    all->members = members;
    all->count += read->perspectives.count;
    return ERR_OK;
}

void settings_perspective_write(struct buf *b, const struct settings *s)
{
    const struct config_table table = table_of_family();

    buf_add_text(b, "# Perspectives on other hosts. Written by cairn-ca perspective add "
                    "and remove.\n");
    config_write(b, &table, s);
}

void settings_perspective_append(struct arena *a, struct settings *s,
                                 const struct settings_perspective *p)
{
    struct config_group *all = &s->perspectives;
    void **members = arena_array(a, all->count + 1, sizeof *members);

    if (all->count > 0)
        memcpy(members, all->members, all->count * sizeof *members);
    members[all->count++] = arena_copy(a, p, sizeof *p);
    all->members = members;
}

bool settings_perspective_drop(struct settings *s, const char *name)
{
    struct config_group *all = &s->perspectives;

    for (size_t i = 0; i < all->count; i++) {
        const struct settings_perspective *p = all->members[i];
        if (strcmp(p->name, name) != 0)
            continue;
        all->count--;
        memmove(all->members + i, all->members + i + 1,
                (all->count - i) * sizeof *all->members);
        return true;
    }
    return false;
}

/* ---- what it says ---- */

bool settings_perspective_pin(struct span text, uint8_t pin[SETTINGS_PIN_SIZE])
{
    size_t prefix = strlen(PIN_PREFIX);
    size_t len = 0;

    return span_is(span_slice(text, 0, prefix), PIN_PREFIX) &&
           text_unhex(span_slice(text, prefix, SIZE_MAX), pin, SETTINGS_PIN_SIZE, &len) &&
           len == SETTINGS_PIN_SIZE;
}

const char *settings_perspective_pin_text(struct arena *a, const uint8_t *pin)
{
    char hex[2 * SETTINGS_PIN_SIZE + 1];

    text_hex(hex, pin, SETTINGS_PIN_SIZE);
    return arena_printf(a, PIN_PREFIX "%s", hex);
}

enum err settings_perspective_pins(struct arena *a, const char *option,
                                   const struct config_list *keys,
                                   const uint8_t (**pins)[SETTINGS_PIN_SIZE],
                                   struct err_info *why)
{
    uint8_t(*read)[SETTINGS_PIN_SIZE] = arena_array(a, keys->count + 1, sizeof *read);

    if (keys->count == 0)
        return err_set(why, ERR_CONFIG,
                       "%s is missing: the key it must have, such as " PIN_PREFIX
                       "0123...ef",
                       option);
    if (keys->count > SETTINGS_PINS_MAX)
        return err_set(why, ERR_CONFIG, "%s: at most %d keys", option, SETTINGS_PINS_MAX);
    for (size_t i = 0; i < keys->count; i++)
        if (!settings_perspective_pin(span_of(keys->items[i]), read[i]))
            return err_set(why, ERR_CONFIG,
                           "%s: \"%.100s\" is not " PIN_PREFIX
                           " and 64 hexadecimal digits",
                           option, keys->items[i]);
    *pins = (const uint8_t(*)[SETTINGS_PIN_SIZE])read;
    return ERR_OK;
}

static bool is_host_name(const char *host)
{
    size_t len = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "0123456789-._");

    return len > 0 && len < SETTINGS_HOST_SIZE && host[len] == '\0' && host[0] != '-' &&
           host[0] != '.';
}

/* HOST:PORT, where HOST may be in brackets. */
static bool read_address(struct arena *a, const char *text, const char **host,
                         uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    struct address address;
    char shown[ADDRESS_TEXT_SIZE];
    uint64_t number = 0;

    if (address_parse_with_port(span_of(text), 0, &address)) {
        address_text(&address, shown);
        *host = arena_string(a, shown);
        *port = address.port;
        return address.port != 0;
    }
    if (colon == NULL || !text_number(span_of(colon + 1), UINT16_MAX, &number))
        return false;
    *host = arena_string_of(a, span_make(text, (size_t)(colon - text)));
    *port = (uint16_t)number;
    return number != 0 && is_host_name(*host);
}

bool settings_perspective_region_is_known(const char *region)
{
    static const char *const known[] = {"arin", "ripe", "apnic", "lacnic", "afrinic"};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(region, known[i]) == 0)
            return true;
    return false;
}

static bool is_word(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return len > 0 && len <= CONFIG_NAME_MAX && text[len] == '\0' && text[0] != '-' &&
           text[len - 1] != '-';
}

enum err settings_perspective_check_region(const char *region, struct err_info *why)
{
    if (!is_word(region))
        return err_set(why, ERR_CONFIG,
                       "region: \"%.100s\" must be 1 to %d of a-z, 0-9 and hyphens, such "
                       "as ripe",
                       region, CONFIG_NAME_MAX);
    return ERR_OK;
}

enum err settings_perspective_check_name(const char *name, struct err_info *why)
{
    if (!is_word(name))
        return err_set(why, ERR_CONFIG,
                       "\"%.100s\" is no name: use 1 to %d of a-z, 0-9 and hyphens", name,
                       CONFIG_NAME_MAX);
    return ERR_OK;
}

enum err settings_perspective_check_one(struct arena *a, struct settings_perspective *p,
                                        struct err_info *why)
{
    TRY(settings_perspective_check_name(p->name, why));
    TRY(settings_perspective_check_region(p->region, why));
    if (!read_address(a, p->address, &p->host, &p->port))
        return err_set(why, ERR_CONFIG,
                       "address: \"%.100s\" is not HOST:PORT, such as "
                       "fra.example.net:8443",
                       p->address);
    TRY(settings_perspective_pins(a, "key", &p->keys, &p->pins, why));
    p->pin_count = p->keys.count;
    return ERR_OK;
}

static bool share_a_key(const struct settings_perspective *p,
                        const struct settings_perspective *q)
{
    for (size_t i = 0; i < p->pin_count; i++)
        for (size_t j = 0; j < q->pin_count; j++)
            if (memcmp(p->pins[i], q->pins[j], SETTINGS_PIN_SIZE) == 0)
                return true;
    return false;
}

/* One host under two names would be counted twice. */
static enum err check_distinct(const struct settings *s, size_t last,
                               struct err_info *why)
{
    const struct settings_perspective *p = s->perspectives.members[last];

    for (size_t i = 0; i < last; i++) {
        const struct settings_perspective *other = s->perspectives.members[i];
        if (share_a_key(p, other))
            return err_set(why, ERR_CONFIG,
                           "key: that of \"%s\", too; each perspective has a key of "
                           "its own, as it would be counted twice",
                           other->name);
    }
    return ERR_OK;
}

enum err settings_perspective_check(struct arena *a, struct settings *s,
                                    struct err_info *why)
{
    if (s->perspectives.count > SETTINGS_PERSPECTIVES_MAX)
        return err_set(why, ERR_CONFIG, "perspectives: at most %d",
                       SETTINGS_PERSPECTIVES_MAX);
    for (size_t i = 0; i < s->perspectives.count; i++) {
        struct settings_perspective *p = s->perspectives.members[i];
        if (settings_perspective_check_one(a, p, why) != ERR_OK ||
            check_distinct(s, i, why) != ERR_OK)
            return err_prefix(why, "perspectives.%s", p->name);
    }
    return ERR_OK;
}
