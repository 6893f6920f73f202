/* Tests of client/renewal/renewal_state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/renewal/renewal_state.h"
#include "core/base/file.h"
#include "core/base/text.h"

#define HOUR 3600
#define DAY  86400
#define NOW  1800000000LL
#define NAME "www.example.test"

struct place {
    struct arena *arena;
    char root[64];
    struct err_info why;
};

static char *file_of(struct place *p)
{
    return arena_printf(p->arena, "%s/certificates/%s/renewal.json", p->root, NAME);
}

static int set_up(void **state)
{
    struct place *p = test_calloc(1, sizeof *p);

    (void)text_copy(p->root, sizeof p->root, "/tmp/cairn-renewal-XXXXXX");
    p->arena = arena_new();
    *state = p;
    return mkdtemp(p->root) != NULL &&
                   file_make_directory(file_path(p->arena, p->root, "certificates"), 0700,
                                       &p->why) == ERR_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    char *folder = file_path(p->arena, p->root, "certificates/" NAME);

    (void)unlink(file_of(p));
    (void)rmdir(folder);
    (void)rmdir(file_path(p->arena, p->root, "certificates"));
    int result = rmdir(p->root);
    arena_free(p->arena);
    test_free(p);
    return result;
}

static void load(struct place *p, struct renewal_state *s)
{
    memset(s, 1, sizeof *s);
    assert_true(renewal_state_load(p->arena, p->root, NAME, s, &p->why));
}

static void save(struct place *p, const struct renewal_state *s)
{
    assert_int_equal(renewal_state_save(p->arena, p->root, NAME, s, &p->why), ERR_OK);
}

static void nothing_at_first(void **state)
{
    struct place *p = *state;
    struct renewal_state s;

    load(p, &s);
    const struct renewal_state empty = {0};
    assert_memory_equal(&s, &empty, sizeof s);
}

static void all_of_it_is_kept(void **state)
{
    struct place *p = *state;
    struct renewal_state s = {0};
    struct renewal_state read;
    struct err_info failure = {0};
    struct stat about;

    renewal_state_succeed(p->arena, &s, "https://ca.test/dir", 1234, NOW - DAY);
    renewal_state_suggest(p->arena, &s, "aa.bb", NOW, NOW + DAY, "https://ca.test/why",
                          7200, NOW);
    (void)err_set(&failure, ERR_VALIDATION, "it \"failed\" \xc3\xa9");
    renewal_state_fail(p->arena, &s, &failure, NOW + 30 * DAY, NOW + 1);
    renewal_state_proved(p->arena, &s, "*.example.test", CHALLENGE_DNS_01);
    renewal_state_proved(p->arena, &s, "example.test", CHALLENGE_HTTP_01);
    save(p, &s);
    assert_int_equal(stat(file_of(p), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    load(p, &read);
    assert_string_equal(read.ari.certificate, "aa.bb");
    assert_int_equal(read.ari.start, NOW);
    assert_int_equal(read.ari.end, NOW + DAY);
    assert_int_equal(read.ari.moment, s.ari.moment);
    assert_string_equal(read.ari.explanation, "https://ca.test/why");
    assert_int_equal(read.ari.asked, NOW);
    assert_int_equal(read.ari.ask_after, NOW + 7200);
    assert_int_equal(read.failure.count, 1);
    assert_string_equal(read.failure.code, "VALIDATION");
    assert_string_equal(read.failure.detail, failure.detail);
    assert_int_equal(read.failure.when, NOW + 1);
    assert_int_equal(read.failure.not_before, s.failure.not_before);
    assert_int_equal(read.succeeded, NOW - DAY);
    assert_int_equal(read.duration_ms, 1234);
    assert_int_equal(read.issued, 1);
    assert_int_equal(read.failed, 1);
    assert_string_equal(read.ca, "https://ca.test/dir");
    assert_int_equal(read.proof_count, 2);
    enum challenge_type type = CHALLENGE_TLS_ALPN_01;
    assert_true(renewal_state_proof(&read, "*.example.test", &type));
    assert_int_equal(type, CHALLENGE_DNS_01);
    assert_false(renewal_state_proof(&read, "a.example.test", &type));
}

static void a_damaged_file_is_no_disaster(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "\"text\"",
        "{\"ari\":{}}",
        "{\"ari\":{\"certificate\":\"a.b\",\"start\":\"yesterday\"}}",
        "{\"failure\":{\"count\":-1,\"code\":\"NETWORK\"}}",
        "{\"failure\":{\"count\":1}}",
        "{\"issued\":\"many\"}",
        "{\"ca\":1}",
    };
    struct place *p = *state;
    struct renewal_state s = {0};

    save(p, &s);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct renewal_state empty = {0};
        assert_int_equal(file_replace(file_of(p), span_of(texts[i]), 0600, &p->why),
                         ERR_OK);
        memset(&s, 1, sizeof s);
        if (renewal_state_load(p->arena, p->root, NAME, &s, &p->why))
            fail_msg("\"%s\" is read", texts[i]);
        assert_memory_equal(&s, &empty, sizeof s);
        assert_non_null(strstr(p->why.detail, "renewal.json"));
    }
    save(p, &s);
    load(p, &s);
}

static void what_is_unknown_is_left_out(void **state)
{
    struct place *p = *state;
    struct renewal_state s = {0};

    save(p, &s);
    assert_int_equal(
        file_replace(file_of(p),
                     span_of("{\"version\":9,\"new\":[1,{}],\"issued\":3,\"proofs\":[{"
                             "\"name\":\"a.test\",\"type\":\"new-01\"},7,{\"name\":\"b."
                             "test\",\"type\":\"dns-01\"}]}"),
                     0600, &p->why),
        ERR_OK);
    load(p, &s);
    assert_int_equal(s.issued, 3);
    assert_int_equal(s.proof_count, 1);
    assert_string_equal(s.proofs[0].name, "b.test");
}

static void one_moment_for_a_window(void **state)
{
    struct place *p = *state;
    struct renewal_state s = {0};
    int64_t least = INT64_MAX;
    int64_t most = 0;
    int64_t changes = 0;

    for (int64_t i = 0; i < 1000; i++) {
        int64_t start = NOW + i * DAY;
        renewal_state_suggest(p->arena, &s, "aa.bb", start, start + 100, NULL, 0, NOW);
        int64_t moment = s.ari.moment;
        assert_in_range(moment, start, start + 100);
        least = moment - start < least ? moment - start : least;
        most = moment - start > most ? moment - start : most;
        renewal_state_suggest(p->arena, &s, "aa.bb", start, start + 100, "https://x.test",
                              0, NOW + 1);
        assert_int_equal(s.ari.moment, moment);
        renewal_state_suggest(p->arena, &s, "aa.cc", start, start + 100, NULL, 0, NOW);
        changes += s.ari.moment != moment;
    }
    /* by chance less than once in ten thousand runs */
    assert_true(least < 5 && most > 95 && changes > 900);
}

static void windows_that_are_none(void **state)
{
    struct place *p = *state;
    struct renewal_state s = {0};

    renewal_state_suggest(p->arena, &s, "a.b", NOW, NOW, NULL, 0, NOW);
    assert_int_equal(s.ari.moment, 0);
    renewal_state_suggest(p->arena, &s, "a.b", NOW, NOW - 1, "https://x.test", 0, NOW);
    assert_int_equal(s.ari.moment, 0);
    assert_int_equal(s.ari.start, 0);
    assert_null(s.ari.explanation);
    renewal_state_suggest(p->arena, &s, "a.b", 0, 0, NULL, 0, NOW);
    assert_int_equal(s.ari.moment, 0);
    assert_int_equal(s.ari.ask_after, NOW + RENEWAL_STATE_ASK_S);
}

static void asked_within_bounds(void **state)
{
    static const struct {
        int64_t retry_after;
        int64_t wait;
    } rows[] = {{0, 6 * HOUR}, {1, 60},        {60, 60},         {21600, 21600},
                {DAY, DAY},    {DAY + 1, DAY}, {INT64_MAX, DAY}, {-5, 6 * HOUR}};
    struct place *p = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct renewal_state s = {0};
        renewal_state_suggest(p->arena, &s, "a.b", NOW, NOW + 1, NULL,
                              rows[i].retry_after, NOW);
        assert_int_equal(s.ari.ask_after - NOW, rows[i].wait);
    }
}

static void no_answer_forgets_nothing(void **state)
{
    struct place *p = *state;
    struct renewal_state s = {0};

    renewal_state_suggest(p->arena, &s, "a.b", NOW, NOW + DAY, "https://x.test", 60, NOW);
    int64_t moment = s.ari.moment;
    struct err_info why = {.code = ERR_NETWORK};
    renewal_state_unanswered(p->arena, &s, "a.b", &why, NOW + 100);
    assert_int_equal(s.ari.moment, moment);
    assert_string_equal(s.ari.explanation, "https://x.test");
    assert_int_equal(s.ari.ask_after, NOW + 100 + 6 * HOUR);
    why.retry_after_seconds = 7200;
    renewal_state_unanswered(p->arena, &s, "a.b", &why, NOW + 200);
    assert_int_equal(s.ari.ask_after, NOW + 200 + 7200);
    why.retry_after_seconds = 0;
    renewal_state_unanswered(p->arena, &s, "a.c", &why, NOW + 300); /* about another */
    assert_int_equal(s.ari.moment, 0);
    assert_string_equal(s.ari.certificate, "a.c");
}

/* C-ARI-5: less often each time, and in the end as seldom as otherwise; C-ARI-6: what
 * does not pass is not asked about again soon. */
static void asked_less_often(void **state)
{
    static const int64_t waits[] = {60, 120, 240, 480, 960, 1920, 6 * HOUR, 6 * HOUR};
    struct place *p = *state;
    struct renewal_state s = {0};
    struct err_info passing = {.code = ERR_UNAVAILABLE};
    struct err_info lasting = {.code = ERR_PROTOCOL};

    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        renewal_state_unanswered(p->arena, &s, "a.b", &passing, NOW);
        assert_int_equal(s.ari.ask_after - NOW, waits[i]);
    }
    renewal_state_suggest(p->arena, &s, "a.b", NOW, NOW + DAY, NULL, 0, NOW);
    renewal_state_unanswered(p->arena, &s, "a.b", &passing, NOW);
    assert_int_equal(s.ari.ask_after - NOW, 60);
    renewal_state_unanswered(p->arena, &s, "a.b", &lasting, NOW);
    assert_int_equal(s.ari.ask_after - NOW, 6 * HOUR);
}

static void failures_add_up(void **state)
{
    static const int64_t waits[] = {60, 600, 6000, DAY, DAY};
    struct place *p = *state;
    struct renewal_state s = {0};
    struct err_info why = {0};

    (void)err_set(&why, ERR_NETWORK, "no way");
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        renewal_state_fail(p->arena, &s, &why, NOW + 60 * DAY, NOW);
        assert_int_equal(s.failure.count, i + 1);
        assert_in_range(s.failure.not_before - NOW, waits[i] * 9 / 10,
                        waits[i] * 11 / 10);
    }
    renewal_state_fail(p->arena, &s, &why, NOW + 80 * 60, NOW);
    assert_int_equal(s.failure.not_before - NOW, 600);
    why.retry_after_seconds = 3 * DAY; /* a rate limit, however near the end is */
    renewal_state_fail(p->arena, &s, &why, NOW + 80 * 60, NOW);
    assert_in_range(s.failure.not_before - NOW, 3 * DAY,
                    3 * DAY + RENEWAL_STATE_JITTER_S);
    why.retry_after_seconds = INT32_MAX;
    renewal_state_fail(p->arena, &s, &why, 0, NOW);
    assert_in_range(s.failure.not_before - NOW, 30 * DAY,
                    30 * DAY + RENEWAL_STATE_JITTER_S);
    why.retry_after_seconds = 0;
    renewal_state_succeed(p->arena, &s, "https://ca.test", 1, NOW);
    assert_null(s.failure.code);
    renewal_state_fail(p->arena, &s, &why, 0, NOW);
    assert_int_equal(s.failure.count, 1);
    assert_int_equal(s.failed, 9);
}

static void proofs_are_bounded(void **state)
{
    struct place *p = *state;
    struct renewal_state s = {0};
    enum challenge_type type;

    for (int i = 0; i < RENEWAL_STATE_NAMES_MAX + 5; i++)
        renewal_state_proved(p->arena, &s, arena_printf(p->arena, "n%d.test", i),
                             CHALLENGE_HTTP_01);
    assert_int_equal(s.proof_count, RENEWAL_STATE_NAMES_MAX);
    assert_false(renewal_state_proof(&s, "n4.test", &type));
    assert_true(renewal_state_proof(&s, "n5.test", &type));
    renewal_state_proved(p->arena, &s, "n5.test", CHALLENGE_DNS_01);
    assert_true(renewal_state_proof(&s, "n5.test", &type));
    assert_int_equal(type, CHALLENGE_DNS_01);
    assert_int_equal(s.proof_count, RENEWAL_STATE_NAMES_MAX);
    save(p, &s);
    load(p, &s);
    assert_int_equal(s.proof_count, RENEWAL_STATE_NAMES_MAX);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Both ways; what the metadata says counts more. */
static void revoked_is_what_the_version_says(void **state)
{
    static const struct {
        bool knows, says, remembered, revoked;
    } rows[] = {
        {true, true, false, true},    {true, false, true, false},
        {true, true, true, true},     {false, false, true, true},
        {false, false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct certificate_metadata m = {.revoked = rows[i].says,
                                         .knows_revoked = rows[i].knows};
        struct renewal_state s = {.revoked = rows[i].remembered};
        renewal_state_settle(&s, &m);
        assert_true(s.revoked == rows[i].revoked && m.revoked == rows[i].revoked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(revoked_is_what_the_version_says),
        ROW(nothing_at_first),
        ROW(all_of_it_is_kept),
        ROW(a_damaged_file_is_no_disaster),
        ROW(what_is_unknown_is_left_out),
        ROW(one_moment_for_a_window),
        ROW(windows_that_are_none),
        ROW(asked_within_bounds),
        ROW(no_answer_forgets_nothing),
        ROW(asked_less_often),
        ROW(failures_add_up),
        ROW(proofs_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
