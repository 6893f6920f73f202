/* Identifiers: what a certificate is for. */
#include "core/acme/identifier.h"

#include <idn2.h>
#include <string.h>

#include "core/base/text.h"

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
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
    return ERR_OK;
}

/* A-labels must lead to a U-label and back (RFC 5891 5.4). */
static enum err check_idna(const char *name, struct err_info *why)
{
    char *unicode = NULL;
    char *again = NULL;

    if (strstr(name, "xn--") == NULL)
        return ERR_OK;
    int result = idn2_to_unicode_8z8z(name, &unicode, IDN2_NONTRANSITIONAL);
    if (result == IDN2_OK)
        result = idn2_to_ascii_8z(unicode, &again, IDN2_NONTRANSITIONAL);
    bool same = result == IDN2_OK && strcmp(again, name) == 0;
    idn2_free(unicode);
    idn2_free(again);
    if (!same)
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "the name \"%s\" has an A-label that is not valid IDNA", name);
    return ERR_OK;
}

/* Names outside ASCII get told the A-label form they should have been sent in. */
static enum err refuse_unicode(const char *text, struct err_info *why)
{
    char *ascii = NULL;
    enum err result;

    if (idn2_to_ascii_8z(text, &ascii, IDN2_NONTRANSITIONAL) == IDN2_OK)
        result = err_set(why, ERR_MALFORMED,
                         "the name \"%s\" must be sent in its ASCII form, \"%s\"", text,
                         ascii);
    else
        result = err_set(why, ERR_MALFORMED,
                         "the name \"%s\" has characters outside ASCII", text);
    idn2_free(ascii);
    return result;
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
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x80)
            return refuse_unicode(text, why);
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
    TRY(check_idna(base, why));
    identifier->type = IDENTIFIER_DNS;
    identifier->value = name;
    return ERR_OK;
}

bool identifier_is_wildcard(const struct identifier *identifier)
{
    return identifier->type == IDENTIFIER_DNS && strncmp(identifier->value, "*.", 2) == 0;
}

const char *identifier_base(const struct identifier *identifier)
{
    return identifier_is_wildcard(identifier) ? identifier->value + 2 : identifier->value;
}

bool identifier_equal(const struct identifier *x, const struct identifier *y)
{
    return x->type == y->type && strcmp(x->value, y->value) == 0;
}
