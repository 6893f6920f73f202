/* Tests of server/settings: for each row of options.def what is accepted and refused, and
 * what must fit together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "server/settings/settings.h"

static struct arena *arena;

static enum err read_text(const char *text, const struct settings **s,
                          struct err_info *why)
{
    return settings_read(arena, "/ca", span_of(text), NULL, 0, s, why);
}

/* One option with one value in a file of its own; the value begins at the column given
 * back. */
static char *file_of(const char *path, const char *value, int *line, int *column)
{
    const char *dot = strchr(path, '.');

    if (dot == NULL) {
        *line = 2;
        *column = (int)strlen(path) + 3;
        return arena_printf(arena, "# a comment\n%s: %s\n", path, value);
    }
    *line = 3;
    *column = (int)strlen(dot + 1) + 5;
    return arena_printf(arena, "# a comment\n%.*s:\n  %s: %s\n", (int)(dot - path), path,
                        dot + 1, value);
}

static void assert_taken(const char *path, const char *value)
{
    const struct settings *s = NULL;
    struct err_info why = {0};
    int line = 0;
    int column = 0;

    if (read_text(file_of(path, value, &line, &column), &s, &why) != ERR_OK)
        fail_msg("%s: %s: %s", path, value, why.detail);
}

/* Refused with file, line, column and the option's name. */
static void assert_refused(const char *path, const char *value)
{
    const struct settings *s = NULL;
    struct err_info why = {0};
    int line = 0;
    int column = 0;
    char *text = file_of(path, value, &line, &column);
    char *place = arena_printf(arena, "/ca/cairn-ca.yaml:%d:%d: %s", line, column, path);

    if (read_text(text, &s, &why) != ERR_CONFIG)
        fail_msg("%s: %s is taken", path, value);
    if (strncmp(why.detail, place, strlen(place)) != 0)
        fail_msg("%s instead of %s", why.detail, place);
    assert_null(s);
}

enum kind { KIND_TEXT, KIND_NUMBER, KIND_BOOL, KIND_DURATION, KIND_LIST };

static const struct row {
    const char *path;
    enum kind kind;
    const char *fallback;
    long long least, most;
} rows[] = {
#define OPTION(path, kind, member, fallback, least, most, sentence)                      \
    {path, KIND_##kind, fallback, least, most},
#include "server/settings/options.def"
#undef OPTION
};

#define ROWS (sizeof rows / sizeof rows[0])

/* Bounds that are allowed beside other values of other options only. */
static const char *const least_with_others[] = {"certificate.lifetime", "crl.lifetime"};
static const char *const most_with_others[] = {"crl.shards"};

static bool wants_others(const char *path, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(path, list[i]) == 0)
            return true;
    return false;
}

/* The bounds of each number and duration: taken; a step beyond: refused. What must also
 * fit another option is tested below. */
static void bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *r = &rows[i];
        const char *unit = r->kind == KIND_DURATION ? "ms" : "";
        if (r->kind != KIND_NUMBER && r->kind != KIND_DURATION)
            continue;
        assert_true(r->least >= 0 && r->least < r->most);
        if (!wants_others(r->path, least_with_others, 2))
            assert_taken(r->path, arena_printf(arena, "%lld%s", r->least, unit));
        if (!wants_others(r->path, most_with_others, 1))
            assert_taken(r->path, arena_printf(arena, "%lld%s", r->most, unit));
        assert_refused(r->path, arena_printf(arena, "%lld%s", r->most + 1, unit));
        if (r->least > 0)
            assert_refused(r->path, arena_printf(arena, "%lld%s", r->least - 1, unit));
        static const char *const never[] = {
            "x", "-1", "1.5", "1e3", "0x10", "99999999999999999999", "~"};
        for (size_t j = 0; j < sizeof never / sizeof never[0]; j++)
            assert_refused(r->path, never[j]);
    }
    assert_refused("certificate.lifetime", "90");
    assert_refused("limits.idle", "2 m");
    assert_refused("limits.body", "64k");
}

/* A mapping where a value belongs, a list where a text belongs, an option twice. */
static void shapes(void **state)
{
    const struct settings *s = NULL;

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        int line = 0;
        int column = 0;
        struct err_info why = {0};
        char *text = file_of(rows[i].path, "{a: b}", &line, &column);
        assert_int_equal(read_text(text, &s, &why), ERR_CONFIG);
        char *place = arena_printf(arena, "/ca/cairn-ca.yaml:%d:", line);
        if (strncmp(why.detail, place, strlen(place)) != 0 ||
            strstr(why.detail, rows[i].path) == NULL)
            fail_msg("%s", why.detail);
        if (rows[i].kind != KIND_LIST) {
            text = file_of(rows[i].path, "[a, b]", &line, &column);
            assert_int_equal(read_text(text, &s, &why), ERR_CONFIG);
        }
        text = file_of(rows[i].path, rows[i].kind == KIND_LIST ? "[]" : rows[i].fallback,
                       &line, &column);
        const char *last = strrchr(rows[i].path, '.');
        text = arena_printf(arena, "%s%s%s: x\n", text, last != NULL ? "  " : "",
                            last != NULL ? last + 1 : rows[i].path);
        assert_int_equal(read_text(text, &s, &why), ERR_CONFIG);
    }
}

static void unknown(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } bad[] = {
        {"nam: x\n", "/ca/cairn-ca.yaml:1:1: there is no option \"nam\"; did you mean "
                     "\"name\"?"},
        {"name: x\nvalidation:\n  htp_port: 80\n",
         "/ca/cairn-ca.yaml:3:3: there is no option \"validation.htp_port\"; did you "
         "mean "
         "\"validation.http_port\"?"},
        {"validation: 7\n", "/ca/cairn-ca.yaml:1:1: validation holds options"},
        {"validation.http_port: 80\n", NULL},
        {"- a\n", "options are written as"},
        {"a: b: c\n", "/ca/cairn-ca.yaml:1:"},
        {"name: \"x\n", "/ca/cairn-ca.yaml:"},
        {"name: \x01\n", "/ca/cairn-ca.yaml:1: a control character"},
        {"name: \xff\n", "not valid UTF-8"},
        {"%YAML 1.2\n", "/ca/cairn-ca.yaml:1: YAML directives"},
    };
    const struct settings *s = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err_info why = {0};
        if (bad[i].words == NULL) {
            assert_int_equal(read_text(bad[i].text, &s, &why), ERR_OK);
            continue;
        }
        assert_int_equal(read_text(bad[i].text, &s, &why), ERR_CONFIG);
        if (strstr(why.detail, bad[i].words) == NULL)
            fail_msg("%s instead of %s", why.detail, bad[i].words);
    }
}

/* What is there when the file says nothing, and how the file takes its place. */
static void families(void **state)
{
    const struct settings *s = NULL;
    struct err_info why = {0};

    (void)state;
    assert_int_equal(read_text("certificate: {lifetime: 30d}\n", &s, &why), ERR_OK);
    static const struct {
        const char *name;
        int64_t seconds;
        bool server, client;
    } expected[] = {{"classic", 30 * 86400, true, false},
                    {"tlsserver", 45 * 86400, true, false},
                    {"shortlived", 160 * 3600, true, false},
                    {"client", 45 * 86400, false, true}};
    assert_int_equal(s->profiles.count, 4);
    const struct settings_directory *d = settings_directory(s, "default");
    assert_non_null(d);
    assert_int_equal(d->offered_count, 4);
    for (size_t i = 0; i < 4; i++) {
        const struct settings_profile *p = settings_profile(s, expected[i].name);
        assert_ptr_equal(d->offered[i], p);
        assert_int_equal(p->lifetime_seconds, expected[i].seconds);
        assert_int_equal(p->for_server, expected[i].server);
        assert_int_equal(p->for_client, expected[i].client);
        assert_int_equal(p->names_most, 100);
    }
    assert_null(settings_profile(s, "clasic"));
    assert_int_equal(read_text("profiles: {a: {lifetime: 1h}, b: {}}\n"
                               "directories: {one: {}, two: {profiles: [b, a]}}\n",
                               &s, &why),
                     ERR_OK);
    assert_int_equal(s->profiles.count, 2);
    assert_null(settings_directory(s, "default"));
    d = settings_directory(s, "two");
    assert_string_equal(d->offered[0]->name, "b");
    assert_string_equal(d->offered[1]->name, "a");
}

/* What the table alone cannot say. */
static void together(void **state)
{
    static const struct {
        const char *text;
        const char *words; /* NULL: taken */
    } cases[] = {
        {"", NULL},
        {"dns_names: []\n", "dns_names"},
        {"dns_names: [a.test, 'b c']\n", "dns_names"},
        {"dns_names: ['*.a.test']\n", "dns_names"},
        {"dns_names: [192.0.2.1]\n", "dns_names"},
        {"dns_names: [A.Test, b.test]\n", NULL},
        {"listen: []\n", "listen"},
        {"listen: [nowhere]\n", "listen"},
        {"listen: ['127.0.0.1:0']\n", "listen"},
        {"listen: [127.0.0.1]\n", "listen"},
        {"listen: ['127.0.0.1:65536']\n", "listen"},
        {"listen: ['0.0.0.0:443', '[::]:443']\n", NULL},
        {"origin: http://a.test\n", "origin"},
        {"origin: https://\n", "origin"},
        {"origin: https://a.test/\n", "origin"},
        {"origin: https://a.test/acme\n", "origin"},
        {"profiles: {}\n", "profiles: at least one"},
        {"directories: {}\n", "directories: at least one"},
        {"directories: {x: {profiles: [none]}}\n",
         "directories.x: profiles: there is no profile \"none\""},
        {"directories: {renewal-info: {}}\n", "directories.renewal-info: the name"},
        {"directories: {x: {challenges: [http-02]}}\n", "directories.x: challenges"},
        {"directories: {x: {identifiers: [dns, ip], challenges: [http-01]}}\n", NULL},
        {"directories: {x: {issuer: y}}\n", "directories.x: issuer"},
        {"directories: {x: {allow_names: ['a b']}}\n", "directories.x: allow_names"},
        {"directories: {x: {deny_names: ['*.a.test']}}\n", "write \".a.test\""},
        {"directories: {x: {allow_names: [.a.test, b.test]}}\n", NULL},
        {"directories: {x: {allow_addresses: [10.0.0.1/8]}}\n", "allow_addresses"},
        {"directories: {x: {allow_addresses: [10.0.0.0/8]}}\n", NULL},
        {"issuers: {y: {certificate: a.pem}}\n", "issuers.y: certificate and key"},
        {"issuers: {y: {certificate: a.pem, key: a.key}}\ndirectories: {x: {issuer: "
         "y}}\n",
         NULL},
        {"origin: https://a.test:8443\n", NULL},
        {"terms_of_service: yes\n", "terms_of_service"},
        {"terms_of_service: 'https://a.test/>'\n", "terms_of_service"},
        {"terms_of_service: 'https://a.test/ b'\n", "terms_of_service"},
        {"terms_of_service: https://a.test/terms?v=2\n", NULL},
        {"terms_of_service_renew: true\n", "terms_of_service_renew"},
        {"terms_of_service: https://a.test/\nterms_of_service_renew: true\n", NULL},
        {"terms_of_service_help: here\n", "terms_of_service_help"},
        {"website: ftp://a.test\n", "website"},
        {"website: http://a.test/\n", NULL},
        {"rates:\n  new_orders_per_account: off\n", NULL},
        {"rates:\n  new_orders_per_account: 300/3h\n", NULL},
        {"rates:\n  new_orders_per_account: 300/3h 50\n", NULL},
        {"rates:\n  new_orders_per_account: 300\n",
         "rates.new_orders_per_account: \"300\" is no rate"},
        {"rates:\n  pause_after: 1/1d 1000000\n", "rates.pause_after"},
        {"rates:\n  help_url: help\n", "rates.help_url"},
        {"rates:\n  help_url: https://a.test/limits\n", NULL},
        {"renewal:\n  revoked_url: here\n", "renewal.revoked_url"},
        {"renewal:\n  revoked_url: https://a.test/revoked\n", NULL},
        {"renewal:\n  poll: 59s\n", "renewal.poll"},
        {"renewal:\n  poll: 25h\n", "renewal.poll"},
        {"log:\n  level: loud\n", "log.level"},
        {"log:\n  level: debug\n", NULL},
        {"certificate:\n  lifetime: 1h\n  backdate: 1h\n", "backdate"},
        {"certificate:\n  lifetime: 1h\n  backdate: 59m\n", NULL},
        {"validation:\n  resolver: here\n", "validation.resolver"},
        {"validation:\n  resolver: 127.0.0.1:99999\n", "validation.resolver"},
        {"validation:\n  resolver: '[::1]:53'\n", NULL},
        {"validation:\n  resolver: 9.9.9.9\n", NULL},
        {"validation:\n  allow_networks: [10.0.0.0/8, fd00::/8, 192.0.2.1]\n", NULL},
        {"validation:\n  allow_networks: 10.0.0.0/33\n", "allow_networks"},
        {"validation:\n  insecure_zones: [corp.example., lab, _x.a-b]\n", NULL},
        {"validation:\n  insecure_zones: .\n", "validation.insecure_zones"},
        {"validation:\n  insecure_zones: [lab, 'a..b']\n", "\"a..b\""},
        {"validation:\n  insecure_zones: 'a b'\n", "insecure_zones"},
        {"validation:\n  insecure_zones: 'a\"b'\n", "insecure_zones"},
        {"validation:\n  allow_networks: 10.0.0.1/8\n", "allow_networks"},
        {"validation:\n  allow_networks: [10.0.0.0/8, here]\n", "\"here\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct settings *s = NULL;
        struct err_info why = {0};
        enum err result = read_text(cases[i].text, &s, &why);
        if ((result == ERR_OK) != (cases[i].words == NULL))
            fail_msg("%s: %s", cases[i].text, why.detail);
        if (cases[i].words == NULL)
            continue;
        assert_int_equal(result, ERR_CONFIG);
        assert_int_equal(strncmp(why.detail, "/ca/cairn-ca.yaml", 17), 0);
        if (strstr(why.detail, cases[i].words) == NULL)
            fail_msg("%s: %s", cases[i].text, why.detail);
    }
}

/* Their records name the CA (draft-ietf-acme-dns-persist 3.1). */
static void persistent_records(void **state)
{
    const struct settings *s = NULL;
    struct err_info why = {0};

    (void)state;
    assert_int_equal(
        read_text("directories:\n  a:\n    challenges: dns-persist-01\n", &s, &why),
        ERR_CONFIG);
    assert_non_null(strstr(why.detail, "dns-persist-01 needs caa_identities"));
    assert_int_equal(read_text("directories:\n  a:\n    challenges: dns-persist-01\n"
                               "    caa_identities: CA.test\n",
                               &s, &why),
                     ERR_OK);
    assert_int_equal(settings_directory(s, "a")->dns_persist_revision, 1);
}

/* The origin of every URL; the default port is left out. */
static void origins(void **state)
{
    static const struct {
        const char *text;
        const char *base;
    } cases[] = {
        {"", "https://localhost:8443"},
        {"dns_names: [CA.Test, b.test]\nlisten: ['0.0.0.0:443', '0.0.0.0:8443']\n",
         "https://ca.test"},
        {"dns_names: ca.test\nlisten: '[::]:8443'\n", "https://ca.test:8443"},
        {"dns_names: ca.test\nlisten: '[::]:443'\n", "https://ca.test"},
        {"origin: https://front.test\nlisten: 127.0.0.1:8443\n", "https://front.test"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct settings *s = NULL;
        assert_int_equal(read_text(cases[i].text, &s, NULL), ERR_OK);
        assert_string_equal(s->base, cases[i].base);
    }
}

static void defaults(void **state)
{
    const struct settings *s = NULL;

    (void)state;
    assert_int_equal(read_text("", &s, NULL), ERR_OK);
    assert_true(s->certificate_lifetime == INT64_C(90) * 86400 * 1000);
    assert_int_equal(s->http_port, 80);
    assert_int_equal(s->tls_port, 443);
    assert_int_equal(s->allow_networks.count, 0);
    assert_int_equal(s->dns_names.count, 1);
    assert_string_equal(s->log_level, "info");
    assert_string_equal(s->directory, "/ca");
}

static void sets(void **state)
{
    static const char *const good[] = {"name=X = Y", "validation.http_port=8080",
                                       "dns_names=a.test,b.test c.test"};
    const struct settings *s = NULL;
    struct err_info why = {0};

    (void)state;
    assert_int_equal(settings_read(arena, "/ca",
                                   span_of("name: Z\nvalidation:\n  http_port: 81\n"),
                                   good, 3, &s, NULL),
                     ERR_OK);
    assert_string_equal(s->name, "X = Y");
    assert_int_equal(s->http_port, 8080);
    assert_int_equal(s->dns_names.count, 3);
    /* they stay in force over a reload */
    const struct settings *again = NULL;
    assert_int_equal(
        settings_reread(arena, s, span_of("website: https://a.test\n"), &again, NULL),
        ERR_OK);
    assert_string_equal(again->name, "X = Y");
    assert_string_equal(again->website, "https://a.test");
    static const char *const bad[] = {"name",
                                      "nam=x",
                                      "validation.http_port=0",
                                      "validation.http_port=",
                                      "log.level=x",
                                      "certificate.lifetime=1s"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(settings_read(arena, "/ca", span_of(""), &bad[i], 1, &s, &why),
                         ERR_CONFIG);
}

/* What is written is read as the same, whatever stands in it. */
static void written(void **state)
{
    static const char *const sets[] = {
        "name=\"quoted\" \\ back: #no comment\t\x01\n\xc3\xa4",
        "listen=[::]:443",
        "dns_names=a.test b.test",
        "validation.allow_networks=10.0.0.0/8",
        "order.hold=250ms",
        "certificate.lifetime=36h",
        "origin=https://x.test",
    };
    struct settings *s = NULL;
    const struct settings *again = NULL;
    AUTO(buf) struct buf b = buf_make(100000);
    AUTO(buf) struct buf twice = buf_make(100000);
    struct err_info why = {0};

    (void)state;
    assert_int_equal(settings_defaults(arena, "/ca", sets, 7, &s, NULL), ERR_OK);
    settings_write(&b, s);
    assert_false(b.failed);
    if (settings_read(arena, "/ca", buf_span(&b), NULL, 0, &again, &why) != ERR_OK)
        fail_msg("%s\n%.*s", why.detail, (int)b.len, (const char *)b.data);
    assert_string_equal(again->name, s->name);
    assert_string_equal(again->base, s->base);
    assert_true(again->certificate_lifetime == s->certificate_lifetime);
    settings_write(&twice, again);
    assert_true(span_equal(buf_span(&b), buf_span(&twice)));
    /* every option stands there */
    uint8_t *end = buf_reserve(&b, 1);
    *end = 0;
    for (size_t i = 0; i < ROWS; i++) {
        const char *dot = strchr(rows[i].path, '.');
        char *line = arena_printf(arena, "\n%s%s: ", dot != NULL ? "  " : "",
                                  dot != NULL ? dot + 1 : rows[i].path);
        assert_non_null(strstr((const char *)b.data, line));
    }
}

static void no_file(void **state)
{
    const struct settings *s = NULL;
    struct err_info why = {0};

    (void)state;
    assert_int_equal(settings_load(arena, "/nonexistent", NULL, 0, &s, &why), ERR_CONFIG);
    assert_non_null(strstr(why.detail, "cairn-ca init --dir /nonexistent"));
    assert_string_equal(settings_path(arena, &(struct settings){.directory = "/ca"}, "x"),
                        "/ca/x");
    assert_string_equal(
        settings_path(arena, &(struct settings){.directory = "/ca"}, "/y"), "/y");
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
        cmocka_unit_test(bounds),   cmocka_unit_test(shapes),
        cmocka_unit_test(unknown),  cmocka_unit_test(families),
        cmocka_unit_test(together), cmocka_unit_test(persistent_records),
        cmocka_unit_test(origins),  cmocka_unit_test(defaults),
        cmocka_unit_test(sets),     cmocka_unit_test(written),
        cmocka_unit_test(no_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
