/* The world of the tests of deployments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "deploy_world.h"

#include "client/run/run.h"
#include "client/store/certificate_store.h"
#include "core/base/file.h"
#include "core/base/file_tree.h"
#include "core/base/text.h"
#include "core/x509/x509_fixtures.h"

/* ---- the runner ---- */

struct deploy_world_runner runner;

enum err run_program(int fd, struct arena *a, const struct run_request *request,
                     struct run_result *result, struct err_info *why)
{
    AUTO(buf) struct buf line = buf_make(1000);
    AUTO(buf) struct buf environment = buf_make(4000);

    (void)a;
    assert_int_equal(fd, 7);
    assert_int_equal(request->rights, RUN_AS_WE_ARE);
    for (const char *const *m = runner.missing; *m != NULL; m++)
        if (strcmp(*m, request->arguments[0]) == 0)
            return err_set(why, ERR_NOT_FOUND, "there is no program %s", *m);
    for (const char *const *p = request->arguments; *p != NULL; p++)
        buf_printf(&line, "%s%s", p == request->arguments ? "" : " ", *p);
    for (const char *const *p = request->environment; *p != NULL; p++)
        buf_printf(&environment, "%s\n", *p);
    buf_add_octet(&line, '\0');
    buf_add_octet(&environment, '\0');
    (void)strncat(runner.lines, (const char *)line.data, 500);
    (void)strncat(runner.lines, "\n", 2);
    (void)text_copy(runner.environment, sizeof runner.environment,
                    (const char *)environment.data);
    *result = (struct run_result){.timed_out = runner.timed_out};
    if (runner.failing != NULL &&
        strstr((const char *)line.data, runner.failing) != NULL) {
        result->code = 3;
        result->errors = span_of("first line\nit is wrong\n");
    }
    return ERR_OK;
}

/* ---- the world ---- */

static void defaults(struct settings_deployment *d)
{
    *d = (struct settings_deployment){0};
#define SET_TEXT(member)                                            d->member = "";
#define SET_DURATION(member)                                        d->member = 5000;
#define OPTION(path, kind, member, fallback, least, most, sentence) SET_##kind(member)
#include "client/settings/deployment_options.def"
#undef OPTION
}

static void put_certificate(struct world *w)
{
    static const char *const names[] = {"a.flow.test", "b.flow.test"};
    const struct certificate_metadata m = {.names = names,
                                           .name_count = 2,
                                           .ca = "https://ca.test/dir",
                                           .device = "",
                                           .parts = {{.key_type = "p256",
                                                      .not_before = 1,
                                                      .not_after = 4387564323,
                                                      .serial = DEPLOY_WORLD_SERIAL,
                                                      .id = ""}},
                                           .part_count = 1};
    const struct certificate_files files = {.key_pem = span_of(pem_leaf_key),
                                            .certificate_pem = span_of(pem_leaf),
                                            .chain_pem = span_of(pem_intermediate)};
    const char *path = NULL;

    assert_int_equal(
        certificate_store_put(w->arena, w->directory, "site", &m, &files, &path, &w->why),
        ERR_OK);
}

int deploy_world_set_up(void **state)
{
    struct world *w = test_calloc(1, sizeof *w);

    memset(&runner, 0, sizeof runner);
    (void)text_copy(w->directory, sizeof w->directory, "/tmp/cairn-deploy-XXXXXX");
    w->arena = arena_new();
    if (mkdtemp(w->directory) == NULL ||
        mkdir(file_path(w->arena, w->directory, "certificates"), 0700) != 0)
        return -1;
    w->report.quiet = true;
    w->settings.hooks_timeout = 9000;
    w->certificate.name = "site";
    w->wanted.settings = &w->settings;
    w->wanted.certificate = &w->certificate;
    for (size_t i = 0; i < 3; i++) {
        defaults(&w->deployments[i]);
        w->deployments[i].name = (const char *const[]){"one", "two", "three"}[i];
        w->deployments[i].target = "files";
        w->wanted.deployments[i] = &w->deployments[i];
    }
    w->wanted.deployment_count = 1;
    put_certificate(w);
    *state = w;
    return 0;
}

int deploy_world_tear_down(void **state)
{
    struct world *w = *state;
    struct err_info why = {0};
    enum err result = file_tree_remove(w->directory, &why);

    arena_free(w->arena);
    test_free(w);
    return result == ERR_OK ? 0 : -1;
}

enum err deploy_world_run(struct world *w, bool forced)
{
    const struct deploy d = {.directory = w->directory,
                             .wanted = &w->wanted,
                             .runner = 7,
                             .network = -1,
                             .report = &w->report,
                             .forced = forced};

    return deploy_run(w->arena, &d, &w->outcome, &w->why);
}
