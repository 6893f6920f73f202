/* Attestations of devices: attest.*, and what profiles say of them. */
#pragma once

#include "server/settings/settings.h"

#define SETTINGS_ATTEST_ROOTS_MAX (256 * 1024)      /* octets of all roots of a format */
#define SETTINGS_ATTEST_LIST_MAX  (2 * 1024 * 1024) /* octets of attest.android_status */

/* Read attest.* and what the profiles say, after these and the directories. ERR_CONFIG:
 * words that are none, a format without roots, a profile that wants more than there is.
 */
MUST_CHECK enum err settings_attest_check(struct settings *s, struct err_info *why);

/* Does any directory offer device-attest-01? */
bool settings_attest_is_offered(const struct settings *settings);

/* The files with roots of that format (enum attest_format); none: its vendor's. */
const struct config_list *settings_attest_roots(const struct settings *settings,
                                                int format);

/* What is allowed and not recommended, in the arena, `*count` of them, as
 * settings_notes. */
const char *const *settings_attest_notes(struct arena *a, const struct settings *s,
                                         int64_t now, size_t *count);
