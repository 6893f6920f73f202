/* Tests of client/deploy/deploy_status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/deploy/deploy_status.h"
#include "core/base/file.h"
#include "core/base/text.h"

#define NOW 1800000000

struct world {
    struct arena *arena;
    char directory[64];
    struct err_info why;
};

static int set_up(void **state)
{
    struct world *w = test_calloc(1, sizeof *w);

    (void)text_copy(w->directory, sizeof w->directory, "/tmp/cairn-deploy-XXXXXX");
    w->arena = arena_new();
    if (mkdtemp(w->directory) == NULL)
        return -1;
    *state = w;
    if (mkdir(file_path(w->arena, w->directory, "certificates"), 0700) != 0)
        return -1;
    return mkdir(file_path(w->arena, w->directory, "certificates/site"), 0700);
}

static char *path_of(struct world *w)
{
    return file_path(w->arena, w->directory, "certificates/site/deploy.json");
}

static int tear_down(void **state)
{
    struct world *w = *state;

    (void)unlink(path_of(w));
    (void)rmdir(file_path(w->arena, w->directory, "certificates/site"));
    (void)rmdir(file_path(w->arena, w->directory, "certificates"));
    (void)rmdir(w->directory);
    arena_free(w->arena);
    test_free(w);
    return 0;
}

static void what_is_saved_is_loaded(void **state)
{
    struct world *w = *state;
    struct deploy_statuses all = {0};
    struct deploy_statuses read = {0};
    struct stat about;

    deploy_status_done(deploy_status_of(&all, "web"), "0a,0b", "abc", NOW);
    deploy_status_failed(deploy_status_of(&all, "mail"), "0a", "def", "it \"broke\"",
                         NOW + 1);
    assert_int_equal(deploy_status_save(w->arena, w->directory, "site", &all, &w->why),
                     ERR_OK);
    assert_int_equal(stat(path_of(w), &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    deploy_status_load(w->arena, w->directory, "site", &read);
    assert_int_equal(read.count, 2);
    const struct deploy_status *web = deploy_status_of(&read, "web");
    const struct deploy_status *mail = deploy_status_of(&read, "mail");
    assert_string_equal(web->serial, "0a,0b");
    assert_string_equal(web->options, "abc");
    assert_int_equal(web->deployed, NOW);
    assert_int_equal(web->failures, 0);
    assert_string_equal(mail->serial, "");
    assert_int_equal(mail->deployed, 0);
    assert_int_equal(mail->failures, 1);
    assert_string_equal(mail->tried_serial, "0a");
    assert_string_equal(mail->tried_options, "def");
    assert_string_equal(mail->error, "it \"broke\"");
    assert_int_equal(mail->failed, NOW + 1);
    assert_int_equal(mail->next_try, NOW + 61);
    assert_int_equal(read.count, 2);
}

static void a_damaged_file_is_no_file(void **state)
{
    struct world *w = *state;
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"deployments\":7}",
        "{\"deployments\":[7,{\"name\":\"x\"}]}",
        ("{\"deployments\":[{\"name\":\"x\",\"serial\":\"\",\"options\":\"\","
         "\"deployed\":\"yesterday\"}]}"),
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct deploy_statuses all = {.count = 7};
        assert_int_equal(file_replace(path_of(w), span_of(texts[i]), 0600, &w->why),
                         ERR_OK);
        deploy_status_load(w->arena, w->directory, "site", &all);
        assert_int_equal(all.count, 0);
    }
}

static void when_there_is_something_to_do(void **state)
{
    struct deploy_statuses all = {0};
    struct deploy_status *s = deploy_status_of(&all, "web");

    (void)state;
    assert_int_equal(deploy_status_need(s, "0a", "x", NOW), DEPLOY_NEED_NOW);
    deploy_status_done(s, "0a", "x", NOW);
    assert_int_equal(deploy_status_need(s, "0a", "x", NOW), DEPLOY_NEED_NOTHING);
    assert_int_equal(deploy_status_need(s, "0b", "x", NOW), DEPLOY_NEED_NOW);
    assert_int_equal(deploy_status_need(s, "0a", "y", NOW), DEPLOY_NEED_NOW);
    deploy_status_failed(s, "0b", "x", "e", NOW);
    assert_int_equal(deploy_status_need(s, "0b", "x", NOW + 59), DEPLOY_NEED_LATER);
    assert_int_equal(deploy_status_need(s, "0b", "x", NOW + 60), DEPLOY_NEED_NOW);
    /* another certificate, or another option, is worth a try at once */
    assert_int_equal(deploy_status_need(s, "0c", "x", NOW), DEPLOY_NEED_NOW);
    assert_int_equal(deploy_status_need(s, "0b", "y", NOW), DEPLOY_NEED_NOW);
    /* and so it is when the old one is wanted back: nobody knows what is there */
    assert_int_equal(deploy_status_need(s, "0a", "x", NOW), DEPLOY_NEED_NOW);
    /* a clock that was set back does not stop it for years */
    assert_int_equal(deploy_status_need(s, "0b", "x", NOW - 1), DEPLOY_NEED_NOW);
}

static void waits_grow(void **state)
{
    static const int64_t waits[] = {60, 600, 6000, 86400, 86400, 86400};
    struct deploy_statuses all = {0};
    struct deploy_status *s = deploy_status_of(&all, "web");

    (void)state;
    deploy_status_done(s, "0a", "x", NOW);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        deploy_status_failed(s, "0b", "x", "e", NOW);
        assert_int_equal(s->failures, i + 1);
        assert_int_equal(s->next_try - NOW, waits[i]);
    }
    assert_string_equal(s->serial, "0a");
    deploy_status_failed(s, "0c", "x", "e", NOW);
    assert_int_equal(s->failures, 1);
    deploy_status_done(s, "0c", "x", NOW + 5);
    assert_int_equal(s->failures, 0);
    assert_int_equal(s->next_try, 0);
    assert_string_equal(s->error, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_saved_is_loaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_no_file, set_up, tear_down),
        cmocka_unit_test(when_there_is_something_to_do),
        cmocka_unit_test(waits_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
