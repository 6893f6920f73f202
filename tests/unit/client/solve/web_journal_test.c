/* Tests of client/solve/web_journal: who undoes what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/solve/web_journal.h"
#include "core/base/file.h"

static const char *const files[] = {"/etc/a.conf", "/etc/b.conf"};

static struct web_entry entry(void)
{
    return (struct web_entry){
        .server = "nginx", .config = "/etc/n.conf", .files = files, .file_count = 2};
}

static void of_the_living(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    char root[] = "/tmp/cairn-journal-XXXXXX";
    struct web_entry e = entry();
    struct web_entry found;
    struct err_info why = {0};
    int lock = -1;
    int other = 0;
    (void)state;

    assert_non_null(mkdtemp(root));
    assert_int_equal(web_journal_next(a, root, &found, &other, &why), ERR_OK);
    assert_int_equal(other, -1);
    assert_int_equal(web_journal_begin(a, root, &e, &lock, &why), ERR_OK);
    assert_int_equal(strlen(e.id), WEB_EDIT_ID_SIZE - 1);
    assert_int_equal(web_journal_next(a, root, &found, &other, &why), ERR_OK);
    assert_int_equal(other, -1); /* it is held */
    assert_int_equal(web_journal_end(a, root, &e, lock, &why), ERR_OK);
    assert_int_equal(rmdir(file_path(a, root, "web")), 0);
    assert_int_equal(rmdir(root), 0);
}

static void of_the_dead(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    char root[] = "/tmp/cairn-journal-XXXXXX";
    struct web_entry e = entry();
    struct web_entry found;
    struct err_info why = {0};
    int lock = -1;
    int status = 0;
    (void)state;

    assert_non_null(mkdtemp(root));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(web_journal_begin(a, root, &e, &lock, &why) == ERR_OK ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(file_create(file_path(a, root, "web/0000000000000000.json"),
                                 span_of("{\"server\":\"ngi"), 0600, &why),
                     ERR_OK); /* a power loss */
    assert_int_equal(file_create(file_path(a, root, "web/1.json.0123456789abcdef.new"),
                                 span_of("{\"server\":"), 0600, &why),
                     ERR_OK); /* killed before it had its name */
    assert_int_equal(web_journal_next(a, root, &found, &lock, &why), ERR_OK);
    assert_true(lock >= 0);
    assert_string_equal(found.server, "nginx");
    assert_string_equal(found.config, "/etc/n.conf");
    assert_int_equal(found.file_count, 2);
    assert_string_equal(found.files[1], "/etc/b.conf");
    assert_int_equal(web_journal_end(a, root, &found, lock, &why), ERR_OK);
    assert_int_equal(web_journal_next(a, root, &found, &lock, &why), ERR_OK);
    assert_int_equal(lock, -1);
    assert_int_equal(rmdir(file_path(a, root, "web")), 0); /* all are gone */
    assert_int_equal(rmdir(root), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_the_living),
        cmocka_unit_test(of_the_dead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
