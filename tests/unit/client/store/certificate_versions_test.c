/* Tests of client/store/certificate_versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/store/certificate_versions.h"
#include "core/base/file.h"
#include "core/base/text.h"

struct place {
    struct arena *arena;
    char directory[64];
    char certificates[96];
    struct err_info why;
};

static int set_up(void **state)
{
    struct place *p = test_calloc(1, sizeof *p);

    (void)text_copy(p->directory, sizeof p->directory, "/tmp/cairn-versions-XXXXXX");
    p->arena = arena_new();
    if (mkdtemp(p->directory) == NULL)
        return -1;
    (void)snprintf(p->certificates, sizeof p->certificates, "%s/certificates",
                   p->directory);
    *state = p;
    return mkdir(p->certificates, 0700);
}

static int tear_down(void **state)
{
    struct place *p = *state;
    DIR *d = opendir(p->certificates);
    struct dirent *entry;
    struct err_info ignored = {0};

    while (d != NULL && (entry = readdir(d)) != NULL)
        if (entry->d_name[0] != '.')
            (void)(certificate_versions_remove(p->arena, p->directory, entry->d_name,
                                               &ignored) == ERR_OK);
    (void)closedir(d);
    int result = rmdir(p->certificates) | rmdir(p->directory);
    arena_free(p->arena);
    test_free(p);
    return result;
}

static void make(struct place *p, const char *name, const char *const *parts)
{
    const char *path = file_path(p->arena, p->certificates, name);

    (void)mkdir(path, 0700);
    for (; *parts != NULL; parts++) {
        path = file_path(p->arena, path, *parts);
        if (parts[1] != NULL)
            (void)mkdir(path, 0700);
        else
            assert_int_equal(file_create(path, span_of("x"), 0600, &p->why), ERR_OK);
    }
}

/* Versions 2, 3 and 10, the second in force; 4 was cut short. */
static void make_sample(struct place *p)
{
    static const char *const whole[][4] = {{"versions", "2", "metadata.json"},
                                           {"versions", "10", "metadata.json"},
                                           {"versions", "3", "metadata.json"}};
    static const char *const cut[] = {"versions", "4", "key.pem", NULL};

    for (size_t i = 0; i < 3; i++)
        make(p, "site", whole[i]);
    make(p, "site", cut);
    assert_int_equal(
        symlink("versions/3", file_path(p->arena, p->certificates, "site/current")), 0);
}

static void versions_are_read(void **state)
{
    struct place *p = *state;
    struct certificate_versions v = {0};

    make_sample(p);
    assert_int_equal(
        certificate_versions_read(p->arena, p->directory, "site", &v, &p->why), ERR_OK);
    assert_int_equal(v.count, 3);
    assert_int_equal(v.numbers[0], 2);
    assert_int_equal(v.numbers[1], 3);
    assert_int_equal(v.numbers[2], 10);
    assert_int_equal(v.current, 3);
    assert_int_equal(
        certificate_versions_read(p->arena, p->directory, "other", &v, &p->why),
        ERR_NOT_FOUND);
}

static void one_is_put_in_force(void **state)
{
    struct place *p = *state;
    struct certificate_versions v = {0};

    make_sample(p);
    assert_int_equal(
        certificate_versions_switch(p->arena, p->directory, "site", 2, &p->why), ERR_OK);
    assert_int_equal(
        certificate_versions_read(p->arena, p->directory, "site", &v, &p->why), ERR_OK);
    assert_int_equal(v.current, 2);
    assert_true(
        file_exists(file_path(p->arena, p->certificates, "site/current/metadata.json")));
    /* one that is not whole, and one that is not there, change nothing */
    for (uint64_t number = 4; number < 6; number++)
        assert_int_equal(
            certificate_versions_switch(p->arena, p->directory, "site", number, &p->why),
            ERR_NOT_FOUND);
    assert_string_equal(p->why.detail, "there is no version 5 of site");
    assert_int_equal(
        certificate_versions_read(p->arena, p->directory, "site", &v, &p->why), ERR_OK);
    assert_int_equal(v.current, 2);
}

static void all_are_removed(void **state)
{
    static const char *const kept[] = {"versions", "1", "metadata.json", NULL};
    static const char *const left[] = {"versions", "7", "key.pem", NULL};
    struct place *p = *state;

    make_sample(p);
    make(p, "other", kept);
    make(p, ".crashed.gone", left);
    /* a link is removed, not what it leads to */
    assert_int_equal(
        symlink("../other", file_path(p->arena, p->certificates, "site/away")), 0);
    assert_int_equal(certificate_versions_remove(p->arena, p->directory, "site", &p->why),
                     ERR_OK);
    assert_false(file_exists(file_path(p->arena, p->certificates, "site")));
    assert_false(file_exists(file_path(p->arena, p->certificates, ".site.gone")));
    assert_false(file_exists(file_path(p->arena, p->certificates, ".crashed.gone")));
    assert_true(file_exists(
        file_path(p->arena, p->certificates, "other/versions/1/metadata.json")));
    assert_int_equal(certificate_versions_remove(p->arena, p->directory, "site", &p->why),
                     ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(versions_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_is_put_in_force, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_are_removed, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
