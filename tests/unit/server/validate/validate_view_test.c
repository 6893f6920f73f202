/* Tests of server/validate: validate_view, one validator that sees two worlds. Whole
 * programs do so in tests/flow/test_views.py. */
#include "server/validate/validate_private.h"
#include "validate_world.h"

#include <string.h>

static struct validate_view views[3];

static void ask(struct world *w, const char *directory, const char *name)
{
    w->verdicts = 0;
    validate_world_ask(w, &(struct validate_question){.type = CHALLENGE_HTTP_01,
                                                      .directory = directory,
                                                      .identifier = name,
                                                      .token = TOKEN,
                                                      .key_authorization = PROOF});
    loop_run(w->loop);
    assert_int_equal(w->verdicts, 1);
}

/* The second allows nothing; of the third only its name is known. */
static void set_views(struct world *w)
{
    views[0] = w->view;
    views[1] = w->view;
    views[1].directory = "closed";
    views[1].allowed_count = 0;
    views[2] = w->view;
    views[2].directory = "new";
    w->options.views = views;
    w->options.view_count = 2;
}

static void each_has_its_own(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *directory;
        bool valid;
    } rows[] = {{NULL, true}, {"default", true}, {"", true}, {"closed", false}};

    set_views(w);
    assert_true(validate_reload(w->validator, &w->options));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ask(w, rows[i].directory, "good.test");
        assert_int_equal(w->valid, rows[i].valid);
    }
    assert_non_null(strstr(w->detail, "127.0.0.1, which is loopback"));
}

/* A resolver that was not there at the beginning cannot be opened; a view that had one
 * keeps it, another has none. */
static void a_resolver_that_is_new(void **state)
{
    struct world *w = *state;

    set_views(w);
    assert_true(validate_reload(w->validator, &w->options));
    w->options.view_count = 3;
    assert_true(validate_reload(w->validator, &w->options)); /* open already */
    views[1].resolver.port++;
    views[2].directory = "newer";
    views[2].resolver.port++;
    assert_false(validate_reload(w->validator, &w->options));
    ask(w, "closed", "good.test");
    assert_non_null(strstr(w->detail, "127.0.0.1, which is loopback"));
    ask(w, "newer", "good.test");
    assert_int_equal(w->code, ERR_INTERNAL);
    assert_non_null(strstr(w->detail, "this directory's resolver"));
    ask(w, NULL, "good.test");
    assert_true(w->valid);
}

/* V-DNS-2: zones that need no signatures concern the resolver that is the validator's
 * own: with others of them it is another resolver, while a server that is asked stays as
 * it is. */
static void insecure_zones(void **state)
{
    static const char *const zones[] = {"corp.example", "lab"};
    struct world *w = *state;
    struct err_info why = {0};

    set_views(w);
    views[1].insecure_zones = zones;
    views[1].insecure_zone_count = 2;
    assert_true(validate_reload(w->validator, &w->options));
    views[0].resolver.family = ADDRESS_NONE;
    views[0].insecure_zones = zones;
    views[0].insecure_zone_count = 1;
    validate_free(w->validator);
    w->validator = NULL;
    assert_int_equal(validate_new(w->loop, &w->options, &w->validator, &why), ERR_OK);
    assert_true(validate_reload(w->validator, &w->options));
    views[0].insecure_zones = zones + 1;
    assert_false(validate_reload(w->validator, &w->options));
    views[0].insecure_zone_count = 0;
    assert_false(validate_reload(w->validator, &w->options));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_has_its_own, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(a_resolver_that_is_new, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(insecure_zones, validate_world_set_up,
                                        validate_world_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
