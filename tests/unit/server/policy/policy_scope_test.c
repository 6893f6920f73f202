/* Tests of server/policy/policy_scope: profiles of a directory, and what it certifies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/exchange/account_cache.h"
#include "server/policy/policy.h"

static struct arena *arena;

/* Settings from the text of a file. */
static const struct settings *settings_of(const char *text)
{
    const struct settings *s = NULL;
    struct err_info why = {0};

    if (settings_read(arena, "/ca", span_of(text), NULL, 0, &s, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    return s;
}

static const struct json *json_of(const char *text)
{
    const struct json *value = NULL;

    assert_int_equal(json_read(arena, span_of(text), &value, NULL), ERR_OK);
    return value;
}

/* Proofs count if a challenge of that type could be offered now. */
static void proofs(void **state)
{
    static const unsigned int http = 1U << CHALLENGE_HTTP_01;
    static const unsigned int dns = 1U << CHALLENGE_DNS_01;
    const struct settings *s =
        settings_of("directories:\n  default: {}\n  dns: {challenges: [dns-01]}\n");
    const struct settings_directory *all = settings_directory(s, "default");
    const struct settings_directory *only = settings_directory(s, "dns");
    const struct external_policy key = {.challenge_types = http};

    (void)state;
    assert_int_equal(policy_proofs(all, NULL, NULL) & (http | dns), http | dns);
    assert_int_equal(policy_proofs(only, NULL, NULL), dns);
    assert_int_equal(policy_proofs(all, &key, NULL), http);
    assert_int_equal(policy_proofs(only, &key, NULL), 0);
    const struct settings_profile profile = {.challenge_types = http};
    assert_int_equal(policy_proofs(all, NULL, &profile), http);
    assert_int_equal(policy_proofs(only, NULL, &profile), 0);
}

static void profiles(void **state)
{
    static const struct {
        const char *directory;
        const char *payload;
        int64_t account;
        enum err code;
        const char *name; /* of the profile, or what the sentence says */
    } rows[] = {
        {"default", "{}", 1, ERR_OK, "a"},
        {"default", "{\"profile\":\"b\"}", 1, ERR_OK, "b"},
        {"default", "{\"profile\":\"c\"}", 1, ERR_INVALID_PROFILE, "\"c\""},
        {"default", "{\"profile\":\"\"}", 1, ERR_INVALID_PROFILE, "no profile"},
        {"default", "{\"profile\":\"B\"}", 1, ERR_INVALID_PROFILE, "\"B\""},
        {"default", "{\"profile\":7}", 1, ERR_MALFORMED, "profile"},
        {"closed", "{}", 7, ERR_OK, "c"},
        {"closed", "{}", 70, ERR_OK, "c"},
        {"closed", "{}", 1, ERR_OK, "b"},
        {"closed", "{\"profile\":\"c\"}", 7, ERR_OK, "c"},
        {"closed", "{\"profile\":\"c\"}", 1, ERR_UNAUTHORIZED, "restricted"},
        {"only", "{}", 1, ERR_UNAUTHORIZED, "every profile"},
    };
    const struct settings *s = settings_of(
        "profiles: {a: {}, b: {}, c: {restricted: true, accounts: [7, 70]}}\n"
        "directories:\n  default: {profiles: [a, b]}\n  closed: {profiles: [c, b]}\n"
        "  only: {profiles: c}\n");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct settings_profile *profile = NULL;
        struct err_info why = {0};
        const struct account account = {.id = rows[i].account};
        enum err code =
            policy_profile(settings_directory(s, rows[i].directory),
                           json_of(rows[i].payload), &account, &profile, &why);
        if (code != rows[i].code)
            fail_msg("row %zu: %s %s", i, err_name(code), why.detail);
        if (code == ERR_OK)
            assert_string_equal(profile->name, rows[i].name);
        else
            assert_non_null(strstr(why.detail, rows[i].name));
    }
    const struct settings_profile *profile = NULL;
    const struct settings_directory *d = settings_directory(s, "default");
    assert_int_equal(policy_profile_again(d, "", &profile, NULL), ERR_OK);
    assert_string_equal(profile->name, "a");
    assert_int_equal(policy_profile_again(d, "b", &profile, NULL), ERR_OK);
    assert_string_equal(profile->name, "b");
    assert_int_equal(policy_profile_again(d, "c", &profile, NULL), ERR_INVALID_PROFILE);
}

static void allowed(void **state)
{
    static const struct {
        const char *directory;
        enum identifier_type type;
        const char *value;
        enum err code;
    } rows[] = {
        {"open", IDENTIFIER_DNS, "a.test", ERR_OK},
        {"open", IDENTIFIER_IP, "1.2.3.4", ERR_OK},
        {"open", IDENTIFIER_IP, "192.0.2.1", ERR_REJECTED_IDENTIFIER},
        {"names", IDENTIFIER_DNS, "a.test", ERR_OK},
        {"names", IDENTIFIER_DNS, "b.a.test", ERR_REJECTED_IDENTIFIER},
        {"names", IDENTIFIER_DNS, "xa.test", ERR_REJECTED_IDENTIFIER},
        {"names", IDENTIFIER_DNS, "c.test", ERR_REJECTED_IDENTIFIER},
        {"names", IDENTIFIER_DNS, "d.c.test", ERR_OK},
        {"names", IDENTIFIER_DNS, "e.d.c.test", ERR_OK},
        {"names", IDENTIFIER_DNS, "*.c.test", ERR_OK},
        {"names", IDENTIFIER_DNS, "dc.test", ERR_REJECTED_IDENTIFIER},
        {"names", IDENTIFIER_DNS, "secret.c.test", ERR_REJECTED_IDENTIFIER},
        {"names", IDENTIFIER_DNS, "x.secret.c.test", ERR_OK},
        {"names", IDENTIFIER_DNS, "x.deep.c.test", ERR_REJECTED_IDENTIFIER},
        {"names", IDENTIFIER_DNS, "*.deep.c.test", ERR_REJECTED_IDENTIFIER},
        {"names", IDENTIFIER_IP, "192.0.2.1", ERR_UNSUPPORTED_IDENTIFIER},
        {"hosts", IDENTIFIER_IP, "10.1.2.3", ERR_OK},
        {"hosts", IDENTIFIER_IP, "11.1.2.3", ERR_REJECTED_IDENTIFIER},
        {"hosts", IDENTIFIER_IP, "fd00::1", ERR_OK},
        {"hosts", IDENTIFIER_IP, "fe00::1", ERR_REJECTED_IDENTIFIER},
        {"hosts", IDENTIFIER_DNS, "a.test", ERR_INVALID_PROFILE},
        {"http", IDENTIFIER_DNS, "a.test", ERR_OK},
        {"http", IDENTIFIER_DNS, "*.a.test", ERR_REJECTED_IDENTIFIER},
        {"dns", IDENTIFIER_DNS, "*.a.test", ERR_OK},
        {"dns", IDENTIFIER_IP, "192.0.2.1", ERR_REJECTED_IDENTIFIER},
        /* S-NEWO-8 */
        {"public", IDENTIFIER_DNS, "www.cairn-ca.org", ERR_OK},
        {"public", IDENTIFIER_DNS, "*.cairn-ca.org", ERR_OK},
        {"public", IDENTIFIER_DNS, "cairn-ca.co.uk", ERR_OK},
        {"public", IDENTIFIER_DNS, "a.github.io", ERR_OK},
        {"public", IDENTIFIER_DNS, "a.b.kawasaki.jp", ERR_OK},
        {"public", IDENTIFIER_DNS, "city.kawasaki.jp", ERR_OK},
        {"public", IDENTIFIER_DNS, "b.kawasaki.jp", ERR_REJECTED_IDENTIFIER},
        {"public", IDENTIFIER_DNS, "org", ERR_REJECTED_IDENTIFIER},
        {"public", IDENTIFIER_DNS, "co.uk", ERR_REJECTED_IDENTIFIER},
        {"public", IDENTIFIER_DNS, "*.co.uk", ERR_REJECTED_IDENTIFIER},
        {"public", IDENTIFIER_DNS, "*.github.io", ERR_REJECTED_IDENTIFIER},
        {"public", IDENTIFIER_DNS, "a.cairn-unknown", ERR_REJECTED_IDENTIFIER},
        {"public", IDENTIFIER_DNS, "printer", ERR_REJECTED_IDENTIFIER},
        {"public", IDENTIFIER_DNS, "a.internal", ERR_REJECTED_IDENTIFIER},
        {"public", IDENTIFIER_DNS, "a.b.test", ERR_REJECTED_IDENTIFIER},
        {"public", IDENTIFIER_DNS, "x.onion", ERR_REJECTED_IDENTIFIER},
        {"public", IDENTIFIER_DNS, "1.0.0.10.in-addr.arpa", ERR_REJECTED_IDENTIFIER},
        {"public", IDENTIFIER_DNS, "www.example.com", ERR_REJECTED_IDENTIFIER},
        {"public", IDENTIFIER_DNS, "www.myexample.com", ERR_OK},
        {"public", IDENTIFIER_DNS, "denied.cairn-ca.org", ERR_REJECTED_IDENTIFIER},
        {"public", IDENTIFIER_IP, "10.0.0.1", ERR_OK},
    };
    const struct settings *s = settings_of(
        "validation: {allow_networks: [10.0.0.0/8, 11.0.0.0/8, 'fc00::/6']}\n"
        "profiles: {all: {}, ip: {identifiers: ip}}\n"
        "directories:\n  open: {profiles: all}\n"
        "  names: {profiles: all, identifiers: dns, allow_names: [a.test, .c.test],\n"
        "    deny_names: [secret.c.test, .deep.c.test]}\n"
        "  http: {profiles: all, challenges: http-01}\n"
        "  dns: {profiles: all, challenges: dns-01}\n"
        "  public: {profiles: all, public_names: true, deny_names: denied.cairn-ca.org}\n"
        "  hosts: {profiles: ip, allow_addresses: [10.0.0.0/8, 'fd00::/8']}\n");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct settings_directory *d = settings_directory(s, rows[i].directory);
        const struct policy_scope scope = {s, d, d->offered[0], NULL, NULL, NULL};
        const struct identifier identifier = {.type = rows[i].type,
                                              .value = rows[i].value};
        struct err_info why = {0};
        enum err code = policy_identifier_allowed(&scope, &identifier, &why);
        if (code != rows[i].code)
            fail_msg("%s: %s: %s %s", rows[i].directory, rows[i].value, err_name(code),
                     why.detail);
    }
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

/* The key an account was bound with opens what is restricted, and closes the rest. */
static void profiles_of_bound_accounts(void **state)
{
    static const struct {
        const char *policy;
        const char *directory;
        const char *payload;
        enum err code;
        const char *name;
    } rows[] = {
        {"{}", "default", "{}", ERR_OK, "a"},
        {"{}", "closed", "{\"profile\":\"c\"}", ERR_UNAUTHORIZED, ""},
        {"{\"profiles\":[\"b\"]}", "default", "{}", ERR_OK, "b"},
        {"{\"profiles\":[\"b\"]}", "default", "{\"profile\":\"a\"}", ERR_UNAUTHORIZED,
         ""},
        {"{\"profiles\":[\"c\"]}", "closed", "{\"profile\":\"c\"}", ERR_OK, "c"},
        {"{\"profiles\":[\"c\"]}", "default", "{}", ERR_UNAUTHORIZED, ""},
        {"{\"profiles\":[\"c\"]}", "default", "{\"profile\":\"c\"}", ERR_INVALID_PROFILE,
         ""},
    };
    const struct settings *s = settings_of(
        "profiles: {a: {}, b: {}, c: {restricted: true}}\n"
        "directories:\n  default: {profiles: [a, b]}\n  closed: {profiles: [c, b]}\n");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct settings_profile *profile = NULL;
        struct account account = {.id = 1};
        struct err_info why = {0};
        assert_int_equal(external_policy_read(arena, 1, "kid", rows[i].policy,
                                              &account.external, &why),
                         ERR_OK);
        enum err code =
            policy_profile(settings_directory(s, rows[i].directory),
                           json_of(rows[i].payload), &account, &profile, &why);
        if (code != rows[i].code)
            fail_msg("row %zu: %s %s", i, err_name(code), why.detail);
        if (code == ERR_OK)
            assert_string_equal(profile->name, rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles),
        cmocka_unit_test(proofs),
        cmocka_unit_test(allowed),
        cmocka_unit_test(profiles_of_bound_accounts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
