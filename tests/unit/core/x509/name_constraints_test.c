/* Tests of core/x509/name_constraints against OpenSSL's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "core/x509/name_constraints.h"
#include "core/x509/oid.h"

/* The extension's value as OpenSSL writes it from its configuration language. */
static struct span value_of(struct arena *a, const char *text, NAME_CONSTRAINTS **theirs)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_name_constraints, text);

    assert_non_null(e);
    const ASN1_OCTET_STRING *octets = X509_EXTENSION_get_data(e);
    struct span value = arena_span(
        a, span_make(ASN1_STRING_get0_data(octets), (size_t)ASN1_STRING_length(octets)));
    *theirs = X509V3_EXT_d2i(e);
    X509_EXTENSION_free(e);
    return value;
}

/* What OpenSSL says to a leaf with that subjectAltName. */
static bool they_permit(NAME_CONSTRAINTS *theirs, const char *name)
{
    X509 *leaf = X509_new();
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, name);

    assert_non_null(e);
    X509_add_ext(leaf, e, -1);
    X509_EXTENSION_free(e);
    (void)X509_check_purpose(leaf, -1, 0); /* looks at the extensions once */
    bool good = NAME_CONSTRAINTS_check(leaf, theirs) == X509_V_OK;
    X509_free(leaf);
    return good;
}

static bool we_permit(const struct name_constraints *ours, const char *name)
{
    if (strncmp(name, "DNS:", 4) == 0)
        return name_constraints_refuse_dns(ours, span_of(name + 4)) == NULL;
    ASN1_OCTET_STRING *octets = a2i_IPADDRESS(name + 3);
    assert_non_null(octets);
    bool good = name_constraints_refuse_address(
                    ours, span_make(ASN1_STRING_get0_data(octets),
                                    (size_t)ASN1_STRING_length(octets))) == NULL;
    ASN1_OCTET_STRING_free(octets);
    return good;
}

#define V4 "IP:10.0.0.0/255.0.0.0"
#define V6 "IP:fd00::/ff00::"

static const struct {
    const char *constraints;
    const char *name;
    bool permitted;
    bool stricter; /* than OpenSSL */
} rows[] = {
    {"permitted;DNS:corp.test", "DNS:corp.test", true, false},
    {"permitted;DNS:corp.test", "DNS:a.corp.test", true, false},
    {"permitted;DNS:corp.test", "DNS:A.B.CORP.test", true, false},
    {"permitted;DNS:corp.test", "DNS:*.corp.test", true, false},
    {"permitted;DNS:corp.test", "DNS:acorp.test", false, false},
    {"permitted;DNS:corp.test", "DNS:corp.test.evil.test", false, false},
    {"permitted;DNS:corp.test", "DNS:test", false, false},
    {"permitted;DNS:corp.test", "DNS:*.test", false, false},
    {"permitted;DNS:a.corp.test", "DNS:*.corp.test", false, false},
    {"permitted;DNS:.corp.test", "DNS:a.corp.test", true, false},
    {"permitted;DNS:.corp.test", "DNS:corp.test", false, false},
    {"permitted;DNS:a.test,permitted;DNS:b.test", "DNS:x.b.test", true, false},
    {"permitted;DNS:a.test,permitted;DNS:b.test", "DNS:c.test", false, false},
    {"excluded;DNS:bad.corp.test", "DNS:corp.test", true, false},
    {"excluded;DNS:bad.corp.test", "DNS:bad.corp.test", false, false},
    {"excluded;DNS:bad.corp.test", "DNS:x.bad.corp.test", false, false},
    {"excluded;DNS:bad.corp.test", "DNS:*.corp.test", false, true},
    {"excluded;DNS:bad.corp.test", "DNS:*.bad.corp.test", false, false},
    {"excluded;DNS:bad.corp.test", "DNS:*.other.test", true, false},
    {"excluded;DNS:x.bad.corp.test", "DNS:*.corp.test", true, false},
    {"permitted;DNS:corp.test,excluded;DNS:bad.corp.test", "DNS:bad.corp.test", false,
     false},
    {"permitted;DNS:corp.test,excluded;DNS:bad.corp.test", "DNS:good.corp.test", true,
     false},
    {"permitted;DNS:corp.test", "IP:192.0.2.1", true, false}, /* another kind */
    {"permitted;" V4, "DNS:anything.test", true, false},
    {"permitted;" V4, "IP:10.255.0.1", true, false},
    {"permitted;" V4, "IP:11.0.0.1", false, false},
    {"permitted;" V4, "IP:fd00::1", false, false},
    {"permitted;" V4 ",permitted;" V6, "IP:fd12::1", true, false},
    {"permitted;" V4 ",permitted;" V6, "IP:fe80::1", false, false},
    {"excluded;" V4, "IP:10.0.0.1", false, false},
    {"excluded;" V4, "IP:fd00::1", true, false},
    {"excluded;IP:0.0.0.0/0.0.0.0,excluded;IP:::/::", "IP:192.0.2.1", false, false},
    {"excluded;IP:0.0.0.0/0.0.0.0,excluded;IP:::/::", "IP:2001:db8::1", false, false},
};

/* X-CA-4, X-CA-5: what OpenSSL wrote is read, and judged as OpenSSL judges. */
static void as_openssl(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct name_constraints ours = {0};
        NAME_CONSTRAINTS *theirs = NULL;
        struct err_info why = {0};
        struct span value = value_of(a, rows[i].constraints, &theirs);
        if (name_constraints_read(a, value, &ours, &why) != ERR_OK)
            fail_msg("row %zu: %s", i, why.detail);
        assert_false(name_constraints_is_empty(&ours));
        if (we_permit(&ours, rows[i].name) != rows[i].permitted ||
            they_permit(theirs, rows[i].name) != (rows[i].permitted || rows[i].stricter))
            fail_msg("row %zu: %s, %s", i, rows[i].constraints, rows[i].name);
        NAME_CONSTRAINTS_free(theirs);
    }
}

/* What we write is what OpenSSL writes, octet for octet. */
static void written(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    uint8_t room[1024];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct name_constraints ours = {0};
        NAME_CONSTRAINTS *theirs = NULL;
        struct span value = value_of(a, rows[i].constraints, &theirs);
        assert_int_equal(name_constraints_read(a, value, &ours, NULL), ERR_OK);
        struct der_writer w = der_writer_make(room, sizeof room);
        name_constraints_write(&w, &ours);
        assert_true(span_equal(der_write_take(&w), value));
        NAME_CONSTRAINTS_free(theirs);
    }
}

static struct span name_element(struct arena *a, const char *organization,
                                const char *common)
{
    X509_NAME *name = X509_NAME_new();
    unsigned char *der = NULL;

    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
                               (const unsigned char *)organization, -1, -1, 0);
    if (common != NULL)
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                   (const unsigned char *)common, -1, -1, 0);
    int len = i2d_X509_NAME(name, &der);
    assert_true(len > 0);
    struct span element = arena_span(a, span_make(der, (size_t)len));
    OPENSSL_free(der);
    X509_NAME_free(name);
    return element;
}

static void subjects(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span subtree = name_element(a, "Corp", NULL);
    struct name_constraints only = {
        .permitted = {.directories = &subtree, .directory_count = 1}};
    struct name_constraints without = {
        .excluded = {.directories = &subtree, .directory_count = 1}};
    struct span inside = name_element(a, "Corp", "Somebody");
    struct span outside = name_element(a, "Other", "Somebody");

    (void)state;
    assert_null(name_constraints_refuse_subject(&only, inside));
    assert_non_null(name_constraints_refuse_subject(&only, outside));
    assert_null(name_constraints_refuse_subject(&only, span_make("\x30\x00", 2)));
    assert_non_null(name_constraints_refuse_subject(&without, inside));
    assert_null(name_constraints_refuse_subject(&without, outside));
}

static void refused(void **state)
{
    static const struct {
        const char *name;
        const char *octets;
        size_t len;
    } bad[] = {
        {"nothing at all", "", 0},
        {"no subtrees", "\x30\x00", 2},
        {"an empty list of subtrees", "\x30\x02\xa0\x00", 4},
        {"a minimum", "\x30\x0a\xa0\x08\x30\x06\x82\x01\x61\x80\x01\x00", 12},
        {"an address without mask", "\x30\x0a\xa0\x08\x30\x06\x87\x04\x0a\x00\x00\x00",
         12},
        {"a mask with gaps",
         "\x30\x0e\xa0\x0c\x30\x0a\x87\x08\x0a\x00\x00\x00\xff\x00\xff\x00", 16},
        {"a wildcard", "\x30\x09\xa0\x07\x30\x05\x82\x03*.a", 11},
        {"excluded before permitted",
         "\x30\x0e\xa1\x05\x30\x03\x82\x01\x61\xa0\x05\x30\x03\x82\x01\x61", 16},
        {"octets behind", "\x30\x07\xa0\x05\x30\x03\x82\x01\x61\x00", 10},
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct name_constraints read = {0};
        if (name_constraints_read(a, span_make(bad[i].octets, bad[i].len), &read, NULL) !=
            ERR_MALFORMED)
            fail_msg("%s was read", bad[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_openssl), cmocka_unit_test(written),
        cmocka_unit_test(subjects), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
