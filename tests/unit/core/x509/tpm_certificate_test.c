/* Tests of core/x509/tpm_certificate: names of TPMs. Certificates of endorsement keys are
 * refused one by one in tests/flow/test_ak_enrolment.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/x509/oid.h"
#include "core/x509/tpm_certificate.h"

#define ROOM 1024

/* An attribute for each of these, each in a SET of its own or all in one. */
struct attribute {
    enum oid type;
    uint8_t tag;
    const char *value;
};

static struct span name_of(uint8_t *room, const struct attribute *list, size_t count,
                           bool together)
{
    struct der_writer w = der_writer_make(room, ROOM);
    size_t whole = der_write_mark(&w);

    for (size_t i = count; i > 0; i--) {
        size_t mark = der_write_mark(&w);
        der_write_element(&w, list[i - 1].tag, span_of(list[i - 1].value));
        oid_write(&w, list[i - 1].type);
        der_write_wrap(&w, DER_SEQUENCE, mark);
        if (!together)
            der_write_wrap(&w, DER_SET, mark);
    }
    if (together)
        der_write_wrap(&w, DER_SET, whole);
    der_write_wrap(&w, DER_SEQUENCE, whole);
    return der_write_take(&w);
}

static const struct attribute good[] = {
    {OID_TPM_MANUFACTURER, DER_UTF8_STRING, "id:494E5443"},
    {OID_TPM_MODEL, DER_PRINTABLE_STRING, "PTT"},
    {OID_TPM_VERSION, DER_UTF8_STRING, "id:00010002"},
    {OID_COMMON_NAME, DER_UTF8_STRING, "beside them"}};

static void read_names(void **state)
{
    struct tpm_certificate_name name = {0};
    uint8_t room[ROOM];

    (void)state;
    for (int together = 0; together < 2; together++) {
        for (size_t count = 3; count <= 4; count++) {
            struct span element = name_of(room, good, count, together != 0);
            assert_true(tpm_certificate_name_read(element, &name));
            assert_true(span_is(name.manufacturer, "id:494E5443"));
            assert_true(span_is(name.model, "PTT"));
            assert_true(span_is(name.version, "id:00010002"));
            assert_true(tpm_certificate_name_is_good(&name));
            name.version = span_of("1.2");
            assert_false(tpm_certificate_name_is_good(&name));
        }
        for (size_t count = 0; count < 3; count++)
            assert_false(tpm_certificate_name_read(
                name_of(room, good, count, together != 0), &name));
    }
}

static void refused_names(void **state)
{
    static const char long_text[] =
        "12345678901234567890123456789012345678901234567890123456789012345";
    static const struct attribute others[] = {
        {OID_TPM_MODEL, DER_UTF8_STRING, "twice"},
        {OID_TPM_MODEL, DER_UTF8_STRING, ""},
        {OID_TPM_MODEL, DER_UTF8_STRING, "two\nlines"},
        {OID_TPM_MODEL, DER_UTF8_STRING, "\xff"},
        {OID_TPM_MODEL, DER_UTF8_STRING, long_text},
        {OID_TPM_MODEL, DER_OCTET_STRING, "octets"}};
    struct tpm_certificate_name name = {0};
    uint8_t room[ROOM];

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct attribute list[4] = {good[0], good[1], good[2], others[0]};
        if (i > 0)
            list[1] = others[i];
        struct span element = name_of(room, list, i == 0 ? 4 : 3, false);
        assert_false(tpm_certificate_name_read(element, &name));
    }
    struct span element = name_of(room, good, 3, false);
    for (size_t len = 0; len < element.len; len++)
        assert_false(tpm_certificate_name_read(span_slice(element, 0, len), &name));
    assert_int_equal(name.model.len, 0);
}

static void what_is_written_is_read(void **state)
{
    const struct tpm_certificate_name wanted = {span_of("id:1"), span_of("\xc3\xa9 x"),
                                                span_of("id:2")};
    struct tpm_certificate_name name = {0};
    uint8_t room[ROOM];
    struct der_writer w = der_writer_make(room, sizeof room);
    uint8_t tag = 0;

    (void)state;
    tpm_certificate_name_write(&w, &wanted);
    struct der_reader r = der_read_start(der_write_take(&w), 1);
    struct span content = der_read_tlv(&r, &tag);
    assert_int_equal(tag, DER_CONTEXT_CONSTRUCTED(4));
    assert_true(tpm_certificate_name_read(content, &name));
    assert_true(span_equal(name.manufacturer, wanted.manufacturer));
    assert_true(span_equal(name.model, wanted.model));
    assert_true(span_equal(name.version, wanted.version));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(read_names),
                                       cmocka_unit_test(refused_names),
                                       cmocka_unit_test(what_is_written_is_read)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
