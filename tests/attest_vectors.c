/* attest_vectors FILE.json: runs a file of vectors of device-attest-01 and prints a line
 * for each. Exit 1 if one came out otherwise than the file says, 2 if the file cannot be
 * used.
 *
 * The file: {"token", "keyAuthorization", "attestationRootPem", "verificationTime" (RFC
 * 3339), "vectors": [{"name", "identifier": {"type", "value"}, "attObj": base64url,
 * "payload": the JSON a client would send, "expect": "valid", "invalid" or "policy",
 * "csr": {NAME: base64url}}]}. A CSR must be of the attested key, one whose name begins
 * with "mustFail" of another. What "policy" comes to here stands in the table below.
 *
 * Our own files may say more in a vector: "says", a part of the sentence it is refused
 * with; "config", true where the CA's configuration is at fault; "differs", true where
 * only the identifier is at fault; "rules": {"sha1", "presence", "strongBox",
 * "verifiedBoot", "packed", "androidStatus"}; "known": [{"kind", "sha256"}]; "rootPem" or
 * "noRoots" instead of the file's root; "time"; "off", a format that is not enabled;
 * "byInventory", "identities" and "facts" (members of them) as they must come out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/acme/identifier_device.h"
#include "core/attest/attest.h"
#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/json/json_read.h"
#include "core/x509/csr.h"

#define FILE_MAX JSON_READ_MAX_SIZE

/* What behaviour that is a choice comes to. */
static const struct {
    const char *name;
    bool valid;
} choices[] = {
    {"packed-es256", false},             /* no peer implements it: off */
    {"android-challenge-hashed", false}, /* the key authorization itself, as step-ca */
    {"android-no-root", true},           /* a path to a root we know is as good */
    {"tpm-ak-no-pid", false},            /* no identity, and no inventory that has one */
    {"tpm-alg-mismatch", true},          /* of "alg" only the hash counts */
};

static const char *word(const struct json *object, const char *name)
{
    return json_text(json_member(object, name));
}

static bool is_set(const struct json *object, const char *name)
{
    return json_is_true(json_member(object, name));
}

static struct attest_rules rules_of(const struct json *file, const struct json *vector)
{
    static const char *const presences[] = {"any", "pin", "touch", "both"};
    const struct json *said = json_member(vector, "rules");
    const char *root = word(vector, "rootPem");
    const char *presence = word(said, "presence");
    const char *off = word(vector, "off");
    struct attest_rules rules = {.sha1 = is_set(said, "sha1"),
                                 .strong_box = is_set(said, "strongBox"),
                                 .verified_boot = is_set(said, "verifiedBoot"),
                                 .android_status =
                                     json_span(json_member(said, "androidStatus"))};

    for (size_t i = 0; i < ATTEST_FORMAT_COUNT; i++) {
        struct attest_format_rules *format = &rules.formats[i];
        format->enabled = i == ATTEST_PACKED ? is_set(said, "packed") : true;
        if (off != NULL && strcmp(off, attest_format_name((enum attest_format)i)) == 0)
            format->enabled = false;
        if (!is_set(vector, "noRoots"))
            format->roots = root != NULL
                                ? span_of(root)
                                : json_span(json_member(file, "attestationRootPem"));
    }
    for (size_t i = 0; i < sizeof presences / sizeof *presences; i++)
        if (presence != NULL && strcmp(presence, presences[i]) == 0)
            rules.presence = (enum attest_presence)i;
    return rules;
}

static void read_known(struct arena *a, const struct json *list,
                       struct attest_question *question)
{
    static const char *const kinds[] = {"", "ek", "ak", "key"};
    struct attest_known *known = arena_array(a, ATTEST_KNOWN_MAX, sizeof *known);
    size_t count = json_count(list);

    for (size_t i = 0; i < count && i < ATTEST_KNOWN_MAX; i++) {
        const struct json *one = json_element(list, i);
        size_t len = 0;
        for (int kind = ATTEST_KNOWN_EK; kind <= ATTEST_KNOWN_KEY; kind++)
            if (strcmp(word(one, "kind"), kinds[kind]) == 0)
                known[i].kind = (enum attest_known_kind)kind;
        if (text_unhex(json_span(json_member(one, "sha256")), known[i].sha256,
                       sizeof known[i].sha256, &len))
            question->known_count++;
    }
    question->known = known;
}

static enum err question_of(struct arena *a, const struct json *file,
                            const struct json *vector, struct attest_question *question,
                            struct err_info *why)
{
    const struct json *identifier = json_member(vector, "identifier");
    const struct json *time = json_member(vector, "time");
    const char *type = word(identifier, "type");
    const struct json *payload = NULL;

    *question = (struct attest_question){
        .token = word(file, "token"),
        .key_authorization = word(file, "keyAuthorization"),
        .now = clock_now(),
    };
    if (time == NULL)
        time = json_member(file, "verificationTime");
    if (time != NULL && !clock_read(json_span(time), &question->now))
        return err_set(why, ERR_MALFORMED, "the time cannot be read");
    if (question->token == NULL || question->key_authorization == NULL || type == NULL)
        return err_set(why, ERR_MALFORMED, "token, keyAuthorization or type is missing");
    if (word(vector, "payload") != NULL) {
        TRY(json_read(a, json_span(json_member(vector, "payload")), &payload, why));
        if (!span_equal(json_span(json_member(payload, "attObj")),
                        json_span(json_member(vector, "attObj"))))
            return err_set(why, ERR_MALFORMED, "payload and attObj differ");
    }
    read_known(a, json_member(vector, "known"), question);
    if (!base64url_decode(a, json_span(json_member(vector, "attObj")), &question->object))
        return err_set(why, ERR_BAD_ATTESTATION_STATEMENT, "attObj is no base64url");
    return identifier_read_device(
        a,
        strcmp(type, "hardware-module") == 0 ? IDENTIFIER_HARDWARE_MODULE
                                             : IDENTIFIER_PERMANENT_IDENTIFIER,
        json_span(json_member(identifier, "value")), &question->identifier, why);
}

/* Are the requests of the attested key, and those that must fail of another? NULL, or
 * what is wrong. */
static const char *check_requests(struct arena *a, const struct json *requests,
                                  const struct attest_result *result)
{
    const char *name = NULL;

    for (size_t i = 0; i < json_count(requests); i++) {
        const struct json *text = json_member_at(requests, i, &name);
        const struct csr_checked *csr = NULL;
        struct err_info why = {0};
        struct span der;
        bool other = strncmp(name, "mustFail", strlen("mustFail")) == 0;
        if (!base64url_decode(a, json_span(text), &der) ||
            csr_read(a, der, &csr, &why) != ERR_OK)
            return arena_printf(a, "the CSR %s cannot be read: %s", name, why.detail);
        if (span_equal(key_spki(csr->key), result->spki) == other)
            return arena_printf(a, "the CSR %s is%s of the attested key", name,
                                other ? "" : " not");
    }
    return NULL;
}

static const char *check_facts(struct arena *a, const struct json *facts,
                               const struct attest_result *result)
{
    const struct json *made = NULL;
    const char *name = NULL;
    struct err_info why = {0};

    if (json_read(a, span_of(result->facts), &made, &why) != ERR_OK)
        return "the facts are no JSON";
    for (size_t i = 0; i < json_count(facts); i++) {
        const struct json *wanted = json_member_at(facts, i, &name);
        const struct json *found = json_member(made, name);
        bool same = json_is_string(wanted)
                        ? span_equal(json_span(wanted), json_span(found))
                    : json_is_whole(wanted)
                        ? json_is_whole(found) && json_whole(wanted) == json_whole(found)
                        : json_is_true(wanted) == json_is_true(found);
        if (!same)
            return arena_printf(a, "the fact \"%s\" is another in %s", name,
                                result->facts);
    }
    return NULL;
}

/* NULL, or what is wrong with an attestation that was found good. */
static const char *check_result(struct arena *a, const struct json *vector,
                                const struct attest_result *result)
{
    const char *wrong = check_requests(a, json_member(vector, "csr"), result);
    const struct json *identities = json_member(vector, "identities");

    if (wrong == NULL)
        wrong = check_facts(a, json_member(vector, "facts"), result);
    if (wrong != NULL)
        return wrong;
    if (is_set(vector, "byInventory") != result->by_inventory)
        return result->by_inventory ? "the inventory named the device"
                                    : "the inventory did not name the device";
    if (identities == NULL)
        return NULL;
    if (json_count(identities) != result->identity_count)
        return arena_printf(a, "it names %zu devices", result->identity_count);
    for (size_t i = 0; i < result->identity_count; i++)
        if (!span_is(json_span(json_element(identities, i)), result->identities[i].value))
            return arena_printf(a, "it names \"%s\"", result->identities[i].value);
    return NULL;
}

/* Whether it must be valid. A choice the table does not know is taken as it comes: valid
 * as `found`. */
static bool expects_valid(const struct json *vector, bool found)
{
    const char *name = word(vector, "name");
    const char *expect = word(vector, "expect");

    if (strcmp(expect, "policy") != 0)
        return strcmp(expect, "valid") == 0;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (strcmp(name, choices[i].name) == 0)
            return choices[i].valid;
    return found;
}

/* NULL if it came out as it should; `outcome` gets a sentence in any case. */
static const char *run(struct arena *a, const struct json *file,
                       const struct json *vector, const char **outcome)
{
    struct attest_rules rules = rules_of(file, vector);
    struct attest_question question;
    struct attest_result result = {0};
    struct err_info why = {0};
    bool differs = false;
    const char *says = word(vector, "says");

    enum err code = question_of(a, file, vector, &question, &why);
    if (code == ERR_OK)
        code = attest_verify(a, &rules, &question, &result, &differs, &why);
    *outcome = code == ERR_OK ? "valid" : arena_string(a, why.detail);
    if (code == ERR_OK)
        return expects_valid(vector, true) ? check_result(a, vector, &result)
                                           : "it should be refused";
    if (expects_valid(vector, false))
        return "it should be valid";
    if (says != NULL && strstr(why.detail, says) == NULL)
        return arena_printf(a, "it should say \"%s\"", says);
    if (json_member(vector, "config") != NULL &&
        is_set(vector, "config") != (code == ERR_CONFIG))
        return "whether the CA is at fault";
    if (json_member(vector, "differs") != NULL && is_set(vector, "differs") != differs)
        return "whether only the identifier differs";
    return NULL;
}

int main(int argc, char **argv)
{
    AUTO(arena) struct arena *keep = arena_new();
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    struct span text;
    const struct json *file = NULL;
    size_t missed = 0;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: attest_vectors FILE.json\n");
        return 2;
    }
    if (file_read(keep, argv[1], FILE_MAX, &text, &why) != ERR_OK ||
        json_read(keep, text, &file, &why) != ERR_OK) {
        (void)fprintf(stderr, "attest_vectors: %s\n", why.detail);
        return 2;
    }
    const struct json *vectors = json_member(file, "vectors");
    for (size_t i = 0; i < json_count(vectors); i++) {
        const struct json *vector = json_element(vectors, i);
        const char *outcome = "";
        if (word(vector, "name") == NULL || word(vector, "expect") == NULL) {
            (void)fprintf(stderr, "attest_vectors: vector %zu is none\n", i + 1);
            return 2;
        }
        const char *wrong = run(a, file, vector, &outcome);
        printf("%-4s %-28s %-8s %s%s%s\n", wrong == NULL ? "ok" : "MISS",
               word(vector, "name"), word(vector, "expect"), outcome,
               wrong == NULL ? "" : " -- ", wrong == NULL ? "" : wrong);
        missed += wrong != NULL;
        arena_reset(a);
    }
    printf("%zu vectors, %zu missed\n", json_count(vectors), missed);
    return missed > 0 || json_count(vectors) == 0;
}
