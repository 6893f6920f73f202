/* Tests of client/solve/nginx_config: files as nginx reads them. That nginx agrees is
 * tested in tests/flow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/solve/nginx_config.h"
#include "core/base/file.h"
#include "core/base/text.h"

struct place {
    struct arena *arena;
    char root[64];
    struct nginx_config c;
    struct err_info why;
};

static int set_up(void **state)
{
    struct place *p = test_calloc(1, sizeof *p);

    (void)text_copy(p->root, sizeof p->root, "/tmp/cairn-nginx-XXXXXX");
    p->arena = arena_new();
    *state = p;
    return mkdtemp(p->root) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    arena_free(p->arena);
    test_free(p);
    return 0;
}

static const char *put(struct place *p, const char *name, const char *text)
{
    char *path = file_path(p->arena, p->root, name);

    assert_int_equal(file_replace(path, span_of(text), 0644, &p->why), ERR_OK);
    return path;
}

static enum err read_text(struct place *p, const char *text)
{
    return nginx_config_read(p->arena, put(p, "nginx.conf", text), &p->c, &p->why);
}

static void words(void **state)
{
    struct place *p = *state;

    assert_int_equal(
        read_text(p, "user www; # server { listen 1; }\n"
                     "events { worker_connections 10; }\n"
                     "http {\n"
                     "  map $uri $x { \"~^/a;{}\" 'b}'; default \"\\\"{\"; }\n"
                     "  log_format main '$remote_addr {\"a\": \"b\"}';\n"
                     "  init_by_lua_block { local t = {\"}\", '}', [[ } ]]} -- }\n }\n"
                     "  server { # listen 99;\n"
                     "    listen 80 default_server; listen [::]:80; listen 443 ssl;\n"
                     "    server_name a.test \"b.test\"\n www.c.test;\n"
                     "    set $y ${x}z;\n"
                     "    location ~ \"^/x{2}\" { return 200 'listen 7;'; }\n"
                     "  }server{listen 127.0.0.1:81;}\n"
                     "  upstream u { server 127.0.0.1:9; }\n"
                     "}\n"
                     "stream { server { listen 82; } }\n"),
        ERR_OK);
    assert_int_equal(p->c.count, 2);
    const struct nginx_server *s = p->c.servers;
    assert_int_equal(s[0].listen_count, 3);
    assert_true(s[0].listens[0].is_default && s[0].listens[2].tls);
    assert_int_equal(s[0].listens[1].at.family, ADDRESS_V6);
    assert_int_equal(s[0].name_count, 3);
    assert_string_equal(s[0].names[1], "b.test");
    assert_int_equal(s[1].listens[0].at.port, 81);
    struct span text;
    assert_int_equal(file_read(p->arena, s[0].file, 4096, &text, &p->why), ERR_OK);
    assert_memory_equal(text.data + s[0].inside, " # listen 99;", 13);
    assert_memory_equal(text.data + s[1].inside, "listen 127", 10);
    assert_memory_equal(text.data + p->c.http_inside - 1, "{\n  map", 7);
}

static void includes(void **state)
{
    struct place *p = *state;

    assert_int_equal(mkdir(file_path(p->arena, p->root, "sites"), 0755), 0);
    (void)put(p, "sites/b.conf", "server { include listen.part; server_name b.test; }");
    (void)put(p, "sites/a.conf", "server { server_name a.test; }");
    (void)put(p, "listen.part", "listen 8080;");
    assert_int_equal(read_text(p, "http { include sites/*.conf; include none/*; }"),
                     ERR_OK);
    assert_int_equal(p->c.count, 2);
    assert_string_equal(p->c.servers[0].names[0], "a.test");
    assert_int_equal(p->c.servers[1].listens[0].at.port, 8080);
    assert_non_null(strstr(p->c.servers[1].file, "/sites/b.conf"));
    (void)put(p, "loop.conf", "include loop.conf;");
    assert_int_equal(read_text(p, "include loop.conf;"), ERR_CONFIG);
}

static void broken(void **state)
{
    static const char *const rows[] = {"http {",
                                       "}",
                                       "a",
                                       "http { server { }",
                                       "a \"b;",
                                       ";",
                                       "{}",
                                       "http { a } b; }",
                                       "a_by_lua_block { {"};
    struct place *p = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(read_text(p, rows[i]), ERR_CONFIG);
    assert_int_equal(read_text(p, "include missing.conf;"), ERR_NOT_FOUND);
}

/* Which of these servers get a request for the name, on port 80. */
static void choices(void **state)
{
    static const struct {
        const char *name;
        bool served[7];
    } rows[] = {
        {"a.test", {0, 1, 0, 0, 0, 0, 0}},     {"A.TEST", {0, 1, 0, 0, 0, 0, 0}},
        {"x.a.test", {1, 0, 1, 0, 1, 0, 0}},   {"b.test", {0, 0, 0, 1, 0, 0, 0}},
        {"x.b.test", {1, 0, 0, 1, 1, 0, 0}},   {"www.c.test", {1, 0, 0, 0, 1, 0, 1}},
        {"other.test", {1, 0, 0, 0, 1, 0, 0}}, {"tls.test", {1, 0, 0, 0, 1, 0, 0}},
    };
    struct place *p = *state;

    assert_int_equal(read_text(p, "http {"
                                  "server { listen 80 default_server; server_name _; }"
                                  "server { listen 80; server_name a.test; }"
                                  "server { server_name *.a.test; }"
                                  "server { listen *:80; server_name .b.test; }"
                                  "server { listen 80; server_name ~^regular$; }"
                                  "server { listen 443 ssl; server_name tls.test; }"
                                  "server { listen 80; server_name www.*; } }"),
                     ERR_OK);
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
        for (size_t i = 0; i < p->c.count; i++)
            assert_int_equal(nginx_config_may_serve(&p->c, i, rows[r].name, 80),
                             rows[r].served[i]);
    assert_false(nginx_config_may_serve(&p->c, 0, "a.test", 8080));
}

/* The default is of an address and port; elsewhere the first one is. */
static void defaults(void **state)
{
    struct place *p = *state;

    assert_int_equal(read_text(p, "http {"
                                  "server { listen 80; server_name a.test; }"
                                  "server { listen [::]:80; server_name a6.test; }"
                                  "server { listen 80 default; server_name b.test; } }"),
                     ERR_OK);
    assert_false(nginx_config_may_serve(&p->c, 0, "other.test", 80));
    assert_true(nginx_config_may_serve(&p->c, 1, "other.test", 80));
    assert_true(nginx_config_may_serve(&p->c, 2, "other.test", 80));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(includes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(choices, set_up, tear_down),
        cmocka_unit_test_setup_teardown(defaults, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
