/* The calls. */
#include "client/device/device_desk.h"

#include <string.h>

#include "client/proc/wire.h"
#include "core/base/clock.h"

static enum err call(struct device_desk *d, struct arena *a, const struct wire_message *m,
                     size_t fields, struct wire_message *answer, struct err_info *why)
{
    int64_t end_us = clock_monotonic_us() + DEVICE_DESK_WAIT_S * INT64_C(1000000);

    if (d->worker->pid == 0)
        return err_set(why, ERR_IO, "the process of the device has ended");
    TRY(wire_send(d->worker->fd, m, why));
    enum err result = wire_receive_until(a, d->worker->fd, answer, end_us, why);
    if (result == ERR_TIMEOUT)
        (void)err_set(why, ERR_TIMEOUT, "the device has not answered for %d s",
                      DEVICE_DESK_WAIT_S);
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
    const struct wire_message m = {WIRE_DEVICE_OPEN,
                                   {span_of(options->text), options->pin, options->chain,
                                    span_of(options->attestation_key), options->kept},
                                   5};
    struct wire_message answer;

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

enum err device_desk_key(struct device_desk *d, struct arena *a, const char *type,
                         struct key **key, struct span *text, struct err_info *why)
{
    const struct wire_message m = {WIRE_DEVICE_KEY, {span_of(type)}, 1};
    const struct key_outside outside = {.sign = sign, .drop = drop_nothing, .owner = d};
    struct wire_message answer;

    TRY(call(d, a, &m, 2, &answer, why));
    TRY(key_from_outside(answer.fields[0], &outside, key, why));
    *text = answer.fields[1];
    return ERR_OK;
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
