/* Identifiers: what a certificate is for. */
#include "core/acme/identifier.h"

#include <idn2.h>
#include <string.h>

#include "core/base/text.h"

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* An A-label must lead to a U-label that may be registered, and back (RFC 5891 4 and 5.4;
 * a look-up alone would let contextual rules pass). */
static bool is_a_label(const char *label)
{
    char *unicode = NULL;
    uint8_t *again = NULL;
    int result = idn2_to_unicode_8z8z(label, &unicode, IDN2_NONTRANSITIONAL);

    if (result == IDN2_OK)
        result =
            idn2_register_u8((const uint8_t *)unicode, (const uint8_t *)label, &again, 0);
    bool same = result == IDN2_OK && strcmp((const char *)again, label) == 0;
    idn2_free(unicode);
    idn2_free(again);
    return same;
}

/* One label of a lower-cased name. */
static enum err check_label(const char *name, const char *label, size_t len,
                            struct err_info *why)
{
    if (len == 0)
        return err_set(why, ERR_MALFORMED, "the name \"%s\" has an empty label", name);
    if (len > IDENTIFIER_LABEL_MAX)
        return err_set(why, ERR_MALFORMED,
                       "the name \"%s\" has a label longer than %d octets", name,
                       IDENTIFIER_LABEL_MAX);
    for (size_t i = 0; i < len; i++)
        if (!is_letter_or_digit(label[i]) && label[i] != '-')
            return err_set(
                why, ERR_MALFORMED,
                "the name \"%s\" has the character '%c'; letters, digits and hyphens "
                "are allowed",
                name, label[i]);
    if (label[0] == '-' || label[len - 1] == '-')
        return err_set(why, ERR_MALFORMED,
                       "the name \"%s\" has a label that begins or ends with a hyphen",
                       name);
    if (len >= 4 && label[2] == '-' && label[3] == '-' && strncmp(label, "xn", 2) != 0)
        return err_set(
            why, ERR_REJECTED_IDENTIFIER,
            "the name \"%s\" has a label with hyphens in its third and fourth place "
            "that is no A-label",
            name);
    if (strncmp(label, "xn--", 4) == 0) {
        char copy[IDENTIFIER_LABEL_MAX + 1];
        memcpy(copy, label, len);
        copy[len] = '\0';
        if (!is_a_label(copy))
            return err_set(why, ERR_REJECTED_IDENTIFIER,
                           "the name \"%s\" has the A-label \"%s\", which is not valid "
                           "IDNA",
                           name, copy);
    }
    return ERR_OK;
}

bool identifier_is_ascii(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x80)
            return false;
    return true;
}

const char *identifier_to_ascii(struct arena *a, const char *text)
{
    bool wildcard = strncmp(text, "*.", 2) == 0;
    const char *result = NULL;
    char *ascii = NULL;

    if (idn2_to_ascii_8z(wildcard ? text + 2 : text, &ascii,
                         IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK)
        result = arena_printf(a, "%s%s", wildcard ? "*." : "", ascii);
    idn2_free(ascii);
    return result;
}

/* Names outside ASCII get told the A-label form they should have been sent in. */
static enum err refuse_unicode(struct arena *a, const char *text, struct err_info *why)
{
    const char *ascii = identifier_to_ascii(a, text);

    if (ascii == NULL)
        return err_set(why, ERR_MALFORMED, "the name \"%s\" has characters outside ASCII",
                       text);
    return err_set(why, ERR_MALFORMED,
                   "the name \"%s\" must be sent in its ASCII form, \"%s\"", text, ascii);
}

/* All labels digits in the last place means an address, never a name (RFC 1123 2.1); so
 * do hexadecimal digits with colons. */
static bool looks_like_address(const char *name)
{
    const char *last = strrchr(name, '.');

    if (strchr(name, ':') != NULL)
        return strspn(name, "0123456789abcdef:.") == strlen(name);

    last = last == NULL ? name : last + 1;
    return *last != '\0' && strspn(last, "0123456789") == strlen(last);
}

enum err identifier_read_dns(struct arena *a, const char *text,
                             struct identifier *identifier, struct err_info *why)
{
    if (!identifier_is_ascii(text))
        return refuse_unicode(a, text, why);
    char *name = arena_string(a, text);
    text_lower(name);
    const char *base = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
    if (*base == '\0')
        return err_set(why, ERR_MALFORMED, "the name is empty");
    if (strlen(name) > IDENTIFIER_DNS_MAX)
        return err_set(why, ERR_MALFORMED, "the name is longer than %d octets",
                       IDENTIFIER_DNS_MAX);
    if (base[strlen(base) - 1] == '.')
        return err_set(why, ERR_MALFORMED, "the name \"%s\" must not end with a dot",
                       name);
    if (looks_like_address(base))
        return err_set(
            why, ERR_MALFORMED,
            "\"%s\" is an address, not a name; use an identifier of type \"ip\"", name);
    for (const char *label = base;;) {
        size_t len = strcspn(label, ".");
        TRY(check_label(name, label, len, why));
        if (label[len] == '\0')
            break;
        label += len + 1;
    }
    identifier->type = IDENTIFIER_DNS;
    identifier->value = name;
    return ERR_OK;
}

/* Text that is no address in its own right: would it be one without what is too much? */
static enum err refuse_address(const char *text, struct err_info *why)
{
    struct address address;
    struct address_network network;
    char canonical[ADDRESS_TEXT_SIZE];

    if (strchr(text, '/') != NULL && address_network_parse(span_of(text), &network))
        return err_set(why, ERR_MALFORMED,
                       "\"%s\" is a network; certificates are for single addresses",
                       text);
    if (address_parse_with_port(span_of(text), 0, &address)) {
        address_text(&address, canonical);
        return err_set(why, ERR_MALFORMED,
                       "\"%s\" has a port or brackets; ask for \"%s\"", text, canonical);
    }
    return err_set(why, ERR_MALFORMED,
                   "\"%s\" is no address; four decimal numbers without leading zeros, or "
                   "IPv6 as RFC 5952 writes it, are expected",
                   text);
}

enum err identifier_read_ip(struct arena *a, const char *text,
                            struct identifier *identifier, struct err_info *why)
{
    struct address address;
    char canonical[ADDRESS_TEXT_SIZE];

    if (!address_parse(span_of(text), &address))
        return refuse_address(text, why);
    struct address plain = address_unmap(&address);
    address_text(&plain, canonical);
    if (plain.family != address.family)
        return err_set(why, ERR_MALFORMED,
                       "\"%s\" is an IPv4 address in IPv6 form; ask for \"%s\"", text,
                       canonical);
    if (strcmp(canonical, text) != 0)
        return err_set(why, ERR_MALFORMED,
                       "\"%s\" is not in its canonical form (RFC 5952), \"%s\"", text,
                       canonical);
    identifier->type = IDENTIFIER_IP;
    identifier->value = arena_string(a, canonical);
    return ERR_OK;
}

bool identifier_address(const struct identifier *identifier, struct address *address)
{
    return identifier->type == IDENTIFIER_IP &&
           address_parse(span_of(identifier->value), address);
}

bool identifier_is_wildcard(const struct identifier *identifier)
{
    return identifier->type == IDENTIFIER_DNS && strncmp(identifier->value, "*.", 2) == 0;
}

const char *identifier_base(const struct identifier *identifier)
{
    return identifier_is_wildcard(identifier) ? identifier->value + 2 : identifier->value;
}

const char *identifier_text(struct arena *a, const struct identifier *identifier)
{
    if (!terms_is_device(identifier->type))
        return identifier->value;
    return arena_printf(a, "%s:%s", terms_identifier_type(identifier->type),
                        identifier->value);
}

bool identifier_equal(const struct identifier *x, const struct identifier *y)
{
    return x->type == y->type && strcmp(x->value, y->value) == 0;
}
