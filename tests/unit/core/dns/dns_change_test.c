/* Tests of core/dns/dns_change, tsig and dns_wire, judged by ldns: it verifies what is
 * signed here, and signs what is verified here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/dns/dns_change.h"

#define SECRET "c29tZSBzZWNyZXQgb2YgdGhlIHRlc3Rz"
#define ID     0xabcd

static const struct dns_update change = {.zone = "dns.test",
                                         .owner = "_acme-challenge.www.dns.test",
                                         .value = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfow",
                                         .add = true};

struct place {
    struct arena *arena;
    struct tsig_key key;
    struct buf request;
    struct tsig_mac mac;
    struct err_info why;
};

static void read_key(struct place *p, const char *algorithm)
{
    char *text = arena_printf(p->arena, "%s:updater:" SECRET, algorithm);

    tsig_key_free(&p->key);
    assert_int_equal(tsig_key_read(span_of(text), &p->key, &p->why), ERR_OK);
}

static void make(struct place *p)
{
    buf_clear(&p->request);
    assert_int_equal(dns_change_make(&p->request, &change, &p->key, ID, &p->mac, &p->why),
                     ERR_OK);
}

static int set_up(void **state)
{
    struct place *p = test_calloc(1, sizeof *p);

    p->arena = arena_new();
    p->request = buf_make(DNS_WIRE_MAX);
    read_key(p, "hmac-sha256");
    make(p);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    clock_shift_ms(0);
    tsig_key_free(&p->key);
    buf_free(&p->request);
    arena_free(p->arena);
    test_free(p);
    return 0;
}

static void ldns_verifies_what_we_sign(void **state)
{
    static const char *const rows[] = {"hmac-sha1", "hmac-sha256", "hmac-sha512"};
    struct place *p = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ldns_pkt *packet = NULL;
        read_key(p, rows[i]);
        make(p);
        assert_int_equal(ldns_wire2pkt(&packet, p->request.data, p->request.len),
                         LDNS_STATUS_OK);
        assert_int_equal(ldns_pkt_get_opcode(packet), LDNS_PACKET_UPDATE);
        assert_int_equal(ldns_update_zocount(packet), 1);
        assert_int_equal(ldns_update_prcount(packet), 0);
        assert_int_equal(ldns_update_upcount(packet), 1);
        assert_true(ldns_pkt_tsig_verify(packet, p->request.data, p->request.len,
                                         "updater", SECRET, NULL));
        assert_false(ldns_pkt_tsig_verify(packet, p->request.data, p->request.len,
                                          "updater", "YW5vdGhlcg==", NULL));
        ldns_pkt_free(packet);
    }
}

/* RFC 2136 2.5.4: class NONE, TTL 0, and the data, so that others of the name stay. */
static void exactly_one_record(void **state)
{
    static const struct {
        bool add;
        const char *text;
    } rows[] = {
        {true, "_acme-challenge.www.dns.test.\t0\tIN\tTXT\t"
               "\"LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfow\"\n"},
        {false, "_acme-challenge.www.dns.test.\t0\tNONE\tTXT\t"
                "\"LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfow\"\n"},
    };
    struct place *p = *state;

    for (size_t i = 0; i < 2; i++) {
        AUTO(buf) struct buf b = buf_make(DNS_WIRE_MAX);
        struct dns_update update = change;
        ldns_pkt *packet = NULL;
        update.add = rows[i].add;
        assert_int_equal(dns_wire_update(&b, &update, ID, &p->why), ERR_OK);
        assert_int_equal(ldns_wire2pkt(&packet, b.data, b.len), LDNS_STATUS_OK);
        assert_int_equal(ldns_pkt_id(packet), ID);
        char *text = ldns_rr_list2str(ldns_pkt_authority(packet));
        assert_string_equal(text, rows[i].text);
        free(text);
        ldns_pkt_free(packet);
    }
}

static void names_that_are_none(void **state)
{
    struct place *p = *state;
    AUTO(buf) struct buf b = buf_make(DNS_WIRE_MAX);
    struct dns_update update = change;
    char longer[300];

    memset(longer, 'a', sizeof longer);
    longer[256] = '\0';
    update.owner = "a..b";
    assert_int_equal(dns_wire_update(&b, &update, ID, &p->why), ERR_MALFORMED);
    update = change;
    update.zone = "a..b";
    assert_int_equal(dns_wire_update(&b, &update, ID, &p->why), ERR_MALFORMED);
    update = change;
    update.value = longer;
    assert_int_equal(dns_wire_update(&b, &update, ID, &p->why), ERR_MALFORMED);
    assert_int_equal(dns_wire_query(&b, "a..b", DNS_TXT, false, ID, &p->why),
                     ERR_MALFORMED);
    assert_int_equal(b.len, 0);
}

/* An answer that ldns makes and signs. */
struct answer {
    int rcode;
    unsigned int id;
    const char *key_name;
    const char *secret;    /* NULL: not signed */
    const char *algorithm; /* with its dot */
    bool for_another;      /* request */
};

static struct span make_answer(struct place *p, const struct answer *a)
{
    uint8_t other[32] = {0};
    ldns_pkt *packet = ldns_pkt_new();
    ldns_rdf *mac =
        ldns_rdf_new_frm_data(LDNS_RDF_TYPE_INT16_DATA, p->mac.len + 2,
                              arena_printf(p->arena, "%*s", (int)p->mac.len + 2, ""));
    uint8_t *wire = NULL;
    size_t size = 0;

    ldns_rdf_data(mac)[0] = (uint8_t)(p->mac.len >> 8);
    ldns_rdf_data(mac)[1] = (uint8_t)p->mac.len;
    memcpy(ldns_rdf_data(mac) + 2, a->for_another ? other : p->mac.octets, p->mac.len);
    ldns_pkt_set_id(packet, (uint16_t)a->id);
    ldns_pkt_set_qr(packet, true);
    ldns_pkt_set_opcode(packet, LDNS_PACKET_UPDATE);
    ldns_pkt_set_rcode(packet, (uint8_t)a->rcode);
    if (a->secret != NULL)
        assert_int_equal(
            ldns_pkt_tsig_sign(packet, a->key_name, a->secret, 300, a->algorithm, mac),
            LDNS_STATUS_OK);
    assert_int_equal(ldns_pkt2wire(&wire, packet, &size), LDNS_STATUS_OK);
    struct span made = arena_span(p->arena, span_make(wire, size));
    free(wire);
    ldns_rdf_deep_free(mac);
    ldns_pkt_free(packet);
    return made;
}

static enum err judge(struct place *p, struct span response)
{
    return dns_change_judge(response, &change, &p->key, ID, &p->mac, "192.0.2.1:53",
                            &p->why);
}

static void answers(void **state)
{
    static const struct {
        struct answer answer;
        enum err result;
    } rows[] = {
        {{0, ID, "updater", SECRET, "hmac-sha256.", false}, ERR_OK},
        {{0, ID, "UPDATER", SECRET, "hmac-sha256.", false}, ERR_OK},
        {{0, ID, NULL, NULL, NULL, false}, ERR_PROTOCOL},
        {{0, ID + 1, "updater", SECRET, "hmac-sha256.", false}, ERR_PROTOCOL},
        {{0, ID, "updater", SECRET, "hmac-sha1.", false}, ERR_PROTOCOL},
        {{0, ID, "updated", SECRET, "hmac-sha256.", false}, ERR_PROTOCOL},
        {{0, ID, "updater", "YW5vdGhlcg==", "hmac-sha256.", false}, ERR_PROTOCOL},
        {{0, ID, "updater", SECRET, "hmac-sha256.", true}, ERR_PROTOCOL},
        {{5, ID, "updater", SECRET, "hmac-sha256.", false}, ERR_UNAUTHORIZED},
        {{5, ID, NULL, NULL, NULL, false}, ERR_UNAUTHORIZED},
        {{9, ID, NULL, NULL, NULL, false}, ERR_REFUSED},
        {{10, ID, NULL, NULL, NULL, false}, ERR_REFUSED},
        {{2, ID, NULL, NULL, NULL, false}, ERR_UNAVAILABLE},
    };
    struct place *p = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span response = make_answer(p, &rows[i].answer);
        assert_int_equal(judge(p, response), rows[i].result);
        if (rows[i].result != ERR_OK)
            assert_int_equal(strncmp(p->why.detail, "192.0.2.1:53 ", 13), 0);
    }
}

/* Whichever octet is another one: it is not believed, and nothing breaks. */
static void no_octet_can_be_changed(void **state)
{
    const struct answer answer = {0, ID, "updater", SECRET, "hmac-sha256.", false};
    struct place *p = *state;
    struct span good = make_answer(p, &answer);

    for (size_t i = 0; i < good.len; i++) {
        uint8_t *copy = arena_copy(p->arena, good.data, good.len);
        copy[i] ^= 0x01;
        assert_int_not_equal(judge(p, span_make(copy, good.len)), ERR_OK);
    }
    for (size_t len = 0; len < good.len; len++)
        assert_int_not_equal(judge(p, span_slice(good, 0, len)), ERR_OK);
    assert_int_equal(judge(p, good), ERR_OK);
}

static void answers_grow_old(void **state)
{
    const struct answer answer = {0, ID, "updater", SECRET, "hmac-sha256.", false};
    struct place *p = *state;
    struct span good = make_answer(p, &answer);

    clock_shift_ms(295000);
    assert_int_equal(judge(p, good), ERR_OK);
    clock_shift_ms(305000);
    assert_int_equal(judge(p, good), ERR_PROTOCOL);
    clock_shift_ms(-305000);
    assert_int_equal(judge(p, good), ERR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ldns_verifies_what_we_sign, set_up, tear_down),
        cmocka_unit_test_setup_teardown(exactly_one_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_that_are_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_octet_can_be_changed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_grow_old, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
