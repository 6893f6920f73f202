/* Any octets as what a perspective says it did: the document around it can be read again,
 * holds the verdict that was counted, and is shown to clients as JSON. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "server/order/evidence.h"
#include "server/resource/validation_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(struct arena *a, const char *evidence)
{
    AUTO(buf) struct buf b = buf_make(1 << 20);
    struct json_writer w = json_writer_make(&b);
    const struct json *shown = NULL;

    json_write_begin_object(&w, NULL);
    validation_record_write(a, &w, evidence);
    json_write_end_object(&w);
    if (b.failed || json_read(a, buf_span(&b), &shown, NULL) != ERR_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct quorum_rule rule = {1, QUORUM_BY_TABLE, 1};
    AUTO(arena) struct arena *a = arena_new();
    const char *said = arena_string_of(a, span_make(data, size));
    const struct evidence_voice voices[] = {
        {.name = EVIDENCE_LOCAL, .voice = QUORUM_CORROBORATES, .steps = "[]"},
        {.name = "fra", .region = "ripe", .voice = QUORUM_DIFFERS, .steps = said}};
    const struct evidence e = {.method = CHALLENGE_HTTP_01,
                               .rule = &rule,
                               .outcome = QUORUM_REFUSED,
                               .voices = voices,
                               .count = 2};
    const char *text = evidence_text(a, &e);
    const struct json *document = NULL;

    if (strlen(text) > EVIDENCE_MAX || evidence_read(a, text, &document, NULL) != ERR_OK)
        abort();
    const struct json *second = json_element(json_member(document, "perspectives"), 1);
    const char *verdict = json_text(json_member(second, "verdict"));
    if (evidence_count(document) != 2 || verdict == NULL ||
        strcmp(verdict, "invalid") != 0 || json_member(second, "steps") == NULL)
        abort();
    show(a, text);
    if (evidence_read(a, said, &document, NULL) == ERR_OK) /* as stored before */
        show(a, said);
    return 0;
}
