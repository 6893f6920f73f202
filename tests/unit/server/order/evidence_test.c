/* Tests of server/order/evidence: what was written can be read, whatever the size and
 * whatever a perspective sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/order/evidence.h"

#define STEPS_MAX 8192 /* of a record, as the validator bounds it */

static const struct quorum_rule rule = {2, QUORUM_BY_TABLE, 1};

static const struct json *written(struct arena *a, const struct evidence *e)
{
    const struct json *document = NULL;
    struct err_info why = {0};
    const char *text = evidence_text(a, e);

    assert_true(strlen(text) <= EVIDENCE_MAX);
    assert_int_equal(evidence_read(a, text, &document, &why), ERR_OK);
    assert_int_equal(json_whole(json_member(document, "version")), EVIDENCE_VERSION);
    return document;
}

static void one_perspective(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct evidence_voice voice = {.name = EVIDENCE_LOCAL,
                                         .voice = QUORUM_CORROBORATES,
                                         .begun_ms = 1800000000123,
                                         .ended_ms = 1800000000456,
                                         .steps = "[{\"lookup\":\"a.test\"}]"};
    const struct evidence e = {
        .method = CHALLENGE_HTTP_01, .good = true, .voices = &voice, .count = 1};

    (void)state;
    assert_string_equal(
        evidence_text(a, &e),
        "{\"version\":1,\"software\":\"" CAIRN_VERSION
        "\",\"method\":\"http-01\",\"requirement\":\"3.2.2.4.19\","
        "\"baseline_requirements\":\"2.2.6\",\"verdict\":\"valid\","
        "\"perspectives\":["
        "{\"name\":\"local\",\"verdict\":\"valid\",\"begun\":\"2027-01-15T08:00:00."
        "123Z\","
        "\"ended\":\"2027-01-15T08:00:00.456Z\",\"steps\":[{\"lookup\":\"a.test\"}]}]}");
    const struct json *document = written(a, &e);
    assert_int_equal(evidence_count(document), 1);
    assert_string_equal(evidence_name(document, 0), "local");
    assert_int_equal(json_count(evidence_steps(document, 0)), 1);
}

/* V-REC-1 of a look at CAA alone. */
static void caa_alone(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct evidence_voice voice = {.name = EVIDENCE_LOCAL,
                                   .voice = QUORUM_DIFFERS,
                                   .problem = "{\"detail\":\"no\"}",
                                   .steps = "[{\"caa\":\"a.test\"}]"};
    struct evidence e = {.caa_of = "*.a.test",
                         .method = CHALLENGE_DNS_01,
                         .problem = "{\"detail\":\"too many\"}",
                         .voices = &voice,
                         .count = 1};

    (void)state;
    assert_string_equal(
        evidence_text(a, &e),
        "{\"version\":1,\"software\":\"" CAIRN_VERSION
        "\",\"caa\":\"*.a.test\",\"method\":\"dns-01\",\"requirement\":\"3.2.2.8\","
        "\"baseline_requirements\":\"2.2.6\","
        "\"verdict\":\"invalid\",\"problem\":{\"detail\":\"too many\"},"
        "\"perspectives\":[{\"name\":\"local\",\"verdict\":\"invalid\","
        "\"problem\":{\"detail\":\"no\"},\"steps\":[{\"caa\":\"a.test\"}]}]}");
    e.method = (enum challenge_type) - 1; /* not known any more */
    e.brief = true;
    assert_string_equal(evidence_text(a, &e),
                        "{\"version\":1,\"software\":\"" CAIRN_VERSION
                        "\",\"caa\":\"*.a.test\",\"requirement\":\"3.2.2.8\",\"baseline_"
                        "requirements\":\"2.2.6\","
                        "\"verdict\":\"invalid\","
                        "\"perspectives\":[{\"name\":\"local\",\"verdict\":\"invalid\","
                        "\"steps\":[],\"cut\":true}]}");
}

static void what_is_no_record_is_said_to_be_so(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "nonsense",
        "[",
        "[1]]",
        "[{\"a\":1},]",
        "[],\"verdict\":\"valid\"",
        "],[",
        "[]]],[[[]",
        "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", /* too deep for where it goes */
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct evidence_voice voices[] = {
            {.name = EVIDENCE_LOCAL, .voice = QUORUM_CORROBORATES, .steps = "[]"},
            {.name = "fra", .region = "ripe", .voice = QUORUM_DIFFERS, .steps = bad[i]}};
        const struct evidence e = {.method = CHALLENGE_DNS_01,
                                   .rule = &rule,
                                   .outcome = QUORUM_REFUSED,
                                   .voices = voices,
                                   .count = 2};
        const struct json *document = written(a, &e);
        const struct json *second =
            json_element(json_member(document, "perspectives"), 1);
        assert_true(json_is_true(json_member(second, "unreadable")));
        assert_string_equal(json_text(json_member(second, "verdict")), "invalid");
        assert_int_equal(json_count(evidence_steps(document, 1)), 0);
    }
}

/* The largest there can be: every perspective has a full record and the largest problem.
 */
static void there_is_room_for_all(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct evidence_voice voices[QUORUM_VOICES_MAX];
    char steps[STEPS_MAX + 1];
    char away[1024];

    (void)state;
    memset(steps, 'x', STEPS_MAX);
    memcpy(steps, "[\"", 2);
    memcpy(steps + STEPS_MAX - 2, "\"]", 3);
    memset(away, '"', sizeof away - 1);
    away[sizeof away - 1] = '\0';
    for (size_t i = 0; i < QUORUM_VOICES_MAX; i++)
        voices[i] = (struct evidence_voice){.name = "perspective-with-a-very-long-name",
                                            .region = "ripe",
                                            .voice = QUORUM_UNREACHED,
                                            .begun_ms = 1,
                                            .ended_ms = 2,
                                            .away = away,
                                            .steps = steps};
    const struct evidence e = {.method = CHALLENGE_HTTP_01,
                               .rule = &rule,
                               .voices = voices,
                               .count = QUORUM_VOICES_MAX};
    const struct json *document = written(a, &e);
    assert_int_equal(evidence_count(document), QUORUM_VOICES_MAX);
    assert_int_equal(json_count(evidence_steps(document, 0)), 1);
    for (size_t i = 1; i < QUORUM_VOICES_MAX; i++) {
        const struct json *voice = json_element(json_member(document, "perspectives"), i);
        assert_true(json_count(evidence_steps(document, i)) == 1 ||
                    json_is_true(json_member(voice, "cut")));
    }
}

/* Of as many as a CA of the Internet has, all of the largest record is kept. */
static void five_are_kept_whole(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct evidence_voice voices[6];
    char steps[STEPS_MAX + 1];

    (void)state;
    memset(steps, 'x', STEPS_MAX);
    memcpy(steps, "[\"", 2);
    memcpy(steps + STEPS_MAX - 2, "\"]", 3);
    for (size_t i = 0; i < 6; i++)
        voices[i] = (struct evidence_voice){.name = "fra",
                                            .region = "ripe",
                                            .voice = QUORUM_DIFFERS,
                                            .problem = "{\"detail\":\"no\"}",
                                            .steps = steps};
    const struct evidence e = {
        .method = CHALLENGE_HTTP_01, .rule = &rule, .voices = voices, .count = 6};
    const struct json *document = written(a, &e);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(json_count(evidence_steps(document, i)), 1);
}

/* V-REC-1: the method by its number in the Baseline Requirements, and their version. */
static void every_method_has_its_number(void **state)
{
    static const struct {
        enum challenge_type method;
        enum identifier_type type;
        const char *number; /* NULL: it has none */
    } methods[] = {
        {CHALLENGE_DNS_01, IDENTIFIER_DNS, "3.2.2.4.7"},
        {CHALLENGE_HTTP_01, IDENTIFIER_DNS, "3.2.2.4.19"},
        {CHALLENGE_TLS_ALPN_01, IDENTIFIER_DNS, "3.2.2.4.20"},
        {CHALLENGE_DNS_ACCOUNT_01, IDENTIFIER_DNS, "3.2.2.4.21"},
        {CHALLENGE_DNS_PERSIST_01, IDENTIFIER_DNS, "3.2.2.4.22"},
        {CHALLENGE_HTTP_01, IDENTIFIER_IP, "3.2.2.5.6"},
        {CHALLENGE_TLS_ALPN_01, IDENTIFIER_IP, "3.2.2.5.7"},
        {CHALLENGE_DEVICE_ATTEST_01, IDENTIFIER_PERMANENT_IDENTIFIER, NULL},
        {CHALLENGE_DEVICE_ATTEST_01, IDENTIFIER_HARDWARE_MODULE, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        const struct evidence_voice voice = {.name = EVIDENCE_LOCAL, .steps = "[]"};
        const struct evidence e = {.method = methods[i].method,
                                   .identifier_type = methods[i].type,
                                   .voices = &voice,
                                   .count = 1};
        const struct json *document = written(a, &e);
        const struct json *number = json_member(document, "requirement");
        if (methods[i].number == NULL)
            assert_null(number);
        else
            assert_string_equal(json_text(number), methods[i].number);
        assert_string_equal(json_text(json_member(document, "baseline_requirements")),
                            EVIDENCE_BASELINE);
        assert_string_equal(json_text(json_member(document, "software")), CAIRN_VERSION);
    }
}

/* What was stored before there was evidence. */
static void arrays_of_steps_are_read(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct json *document = NULL;
    struct err_info why = {0};

    (void)state;
    assert_int_equal(
        evidence_read(a, "[{\"lookup\":\"a.test\"},{\"url\":\"x\"}]", &document, &why),
        ERR_OK);
    assert_int_equal(evidence_count(document), 1);
    assert_null(evidence_name(document, 0));
    assert_int_equal(json_count(evidence_steps(document, 0)), 2);
    assert_int_equal(evidence_read(a, "{}", &document, &why), ERR_MALFORMED);
    assert_int_equal(evidence_read(a, "{", &document, &why), ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_perspective),
        cmocka_unit_test(caa_alone),
        cmocka_unit_test(what_is_no_record_is_said_to_be_so),
        cmocka_unit_test(there_is_room_for_all),
        cmocka_unit_test(five_are_kept_whole),
        cmocka_unit_test(every_method_has_its_number),
        cmocka_unit_test(arrays_of_steps_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
