/* A log's answer. */
#include "server/transparency/log_answer.h"

#include "core/base/base64.h"
#include "core/json/json_read.h"
#include "server/transparency/sct.h"

#define SIGNATURE_HEAD 4 /* octets: algorithms and length */

static enum err octets(struct arena *a, const struct json *answer, const char *name,
                       size_t least, size_t most, struct span *value,
                       struct err_info *why)
{
    const char *text = NULL;

    TRY(json_need_text(answer, name, &text, why));
    if (!base64_decode(a, span_of(text), value))
        return err_set(why, ERR_MALFORMED, "%s is not base64", name);
    if (value->len < least || value->len > most)
        return err_set(why, ERR_MALFORMED, "%s has %zu octets, not %zu to %zu", name,
                       value->len, least, most);
    return ERR_OK;
}

enum err log_answer_read(struct arena *a, struct span body, struct span *sct,
                         struct err_info *why)
{
    const struct json *answer = NULL;
    const struct json *version = NULL;
    struct span signature;
    struct sct made = {0};
    int64_t timestamp = 0;

    if (body.len > LOG_ANSWER_MAX)
        return err_set(why, ERR_MALFORMED, "the answer is too long");
    TRY(json_read(a, body, &answer, why));
    if (!json_is_object(answer))
        return err_set(why, ERR_MALFORMED, "the answer is no JSON object");
    version = json_member(answer, "sct_version");
    if (!json_is_whole(version) || json_whole(version) != 0)
        return err_set(why, ERR_MALFORMED, "sct_version is not 0");
    TRY(octets(a, answer, "id", HASH_SHA256_SIZE, HASH_SHA256_SIZE, &made.log_id, why));
    TRY(json_take_number(answer, "timestamp", -1, &timestamp, why));
    if (timestamp < 0)
        return err_set(why, ERR_MALFORMED, "timestamp is missing or negative");
    made.timestamp = (uint64_t)timestamp;
    TRY(octets(a, answer, "extensions", 0, SCT_EXTENSIONS_MAX, &made.extensions, why));
    TRY(octets(a, answer, "signature", SIGNATURE_HEAD + 1,
               SIGNATURE_HEAD + SCT_SIGNATURE_MAX, &signature, why));
    made.hash = signature.data[0];
    made.algorithm = signature.data[1];
    if (((size_t)signature.data[2] << 8 | signature.data[3]) !=
        signature.len - SIGNATURE_HEAD)
        return err_set(why, ERR_MALFORMED, "signature has a wrong length inside");
    made.signature = span_slice(signature, SIGNATURE_HEAD, signature.len);
    *sct = sct_write(a, &made);
    return ERR_OK;
}
