/* Tests of client/deploy/deploy_files and deploy_access. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/deploy/deploy_files.h"
#include "core/base/file.h"
#include "core/base/text.h"

struct world {
    struct arena *arena;
    char folder[64];
    struct err_info why;
};

static const struct deploy_access as_it_is = {"", "", ""};

static int set_up(void **state)
{
    struct world *w = test_calloc(1, sizeof *w);

    (void)text_copy(w->folder, sizeof w->folder, "/tmp/cairn-deploy-XXXXXX");
    w->arena = arena_new();
    *state = w;
    return mkdtemp(w->folder) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    char *command[] = {(char[]){"rm"}, (char[]){"-rf"}, w->folder, NULL};

    arena_free(w->arena);
    pid_t child = fork();
    if (child == 0) {
        execv("/bin/rm", command);
        _exit(1);
    }
    test_free(w);
    return child > 0 ? 0 : -1;
}

static char *path_of(struct world *w, const char *name)
{
    return file_path(w->arena, w->folder, name);
}

static void put(struct world *w, const char *name, const char *content, mode_t mode)
{
    assert_int_equal(file_create(path_of(w, name), span_of(content), mode, &w->why),
                     ERR_OK);
}

static void assert_there(struct world *w, const char *name, const char *content,
                         mode_t mode)
{
    struct span text;
    struct stat about;

    assert_int_equal(file_read(w->arena, path_of(w, name), 1000, &text, &w->why), ERR_OK);
    assert_true(span_is(text, content));
    assert_int_equal(lstat(path_of(w, name), &about), 0);
    assert_true(S_ISREG(about.st_mode));
    assert_int_equal(about.st_mode & 07777, mode);
}

/* Nothing is left but what is meant to be there. */
static void assert_count(struct world *w, size_t wanted)
{
    DIR *d = opendir(w->folder);
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(d);
    while ((entry = readdir(d)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            count++;
    (void)closedir(d);
    assert_int_equal(count, wanted);
}

static struct deploy_file file(struct world *w, const char *name, const char *content,
                               bool has_key)
{
    return (struct deploy_file){.option = has_key ? "key_file" : "certificate_file",
                                .path = path_of(w, name),
                                .pieces = {span_of(content), span_of("+")},
                                .piece_count = 2,
                                .has_key = has_key};
}

static enum err deploy(struct world *w, const struct deploy_file *files, size_t count,
                       const struct deploy_access *access)
{
    AUTO(deploy_files) struct deploy_files *set = NULL;

    TRY(deploy_files_write(files, count, access, &set, &w->why));
    return deploy_files_switch(set, &w->why);
}

static void new_files_have_safe_modes(void **state)
{
    struct world *w = *state;
    const struct deploy_file files[] = {file(w, "k", "KEY", true),
                                        file(w, "c", "CERT", false)};

    assert_int_equal(deploy(w, files, 2, &as_it_is), ERR_OK);
    assert_there(w, "k", "KEY+", 0600);
    assert_there(w, "c", "CERT+", 0644);
    assert_count(w, 2);
}

static void a_mode_lets_nobody_read_keys(void **state)
{
    struct world *w = *state;
    const struct deploy_file files[] = {file(w, "k", "KEY", true),
                                        file(w, "c", "CERT", false)};
    const struct deploy_access access = {"", "", "0644"};

    assert_int_equal(deploy(w, files, 2, &access), ERR_OK);
    assert_there(w, "k", "KEY+", 0640);
    assert_there(w, "c", "CERT+", 0644);
}

static void what_was_there_gives_its_mode_and_owner(void **state)
{
    struct world *w = *state;
    const struct deploy_file files[] = {file(w, "k", "KEY", true),
                                        file(w, "c", "CERT", false)};
    struct stat about;

    put(w, "k", "old", 0644);
    put(w, "c", "old", 0604);
    if (geteuid() == 0)
        assert_int_equal(chown(path_of(w, "k"), 12, 34), 0);
    assert_int_equal(deploy(w, files, 2, &as_it_is), ERR_OK);
    assert_there(w, "k", "KEY+", 0640);
    assert_there(w, "c", "CERT+", 0604);
    if (geteuid() != 0)
        return;
    assert_int_equal(stat(path_of(w, "k"), &about), 0);
    assert_int_equal(about.st_uid, 12);
    assert_int_equal(about.st_gid, 34);
    const struct deploy_access access = {"daemon", "7", ""};
    assert_int_equal(deploy(w, files, 2, &access), ERR_OK);
    assert_int_equal(stat(path_of(w, "k"), &about), 0);
    assert_int_equal(about.st_uid, 1);
    assert_int_equal(about.st_gid, 7);
    assert_int_equal(about.st_mode & 07777, 0640);
}

static void a_link_is_replaced_and_not_followed(void **state)
{
    struct world *w = *state;
    const struct deploy_file files[] = {file(w, "c", "CERT", false)};

    put(w, "aim", "untouched", 0600);
    assert_int_equal(symlink("aim", path_of(w, "c")), 0);
    assert_int_equal(deploy(w, files, 1, &as_it_is), ERR_OK);
    assert_there(w, "c", "CERT+", 0644);
    assert_there(w, "aim", "untouched", 0600);
}

static void what_cannot_be_is_refused_and_nothing_is_changed(void **state)
{
    struct world *w = *state;
    const struct {
        const char *second;
        const char *mode;
        const char *owner;
        const char *says;
    } rows[] = {
        {"folder", "", "", "is there, and is no file"},
        {"missing/c", "", "", "there is no folder"},
        {"/", "", "", "is not the absolute path of a file"},
        {"c", "rw", "", "is not an octal mode"},
        {"c", "07777", "", "is not an octal mode"},
        {"c", "", "no-such-user", "there is no user \"no-such-user\""},
    };

    put(w, "k", "old", 0600);
    assert_int_equal(mkdir(path_of(w, "folder"), 0700), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct deploy_file files[] = {file(w, "k", "KEY", true),
                                            file(w, rows[i].second, "CERT", false)};
        const struct deploy_access access = {rows[i].owner, "", rows[i].mode};
        assert_int_equal(deploy(w, files, 2, &access), ERR_CONFIG);
        assert_non_null(strstr(w->why.detail, rows[i].says));
        assert_there(w, "k", "old", 0600);
        assert_count(w, 2);
    }
}

static void the_old_ones_come_back(void **state)
{
    struct world *w = *state;
    const struct deploy_file files[] = {file(w, "k", "KEY", true),
                                        file(w, "c", "CERT", false)};
    struct deploy_files *set = NULL;

    put(w, "k", "old", 0640);
    assert_int_equal(deploy_files_write(files, 2, &as_it_is, &set, &w->why), ERR_OK);
    assert_there(w, "k", "old", 0640);
    assert_false(file_exists(path_of(w, "c")));
    assert_int_equal(deploy_files_switch(set, &w->why), ERR_OK);
    assert_there(w, "k", "KEY+", 0640);
    assert_there(w, "c", "CERT+", 0644);
    assert_int_equal(deploy_files_undo(set, &w->why), ERR_OK);
    assert_there(w, "k", "old", 0640);
    assert_false(file_exists(path_of(w, "c")));
    deploy_files_free(set);
    assert_count(w, 1);
}

static void a_failed_rename_brings_all_back(void **state)
{
    struct world *w = *state;
    const struct deploy_file files[] = {file(w, "k", "KEY", true),
                                        file(w, "c", "CERT", false)};
    struct deploy_files *set = NULL;

    put(w, "k", "old", 0600);
    assert_int_equal(deploy_files_write(files, 2, &as_it_is, &set, &w->why), ERR_OK);
    assert_int_equal(mkdir(path_of(w, "c"), 0700), 0); /* somebody was quicker */
    assert_int_equal(deploy_files_switch(set, &w->why), ERR_IO);
    assert_non_null(strstr(w->why.detail, "cannot replace"));
    assert_there(w, "k", "old", 0600);
    deploy_files_free(set);
}

static void what_an_interrupted_run_left_is_put_right(void **state)
{
    struct world *w = *state;
    const struct deploy_file files[] = {file(w, "k", "KEY", true)};
    struct deploy_files *set = NULL;

    put(w, "k", "untested", 0600);
    put(w, ".k.cairn-old", "good", 0600);
    put(w, ".k.cairn-new", "half", 0600);
    assert_int_equal(deploy_files_write(files, 1, &as_it_is, &set, &w->why), ERR_OK);
    assert_there(w, "k", "good", 0600);
    assert_int_equal(deploy_files_switch(set, &w->why), ERR_OK);
    deploy_files_free(set);
    assert_there(w, "k", "KEY+", 0600);
    assert_count(w, 1);
    /* ended between the two steps: two names of one file */
    assert_int_equal(link(path_of(w, "k"), path_of(w, ".k.cairn-old")), 0);
    assert_int_equal(deploy(w, files, 1, &as_it_is), ERR_OK);
    assert_there(w, "k", "KEY+", 0600);
    assert_count(w, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(new_files_have_safe_modes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mode_lets_nobody_read_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_there_gives_its_mode_and_owner, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_link_is_replaced_and_not_followed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_refused_and_nothing_is_changed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_old_ones_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_rename_brings_all_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_an_interrupted_run_left_is_put_right, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
