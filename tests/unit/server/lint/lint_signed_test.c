/* Tests of server/lint: encodings, and what was signed is judged again. */
#include "core/x509/certificate.h"
#include "lint_parts.h"

/* X-TLS-17, 18, 25 */
static void algorithms(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
    } signatures[] = {
#define ROW(octets) {octets, sizeof(octets) - 1}
        ROW("\x30\x0c\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00"),     /* NULL */
        ROW("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"),         /* without */
        ROW("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00"), /* SHA-1 */
        ROW("\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x04\x01"),
    };
    static const struct {
        const char *octets;
        size_t len;
    } keys[] = {
        ROW(EMPTY),
        ROW("\x30\x11\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x03\x02\x00"
            "\x00"),
        /* RSASSA-PSS */
        ROW("\x30\x11\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x03\x02\x00"
            "\x00"),
        /* an EC key with parameters of its own, and one of another curve */
        ROW("\x30\x11\x30\x0b\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x30\x00\x03\x02\x00"
            "\x00"),
        ROW("\x30\x16\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00"
            "\x0a\x03\x02\x00\x00"),
#undef ROW
    };

    (void)state;
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        struct parts p = good();
        p.algorithm = span_make(signatures[i].octets, signatures[i].len);
        assert_broken(&p, "rule_algorithm_encoding");
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct parts p = good();
        p.spki = span_make(keys[i].octets, keys[i].len);
        assert_broken(&p, "rule_key_encoding");
    }
}

/* X-GEN-10: inside an extension too. */
static void encodings(void **state)
{
    static const char unordered[] =
        "\x30\x18\x31\x16\x30\x09\x06\x03\x55\x04\x0a\x0c\x02yy"
        "\x30\x09\x06\x03\x55\x04\x03\x0c\x02xx";
    struct parts p = good();

    (void)state;
    p.subject = span_make(unordered, sizeof unordered - 1);
    assert_broken(&p, "rule_der");
    p = good();
    p.extensions[AT_POLICY] =
        EXTENSION(/* a long length */
                  OID_CERTIFICATE_POLICIES, false,
                  "\x30\x81\x0a\x30\x08\x06\x06\x67\x81\x0c\x01\x02\x01");
    assert_broken(&p, "rule_der");
    p.extensions[AT_POLICY] =
        EXTENSION(/* two values */
                  OID_CERTIFICATE_POLICIES, false, POLICY "\x05\x00");
    assert_broken(&p, "rule_der");
    p.extensions[AT_POLICY] = EXTENSION(/* an identifier with a leading zero */
                                        OID_CERTIFICATE_POLICIES, false,
                                        "\x30\x07\x30\x05\x06\x03\x80\x81\x0c");
    assert_broken(&p, "rule_der");
    p.extensions[AT_POLICY] = EXTENSION(OID_CERTIFICATE_POLICIES, false, "");
    assert_broken(&p, "rule_der");
}

static struct span sign(const struct key *key, struct span tbs, uint8_t *signature,
                        size_t *len)
{
    assert_int_equal(key_sign(key, KEY_SIGNATURE_ECDSA_SHA256, tbs, signature, len, NULL),
                     ERR_OK);
    return template_assemble(arena, tbs, KEY_SIGNATURE_ECDSA_SHA256,
                             span_make(signature, *len));
}

/* V-LINT-1: Of what was signed, every octet counts. */
static void what_was_signed(void **state)
{
    const struct lint_pass *pass = NULL;
    struct parts p = good();
    struct span tbs = put_together(&p);
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;

    (void)state;
    assert_int_equal(lint_tbs(arena, &question, tbs, &pass, NULL), ERR_OK);
    struct span der = sign(issuer.key, tbs, signature, &len);
    assert_int_equal(lint_signed(arena, &question, pass, der, NULL), ERR_OK);
    /* X-GEN-5 is one of these */
    for (size_t i = 0; i < der.len; i++) {
        uint8_t *other = arena_copy(arena, der.data, der.len);
        other[i] ^= 1;
        assert_int_equal(
            lint_signed(arena, &question, pass, span_make(other, der.len), NULL),
            ERR_LINT);
        assert_int_equal(lint_signed(arena, &question, pass, span_slice(der, 0, i), NULL),
                         ERR_LINT);
    }
    /* a good certificate, but not of these octets */
    p.serial = span_of("\x2b-16-octets-here");
    struct span another = sign(issuer.key, put_together(&p), signature, &len);
    assert_int_equal(lint_signed(arena, &question, pass, another, NULL), ERR_LINT);
    /* the right octets, signed by another key */
    AUTO(key) struct key *stranger = NULL;
    assert_int_equal(key_generate(KEY_P256, 0, &stranger, NULL), ERR_OK);
    struct span foreign = sign(stranger, tbs, signature, &len);
    assert_int_equal(lint_signed(arena, &question, pass, foreign, NULL), ERR_LINT);
}

int lint_signed_run(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(algorithms),
        TEST(encodings),
        TEST(what_was_signed),
    };
#undef TEST
    return cmocka_run_group_tests_name("signed", tests, NULL, NULL);
}
