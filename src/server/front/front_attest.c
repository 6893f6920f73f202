/* Attestations of devices, between their desk and the validator. */
#include <string.h>

#include "core/base/log.h"
#include "server/front/front_private.h"
#include "server/order/attest_desk.h"

#define KNOWN_SIZE (1 + HASH_SHA256_SIZE) /* in the message: kind and fingerprint */

static bool ask_validator(void *context, uint64_t number,
                          const struct attest_desk_question *q)
{
    struct front *f = context;
    uint8_t known[ATTEST_KNOWN_MAX * KNOWN_SIZE];
    struct err_info why = {0};
    size_t count = 0;

    for (; count < q->known_count && count < ATTEST_KNOWN_MAX; count++) {
        known[count * KNOWN_SIZE] = (uint8_t)q->known[count].kind;
        memcpy(known + count * KNOWN_SIZE + 1, q->known[count].sha256, HASH_SHA256_SIZE);
    }
    const struct message_attest m = {.id = number,
                                     .profile = span_of(q->profile),
                                     .token = span_of(q->token),
                                     .key_authorization = span_of(q->key_authorization),
                                     .type = (uint64_t)q->identifier.type,
                                     .identifier = span_of(q->identifier.value),
                                     .known = span_make(known, count * KNOWN_SIZE),
                                     .object = q->object};
    /* one that cannot leave is asked again by the watch, and when the validator is back
     */
    enum err result = ipc_channel_send_attest(f->validator.channel, &m, &why);
    if (result != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "front.question_waits", "why=" LOG_QUOTE,
                  why.detail);
    return result == ERR_OK;
}

void front_attest_open(struct front *f)
{
    const struct attest_desk_ports ports = {f, ask_validator};

    f->services.attestations = attest_desk_new(f->services.store, f->services.workers,
                                               &ports, f->services.limits);
}

enum err front_attest_answered(struct front *f, const struct message_attested *m,
                               struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct attest_desk_answer answer = {.code = (enum err)m->code,
                                        .detail = arena_string_of(a, m->detail),
                                        .differs = m->differs != 0,
                                        .format = (int)m->format};

    if (m->code < ERR_OK || m->code >= ERR_COUNT)
        return err_set(why, ERR_PROTOCOL, "an attestation was judged with no known code");
    if (m->code == ERR_OK) {
        if (m->key_hash.len != sizeof answer.key_hash || m->format >= ATTEST_FORMAT_COUNT)
            return err_set(why, ERR_PROTOCOL, "an attestation without a key or a format");
        memcpy(answer.key_hash, m->key_hash.data, sizeof answer.key_hash);
        answer.facts = arena_string_of(a, m->facts);
    }
    attest_desk_answered(f->services.attestations, m->id, &answer);
    return ERR_OK;
}
