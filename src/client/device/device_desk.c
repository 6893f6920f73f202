/* The calls. */
#include "client/device/device_desk.h"

#include <string.h>

#include <stdlib.h>

#include "client/proc/wire.h"
#include "client/store/state.h"
#include "core/base/clock.h"
#include "core/base/text.h"

/* How long one call may take, in seconds. */
static int64_t patience(void)
{
    const char *said = getenv("CAIRN_DEVICE_TIMEOUT");
    uint64_t seconds = 0;

    return said != NULL && text_number(span_of(said), DEVICE_DESK_WAIT_MAX_S, &seconds) &&
                   seconds > 0
               ? (int64_t)seconds
               : DEVICE_DESK_WAIT_S;
}

static enum err call(struct device_desk *d, struct arena *a, const struct wire_message *m,
                     size_t fields, struct wire_message *answer, struct err_info *why)
{
    AUTO(state_lock) struct state_lock turn = {0};
    int64_t wait_s = patience();

    if (d->worker->pid == 0)
        return err_set(why, ERR_IO, "the process of the device has ended");
    if (d->takes_turns)
        TRY(state_lock_device(a, d->directory, 1000 * wait_s, &turn, why));
    int64_t end_us = clock_monotonic_us() + wait_s * INT64_C(1000000);
    TRY(wire_send(d->worker->fd, m, why));
    enum err result = wire_receive_until(a, d->worker->fd, answer, end_us, why);
    if (result == ERR_TIMEOUT)
        (void)err_set(why, ERR_TIMEOUT, "the device has not answered for %lld s",
                      (long long)wait_s);
    if (result != ERR_OK) { /* its answer would be taken for that to another call */
        child_end(d->worker);
        return result;
    }
    if (answer->type != WIRE_ANSWER)
        return wire_failure(answer, why);
    if (answer->count != fields)
        return err_set(why, ERR_PROTOCOL, "the process of the device answers strangely");
    return ERR_OK;
}

enum err device_desk_open(struct device_desk *d, struct arena *a,
                          const struct device_options *options, struct err_info *why)
{
    const uint8_t use = (uint8_t)options->use;
    const struct wire_message m = {WIRE_DEVICE_OPEN,
                                   {span_of(options->text), options->pin, options->chain,
                                    span_of(options->attestation_key), options->kept,
                                    span_make(&use, 1)},
                                   6};
    struct wire_message answer;

    d->takes_turns = device_takes_turns(options->text);
    TRY(call(d, a, &m, 2, &answer, why));
    d->enrolment = answer.fields[0].len == 0           ? DEVICE_ENROLMENT_NONE
                   : span_is(answer.fields[0], "soon") ? DEVICE_ENROLMENT_SOON
                                                       : DEVICE_ENROLMENT_NOW;
    d->description = (const char *)answer.fields[1].data;
    return ERR_OK;
}

enum err device_desk_enrol(struct device_desk *d, struct arena *a,
                           struct device_enrolment *e, struct err_info *why)
{
    const struct wire_message m = {.type = WIRE_DEVICE_ENROL};
    struct wire_message answer;

    TRY(call(d, a, &m, 2, &answer, why));
    *e = (struct device_enrolment){.kept = answer.fields[0], .json = answer.fields[1]};
    return ERR_OK;
}

enum err device_desk_activate(struct device_desk *d, struct arena *a,
                              struct span credential, struct span secret,
                              struct span *said, struct err_info *why)
{
    const struct wire_message m = {WIRE_DEVICE_ACTIVATE, {credential, secret}, 2};
    struct wire_message answer;

    TRY(call(d, a, &m, 1, &answer, why));
    *said = answer.fields[0];
    return ERR_OK;
}

enum err device_desk_certify(struct device_desk *d, struct span chain,
                             struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct wire_message m = {WIRE_DEVICE_CERTIFY, {chain}, 1};
    struct wire_message answer;

    return call(d, a, &m, 0, &answer, why);
}

enum err device_desk_identify(struct device_desk *d, struct arena *a, const char **lines,
                              struct err_info *why)
{
    const struct wire_message m = {.type = WIRE_DEVICE_IDENTIFY};
    struct wire_message answer;

    TRY(call(d, a, &m, 1, &answer, why));
    *lines = (const char *)answer.fields[0].data; /* with a NUL behind it */
    return ERR_OK;
}

enum err device_desk_attest(struct device_desk *d, struct arena *a,
                            const char *key_authorization, struct span *object,
                            struct err_info *why)
{
    const struct wire_message m = {WIRE_DEVICE_ATTEST, {span_of(key_authorization)}, 1};
    struct wire_message answer;

    TRY(call(d, a, &m, 1, &answer, why));
    *object = answer.fields[0];
    return ERR_OK;
}

/* struct key_outside */
static enum err sign(void *owner, struct span input, uint8_t *signature, size_t *len,
                     struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct wire_message m = {WIRE_DEVICE_SIGN, {input}, 1};
    struct wire_message answer;

    TRY(call(owner, a, &m, 1, &answer, why));
    if (answer.fields[0].len > KEY_SIGNATURE_MAX)
        return err_set(why, ERR_PROTOCOL, "the device made a signature of %zu octets",
                       answer.fields[0].len);
    memcpy(signature, answer.fields[0].data, answer.fields[0].len);
    *len = answer.fields[0].len;
    return ERR_OK;
}

static void drop_nothing(void *owner)
{
    (void)owner; /* the desk is not the key's */
}

static enum err get_key(struct device_desk *d, struct arena *a,
                        const struct wire_message *m, struct key **key, struct span *text,
                        struct err_info *why)
{
    const struct key_outside outside = {.sign = sign, .drop = drop_nothing, .owner = d};
    struct wire_message answer;

    TRY(call(d, a, m, 2, &answer, why));
    TRY(key_from_outside(answer.fields[0], &outside, key, why));
    *text = answer.fields[1];
    return ERR_OK;
}

enum err device_desk_key(struct device_desk *d, struct arena *a, const char *type,
                         struct key **key, struct span *text, struct err_info *why)
{
    const struct wire_message m = {WIRE_DEVICE_KEY, {span_of(type)}, 1};

    return get_key(d, a, &m, key, text, why);
}

enum err device_desk_load(struct device_desk *d, struct arena *a, struct span kept,
                          struct key **key, struct span *text, struct err_info *why)
{
    const struct wire_message m = {WIRE_DEVICE_LOAD, {kept}, 1};

    return get_key(d, a, &m, key, text, why);
}

void device_desk_close(struct device_desk *d)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct wire_message m = {.type = WIRE_CLOSE};
    struct wire_message answer;
    struct err_info ignored = {0};

    if (d->worker->pid != 0)
        (void)!call(d, a, &m, 0, &answer, &ignored);
}
