/* Hooks. */
#include "client/work/work_hook.h"

#include "client/run/run.h"

#define NAMES_MAX (64 * 1024) /* octets */

static enum err run(struct arena *a, const struct work *k, const struct wanted *w,
                    const char *what, const char *command, const char *outcome,
                    struct err_info *why)
{
    const struct settings_certificate *c = w->certificate;
    const char *const words[] = {"/bin/sh", "-c", command, NULL};
    AUTO(buf) struct buf names = buf_make(NAMES_MAX);
    struct run_result ended;

    for (size_t i = 0; i < c->names.count; i++)
        buf_printf(&names, "%s%s", i > 0 ? " " : "", c->names.items[i]);
    const char *const environment[] = {
        arena_printf(a, "CAIRN_NAME=%s", c->name),
        arena_printf(a, "CAIRN_NAMES=%.*s", (int)names.len, (const char *)names.data),
        arena_printf(a, "CAIRN_DIR=%s", certificate_store_path(a, k->directory, c->name)),
        outcome != NULL ? arena_printf(a, "CAIRN_OUTCOME=%s", outcome) : NULL, NULL};
    const struct run_request request = {.arguments = words,
                                        .environment = environment,
                                        .rights = RUN_AS_WE_ARE,
                                        .timeout_ms = w->settings->hooks_timeout};
    TRY(crew_start(k->crew, why));
    report_step(&k->report, "hook", "%s", what);
    return run_or_fail(k->crew->runner.fd, a, &request, ERR_HOOK, what, &ended, why);
}

enum err work_hook_before(struct arena *a, const struct work *k, const struct wanted *w,
                          struct err_info *why)
{
    const char *command = w->certificate->pre_hook;

    return command[0] == '\0' ? ERR_OK : run(a, k, w, "pre_hook", command, NULL, why);
}

enum err work_hook_after(struct arena *a, const struct work *k, const struct wanted *w,
                         enum err outcome, struct err_info *why)
{
    const char *command = w->certificate->post_hook;

    return command[0] == '\0' ? ERR_OK
                              : run(a, k, w, "post_hook", command,
                                    outcome == ERR_OK ? "issued" : "failed", why);
}
