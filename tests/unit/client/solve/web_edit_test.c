/* Tests of client/solve/web_edit: files are again what they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/solve/web_edit.h"
#include "core/base/file.h"

#define ID    "0123456789abcdef"
#define OTHER "fedcba9876543210"

static const struct web_piece pieces[] = {{"f", 3, "one\n"},
                                          {"other", 0, "not here\n"},
                                          {"f", 0, "first\n"},
                                          {"f", WEB_EDIT_AT_THE_END, "last\n"}};

/* Of another run, beside these. */
static const struct web_piece more[] = {{"f", 0, "theirs\n"},
                                        {"f", WEB_EDIT_AT_THE_END, "theirs\n"}};

static void there_and_back(void **state)
{
    static const char *const texts[] = {"", "a", "abc", "abcdef\n", "ab\n\n# cairn \n"};
    AUTO(arena) struct arena *a = arena_new();
    (void)state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct span text = span_of(texts[i]);
        struct span with = web_edit_add(a, text, "f", ID, pieces, 4);
        struct span both = web_edit_add(a, with, "f", OTHER, more, 2);
        assert_true(with.len > text.len + strlen("one\nfirst\nlast\n"));
        assert_null(memmem(with.data, with.len, "not here", 8));
        assert_true(span_equal(web_edit_remove(a, with, ID), text));
        assert_true(span_equal(web_edit_remove(a, with, OTHER), with));
        assert_true(span_equal(web_edit_remove(a, both, OTHER), with));
        assert_true(
            span_equal(web_edit_remove(a, web_edit_remove(a, both, ID), OTHER), text));
    }
}

static void places(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *with =
        arena_string_of(a, web_edit_add(a, span_of("abcdef"), "f", ID, pieces, 4));
    (void)state;

    assert_ptr_equal(strstr(with, "\n# cairn " ID), with);
    assert_non_null(strstr(with, "end\nabc\n# cairn " ID));
    assert_non_null(strstr(with, "\none\n# cairn " ID ": end\ndef\n# cairn"));
}

/* Somebody edits the rest; a piece that was cut in half is left alone. */
static void edited_meanwhile(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span with = web_edit_add(a, span_of("abcdef"), "f", ID, pieces, 4);
    const char *text = arena_string_of(a, with);
    char *changed = arena_printf(a, "new %s more", text);
    (void)state;

    assert_string_equal(arena_string_of(a, web_edit_remove(a, span_of(changed), ID)),
                        "new abcdef more");
    struct span half = span_slice(with, 0, 60);
    assert_true(span_equal(web_edit_remove(a, half, ID), half));
}

static void file_stays_what_it_is(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    char root[] = "/tmp/cairn-edit-XXXXXX";
    struct err_info why = {0};
    struct stat about;
    struct span text;
    (void)state;

    assert_non_null(mkdtemp(root));
    char *real = file_path(a, root, "real");
    char *name = file_path(a, root, "link");
    assert_int_equal(file_create(real, span_of("abcdef"), 0640, &why), ERR_OK);
    if (geteuid() == 0)
        assert_int_equal(chown(real, 1, 2), 0);
    assert_int_equal(symlink("real", name), 0);
    const struct web_piece piece = {name, 3, "x\n"};
    assert_int_equal(web_edit_apply(a, ID, &piece, 1, &why), ERR_OK);
    assert_int_equal(lstat(name, &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    assert_int_equal(stat(real, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0640);
    assert_true(geteuid() != 0 || (about.st_uid == 1 && about.st_gid == 2));
    assert_true(about.st_size > 6);
    assert_int_equal(web_edit_undo(a, ID, name, &why), ERR_OK);
    assert_int_equal(file_read(a, real, 100, &text, &why), ERR_OK);
    assert_true(span_is(text, "abcdef"));
    assert_int_equal(unlink(name), 0);
    assert_int_equal(web_edit_undo(a, ID, name, &why), ERR_OK); /* it is gone */
    assert_int_equal(unlink(real), 0);
    assert_int_equal(rmdir(root), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(places),
        cmocka_unit_test(edited_meanwhile),
        cmocka_unit_test(file_stays_what_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
