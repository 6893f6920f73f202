/* The names of a certificate request, held against the order (RFC 8555 7.4). */
#include <string.h>

#include "core/acme/identifier_device.h"
#include "core/x509/csr.h"
#include "server/policy/policy.h"
#include "server/resource/resource.h"

#define LISTED_NAMES_MAX 320 /* octets of each list of names in a refusal */

/* The names of a request as identifiers. */
struct request_names {
    struct identifier *list;
    size_t count;
};

static void add_name(struct request_names *names, enum identifier_type type,
                     const char *value)
{
    names->list[names->count].type = type;
    names->list[names->count++].value = value;
}

static bool order_has(const struct store_order *order, const struct identifier *name)
{
    for (size_t i = 0; i < order->identifier_count; i++)
        if (order->identifiers[i].type == (int)name->type &&
            strcmp(order->identifiers[i].value, name->value) == 0)
            return true;
    return false;
}

static bool request_has(const struct request_names *names,
                        const struct store_identifier *identifier)
{
    for (size_t i = 0; i < names->count; i++)
        if ((int)names->list[i].type == identifier->type &&
            strcmp(names->list[i].value, identifier->value) == 0)
            return true;
    return false;
}

static bool is_device(const struct store_identifier *identifier)
{
    return terms_is_device((enum identifier_type)identifier->type);
}

/* Is that the identifier of one of the order's devices, octet for octet? */
static bool names_device(const struct store_order *order, const char *text)
{
    for (size_t i = 0; i < order->identifier_count; i++)
        if (is_device(&order->identifiers[i]) &&
            strcmp(order->identifiers[i].value, text) == 0)
            return true;
    return false;
}

static bool has_device(const struct store_order *order)
{
    for (size_t i = 0; i < order->identifier_count; i++)
        if (is_device(&order->identifiers[i]))
            return true;
    return false;
}

/* ---- the common name ---- */

/* It counts as a name. An address in it is no more than an echo of one in the
 * subjectAltName: clients do not look for addresses there (RFC 6125 6.4.4). */
static enum err add_common_name(const char *common_name, struct request_names *names,
                                struct err_info *why)
{
    struct address address;
    char text[ADDRESS_TEXT_SIZE];

    if (!address_parse(span_of(common_name), &address)) {
        add_name(names, IDENTIFIER_DNS, common_name);
        return ERR_OK;
    }
    address_text(&address, text);
    for (size_t i = 0; i < names->count; i++)
        if (names->list[i].type == IDENTIFIER_IP &&
            strcmp(names->list[i].value, text) == 0)
            return ERR_OK;
    return err_set(why, ERR_BAD_CSR,
                   "the common name \"%s\" is an address, which must be an iPAddress "
                   "of the subjectAltName as well",
                   common_name);
}

/* For devices it may be the identifier of one, or a name as always, unless the profile
 * passes it over. S-DA-12 */
static enum err read_common_name(const struct settings_profile *profile,
                                 const struct csr_checked *csr,
                                 const struct store_order *order,
                                 struct request_names *names, struct err_info *why)
{
    if (csr->common_name == NULL)
        return ERR_OK;
    if (!has_device(order))
        return add_common_name(csr->common_name, names, why);
    bool is_named = names_device(order, csr->common_name_sent);
    if (is_named && profile->device_privacy)
        return err_set(why, ERR_BAD_CSR,
                       "the common name is the identifier of the device, which the "
                       "profile \"%s\" keeps out of certificates",
                       profile->name);
    if (is_named || profile->device_subject_rule != SETTINGS_DEVICE_SUBJECT_CSR)
        return ERR_OK;
    return add_common_name(csr->common_name, names, why);
}

/* ---- all names ---- */

/* The value that stands for an otherName. S-DA-10 */
static enum err add_device(struct arena *a, const struct device_name *name,
                           struct request_names *names, struct err_info *why)
{
    struct identifier read = {0};

    if (identifier_device_of(a, name, &read, why) != ERR_OK) {
        why->code = ERR_BAD_CSR;
        return ERR_BAD_CSR;
    }
    add_name(names, read.type, read.value);
    return ERR_OK;
}

static enum err read_names(struct arena *a, const struct settings_profile *profile,
                           const struct csr_checked *csr, const struct store_order *order,
                           struct request_names *names, struct err_info *why)
{
    char text[ADDRESS_TEXT_SIZE];
    struct address address = {0};

    names->list =
        arena_array(a, csr->dns_name_count + csr->address_count + csr->device_count + 1,
                    sizeof *names->list);
    for (size_t i = 0; i < csr->dns_name_count; i++)
        add_name(names, IDENTIFIER_DNS, csr->dns_names[i]);
    for (size_t i = 0; i < csr->address_count; i++) {
        if (!address_from_octets(csr->addresses[i], &address))
            return err_set(why, ERR_BAD_CSR, "an iPAddress is malformed");
        address_text(&address, text);
        add_name(names, IDENTIFIER_IP, arena_string(a, text));
    }
    if (csr->device_count > 0 && profile->device_privacy)
        return err_set(why, ERR_BAD_CSR,
                       "the request names a device, and the profile \"%s\" keeps devices "
                       "out of certificates; leave it out",
                       profile->name);
    for (size_t i = 0; i < csr->device_count; i++)
        TRY(add_device(a, &csr->devices[i], names, why));
    return read_common_name(profile, csr, order, names, why);
}

/* ---- refusals ---- */

/* Names in a refusal: "a", "b" and 3 more. */
struct name_list {
    struct buf text;
    size_t more;
};

static void list_add(struct name_list *list, const char *name)
{
    size_t len = strnlen(name, IDENTIFIER_DEVICE_MAX);

    if (list->text.len > 0 && list->text.len + len > LISTED_NAMES_MAX)
        list->more++;
    else
        buf_printf(&list->text, "%s\"%.*s\"", list->text.len > 0 ? ", " : "", (int)len,
                   name);
}

static const char *list_text(struct arena *a, const struct name_list *list)
{
    struct span text = buf_span(&list->text);

    if (list->more == 0)
        return arena_string_of(a, text);
    return arena_printf(a, "%.*s and %zu more", (int)text.len, (const char *)text.data,
                        list->more);
}

static void list_free(struct name_list *list)
{
    buf_free(&list->text);
}

/* Which names the order has and the request has not, and the other way round. */
static enum err refuse_names(struct arena *a, const struct name_list *missing,
                             const struct name_list *extra, struct err_info *why)
{
    if (extra->text.len == 0)
        return err_set(why, ERR_BAD_CSR, "the request lacks %s of the order",
                       list_text(a, missing));
    if (missing->text.len == 0)
        return err_set(why, ERR_BAD_CSR, "the request has %s, which the order has not",
                       list_text(a, extra));
    return err_set(
        why, ERR_BAD_CSR,
        "the request has %s, which the order has not, and lacks %s of the order",
        list_text(a, extra), list_text(a, missing));
}

enum err resource_request_names(struct exchange *x, const struct csr_checked *csr,
                                const struct store_order *order, struct err_info *why)
{
    const struct settings_profile *profile = NULL;
    struct request_names names = {0};
    enum err result = ERR_OK;

    if (csr->has_other_names)
        return err_set(why, ERR_BAD_CSR,
                       "the request has names that are neither DNS names nor addresses "
                       "nor devices (e-mail, URI or other)");
    TRY(policy_profile_again(x->directory, order->profile, &profile, why));
    TRY(read_names(x->arena, profile, csr, order, &names, why));
    struct name_list missing = {.text = buf_make(2 * LISTED_NAMES_MAX)};
    struct name_list extra = {.text = buf_make(2 * LISTED_NAMES_MAX)};
    for (size_t i = 0; i < order->identifier_count; i++)
        if (!is_device(&order->identifiers[i]) && /* may be left out: S-DA-11 */
            !request_has(&names, &order->identifiers[i]))
            list_add(&missing, order->identifiers[i].value);
    for (size_t i = 0; i < names.count; i++)
        if (!order_has(order, &names.list[i]))
            list_add(&extra, names.list[i].value);
    if (missing.text.len > 0 || extra.text.len > 0)
        result = refuse_names(x->arena, &missing, &extra, why);
    list_free(&missing);
    list_free(&extra);
    return result;
}
