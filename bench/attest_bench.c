/* attest_bench FILE.json...: microseconds of processor time to verify each valid vector
 * of files as tests/attest_vectors.c reads them, and to refuse what is hostile. Prints
 * one line each, judges nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/acme/identifier_device.h"
#include "core/attest/attest.h"
#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/json/json_read.h"
#include "meter.h"

#define ROUNDS 500

static const char *word(const struct json *object, const char *name)
{
    const char *text = json_text(json_member(object, name));

    return text == NULL ? "" : text;
}

static void run(const struct json *file, const struct json *vector)
{
    AUTO(arena) struct arena *keep = arena_new();
    AUTO(arena) struct arena *a = arena_new();
    const struct json *identifier = json_member(vector, "identifier");
    struct attest_rules rules = {0};
    struct attest_result result;
    struct err_info why = {0};
    struct attest_question question = {
        .token = word(file, "token"),
        .key_authorization = word(file, "keyAuthorization"),
    };

    for (size_t i = 0; i < ATTEST_FORMAT_COUNT; i++)
        rules.formats[i] =
            (struct attest_format_rules){true, span_of(word(file, "attestationRootPem"))};
    if (!clock_read(span_of(word(file, "verificationTime")), &question.now) ||
        !base64url_decode(keep, span_of(word(vector, "attObj")), &question.object) ||
        identifier_read_device(keep,
                               strcmp(word(identifier, "type"), "hardware-module") == 0
                                   ? IDENTIFIER_HARDWARE_MODULE
                                   : IDENTIFIER_PERMANENT_IDENTIFIER,
                               span_of(word(identifier, "value")), &question.identifier,
                               &why) != ERR_OK)
        return;
    double start = meter_us();
    int done = 0;
    for (; done < ROUNDS; done++) {
        if (attest_verify(a, &rules, &question, &result, NULL, &why) != ERR_OK)
            return;
        arena_reset(a);
    }
    printf("%-28s %6zu octets %9.1f us\n", word(vector, "name"), question.object.len,
           (meter_us() - start) / done);
}

/* Octets of one kind: opens arrays, maps or pieces of text, or claims lengths. */
static void refuse(const char *name, size_t len, int octet)
{
    AUTO(arena) struct arena *keep = arena_new();
    AUTO(arena) struct arena *a = arena_new();
    struct attest_rules rules = {0};
    struct attest_result result;
    struct err_info why = {0};
    uint8_t *octets = arena_get(keep, len);
    struct attest_question question = {.object = span_make(octets, len)};

    memset(octets, octet, len);
    double start = meter_us();
    for (int i = 0; i < ROUNDS; i++) {
        if (attest_verify(a, &rules, &question, &result, NULL, &why) == ERR_OK)
            return;
        arena_reset(a);
    }
    printf("%-28s %6zu octets %9.1f us\n", name, len, (meter_us() - start) / ROUNDS);
}

int main(int argc, char **argv)
{
    refuse("1 MB", 1 << 20, 0);
    refuse("200,000 levels", 200000, 0x81);
    refuse("65,536 levels", ATTEST_OBJECT_MAX, 0x81);
    refuse("65,536 endless levels", ATTEST_OBJECT_MAX, 0x9f);
    refuse("items claimed", ATTEST_OBJECT_MAX, 0x9b);
    refuse("octets claimed", ATTEST_OBJECT_MAX, 0x5b);
    for (int i = 1; i < argc; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct err_info why = {0};
        struct span text;
        const struct json *file = NULL;
        if (file_read(a, argv[i], JSON_READ_MAX_SIZE, &text, &why) != ERR_OK ||
            json_read(a, text, &file, &why) != ERR_OK) {
            (void)fprintf(stderr, "attest_bench: %s\n", why.detail);
            return 1;
        }
        const struct json *vectors = json_member(file, "vectors");
        for (size_t j = 0; j < json_count(vectors); j++)
            run(file, json_element(vectors, j));
    }
    return 0;
}
