/* Tests of client/store/certificate_store and metadata. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/store/certificate_store.h"
#include "client/store/certificate_versions.h"
#include "client/store/metadata.h"
#include "client/store/state.h"
#include "core/base/file.h"
#include "core/base/text.h"

struct place {
    struct arena *arena;
    char directory[64];
    struct err_info why;
};

static int set_up(void **state)
{
    struct place *p = test_calloc(1, sizeof *p);

    (void)text_copy(p->directory, sizeof p->directory, "/tmp/cairn-store-XXXXXX");
    p->arena = arena_new();
    if (mkdtemp(p->directory) == NULL)
        return -1;
    *state = p;
    return state_prepare(p->arena, p->directory, &p->why) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    char *command[] = {(char[]){"rm"}, (char[]){"-rf"}, p->directory, NULL};

    arena_free(p->arena);
    pid_t child = fork();
    if (child == 0) {
        execv("/bin/rm", command);
        _exit(1);
    }
    test_free(p);
    return child > 0 ? 0 : -1;
}

static const char *const two_names[] = {"a.test", "b.test"};

static struct certificate_metadata sample(void)
{
    return (struct certificate_metadata){
        .names = two_names,
        .name_count = 2,
        .ca = "https://ca.test/dir",
        .device = "",
        .parts = {{"p256", 1700000000, 1800000000, "0a", "aa.bb"},
                  {"rsa2048", 1700000001, 1800000001, "0b", ""}},
        .part_count = 2,
        .asked = {true, "short", 7200, true, "abcd"}};
}

static enum err put(struct place *p, const char *key)
{
    const struct certificate_metadata m = sample();
    const struct certificate_files files[] = {
        {span_of(key), span_of("CERT\n"), span_of("CHAIN\n")},
        {span_of("RSA"), span_of("CERT2\n"), span_of("CHAIN2\n")}};
    const char *path = NULL;

    return certificate_store_put(p->arena, p->directory, "site", &m, files, &path,
                                 &p->why);
}

static void assert_file(struct place *p, const char *name, const char *content,
                        mode_t mode)
{
    char *path =
        file_path(p->arena, certificate_store_path(p->arena, p->directory, "site"), name);
    struct span text;
    struct stat about;

    assert_int_equal(file_read(p->arena, path, 1000, &text, &p->why), ERR_OK);
    assert_true(span_is(text, content));
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, mode);
}

static void what_is_put_is_there(void **state)
{
    struct place *p = *state;
    struct certificate_metadata m = {0};

    assert_int_equal(certificate_store_get(p->arena, p->directory, "site", &m, &p->why),
                     ERR_NOT_FOUND);
    assert_int_equal(put(p, "KEY1"), ERR_OK);
    assert_file(p, "key.pem", "KEY1", 0600);
    assert_file(p, "cert.pem", "CERT\n", 0644);
    assert_file(p, "chain.pem", "CHAIN\n", 0644);
    assert_file(p, "fullchain.pem", "CERT\nCHAIN\n", 0644);
    assert_file(p, "rsa2048.key.pem", "RSA", 0600);
    assert_file(p, "rsa2048.fullchain.pem", "CERT2\nCHAIN2\n", 0644);
    assert_int_equal(certificate_store_get(p->arena, p->directory, "site", &m, &p->why),
                     ERR_OK);
    assert_int_equal(m.name_count, 2);
    assert_string_equal(m.names[1], "b.test");
    assert_string_equal(m.ca, "https://ca.test/dir");
    assert_int_equal(m.part_count, 2);
    assert_string_equal(m.parts[0].key_type, "p256");
    assert_int_equal(m.parts[0].not_before, 1700000000);
    assert_int_equal(m.parts[0].not_after, 1800000000);
    assert_string_equal(m.parts[0].serial, "0a");
    assert_string_equal(m.parts[0].id, "aa.bb");
    assert_string_equal(m.parts[1].key_type, "rsa2048");
    assert_true(m.asked.known && m.asked.must_staple);
    assert_string_equal(m.asked.profile, "short");
    assert_int_equal(m.asked.lifetime_s, 7200);
    assert_string_equal(m.asked.csr, "abcd");
    assert_true(m.knows_revoked && !m.revoked);
}

static void what_is_revoked_stays_so(void **state)
{
    struct place *p = *state;
    struct certificate_metadata m = {0};

    assert_int_equal(put(p, "KEY1"), ERR_OK);
    assert_int_equal(put(p, "KEY2"), ERR_OK);
    assert_int_equal(
        certificate_versions_revoke(p->arena, p->directory, "site", 1, &p->why), ERR_OK);
    assert_int_equal(
        certificate_versions_get(p->arena, p->directory, "site", 1, &m, &p->why), ERR_OK);
    assert_true(m.knows_revoked && m.revoked && m.asked.known && m.part_count == 2);
    assert_int_equal(certificate_store_get(p->arena, p->directory, "site", &m, &p->why),
                     ERR_OK);
    assert_false(m.revoked);
    assert_int_equal(
        certificate_versions_revoke(p->arena, p->directory, "site", 3, &p->why),
        ERR_NOT_FOUND);
}

static void old_versions_are_removed(void **state)
{
    struct place *p = *state;
    char *versions =
        arena_printf(p->arena, "%s/certificates/site/versions", p->directory);

    for (int i = 0; i < 7; i++)
        assert_int_equal(put(p, arena_printf(p->arena, "KEY%d", i)), ERR_OK);
    assert_file(p, "key.pem", "KEY6", 0600);
    for (int n = 1; n <= 7; n++)
        assert_int_equal(file_exists(arena_printf(p->arena, "%s/%d", versions, n)),
                         n > 7 - CERTIFICATE_STORE_VERSIONS);
}

static void an_unfinished_version_is_in_nobodys_way(void **state)
{
    struct place *p = *state;

    assert_int_equal(put(p, "KEY1"), ERR_OK);
    char *half = arena_printf(p->arena, "%s/certificates/site/versions/2", p->directory);
    assert_int_equal(file_make_directory(half, 0700, &p->why), ERR_OK);
    assert_int_equal(
        file_create(file_path(p->arena, half, "key.pem"), span_of("HALF"), 0600, &p->why),
        ERR_OK);
    assert_int_equal(symlink("versions/2", arena_printf(p->arena,
                                                        "%s/certificates/site/"
                                                        ".current.new",
                                                        p->directory)),
                     0);
    assert_file(p, "key.pem", "KEY1", 0600);
    assert_int_equal(put(p, "KEY3"), ERR_OK);
    assert_file(p, "key.pem", "KEY3", 0600);
    assert_false(file_exists(half)); /* nobody knows of its key */
}

static void all_are_listed_in_order(void **state)
{
    struct place *p = *state;
    const char *const *names = NULL;
    const char *path = NULL;
    size_t count = 7;
    const struct certificate_metadata m = sample();
    const struct certificate_files one = {span_of("K"), span_of("C"), span_of("")};
    const struct certificate_files files[] = {one, one};
    static const char *const wanted[] = {"a", "b.test", "c"};

    assert_int_equal(
        certificate_store_list(p->arena, p->directory, &names, &count, &p->why), ERR_OK);
    assert_int_equal(count, 0);
    for (size_t i = 3; i > 0; i--)
        assert_int_equal(certificate_store_put(p->arena, p->directory, wanted[i - 1], &m,
                                               files, &path, &p->why),
                         ERR_OK);
    assert_int_equal(
        certificate_store_list(p->arena, p->directory, &names, &count, &p->why), ERR_OK);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(names[i], wanted[i]);
}

static void folder_names(void **state)
{
    static const struct {
        const char *name;
        bool good;
    } rows[] = {
        {"www.example.test", true},
        {"a_b-c.1", true},
        {"", false},
        {".", false},
        {"..", false},
        {".hidden", false},
        {"a/b", false},
        {"a b", false},
        {"\xc3\xbc", false},
        {"a\n", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(settings_is_certificate_name(rows[i].name), rows[i].good);
}

static void damaged_metadata_is_refused(void **state)
{
    struct place *p = *state;
    AUTO(buf) struct buf good = buf_make(10000);
    const struct certificate_metadata m = sample();
    struct certificate_metadata read;
    static const struct {
        const char *from;
        const char *to;
    } rows[] = {
        {"\"a.test\"", "7"},           {"\"ca\"", "\"cb\""},
        {"2023-11-14", "2023-11-44"},  {"\"serial\"", "\"s\""},
        {"\"key_type\"", "\"k\""},     {"[{", "{["},
        {"\"b.test\"]", "\"b.test\""},
    };

    metadata_write(&good, &m);
    assert_int_equal(metadata_read(p->arena, buf_span(&good), &read, &p->why), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = arena_string_of(p->arena, buf_span(&good));
        char *at = strstr(text, rows[i].from);
        if (at == NULL) {
            fail();
            return; /* gcc does not know that fail() does not */
        }
        /* the last one: what stands outside the list of keys is for others to read */
        for (char *next = at; next != NULL; next = strstr(next + 1, rows[i].from))
            at = next;
        *at = '\0';
        text =
            arena_printf(p->arena, "%s%s%s", text, rows[i].to, at + strlen(rows[i].from));
        assert_int_equal(metadata_read(p->arena, span_of(text), &read, &p->why),
                         ERR_MALFORMED);
    }
}

static void folders_are_private(void **state)
{
    struct place *p = *state;
    static const char *const names[] = {"accounts", "certificates"};
    struct stat about;

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(stat(file_path(p->arena, p->directory, names[i]), &about), 0);
        assert_int_equal(about.st_mode & 07777, 0700);
    }
    char *deep = arena_printf(p->arena, "%s/x/y/z", p->directory);
    assert_int_equal(state_prepare(p->arena, deep, &p->why), ERR_OK);
    assert_true(file_exists(file_path(p->arena, deep, "certificates")));
    char *file = file_path(p->arena, p->directory, "file");
    char *blocked = arena_printf(p->arena, "%s/x", file);
    assert_int_equal(file_create(file, span_of("in the way"), 0600, &p->why), ERR_OK);
    assert_int_equal(state_prepare(p->arena, blocked, &p->why), ERR_IO);
}

static void where_the_state_is(void **state)
{
    struct place *p = *state;
    const char *directory = NULL;

    if (geteuid() == 0) {
        assert_int_equal(state_default_directory(p->arena, &directory, &p->why), ERR_OK);
        assert_string_equal(directory, "/var/lib/cairn");
        return;
    }
    (void)setenv("XDG_STATE_HOME", "/x", 1);
    assert_int_equal(state_default_directory(p->arena, &directory, &p->why), ERR_OK);
    assert_string_equal(directory, "/x/cairn");
    (void)setenv("XDG_STATE_HOME", "relative", 1);
    (void)setenv("HOME", "/home/u", 1);
    assert_int_equal(state_default_directory(p->arena, &directory, &p->why), ERR_OK);
    assert_string_equal(directory, "/home/u/.local/state/cairn");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_put_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_revoked_stays_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_versions_are_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unfinished_version_is_in_nobodys_way, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(all_are_listed_in_order, set_up, tear_down),
        cmocka_unit_test(folder_names),
        cmocka_unit_test_setup_teardown(damaged_metadata_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folders_are_private, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_the_state_is, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
