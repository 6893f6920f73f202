/* The signer's beginnings; see signer_fixture.h. */
#include "signer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/x509/certificate.h"
#include "core/x509/oid.h"

#define LIST_MAX    4096
#define JOURNAL_MAX 1000000

struct signer_fixture fixture;

struct span signer_fixture_key(const struct secret *pem)
{
    return span_make(pem->data, pem->len);
}

enum err signer_fixture_open(struct signer_core **core, int journal_fd)
{
    const struct signer_issuer issuers[] = {
        {fixture.ca.intermediate_pem,
         signer_fixture_key(&fixture.ca.intermediate_key_pem), "one.key",
         fixture.ca.root_pem},
        {fixture.second.intermediate_pem,
         signer_fixture_key(&fixture.second.intermediate_key_pem), "two.key",
         fixture.second.root_pem}};
    struct signer_options options = {.issuers = issuers,
                                     .issuer_count = 2,
                                     .profiles = &fixture.profile,
                                     .profile_count = 1,
                                     .published = fixture.published,
                                     .journal_fd = journal_fd,
                                     .lists_fd = -1};

    if (journal_fd >= 0 && file_exists(fixture.journal) &&
        file_read(fixture.arena, fixture.journal, JOURNAL_MAX, &options.journal, NULL) !=
            ERR_OK)
        return ERR_IO;
    return signer_core_new(&options, core, NULL);
}

int signer_fixture_journal(void)
{
    return open(fixture.journal, O_WRONLY | O_APPEND | O_CREAT, 0600);
}

struct template_leaf signer_fixture_leaf(const uint8_t serial[SERIAL_SIZE],
                                         const char *const *name)
{
    struct template_leaf leaf = {.usages = {fixture.profile.usages, 1},
                                 .policies = {fixture.profile.policies, 1},
                                 .not_before = clock_now() - 60,
                                 .dns_names = name,
                                 .dns_name_count = 1,
                                 .spki = key_spki(fixture.subject),
                                 .key_type = KEY_P256};

    memcpy(leaf.serial, serial, SERIAL_SIZE);
    leaf.not_after = leaf.not_before + SIGNER_FIXTURE_LIFETIME - 1;
    return leaf;
}

struct span signer_fixture_write(const struct template_issuer *from,
                                 const struct template_leaf *leaf)
{
    struct span tbs = {0};

    assert_int_equal(template_leaf_write(fixture.arena, from, leaf, &tbs, NULL), ERR_OK);
    return tbs;
}

struct span signer_fixture_tbs(const uint8_t serial[SERIAL_SIZE], const char *name,
                               const struct template_issuer *from)
{
    const struct template_leaf leaf = signer_fixture_leaf(serial, &name);

    return signer_fixture_write(from, &leaf);
}

struct span signer_fixture_list(const struct template_issuer *from, uint64_t number,
                                int64_t next_update, const char *url)
{
    const struct crl_head head = {.issuer = from->name,
                                  .key_id = from->key_id,
                                  .signature_kind = from->signature_kind,
                                  .this_update = clock_now() - 60,
                                  .next_update = next_update,
                                  .number = number,
                                  .urls = &url,
                                  .url_count = url != NULL ? 1 : 0,
                                  .only_user_certificates = url != NULL};
    AUTO(buf) struct buf all = buf_make(LIST_MAX);
    struct span front, tail;

    assert_int_equal(crl_tail_write(fixture.arena, &head, &tail, NULL), ERR_OK);
    assert_int_equal(crl_head_write(fixture.arena, &head, 0, tail.len, &front, NULL),
                     ERR_OK);
    buf_add_span(&all, front);
    buf_add_span(&all, tail);
    return arena_span(fixture.arena, buf_span(&all));
}

enum err signer_fixture_sign_list(struct signer_core *core, struct span tbs,
                                  uint8_t *signature, size_t *len, struct err_info *why)
{
    struct signer_list list = {0};
    enum err result = signer_core_read_list(core, tbs, &list, why);

    return result == ERR_OK ? signer_core_sign_list(core, &list, signature, len, why)
                            : result;
}

int signer_fixture_set_up(void **state)
{
    static const struct lint_key p256 = {KEY_P256, 0};
    static struct span usage;
    static struct span policy;
    struct span der = {0};
    size_t count = 0;

    (void)state;
    fixture.arena = arena_new();
    usage = oid_octets(OID_SERVER_AUTH);
    policy = oid_octets(OID_DOMAIN_VALIDATED);
    fixture.profile = (struct lint_profile){.name = "test",
                                            .lifetime = SIGNER_FIXTURE_LIFETIME,
                                            .keys = &p256,
                                            .key_count = 1,
                                            .key_usage = 1,
                                            .usages = &usage,
                                            .usage_count = 1,
                                            .policies = &policy,
                                            .policy_count = 1,
                                            .names_most = 1,
                                            .name_types = LINT_NAMES_DNS};
    (void)snprintf(fixture.journal, sizeof fixture.journal, "/tmp/cairn-journal.%ld",
                   (long)getpid());
    if (hierarchy_make(fixture.arena, "Test", clock_now(), NULL, &fixture.ca, NULL) !=
            ERR_OK ||
        hierarchy_make(fixture.arena, "Test", clock_now(), NULL, &fixture.second, NULL) !=
            ERR_OK ||
        certificate_from_pem(fixture.arena, fixture.ca.intermediate_pem, &der, 1, &count,
                             NULL) != ERR_OK ||
        template_issuer_read(fixture.arena, der, &fixture.issuer, NULL) != ERR_OK)
        return -1;
    return key_generate(KEY_P256, 0, &fixture.subject, NULL) == ERR_OK ? 0 : -1;
}

int signer_fixture_tear_down(void **state)
{
    (void)state;
    (void)unlink(fixture.journal);
    key_free(fixture.subject);
    hierarchy_free(&fixture.ca);
    hierarchy_free(&fixture.second);
    arena_free(fixture.arena);
    return 0;
}
