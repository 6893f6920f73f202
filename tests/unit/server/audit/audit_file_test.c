/* Tests of server/audit/audit_file and audit_verify on files of their own. (What is found
 * of tampering: tests/flow/test_audit.py, which works the digests out by itself.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/text.h"
#include "server/audit/audit_file.h"
#include "server/audit/audit_verify.h"

#define SEGMENT_MAX (1024 * 1024)

struct fixture {
    char directory[64];
    struct arena *arena;
    struct audit_file *file;
    struct err_info why;
};

static char *path(struct fixture *f, const char *name)
{
    return file_path(f->arena, f->directory, name);
}

static void open_chain(struct fixture *f, const char *name)
{
    if (audit_file_open(path(f, name), SEGMENT_MAX, &f->file, &f->why) != ERR_OK)
        fail_msg("%s", f->why.detail);
}

static void close_chain(struct fixture *f)
{
    audit_file_close(f->file);
    f->file = NULL;
}

static void add(struct fixture *f, const char *members)
{
    audit_file_add(f->file, span_of(members));
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    (void)text_copy(f->directory, sizeof f->directory, "/tmp/audit_file_test.XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    f->arena = arena_new();
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"front/000001.jsonl",
                                        "front/000002.jsonl",
                                        "front/000003.jsonl",
                                        "signer/000001.jsonl",
                                        "front",
                                        "signer",
                                        ""};

    close_chain(f);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)remove(path(f, names[i]));
    arena_free(f->arena);
    free(f);
    return 0;
}

/* Both chains as they are now. */
static struct audit_verify_result judge(struct fixture *f)
{
    const struct audit_verify_question question = {.folder = f->directory};
    struct audit_verify_result *result = arena_get(f->arena, sizeof *result);

    if (audit_verify(f->arena, &question, result, &f->why) != ERR_OK)
        fail_msg("%s", f->why.detail);
    return *result;
}

static void goes_on_behind_the_last_line(void **state)
{
    struct fixture *f = *state;
    struct stat about;

    open_chain(f, "signer");
    close_chain(f);
    for (uint64_t i = 0; i < 4; i++) {
        open_chain(f, "front");
        assert_int_equal(audit_file_place(f->file).seq, 2 * i);
        add(f, "\"event\":\"a\"");
        add(f, "\"event\":\"b\"");
        assert_int_equal(audit_file_write(f->file, &f->why), ERR_OK);
        assert_true(audit_file_sync(f->file));
        close_chain(f);
    }
    assert_int_equal(stat(path(f, "front/000001.jsonl"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    struct audit_verify_result found = judge(f);
    assert_int_equal(found.finding_count, 0);
    assert_int_equal(found.chains[0].lines, 8);
    assert_int_equal(found.chains[0].last.seq, 8);
}

static void begins_another_segment(void **state)
{
    struct fixture *f = *state;
    static const char end[] = "\n";

    open_chain(f, "signer");
    close_chain(f);
    open_chain(f, "front");
    add(f, "\"event\":\"a\"");
    assert_int_equal(audit_file_write(f->file, &f->why), ERR_OK);
    struct audit_place before = audit_file_place(f->file);
    close_chain(f);
    /* as if there were very much in front of the last line */
    int fd = open(path(f, "front/000001.jsonl"), O_RDWR);
    char line[1024];
    ssize_t len = read(fd, line, sizeof line);
    assert_true(len > 0);
    assert_int_equal(pwrite(fd, end, 1, SEGMENT_MAX), 1);
    assert_int_equal(pwrite(fd, line, (size_t)len, SEGMENT_MAX + 1), len);
    (void)close(fd);
    open_chain(f, "front");
    struct audit_place after = audit_file_place(f->file);
    assert_int_equal(after.seq, before.seq);
    assert_memory_equal(after.hash, before.hash, HASH_SHA256_SIZE);
    add(f, "\"event\":\"b\"");
    assert_int_equal(audit_file_write(f->file, &f->why), ERR_OK);
    close_chain(f);
    struct stat about;
    assert_int_equal(stat(path(f, "front/000002.jsonl"), &about), 0);
    assert_true(about.st_size > 0 && about.st_size < 200);
    open_chain(f, "front");
    assert_int_equal(audit_file_place(f->file).seq, 2);
}

/* It goes on in another one while it is open: by its size, or by the day. What was begun
 * and never written to is used later, and what has lines is never given out. */
static void goes_on_in_the_next(void **state)
{
    struct fixture *f = *state;
    const struct timespec before[2] = {{86400, 0}, {86400, 0}};
    int fd = -1;

    open_chain(f, "signer");
    close_chain(f);
    open_chain(f, "front");
    assert_int_equal(audit_file_next_number(f->file), 0);
    add(f, "\"event\":\"a\"");
    assert_int_equal(audit_file_write(f->file, &f->why), ERR_OK);
    assert_int_equal(audit_file_next_number(f->file), 0);
    for (size_t i = 0; i < SEGMENT_MAX / 64; i++)
        add(f, "\"event\":\"b\"");
    assert_int_equal(audit_file_write(f->file, &f->why), ERR_OK);
    assert_int_equal(audit_file_next_number(f->file), 2);
    assert_int_equal(audit_file_open_segment(path(f, "front"), 1, &fd, &f->why),
                     ERR_CONFLICT);
    assert_int_equal(audit_file_open_segment(path(f, "front"), 2, &fd, &f->why), ERR_OK);
    close_chain(f); /* it ends before it could use that one */
    (void)close(fd);
    open_chain(f, "front");
    assert_int_equal(audit_file_next_number(f->file), 0);
    add(f, "\"event\":\"c\"");
    assert_int_equal(audit_file_write(f->file, &f->why), ERR_OK);
    close_chain(f);
    assert_int_equal(utimensat(AT_FDCWD, path(f, "front/000002.jsonl"), before, 0), 0);
    open_chain(f, "front"); /* of another day */
    add(f, "\"event\":\"d\"");
    assert_int_equal(audit_file_write(f->file, &f->why), ERR_OK);
    assert_int_equal(audit_file_next_number(f->file), 0);
    struct stat about;
    assert_int_equal(stat(path(f, "front/000003.jsonl"), &about), 0);
    assert_true(about.st_size > 0);
    struct audit_verify_result found = judge(f);
    assert_int_equal(found.finding_count, 0);
    assert_int_equal(found.chains[0].lines, 1 + SEGMENT_MAX / 64 + 2);
}

/* A file given to it is used from the next line on; one of another number is not. */
static void takes_the_file_it_asked_for(void **state)
{
    struct fixture *f = *state;
    struct stat about;
    int fds[2] = {-1, -1};

    open_chain(f, "signer");
    close_chain(f);
    open_chain(f, "front");
    for (size_t i = 0; i < SEGMENT_MAX / 64; i++)
        add(f, "\"event\":\"a\"");
    assert_int_equal(audit_file_write(f->file, &f->why), ERR_OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(audit_file_open_segment(path(f, "front"), 2, &fds[i], &f->why),
                         ERR_OK);
    assert_true(audit_file_go_on(f->file, 2, fds[0]));
    assert_true(audit_file_go_on(f->file, 2, fds[1])); /* again: not used, and closed */
    assert_int_equal(fcntl(fds[1], F_GETFD), -1);
    add(f, "\"event\":\"b\"");
    assert_int_equal(audit_file_write(f->file, &f->why), ERR_OK);
    assert_int_equal(stat(path(f, "front/000002.jsonl"), &about), 0);
    assert_true(about.st_size > 0 && about.st_size < 200);
    assert_int_equal(judge(f).finding_count, 0);
    /* a line without its end, in front of another segment */
    int fd = open(path(f, "front/000001.jsonl"), O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "{", 1), 1);
    (void)close(fd);
    assert_int_equal(judge(f).finding_count, 1);
}

/* A file that cannot grow: part of a line is taken back, and the chain goes on later. */
static void nothing_or_all_is_written(void **state)
{
    struct fixture *f = *state;
    struct rlimit limit;
    struct rlimit small;

    open_chain(f, "signer");
    close_chain(f);
    open_chain(f, "front");
    add(f, "\"event\":\"a\"");
    assert_int_equal(audit_file_write(f->file, &f->why), ERR_OK);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 150; /* in the middle of the second line */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    add(f, "\"event\":\"b\"");
    add(f, "\"event\":\"c\"");
    assert_int_equal(audit_file_write(f->file, &f->why), ERR_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(audit_file_place(f->file).seq, 1);
    add(f, "\"event\":\"d\"");
    assert_int_equal(audit_file_write(f->file, &f->why), ERR_OK);
    assert_int_equal(audit_file_place(f->file).seq, 2);
    struct audit_verify_result found = judge(f);
    assert_int_equal(found.finding_count, 0);
    assert_int_equal(found.chains[0].lines, 2);
    assert_int_equal(found.chains[0].unfinished, 0);
}

/* One that is too long is not cut, and nothing of that write is there. */
static void too_long_a_line(void **state)
{
    struct fixture *f = *state;
    char *members = arena_get(f->arena, AUDIT_FILE_LINE_MAX + 1);

    memset(members, ' ', AUDIT_FILE_LINE_MAX);
    open_chain(f, "signer");
    close_chain(f);
    open_chain(f, "front");
    add(f, "\"event\":\"a\"");
    add(f, members);
    assert_int_equal(audit_file_write(f->file, &f->why), ERR_IO);
    assert_int_equal(audit_file_place(f->file).seq, 0);
    add(f, "\"event\":\"b\"");
    assert_int_equal(audit_file_write(f->file, &f->why), ERR_OK);
    assert_int_equal(judge(f).finding_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(goes_on_behind_the_last_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(begins_another_segment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(goes_on_in_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_the_file_it_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_or_all_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_long_a_line, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
