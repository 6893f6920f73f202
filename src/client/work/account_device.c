/* Keys of accounts in devices. */
#include "client/work/account_device.h"

#include <string.h>

#include "client/device/device_desk.h"
#include "client/settings/settings_key.h"
#include "client/work/device_pin.h"
#include "core/base/memory.h"

#define PIN_OPTION "account_pin_file (--pin-file)"

bool account_device_is_wanted(const struct settings_ca *ca)
{
    return settings_key_find(ca->account_key) == NULL;
}

static enum err start(struct crew *crew, enum crew_device slot, const char *device,
                      struct err_info *why)
{
    return crew_start_device(crew, slot, device_needs_files(device), why);
}

enum err account_device_start(struct arena *a, struct crew *crew, const char *directory,
                              const struct settings_ca *ca, enum crew_device slot,
                              struct err_info *why)
{
    static const enum crew_device slots[] = {CREW_DEVICE_ACCOUNT, CREW_DEVICE_NEXT};
    struct account_place places[2];

    account_store_devices(a, directory, ca->directory, places);
    for (size_t i = 0; i < 2; i++) {
        const char *device = places[i].device;
        if (device == NULL && slot == slots[i] && account_device_is_wanted(ca))
            device = ca->account_key;
        if (device != NULL)
            TRY(start(crew, slots[i], device, why));
    }
    return ERR_OK;
}

/* ---- opening ---- */

static enum err open_device(struct arena *a, struct crew *crew, enum crew_device slot,
                            const char *directory, const struct account_place *place,
                            struct device_desk **desk, struct err_info *why)
{
    struct device_options options = {.use = DEVICE_USE_ACCOUNT,
                                     .text = place->device,
                                     .chain = span_of(""),
                                     .attestation_key = "",
                                     .kept = span_of("")};
    struct device_desk *made = arena_get(a, sizeof *made);

    if (device_check(place->device, why) != ERR_OK)
        return err_set(why, ERR_CONFIG, "account_key: %s", why->detail);
    TRY(start(crew, slot, place->device, why));
    *made = (struct device_desk){.worker = &crew->devices[slot].child,
                                 .directory = directory};
    TRY(device_pin_read(a, PIN_OPTION, place->pin_file != NULL ? place->pin_file : "",
                        &options.pin, why));
    enum err result = device_desk_open(made, a, &options, why);
    if (options.pin.len > 0)
        memory_wipe((void *)(uintptr_t)options.pin.data, options.pin.len);
    TRY(result);
    *desk = made;
    return ERR_OK;
}

/* A PIN that is wrong is the administrator's affair, and not what the CA says of an
 * account. */
static enum err judge(enum err result, struct err_info *why)
{
    if (result == ERR_OK)
        return ERR_OK;
    if (result == ERR_UNAUTHORIZED)
        why->code = ERR_CONFIG;
    return err_prefix(why, "the account's key");
}

/* With `type` NULL that of the place's text. */
static enum err get_key(struct arena *a, struct crew *crew, enum crew_device slot,
                        const char *directory, const char *type,
                        struct account_place *place, struct key **key,
                        struct err_info *why)
{
    struct device_desk *desk = NULL;
    struct key *got = NULL;

    enum err result = open_device(a, crew, slot, directory, place, &desk, why);
    if (result == ERR_OK)
        result = type != NULL
                     ? device_desk_key(desk, a, type, &got, &place->text, why)
                     : device_desk_load(desk, a, place->text, &got, &place->text, why);
    TRY(judge(result, why));
    arena_own(a, got, key_drop);
    *key = got;
    return ERR_OK;
}

static const char *text_or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

/* ---- keys ---- */

enum err account_device_make(void *context, struct arena *a, struct key **key,
                             struct account_place *place, struct err_info *why)
{
    const struct account_device_maker *m = context;
    struct account_place at = {.device = m->ca->account_key,
                               .pin_file = text_or_null(m->ca->account_pin_file)};

    TRY(get_key(a, m->crew, m->slot, m->directory, m->ca->account_key_type, &at, key,
                why));
    *place = at;
    return ERR_OK;
}

enum err account_device_find(struct arena *a, struct crew *crew, const char *directory,
                             const struct settings_ca *ca, struct span text,
                             struct key **key, struct account_place *place,
                             struct err_info *why)
{
    struct account_place at = {.device = ca->account_key,
                               .pin_file = text_or_null(ca->account_pin_file),
                               .text = text};

    TRY(get_key(a, crew, CREW_DEVICE_ACCOUNT, directory, NULL, &at, key, why));
    *place = at;
    return ERR_OK;
}

/* The settings know better where the PIN is than what was kept, unless they are about
 * another device. */
static const char *pin_file_of(const struct settings_ca *ca,
                               const struct account_place *place)
{
    bool about_it =
        !account_device_is_wanted(ca) || strcmp(ca->account_key, place->device) == 0;

    return about_it && ca->account_pin_file[0] != '\0' ? ca->account_pin_file
                                                       : place->pin_file;
}

static enum err unlock(struct arena *a, struct crew *crew, enum crew_device slot,
                       const char *directory, const struct settings_ca *ca,
                       const struct account_place *place, struct key **key,
                       struct err_info *why)
{
    struct account_place at = *place;
    struct key *opened = NULL;

    if (place->device == NULL || *key == NULL)
        return ERR_OK;
    at.pin_file = pin_file_of(ca, place);
    TRY(get_key(a, crew, slot, directory, NULL, &at, &opened, why));
    if (!key_equal(opened, *key))
        return err_set(why, ERR_NOT_FOUND,
                       "the account's key: the device has another one in its place");
    *key = opened;
    return ERR_OK;
}

enum err account_device_unlock(struct arena *a, struct crew *crew, const char *directory,
                               const struct settings_ca *ca, struct account *account,
                               struct err_info *why)
{
    TRY(unlock(a, crew, CREW_DEVICE_ACCOUNT, directory, ca, &account->place,
               &account->key, why));
    return unlock(a, crew, CREW_DEVICE_NEXT, directory, ca, &account->next_place,
                  &account->next, why);
}
