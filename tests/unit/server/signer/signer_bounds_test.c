/* Tests of server/signer/signer_core: what a front that was taken over could ask for to
 * the harm of those that come after it. */
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
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/x509/certificate.h"
#include "core/x509/crl.h"
#include "core/x509/oid.h"
#include "server/issue/template.h"
#include "server/signer/signer_core.h"

#define LIFETIME INT64_C(7776000)

static struct arena *arena;
static struct hierarchy ca;
static struct template_issuer issuer;
static struct key *subject;
static struct lint_profile profile;
static char journal[64];

static enum err open_core(struct signer_core **core, int journal_fd)
{
    const struct signer_issuer one = {
        .certificate_pem = ca.intermediate_pem,
        .key_pem = span_make(ca.intermediate_key_pem.data, ca.intermediate_key_pem.len),
        .key_name = "one.key"};
    const struct signer_options options = {.issuers = &one,
                                           .issuer_count = 1,
                                           .profiles = &profile,
                                           .profile_count = 1,
                                           .journal_fd = journal_fd,
                                           .lists_fd = -1};

    return signer_core_new(&options, core, NULL);
}

static int open_journal(void)
{
    return open(journal, O_WRONLY | O_APPEND | O_CREAT, 0600);
}

static struct span tbs_of(const uint8_t serial[SERIAL_SIZE])
{
    static const char *const name = "a.flow.test";
    const struct span usage = oid_octets(OID_SERVER_AUTH);
    struct template_leaf leaf = {.usages = {&usage, 1},
                                 .not_before = clock_now() - 60,
                                 .dns_names = &name,
                                 .dns_name_count = 1,
                                 .spki = key_spki(subject),
                                 .key_type = KEY_P256};
    struct span tbs = {0};

    memcpy(leaf.serial, serial, SERIAL_SIZE);
    leaf.not_after = leaf.not_before + LIFETIME - 1;
    assert_int_equal(template_leaf_write(arena, &issuer, &leaf, &tbs, NULL), ERR_OK);
    return tbs;
}

static struct span list_of(uint64_t number, int64_t next_update)
{
    const struct crl_head head = {.issuer = issuer.name,
                                  .key_id = issuer.key_id,
                                  .signature_kind = issuer.signature_kind,
                                  .this_update = clock_now() - 60,
                                  .next_update = next_update,
                                  .number = number};
    AUTO(buf) struct buf all = buf_make(4096);
    struct span front, tail;

    assert_int_equal(crl_tail_write(arena, &head, &tail, NULL), ERR_OK);
    assert_int_equal(crl_head_write(arena, &head, 0, tail.len, &front, NULL), ERR_OK);
    buf_add_span(&all, front);
    buf_add_span(&all, tail);
    return arena_span(arena, buf_span(&all));
}

static enum err sign_list(struct signer_core *core, struct span tbs, uint8_t *signature,
                          size_t *len, struct err_info *why)
{
    struct signer_list list = {0};
    enum err result = signer_core_read_list(core, tbs, &list, why);

    return result == ERR_OK ? signer_core_sign_list(core, &list, signature, len, why)
                            : result;
}

/* Numbers and serials of far ahead would leave none for those that come after. */
static void far_ahead(void **state)
{
    struct signer_core *core = NULL;
    uint8_t signature[KEY_SIGNATURE_MAX];
    uint8_t serial[SERIAL_SIZE];
    struct span der = {0};
    size_t len = 0;
    int64_t later = clock_now() + 7 * 86400;
    const uint64_t now_ms = (uint64_t)clock_now_ms();
    const uint64_t year_ms = UINT64_C(366) * 86400000;

    (void)state;
    assert_int_equal(open_core(&core, -1), ERR_OK);
    assert_int_equal(sign_list(core, list_of(UINT64_MAX, later), signature, &len, NULL),
                     ERR_TOO_LARGE);
    assert_int_equal(
        sign_list(core, list_of(now_ms + 11 * year_ms, later), signature, &len, NULL),
        ERR_TOO_LARGE);
    assert_int_equal(
        sign_list(core, list_of(now_ms + 9 * year_ms, later), signature, &len, NULL),
        ERR_OK);
    assert_int_equal(sign_list(core, list_of(now_ms, later), signature, &len, NULL),
                     ERR_CONFLICT);
    serial_make(clock_now() + 2 * 86400, serial);
    assert_int_equal(signer_core_sign(core, arena, LINT_CERTIFICATE, span_of("test"),
                                      tbs_of(serial), &der, NULL),
                     ERR_LINT);
    serial_make(clock_now() + 3600, serial);
    assert_int_equal(signer_core_sign(core, arena, LINT_CERTIFICATE, span_of("test"),
                                      tbs_of(serial), &der, NULL),
                     ERR_OK);
    signer_core_free(core);
}

/* What is asked again takes no second line, so that the end of the journal that is read
 * at a start is known to hold enough of them. */
static void asked_again(void **state)
{
    struct signer_core *core = NULL;
    struct span der = {0}, first = {0}, then = {0};
    uint8_t serial[SERIAL_SIZE];

    (void)state;
    serial_make(clock_now(), serial);
    struct span tbs = tbs_of(serial);
    (void)unlink(journal);
    assert_int_equal(open_core(&core, open_journal()), ERR_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(signer_core_sign(core, arena, LINT_CERTIFICATE, span_of("test"),
                                          tbs, &der, NULL),
                         ERR_OK);
        assert_int_equal(file_read(arena, journal, 10000, i == 0 ? &first : &then, NULL),
                         ERR_OK);
    }
    assert_true(first.len > 0 && span_equal(first, then));
    signer_core_free(core);
    (void)unlink(journal);
}

static int set_up(void **state)
{
    static const struct lint_key p256 = {KEY_P256, 0};
    static struct span usage;
    struct span der = {0};
    size_t count = 0;

    (void)state;
    arena = arena_new();
    usage = oid_octets(OID_SERVER_AUTH);
    profile = (struct lint_profile){.name = "test",
                                    .lifetime = LIFETIME,
                                    .keys = &p256,
                                    .key_count = 1,
                                    .key_usage = 1,
                                    .usages = &usage,
                                    .usage_count = 1,
                                    .names_most = 1,
                                    .name_types = LINT_NAMES_DNS};
    (void)snprintf(journal, sizeof journal, "/tmp/cairn-bounds.%ld", (long)getpid());
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
        cmocka_unit_test(far_ahead),
        cmocka_unit_test(asked_again),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
