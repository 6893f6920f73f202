#include "run_world.h"

int run_world_set_up(void **state)
{
    struct world *w = test_calloc(1, sizeof *w);

    w->arena = arena_new();
    *state = w;
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/run_test.XXXXXX");
    if (mkdtemp(w->folder) == NULL)
        return -1;
    return child_start(CHILD_RUNNER, runner_run, &w->runner, &w->why) == ERR_OK ? 0 : -1;
}

int run_world_tear_down(void **state)
{
    struct world *w = *state;
    const char *const arguments[] = {"rm", "-rf", w->folder, NULL};
    const struct run_request request = {.arguments = arguments};

    (void)!run_program(w->runner.fd, w->arena, &request, &w->result, &w->why);
    child_end(&w->runner);
    arena_free(w->arena);
    test_free(w);
    return 0;
}

enum err run_world_shell(struct world *w, enum run_rights rights, const char *script)
{
    const char *const arguments[] = {"/bin/sh", "-c", script, "sh", w->folder, NULL};
    const struct run_request request = {
        .arguments = arguments, .rights = rights, .timeout_ms = 20000};

    return run_program(w->runner.fd, w->arena, &request, &w->result, &w->why);
}

void run_world_check(struct world *w, enum run_rights rights, const char *script,
                     int code, const char *output)
{
    assert_int_equal(run_world_shell(w, rights, script), ERR_OK);
    if (w->result.code != code || !span_is(w->result.output, output))
        print_message("%s\n%d: %.*s%.*s\n", script, w->result.code,
                      (int)w->result.output.len, (const char *)w->result.output.data,
                      (int)w->result.errors.len, (const char *)w->result.errors.data);
    assert_int_equal(w->result.code, code);
    assert_true(span_is(w->result.output, output));
}

const char *run_world_file(struct world *w, const char *name, const char *content,
                           mode_t mode)
{
    const char *path = file_path(w->arena, w->folder, name);

    assert_int_equal(file_replace(path, span_of(content), mode, &w->why), ERR_OK);
    return path;
}

bool run_world_is_running(struct world *w, const char *argument)
{
    const char *const arguments[] = {"pgrep", "-f", argument, NULL};
    const struct run_request request = {.arguments = arguments};
    struct run_result result;

    assert_int_equal(run_program(w->runner.fd, w->arena, &request, &result, &w->why),
                     ERR_OK);
    return result.code == 0;
}
