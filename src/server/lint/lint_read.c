/* The certificate taken apart for the rules, with a reader that wrote nothing of it. */
#include <string.h>

#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

#define LINT_DEPTH 8

#define REASONS    0x81 /* of a distribution point (RFC 5280 4.2.1.13) */
#define CRL_ISSUER 0xa2
#define PATH_MOST  100 /* CAs in a row */

/* Extensions this CA writes. */
static const enum oid known[] = {
#define EXTENSION(oid, kinds) OID_##oid,
#include "server/lint/lint_extensions.def"
#undef EXTENSION
};

static enum oid oid_of(struct span id)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (oid_is(id, known[i]))
            return known[i];
    return OID_COUNT;
}

static void read_extensions(struct der_reader *r, struct lint_subject *s)
{
    der_read_enter(r, DER_CONTEXT_CONSTRUCTED(3));
    der_read_enter(r, DER_SEQUENCE);
    while (der_read_more(r)) {
        struct lint_extension e = {0};
        der_read_enter(r, DER_SEQUENCE);
        e.id = der_read_oid(r);
        if (der_read_peek(r) == DER_BOOLEAN) {
            e.critical = der_read_boolean(r);
            if (!e.critical)
                der_read_fail(r, "a default value is written out");
        }
        e.value = der_read_expect(r, DER_OCTET_STRING);
        der_read_leave(r);
        e.oid = oid_of(e.id);
        if (s->extension_count == LINT_EXTENSIONS_MAX)
            der_read_fail(r, "there are too many extensions");
        else
            s->extensions[s->extension_count++] = e;
    }
    der_read_leave(r);
    der_read_leave(r);
}

static enum err read_frame(struct span tbs, struct lint_subject *s, struct err_info *why)
{
    struct der_reader r = der_read_start(tbs, LINT_DEPTH);

    der_read_enter(&r, DER_SEQUENCE);
    der_read_enter(&r, DER_CONTEXT_CONSTRUCTED(0));
    if (der_read_small(&r, 2) != 2)
        der_read_fail(&r, "the version is not 3");
    der_read_leave(&r);
    s->serial = der_read_integer(&r);
    s->algorithm = der_read_element(&r);
    s->issuer = der_read_element(&r);
    der_read_enter(&r, DER_SEQUENCE);
    s->not_before_tag = der_read_peek(&r);
    s->not_before = der_read_time(&r);
    s->not_after_tag = der_read_peek(&r);
    s->not_after = der_read_time(&r);
    der_read_leave(&r);
    s->subject = der_read_element(&r);
    s->spki = der_read_element(&r);
    read_extensions(&r, s);
    der_read_leave(&r);
    return der_read_finish(&r, ERR_LINT, "the certificate", why);
}

/* ---- parts ---- */

static void read_subject(struct der_reader *r, struct lint_subject *s)
{
    der_read_enter(r, DER_SEQUENCE);
    while (der_read_more(r)) {
        size_t first = s->attribute_count;
        der_read_enter(r, DER_SET);
        while (der_read_more(r)) {
            struct lint_attribute one = {0};
            der_read_enter(r, DER_SEQUENCE);
            one.type = der_read_oid(r);
            one.value = der_read_tlv(r, &one.tag);
            der_read_leave(r);
            if (s->attribute_count == LINT_ATTRIBUTES_MAX)
                der_read_fail(r, "the subject has too many attributes");
            else
                s->attributes[s->attribute_count++] = one;
        }
        der_read_leave(r);
        if (s->attribute_count == first)
            der_read_fail(r, "an empty relative distinguished name");
        else
            s->attributes[first].alone = s->attribute_count == first + 1;
    }
    der_read_leave(r);
}

static void read_names(struct der_reader *r, struct lint_subject *s)
{
    struct lint_name *names = NULL;
    size_t room = 0;

    der_read_enter(r, DER_SEQUENCE);
    for (size_t count = 0; der_read_more(r); s->name_count = ++count) {
        if (count == LINT_NAMES_MAX) {
            der_read_fail(r, "there are too many names");
            break;
        }
        if (count == room) {
            struct lint_name *more = NULL;
            room = room == 0 ? 16 : LINT_NAMES_MAX;
            more = arena_array(s->arena, room, sizeof *more);
            if (count > 0)
                memcpy(more, names, count * sizeof *names);
            names = more;
        }
        names[count].value = der_read_tlv(r, &names[count].tag);
    }
    der_read_leave(r);
    s->names = names;
}

static void read_key_usage(struct der_reader *r, struct lint_subject *s)
{
    s->key_usage = der_read_named_bits(r);
}

static void read_usages(struct der_reader *r, struct lint_subject *s)
{
    der_read_enter(r, DER_SEQUENCE);
    while (der_read_more(r)) {
        if (s->usage_count == LINT_USAGES_MAX)
            der_read_fail(r, "there are too many usages");
        else
            s->usages[s->usage_count++] = der_read_oid(r);
    }
    der_read_leave(r);
}

static void read_policies(struct der_reader *r, struct lint_subject *s)
{
    der_read_enter(r, DER_SEQUENCE);
    while (der_read_more(r)) {
        der_read_enter(r, DER_SEQUENCE);
        struct span policy = der_read_oid(r);
        if (der_read_more(r)) {
            s->policy_qualified = true;
            der_read_expect(r, DER_SEQUENCE);
        }
        der_read_leave(r);
        if (s->policy_count == LINT_POLICIES_MAX)
            der_read_fail(r, "there are too many policies");
        else
            s->policies[s->policy_count++] = policy;
    }
    der_read_leave(r);
}

static void read_access(struct der_reader *r, struct lint_subject *s)
{
    der_read_enter(r, DER_SEQUENCE);
    while (der_read_more(r)) {
        struct lint_pointer one = {0};
        der_read_enter(r, DER_SEQUENCE);
        one.method = der_read_oid(r);
        one.at.value = der_read_tlv(r, &one.at.tag);
        der_read_leave(r);
        if (s->access_count == LINT_POINTERS_MAX)
            der_read_fail(r, "there are too many pointers");
        else
            s->access[s->access_count++] = one;
    }
    der_read_leave(r);
}

/* One point, whose list has everything, at the names given. */
static void read_lists(struct der_reader *r, struct lint_subject *s)
{
    der_read_enter(r, DER_SEQUENCE);
    der_read_enter(r, DER_SEQUENCE);
    der_read_enter(r, DER_CONTEXT_CONSTRUCTED(0)); /* distributionPoint */
    der_read_enter(r, DER_CONTEXT_CONSTRUCTED(0)); /* fullName */
    while (der_read_more(r)) {
        struct lint_name one = {0};
        one.value = der_read_tlv(r, &one.tag);
        if (s->list_count == LINT_POINTERS_MAX)
            der_read_fail(r, "there are too many pointers");
        else
            s->lists[s->list_count++] = one;
    }
    der_read_leave(r);
    der_read_leave(r);
    if (der_read_peek(r) == REASONS || der_read_peek(r) == CRL_ISSUER)
        der_read_fail(r, "a list for some reasons or of another issuer");
    der_read_leave(r);
    der_read_leave(r);
}

static void read_basic(struct der_reader *r, struct lint_subject *s)
{
    der_read_enter(r, DER_SEQUENCE);
    if (der_read_peek(r) == DER_BOOLEAN) {
        s->is_ca = der_read_boolean(r);
        if (!s->is_ca)
            der_read_fail(r, "a default value is written out");
    }
    if (der_read_more(r))
        s->path_length = (int)der_read_small(r, PATH_MOST);
    der_read_leave(r);
}

typedef void part_reader(struct der_reader *r, struct lint_subject *s);

static void read_part(struct lint_subject *s, enum lint_part part, struct span octets,
                      part_reader *read)
{
    struct der_reader r = der_read_start(octets, LINT_DEPTH);

    read(&r, s);
    if (der_read_finish(&r, ERR_LINT, "the extension", NULL) != ERR_OK)
        s->broken |= 1U << part;
}

static void read_parts(struct lint_subject *s)
{
    static const struct {
        enum oid oid;
        enum lint_part part;
        part_reader *read;
    } parts[] = {
        {OID_SUBJECT_ALTERNATIVE_NAME, LINT_PART_NAMES, read_names},
        {OID_KEY_USAGE, LINT_PART_KEY_USAGE, read_key_usage},
        {OID_EXTENDED_KEY_USAGE, LINT_PART_USAGES, read_usages},
        {OID_CERTIFICATE_POLICIES, LINT_PART_POLICIES, read_policies},
        {OID_AUTHORITY_INFORMATION_ACCESS, LINT_PART_ACCESS, read_access},
        {OID_CRL_DISTRIBUTION_POINTS, LINT_PART_LISTS, read_lists},
        {OID_BASIC_CONSTRAINTS, LINT_PART_BASIC, read_basic},
    };

    s->path_length = LINT_PATH_ANY;
    read_part(s, LINT_PART_SUBJECT, s->subject, read_subject);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const struct lint_extension *e = lint_rule_extension(s, parts[i].oid);
        if (e != NULL)
            read_part(s, parts[i].part, e->value, parts[i].read);
    }
}

enum err lint_rule_read(struct span tbs, struct lint_subject *s, struct err_info *why)
{
    s->tbs = tbs;
    TRY(read_frame(tbs, s, why));
    read_parts(s);
    return ERR_OK;
}

/* ---- asking ---- */

/* clang-format off */
static const struct {
    enum key_signature kind;
    const char *octets;
    size_t len;
} algorithms[] = {
#define ROW(kind, octets) {KEY_SIGNATURE_##kind, octets, sizeof(octets) - 1}
    ROW(RS256, "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00"),
    ROW(RS384, "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00"),
    ROW(RS512, "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00"),
    ROW(ECDSA_SHA256, "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"),
    ROW(ECDSA_SHA384, "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03"),
    ROW(ECDSA_SHA512, "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04"),
    ROW(EDDSA, "\x30\x05\x06\x03\x2b\x65\x70"),
    ROW(MLDSA44, "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x11"),
    ROW(MLDSA65, "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12"),
    ROW(MLDSA87, "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x13"),
#undef ROW
};
/* clang-format on */

bool lint_rule_algorithm(const struct lint_subject *s, enum key_signature *kind)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        *kind = algorithms[i].kind;
        if (span_equal(s->algorithm, span_make(algorithms[i].octets, algorithms[i].len)))
            return true;
    }
    return false;
}

const struct lint_extension *lint_rule_extension(const struct lint_subject *s,
                                                 enum oid oid)
{
    for (size_t i = 0; i < s->extension_count; i++)
        if (s->extensions[i].oid == oid)
            return &s->extensions[i];
    return NULL;
}

bool lint_rule_is_broken(const struct lint_subject *s, enum lint_part part)
{
    return (s->broken & 1U << part) != 0;
}

bool lint_rule_has_usage(const struct lint_subject *s, enum oid usage)
{
    for (size_t i = 0; i < s->usage_count; i++)
        if (oid_is(s->usages[i], usage))
            return true;
    return false;
}

const struct lint_attribute *lint_rule_attribute(const struct lint_subject *s,
                                                 enum oid type)
{
    for (size_t i = 0; i < s->attribute_count; i++)
        if (oid_is(s->attributes[i].type, type))
            return &s->attributes[i];
    return NULL;
}

int64_t lint_rule_lifetime(const struct lint_subject *s)
{
    return s->not_after - s->not_before + 1;
}

int64_t lint_rule_lifetime_most(const struct lint_subject *s)
{
    static const struct {
        int64_t from;
        int64_t days;
    } most[] = {
        {1868227200, 47},  /* 2029-03-15 */
        {1805068800, 100}, /* 2027-03-15 */
        {1773532800, 200}, /* 2026-03-15 */
        {INT64_MIN, 398},
    };
    size_t i = 0;

    while (s->not_before < most[i].from && s->question->now < most[i].from)
        i++;
    return most[i].days * 86400;
}

bool lint_rule_is_short(const struct lint_subject *s)
{
    return lint_rule_lifetime(s) <= INT64_C(7) * 86400;
}

bool lint_rule_has_ocsp(const struct lint_subject *s)
{
    for (size_t i = 0; i < s->access_count; i++)
        if (oid_is(s->access[i].method, OID_OCSP))
            return true;
    return false;
}

bool lint_rule_is_http(const struct lint_name *name)
{
    static const char scheme[] = "http://";
    size_t len = sizeof scheme - 1;

    if (name->tag != DER_CONTEXT(6) || name->value.len <= len ||
        memcmp(name->value.data, scheme, len) != 0 || name->value.data[len] == '/' ||
        name->value.data[len] == ':')
        return false;
    for (size_t i = 0; i < name->value.len; i++)
        if (name->value.data[i] <= ' ' || name->value.data[i] >= 0x7f)
            return false;
    return true;
}
