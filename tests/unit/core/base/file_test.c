/* Tests of core/base/file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/file.h"

static struct arena *arena;
static char folder[64];

/* What a file system refuses that cannot do it; 0: nothing. */
static int no_renames;
static int no_links;
static int no_removals;

/* In place of the C library's. */
int renameat2(int from_fd, const char *from, int to_fd, const char *to,
              unsigned int flags)
{
    errno = no_renames;
    return no_renames != 0 ? -1
                           : (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
}

int link(const char *from, const char *to)
{
    errno = no_links;
    return no_links != 0 ? -1 : (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path)
{
    errno = no_removals;
    return no_removals != 0 ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

static char *path_of(const char *name)
{
    return file_path(arena, folder, name);
}

static mode_t mode_of(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static void assert_content(const char *path, const char *wanted)
{
    struct span content = {0};

    assert_int_equal(file_read(arena, path, 1000, &content, NULL), ERR_OK);
    assert_true(span_is(content, wanted));
    assert_int_equal(content.data[content.len], 0);
}

static void created(void **state)
{
    char *path = path_of("new");

    (void)state;
    assert_false(file_exists(path));
    assert_int_equal(file_create(path, span_of("one"), 0640, NULL), ERR_OK);
    assert_true(file_exists(path));
    assert_content(path, "one");
    assert_int_equal(mode_of(path), 0640);
    assert_int_equal(file_create(path, span_of("two"), 0600, NULL), ERR_EXISTS);
    assert_content(path, "one");
    /* a link that leads nowhere is something too */
    char *link = path_of("link");
    assert_int_equal(symlink("nowhere", link), 0);
    assert_int_equal(file_create(link, span_of("x"), 0600, NULL), ERR_EXISTS);
    assert_false(file_exists(path_of("nowhere")));
    assert_int_equal(file_create(path_of("a/b"), span_of("x"), 0600, NULL), ERR_IO);
}

static size_t entries_of(const char *name)
{
    DIR *entries = opendir(folder);
    size_t count = 0;

    assert_non_null(entries);
    for (struct dirent *e = readdir(entries); e != NULL; e = readdir(entries))
        count += strncmp(e->d_name, name, strlen(name)) == 0;
    (void)closedir(entries);
    return count;
}

/* Where renames always replace, and where there are no hard links either. */
static void created_elsewhere(void **state)
{
    static const int links[] = {0, EPERM, EOPNOTSUPP, ENOSYS, EMLINK};

    (void)state;
    no_renames = EINVAL;
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        char *path = path_of(arena_printf(arena, "elsewhere%zu", i));
        no_links = links[i];
        assert_int_equal(file_create(path, span_of("one"), 0640, NULL), ERR_OK);
        assert_content(path, "one");
        assert_int_equal(mode_of(path), 0640);
        assert_int_equal(file_create(path, span_of("two"), 0600, NULL), ERR_EXISTS);
        assert_content(path, "one");
    }
    assert_int_equal(entries_of("elsewhere"), sizeof links / sizeof links[0]);
    no_links = EIO; /* nothing that tells what it cannot do */
    assert_int_equal(file_create(path_of("broken"), span_of("x"), 0600, NULL), ERR_IO);
    assert_int_equal(entries_of("broken"), 0);
    no_links = 0;
    no_removals = EIO; /* there, by one name more */
    assert_int_equal(file_create(path_of("twice"), span_of("x"), 0600, NULL), ERR_OK);
    no_removals = no_renames = 0;
    assert_content(path_of("twice"), "x");
    assert_int_equal(entries_of("twice"), 2);
    file_sweep(path_of("twice"));
    assert_int_equal(entries_of("twice"), 1);
}

/* What killed writers leave goes, and nothing that only looks like it. */
static void swept(void **state)
{
    static const struct {
        const char *name;
        bool goes;
    } files[] = {
        {"kept.0123456789abcdef.new", true},
        {"kept.fedcba9876543210.new", true},
        {"kept", false},
        {"kept.new", false},
        {"kept.0123456789abcdef", false},
        {"kept.0123456789abcdeg.new", false},
        {"kept.0123456789abcdef0.new", false},
        {"other.0123456789abcdef.new", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        assert_int_equal(file_create(path_of(files[i].name), span_of("x"), 0600, NULL),
                         ERR_OK);
    file_sweep(path_of("kept"));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        assert_int_equal(file_exists(path_of(files[i].name)), !files[i].goes);
    file_sweep("/no such folder/kept");
    assert_int_equal(
        file_create(path_of(".0123456789abcdef.new"), span_of("x"), 0600, NULL),
        ERR_OK); /* of no name */
    file_sweep_folder(folder);
    assert_int_equal(entries_of("other"), 0);
    assert_int_equal(entries_of("kept"), 5);
    assert_int_equal(entries_of(".0123456789abcdef.new"), 1);
    file_sweep_folder("/no such folder");
}

static void replaced(void **state)
{
    char *path = path_of("replaced");

    (void)state;
    assert_int_equal(file_replace(path, span_of("one"), 0600, NULL), ERR_OK);
    assert_content(path, "one");
    int old = open(path, O_RDONLY);
    assert_int_equal(file_replace(path, span_of("three"), 0644, NULL), ERR_OK);
    assert_content(path, "three");
    assert_int_equal(mode_of(path), 0644);
    /* who had it open still has the old one, whole */
    char text[10] = {0};
    assert_int_equal(read(old, text, sizeof text), 3);
    assert_string_equal(text, "one");
    (void)close(old);
    assert_int_equal(file_replace(path, span_make(NULL, 0), 0600, NULL), ERR_OK);
    assert_content(path, "");
    /* a folder in its place: refused, and nothing is left beside it */
    assert_int_equal(mkdir(path_of("dir"), 0700), 0);
    assert_int_equal(file_replace(path_of("dir"), span_of("x"), 0600, NULL), ERR_IO);
    assert_int_equal(entries_of("dir"), 1);
}

static void reading(void **state)
{
    struct span content = {.len = 7};
    char *path = path_of("read");

    (void)state;
    assert_int_equal(file_read(arena, path, 100, &content, NULL), ERR_NOT_FOUND);
    assert_int_equal(file_create(path, span_of("0123456789"), 0600, NULL), ERR_OK);
    assert_int_equal(file_read(arena, path, 9, &content, NULL), ERR_TOO_LARGE);
    assert_int_equal(file_read(arena, folder, 100, &content, NULL), ERR_IO);
    assert_int_equal(content.len, 7);
    assert_int_equal(file_read(arena, path, 10, &content, NULL), ERR_OK);
    assert_int_equal(content.len, 10);
}

static void folders(void **state)
{
    char *path = path_of("sub");

    (void)state;
    assert_int_equal(file_make_directory(path, 0700, NULL), ERR_OK);
    assert_int_equal(mode_of(path), 0700);
    assert_int_equal(file_make_directory(path, 0755, NULL), ERR_OK);
    assert_int_equal(file_make_directory(path_of("x/y"), 0700, NULL), ERR_IO);
    assert_int_equal(file_sync_directory(path, NULL), ERR_OK);
    assert_int_equal(file_sync_directory(path_of("none"), NULL), ERR_IO);
}

static void paths(void **state)
{
    (void)state;
    assert_string_equal(file_path(arena, "a", "b"), "a/b");
    assert_string_equal(file_path(arena, "/a", "/b"), "/b");
    assert_string_equal(file_path(arena, "a", "b/c"), "a/b/c");
}

static void writing(void **state)
{
    int ends[2];
    char text[10];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_true(file_write_all(ends[1], span_of("hello")));
    assert_int_equal(read(ends[0], text, sizeof text), 5);
    (void)close(ends[0]);
    (void)close(ends[1]);
    errno = 0;
    assert_false(file_write_all(ends[1], span_of("hello")));
    assert_int_equal(errno, EBADF);
    int full = open("/dev/full", O_WRONLY);
    assert_false(file_write_all(full, span_of("hello")));
    assert_int_equal(errno, ENOSPC);
    (void)close(full);
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    (void)umask(0);
    (void)snprintf(folder, sizeof folder, "/tmp/cairn-file-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int drop(const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    int result = nftw(folder, drop, 8, FTW_DEPTH | FTW_PHYS);
    arena_free(arena);
    return result;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(created), cmocka_unit_test(created_elsewhere),
        cmocka_unit_test(swept),   cmocka_unit_test(replaced),
        cmocka_unit_test(reading), cmocka_unit_test(folders),
        cmocka_unit_test(paths),   cmocka_unit_test(writing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
