/* Tests of client/store/certificate_files: files that are not what the metadata says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/store/certificate_files.h"
#include "client/store/certificate_versions.h"
#include "core/base/file.h"
#include "core/base/file_tree.h"
#include "core/base/text.h"
#include "core/x509/x509_fixtures.h"

struct place {
    struct arena *arena;
    char directory[64];
    const char *folder;
    struct certificate_metadata metadata;
    struct err_info why;
};

static int set_up(void **state)
{
    static const char *const names[] = {"a.test"};
    const struct certificate_files files = {span_of("key"), span_of(pem_leaf),
                                            span_of(pem_intermediate)};
    struct place *p = calloc(1, sizeof *p);
    const char *path = NULL;

    if (p == NULL)
        return -1;
    (void)text_copy(p->directory, sizeof p->directory, "/tmp/cairn-files-XXXXXX");
    if (mkdtemp(p->directory) == NULL)
        return -1;
    p->arena = arena_new();
    p->metadata = (struct certificate_metadata){.names = names,
                                                .name_count = 1,
                                                .ca = "",
                                                .device = "",
                                                .parts = {{.key_type = "p256",
                                                           .not_before = 1,
                                                           .not_after = 2,
                                                           .serial = "ff01",
                                                           .id = ""}},
                                                .part_count = 1};
    *state = p;
    if (mkdir(file_path(p->arena, p->directory, "certificates"), 0700) != 0 ||
        certificate_store_put(p->arena, p->directory, "a", &p->metadata, &files, &path,
                              &p->why) != ERR_OK)
        return -1;
    p->folder = certificate_versions_path(p->arena, p->directory, "a", 1);
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    enum err result = file_tree_remove(p->directory, &p->why);

    arena_free(p->arena);
    free(p);
    return result == ERR_OK ? 0 : -1;
}

static const char *damage(struct place *p)
{
    const char *found = certificate_files_damage(p->arena, p->folder, &p->metadata);

    return found != NULL ? found : "nothing";
}

static void write_file(struct place *p, const char *name, const char *content)
{
    assert_int_equal(file_replace(file_path(p->arena, p->folder, name), span_of(content),
                                  0600, &p->why),
                     ERR_OK);
}

static void what_was_written_is_whole(void **state)
{
    struct place *p = *state;
    struct certificate *read = NULL;

    assert_string_equal(damage(p), "nothing");
    assert_int_equal(
        certificate_files_read(p->arena, p->folder, &p->metadata, 0, &read, &p->why),
        ERR_OK);
    assert_true(certificate_files_share_key(p->arena, p->folder, &p->metadata, p->folder,
                                            &p->metadata));
}

static void what_is_wrong_is_said(void **state)
{
    struct place *p = *state;
    const char *cert = file_path(p->arena, p->folder, "cert.pem");

    write_file(p, "cert.pem", "garbage");
    assert_string_equal(damage(p), "its file cert.pem is damaged");
    assert_false(certificate_files_share_key(p->arena, p->folder, &p->metadata, p->folder,
                                             &p->metadata));
    write_file(p, "cert.pem", "");
    assert_string_equal(damage(p), "its file cert.pem is damaged");
    write_file(p, "cert.pem", pem_intermediate);
    assert_string_equal(damage(p), "its file cert.pem is that of another certificate");
    assert_int_equal(unlink(cert), 0);
    assert_string_equal(damage(p), "its file cert.pem is missing");
    write_file(p, "cert.pem", pem_leaf);
    write_file(p, "fullchain.pem", "garbage");
    assert_string_equal(damage(p), "its file fullchain.pem is damaged");
    write_file(p, "fullchain.pem", pem_leaf);
    assert_string_equal(damage(p), "nothing");
}

/* Read without a lock: the version that is there now is another. */
static void another_version_is_no_damage(void **state)
{
    struct place *p = *state;

    p->metadata.parts[0].serial = "ff02";
    assert_string_equal(damage(p), "nothing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_version_is_no_damage, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
