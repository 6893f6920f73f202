/* Tests of core/base/file_tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/file_tree.h"

static void a_folder_goes_with_all_in_it(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    char place[] = "/tmp/cairn-tree-XXXXXX";
    struct err_info why = {0};

    (void)state;
    assert_non_null(mkdtemp(place));
    const char *tree = file_path(a, place, "tree");
    const char *kept = file_path(a, place, "kept");
    const char *inner = file_path(a, tree, "a/b");
    assert_int_equal(mkdir(tree, 0700), 0);
    assert_int_equal(mkdir(file_path(a, tree, "a"), 0700), 0);
    assert_int_equal(mkdir(inner, 0700), 0);
    assert_int_equal(mkdir(kept, 0700), 0);
    assert_int_equal(
        file_create(file_path(a, inner, ".hidden"), span_of("x"), 0400, &why), ERR_OK);
    assert_int_equal(file_create(file_path(a, kept, "file"), span_of("x"), 0400, &why),
                     ERR_OK);
    assert_int_equal(symlink(kept, file_path(a, inner, "away")), 0);
    assert_int_equal(file_tree_remove(tree, &why), ERR_OK);
    assert_false(file_exists(tree));
    assert_true(file_exists(file_path(a, kept, "file")));
    assert_int_equal(file_tree_remove(tree, &why), ERR_OK); /* not there: fine */
    assert_int_equal(file_tree_remove(place, &why), ERR_OK);
    assert_false(file_exists(place));
}

static void a_file_goes_too(void **state)
{
    char path[] = "/tmp/cairn-tree-XXXXXX";
    struct err_info why = {0};
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(file_tree_remove(path, &why), ERR_OK);
    assert_false(file_exists(path));
}

/* A tree that is deeper than any of ours: what is left is told. */
static void depth_has_an_end(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    char place[] = "/tmp/cairn-tree-XXXXXX";
    struct err_info why = {0};

    (void)state;
    assert_non_null(mkdtemp(place));
    const char *path = place;
    for (int i = 0; i <= FILE_TREE_DEPTH_MAX; i++) {
        path = file_path(a, path, "d");
        assert_int_equal(mkdir(path, 0700), 0);
    }
    assert_int_equal(file_tree_remove(place, &why), ERR_IO);
    assert_int_equal(file_tree_remove(file_path(a, place, "d/d"), &why), ERR_OK);
    assert_int_equal(file_tree_remove(place, &why), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_goes_with_all_in_it),
        cmocka_unit_test(a_file_goes_too),
        cmocka_unit_test(depth_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
