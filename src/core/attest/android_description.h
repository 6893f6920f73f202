/* What Android's key store says of a key: the KeyDescription in the extension
 * 1.3.6.1.4.1.11129.2.1.17 of its attestation certificate. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/span.h"

#define ANDROID_DESCRIPTION_OID "1.3.6.1.4.1.11129.2.1.17"

/* Tags of an AuthorizationList that are looked at. */
#define ANDROID_PURPOSE          1
#define ANDROID_ALL_APPLICATIONS 600
#define ANDROID_ORIGIN           702
#define ANDROID_ROOT_OF_TRUST    704
#define ANDROID_OS_VERSION       705
#define ANDROID_OS_PATCH_LEVEL   706
#define ANDROID_SERIAL           713

enum android_level {
    ANDROID_SOFTWARE = 0,
    ANDROID_TRUSTED_ENVIRONMENT = 1,
    ANDROID_STRONG_BOX = 2,
};

struct android_description {
    uint32_t version;
    uint32_t level;         /* of what attests: enum android_level, or more */
    uint32_t keymint_level; /* of what keeps the key */
    struct span challenge;
    struct span software; /* AuthorizationLists, their content octets */
    struct span hardware;
};

/* Read the extension's value. Spans point into it. ERR_MALFORMED. */
MUST_CHECK enum err android_description_read(struct span value,
                                             struct android_description *description,
                                             struct err_info *why);

/* The element in the explicit tag [number] of a list: `content` gets the whole element,
 * and is empty if there is none. Their order does not matter. ERR_MALFORMED if the list
 * is no such list, or has the tag twice. */
MUST_CHECK enum err android_description_find(struct span list, uint32_t number,
                                             struct span *content, struct err_info *why);

/* Where the phone was started from (tag 704): is the boot loader locked, and was all of
 * what was started verified? ERR_MALFORMED. */
MUST_CHECK enum err android_description_verified(struct span root_of_trust,
                                                 bool *verified, struct err_info *why);
