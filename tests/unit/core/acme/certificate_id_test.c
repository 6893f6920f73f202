/* Tests of core/acme/certificate_id: RFC 9773 4.1; rows S-ARI-2, S-ARI-3, S-ARI-13. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/acme/certificate_id.h"
#include "core/base/text.h"

static struct span octets(struct arena *a, const char *hex)
{
    uint8_t *made = arena_get(a, strlen(hex) / 2 + 1);
    size_t len = 0;

    assert_true(text_unhex(span_of(hex), made, strlen(hex) / 2, &len));
    return span_make(made, len);
}

/* The first row is the example of RFC 9773 4.1 and its appendix A; the others were made
 * with: printf HEX | xxd -r -p | base64 | tr +/ -_ | tr -d = */
static const struct {
    const char *key_id;
    const char *serial; /* magnitude */
    const char *text;
} good[] = {
    {"69885b6b87464041e1b37b847ba0ae2cde01c8d4", "87654321",
     "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"},
    {"69885b6b87464041e1b37b847ba0ae2cde01c8d4", "07654321",
     "aYhba4dGQEHhs3uEe6CuLN4ByNQ.B2VDIQ"},
    {"01", "01", "AQ.AQ"},
    {"00", "80", "AA.AIA"},
    {"fbff", "7fffffffffffffffffffffffffffffffffffffff",
     "-_8.f_________________________8"},
    {"fbff", "ffffffffffffffffffffffffffffffffffffffff",
     "-_8.AP__________________________"},
};

static void both_ways(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct certificate_id id;
    struct err_info why = {0};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const struct certificate_id wanted = {octets(a, good[i].key_id),
                                              octets(a, good[i].serial)};
        assert_string_equal(certificate_id_text(a, &wanted), good[i].text);
        assert_int_equal(certificate_id_read(a, span_of(good[i].text), &id, &why),
                         ERR_OK);
        assert_true(span_equal(id.key_id, wanted.key_id));
        assert_true(span_equal(id.serial, wanted.serial));
    }
}

static void refused(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"", "a period"},
        {"aYhba4dGQEHhs3uEe6CuLN4ByNQ", "a period"},
        {".", "keyIdentifier"},
        {".AIdlQyE", "keyIdentifier"},
        {"aYhba4dGQEHhs3uEe6CuLN4ByNQ.", "serial"},
        {"aYhba4dGQEHhs3uEe6CuLN4ByNQ=.AIdlQyE=", "padding"},
        {"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE=", "padding"},
        {"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE.", "padding"},
        {"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdl.QyE", "padding"},
        {"aYhba4dGQEHhs3uEe6CuLN4ByNQ. AIdlQyE", "padding"},
        {"aYhba4dGQEHhs3uEe6CuLN4ByNQ%2EAIdlQyE", "a period"},
        {"aYhba4dGQEHhs3uEe6CuLN4ByNR.AIdlQyE",
         "padding"}, /* bits behind the last octet */
        {"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyF", "padding"},
        {"-_8.+/8", "padding"},
        {"aYhba4dGQEHhs3uEe6CuLN4ByNQ.h2VDIQ", "serial"},   /* 87654321: negative */
        {"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AAdlQyE", "serial"},  /* 0007654321: too long */
        {"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AACHZUMh", "serial"}, /* 000087654321 */
        {"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AA", "serial"},       /* 0 */
        {"AQ.AQAAAAAAAAAAAAAAAAAAAAAAAAAA", "serial"},      /* 21 octets */
        {"AQ.AIAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "serial"},    /* 21 after the zero */
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct certificate_id id = {0};
        struct err_info why = {0};
        assert_int_equal(certificate_id_read(a, span_of(rows[i].text), &id, &why),
                         ERR_MALFORMED);
        if (strstr(why.detail, rows[i].words) == NULL)
            fail_msg("\"%s\": \"%s\" is not in \"%s\"", rows[i].text, rows[i].words,
                     why.detail);
        assert_null(id.key_id.data);
    }
}

static void bounds(void **state)
{
    uint8_t ones[CERTIFICATE_ID_KEY_MAX + 1];
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    memset(ones, 0xff, sizeof ones);
    struct certificate_id id = {span_make(ones, CERTIFICATE_ID_KEY_MAX),
                                span_make(ones, CERTIFICATE_ID_SERIAL_MAX)};
    struct err_info why = {0};
    char *text = certificate_id_text(a, &id);
    assert_int_equal(strlen(text), CERTIFICATE_ID_TEXT_MAX);
    assert_int_equal(certificate_id_read(a, span_of(text), &id, &why), ERR_OK);
    text = arena_printf(a, "%s_", text);
    assert_int_equal(certificate_id_read(a, span_of(text), &id, &why), ERR_MALFORMED);
    id.key_id.len = CERTIFICATE_ID_KEY_MAX + 1;
    id.key_id.data = ones;
    assert_null(certificate_id_text(a, &id));
    id.key_id.len = 0;
    assert_null(certificate_id_text(a, &id));
    id.key_id.len = 1;
    id.serial = span_make(ones, CERTIFICATE_ID_SERIAL_MAX + 1);
    assert_null(certificate_id_text(a, &id));
    id.serial.len = 0;
    assert_null(certificate_id_text(a, &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(refused),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
