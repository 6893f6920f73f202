/* Tests of server/order/ocsp_desk: whose responders there are, when they are asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/clock.h"
#include "core/x509/certificate.h"
#include "server/hierarchy_fixture.h"
#include "server/order/ocsp_desk_private.h"

/* The signer, as the desk sees it. */
static struct {
    size_t certificates; /* how many it was asked for */
    uint64_t last;       /* the number of the last question */
} signer;

static struct arena *arena;
static struct hierarchy hierarchy;
static struct issuer issuer;
static struct ocsp_desk *desk;
static struct key *key;

static bool responder(void *context, struct span key_id, struct span instead)
{
    (void)context;
    (void)key_id;
    (void)instead;
    return true;
}

static bool sign(void *context, uint64_t id, enum lint_kind kind, struct span tbs)
{
    (void)context;
    assert_int_equal(kind, LINT_RESPONDER_CERTIFICATE);
    assert_true(tbs.len > 0);
    signer.certificates++;
    signer.last = id;
    return true;
}

static bool revoked(void *context, struct span serial)
{
    (void)context;
    assert_true(serial.len > 0);
    return false;
}

static enum err record(void *context, uint64_t id, struct store_issuance *issuance,
                       int64_t before, struct err_info *why)
{
    (void)context;
    (void)before;
    (void)why;
    signer.last = id;
    issuance->id = 1;
    return ERR_OK;
}

static void keep(void *context, int64_t issuance_id, struct span der, struct span chain)
{
    (void)context;
    (void)issuance_id;
    (void)der;
    (void)chain;
}

static struct issuer issuer_of(const struct hierarchy *h)
{
    struct issuer made = {.name = "x"};
    size_t count = 0;

    assert_int_equal(certificate_from_pem(arena, h->intermediate_pem, &made.chain_der, 1,
                                          &count, NULL),
                     ERR_OK);
    assert_int_equal(template_issuer_read(arena, made.chain_der, &made.template, NULL),
                     ERR_OK);
    return made;
}

static int set_up(void **state)
{
    const struct ocsp_desk_ports ports = {.responder = responder,
                                          .sign = sign,
                                          .record = record,
                                          .keep = keep,
                                          .revoked = revoked};
    const struct settings settings = {
        .ocsp_enabled = true, .ocsp_lifetime = 86400000, .ocsp_cache = 8};
    static struct issuer_set set;

    (void)state;
    memset(&signer, 0, sizeof signer);
    set = (struct issuer_set){.issuers = &issuer, .count = 1};
    if (ocsp_desk_new(&ports, &set, &desk, NULL) != ERR_OK)
        return -1;
    ocsp_desk_configure(desk, &settings);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ocsp_desk_free(desk);
    desk = NULL;
    return 0;
}

/* The one responder there is, asked for. */
static struct ocsp_responder *asked(void)
{
    ocsp_desk_key(desk, issuer.template.key_id, key_spki(key));
    assert_int_equal(signer.certificates, 0); /* not before it is on record */
    ocsp_desk_recorded(desk, signer.last, ERR_OK);
    assert_int_equal(signer.certificates, 1);
    return desk->now->responders[0];
}

static void refusals_are_not_asked_again_at_once(void **state)
{
    (void)state;
    const struct ocsp_responder *r = asked();
    ocsp_desk_tick(desk); /* not answered yet: asked again, by the same number */
    assert_int_equal(signer.certificates, 2);
    ocsp_desk_refused(desk, signer.last, "no");
    for (int i = 0; i < 10; i++)
        ocsp_desk_tick(desk);
    assert_int_equal(signer.certificates, 2);
    assert_int_equal(r->question, 0);
}

/* A clock that was set back leaves what is of a time to come: nobody would take it. */
static void a_clock_set_back(void **state)
{
    const struct ocsp_single single = {.status = OCSP_GOOD, .reason = OCSP_REASON_NONE};
    const struct ocsp_kept kept = {.this_update = 1000,
                                   .next_update = 3000,
                                   .renew = 2000,
                                   .status = OCSP_GOOD,
                                   .reason = OCSP_REASON_NONE};

    (void)state;
    assert_true(ocsp_desk_is_right(&kept, &single, 1000));
    assert_false(ocsp_desk_is_right(&kept, &single, 2000));
    assert_false(ocsp_desk_is_right(&kept, &single, 999));
    struct ocsp_responder *r = asked();
    ocsp_desk_signed(desk, signer.last, issuer.chain_der); /* some certificate */
    assert_true(r->der.len > 0);
    ocsp_desk_tick(desk);
    assert_int_equal(r->question, 0);
    r->not_before = clock_now() + 1000;
    ocsp_desk_tick(desk);
    assert_int_not_equal(r->question, 0);
}

/* One that ends with its issuer is the last: a newer one would end then, too. */
static void the_last_one(void **state)
{
    (void)state;
    struct ocsp_responder *r = asked();
    ocsp_desk_signed(desk, signer.last, issuer.chain_der); /* which ends just then */
    assert_true(r->renew > issuer.template.not_after);
}

static int prepare(void **state)
{
    int64_t now = clock_now();

    (void)state;
    arena = arena_new();
    if (hierarchy_make(arena, "One", now - 60, NULL, &hierarchy, NULL) != ERR_OK)
        return -1;
    issuer = issuer_of(&hierarchy);
    return key_generate(KEY_P256, 0, &key, NULL) == ERR_OK ? 0 : -1;
}

static int clean_up(void **state)
{
    (void)state;
    key_free(key);
    hierarchy_free(&hierarchy);
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refusals_are_not_asked_again_at_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_clock_set_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_one, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, prepare, clean_up);
}
