/* device-attest-01 (draft-ietf-acme-device-attest-09 5): the device says in public what
 * it knows of the certificate's key. Nothing is set up; the answer itself is the proof,
 * made anew for each challenge. */
#include "client/device/device_desk.h"
#include "client/solve/solve_private.h"
#include "core/json/json_write.h"

#define PAYLOAD_MAX (2 * DEVICE_OBJECT_MAX)

static enum err present(struct solver *s, const struct solve_task *task,
                        struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(PAYLOAD_MAX);
    struct json_writer w = json_writer_make(&b);
    struct span object = {0};

    TRY(device_desk_attest(s->options->device, a, task->key_authorization, &object, why));
    json_write_begin_object(&w, NULL);
    json_write_base64url(&w, "attObj", object);
    json_write_end_object(&w);
    if (b.failed)
        return err_set(why, ERR_TOO_LARGE, "the attestation is larger than %d octets",
                       DEVICE_OBJECT_MAX);
    *task->response = arena_span(s->arena, buf_span(&b));
    return ERR_OK;
}

enum err device_attest_01_open(struct solver *s, struct err_info *why)
{
    if (s->options->device == NULL)
        return err_set(why, ERR_USAGE, "device-attest-01 needs --device");
    s->present = present;
    s->description = arena_printf(s->arena, "by the %s", s->options->device->description);
    return ERR_OK;
}
