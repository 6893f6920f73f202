/* Policy: identifiers, keys, contacts. */
#include "server/policy/policy.h"

#include <string.h>

#include "core/acme/problem.h"
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/crypto/key_weak.h"
#include "core/json/json_write.h"
#include "server/policy/policy_key_lists.h"

#define CONTACT_MAX            512 /* octets of one contact URL */
#define RSA_SUBJECT_BITS_MAX   4096
#define AHEAD_MAX              (48 * 3600LL) /* seconds: X-TLS-1, BR 7.1.2.7 */
#define SUBPROBLEMS_MAX        100           /* written out; all are counted */
#define SUBPROBLEMS_OCTETS_MAX (256 * 1024)

/* Octets of 65537, the least public exponent (Baseline Requirements 6.1.6). Every odd
 * number of as many octets is at least that. */
#define RSA_EXPONENT_MIN_OCTETS 3

static enum err read_identifier(struct arena *a, const struct json *element,
                                struct identifier *identifier, struct err_info *why)
{
    const char *type = NULL;
    const char *value = NULL;

    TRY(json_need_text(element, "type", &type, why));
    TRY(json_need_text(element, "value", &value, why));
    return policy_identifier(a, type, value, identifier, why);
}

static bool has(const struct identifier *list, size_t count,
                const struct identifier *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (identifier_equal(&list[i], wanted))
            return true;
    return false;
}

/* Every identifier is an object with the two texts it must have. */
static enum err check_form(const struct json *array, struct err_info *why)
{
    const char *ignored = NULL;

    for (size_t i = 0; i < json_count(array); i++) {
        const struct json *element = json_element(array, i);
        if (!json_is_object(element))
            return err_set(why, ERR_MALFORMED, "an identifier must be an object");
        TRY(json_need_text(element, "type", &ignored, why));
        TRY(json_need_text(element, "value", &ignored, why));
    }
    return ERR_OK;
}

/* What is wrong with each of several identifiers (RFC 8555 6.7.1). */
struct complaints {
    struct buf text;
    struct json_writer writer;
    struct err_info first;
    size_t count;
    bool of_one_type;
};

static void complain(struct complaints *c, const struct json *element,
                     const struct err_info *why)
{
    if (c->count == 0) {
        c->text = buf_make(SUBPROBLEMS_OCTETS_MAX);
        c->writer = json_writer_make(&c->text);
        c->first = *why;
        c->of_one_type = true;
        json_write_begin_array(&c->writer, NULL);
    }
    c->of_one_type = c->of_one_type && why->code == c->first.code;
    if (c->count++ < SUBPROBLEMS_MAX)
        problem_add_subproblem(&c->writer, why, json_text(json_member(element, "type")),
                               json_text(json_member(element, "value")));
}

/* One problem for all of them: theirs if it is the same, else "compound". */
static enum err sum_up(struct arena *a, struct complaints *c, struct err_info *why)
{
    json_write_end_array(&c->writer);
    /* values too long to repeat: the first sentence must do */
    char *list = c->text.failed ? NULL : arena_string_of(a, buf_span(&c->text));
    buf_free(&c->text);
    enum err code = c->of_one_type ? c->first.code : ERR_COMPOUND;
    if (c->count == 1)
        (void)err_set(why, code, "%s", c->first.detail);
    else
        (void)err_set(why, code, "%s (and %zu more; see the subproblems)",
                      c->first.detail, c->count - 1);
    if (why != NULL)
        why->subproblems = list;
    return code;
}

enum err policy_identifiers(struct arena *a, const struct policy_scope *scope,
                            const struct json *payload, struct identifier **identifiers,
                            size_t *count, struct err_info *why)
{
    const struct json *array = NULL;
    struct complaints complaints = {0};
    size_t kept = 0;

    TRY(json_need_array(payload, "identifiers", &array, why));
    size_t given = json_count(array);
    if (given == 0)
        return err_set(why, ERR_MALFORMED, "the order names no identifier");
    if ((int64_t)given > scope->profile->names_most)
        return err_set(
            why, ERR_MALFORMED,
            "the order names %zu identifiers; the profile \"%s\" allows at most "
            "%lld",
            given, scope->profile->name, (long long)scope->profile->names_most);
    TRY(check_form(array, why));
    struct identifier *list = arena_array(a, given, sizeof *list);
    for (size_t i = 0; i < given; i++) {
        const struct json *element = json_element(array, i);
        struct err_info wrong = {0};
        if (read_identifier(a, element, &list[kept], &wrong) != ERR_OK ||
            policy_identifier_allowed(scope, &list[kept], &wrong) != ERR_OK)
            complain(&complaints, element, &wrong);
        else if (!has(list, kept, &list[kept]))
            kept++;
    }
    if (complaints.count > 0)
        return sum_up(a, &complaints, why);
    *identifiers = list;
    *count = kept;
    return ERR_OK;
}

enum err policy_time(const struct json *payload, const char *name, int64_t *time,
                     struct err_info *why)
{
    const char *text = NULL;

    TRY(json_take_text(payload, name, &text, why));
    *time = 0;
    if (text == NULL)
        return ERR_OK;
    if (!clock_read(span_of(text), time) || *time <= 0)
        return err_set(why, ERR_MALFORMED,
                       "%s \"%.40s\" is not a time of RFC 3339 such as "
                       "2026-11-23T21:38:00Z",
                       name, text);
    return ERR_OK;
}

/* Refuse a time that lies outside. */
static enum err check_time(const char *name, int64_t time, int64_t least, int64_t most,
                           struct err_info *why)
{
    char texts[2][CLOCK_TEXT_SIZE];

    if (time == 0 || (time >= least && time <= most))
        return ERR_OK;
    clock_text(texts[0], least);
    clock_text(texts[1], most);
    return err_set(why, ERR_MALFORMED, "%s must lie between %s and %s", name, texts[0],
                   texts[1]);
}

enum err policy_validity(const struct policy_scope *scope, const struct json *payload,
                         int64_t issuer_begins, int64_t issuer_ends, int64_t now,
                         int64_t *not_before, int64_t *not_after, struct err_info *why)
{
    int64_t lifetime = settings_profile_lifetime(scope->profile, now);
    int64_t earliest = now - scope->profile->backdate_seconds;
    int64_t begins = 0;
    int64_t ends = 0;

    if (earliest < issuer_begins)
        earliest = issuer_begins;
    TRY(policy_time(payload, "notBefore", &begins, why));
    TRY(policy_time(payload, "notAfter", &ends, why));
    int64_t ahead =
        scope->profile->baseline && lifetime > AHEAD_MAX ? AHEAD_MAX : lifetime;
    int64_t latest = now + ahead < issuer_ends ? now + ahead : issuer_ends;
    TRY(check_time("notBefore", begins, earliest, latest, why));
    int64_t from = begins != 0 ? begins : earliest;
    int64_t last = from + lifetime - 1; /* both ends count (RFC 5280 4.1.2.5) */
    TRY(check_time("notAfter", ends, (from > now ? from : now) + 1,
                   last < issuer_ends ? last : issuer_ends, why));
    *not_before = begins;
    *not_after = ends;
    return ERR_OK;
}

static enum err refuse_weak(const struct policy_key_lists *lists, const struct key *key,
                            enum err code, struct err_info *why)
{
    const char *weakness = policy_key_lists_find(lists, key);

    if (weakness == NULL)
        weakness = key_weakness(key);
    return weakness == NULL ? ERR_OK
                            : err_set(why, code, "the key %s; make a new one", weakness);
}

enum err policy_account_key(const struct policy_key_lists *lists, const struct key *key,
                            struct err_info *why)
{
    if (key_type(key) == KEY_RSA &&
        (key_bits(key) < KEY_RSA_MIN_BITS || key_bits(key) % 8 != 0))
        return err_set(why, ERR_BAD_PUBLIC_KEY,
                       "an RSA account key must have at least %d bits, a multiple of 8; "
                       "this has %d",
                       KEY_RSA_MIN_BITS, key_bits(key));
    return refuse_weak(lists, key, ERR_BAD_PUBLIC_KEY, why);
}

static size_t rsa_exponent_octets(const struct key *key)
{
    struct span modulus, exponent;

    key_numbers(key, &modulus, &exponent);
    return exponent.len;
}

enum err policy_subject_key(const struct policy_key_lists *lists, const struct key *key,
                            const struct key *account_key, struct err_info *why)
{
    if (account_key != NULL && key_equal(key, account_key))
        return err_set(
            why, ERR_BAD_CSR,
            "the certificate's key must not be the account's key (RFC 8555 11.1)");
    if (key_type(key) == KEY_RSA &&
        (key_bits(key) < KEY_RSA_MIN_BITS || key_bits(key) > RSA_SUBJECT_BITS_MAX ||
         key_bits(key) % 8 != 0))
        return err_set(why, ERR_BAD_CSR,
                       "an RSA key must have %d to %d bits, a multiple of 8; this has %d",
                       KEY_RSA_MIN_BITS, RSA_SUBJECT_BITS_MAX, key_bits(key));
    if (key_type(key) == KEY_RSA && rsa_exponent_octets(key) < RSA_EXPONENT_MIN_OCTETS)
        return err_set(why, ERR_BAD_CSR,
                       "the public exponent of an RSA key must be at least 65537");
    return refuse_weak(lists, key, ERR_BAD_CSR, why);
}

static enum err check_contact(const char *contact, struct err_info *why)
{
    static const char mailto[] = "mailto:";

    if (strlen(contact) > CONTACT_MAX)
        return err_set(why, ERR_INVALID_CONTACT, "a contact is longer than %d octets",
                       CONTACT_MAX);
    if (!text_equal_ignoring_case(span_slice(span_of(contact), 0, sizeof mailto - 1),
                                  span_of(mailto)))
        return err_set(
            why, ERR_UNSUPPORTED_CONTACT,
            "the contact \"%.100s\" is no mailto: URL, which are the only ones supported",
            contact);
    const char *address = contact + sizeof mailto - 1;
    const char *at = strchr(address, '@');
    if (at == NULL || at == address || at[1] == '\0' || strchr(at + 1, '@') != NULL ||
        strpbrk(address, "?, \t\r\n<>\"") != NULL)
        return err_set(why, ERR_INVALID_CONTACT,
                       "the contact \"%.100s\" is not one plain e-mail address", contact);
    return ERR_OK;
}

enum err policy_contacts(struct arena *a, const struct settings *settings,
                         const struct json *payload, const char **contacts,
                         struct err_info *why)
{
    const struct json *array = json_member(payload, "contact");

    if (array == NULL) {
        *contacts = NULL;
        return ERR_OK;
    }
    TRY(json_need_array(payload, "contact", &array, why));
    if ((int64_t)json_count(array) > settings->max_contacts)
        return err_set(why, ERR_INVALID_CONTACT, "an account has at most %lld contacts",
                       (long long)settings->max_contacts);
    AUTO(buf)
    struct buf b = buf_make((size_t)(settings->max_contacts + 1) * CONTACT_MAX * 7);
    struct json_writer w = json_writer_make(&b);
    json_write_begin_array(&w, NULL);
    for (size_t i = 0; i < json_count(array); i++) {
        const char *contact = json_text(json_element(array, i));
        if (contact == NULL)
            return err_set(why, ERR_MALFORMED, "a contact must be a text");
        TRY(check_contact(contact, why));
        json_write_text(&w, NULL, contact);
    }
    json_write_end_array(&w);
    *contacts = arena_string_of(a, buf_span(&b));
    return ERR_OK;
}
