/* Tests of profiles: what is refused and why, and what they come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/clock.h"
#include "server/settings/settings.h"

static struct arena *arena;

static enum err read_text(const char *text, const char *const *sets, size_t count,
                          const struct settings **s, struct err_info *why)
{
    return settings_read(arena, "/ca", span_of(text), sets, count, s, why);
}

/* Read a file that says this of the profile "a". */
static enum err read_profile(const char *options, const struct settings **s,
                             struct err_info *why)
{
    const char *text =
        arena_printf(arena,
                     "profiles:\n  a: {%s}\n"
                     "directories:\n"
                     "  d: {public_names: true, caa_identities: ca.test}\n",
                     options);

    return read_text(text, NULL, 0, s, why);
}

static const struct settings_profile *profile(const char *options)
{
    const struct settings *s = NULL;
    struct err_info why = {0};

    if (read_profile(options, &s, &why) != ERR_OK)
        fail_msg("%s: %s", options, why.detail);
    return settings_profile(s, "a");
}

/* One row for each thing that is wrong, and what is said of it. */
static void wrong(void **state)
{
    static const struct {
        const char *options;
        const char *words;
    } rows[] = {
        {"rules: cabf", "rules: \"cabf\" is neither rfc5280 nor br"},
        {"lifetime: 1m", "lifetime: it must be at least 5m"},
        {"lifetime: 1h, backdate: 1h", "backdate: it must be shorter"},
        {"backdate: 25h", "backdate: \"25h\" is no duration from 0 to 1d"},
        {"backdate: soon", "backdate: \"soon\" is no duration"},
        {"backdate: -1s", "backdate: \"-1s\" is no duration"},
        {"usages: [server, mail]", "usages: \"mail\" is no object identifier"},
        {"usages: []", "usages: name at least one"},
        {"usages: [server, client, server]", "usages: \"server\" is there twice"},
        {"usages: [server, 1.3.6.1.5.5.7.3.1]", "\"1.3.6.1.5.5.7.3.1\" is there twice"},
        {"usages: [1.3.6.1.5.5.7.03.1]", "usages: \"1.3.6.1.5.5.7.03.1\" is no object"},
        {"usages: [1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 1.10, 1.11, 1.12, 1.13, "
         "1.14, 1.15, 1.16, 1.17]",
         "usages: at most 16"},
        {"usages: [1.3.6.1.5.5.7.3.9]", "usages: whoever has a certificate for OCSP"},
        {"usages: [2.5.29.37.0]", "usages: anyExtendedKeyUsage"},
        {"usages: [timestamping, client]", "usages: timestamping must stand alone"},
        {"usages: [server, code]", "usages: who signs code"},
        {"key_usages: [digitalsignature]",
         "key_usages: \"digitalsignature\" is none of digitalSignature, "
         "contentCommitment, "
         "keyEncipherment, dataEncipherment, keyAgreement"},
        {"key_usages: [keyCertSign]", "key_usages: \"keyCertSign\" is none of"},
        {"key_usages: [keyAgreement, keyAgreement]", "\"keyAgreement\" is there twice"},
        {"key_types: p256, key_usages: [digitalSignature, keyEncipherment]",
         "key_usages: one of them fits none of the key types taken"},
        {"key_types: [rsa2048, ed25519], key_usages: [digitalSignature, keyAgreement]",
         "key_usages: one of them fits none of the key types taken"},
        {"key_types: [rsa, p256], key_usages: keyEncipherment",
         "key_usages: for one of the key types taken nothing is left"},
        {"key_types: rsa, key_usages: dataEncipherment",
         "key_usages: one of the usages "},
        {"usages: client, key_types: rsa, key_usages: keyEncipherment",
         "key_usages: one of the usages cannot be had"},
        {"usages: code, key_usages: contentCommitment", "key_usages: one of the usages"},
        {"key_types: [p256, dsa]", "key_types: \"dsa\" is none of rsa, rsa2048, rsa3072, "
                                   "rsa4096, p256, p384, p521, "
                                   "ed25519, mldsa44, mldsa65, mldsa87"},
        {"key_types: [p256, p256]", "key_types: \"p256\" is there twice"},
        {"policies: [dv]", "policies: \"dv\" is no object identifier"},
        {"policies: [none, 1.2.3]", "policies: \"none\" is no object identifier"},
        {"policies: [1.2.3, 1.2.3]", "policies: \"1.2.3\" is there twice"},
        {"policies: [2.5.29.32.0]", "policies: anyPolicy"},
        {"policies: [2.23.140.1.2.1, 2.23.140.1.2.2]", "policies: at most one"},
        {"policies: [2.23.140.1.1, 1.2.3, 2.23.140.1.2.3]", "policies: at most one"},
        {"common_name: last",
         "common_name: \"last\" is none of none, first, csr, refuse"},
        {"common_name: first, identifiers: ip", "common_name: identifiers has addresses"},
        {"common_name: csr, identifiers: ip", "common_name: identifiers has addresses"},
        {"identifiers: ip, challenges: dns-01", "challenges: identifiers has addresses"},
        {"crl_urls: 'https://a.test/l'",
         "crl_urls: \"https://a.test/l\" must begin with"},
        {"crl_urls: a.test", "crl_urls: \"a.test\" is not a URL"},
        {"crl_urls: 'http://'", "crl_urls: \"http://\" is not a URL"},
        {"crl_urls: 'http:///l'", "crl_urls: \"http:///l\" is not a URL"},
        {"issuer_urls: 'ldap://a.test'", "issuer_urls: \"ldap://a.test\" is not a URL"},
        {"issuer_urls: ['http://a.test/i', none]", "issuer_urls: \"none\" is not a URL"},
        {"ocsp_urls: ['http://a.test', 'http://a.test']",
         "ocsp_urls: \"http://a.test\" is "
         "there twice"},
        {"ocsp_urls: ['http://a/1', 'http://a/2', 'http://a/3', 'http://a/4', "
         "'http://a/5']",
         "ocsp_urls: at most 4"},
        {"must_staple: perhaps",
         "must_staple: \"perhaps\" is none of never, allow, always"},
        {"must_staple: always", "must_staple: there are no OCSP answers to staple"},
        {"must_staple: allow, ocsp_urls: none", "must_staple: there are no OCSP answers"},
        {"must_staple: always, no_rev_avail: true", "must_staple: with no_rev_avail"},
        {"no_rev_avail: true, crl_urls: 'http://a.test/l'", "no_rev_avail: it says"},
        {"no_rev_avail: true, ocsp_urls: 'http://a.test'", "no_rev_avail: it says"},
        {"usages: client, identifiers: [dns, hardware-module], challenges: [http-01, "
         "dns-01]",
         "challenges: identifiers has devices"},
        {"identifiers: permanent-identifier", "usages: identifiers has devices"},
        {"identifiers: [dsn]", "identifiers: there is no type \"dsn\""},
        {"accounts: [1]", "accounts are listed"},
        {"restricted: true, accounts: [x]", "accounts: \"x\" is no number"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct settings *s = NULL;
        struct err_info why = {0};
        if (read_profile(rows[i].options, &s, &why) != ERR_CONFIG)
            fail_msg("%s is taken", rows[i].options);
        if (strstr(why.detail, rows[i].words) == NULL)
            fail_msg("%s: %s", rows[i].options, why.detail);
    }
}

/* The Baseline Requirements' rows, each beside what they do not mind. X-TLS-9 to
 * X-TLS-13, X-TLS-16, X-TLS-25. */
#define URLS "crl_urls: 'http://a.test/l', issuer_urls: 'http://a.test/i'"
static void baseline(void **state)
{
    static const struct {
        const char *options;
        const char *words; /* NULL: taken */
    } rows[] = {
        {URLS, NULL},
        {URLS ", usages: [client], policies: 2.23.140.1.2.1", "usages: server must be"},
        {URLS ", usages: [server, client]", NULL},
        {URLS ", usages: [server, email]", "usages: code, email"},
        {URLS ", usages: [server, 1.3.6.1.4.1.11129.2.4.4]", "usages: code, email"},
        {URLS ", key_usages: [digitalSignature, contentCommitment]",
         "key_usages: contentCommitment"},
        {URLS ", key_usages: [digitalSignature, dataEncipherment]",
         "key_usages: contentCommitment and dataEncipherment"},
        {URLS ", key_types: rsa, key_usages: keyEncipherment",
         "key_usages: digitalSignature must be"},
        {URLS ", key_usages: [digitalSignature, keyEncipherment]", NULL},
        {URLS ", key_types: [p256, ed25519]",
         "key_types: ed25519 must not be among them"},
        {URLS ", policies: none", "policies: 2.23.140.1.2.1 must be among them"},
        {URLS ", policies: 2.23.140.1.2.2", "policies: 2.23.140.1.2.1 must be"},
        {URLS ", policies: [2.23.140.1.2.1, 1.3.6.1.4.1.44947.1.1.1]", NULL},
        {"crl_urls: 'http://a.test/l'", "issuer_urls: there must be one"},
        {"crl_urls: 'http://a.test/l', ocsp_urls: 'http://a.test/'", NULL},
        {"issuer_urls: 'http://a.test/i'", "crl_urls: a certificate that lives for more"},
        {"issuer_urls: 'http://a.test/i', ocsp_urls: 'http://a.test/'", NULL},
        {"issuer_urls: 'http://a.test/i', lifetime: 7d", NULL},
        {"issuer_urls: 'http://a.test/i', lifetime: 169h", "crl_urls: a certificate"},
        {"issuer_urls: 'http://a.test/i', no_rev_avail: true, lifetime: 7d", NULL},
        {"issuer_urls: 'http://a.test/i', no_rev_avail: true, lifetime: 169h",
         "no_rev_avail: only a certificate that lives for at most 7d"},
        /* S-DA-15 */
        {URLS ", identifiers: [dns, permanent-identifier], usages: [server, client]",
         "identifiers: devices must not be among them"},
        {URLS ", identifiers: [dns, ip]", NULL},
        {URLS ", caa_age: 8h", NULL},
        {URLS ", caa_age: 9h", "caa_age: CAA records"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct settings *s = NULL;
        struct err_info why = {0};
        const char *options = arena_printf(arena, "rules: br, %s", rows[i].options);
        enum err result = read_profile(options, &s, &why);
        if ((result == ERR_OK) != (rows[i].words == NULL) ||
            (result != ERR_OK && strstr(why.detail, rows[i].words) == NULL))
            fail_msg("%s: %s", rows[i].options, why.detail);
        /* a CA of one's own may */
        if (read_profile(rows[i].options, &s, &why) != ERR_OK)
            fail_msg("%s: %s", rows[i].options, why.detail);
    }
    assert_int_equal(profile("rules: br, " URLS)->key_types,
                     (1U << SETTINGS_KEY_ED25519) - 1);
}

/* What needs another OpenSSL than the one that runs is refused with that reason, and is
 * not among all types there are. */
static void key_types_not_there(void **state)
{
    const struct settings *s = NULL;
    struct err_info why = {0};
    bool there = key_type_is_there(KEY_MLDSA65);

    (void)state;
    assert_int_equal((profile("")->key_types & 1U << SETTINGS_KEY_MLDSA65) != 0, there);
    enum err result = read_profile("key_types: [p256, mldsa65]", &s, &why);
    assert_int_equal(result, there ? ERR_OK : ERR_CONFIG);
    if (there)
        assert_int_equal(
            settings_profile_key_usage(settings_profile(s, "a"), KEY_MLDSA65), 0x80);
    else
        assert_non_null(strstr(why.detail, "key_types: keys of type ML-DSA-65 need "
                                           "OpenSSL 3.5 or newer"));
    assert_int_equal(read_profile("rules: br, key_types: mldsa65, " URLS, &s, &why),
                     ERR_CONFIG);
    assert_non_null(strstr(why.detail, "mldsa65 must not be among them (BR 6.1.5)"));
}

/* What is only remarked. X-TLS-3, X-TLS-7 */
static void notes(void **state)
{
    static const struct {
        const char *options;
        const char *words; /* NULL: nothing is said */
    } rows[] = {
        {URLS ", lifetime: 45d", NULL},
        {URLS ", lifetime: 200d", "profiles.a: lifetime: it is the longest"},
        {URLS ", lifetime: 199d", NULL},
        {URLS ", lifetime: 45d, common_name: first", "profiles.a: common_name: a common"},
        {URLS ", lifetime: 45d, common_name: csr", "profiles.a: common_name: a common"},
        {URLS ", lifetime: 45d, common_name: refuse", NULL},
        {URLS ", lifetime: 45d, usages: [server, client]",
         "profiles.a: usages: browsers"},
        {URLS ", lifetime: 45d, usages: [server, 1.2.3]", "profiles.a: usages: others"},
        {URLS ", lifetime: 45d, key_usages: [digitalSignature, keyAgreement]",
         "profiles.a: key_usages: keyAgreement"},
        {"lifetime: 6d, ocsp_urls: 'http://a.test/'", "profiles.a: issuer_urls: one of"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct settings *s = NULL;
        const char *options = arena_printf(arena, "rules: br, %s", rows[i].options);
        int64_t now = 1795564800; /* 2026-11-25, when 200 days are allowed */
        assert_int_equal(read_profile(options, &s, NULL), ERR_OK);
        struct config_list list = settings_notes(arena, s, now);
        if (list.count != (rows[i].words != NULL))
            fail_msg("%s: %zu notes", options, list.count);
        if (list.count > 0 && strstr(list.items[0], rows[i].words) == NULL)
            fail_msg("%s: %s", options, list.items[0]);
        assert_int_equal(read_profile(rows[i].options, &s, NULL), ERR_OK);
        assert_int_equal(settings_notes(arena, s, now).count, 0);
    }
}

/* What profiles come to. */
static void meaning(void **state)
{
    (void)state;
    const struct settings_profile *p = profile("");
    assert_true(p->for_server && !p->for_client && !p->no_rev_avail);
    assert_int_equal(p->backdate_seconds, 60);
    assert_int_equal(p->key_types & ~(7U << SETTINGS_KEY_MLDSA44),
                     (1U << SETTINGS_KEY_MLDSA44) - 1);
    assert_int_equal(settings_profile_key_usage(p, KEY_RSA), 0xa0);
    assert_int_equal(settings_profile_key_usage(p, KEY_P384), 0x80);
    assert_int_equal(settings_profile_key_usage(p, KEY_ED25519), 0x80);
    assert_int_equal(p->policy_oids.count, 1);
    assert_string_equal(p->policy_oids.texts[0], "2.23.140.1.2.1");
    assert_true(p->crl.own && p->ocsp.own && p->issuers.own);
    assert_int_equal(p->common_name_rule, SETTINGS_COMMON_NAME_NONE);
    assert_int_equal(p->must_staple_rule, SETTINGS_MUST_STAPLE_NEVER);
    p = profile("usages: client");
    assert_true(p->for_client && !p->for_server);
    assert_int_equal(p->policy_oids.count, 0);
    p = profile("usages: [1.3.6.1.5.5.7.3.17, client], policies: [1.2.3, 2.999], "
                "backdate: 0, key_usages: [digitalSignature, keyAgreement, "
                "dataEncipherment], key_types: [rsa3072, p256], no_rev_avail: true");
    assert_int_equal(p->usage_oids.count, 2);
    assert_string_equal(p->usage_oids.texts[1], "1.3.6.1.5.5.7.3.2");
    assert_memory_equal(p->policy_oids.contents[1].data, "\x88\x37", 2);
    assert_int_equal(p->backdate_seconds, 0);
    assert_int_equal(settings_profile_key_usage(p, KEY_RSA), 0x90);
    assert_int_equal(settings_profile_key_usage(p, KEY_P256), 0x88);
    assert_false(p->crl.own || p->ocsp.own);
    assert_true(p->issuers.own);
    assert_true(settings_profile_takes(p, KEY_RSA, 3072));
    assert_false(settings_profile_takes(p, KEY_RSA, 2048));
    assert_true(settings_profile_takes(p, KEY_P256, 256));
    assert_false(settings_profile_takes(p, KEY_ED25519, 256));
    assert_string_equal(settings_profile_keys(arena, p), "rsa3072, p256");
    assert_true(settings_profile_takes(profile("key_types: rsa"), KEY_RSA, 2056));
    p = profile("policies: none, crl_urls: none, issuer_urls: 'http://a.test/i', "
                "ocsp_urls: ['http://a.test/', 'http://b.test/'], must_staple: always, "
                "common_name: first");
    assert_int_equal(p->policy_oids.count, 0);
    assert_true(!p->crl.own && p->crl.count == 0 && !p->issuers.own);
    assert_int_equal(p->ocsp.count, 2);
    assert_int_equal(p->must_staple_rule, SETTINGS_MUST_STAPLE_ALWAYS);
    assert_int_equal(p->common_name_rule, SETTINGS_COMMON_NAME_FIRST);
    p = profile("usages: timestamping, restricted: true, accounts: [1, 2]");
    assert_int_equal(p->usage_oids.count, 1);
}

/* And what they ask of directories that offer them. X-TLS-5 */
static void offered(void **state)
{
    static const struct {
        const char *directory;
        const char *words; /* NULL: taken */
    } rows[] = {
        {"public_names: true, caa_identities: ca.test", NULL},
        {"caa_identities: ca.test", "directories.d: profiles: \"a\" keeps the Baseline "
                                    "Requirements (rules: br), so public_names"},
        {"public_names: true", "directories.d: profiles: \"a\" keeps the Baseline "
                               "Requirements (rules: br), so CAA must"},
        {"public_names: true, caa_identities: ca.test, check_caa: false", "so CAA must"},
        {"public_names: true, caa_identities: ca.test, identifiers: ip",
         "directories.d: profiles: none of the identifiers that \"a\" takes"},
        {"profiles: b", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct settings *s = NULL;
        struct err_info why = {0};
        const char *text = arena_printf(
            arena,
            "profiles:\n  a: {rules: br, identifiers: dns, " URLS "}\n  b: {}\n"
            "directories:\n  d: {%s}\n",
            rows[i].directory);
        enum err result = read_text(text, NULL, 0, &s, &why);
        if ((result == ERR_OK) != (rows[i].words == NULL) ||
            (result != ERR_OK && strstr(why.detail, rows[i].words) == NULL))
            fail_msg("%s: %s", rows[i].directory, why.detail);
    }
}

static int64_t at(const char *time)
{
    int64_t seconds = 0;

    assert_true(clock_read(span_of(time), &seconds));
    return seconds;
}

/* X-TLS-2: the maximum of the Baseline Requirements by the time of issuance. */
static void maxima(void **state)
{
    static const struct {
        const char *issued;
        int days;
    } rows[] = {
        {"2026-03-14T23:59:59Z", 398}, {"2026-03-15T00:00:00Z", 200},
        {"2027-03-14T23:59:59Z", 200}, {"2027-03-15T00:00:00Z", 100},
        {"2029-03-14T23:59:59Z", 100}, {"2029-03-15T00:00:00Z", 47},
        {"2040-01-01T00:00:00Z", 47},
    };
    const struct settings_profile *long_one = profile("rules: br, lifetime: 825d, " URLS);
    const struct settings_profile *shorter = profile("rules: br, lifetime: 46d, " URLS);
    const struct settings_profile *own = profile("rules: rfc5280, lifetime: 825d");

    (void)state;
    assert_true(long_one->baseline && !own->baseline);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t issued = at(rows[i].issued);
        assert_int_equal(settings_profile_lifetime(long_one, issued),
                         rows[i].days * 86400);
        assert_int_equal(settings_profile_lifetime(shorter, issued), 46 * 86400);
        assert_int_equal(settings_profile_lifetime(own, issued), 825 * 86400);
    }
}

/* What does not fit together is pointed at where it stands. */
static void places(void **state)
{
    static const char *const set[] = {"profiles.a.lifetime=1m"};
    static const char text[] = "name: X\nprofiles:\n  a:\n    rules: both\n"
                               "log:\n  level: loud\n";
    const struct settings *s = NULL;
    struct err_info why = {0};

    (void)state;
    assert_int_equal(read_text(text, NULL, 0, &s, &why), ERR_CONFIG);
    assert_string_equal(
        why.detail, "/ca/cairn-ca.yaml:6:10: log.level: \"loud\" is none of debug, info, "
                    "notice, warning, error");
    assert_int_equal(read_text("profiles:\n  a:\n    rules: both\n", NULL, 0, &s, &why),
                     ERR_CONFIG);
    assert_string_equal(why.detail,
                        "/ca/cairn-ca.yaml:3:12: profiles.a: rules: \"both\" is "
                        "neither rfc5280 nor br");
    assert_int_equal(read_text("profiles:\n  a:\n    lifetime: 1h\n", set, 1, &s, &why),
                     ERR_CONFIG);
    assert_string_equal(why.detail,
                        "--set: profiles.a: lifetime: it must be at least 5m");
}

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong),   cmocka_unit_test(baseline),
        cmocka_unit_test(notes),   cmocka_unit_test(offered),
        cmocka_unit_test(meaning), cmocka_unit_test(maxima),
        cmocka_unit_test(places),  cmocka_unit_test(key_types_not_there),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
