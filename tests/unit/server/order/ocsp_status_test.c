/* Tests of server/order/ocsp_status: whose certificates are known, and what is said of
 * them; rows X-OCSP-3, 8, 10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/clock.h"
#include "core/x509/certificate.h"
#include "server/hierarchy_fixture.h"
#include "server/order/ocsp_status.h"
#include "server/store_fixture.h"

static struct arena *arena;
static struct hierarchy hierarchies[3]; /* the third is no issuer of this CA */
static struct issuer issuers[3];
static struct ocsp_status_table table;
static struct store_fixture *store;

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

/* As a client names the certificate with that serial. */
static struct ocsp_id id_of(size_t issuer, enum hash_kind hash, const char *serial)
{
    struct certificate *c = NULL;
    uint8_t *name = arena_get(arena, HASH_MAX_SIZE);
    uint8_t *key = arena_get(arena, HASH_MAX_SIZE);

    assert_int_equal(certificate_read(arena, issuers[issuer].chain_der, &c, NULL),
                     ERR_OK);
    size_t name_len = ocsp_hash_name(hash, c->subject, name);
    size_t key_len = ocsp_hash_key(hash, c->spki, key);
    return (struct ocsp_id){.hash = hash,
                            .known = true,
                            .name = span_make(name, name_len),
                            .key = span_make(key, key_len),
                            .serial = span_of(serial)};
}

/* A certificate of the first issuer; how far it came. */
static struct store_issuance add(const char *serial, bool finished, int64_t not_after)
{
    struct store_order *order = store_fixture_proved_order(
        store, store_fixture_account(store, 1, "{}")->id, "a.example.test");
    struct store_issuance i = {.order_id = order->id,
                               .account_id = order->account_id,
                               .serial_len = strlen(serial),
                               .issuer_len = issuers[0].template.key_id.len,
                               .tbs = span_of("tbs"),
                               .begun = clock_now(),
                               .not_after = not_after};

    memcpy(i.serial, serial, i.serial_len);
    memcpy(i.issuer, issuers[0].template.key_id.data, i.issuer_len);
    memset(i.key_hash, serial[0], sizeof i.key_hash);
    memset(i.key_thumbprint, 0xff, sizeof i.key_thumbprint);
    assert_int_equal(store_issuance_begin(store->session, &i, &store->why), ERR_OK);
    if (finished)
        assert_int_equal(store_issuance_finish(store->session, i.id, span_of("der"),
                                               span_of("chain"), &store->why),
                         ERR_OK);
    return i;
}

static void revoke(const struct store_issuance *issuance, int reason)
{
    const struct store_revocation revocation = {.at = clock_now() - 7, .reason = reason};

    assert_int_equal(
        store_revoke(store->session, issuance, &revocation, false, NULL, &store->why),
        ERR_OK);
}

static struct ocsp_single single_of(struct ocsp_id id)
{
    struct ocsp_request request = {.ids = {id}, .count = 1};
    struct ocsp_data data = {0};
    size_t issuer = 99;

    assert_int_equal(
        ocsp_status_find(store->session, &table, &request, &data, &issuer, &store->why),
        ERR_OK);
    assert_int_equal(data.count, 1);
    return data.singles[0];
}

static void what_is_known(void **state)
{
    int64_t later = clock_now() + 1000;
    static const enum hash_kind hashes[] = {HASH_SHA1, HASH_SHA256};

    (void)state;
    (void)add("good", true, later);
    (void)add("begun", false, later);
    struct store_issuance gone = add("gone", true, later);
    struct store_issuance stolen = add("stolen", true, later);
    struct store_issuance plain = add("plain", true, later);
    revoke(&gone, STORE_REASON_NONE);
    revoke(&stolen, 1);
    revoke(&plain, 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(single_of(id_of(0, hashes[i], "good")).status, OCSP_GOOD);
        assert_int_equal(single_of(id_of(0, hashes[i], "begun")).status, OCSP_GOOD);
        assert_int_equal(single_of(id_of(0, hashes[i], "never")).status, OCSP_UNKNOWN);
        assert_int_equal(single_of(id_of(0, hashes[i], "")).status, OCSP_UNKNOWN);
        /* the same serial, but this issuer has not given it */
        assert_int_equal(single_of(id_of(1, hashes[i], "good")).status, OCSP_UNKNOWN);
        struct ocsp_single one = single_of(id_of(0, hashes[i], "gone"));
        assert_int_equal(one.status, OCSP_REVOKED);
        assert_int_equal(one.reason, OCSP_REASON_NONE);
        assert_true(one.revoked > clock_now() - 60 && one.revoked < clock_now());
        assert_int_equal(single_of(id_of(0, hashes[i], "stolen")).reason, 1);
        assert_int_equal(single_of(id_of(0, hashes[i], "plain")).reason,
                         OCSP_REASON_NONE);
    }
}

static void whose_they_are(void **state)
{
    struct ocsp_request request = {.count = 1};
    struct ocsp_data data = {0};
    size_t issuer = 99;

    (void)state;
    request.ids[0] = id_of(2, HASH_SHA1, "good");
    assert_int_equal(
        ocsp_status_find(store->session, &table, &request, &data, &issuer, &store->why),
        ERR_UNAUTHORIZED);
    /* the name of one and the key of another */
    request.ids[0] = id_of(0, HASH_SHA1, "good");
    request.ids[0].key = id_of(2, HASH_SHA1, "good").key;
    assert_int_equal(
        ocsp_status_find(store->session, &table, &request, &data, &issuer, &store->why),
        ERR_UNAUTHORIZED);
    /* of several, the first that is ours says who answers, and of his own only */
    (void)add("good", true, clock_now() + 1000);
    request = (struct ocsp_request){.count = 3};
    request.ids[0] = id_of(2, HASH_SHA1, "good");
    request.ids[1] = id_of(0, HASH_SHA256, "good");
    request.ids[2] = id_of(1, HASH_SHA1, "good");
    assert_int_equal(
        ocsp_status_find(store->session, &table, &request, &data, &issuer, &store->why),
        ERR_OK);
    assert_int_equal(issuer, 0);
    assert_int_equal(data.count, 3);
    assert_int_equal(data.singles[0].status, OCSP_UNKNOWN);
    assert_int_equal(data.singles[1].status, OCSP_GOOD);
    assert_int_equal(data.singles[2].status, OCSP_UNKNOWN);
}

static int set_up(void **state)
{
    const struct issuer_set set = {.issuers = issuers, .count = 2};

    (void)state;
    arena = arena_new();
    for (size_t i = 0; i < 3; i++) {
        if (hierarchy_make(arena, "CA", clock_now(), NULL, &hierarchies[i], NULL) !=
            ERR_OK)
            return -1;
        issuers[i] = issuer_of(&hierarchies[i]);
    }
    store = store_fixture_new();
    return ocsp_status_table_make(arena, &set, &table, NULL) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    store_fixture_free(store);
    for (size_t i = 0; i < 3; i++)
        hierarchy_free(&hierarchies[i]);
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whose_they_are, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
