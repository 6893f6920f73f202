/* Tests of server/issue/hierarchy: certificates of CAs, judged by OpenSSL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/x509/certificate_authority.h"
#include "core/x509/csr.h"
#include "core/x509/oid.h"
#include "server/issue/hierarchy.h"

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

static const char *const types[] = {"p256",    "p384",    "rsa2048",
                                    "rsa3072", "rsa4096", "ed25519"};
#define TYPES (sizeof types / sizeof types[0])

static struct arena *arena;

static X509 *theirs(struct span der)
{
    const unsigned char *at = der.data;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);

    assert_non_null(x);
    assert_ptr_equal(at, der.data + der.len);
    return x;
}

static struct span subject(const char *organization, const char *common_name)
{
    const struct template_name name = {organization != NULL ? "DE" : NULL, organization,
                                       common_name};
    struct span made = {0};

    assert_int_equal(template_name_write(arena, &name, &made, NULL), ERR_OK);
    return made;
}

struct made {
    struct key *root_key, *key;
    struct span root, intermediate;
};

static void free_made(struct made *m)
{
    key_free(m->root_key);
    key_free(m->key);
}

/* A root and an intermediate of these types of keys. */
static void make(const char *root_type, const char *type,
                 const struct hierarchy_wish *more, struct made *m)
{
    struct hierarchy_wish wish = more != NULL ? *more : (struct hierarchy_wish){0};
    const struct hierarchy_wish root_wish = {.now = NOW,
                                             .path_length = -1,
                                             .subject =
                                                 subject("Ünïcode GmbH", "Ünïcode Root")};
    struct span tbs = {0};
    struct err_info why = {0};

    assert_int_equal(hierarchy_key_make(root_type, &m->root_key, NULL), ERR_OK);
    assert_int_equal(hierarchy_key_make(type, &m->key, NULL), ERR_OK);
    assert_int_equal(hierarchy_root(arena, m->root_key, &root_wish, &m->root, NULL),
                     ERR_OK);
    wish.now = NOW;
    wish.subject = subject("Ünïcode GmbH", "Ünïcode Intermediate");
    if (hierarchy_intermediate(arena, m->root, key_spki(m->key), &wish, &tbs, &why) !=
        ERR_OK)
        fail_msg("%s", why.detail);
    assert_int_equal(
        hierarchy_sign(arena, m->root_key, m->root, tbs, NOW, &m->intermediate, NULL),
        ERR_OK);
}

static void assert_name(X509_NAME *name, const char *wanted)
{
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_mem());

    X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    long len = BIO_get_mem_data(bio, &text);
    assert_true(len == (long)strlen(wanted));
    assert_memory_equal(text, wanted, (size_t)len);
    BIO_free(bio);
}

/* X-CA-1, X-CA-3: a root and its intermediate, of each type of key. */
static void every_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPES; i++) {
        struct made m = {0};
        make(types[i], types[(i + 1) % TYPES], NULL, &m);
        X509 *root = theirs(m.root);
        X509 *intermediate = theirs(m.intermediate);
        assert_name(X509_get_subject_name(root),
                    "C = DE, O = Ünïcode GmbH, CN = Ünïcode Root");
        assert_int_equal(
            X509_NAME_cmp(X509_get_subject_name(root), X509_get_issuer_name(root)), 0);
        assert_int_equal(X509_verify(root, X509_get0_pubkey(root)), 1);
        assert_int_equal(X509_verify(intermediate, X509_get0_pubkey(root)), 1);
        assert_int_equal(X509_check_issued(root, intermediate), X509_V_OK);
        assert_int_equal(X509_check_ca(root), 1);
        assert_int_equal(X509_check_ca(intermediate), 1);
        assert_int_equal(X509_get_pathlen(root), -1);
        assert_int_equal(X509_get_pathlen(intermediate), 0);
        assert_int_equal(X509_get_key_usage(root), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
        assert_int_equal(X509_get_key_usage(intermediate),
                         KU_KEY_CERT_SIGN | KU_CRL_SIGN);
        assert_int_equal(X509_get_ext_by_NID(root, NID_ext_key_usage, -1), -1);
        assert_int_equal(X509_get_ext_by_NID(root, NID_authority_key_identifier, -1), -1);
        assert_non_null(X509_get0_subject_key_id(root));
        assert_int_equal(
            ASN1_TIME_cmp_time_t(X509_get0_notAfter(root), (time_t)(NOW + 3650 * DAY)),
            0);
        assert_int_equal(ASN1_TIME_cmp_time_t(X509_get0_notAfter(intermediate),
                                              (time_t)(NOW + 1825 * DAY)),
                         0);
        X509_free(root);
        X509_free(intermediate);
        free_made(&m);
    }
    struct key *none = NULL;
    struct err_info why = {0};
    assert_int_equal(hierarchy_key_make("rsa1024", &none, &why), ERR_USAGE);
    assert_non_null(strstr(why.detail, "rsa2048"));
}

static void assert_value(X509 *x, int nid, int critical, const char *text)
{
    int at = X509_get_ext_by_NID(x, nid, -1);
    X509V3_CTX context;
    CONF *none = NCONF_new(NULL);

    X509V3_set_ctx(&context, NULL, NULL, NULL, NULL, 0);
    X509V3_set_nconf(&context, none);
    X509_EXTENSION *wanted = X509V3_EXT_conf_nid(NULL, &context, nid, text);

    assert_true(at >= 0);
    assert_non_null(wanted);
    X509_EXTENSION *e = X509_get_ext(x, at);
    assert_int_equal(X509_EXTENSION_get_critical(e), critical);
    assert_int_equal(ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(e),
                                           X509_EXTENSION_get_data(wanted)),
                     0);
    X509_EXTENSION_free(wanted);
    NCONF_free(none);
}

/* X-CA-2, X-CA-4: everything an intermediate can say, as OpenSSL writes it. */
static void everything(void **state)
{
    const struct span usage = oid_octets(OID_SERVER_AUTH);
    const struct span policies[] = {oid_octets(OID_DOMAIN_VALIDATED)};
    const char *const crl[] = {"http://crl.example.test/root.crl"};
    const char *const issuer[] = {"http://crl.example.test/root.crt"};
    const char *const ocsp[] = {"http://ocsp.example.test"};
    const struct span dns[] = {span_of("corp.test")};
    const struct span network[] = {span_make("\x0a\x00\x00\x00\xff\x00\x00\x00", 8)};
    const struct name_constraints constraints = {
        .permitted = {.dns = dns, .dns_count = 1},
        .excluded = {.networks = network, .network_count = 1}};
    const struct hierarchy_wish wish = {.path_length = 0,
                                        .usages = {&usage, 1},
                                        .policies = {policies, 1},
                                        .crl_urls = {crl, 1},
                                        .issuer_urls = {issuer, 1},
                                        .ocsp_urls = {ocsp, 1},
                                        .constraints = &constraints};
    struct made m = {0};

    (void)state;
    make("p384", "p256", &wish, &m);
    X509 *x = theirs(m.intermediate);
    assert_value(x, NID_ext_key_usage, 0, "serverAuth");
    assert_value(x, NID_certificate_policies, 0, "2.23.140.1.2.1");
    assert_value(x, NID_crl_distribution_points, 0,
                 "URI:http://crl.example.test/root.crl");
    assert_value(x, NID_info_access, 0,
                 "OCSP;URI:http://ocsp.example.test,caIssuers;URI:http://"
                 "crl.example.test/root.crt");
    assert_value(x, NID_name_constraints, 1,
                 "permitted;DNS:corp.test,excluded;IP:10.0.0.0/255.0.0.0");
    assert_value(x, NID_basic_constraints, 1, "CA:TRUE,pathlen:0");
    assert_value(x, NID_key_usage, 1, "keyCertSign,cRLSign");
    X509_free(x);
    free_made(&m);
}

/* What the issuer cannot have below it. */
static void refusals(void **state)
{
    struct made m = {0};
    struct span tbs = {0};
    struct span der = {0};
    struct err_info why = {0};
    struct hierarchy_wish wish = {
        .now = NOW, .subject = subject(NULL, "Third"), .path_length = 0};

    (void)state;
    make("p256", "p256", NULL, &m);
    assert_int_equal(
        hierarchy_intermediate(arena, m.intermediate, key_spki(m.key), &wish, &tbs, &why),
        ERR_UNAUTHORIZED);
    assert_non_null(strstr(why.detail, "path length"));
    wish.days = 3651;
    assert_int_equal(
        hierarchy_intermediate(arena, m.root, key_spki(m.key), &wish, &tbs, &why),
        ERR_USAGE);
    assert_non_null(strstr(why.detail, "outlive"));
    wish.days = 0;
    wish.now = NOW + 3649 * DAY; /* the usual days, cut to what the root has */
    assert_int_equal(
        hierarchy_intermediate(arena, m.root, key_spki(m.key), &wish, &tbs, NULL),
        ERR_OK);
    assert_int_equal(hierarchy_sign(arena, m.key, m.root, tbs, NOW, &der, &why),
                     ERR_CONFIG);
    assert_int_equal(hierarchy_sign(arena, m.root_key, m.root, tbs, NOW, &der, NULL),
                     ERR_OK);
    X509 *x = theirs(der);
    assert_int_equal(
        ASN1_TIME_cmp_time_t(X509_get0_notAfter(x), (time_t)(NOW + 3650 * DAY)), 0);
    X509_free(x);
    wish.now = NOW + 3651 * DAY;
    assert_int_equal(
        hierarchy_intermediate(arena, m.root, key_spki(m.key), &wish, &tbs, &why),
        ERR_UNAUTHORIZED);
    free_made(&m);
}

static void requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPES; i++) {
        AUTO(key) struct key *key = NULL;
        const struct csr_checked *read = NULL;
        struct span der = {0};
        struct span name = subject("Example", "Requested");
        assert_int_equal(hierarchy_key_make(types[i], &key, NULL), ERR_OK);
        assert_int_equal(hierarchy_request(arena, key, name, &der, NULL), ERR_OK);
        const unsigned char *at = der.data;
        X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)der.len);
        assert_non_null(request);
        assert_int_equal(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
        assert_name(X509_REQ_get_subject_name(request),
                    "C = DE, O = Example, CN = Requested");
        STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
        assert_int_equal(sk_X509_EXTENSION_num(extensions), 2);
        sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
        X509_REQ_free(request);
        assert_int_equal(csr_read(arena, der, &read, NULL), ERR_OK);
        assert_true(span_equal(read->subject, name));
    }
}

/* Does OpenSSL find a way from a leaf's issuer to that root by the one between? */
static int verify(struct span der, struct span root, struct span between)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    STACK_OF(X509) *rest = sk_X509_new_null();
    X509 *all[] = {theirs(der), theirs(root), between.len > 0 ? theirs(between) : NULL};

    X509_STORE_add_cert(store, all[1]);
    if (all[2] != NULL)
        sk_X509_push(rest, all[2]);
    X509_STORE_CTX_init(context, store, all[0], rest);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), (time_t)NOW);
    int result = X509_verify_cert(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    sk_X509_free(rest);
    for (size_t i = 0; i < 3; i++)
        X509_free(all[i]);
    return result;
}

/* The same key, name and key identifier below another root, of an intermediate and of a
 * root. */
static void crosses(void **state)
{
    struct made one = {0};
    struct made two = {0};
    struct span tbs = {0};
    struct span cross = {0};
    struct certificate *c[2] = {0};
    const struct span dns[] = {span_of("corp.test")};
    const struct name_constraints constraints = {
        .permitted = {.dns = dns, .dns_count = 1}};
    const struct span usage = oid_octets(OID_CLIENT_AUTH);
    const struct hierarchy_wish bound = {.constraints = &constraints,
                                         .usages = {&usage, 1}};
    const struct hierarchy_wish wish = {.now = NOW};

    (void)state;
    make("p384", "p256", &bound, &one);
    make("rsa2048", "ed25519", NULL, &two);
    assert_int_equal(
        hierarchy_cross(arena, two.root, one.intermediate, &wish, &tbs, NULL), ERR_OK);
    assert_int_equal(
        hierarchy_sign(arena, two.root_key, two.root, tbs, NOW, &cross, NULL), ERR_OK);
    assert_int_equal(certificate_read(arena, one.intermediate, &c[0], NULL), ERR_OK);
    assert_int_equal(certificate_read(arena, cross, &c[1], NULL), ERR_OK);
    assert_true(span_equal(c[0]->subject, c[1]->subject));
    assert_true(span_equal(c[0]->spki, c[1]->spki));
    assert_true(span_equal(c[0]->subject_key_id, c[1]->subject_key_id));
    assert_true(span_equal(c[0]->name_constraints, c[1]->name_constraints));
    assert_true(span_equal(c[0]->extended_key_usage, c[1]->extended_key_usage));
    assert_int_equal(c[1]->path_length, 0);
    assert_int_equal(verify(cross, two.root, span_make(NULL, 0)), 1);
    assert_int_equal(verify(cross, one.root, span_make(NULL, 0)), 0);
    /* a root by a root: the intermediate of the one is good for who trusts the other */
    assert_int_equal(hierarchy_cross(arena, two.root, one.root, &wish, &tbs, NULL),
                     ERR_OK);
    assert_int_equal(
        hierarchy_sign(arena, two.root_key, two.root, tbs, NOW, &cross, NULL), ERR_OK);
    assert_int_equal(verify(one.intermediate, two.root, cross), 1);
    assert_int_equal(verify(one.intermediate, two.root, span_make(NULL, 0)), 0);
    assert_int_equal(hierarchy_cross(arena, one.root, one.root, &wish, &tbs, NULL),
                     ERR_USAGE);
    free_made(&one);
    free_made(&two);
}

static void assert_claim(const struct hierarchy_claim *claim, int64_t now,
                         const char *complaint)
{
    struct err_info why = {0};
    enum err result = hierarchy_check(arena, claim, now, &why);

    if (complaint == NULL ? result != ERR_OK
                          : result != ERR_CONFIG || strstr(why.detail, complaint) == NULL)
        fail_msg("\"%s\" instead of \"%s\"", why.detail,
                 complaint != NULL ? complaint : "");
}

static void judged(void **state)
{
    static const uint8_t zeros[32];
    const struct span all[] = {span_make(zeros, 0)};
    const struct span networks[] = {span_make(zeros, 8), span_make(zeros, 32)};
    const struct name_constraints nothing = {
        .excluded = {
            .dns = all, .dns_count = 1, .networks = networks, .network_count = 2}};
    const struct span usage = oid_octets(OID_OCSP_SIGNING);
    const struct hierarchy_wish useless[] = {{.constraints = &nothing},
                                             {.usages = {&usage, 1}}};
    struct made m = {0};
    struct made other = {0};
    struct made bad[2] = {0};

    (void)state;
    make("p384", "p256", NULL, &m);
    make("p384", "p256", NULL, &other);
    const struct hierarchy_claim good = {&m.intermediate, 1, m.root, m.key};
    const struct hierarchy_claim itself = {&m.root, 1, m.root, m.root_key};
    struct hierarchy_claim claim = good;
    assert_claim(&good, NOW, NULL);
    assert_claim(&itself, NOW, NULL);
    claim.key = other.key;
    assert_claim(&claim, NOW, "private key");
    claim.key = NULL;
    assert_claim(&claim, NOW, NULL);
    assert_claim(&good, NOW + 1826 * DAY, "expired on 20");
    assert_claim(&good, NOW - DAY, "not valid before 20");
    claim.root = other.root;
    assert_claim(&claim, NOW, "the chain is not good");
    for (size_t i = 0; i < 2; i++) {
        make("p256", "p256", &useless[i], &bad[i]);
        const struct hierarchy_claim its = {&bad[i].intermediate, 1, bad[i].root, NULL};
        assert_claim(&its, NOW,
                     i == 0 ? "exclude every" : "neither TLS servers nor clients");
        free_made(&bad[i]);
    }
    free_made(&m);
    free_made(&other);
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type), cmocka_unit_test(everything),
        cmocka_unit_test(refusals),   cmocka_unit_test(requests),
        cmocka_unit_test(crosses),    cmocka_unit_test(judged),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
