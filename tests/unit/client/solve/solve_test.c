/* Tests of client/solve: tokens, and the web server's folder. The listener is tested in
 * tests/flow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/proc/child.h"
#include "client/run/run.h"
#include "client/solve/solve.h"
#include "client/solve/web_journal.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/net/socket.h"

static const struct report silent = {.quiet = true};

struct place {
    struct arena *arena;
    char root[64];
    char state[64]; /* folder */
    struct settings_certificate certificate;
    struct wanted wanted;
    struct solve_options options;
    struct err_info why;
};

static int set_up(void **state)
{
    struct place *p = test_calloc(1, sizeof *p);

    (void)text_copy(p->root, sizeof p->root, "/tmp/cairn-solve-XXXXXX");
    (void)text_copy(p->state, sizeof p->state, "/tmp/cairn-solve-XXXXXX");
    p->arena = arena_new();
    if (mkdtemp(p->root) == NULL || mkdtemp(p->state) == NULL)
        return -1;
    p->certificate.http = arena_printf(p->arena, "webroot:%s", p->root);
    p->wanted.certificate = &p->certificate;
    p->options = (struct solve_options){
        .wanted = &p->wanted, .report = &silent, .directory = p->state};
    *state = p;
    return 0;
}

/* The folder must be as empty as before, and so the journal. */
static int tear_down(void **state)
{
    struct place *p = *state;
    int result = rmdir(p->root);

    (void)rmdir(file_path(p->arena, p->state, "web"));
    result = rmdir(p->state) != 0 ? -1 : result;
    arena_free(p->arena);
    test_free(p);
    return result;
}

static enum err present(struct solve *s, const char *token, const char *key_authorization,
                        struct err_info *why)
{
    const struct solve_task task = {.type = CHALLENGE_HTTP_01,
                                    .identifier = {IDENTIFIER_DNS, "www.example.test"},
                                    .token = token,
                                    .key_authorization = key_authorization};

    return solve_present(s, &task, why);
}

static void files_come_and_go(void **state)
{
    struct place *p = *state;
    struct solve *s = solve_new(&p->options);
    struct span text;
    struct stat about;
    char *path =
        arena_printf(p->arena, "%s/.well-known/acme-challenge/tok_en-1", p->root);

    assert_int_equal(present(s, "tok_en-1", "tok_en-1.thumb", &p->why), ERR_OK);
    assert_int_equal(solve_ready(s, NULL, &p->why), ERR_OK);
    assert_true(web_journal_has_entries(p->state));
    assert_int_equal(file_read(p->arena, path, 100, &text, &p->why), ERR_OK);
    assert_true(span_is(text, "tok_en-1.thumb"));
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0644);
    /* more of the same order */
    assert_int_equal(present(s, "tok_en-2", "tok_en-2.thumb", &p->why), ERR_OK);
    assert_int_equal(solve_ready(s, NULL, &p->why), ERR_OK);
    path[strlen(path) - 1] = '2';
    assert_true(file_exists(path));
    solve_close(s);
    assert_false(file_exists(arena_printf(p->arena, "%s/.well-known", p->root)));
    assert_false(web_journal_has_entries(p->state));
}

static void what_was_there_stays(void **state)
{
    struct place *p = *state;
    struct solve *s = solve_new(&p->options);
    char *well_known = arena_printf(p->arena, "%s/.well-known", p->root);
    char *other = file_path(p->arena, well_known, "security.txt");

    assert_int_equal(mkdir(well_known, 0755), 0);
    assert_int_equal(file_create(other, span_of("x"), 0644, &p->why), ERR_OK);
    assert_int_equal(present(s, "token", "token.thumb", &p->why), ERR_OK);
    assert_int_equal(solve_ready(s, NULL, &p->why), ERR_OK);
    solve_close(s);
    assert_true(file_exists(other));
    assert_false(file_exists(file_path(p->arena, well_known, "acme-challenge")));
    assert_int_equal(unlink(other), 0);
    assert_int_equal(rmdir(well_known), 0);
}

/* RFC 8555 8.3: what is not base64url must never become a path. */
static void bad_tokens(void **state)
{
    struct place *p = *state;
    struct solve *s = solve_new(&p->options);
    char *overlong = arena_get(p->arena, 2000);
    const char *const tokens[] = {"",    ".",    "..",  "../x", "a/b",      "a.b",
                                  "a b", "a%41", "a\n", "a=",   "\xc3\xbc", overlong};

    memset(overlong, 'a', 1999);
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
        assert_int_equal(present(s, tokens[i], "x.y", &p->why), ERR_PROTOCOL);
    solve_close(s);
}

static void ways(void **state)
{
    static const struct {
        const char *way;
        enum err result;
    } rows[] = {
        {"", ERR_USAGE},
        {"magic", ERR_USAGE},
        {"webroot:", ERR_USAGE},
        {"webroot:/no/such/folder", ERR_USAGE},
        {"webroot:/etc/passwd", ERR_USAGE},
        {"Standalone", ERR_USAGE},
    };
    struct place *p = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        p->certificate.http = rows[i].way;
        struct solve *s = solve_new(&p->options);
        assert_int_equal(present(s, "token", "x.y", &p->why), rows[i].result);
        solve_close(s);
    }
}

/* What a type cannot prove is not tried (RFC 8555 8.3: no wildcards). */
static void not_by_this_type(void **state)
{
    static const struct solve_task rows[] = {
        {CHALLENGE_HTTP_01,
         {IDENTIFIER_DNS, "a.test"},
         true,
         "t",
         "x.y",
         "",
         "",
         "",
         NULL},
        {CHALLENGE_TYPE_COUNT,
         {IDENTIFIER_DNS, "a.test"},
         false,
         "t",
         "x.y",
         "",
         "",
         "",
         NULL},
    };
    struct place *p = *state;
    struct solve *s = solve_new(&p->options);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(solve_present(s, &rows[i], &p->why), ERR_USAGE);
    assert_int_equal(solve_ready(s, NULL, &p->why), ERR_OK);
    solve_close(s);
}

static void a_port_in_use(void **state)
{
    struct place *p = *state;
    struct address any = {.family = ADDRESS_V6};
    struct solve *s = solve_new(&p->options);
    struct child runner;
    int taken = -1;

    assert_int_equal(child_start(CHILD_RUNNER, runner_run, &runner, &p->why), ERR_OK);
    p->options.runner = runner.fd;
    if (socket_listen(&any, false, &taken, &p->why) != ERR_OK) {
        any.family = ADDRESS_V4;
        assert_int_equal(socket_listen(&any, false, &taken, &p->why), ERR_OK);
    }
    assert_int_equal(socket_local_address(taken, &any, &p->why), ERR_OK);
    p->options.directory = NULL; /* nobody to take turns with */
    p->certificate.http = "standalone";
    p->certificate.http_port = any.port;
    assert_int_equal(present(s, "token", "x.y", &p->why), ERR_NETWORK);
    solve_close(s);
    assert_string_equal(
        p->why.detail,
        arena_printf(p->arena,
                     "port %u, to answer http-01, is in use by unit_client_sol (process "
                     "%d); stop it, or, if it is a web server, take --http nginx, --http "
                     "apache or --http webroot:DIR",
                     any.port, (int)getpid()));
    (void)close(taken);
    child_end(&runner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_come_and_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_there_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_tokens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_by_this_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_port_in_use, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
