/* Requests of others. */
#include "client/work/issuing_csr.h"

#include <string.h>

#include "client/settings/name.h"
#include "client/settings/settings_key.h"
#include "client/settings/settings_names.h"
#include "core/base/file.h"
#include "core/net/address.h"

static enum err read_der(struct arena *a, const char *path, struct span *der,
                         struct err_info *why)
{
    struct span text;

    TRY(file_read(a, path, 2 * CSR_MAX, &text, why));
    if (text.len == 0 || text.data[0] != 0x30) /* a SEQUENCE: DER */
        return csr_from_pem(a, text, der, why);
    *der = text;
    return ERR_OK;
}

static enum err read_file(struct arena *a, const char *path,
                          const struct csr_checked **csr, struct err_info *why)
{
    struct span der;

    TRY(read_der(a, path, &der, why));
    return csr_read(a, der, csr, why);
}

const char *issuing_csr_digest(struct arena *a, const char *path)
{
    struct err_info ignored = {0};
    struct span der;

    if (path[0] == '\0')
        return "";
    return read_der(a, path, &der, &ignored) == ERR_OK ? certificate_asked_digest(a, der)
                                                       : NULL;
}

static bool has(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        const struct identifier one = name_identifier(names[i]);
        const struct identifier other = name_identifier(name);
        if (name_equal(&one, &other))
            return true;
    }
    return false;
}

/* Names of the subjectAltName, and a common name that is not among them, which CAs take
 * for a name as well (RFC 8555 7.4). */
static enum err read_names(struct arena *a, const struct csr_checked *csr,
                           const char *const **names, size_t *count, struct err_info *why)
{
    const char **list =
        arena_array(a, csr->dns_name_count + csr->address_count + 1, sizeof *list);
    size_t used = 0;

    for (size_t n = 0; n < csr->dns_name_count; n++)
        list[used++] = csr->dns_names[n];
    for (size_t n = 0; n < csr->address_count; n++) {
        char *text = arena_get(a, ADDRESS_TEXT_SIZE);
        struct address address;
        if (!address_from_octets(csr->addresses[n], &address))
            return err_set(why, ERR_CONFIG, "it has an address that is none");
        address_text(&address, text);
        list[used++] = text;
    }
    if (csr->common_name != NULL && !has(list, used, csr->common_name))
        list[used++] = csr->common_name;
    if (used == 0 || used > SETTINGS_NAMES_MAX || csr->device_count > 0 ||
        csr->has_other_names)
        return err_set(why, ERR_CONFIG,
                       "it must be for 1 to %d DNS names or addresses, and nothing else",
                       SETTINGS_NAMES_MAX);
    *names = list;
    *count = used;
    return ERR_OK;
}

static const char *type_of(const struct key *key)
{
    static const char *const names[] = {"p256",    "p384",    "rsa2048",
                                        "rsa3072", "rsa4096", "ed25519",
                                        "mldsa44", "mldsa65", "mldsa87"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct settings_key *found = settings_key_find(names[i]);
        if (found != NULL && found->type == key_type(key) &&
            (found->bits == 0 || found->bits == key_bits(key)))
            return found->name;
    }
    return "other";
}

/* Both, and whether they are what the settings say. */
static enum err read_both(struct arena *a, const struct settings_certificate *c,
                          const struct csr_checked **csr, struct config_list *names,
                          struct err_info *why)
{
    enum err result = read_file(a, c->csr, csr, why);

    if (result == ERR_OK)
        result = read_names(a, *csr, &names->items, &names->count, why);
    for (size_t n = 0; result == ERR_OK && n < c->names.count; n++)
        if (c->names.count != names->count ||
            !has(names->items, names->count, c->names.items[n]))
            result = err_set(why, ERR_CONFIG, "its names are not those of names");
    if (result == ERR_OK)
        return ERR_OK;
    why->code = ERR_CONFIG;
    if (strstr(why->detail, c->csr) != NULL)
        return ERR_CONFIG; /* who could not read it says so */
    return err_prefix(why, "%s", c->csr);
}

enum err issuing_csr_read(struct arena *a, struct issuing *i,
                          const struct csr_checked **csr, const char **key_type,
                          struct err_info *why)
{
    struct config_list names = {0};

    if (read_both(a, i->wanted->certificate, csr, &names, why) != ERR_OK)
        return err_prefix(why, "csr");
    i->names = names.items;
    i->name_count = names.count;
    *key_type = type_of((*csr)->key);
    return ERR_OK;
}

enum err issuing_csr_names(struct arena *a, const char *path, struct config_list *names,
                           struct err_info *why)
{
    const struct settings_certificate c = {.csr = path};
    const struct csr_checked *csr = NULL;

    TRY(read_both(a, &c, &csr, names, why));
    if (settings_names_read(a, names, why) == ERR_OK)
        return ERR_OK;
    why->code = ERR_CONFIG;
    return err_prefix(why, "%s", path);
}

enum err issuing_csr_check(struct arena *a, const struct settings_certificate *c,
                           struct err_info *why)
{
    const struct csr_checked *csr = NULL;
    struct config_list names = {0};

    if (c->csr[0] == '\0' || read_both(a, c, &csr, &names, why) == ERR_OK)
        return ERR_OK;
    return err_prefix(why, "csr");
}
