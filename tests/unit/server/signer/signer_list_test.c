/* Tests of server/signer/signer_core: revocation lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/x509/certificate.h"
#include "core/x509/crl.h"
#include "server/issue/template.h"
#include "server/signer/signer_core.h"
#include "signer_fixture.h"

/* By the issuer they name; their numbers grow. X-CRL-2 */
static void lists(void **state)
{
    struct signer_core *core = NULL;
    uint8_t signature[KEY_SIGNATURE_MAX];
    struct certificate *by = NULL;
    struct span der = {0};
    struct err_info why = {0};
    size_t count = 0;
    size_t len = 0;
    int64_t later = clock_now() + 7 * 86400;

    (void)state;
    assert_int_equal(signer_fixture_open(&core, -1), ERR_OK);
    struct span tbs = signer_fixture_list(&fixture.issuer, 7, later, NULL);
    assert_int_equal(signer_fixture_sign_list(core, tbs, signature, &len, &why), ERR_OK);
    assert_int_equal(certificate_from_pem(fixture.arena, fixture.ca.intermediate_pem,
                                          &der, 1, &count, NULL),
                     ERR_OK);
    assert_int_equal(certificate_read(fixture.arena, der, &by, NULL), ERR_OK);
    AUTO(key) struct key *key = NULL;
    assert_int_equal(key_from_spki(by->spki, &key, NULL), ERR_OK);
    assert_int_equal(key_verify(key, fixture.issuer.signature_kind, tbs,
                                span_make(signature, len), NULL),
                     ERR_OK);
    /* again, but no other list of that number */
    assert_int_equal(signer_fixture_sign_list(core, tbs, signature, &len, &why), ERR_OK);
    assert_int_equal(signer_fixture_sign_list(
                         core, signer_fixture_list(&fixture.issuer, 7, later - 1, NULL),
                         signature, &len, &why),
                     ERR_CONFLICT);
    assert_int_equal(signer_fixture_sign_list(
                         core, signer_fixture_list(&fixture.issuer, 6, later, NULL),
                         signature, &len, &why),
                     ERR_CONFLICT);
    assert_int_equal(signer_fixture_sign_list(
                         core, signer_fixture_list(&fixture.issuer, 8, later, NULL),
                         signature, &len, &why),
                     ERR_OK);
    /* two were read before one of them was signed */
    struct signer_list one = {0};
    struct signer_list two = {0};
    struct span nine = signer_fixture_list(&fixture.issuer, 9, later, NULL);
    assert_int_equal(signer_core_read_list(core, nine, &one, &why), ERR_OK);
    assert_int_equal(
        signer_core_read_list(
            core, signer_fixture_list(&fixture.issuer, 9, later - 1, NULL), &two, &why),
        ERR_OK);
    assert_int_equal(one.number, 9);
    assert_true(span_equal(one.key_id, fixture.issuer.key_id));
    uint8_t digest[HASH_SHA256_SIZE];
    hash_sha256(nine, digest);
    assert_memory_equal(one.digest, digest, sizeof digest);
    assert_int_equal(signer_core_sign_list(core, &one, signature, &len, &why), ERR_OK);
    assert_int_equal(signer_core_sign_list(core, &two, signature, &len, &why),
                     ERR_CONFLICT);
    struct template_issuer nobody = fixture.issuer;
    nobody.key_id = span_of("nobody's");
    assert_int_equal(
        signer_fixture_sign_list(core, signer_fixture_list(&nobody, 9, later, NULL),
                                 signature, &len, &why),
        ERR_LINT);
    signer_core_free(core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, signer_fixture_set_up, signer_fixture_tear_down);
}
