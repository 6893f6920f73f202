/* Tests of client/deploy: what is written, run, remembered and tried again. Programs are
 * not run here, but noted; real servers are in tests/flow/test_client_deploy.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy_world.h"

#include "client/deploy/deploy.h"
#include "client/deploy/deploy_check.h"
#include "client/deploy/deploy_content.h"
#include "client/deploy/deploy_target.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/json/json_write.h"
#include "core/x509/x509_fixtures.h"

#define SERIAL DEPLOY_WORLD_SERIAL

static const char *path_of(struct world *w, const char *name)
{
    return file_path(w->arena, w->directory, name);
}

static const char *content(struct world *w, const char *name)
{
    struct span text;

    if (file_read(w->arena, path_of(w, name), 100000, &text, &w->why) != ERR_OK)
        return NULL;
    return (const char *)text.data;
}

static bool is_der(const char *text)
{
    return text != NULL && text[0] == 0x30; /* SEQUENCE */
}

static void assert_outcome(struct world *w, size_t done, size_t waiting, size_t failed)
{
    assert_int_equal(w->outcome.done, done);
    assert_int_equal(w->outcome.waiting, waiting);
    assert_int_equal(w->outcome.failed, failed);
}

/* ---- files ---- */

static void every_kind_of_file(void **state)
{
    struct world *w = *state;
    struct settings_deployment *d = &w->deployments[0];
    struct stat about;

    d->key_file = path_of(w, "k");
    d->certificate_file = path_of(w, "c");
    d->chain_file = path_of(w, "i");
    d->fullchain_file = path_of(w, "f");
    d->combined_file = path_of(w, "a");
    d->der_file = path_of(w, "d");
    d->pkcs12_file = path_of(w, "p");
    assert_int_equal(deploy_world_run(w, false), ERR_OK);
    assert_outcome(w, 1, 0, 0);
    assert_string_equal(content(w, "k"), pem_leaf_key);
    assert_string_equal(content(w, "c"), pem_leaf);
    assert_string_equal(content(w, "i"), pem_intermediate);
    assert_string_equal(content(w, "f"),
                        arena_printf(w->arena, "%s%s", pem_leaf, pem_intermediate));
    assert_string_equal(content(w, "a"), arena_printf(w->arena, "%s%s%s", pem_leaf_key,
                                                      pem_leaf, pem_intermediate));
    assert_true(is_der(content(w, "d")));
    assert_true(is_der(content(w, "p")));
    for (const char *p = "kap"; *p != '\0'; p++) {
        const char name[] = {*p, '\0'};
        assert_int_equal(stat(path_of(w, name), &about), 0);
        assert_int_equal(about.st_mode & 07777, 0600);
    }
    assert_string_equal(runner.lines, "");
}

static void paths_with_the_type_of_a_key(void **state)
{
    struct world *w = *state;
    struct settings_deployment *d = &w->deployments[0];

    d->key_file = path_of(w, "x.KEY.pem");
    d->certificate_file = path_of(w, "KEYS");
    d->fullchain_file = path_of(w, "x.pem.ALGORITHM");
    assert_false(deploy_content_has_all(&w->deployments[1]));
    assert_true(deploy_content_has_all(d));
    assert_int_equal(deploy_world_run(w, false), ERR_OK);
    assert_string_equal(content(w, "x.p256.pem"), pem_leaf_key);
    assert_string_equal(content(w, "KEYS"), pem_leaf);
    assert_non_null(content(w, "x.pem.ecdsa"));
}

static void options_that_do_not_fit(void **state)
{
    struct world *w = *state;
    struct settings_deployment *d = &w->deployments[0];
    const char *open = path_of(w, "password");

    assert_int_equal(file_create(open, span_of("x\n"), 0644, &w->why), ERR_OK);
    const struct {
        const char *key;
        const char *second;
        const char *pkcs12;
        const char *check;
        const char *says;
    } rows[] = {
        {"rsa2048", "", "", "", "the certificate has no key of type \"rsa2048\""},
        {"", path_of(w, "k"), "", "", "key_file and certificate_file are both"},
        {"", "", path_of(w, "p"), "", "pkcs12_password_file"},
        {"", "", "", "nowhere", "\"nowhere\" is not HOST:PORT"},
    };
    d->key_file = path_of(w, "k");
    d->pkcs12_password_file = open;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        d->key = rows[i].key;
        d->certificate_file = rows[i].second;
        d->pkcs12_file = rows[i].pkcs12;
        d->check = rows[i].check;
        assert_int_equal(deploy_world_run(w, true), ERR_DEPLOY);
        assert_non_null(strstr(w->why.detail, "deployment one of site: "));
        assert_non_null(strstr(w->why.detail, rows[i].says));
        assert_null(content(w, "k"));
    }
}

static void a_certificate_without_a_key(void **state)
{
    struct world *w = *state;
    struct settings_deployment *d = &w->deployments[0];

    assert_int_equal(unlink(path_of(w, "certificates/site/current/key.pem")), 0);
    d->fullchain_file = path_of(w, "f");
    assert_int_equal(deploy_world_run(w, false), ERR_OK);
    d->key_file = path_of(w, "k");
    assert_int_equal(deploy_world_run(w, false), ERR_DEPLOY);
    assert_non_null(strstr(w->why.detail, "there is no key to write"));
}

/* ---- programs ---- */

static void servers_are_tested_and_reloaded(void **state)
{
    struct world *w = *state;
    struct settings_deployment *d = &w->deployments[0];
    static const struct {
        const char *target;
        const char *config;
        const char *lines;
    } rows[] = {
        {"nginx", "", "nginx -t\nnginx -s reload\n"},
        {"nginx", "/n.conf", "nginx -c /n.conf -t\nnginx -c /n.conf -s reload\n"},
        {"apache", "", "apache2 -t\napache2 -t -D DUMP_RUN_CFG\napache2 -k graceful\n"},
        {"apache", "/a.conf",
         "apache2 -f /a.conf -t\napache2 -f /a.conf -t -D DUMP_RUN_CFG\napache2 -f "
         "/a.conf -k graceful\n"},
        {"postfix", "", "postfix check\npostfix reload\n"},
        {"postfix", "/p", "postfix -c /p check\npostfix -c /p reload\n"},
        {"dovecot", "/d", "doveconf -c /d -n\ndoveadm -c /d reload\n"},
        {"systemd:x.service", "",
         "systemctl is-active --quiet x.service\n"
         "systemctl reload-or-restart x.service\n"},
        {"files", "", ""},
    };

    runner.missing[0] = "apachectl";
    runner.missing[1] = "apache2ctl";
    runner.missing[2] = "httpd";
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        d->target = rows[i].target;
        d->config = rows[i].config;
        runner.lines[0] = '\0';
        assert_true(deploy_target_is_known(d->target));
        assert_int_equal(deploy_world_run(w, false), ERR_OK);
        assert_outcome(w, 1, 0, 0);
        assert_string_equal(runner.lines, rows[i].lines);
    }
    assert_false(deploy_target_is_known("lighttpd"));
    assert_false(deploy_target_is_known("systemd:"));
    runner.missing[3] = NULL;
    runner.missing[0] = "postfix";
    d->target = "postfix";
    d->config = "";
    assert_int_equal(deploy_world_run(w, false), ERR_DEPLOY);
    assert_non_null(strstr(w->why.detail, "there is no program postfix"));
}

/* A unit that does not run stays so, and one that there is not is told of. */
static void a_unit_that_does_not_run(void **state)
{
    struct world *w = *state;

    w->deployments[0].target = "systemd:x.service";
    runner.failing = "is-active";
    assert_int_equal(deploy_world_run(w, false), ERR_OK);
    assert_string_equal(runner.lines, "systemctl is-active --quiet x.service\n"
                                      "systemctl try-reload-or-restart x.service\n");
    runner.failing = "x.service";
    assert_int_equal(deploy_world_run(w, true), ERR_DEPLOY);
    assert_non_null(
        strstr(w->why.detail,
               "systemctl try-reload-or-restart failed with exit code 3: first line"));
}

static void commands_in_place_of_what_a_target_does(void **state)
{
    struct world *w = *state;
    struct settings_deployment *d = &w->deployments[0];

    d->target = "nginx";
    d->test = "mytest --all";
    d->command = "mycommand \"$CAIRN_KEY\"";
    assert_int_equal(deploy_world_run(w, false), ERR_OK);
    assert_string_equal(runner.lines, "/bin/sh -c mytest --all\n"
                                      "/bin/sh -c mycommand \"$CAIRN_KEY\"\n");
    d->test = "none";
    runner.lines[0] = '\0';
    assert_int_equal(deploy_world_run(w, false), ERR_OK);
    assert_string_equal(runner.lines, "/bin/sh -c mycommand \"$CAIRN_KEY\"\n");
    assert_non_null(strstr(runner.environment,
                           arena_printf(w->arena,
                                        "CAIRN_NAME=site\nCAIRN_DEPLOYMENT=one\n"
                                        "CAIRN_DIR=%s/certificates/site/current\n",
                                        w->directory)));
    assert_non_null(strstr(runner.environment, "CAIRN_NAMES=a.flow.test b.flow.test\n"));
    assert_non_null(strstr(runner.environment, "CAIRN_SERIAL=" SERIAL "\n"));
    assert_non_null(strstr(runner.environment, "CAIRN_NOT_AFTER=2109-01-13T23:52:03Z\n"));
    assert_non_null(
        strstr(runner.environment, "RENEWED_DOMAINS=a.flow.test b.flow.test\n"));
    assert_string_equal(content(w, "certificates/site/certbot/site/privkey.pem"),
                        pem_leaf_key);
    assert_non_null(content(w, "certificates/site/certbot/site/fullchain.pem"));
}

static void a_failed_test_puts_the_old_files_back(void **state)
{
    struct world *w = *state;
    struct settings_deployment *d = &w->deployments[0];

    assert_int_equal(file_create(path_of(w, "k"), span_of("old"), 0600, &w->why), ERR_OK);
    d->target = "nginx";
    d->key_file = path_of(w, "k");
    d->fullchain_file = path_of(w, "f");
    runner.failing = "-t";
    assert_int_equal(deploy_world_run(w, false), ERR_DEPLOY);
    assert_string_equal(w->why.detail,
                        "deployment one of site: the test of its files failed with exit "
                        "code 3: first line it is wrong; the old files are in place "
                        "again");
    assert_string_equal(runner.lines, "nginx -t\n");
    assert_string_equal(content(w, "k"), "old");
    assert_null(content(w, "f"));
    /* what was tested well stays, although the reload failed */
    runner.failing = "reload";
    assert_int_equal(deploy_world_run(w, true), ERR_DEPLOY);
    assert_non_null(strstr(w->why.detail, "the reload failed with exit code 3"));
    assert_string_equal(content(w, "k"), pem_leaf_key);
}

static void a_command_that_takes_too_long(void **state)
{
    struct world *w = *state;

    w->deployments[0].target = "hook";
    w->deployments[0].command = "x";
    runner.timed_out = true;
    assert_int_equal(deploy_world_run(w, false), ERR_DEPLOY);
    assert_non_null(strstr(w->why.detail, "the command took longer than 5 s"));
}

/* ---- again and again ---- */

static void what_is_done_is_not_done_again(void **state)
{
    struct world *w = *state;
    struct settings_deployment *d = &w->deployments[0];
    int64_t next = 7;

    d->target = "hook";
    d->command = "x";
    assert_true(deploy_is_due(w->arena, w->directory, &w->wanted, clock_now(), &next));
    assert_int_equal(deploy_world_run(w, false), ERR_OK);
    assert_outcome(w, 1, 0, 0);
    assert_false(deploy_is_due(w->arena, w->directory, &w->wanted, clock_now(), &next));
    assert_int_equal(next, 0);
    runner.lines[0] = '\0';
    assert_int_equal(deploy_world_run(w, false), ERR_OK);
    assert_outcome(w, 0, 0, 0);
    assert_string_equal(runner.lines, "");
    d->command = "y"; /* another option */
    assert_int_equal(deploy_world_run(w, false), ERR_OK);
    assert_outcome(w, 1, 0, 0);
    assert_int_equal(deploy_world_run(w, true), ERR_OK);
    assert_outcome(w, 1, 0, 0);
}

static void all_are_tried_and_failures_wait(void **state)
{
    struct world *w = *state;
    int64_t next = 0;
    int64_t now = clock_now();

    w->wanted.deployment_count = 3;
    for (size_t i = 0; i < 3; i++) {
        w->deployments[i].target = "hook";
        w->deployments[i].command = arena_printf(w->arena, "command%zu", i);
    }
    runner.failing = "command1";
    assert_int_equal(deploy_world_run(w, false), ERR_DEPLOY);
    assert_outcome(w, 2, 0, 1);
    assert_non_null(strstr(w->why.detail, "deployment two of site"));
    assert_string_equal(runner.lines, "/bin/sh -c command0\n/bin/sh -c command1\n"
                                      "/bin/sh -c command2\n");
    assert_false(deploy_is_due(w->arena, w->directory, &w->wanted, now, &next));
    assert_in_range(next, now + 60, now + 70);
    runner.lines[0] = '\0';
    assert_int_equal(deploy_world_run(w, false), ERR_OK);
    assert_outcome(w, 0, 1, 0);
    assert_string_equal(runner.lines, "");
    assert_non_null(strstr(deploy_status_line(w->arena, w->directory, &w->wanted, 1),
                           "two: failed 1 time, next try "));
    assert_non_null(
        strstr(deploy_status_line(w->arena, w->directory, &w->wanted, 0), "one: done "));
    clock_shift_ms(61000);
    runner.failing = NULL;
    assert_true(deploy_is_due(w->arena, w->directory, &w->wanted, clock_now(), &next));
    assert_int_equal(deploy_world_run(w, false), ERR_OK);
    assert_outcome(w, 1, 0, 0);
    assert_string_equal(runner.lines, "/bin/sh -c command1\n");
    clock_shift_ms(0);
}

static void the_status_as_json(void **state)
{
    struct world *w = *state;
    AUTO(buf) struct buf b = buf_make(10000);
    struct json_writer j = json_writer_make(&b);

    w->wanted.deployment_count = 2;
    w->deployments[1].target = "hook";
    w->deployments[1].command = "x";
    runner.failing = "x";
    assert_int_equal(deploy_world_run(w, false), ERR_DEPLOY);
    w->deployments[0].der_file = "/tmp/other";
    json_write_begin_object(&j, NULL);
    deploy_write_status(&j, w->directory, &w->wanted);
    json_write_end_object(&j);
    buf_add_octet(&b, '\0');
    assert_false(b.failed);
    const char *text = (const char *)b.data;
    assert_non_null(strstr(text, "{\"deployments\":[{\"name\":\"one\",\"target\":"
                                 "\"files\",\"state\":\"due\",\"serial\":\"" SERIAL
                                 "\",\"deployed\":\""));
    assert_non_null(strstr(text, "{\"name\":\"two\",\"target\":\"hook\",\"state\":"
                                 "\"failed\",\"failures\":1,\"error\":\"the command "
                                 "failed with exit code 3: first line it is wrong\","));
}

static void there_is_no_certificate(void **state)
{
    struct world *w = *state;
    int64_t next;

    w->certificate.name = "other";
    assert_int_equal(deploy_world_run(w, false), ERR_NOT_FOUND);
    assert_false(deploy_is_due(w->arena, w->directory, &w->wanted, clock_now(), &next));
    w->wanted.deployment_count = 0;
    assert_int_equal(deploy_world_run(w, false), ERR_OK);
}

static void where_to_look(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *text;
        const char *host; /* NULL: refused */
        uint16_t port;
        const char *starttls;
    } rows[] = {
        {"www.a.test:443", "www.a.test", 443, ""},
        {"127.0.0.1:8443", "127.0.0.1", 8443, ""},
        {"[2001:db8:0::1]:443", "2001:db8::1", 443, ""},
        {"mx.a.test:25/starttls-smtp", "mx.a.test", 25, "smtp"},
        {"mx.a.test", NULL, 0, ""},
        {":443", NULL, 0, ""},
        {"a:0", NULL, 0, ""},
        {"a:65536", NULL, 0, ""},
        {"2001:db8::1", NULL, 0, ""},
        {"a:25/smtp", NULL, 0, ""},
        {"a:25/starttls-gopher", NULL, 0, ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct deploy_check check = {0};
        enum err result = deploy_check_parse(w->arena, rows[i].text, &check, &w->why);
        assert_int_equal(result, rows[i].host != NULL ? ERR_OK : ERR_CONFIG);
        if (rows[i].host == NULL)
            continue;
        assert_string_equal(check.host, rows[i].host);
        assert_int_equal(check.port, rows[i].port);
        assert_string_equal(check.starttls, rows[i].starttls);
    }
}

int main(void)
{
#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, deploy_world_set_up, deploy_world_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_file),
        TEST(paths_with_the_type_of_a_key),
        TEST(options_that_do_not_fit),
        TEST(a_certificate_without_a_key),
        TEST(servers_are_tested_and_reloaded),
        TEST(a_unit_that_does_not_run),
        TEST(commands_in_place_of_what_a_target_does),
        TEST(a_failed_test_puts_the_old_files_back),
        TEST(a_command_that_takes_too_long),
        TEST(what_is_done_is_not_done_again),
        TEST(all_are_tried_and_failures_wait),
        TEST(the_status_as_json),
        TEST(there_is_no_certificate),
        TEST(where_to_look),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
