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

#include "../hierarchy_fixture.h"

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/x509/certificate.h"
#include "core/x509/oid.h"
#include "server/issue/template.h"
#include "server/signer/signer_core.h"
#include "server/transparency/precertificate.h"
#include "server/transparency/sct.h"

#define LIFETIME INT64_C(7776000)

static struct arena *arena;
static struct hierarchy ca;
static struct template_issuer issuer;
static struct key *subject;
static struct lint_profile profile;
static char journal[64];

static struct span span_of_secret(const struct secret *s)
{
    return span_make(s->data, s->len);
}

static enum err open_core(struct signer_core **core, int journal_fd)
{
    const struct signer_issuer issuers[] = {{ca.intermediate_pem,
                                             span_of_secret(&ca.intermediate_key_pem),
                                             "one.key", ca.root_pem}};
    struct signer_options options = {.issuers = issuers,
                                     .issuer_count = 1,
                                     .profiles = &profile,
                                     .profile_count = 1,
                                     .journal_fd = journal_fd,
                                     .lists_fd = -1};

    if (journal_fd >= 0 && file_exists(journal) &&
        file_read(arena, journal, 1000000, &options.journal, NULL) != ERR_OK)
        return ERR_IO;
    return signer_core_new(&options, core, NULL);
}

static int open_journal(void)
{
    return open(journal, O_WRONLY | O_APPEND | O_CREAT, 0600);
}

static struct span write_tbs(const uint8_t serial[SERIAL_SIZE], const char *name,
                             bool poison)
{
    const struct span usage = oid_octets(OID_SERVER_AUTH);
    const struct span policy = oid_octets(OID_DOMAIN_VALIDATED);
    struct template_leaf leaf = {.usages = {&usage, 1},
                                 .policies = {&policy, 1},
                                 .not_before = clock_now() - 60,
                                 .dns_names = &name,
                                 .dns_name_count = 1,
                                 .spki = key_spki(subject),
                                 .key_type = KEY_P256,
                                 .poison = poison};
    struct span tbs = {0};

    memcpy(leaf.serial, serial, SERIAL_SIZE);
    leaf.not_after = leaf.not_before + LIFETIME - 1;
    assert_int_equal(template_leaf_write(arena, &issuer, &leaf, &tbs, NULL), ERR_OK);
    return tbs;
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
    const struct span timestamp = sct_write(arena, &one);
    struct span tbs = {0};

    assert_int_equal(precertificate_stamp(
                         arena, pre, sct_list_write(arena, &timestamp, 1), &tbs, NULL),
                     ERR_OK);
    return tbs;
}

static enum err sign(struct signer_core *core, enum lint_kind kind, struct span tbs)
{
    struct span der = {0};

    return signer_core_sign(core, arena, kind, span_of("test"), tbs, &der, NULL);
}

/* X-CT-1: a certificate with timestamps is signed if just its precertificate was, and
 * then no other is; also by a signer that was started again. */
static void precertificates(void **state)
{
    struct signer_core *core = NULL;
    uint8_t serial[SERIAL_SIZE];

    (void)state;
    (void)unlink(journal);
    serial_make(clock_now(), serial);
    const struct span pre = write_tbs(serial, "a.flow.test", true);
    const struct span other = write_tbs(serial, "b.flow.test", true);
    const struct span plain = write_tbs(serial, "a.flow.test", false);
    assert_int_equal(open_core(&core, open_journal()), ERR_OK);
    assert_int_equal(sign(core, LINT_CERTIFICATE, pre), ERR_LINT);
    assert_int_equal(sign(core, LINT_PRECERTIFICATE, plain), ERR_LINT);
    assert_int_equal(sign(core, LINT_PRECERTIFICATE, stamp(pre, "signature 1")),
                     ERR_LINT);
    assert_int_equal(sign(core, LINT_CERTIFICATE, stamp(pre, "signature 1")),
                     ERR_CONFLICT);
    assert_int_equal(sign(core, LINT_PRECERTIFICATE, pre), ERR_OK);
    for (int restart = 0; restart < 3; restart++) {
        signer_core_free(core);
        assert_int_equal(open_core(&core, open_journal()), ERR_OK);
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
    (void)unlink(journal);
}

static int set_up(void **state)
{
    struct span der = {0};
    size_t count = 0;
    static struct span usage;
    static struct span policy;
    static const struct lint_key p256 = {KEY_P256, 0};

    (void)state;
    arena = arena_new();
    usage = oid_octets(OID_SERVER_AUTH);
    policy = oid_octets(OID_DOMAIN_VALIDATED);
    profile = (struct lint_profile){.name = "test",
                                    .lifetime = LIFETIME,
                                    .keys = &p256,
                                    .key_count = 1,
                                    .key_usage = 1,
                                    .usages = &usage,
                                    .usage_count = 1,
                                    .policies = &policy,
                                    .policy_count = 1,
                                    .names_most = 1,
                                    .name_types = LINT_NAMES_DNS};
    (void)snprintf(journal, sizeof journal, "/tmp/cairn-pre-journal.%ld", (long)getpid());
    if (hierarchy_make(arena, "Test", clock_now(), NULL, &ca, NULL) != ERR_OK ||
        certificate_from_pem(arena, ca.intermediate_pem, &der, 1, &count, NULL) !=
            ERR_OK ||
        template_issuer_read(arena, der, &issuer, NULL) != ERR_OK)
        return -1;
    return key_generate(KEY_P256, 0, &subject, NULL) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(journal);
    key_free(subject);
    hierarchy_free(&ca);
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precertificates),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
