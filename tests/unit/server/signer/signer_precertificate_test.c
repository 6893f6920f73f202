/* Tests of server/signer/signer_core: precertificates and their certificates (RFC 6962
 * 3.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/x509/certificate.h"
#include "core/x509/oid.h"
#include "server/issue/template.h"
#include "server/signer/signer_core.h"
#include "server/transparency/precertificate.h"
#include "server/transparency/sct.h"
#include "signer_fixture.h"

static struct span write_tbs(const uint8_t serial[SERIAL_SIZE], const char *name,
                             bool poison)
{
    struct template_leaf leaf = signer_fixture_leaf(serial, &name);

    leaf.poison = poison;
    return signer_fixture_write(&fixture.issuer, &leaf);
}

static const uint8_t log_id[HASH_SHA256_SIZE] = {7};

/* A list with one timestamp, whose signature that is. */
static struct span stamp(struct span pre, const char *signature)
{
    const struct sct one = {.log_id = span_make(log_id, HASH_SHA256_SIZE),
                            .timestamp = 1800000000000,
                            .hash = 4,
                            .algorithm = 3,
                            .signature = span_of(signature)};
    const struct span timestamp = sct_write(fixture.arena, &one);
    struct span tbs = {0};

    assert_int_equal(precertificate_stamp(fixture.arena, pre,
                                          sct_list_write(fixture.arena, &timestamp, 1),
                                          &tbs, NULL),
                     ERR_OK);
    return tbs;
}

static enum err sign(struct signer_core *core, enum lint_kind kind, struct span tbs)
{
    struct span der = {0};

    return signer_core_sign(core, fixture.arena, kind, span_of("test"), tbs, &der, NULL);
}

/* X-CT-1: a certificate with timestamps is signed if just its precertificate was, and
 * then no other is; also by a signer that was started again. */
static void precertificates(void **state)
{
    struct signer_core *core = NULL;
    uint8_t serial[SERIAL_SIZE];

    (void)state;
    (void)unlink(fixture.journal);
    serial_make(clock_now(), serial);
    const struct span pre = write_tbs(serial, "a.flow.test", true);
    const struct span other = write_tbs(serial, "b.flow.test", true);
    const struct span plain = write_tbs(serial, "a.flow.test", false);
    assert_int_equal(signer_fixture_open(&core, signer_fixture_journal()), ERR_OK);
    assert_int_equal(sign(core, LINT_CERTIFICATE, pre), ERR_LINT);
    assert_int_equal(sign(core, LINT_PRECERTIFICATE, plain), ERR_LINT);
    assert_int_equal(sign(core, LINT_PRECERTIFICATE, stamp(pre, "signature 1")),
                     ERR_LINT);
    assert_int_equal(sign(core, LINT_CERTIFICATE, stamp(pre, "signature 1")),
                     ERR_CONFLICT);
    assert_int_equal(sign(core, LINT_PRECERTIFICATE, pre), ERR_OK);
    for (int restart = 0; restart < 3; restart++) {
        signer_core_free(core);
        assert_int_equal(signer_fixture_open(&core, signer_fixture_journal()), ERR_OK);
        assert_int_equal(sign(core, LINT_PRECERTIFICATE, pre), ERR_OK);
        assert_int_equal(sign(core, LINT_PRECERTIFICATE, other), ERR_CONFLICT);
        assert_int_equal(sign(core, LINT_CERTIFICATE, plain), ERR_CONFLICT);
        assert_int_equal(sign(core, LINT_CERTIFICATE, stamp(other, "signature 1")),
                         ERR_CONFLICT);
        if (restart == 0)
            continue;
        assert_int_equal(sign(core, LINT_CERTIFICATE, stamp(pre, "signature 1")), ERR_OK);
        assert_int_equal(sign(core, LINT_CERTIFICATE, stamp(pre, "signature 2")),
                         ERR_CONFLICT);
    }
    signer_core_free(core);
    (void)unlink(fixture.journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precertificates),
    };
    return cmocka_run_group_tests(tests, signer_fixture_set_up, signer_fixture_tear_down);
}
