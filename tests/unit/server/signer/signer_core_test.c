/* Tests of server/signer/signer_core: it signs what it has linted itself, each serial for
 * one certificate, and notes it first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/x509/certificate.h"
#include "core/x509/oid.h"
#include "server/issue/template.h"
#include "server/signer/signer_core.h"
#include "signer_fixture.h"

static struct span fresh_tbs(const char *name)
{
    uint8_t serial[SERIAL_SIZE];

    serial_make(clock_now(), serial);
    return signer_fixture_tbs(serial, name, &fixture.issuer);
}

static void signs(void **state)
{
    struct signer_core *core = NULL;
    struct certificate *c = NULL;
    struct span der = {0};
    struct span tbs = fresh_tbs("a.flow.test");

    (void)state;
    assert_int_equal(signer_fixture_open(&core, -1), ERR_OK);
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                      span_of("test"), tbs, &der, NULL),
                     ERR_OK);
    assert_int_equal(certificate_read(fixture.arena, der, &c, NULL), ERR_OK);
    assert_true(span_equal(c->tbs, tbs));
    struct span chain[2] = {der, {0}};
    size_t count = 0;
    assert_int_equal(certificate_from_pem(fixture.arena, fixture.ca.intermediate_pem,
                                          &chain[1], 1, &count, NULL),
                     ERR_OK);
    assert_int_equal(certificate_check_chain(chain, 2, fixture.ca.root_pem, "a.flow.test",
                                             clock_now(), NULL),
                     ERR_OK);
    signer_core_free(core);
    signer_core_free(NULL);
}

/* Each with the key of the issuer it names, though both have one name. */
static void several_issuers(void **state)
{
    struct signer_core *core = NULL;
    struct template_issuer from = {0};
    struct span chain[2] = {{0}};
    size_t count = 0;

    (void)state;
    assert_int_equal(signer_fixture_open(&core, -1), ERR_OK);
    assert_int_equal(certificate_from_pem(fixture.arena, fixture.second.intermediate_pem,
                                          &chain[1], 1, &count, NULL),
                     ERR_OK);
    assert_int_equal(template_issuer_read(fixture.arena, chain[1], &from, NULL), ERR_OK);
    assert_true(span_equal(from.name, fixture.issuer.name));
    uint8_t serial[SERIAL_SIZE];
    serial_make(clock_now(), serial);
    struct span tbs = signer_fixture_tbs(serial, "b.flow.test", &from);
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                      span_of("test"), tbs, &chain[0], NULL),
                     ERR_OK);
    assert_int_equal(certificate_check_chain(chain, 2, fixture.second.root_pem,
                                             "b.flow.test", clock_now(), NULL),
                     ERR_OK);
    assert_int_not_equal(certificate_check_chain(chain, 2, fixture.ca.root_pem,
                                                 "b.flow.test", clock_now(), NULL),
                         ERR_OK);
    signer_core_free(core);
}

/* V-LINT-1: Any octet changed: refused, or what is signed is exactly what was asked for
 * and good by the lint. */
static void tampered(void **state)
{
    struct signer_core *core = NULL;
    struct span good = fresh_tbs("a.flow.test");
    size_t refused = 0;

    (void)state;
    assert_int_equal(signer_fixture_open(&core, -1), ERR_OK);
    for (size_t i = 0; i < good.len; i++) {
        uint8_t *octets = arena_copy(fixture.arena, good.data, good.len);
        struct span der = {0};
        octets[i] ^= 0x80;
        if (signer_core_sign(core, fixture.arena, LINT_CERTIFICATE, span_of("test"),
                             span_make(octets, good.len), &der, NULL) != ERR_OK) {
            refused++;
            assert_int_equal(der.len, 0);
        }
    }
    /* free to change are eleven random octets of the serial, four of its time, the name's
     * and the subject key's identifier */
    assert_true(refused > good.len - 60);
    for (size_t len = 0; len < good.len; len += 7) {
        struct span der = {0};
        assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                          span_of("test"), span_slice(good, 0, len), &der,
                                          NULL),
                         ERR_LINT);
    }
    signer_core_free(core);
}

static void other_issuer(void **state)
{
    AUTO(hierarchy) struct hierarchy other = {0};
    struct signer_core *core = NULL;
    struct template_issuer from = {0};
    uint8_t serial[SERIAL_SIZE];
    struct span ders[1];
    size_t count = 0;
    struct span der = {0};

    (void)state;
    assert_int_equal(signer_fixture_open(&core, -1), ERR_OK);
    assert_int_equal(
        hierarchy_make(fixture.arena, "Other", clock_now(), NULL, &other, NULL), ERR_OK);
    assert_int_equal(certificate_from_pem(fixture.arena, other.intermediate_pem, ders, 1,
                                          &count, NULL),
                     ERR_OK);
    assert_int_equal(template_issuer_read(fixture.arena, ders[0], &from, NULL), ERR_OK);
    serial_make(clock_now(), serial);
    assert_int_equal(
        signer_core_sign(core, fixture.arena, LINT_CERTIFICATE, span_of("test"),
                         signer_fixture_tbs(serial, "a.flow.test", &from), &der, NULL),
        ERR_LINT);
    /* the same name, but another key's identifier */
    from.name = fixture.issuer.name;
    assert_int_equal(
        signer_core_sign(core, fixture.arena, LINT_CERTIFICATE, span_of("test"),
                         signer_fixture_tbs(serial, "a.flow.test", &from), &der, NULL),
        ERR_LINT);
    signer_core_free(core);
}

static void lifetime(void **state)
{
    struct signer_core *core = NULL;
    struct span der = {0};
    struct span tbs = fresh_tbs("a.flow.test");

    (void)state;
    assert_int_equal(signer_fixture_open(&core, -1), ERR_OK);
    struct lint_profile shorter = fixture.profile;
    shorter.lifetime = SIGNER_FIXTURE_LIFETIME - 1;
    signer_core_set_profiles(core, &shorter, 1, NULL);
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                      span_of("test"), tbs, &der, NULL),
                     ERR_LINT);
    signer_core_set_profiles(core, &fixture.profile, 1, NULL);
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                      span_of("test"), tbs, &der, NULL),
                     ERR_OK);
    signer_core_free(core);
}

/* A profile that is not in the settings, or not there any more; a kind that is not that
 * of the octets. */
static void profiles(void **state)
{
    struct signer_core *core = NULL;
    struct err_info why = {0};
    struct span der = {0};
    struct span tbs = fresh_tbs("a.flow.test");

    (void)state;
    assert_int_equal(signer_fixture_open(&core, -1), ERR_OK);
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                      span_of("other"), tbs, &der, &why),
                     ERR_LINT);
    assert_non_null(strstr(why.detail, "rule_profile "));
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_PRECERTIFICATE,
                                      span_of("test"), tbs, &der, &why),
                     ERR_LINT);
    assert_non_null(strstr(why.detail, "rule_poison "));
    signer_core_set_profiles(core, NULL, 0, NULL);
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                      span_of("test"), tbs, &der, &why),
                     ERR_LINT);
    assert_int_equal(der.len, 0);
    signer_core_free(core);
}

/* X-GEN-4: One serial, one certificate: also after a restart, with the journal as it was
 * left. */
static void a_serial_twice(void **state)
{
    struct signer_core *core = NULL;
    uint8_t serial[SERIAL_SIZE];
    struct span der = {0};
    struct span again = {0};

    (void)state;
    (void)unlink(fixture.journal);
    serial_make(clock_now(), serial);
    struct span one = signer_fixture_tbs(serial, "a.flow.test", &fixture.issuer);
    struct span other = signer_fixture_tbs(serial, "b.flow.test", &fixture.issuer);
    assert_int_equal(signer_fixture_open(&core, signer_fixture_journal()), ERR_OK);
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                      span_of("test"), one, &der, NULL),
                     ERR_OK);
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                      span_of("test"), other, &again, NULL),
                     ERR_CONFLICT);
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                      span_of("test"), one, &again, NULL),
                     ERR_OK);
    signer_core_free(core);
    for (int restart = 0; restart < 2; restart++) {
        assert_int_equal(signer_fixture_open(&core, signer_fixture_journal()), ERR_OK);
        assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                          span_of("test"), other, &again, NULL),
                         ERR_CONFLICT);
        assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                          span_of("test"), one, &again, NULL),
                         ERR_OK);
        signer_core_free(core);
    }
    (void)unlink(fixture.journal);
}

/* Noted before it is signed; when it cannot be noted it is not signed. */
static void noted(void **state)
{
    struct signer_core *core = NULL;
    uint8_t digest[HASH_SHA256_SIZE];
    char hex[2 * HASH_SHA256_SIZE + 1];
    struct span content = {0};
    struct span der = {0};
    struct span tbs = fresh_tbs("a.flow.test");

    (void)state;
    (void)unlink(fixture.journal);
    assert_int_equal(signer_fixture_open(&core, signer_fixture_journal()), ERR_OK);
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                      span_of("test"), tbs, &der, NULL),
                     ERR_OK);
    assert_int_equal(file_read(fixture.arena, fixture.journal, 1000, &content, NULL),
                     ERR_OK);
    hash_sha256(tbs, digest);
    text_hex(hex, digest, sizeof digest);
    assert_non_null(strstr((const char *)content.data, hex));
    /* what is refused is not noted */
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                      span_of("test"), span_of("x"), &der, NULL),
                     ERR_LINT);
    struct span after = {0};
    assert_int_equal(file_read(fixture.arena, fixture.journal, 1000, &after, NULL),
                     ERR_OK);
    assert_true(span_equal(content, after));
    signer_core_free(core);
    (void)unlink(fixture.journal);
    int full = open("/dev/full", O_WRONLY);
    assert_true(full >= 0);
    assert_int_equal(signer_fixture_open(&core, full), ERR_OK);
    der = span_make(NULL, 0);
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                      span_of("test"), tbs, &der, NULL),
                     ERR_IO);
    assert_int_equal(der.len, 0);
    signer_core_free(core);
}

/* Certificate and key that do not belong together, no key, a root that is no CA. */
static void wrong_parts(void **state)
{
    struct signer_core *core = NULL;
    struct err_info why = {0};
    struct signer_issuer issuers[] = {
        {fixture.ca.intermediate_pem,
         signer_fixture_key(&fixture.ca.intermediate_key_pem), "one.key",
         fixture.ca.root_pem},
        {fixture.ca.intermediate_pem, signer_fixture_key(&fixture.ca.root_key_pem),
         "two.key", fixture.second.root_pem}};
    struct signer_options options = {.issuers = issuers,
                                     .issuer_count = 2,
                                     .profiles = &fixture.profile,
                                     .profile_count = 1,
                                     .journal_fd = -1,
                                     .lists_fd = -1};

    (void)state;
    assert_int_equal(signer_core_new(&options, &core, &why), ERR_CONFIG);
    assert_non_null(strstr(why.detail, "two.key"));
    issuers[1].key_pem = span_of("x");
    assert_int_equal(signer_core_new(&options, &core, NULL), ERR_CRYPTO);
    issuers[1].certificate_pem = span_of("x");
    assert_int_equal(signer_core_new(&options, &core, NULL), ERR_MALFORMED);
    assert_null(core);
}

/* X-CA-4: the name constraints of a root bind what is signed below it, if it is the only
 * one that is known. */
static void constrained_root(void **state)
{
    static const struct span dns[] = {{(const uint8_t *)"corp.test", 9}};
    const struct name_constraints constraints = {
        .permitted = {.dns = dns, .dns_count = 1}};
    const struct template_name name = {.common_name = "Narrow Root"};
    struct hierarchy_wish wish = {
        .now = clock_now(), .path_length = -1, .constraints = &constraints};
    AUTO(key) struct key *key = NULL;
    AUTO(buf) struct buf several = buf_make(65536);
    struct signer_core *core = NULL;
    struct err_info why = {0};
    struct span root = {0};
    struct span der = {0};

    (void)state;
    assert_int_equal(hierarchy_key_make("p256", &key, NULL), ERR_OK);
    assert_int_equal(template_name_write(fixture.arena, &name, &wish.subject, NULL),
                     ERR_OK);
    assert_int_equal(hierarchy_root(fixture.arena, key, &wish, &root, &why), ERR_OK);
    struct signer_issuer from = {fixture.ca.intermediate_pem,
                                 signer_fixture_key(&fixture.ca.intermediate_key_pem),
                                 "one.key", hierarchy_pem(fixture.arena, root)};
    const struct signer_options options = {.issuers = &from,
                                           .issuer_count = 1,
                                           .profiles = &fixture.profile,
                                           .profile_count = 1,
                                           .journal_fd = -1,
                                           .lists_fd = -1};
    assert_int_equal(signer_core_new(&options, &core, NULL), ERR_OK);
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                      span_of("test"), fresh_tbs("a.flow.test"), &der,
                                      &why),
                     ERR_LINT);
    assert_non_null(strstr(why.detail, "rule_name_constraints"));
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                      span_of("test"), fresh_tbs("a.corp.test"), &der,
                                      NULL),
                     ERR_OK);
    signer_core_free(core);
    buf_add_span(&several, from.root_pem);
    buf_add_span(&several, fixture.ca.root_pem);
    from.root_pem = buf_span(&several);
    assert_int_equal(signer_core_new(&options, &core, NULL), ERR_OK);
    assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                      span_of("test"), fresh_tbs("a.flow.test"), &der,
                                      NULL),
                     ERR_OK);
    signer_core_free(core);
    from.root_pem = span_of("x");
    assert_int_equal(signer_core_new(&options, &core, NULL), ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs),           cmocka_unit_test(tampered),
        cmocka_unit_test(several_issuers), cmocka_unit_test(other_issuer),
        cmocka_unit_test(lifetime),        cmocka_unit_test(profiles),
        cmocka_unit_test(a_serial_twice),  cmocka_unit_test(noted),
        cmocka_unit_test(wrong_parts),     cmocka_unit_test(constrained_root),
    };
    return cmocka_run_group_tests(tests, signer_fixture_set_up, signer_fixture_tear_down);
}
