/* Opening a device, and using it. */
#include "client/device/device_worker.h"

#include <stdlib.h>

#include "client/device/device.h"
#include "client/proc/child.h"
#include "client/proc/wire.h"
#include "core/base/buf.h"

#define LINES_MAX (DEVICE_IDENTIFIERS_MAX * 512) /* octets */

/* What was opened last. */
struct worker {
    struct arena *arena; /* of the options */
    struct device_options options;
    struct device device;
};

static enum err malformed(struct err_info *why)
{
    return err_set(why, ERR_PROTOCOL, "a call to the process of the device is malformed");
}

static void forget(struct worker *w)
{
    device_close(&w->device);
    arena_reset(w->arena);
}

static enum err begin(struct worker *w, const struct wire_message *m,
                      struct wire_message *answer, struct err_info *why)
{
    struct device *d = &w->device;

    forget(w);
    if (m->count != 6 || m->fields[5].len != 1 ||
        m->fields[5].data[0] >= DEVICE_USE_COUNT)
        return malformed(why);
    w->options = (struct device_options){.use = (enum device_use)m->fields[5].data[0],
                                         .text = arena_string_of(w->arena, m->fields[0]),
                                         .pin = arena_span(w->arena, m->fields[1]),
                                         .chain = arena_span(w->arena, m->fields[2]),
                                         .attestation_key =
                                             arena_string_of(w->arena, m->fields[3]),
                                         .kept = arena_span(w->arena, m->fields[4])};
    enum err result = device_open(d, &w->options, why);
    if (result != ERR_OK) {
        forget(w);
        return result;
    }
    enum device_enrolment_need need =
        d->needs_enrolment != NULL ? d->needs_enrolment(d) : DEVICE_ENROLMENT_NONE;
    answer->fields[0] = span_of(need == DEVICE_ENROLMENT_NOW    ? "now"
                                : need == DEVICE_ENROLMENT_SOON ? "soon"
                                                                : "");
    answer->fields[1] = span_of(d->description);
    answer->count = 2;
    return ERR_OK;
}

static enum err enrol(struct worker *w, struct arena *a, struct wire_message *answer,
                      struct err_info *why)
{
    struct device_enrolment made = {0};

    if (w->device.enrol == NULL)
        return malformed(why);
    TRY(w->device.enrol(&w->device, a, &made, why));
    answer->fields[0] = made.kept;
    answer->fields[1] = made.json;
    answer->count = 2;
    return ERR_OK;
}

static enum err activate(struct worker *w, struct arena *a, const struct wire_message *m,
                         struct wire_message *answer, struct err_info *why)
{
    if (w->device.activate == NULL || m->count != 2)
        return malformed(why);
    TRY(w->device.activate(&w->device, a, m->fields[0], m->fields[1], &answer->fields[0],
                           why));
    answer->count = 1;
    return ERR_OK;
}

static enum err certify(struct worker *w, const struct wire_message *m,
                        struct err_info *why)
{
    if (w->device.certify == NULL || m->count != 1)
        return malformed(why);
    return w->device.certify(&w->device, m->fields[0], why);
}

/* A line for each: TYPE:VALUE. */
static enum err identify(struct worker *w, struct arena *a, struct wire_message *answer,
                         struct err_info *why)
{
    struct identifier list[DEVICE_IDENTIFIERS_MAX];
    AUTO(buf) struct buf lines = buf_make(LINES_MAX);
    size_t count = 0;

    if (w->device.identify == NULL)
        return malformed(why);
    TRY(w->device.identify(&w->device, a, list, &count, why));
    for (size_t i = 0; i < count; i++)
        buf_printf(&lines, "%s%s:%s", i > 0 ? "\n" : "",
                   terms_identifier_type(list[i].type), list[i].value);
    if (lines.failed)
        return err_set(why, ERR_TOO_LARGE, "the device has too many names");
    answer->fields[0] = arena_span(a, buf_span(&lines));
    answer->count = 1;
    return ERR_OK;
}

static enum err make_key(struct worker *w, struct arena *a, const struct wire_message *m,
                         struct wire_message *answer, struct err_info *why)
{
    struct device_key key = {0};

    if (m->count != 1)
        return malformed(why);
    TRY(w->device.make_key(&w->device, a, (const char *)m->fields[0].data, &key, why));
    answer->fields[0] = key.spki;
    answer->fields[1] = key.text;
    answer->count = 2;
    return ERR_OK;
}

static enum err load_key(struct worker *w, struct arena *a, const struct wire_message *m,
                         struct wire_message *answer, struct err_info *why)
{
    struct device_key key = {0};

    if (m->count != 1)
        return malformed(why);
    TRY(w->device.load_key(&w->device, a, m->fields[0], &key, why));
    answer->fields[0] = key.spki;
    answer->fields[1] = key.text;
    answer->count = 2;
    return ERR_OK;
}

static enum err attest(struct worker *w, struct arena *a, const struct wire_message *m,
                       struct wire_message *answer, struct err_info *why)
{
    if (m->count != 1 || w->device.attest == NULL)
        return malformed(why);
    TRY(w->device.attest(&w->device, a, (const char *)m->fields[0].data,
                         &answer->fields[0], why));
    answer->count = 1;
    return ERR_OK;
}

static enum err sign(struct worker *w, struct arena *a, const struct wire_message *m,
                     struct wire_message *answer, struct err_info *why)
{
    uint8_t *signature = arena_get(a, KEY_SIGNATURE_MAX);
    size_t len = 0;

    if (m->count != 1)
        return malformed(why);
    TRY(w->device.sign(&w->device, m->fields[0], signature, &len, why));
    answer->fields[0] = span_make(signature, len);
    answer->count = 1;
    return ERR_OK;
}

static enum err obey(struct worker *w, struct arena *a, const struct wire_message *m,
                     struct wire_message *answer, struct err_info *why)
{
    if (m->type == WIRE_DEVICE_OPEN)
        return begin(w, m, answer, why);
    if (m->type == WIRE_CLOSE) {
        forget(w);
        return ERR_OK;
    }
    if (w->device.arena == NULL)
        return err_set(why, ERR_PROTOCOL, "no device is open");
    switch (m->type) {
    case WIRE_DEVICE_ENROL:
        return enrol(w, a, answer, why);
    case WIRE_DEVICE_ACTIVATE:
        return activate(w, a, m, answer, why);
    case WIRE_DEVICE_CERTIFY:
        return certify(w, m, why);
    case WIRE_DEVICE_IDENTIFY:
        return identify(w, a, answer, why);
    case WIRE_DEVICE_KEY:
        return make_key(w, a, m, answer, why);
    case WIRE_DEVICE_LOAD:
        return load_key(w, a, m, answer, why);
    case WIRE_DEVICE_ATTEST:
        return attest(w, a, m, answer, why);
    case WIRE_DEVICE_SIGN:
        return sign(w, a, m, answer, why);
    default:
        return malformed(why);
    }
}

int device_worker_run(int fd)
{
    struct worker w = {.arena = arena_new()};
    struct err_info why = {0};

    child_ignore_signals();
    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        struct wire_message answer = {.type = WIRE_ANSWER};
        struct wire_message m;

        if (wire_receive(a, fd, &m, NULL, &why) != ERR_OK)
            break; /* nobody asks any more */
        enum err result = obey(&w, a, &m, &answer, &why);
        if ((result == ERR_OK ? wire_send(fd, &answer, &why)
                              : wire_send_failure(fd, &why, &why)) != ERR_OK)
            break;
    }
    forget(&w);
    arena_free(w.arena);
    return EXIT_SUCCESS;
}
