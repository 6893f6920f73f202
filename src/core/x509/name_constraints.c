/* Name constraints: read, written, applied. */
#include "core/x509/name_constraints.h"

#include <string.h>

#include "core/base/text.h"

#define DEPTH             10 /* a directoryName holds a whole Name, which is not read */
#define DER_DNS           DER_CONTEXT(2)
#define DER_DIRECTORY     DER_CONTEXT_CONSTRUCTED(4)
#define DER_IP            DER_CONTEXT(7)
#define DER_PERMITTED     DER_CONTEXT_CONSTRUCTED(0)
#define DER_EXCLUDED      DER_CONTEXT_CONSTRUCTED(1)
#define V4_NETWORK_OCTETS 8
#define V6_NETWORK_OCTETS 32

#define OUTSIDE  "is outside what it may certify"
#define EXCLUDED "is excluded from what it may certify"

/* ---- reading ---- */

/* One bits first, then zero bits. */
static bool is_mask(struct span mask)
{
    bool over = false;

    for (size_t i = 0; i < mask.len * 8; i++) {
        bool bit = (mask.data[i / 8] & (0x80U >> i % 8)) != 0;
        if (bit && over)
            return false;
        over = over || !bit;
    }
    return true;
}

static bool is_network(struct span octets)
{
    return (octets.len == V4_NETWORK_OCTETS || octets.len == V6_NETWORK_OCTETS) &&
           is_mask(span_slice(octets, octets.len / 2, octets.len));
}

static bool is_dns(struct span name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] <= ' ' || name.data[i] >= 0x7f || name.data[i] == '*')
            return false;
    return true;
}

struct lists {
    struct span *dns;
    struct span *networks;
    struct span *directories;
    struct name_constraints_list *list;
    size_t count; /* of all */
};

static void add(struct der_reader *r, struct lists *to, uint8_t tag, struct span value)
{
    struct name_constraints_list *list = to->list;

    if (tag == DER_DNS && is_dns(value))
        to->dns[list->dns_count++] = value;
    else if (tag == DER_IP && is_network(value))
        to->networks[list->network_count++] = value;
    else if (tag == DER_DIRECTORY)
        to->directories[list->directory_count++] = value;
    else if (tag == DER_DNS || tag == DER_IP)
        der_read_fail(r, "a subtree is neither a DNS name nor a network");
}

static void read_subtrees(struct arena *a, struct der_reader *r, uint8_t tag,
                          struct name_constraints_list *list, bool *has_others)
{
    if (!der_read_enter_optional(r, tag))
        return;
    struct lists to = {arena_array(a, NAME_CONSTRAINTS_MAX, sizeof(struct span)),
                       arena_array(a, NAME_CONSTRAINTS_MAX, sizeof(struct span)),
                       arena_array(a, NAME_CONSTRAINTS_MAX, sizeof(struct span)), list,
                       0};
    if (!der_read_more(r))
        der_read_fail(r, "there are no subtrees");
    for (; der_read_more(r); to.count++) {
        uint8_t base = 0;
        der_read_enter(r, DER_SEQUENCE);
        struct span value = der_read_tlv(r, &base);
        if (der_read_more(r))
            der_read_fail(r, "a subtree has a minimum or a maximum");
        der_read_leave(r);
        if (to.count == NAME_CONSTRAINTS_MAX)
            der_read_fail(r, "there are too many subtrees");
        if (!der_read_ok(r))
            return;
        *has_others =
            *has_others || (base != DER_DNS && base != DER_IP && base != DER_DIRECTORY);
        add(r, &to, base, value);
    }
    der_read_leave(r);
    list->dns = to.dns;
    list->networks = to.networks;
    list->directories = to.directories;
}

enum err name_constraints_read(struct arena *a, struct span value,
                               struct name_constraints *constraints, struct err_info *why)
{
    struct der_reader r = der_read_start(value, DEPTH);
    struct name_constraints read = {0};

    der_read_enter(&r, DER_SEQUENCE);
    if (!der_read_more(&r))
        der_read_fail(&r, "there are neither permitted nor excluded subtrees");
    read_subtrees(a, &r, DER_PERMITTED, &read.permitted, &read.has_others);
    read_subtrees(a, &r, DER_EXCLUDED, &read.excluded, &read.has_others);
    der_read_leave(&r);
    TRY(der_read_finish(&r, ERR_MALFORMED, "the name constraints", why));
    *constraints = read;
    return ERR_OK;
}

static bool list_is_empty(const struct name_constraints_list *list)
{
    return list->dns_count + list->network_count + list->directory_count == 0;
}

bool name_constraints_is_empty(const struct name_constraints *constraints)
{
    return list_is_empty(&constraints->permitted) &&
           list_is_empty(&constraints->excluded) && !constraints->has_others;
}

/* ---- writing ---- */

static void write_base(struct der_writer *w, uint8_t tag, struct span value)
{
    size_t mark = der_write_mark(w);

    der_write_element(w, tag, value);
    der_write_wrap(w, DER_SEQUENCE, mark);
}

static void write_subtrees(struct der_writer *w, uint8_t tag,
                           const struct name_constraints_list *list)
{
    size_t mark = der_write_mark(w);

    if (list->dns_count + list->network_count == 0)
        return;
    for (size_t i = list->network_count; i > 0; i--)
        write_base(w, DER_IP, list->networks[i - 1]);
    for (size_t i = list->dns_count; i > 0; i--)
        write_base(w, DER_DNS, list->dns[i - 1]);
    der_write_wrap(w, tag, mark);
}

void name_constraints_write(struct der_writer *w,
                            const struct name_constraints *constraints)
{
    size_t mark = der_write_mark(w);

    write_subtrees(w, DER_EXCLUDED, &constraints->excluded);
    write_subtrees(w, DER_PERMITTED, &constraints->permitted);
    der_write_wrap(w, DER_SEQUENCE, mark);
}

/* ---- applying ---- */

/* The name itself and all below it; with a dot in front, as many write it, only those. */
static bool dns_within(struct span name, struct span subtree)
{
    if (subtree.len == 0)
        return true;
    if (name.len < subtree.len)
        return false;
    size_t before = name.len - subtree.len;
    return text_equal_ignoring_case(span_slice(name, before, name.len), subtree) &&
           (subtree.data[0] == '.' ? before > 0
                                   : before == 0 || name.data[before - 1] == '.');
}

static bool is_wildcard(struct span name)
{
    return name.len > 2 && name.data[0] == '*' && name.data[1] == '.';
}

/* "*.example.test" stands for "a.example.test", which may be excluded. */
static bool wildcard_covers(struct span name, struct span subtree)
{
    if (!is_wildcard(name) || subtree.len == 0)
        return false;
    if (subtree.data[0] == '.')
        subtree = span_slice(subtree, 1, subtree.len);
    const uint8_t *dot = memchr(subtree.data, '.', subtree.len);
    return dot != NULL &&
           text_equal_ignoring_case(
               span_slice(subtree, (size_t)(dot - subtree.data) + 1, subtree.len),
               span_slice(name, 2, name.len));
}

const char *name_constraints_refuse_dns(const struct name_constraints *constraints,
                                        struct span name)
{
    const struct name_constraints_list *permitted = &constraints->permitted;
    const struct name_constraints_list *excluded = &constraints->excluded;
    bool inside = permitted->dns_count == 0;

    for (size_t i = 0; i < permitted->dns_count; i++)
        inside = inside || dns_within(name, permitted->dns[i]);
    for (size_t i = 0; i < excluded->dns_count; i++)
        if (dns_within(name, excluded->dns[i]) || wildcard_covers(name, excluded->dns[i]))
            return EXCLUDED;
    return inside ? NULL : OUTSIDE;
}

static bool address_within(struct span address, struct span network)
{
    if (network.len != 2 * address.len)
        return false;
    for (size_t i = 0; i < address.len; i++) {
        uint8_t mask = network.data[address.len + i];
        if ((address.data[i] & mask) != (network.data[i] & mask))
            return false;
    }
    return true;
}

const char *name_constraints_refuse_address(const struct name_constraints *constraints,
                                            struct span octets)
{
    const struct name_constraints_list *permitted = &constraints->permitted;
    const struct name_constraints_list *excluded = &constraints->excluded;
    bool inside = permitted->network_count == 0;

    for (size_t i = 0; i < permitted->network_count; i++)
        inside = inside || address_within(octets, permitted->networks[i]);
    for (size_t i = 0; i < excluded->network_count; i++)
        if (address_within(octets, excluded->networks[i]))
            return EXCLUDED;
    return inside ? NULL : OUTSIDE;
}

/* The relative names of the one begin with those of the other (RFC 5280 4.2.1.10), octet
 * for octet: what is equal but for its spelling counts as different. */
static bool subject_within(struct span subject, struct span subtree)
{
    struct der_reader s = der_read_start(subject, 4);
    struct der_reader t = der_read_start(subtree, 4);
    struct span content = der_read_expect(&s, DER_SEQUENCE);
    struct span prefix = der_read_expect(&t, DER_SEQUENCE);

    return der_read_ok(&s) && der_read_ok(&t) && prefix.len <= content.len &&
           span_equal(span_slice(content, 0, prefix.len), prefix);
}

const char *name_constraints_refuse_subject(const struct name_constraints *constraints,
                                            struct span subject)
{
    const struct name_constraints_list *permitted = &constraints->permitted;
    const struct name_constraints_list *excluded = &constraints->excluded;
    bool inside = permitted->directory_count == 0;

    if (subject.len <= 2) /* an empty one names nobody */
        return NULL;
    for (size_t i = 0; i < permitted->directory_count; i++)
        inside = inside || subject_within(subject, permitted->directories[i]);
    for (size_t i = 0; i < excluded->directory_count; i++)
        if (subject_within(subject, excluded->directories[i]))
            return EXCLUDED;
    return inside ? NULL : OUTSIDE;
}
