/* Keys of accounts in devices: the process of the device signs for the account. */
#pragma once

#include "client/settings/settings.h"
#include "client/store/account_store.h"
#include "client/work/crew.h"

/* For account_maker: a key in the device that the CA's settings name (account_key). */
struct account_device_maker {
    struct crew *crew;
    enum crew_device slot;
    const char *directory; /* state folder */
    const struct settings_ca *ca;
};

/* Is a new key to be in a device? */
bool account_device_is_wanted(const struct settings_ca *ca);

/* Start the processes for the devices of the account at a CA, before a key is in memory:
 * those of the keys that are there, and the one for a key that is to be made in `slot`
 * (CREW_DEVICE_COUNT: none is). ERR_INTERNAL. */
MUST_CHECK enum err account_device_start(struct arena *a, struct crew *crew,
                                         const char *directory,
                                         const struct settings_ca *ca,
                                         enum crew_device slot, struct err_info *why);

/* A struct account_maker's function; `context` is a struct account_device_maker. A key in
 * a token that is there already is taken, any other is made. What the device fails with,
 * and ERR_CONFIG. */
MUST_CHECK enum err account_device_make(void *context, struct arena *a, struct key **key,
                                        struct account_place *place,
                                        struct err_info *why);

/* The key of an account that was made elsewhere, in that device: by the text that becomes
 * of it (empty for a token's, which the device names). Nothing is made. */
MUST_CHECK enum err account_device_find(struct arena *a, struct crew *crew,
                                        const char *directory,
                                        const struct settings_ca *ca, struct span text,
                                        struct key **key, struct account_place *place,
                                        struct err_info *why);

/* Open the devices of an account's keys, which sign from then on, as long as the crew is
 * there. An account whose keys are in files stays as it is. */
MUST_CHECK enum err account_device_unlock(struct arena *a, struct crew *crew,
                                          const char *directory,
                                          const struct settings_ca *ca,
                                          struct account *account, struct err_info *why);
