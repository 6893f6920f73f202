/* The device of a certificate. */
#include "client/work/issuing_device.h"

#include <string.h>

#include "client/flow/flow.h"
#include "client/proc/wire.h"
#include "client/settings/name.h"
#include "client/store/device_store.h"
#include "client/work/device_pin.h"
#include "client/work/issuing_key.h"
#include "client/work/steps.h"
#include "core/acme/identifier_device.h"
#include "core/base/file.h"
#include "core/base/memory.h"

#define KEPT_MAX (1024 * 1024) /* octets */

bool issuing_has_device(const struct issuing *i)
{
    return i->wanted->certificate->device[0] != '\0';
}

/* Is it to say to the CA where the key is? */
static bool attests(const struct issuing *i)
{
    return challenge_list_has(&i->wanted->certificate->challenge_types,
                              CHALLENGE_DEVICE_ATTEST_01);
}

/* ---- files ---- */

static enum err read_chain(struct arena *a, const char *path, struct span *chain,
                           struct err_info *why)
{
    *chain = span_of("");
    if (path[0] == '\0')
        return ERR_OK;
    if (file_read(a, path, DEVICE_FILE_MAX, chain, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return err_prefix(why, "--attestation-chain");
    }
    return ERR_OK;
}

/* What a device refuses, as the PIN is wrong, fails here: it is not what a CA says of an
 * account. */
static enum err judge(enum err result, struct err_info *why)
{
    if (result != ERR_UNAUTHORIZED)
        return result;
    why->code = ERR_CRYPTO;
    return ERR_CRYPTO;
}

static enum err open_device(struct arena *a, const struct issuing *i,
                            struct device_desk *desk, struct err_info *why)
{
    const struct settings_certificate *w = i->wanted->certificate;
    struct device_options options = {.use = attests(i) ? DEVICE_USE_ATTESTED
                                                       : DEVICE_USE_CERTIFICATE,
                                     .text = w->device,
                                     .attestation_key = w->attestation_key,
                                     .kept = span_of("")};

    TRY(device_pin_read(a, "--pin-file", w->pin_file, &options.pin, why));
    TRY(read_chain(a, w->attestation_chain, &options.chain, why));
    if (attests(i) && !i->forced) /* what was kept may be of no use any more */
        TRY(device_store_get(a, i->directory, i->ca->directory, w, &options.kept, why));
    enum err result = judge(device_desk_open(desk, a, &options, why), why);
    if (options.pin.len > 0)
        memory_wipe((void *)(uintptr_t)options.pin.data, options.pin.len);
    TRY(result);
    report_step(&i->report, "device", "%s", desk->description);
    return ERR_OK;
}

/* ---- enrolment ---- */

static enum err activate(struct device_desk *desk, int fd, struct arena *a,
                         const struct wire_message *m, struct err_info *why)
{
    struct wire_message back = {.type = WIRE_ANSWER, .count = 1};
    struct err_info failure = {0};

    if (m->type != WIRE_ACTIVATE || m->count != 2)
        return err_set(why, ERR_PROTOCOL, "a call that is none");
    if (device_desk_activate(desk, a, m->fields[0], m->fields[1], &back.fields[0],
                             &failure) != ERR_OK)
        return wire_send_failure(fd, &failure, why);
    return wire_send(fd, &back, why);
}

/* Until the process with the network has the certificates, or has failed. */
static enum err serve(struct arena *a, const struct issuing *i, struct device_desk *desk,
                      struct span *chain, struct err_info *why)
{
    int fd = i->crew->network.fd;

    for (;;) {
        struct wire_message m;
        TRY(wire_receive(a, fd, &m, NULL, why));
        if (steps_take(&i->report, &m))
            continue;
        if (m.type == WIRE_FAIL)
            return wire_failure(&m, why);
        if (m.type == WIRE_FINISH && m.count == 1) {
            *chain = m.fields[0];
            return ERR_OK;
        }
        TRY(activate(desk, fd, a, &m, why));
    }
}

static enum err enrol(struct arena *a, struct issuing *i, struct device_desk *desk,
                      struct err_info *why)
{
    const struct settings_certificate *w = i->wanted->certificate;
    AUTO(buf) struct buf kept = buf_make(KEPT_MAX);
    struct device_enrolment made = {0};
    struct span roots = {0};
    struct span chain = {0};

    TRY(judge(device_desk_enrol(desk, a, &made, why), why));
    TRY(issuing_read_roots(a, i, &roots, why));
    const struct wire_message m = {
        WIRE_ENROL,
        {span_of(i->ca->directory), roots, span_of(w->attestation_ca), made.json},
        4};
    TRY(wire_send(i->crew->network.fd, &m, why));
    TRY(serve(a, i, desk, &chain, why));
    TRY(device_desk_certify(desk, chain, why));
    buf_add_span(&kept, made.kept);
    buf_add_span(&kept, chain);
    return device_store_put(a, i->directory, i->ca->directory, w, buf_span(&kept), why);
}

/* A certificate that is still good is used until another is there. */
static enum err enrol_or_go_on(struct arena *a, struct issuing *i,
                               struct device_desk *desk, struct err_info *why)
{
    enum err result = enrol(a, i, desk, why);

    if (result == ERR_OK || result == ERR_INTERRUPTED ||
        desk->enrolment == DEVICE_ENROLMENT_NOW)
        return result;
    report_warning("the certificate of the device's attestation key ends soon: %s",
                   why->detail);
    return open_device(a, i, desk, why);
}

/* ---- names ---- */

static bool has_device_name(const struct issuing *i)
{
    for (size_t n = 0; n < i->name_count; n++)
        if (name_is_device(i->names[n]))
            return true;
    return false;
}

/* The first name is taken: what else a device is called may be of another kind. */
static enum err ask_name(struct arena *a, struct issuing *i, struct device_desk *desk,
                         struct err_info *why)
{
    const char **names = arena_array(a, i->name_count + 1, sizeof *names);
    struct identifier read;
    const char *lines = NULL;

    TRY(judge(device_desk_identify(desk, a, &lines, why), why));
    if (lines[0] == '\0')
        return err_set(why, ERR_USAGE,
                       "the device's certificates do not say what it is; say "
                       "--identifier TYPE:VALUE");
    const char *first = arena_string_of(a, span_make(lines, strcspn(lines, "\n")));
    struct identifier name = name_identifier(first);
    TRY(identifier_read_device(a, name.type, span_of(name.value), &read, why));
    for (size_t n = 0; n < i->name_count; n++)
        names[n] = i->names[n];
    names[i->name_count] = first;
    i->names = names;
    i->name_count++;
    report_step(&i->report, "name", "%s", first);
    return ERR_OK;
}

/* ---- the key ---- */

enum err issuing_device_key(struct arena *a, const struct issuing *i,
                            struct device_desk *desk, const char *key_type,
                            struct key **key, struct span *text, struct err_info *why)
{
    struct span kept = {0};
    enum err result = ERR_NOT_FOUND;

    TRY(issuing_key_kept(a, i, key_type, &kept, why));
    if (kept.len > 0)
        result = device_desk_load(desk, a, kept, key, text, why);
    if (kept.len == 0 || (result == ERR_NOT_FOUND && i->forced)) {
        kept.len = 0;
        result = device_desk_key(desk, a, key_type, key, text, why);
    }
    TRY(judge(result, why));
    report_step(&i->report, "key", "%s, in the device%s", key_type,
                kept.len > 0 ? ", the one it had" : "");
    return ERR_OK;
}

/* ---- opening ---- */

enum err issuing_device_open(struct arena *a, struct issuing *i, struct device_desk *desk,
                             struct err_info *why)
{
    const char *text = i->wanted->certificate->device;

    TRY(crew_start_device(i->crew, CREW_DEVICE_CERTIFICATE, device_needs_files(text),
                          why));
    *desk =
        (struct device_desk){.worker = &i->crew->devices[CREW_DEVICE_CERTIFICATE].child,
                             .directory = i->directory};
    TRY(open_device(a, i, desk, why));
    if (!attests(i))
        return ERR_OK;
    if (desk->enrolment != DEVICE_ENROLMENT_NONE)
        TRY(enrol_or_go_on(a, i, desk, why));
    if (!has_device_name(i))
        TRY(ask_name(a, i, desk, why));
    return ERR_OK;
}
