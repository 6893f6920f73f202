/* Tests of server/signer/signer_core: revocation lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../hierarchy_fixture.h"
#include "core/base/clock.h"
#include "core/x509/certificate.h"
#include "core/x509/crl.h"
#include "server/issue/template.h"
#include "server/signer/signer_core.h"

static struct arena *arena;
static struct hierarchy ca;
static struct template_issuer issuer;

static enum err open_core(struct signer_core **core)
{
    const struct signer_issuer from = {
        ca.intermediate_pem,
        span_make(ca.intermediate_key_pem.data, ca.intermediate_key_pem.len), "one.key",
        ca.root_pem};
    static const struct lint_profile profile = {.name = ""};
    const struct signer_options options = {.issuers = &from,
                                           .issuer_count = 1,
                                           .profiles = &profile,
                                           .profile_count = 1,
                                           .journal_fd = -1,
                                           .lists_fd = -1};

    return signer_core_new(&options, core, NULL);
}

static struct span list_of(const struct template_issuer *from, uint64_t number,
                           int64_t next_update)
{
    struct crl_head head = {.issuer = from->name,
                            .key_id = from->key_id,
                            .signature_kind = from->signature_kind,
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
    assert_int_equal(open_core(&core), ERR_OK);
    struct span tbs = list_of(&issuer, 7, later);
    assert_int_equal(sign_list(core, tbs, signature, &len, &why), ERR_OK);
    assert_int_equal(
        certificate_from_pem(arena, ca.intermediate_pem, &der, 1, &count, NULL), ERR_OK);
    assert_int_equal(certificate_read(arena, der, &by, NULL), ERR_OK);
    AUTO(key) struct key *key = NULL;
    assert_int_equal(key_from_spki(by->spki, &key, NULL), ERR_OK);
    assert_int_equal(
        key_verify(key, issuer.signature_kind, tbs, span_make(signature, len), NULL),
        ERR_OK);
    /* again, but no other list of that number */
    assert_int_equal(sign_list(core, tbs, signature, &len, &why), ERR_OK);
    assert_int_equal(
        sign_list(core, list_of(&issuer, 7, later - 1), signature, &len, &why),
        ERR_CONFLICT);
    assert_int_equal(sign_list(core, list_of(&issuer, 6, later), signature, &len, &why),
                     ERR_CONFLICT);
    assert_int_equal(sign_list(core, list_of(&issuer, 8, later), signature, &len, &why),
                     ERR_OK);
    /* two were read before one of them was signed */
    struct signer_list one = {0};
    struct signer_list two = {0};
    struct span nine = list_of(&issuer, 9, later);
    assert_int_equal(signer_core_read_list(core, nine, &one, &why), ERR_OK);
    assert_int_equal(
        signer_core_read_list(core, list_of(&issuer, 9, later - 1), &two, &why), ERR_OK);
    assert_int_equal(one.number, 9);
    assert_true(span_equal(one.key_id, issuer.key_id));
    uint8_t digest[HASH_SHA256_SIZE];
    hash_sha256(nine, digest);
    assert_memory_equal(one.digest, digest, sizeof digest);
    assert_int_equal(signer_core_sign_list(core, &one, signature, &len, &why), ERR_OK);
    assert_int_equal(signer_core_sign_list(core, &two, signature, &len, &why),
                     ERR_CONFLICT);
    struct template_issuer nobody = issuer;
    nobody.key_id = span_of("nobody's");
    assert_int_equal(sign_list(core, list_of(&nobody, 9, later), signature, &len, &why),
                     ERR_LINT);
    signer_core_free(core);
}

static int set_up(void **state)
{
    struct span der = {0};
    size_t count = 0;

    (void)state;
    arena = arena_new();
    if (hierarchy_make(arena, "Test", clock_now(), NULL, &ca, NULL) != ERR_OK ||
        certificate_from_pem(arena, ca.intermediate_pem, &der, 1, &count, NULL) != ERR_OK)
        return -1;
    return template_issuer_read(arena, der, &issuer, NULL) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    hierarchy_free(&ca);
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
