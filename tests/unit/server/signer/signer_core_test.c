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
#include "server/issue/hierarchy.h"
#include "server/issue/template.h"
#include "server/signer/signer_core.h"

#define LIFETIME INT64_C(7776000)

static struct arena *arena;
static struct hierarchy ca;
static struct template_issuer issuer;
static struct key *subject;
static char journal[64];

static struct span span_of_secret(const struct secret *s)
{
    return span_make(s->data, s->len);
}

static enum err open_core(struct signer_core **core, int journal_fd)
{
    struct signer_options options = {.certificate_pem = ca.intermediate_pem,
                                     .key_pem = span_of_secret(&ca.intermediate_key_pem),
                                     .max_lifetime = LIFETIME,
                                     .journal_fd = journal_fd};

    if (journal_fd >= 0 && file_exists(journal) &&
        file_read(arena, journal, 1000000, &options.journal, NULL) != ERR_OK)
        return ERR_IO;
    return signer_core_new(&options, core, NULL);
}

static int open_journal(void)
{
    return open(journal, O_WRONLY | O_APPEND | O_CREAT, 0600);
}

static struct span tbs_of(const uint8_t serial[SERIAL_SIZE], const char *name,
                          const struct template_issuer *from)
{
    struct template_leaf leaf = {.not_before = clock_now() - 60,
                                 .dns_names = &name,
                                 .dns_name_count = 1,
                                 .spki = key_spki(subject),
                                 .key_type = KEY_P256};
    struct span tbs = {0};

    memcpy(leaf.serial, serial, SERIAL_SIZE);
    leaf.not_after = leaf.not_before + LIFETIME - 1;
    assert_int_equal(template_leaf_write(arena, from, &leaf, &tbs, NULL), ERR_OK);
    return tbs;
}

static struct span fresh_tbs(const char *name)
{
    uint8_t serial[SERIAL_SIZE];

    serial_make(clock_now(), serial);
    return tbs_of(serial, name, &issuer);
}

static void signs(void **state)
{
    struct signer_core *core = NULL;
    struct certificate *c = NULL;
    struct span der = {0};
    struct span tbs = fresh_tbs("a.flow.test");

    (void)state;
    assert_int_equal(open_core(&core, -1), ERR_OK);
    assert_int_equal(signer_core_sign(core, arena, tbs, &der, NULL), ERR_OK);
    assert_int_equal(certificate_read(arena, der, &c, NULL), ERR_OK);
    assert_true(span_equal(c->tbs, tbs));
    struct span chain[2] = {der, {0}};
    size_t count = 0;
    assert_int_equal(
        certificate_from_pem(arena, ca.intermediate_pem, &chain[1], 1, &count, NULL),
        ERR_OK);
    assert_int_equal(
        certificate_check_chain(chain, 2, ca.root_pem, "a.flow.test", clock_now(), NULL),
        ERR_OK);
    signer_core_free(core);
    signer_core_free(NULL);
}

/* Any octet changed: refused, or what is signed is exactly what was asked for and good by
 * the lint. */
static void tampered(void **state)
{
    struct signer_core *core = NULL;
    struct span good = fresh_tbs("a.flow.test");
    size_t refused = 0;

    (void)state;
    assert_int_equal(open_core(&core, -1), ERR_OK);
    for (size_t i = 0; i < good.len; i++) {
        uint8_t *octets = arena_copy(arena, good.data, good.len);
        struct span der = {0};
        octets[i] ^= 0x80;
        if (signer_core_sign(core, arena, span_make(octets, good.len), &der, NULL) !=
            ERR_OK) {
            refused++;
            assert_int_equal(der.len, 0);
        }
    }
    /* free to change are eleven random octets of the serial, four of its time, the name's
     * and the subject key's identifier */
    assert_true(refused > good.len - 60);
    for (size_t len = 0; len < good.len; len += 7) {
        struct span der = {0};
        assert_int_equal(
            signer_core_sign(core, arena, span_slice(good, 0, len), &der, NULL),
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
    assert_int_equal(open_core(&core, -1), ERR_OK);
    assert_int_equal(hierarchy_make(arena, "Other", clock_now(), NULL, &other, NULL),
                     ERR_OK);
    assert_int_equal(
        certificate_from_pem(arena, other.intermediate_pem, ders, 1, &count, NULL),
        ERR_OK);
    assert_int_equal(template_issuer_read(arena, ders[0], &from, NULL), ERR_OK);
    serial_make(clock_now(), serial);
    assert_int_equal(
        signer_core_sign(core, arena, tbs_of(serial, "a.flow.test", &from), &der, NULL),
        ERR_LINT);
    /* the same name, but another key's identifier */
    from.name = issuer.name;
    assert_int_equal(
        signer_core_sign(core, arena, tbs_of(serial, "a.flow.test", &from), &der, NULL),
        ERR_LINT);
    signer_core_free(core);
}

static void lifetime(void **state)
{
    struct signer_core *core = NULL;
    struct span der = {0};
    struct span tbs = fresh_tbs("a.flow.test");

    (void)state;
    assert_int_equal(open_core(&core, -1), ERR_OK);
    signer_core_set_lifetime(core, LIFETIME - 1);
    assert_int_equal(signer_core_sign(core, arena, tbs, &der, NULL), ERR_LINT);
    signer_core_set_lifetime(core, LIFETIME);
    assert_int_equal(signer_core_sign(core, arena, tbs, &der, NULL), ERR_OK);
    signer_core_free(core);
}

/* One serial, one certificate: also after a restart, with the journal as it was left. */
static void a_serial_twice(void **state)
{
    struct signer_core *core = NULL;
    uint8_t serial[SERIAL_SIZE];
    struct span der = {0};
    struct span again = {0};

    (void)state;
    (void)unlink(journal);
    serial_make(clock_now(), serial);
    struct span one = tbs_of(serial, "a.flow.test", &issuer);
    struct span other = tbs_of(serial, "b.flow.test", &issuer);
    assert_int_equal(open_core(&core, open_journal()), ERR_OK);
    assert_int_equal(signer_core_sign(core, arena, one, &der, NULL), ERR_OK);
    assert_int_equal(signer_core_sign(core, arena, other, &again, NULL), ERR_CONFLICT);
    assert_int_equal(signer_core_sign(core, arena, one, &again, NULL), ERR_OK);
    signer_core_free(core);
    for (int restart = 0; restart < 2; restart++) {
        assert_int_equal(open_core(&core, open_journal()), ERR_OK);
        assert_int_equal(signer_core_sign(core, arena, other, &again, NULL),
                         ERR_CONFLICT);
        assert_int_equal(signer_core_sign(core, arena, one, &again, NULL), ERR_OK);
        signer_core_free(core);
    }
    (void)unlink(journal);
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
    (void)unlink(journal);
    assert_int_equal(open_core(&core, open_journal()), ERR_OK);
    assert_int_equal(signer_core_sign(core, arena, tbs, &der, NULL), ERR_OK);
    assert_int_equal(file_read(arena, journal, 1000, &content, NULL), ERR_OK);
    hash_sha256(tbs, digest);
    text_hex(hex, digest, sizeof digest);
    assert_non_null(strstr((const char *)content.data, hex));
    /* what is refused is not noted */
    assert_int_equal(signer_core_sign(core, arena, span_of("x"), &der, NULL), ERR_LINT);
    struct span after = {0};
    assert_int_equal(file_read(arena, journal, 1000, &after, NULL), ERR_OK);
    assert_true(span_equal(content, after));
    signer_core_free(core);
    (void)unlink(journal);
    int full = open("/dev/full", O_WRONLY);
    assert_true(full >= 0);
    assert_int_equal(open_core(&core, full), ERR_OK);
    der = span_make(NULL, 0);
    assert_int_equal(signer_core_sign(core, arena, tbs, &der, NULL), ERR_IO);
    assert_int_equal(der.len, 0);
    signer_core_free(core);
}

/* Certificate and key that do not belong together, no key, a root that is no CA. */
static void wrong_parts(void **state)
{
    struct signer_core *core = NULL;
    struct signer_options options = {.certificate_pem = ca.intermediate_pem,
                                     .key_pem = span_of_secret(&ca.root_key_pem),
                                     .max_lifetime = LIFETIME,
                                     .journal_fd = -1};

    (void)state;
    assert_int_equal(signer_core_new(&options, &core, NULL), ERR_CONFIG);
    options.key_pem = span_of("x");
    assert_int_equal(signer_core_new(&options, &core, NULL), ERR_CRYPTO);
    options.certificate_pem = span_of("x");
    assert_int_equal(signer_core_new(&options, &core, NULL), ERR_MALFORMED);
    assert_null(core);
}

static int set_up(void **state)
{
    struct span der = {0};
    size_t count = 0;

    (void)state;
    arena = arena_new();
    (void)snprintf(journal, sizeof journal, "/tmp/cairn-journal.%ld", (long)getpid());
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
        cmocka_unit_test(signs),          cmocka_unit_test(tampered),
        cmocka_unit_test(other_issuer),   cmocka_unit_test(lifetime),
        cmocka_unit_test(a_serial_twice), cmocka_unit_test(noted),
        cmocka_unit_test(wrong_parts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
