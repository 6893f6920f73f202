/* A certificate in parts. */
#include "lint_parts.h"

struct lint_issuer issuer;
struct lint_profile profile;
struct lint_question question;
struct arena *arena;
struct span p256_spki;
struct span ed25519_spki;
struct span mldsa_spki;
struct span rsa_spki;

struct span extension(enum oid oid, bool critical, const char *value, size_t len)
{
    uint8_t *room = arena_get(arena, len + 64);
    struct der_writer w = der_writer_make(room, len + 64);
    size_t mark = der_write_mark(&w);

    der_write_element(&w, DER_OCTET_STRING, span_make(value, len));
    if (critical)
        der_write_true(&w);
    oid_write(&w, oid);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    return der_write_take(&w);
}

struct parts good(void)
{
    struct parts p = {
        .version = 2,
        .serial = span_of("\x2a-16-octets-here"),
        .signature = KEY_SIGNATURE_ECDSA_SHA256,
        .issuer = issuer.name,
        .not_before = NOW,
        .not_after = NOW + LIFETIME - 1,
        .subject = span_make(EMPTY, 2),
        .spki = p256_spki,
        .count = 7,
    };

    p.extensions[AT_USAGE] = EXTENSION(OID_KEY_USAGE, true, USAGE_SIGN);
    p.extensions[AT_EXTENDED] = EXTENSION(OID_EXTENDED_KEY_USAGE, false, SERVER_AUTH);
    p.extensions[AT_BASIC] = EXTENSION(OID_BASIC_CONSTRAINTS, true, EMPTY);
    p.extensions[AT_SUBJECT_KEY] =
        EXTENSION(OID_SUBJECT_KEY_IDENTIFIER, false, SUBJECT_KEY);
    p.extensions[AT_AUTHORITY] =
        EXTENSION(OID_AUTHORITY_KEY_IDENTIFIER, false, AUTHORITY);
    p.extensions[AT_NAMES] = EXTENSION(OID_SUBJECT_ALTERNATIVE_NAME, true, NAMES);
    p.extensions[AT_POLICY] = EXTENSION(OID_CERTIFICATE_POLICIES, false, POLICY);
    return p;
}

/* The wrong form of a time, on request. */
static void put_time(struct der_writer *w, int64_t seconds, bool generalized)
{
    if (generalized)
        der_write_element(w, DER_GENERALIZED_TIME, span_of("20270115080000Z"));
    else
        der_write_time(w, seconds);
}

struct span put_together(const struct parts *p)
{
    struct der_writer w = der_writer_make(arena_get(arena, TBS_MAX), TBS_MAX);
    size_t whole = der_write_mark(&w);
    uint8_t version = (uint8_t)p->version;

    for (size_t i = p->count; i > 0; i--)
        der_write_raw(&w, p->extensions[i - 1]);
    der_write_wrap(&w, DER_SEQUENCE, whole);
    der_write_wrap(&w, DER_CONTEXT_CONSTRUCTED(3), whole);
    der_write_raw(&w, p->spki);
    der_write_raw(&w, p->subject);
    size_t mark = der_write_mark(&w);
    put_time(&w, p->not_after, false);
    put_time(&w, p->not_before, p->generalized);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    der_write_raw(&w, p->issuer);
    if (p->algorithm.len > 0)
        der_write_raw(&w, p->algorithm);
    else
        oid_write_signature(&w, p->signature);
    der_write_element(&w, DER_INTEGER, p->serial);
    mark = der_write_mark(&w);
    der_write_unsigned(&w, span_make(&version, 1));
    der_write_wrap(&w, DER_CONTEXT_CONSTRUCTED(0), mark);
    der_write_wrap(&w, DER_SEQUENCE, whole);
    return der_write_take(&w);
}

void assert_good(const struct parts *p)
{
    const struct lint_pass *pass = NULL;
    struct err_info why = {0};
    struct span tbs = put_together(p);

    if (lint_tbs(arena, &question, tbs, &pass, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    assert_true(span_equal(pass->tbs, tbs));
    assert_true(span_equal(pass->serial, p->serial));
}

#define SEEN_MAX 200

static const char *seen[SEEN_MAX];
static size_t seen_count;

void saw(const char *rule)
{
    if (!was_seen(rule) && seen_count < SEEN_MAX)
        seen[seen_count++] = rule;
}

bool was_seen(const char *rule)
{
    for (size_t i = 0; i < seen_count; i++)
        if (strcmp(seen[i], rule) == 0)
            return true;
    return false;
}

static void assert_sentence(const char *detail, const char *rule)
{
    if (strncmp(detail, rule, strlen(rule)) != 0 || detail[strlen(rule)] != ' ')
        fail_msg("%s instead of %s", detail, rule);
    assert_non_null(strstr(detail, "("));
    saw(rule);
}

void assert_broken(const struct parts *p, const char *rule)
{
    const struct lint_pass *pass = NULL;
    struct err_info why = {0};

    assert_int_equal(lint_tbs(arena, &question, put_together(p), &pass, &why), ERR_LINT);
    assert_null(pass);
    assert_sentence(why.detail, rule);
}

void assert_warned(const struct parts *p, const char *rule)
{
    const struct lint_pass *pass = NULL;
    struct err_info why = {0};

    if (lint_tbs(arena, &question, put_together(p), &pass, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    assert_non_null(pass->warning);
    assert_string_equal(pass->warning, rule);
    saw(rule);
}

void assert_ca(const struct parts *p, const struct lint_issuer *from, enum lint_set set,
               const char *rule)
{
    const struct lint_pass *pass = NULL;
    struct err_info why = {0};
    enum err result =
        lint_ca_certificate(arena, from, set, NOW, put_together(p), &pass, &why);

    if (rule == NULL && result != ERR_OK)
        fail_msg("%s", why.detail);
    if (result == ERR_OK) {
        assert_true(rule == pass->warning || (rule != NULL && pass->warning != NULL));
        if (rule != NULL) {
            assert_string_equal(pass->warning, rule);
            saw(rule);
        }
        return;
    }
    assert_int_equal(result, ERR_LINT);
    assert_sentence(why.detail, rule);
}

struct parts good_public(void)
{
    struct parts p = good();

    question.set = LINT_SET_BR;
    p.extensions[AT_NAMES] = EXTENSION(OID_SUBJECT_ALTERNATIVE_NAME, true, PUBLIC_NAMES);
    p.extensions[AT_ACCESS] = EXTENSION(OID_AUTHORITY_INFORMATION_ACCESS, false, ACCESS);
    p.extensions[AT_SUBJECT_KEY] = EXTENSION(OID_CRL_DISTRIBUTION_POINTS, false, LISTS);
    p.count = AT_ACCESS + 1;
    return p;
}

static enum oid type_of(char letter)
{
    switch (letter) {
    case 'C':
        return OID_COUNTRY;
    case 'O':
        return OID_ORGANIZATION;
    case 'U':
        return OID_ORGANIZATIONAL_UNIT;
    case 'N':
        return OID_COMMON_NAME;
    default:
        return OID_SERVER_AUTH; /* no attribute at all */
    }
}

struct span name_of(const char *const *attributes)
{
    size_t room = 4096;
    struct der_writer w = der_writer_make(arena_get(arena, room), room);
    size_t whole = der_write_mark(&w);
    size_t set = whole;
    size_t count = 0;

    while (attributes[count] != NULL)
        count++;
    for (; count > 0; count--) {
        const char *one = attributes[count - 1];
        bool joined = one[0] == '+';
        const char *at = one + (joined ? 1 : 0);
        size_t mark = der_write_mark(&w);
        der_write_element(&w, at[0] == 'C' ? DER_PRINTABLE_STRING : DER_UTF8_STRING,
                          span_of(at + 2));
        oid_write(&w, type_of(at[0]));
        der_write_wrap(&w, DER_SEQUENCE, mark);
        if (!joined) {
            der_write_wrap(&w, DER_SET, set);
            set = der_write_mark(&w);
        }
    }
    der_write_wrap(&w, DER_SEQUENCE, whole);
    return der_write_take(&w);
}

struct span rsa_key(size_t octets, const char *exponent, size_t exponent_len, uint8_t top)
{
    uint8_t *modulus = arena_get(arena, octets);
    size_t room = octets + 128;
    struct der_writer w = der_writer_make(arena_get(arena, room), room);
    size_t mark = der_write_mark(&w);
    static const uint8_t algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                        0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};

    memset(modulus, 0x55, octets);
    modulus[0] = top;
    modulus[octets - 1] = 1;
    der_write_unsigned(&w, span_make(exponent, exponent_len));
    der_write_unsigned(&w, span_make(modulus, octets));
    der_write_wrap(&w, DER_SEQUENCE, mark);
    struct span key = arena_span(arena, der_write_take(&w));
    w = der_writer_make(arena_get(arena, room), room);
    mark = der_write_mark(&w);
    der_write_bits(&w, key);
    der_write_raw(&w, span_make(algorithm, sizeof algorithm));
    der_write_wrap(&w, DER_SEQUENCE, mark);
    return der_write_take(&w);
}

int set_up(void **state)
{
    static const char name[] = "\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04Test";
    static const struct lint_key any_key[] = {
        {KEY_P256, 0}, {KEY_RSA, 0}, {KEY_ED25519, 0}, {KEY_MLDSA65, 0}};
    static struct span usages[2];
    static struct span policy;
    struct key *key = NULL;

    (void)state;
    arena = arena_new();
    issuer = (struct lint_issuer){.name = span_make(name, sizeof name - 1),
                                  .key_id = span_of(KEY_ID),
                                  .signature_kind = KEY_SIGNATURE_ECDSA_SHA256,
                                  .not_after = NOW + 1000 * DAY,
                                  .path_length = 0};
    usages[0] = oid_octets(OID_SERVER_AUTH);
    policy = oid_octets(OID_DOMAIN_VALIDATED);
    profile = (struct lint_profile){.name = "test",
                                    .lifetime = LIFETIME,
                                    .keys = any_key,
                                    .key_count = sizeof any_key / sizeof any_key[0],
                                    .key_usage = 0xffff,
                                    .usages = usages,
                                    .usage_count = 1,
                                    .policies = &policy,
                                    .policy_count = 1,
                                    .names_most = 1000,
                                    .name_types = LINT_NAMES_DNS | LINT_NAMES_ADDRESS,
                                    .common_name = true,
                                    .staple = LINT_STAPLE_ALLOWED};
    question = (struct lint_question){
        .issuers = &issuer, .issuer_count = 1, .profile = &profile, .now = NOW};
    if (key_generate(KEY_P256, 0, &key, NULL) != ERR_OK)
        return -1;
    p256_spki = arena_span(arena, key_spki(key));
    issuer.key = arena_own(arena, key, key_drop);
    if (key_generate(KEY_ED25519, 0, &key, NULL) != ERR_OK)
        return -1;
    ed25519_spki = arena_span(arena, key_spki(key));
    key_free(key);
    mldsa_spki = ed25519_spki; /* with an OpenSSL that has no ML-DSA */
    if (key_type_is_there(KEY_MLDSA65)) {
        if (key_generate(KEY_MLDSA65, 0, &key, NULL) != ERR_OK)
            return -1;
        mldsa_spki = arena_span(arena, key_spki(key));
        key_free(key);
    }
    rsa_spki = rsa_key(256, "\x01\x00\x01", 3, 0xc0);
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}
