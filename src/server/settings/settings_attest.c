/* Which attestations count. */
#include "server/settings/settings_attest.h"

#include <string.h>

#include "core/acme/terms.h"
#include "core/attest/attest.h"
#include "core/base/file.h"

#define DAY_SECONDS 86400
#define LIST_AGE    (7LL * DAY_SECONDS) /* of attest.android_status, without a word */

static const char *const options[ATTEST_FORMAT_COUNT] = {
#define ATTEST_FORMAT(name, wire, option, proof, vendor) option,
#include "core/attest/formats.def"
#undef ATTEST_FORMAT
};
static const bool have_vendors[ATTEST_FORMAT_COUNT] = {
#define ATTEST_FORMAT(name, wire, option, proof, vendor) vendor,
#include "core/attest/formats.def"
#undef ATTEST_FORMAT
};

static const char *const presences[] = {"any", "pin", "touch", "both"};

bool settings_attest_is_offered(const struct settings *settings)
{
    for (size_t i = 0; i < settings->directories.count; i++) {
        const struct settings_directory *directory = settings->directories.members[i];
        if ((directory->challenge_types & 1U << CHALLENGE_DEVICE_ATTEST_01) != 0)
            return true;
    }
    return false;
}

const struct config_list *settings_attest_roots(const struct settings *settings,
                                                int format)
{
    const struct config_list *const lists[ATTEST_FORMAT_COUNT] = {
        [ATTEST_TPM] = &settings->attest_tpm_roots,
        [ATTEST_APPLE] = &settings->attest_apple_roots,
        [ATTEST_STEP] = &settings->attest_step_roots,
        [ATTEST_ANDROID_KEY] = &settings->attest_android_key_roots,
        [ATTEST_PACKED] = &settings->attest_packed_roots,
    };

    return lists[format];
}

static bool has_roots(const struct settings *s, int format)
{
    return have_vendors[format] || settings_attest_roots(s, format)->count > 0;
}

static enum err read_formats(const char *option, const struct config_list *list,
                             unsigned int *bits, struct err_info *why)
{
    *bits = 0;
    for (size_t i = 0; i < list->count; i++) {
        int format = 0;
        while (format < ATTEST_FORMAT_COUNT &&
               strcmp(list->items[i], options[format]) != 0)
            format++;
        if (format == ATTEST_FORMAT_COUNT)
            return err_set(why, ERR_CONFIG,
                           "%s: there is no format \"%s\"; there are tpm, apple, step, "
                           "android_key and packed",
                           option, list->items[i]);
        *bits |= 1U << (unsigned int)format;
    }
    return ERR_OK;
}

static enum err read_presence(const char *option, const char *word, int *presence,
                              struct err_info *why)
{
    for (size_t i = 0; i < sizeof presences / sizeof presences[0]; i++) {
        if (strcmp(word, presences[i]) == 0) {
            *presence = (int)i;
            return ERR_OK;
        }
    }
    return err_set(why, ERR_CONFIG, "%s: \"%s\" is none of any, pin, touch, both", option,
                   word);
}

/* What is taken if nothing is said: what has roots and is known to be made by devices. */
static unsigned int usual_formats(const struct settings *s)
{
    unsigned int bits = 0;

    for (unsigned int i = 0; i < ATTEST_FORMAT_COUNT; i++)
        if (i != ATTEST_PACKED && has_roots(s, (int)i))
            bits |= 1U << i;
    return bits;
}

/* Of a key that must be used with both, one that takes either is less. */
static bool is_narrower(int presence, int than)
{
    return presence == than || than == ATTEST_PRESENCE_ANY ||
           presence == ATTEST_PRESENCE_BOTH;
}

static enum err read_profile(const struct settings *s, struct settings_profile *p,
                             struct err_info *why)
{
    p->attest_formats = s->attest_formats;
    p->attest_presence = s->attest_presence;
    if (p->attest_formats_listed.count > 0)
        TRY(read_formats("attest_formats", &p->attest_formats_listed, &p->attest_formats,
                         why));
    if ((p->attest_formats & ~s->attest_formats) != 0)
        return err_set(why, ERR_CONFIG,
                       "attest_formats: a format that attest.formats does not take, or "
                       "has no roots for");
    if (p->attest_presence_word[0] != '\0')
        TRY(read_presence("attest_presence", p->attest_presence_word, &p->attest_presence,
                          why));
    if (!is_narrower(p->attest_presence, s->attest_presence))
        return err_set(why, ERR_CONFIG,
                       "attest_presence: it must not ask for less than attest.presence");
    return ERR_OK;
}

enum err settings_attest_check(struct settings *s, struct err_info *why)
{
    TRY(read_formats("attest.formats", &s->attest_formats_listed, &s->attest_formats,
                     why));
    for (int i = 0; i < ATTEST_FORMAT_COUNT; i++)
        if ((s->attest_formats >> (unsigned int)i & 1U) != 0 && !has_roots(s, i))
            return err_set(why, ERR_CONFIG,
                           "attest.formats: \"%s\" needs attest.%s_roots: nobody "
                           "publishes a root for it that could be built in",
                           options[i], options[i]);
    if (s->attest_formats_listed.count == 0)
        s->attest_formats = usual_formats(s);
    TRY(read_presence("attest.presence", s->attest_presence_word, &s->attest_presence,
                      why));
    if (s->attest_failure_status != 200 && s->attest_failure_status != 400)
        return err_set(why, ERR_CONFIG, "attest.failure_status: it is 400 or 200");
    for (size_t i = 0; i < s->profiles.count; i++) {
        struct settings_profile *profile = s->profiles.members[i];
        if (read_profile(s, profile, why) != ERR_OK)
            return err_prefix(why, "profiles.%s", profile->name);
    }
    return ERR_OK;
}

const char *const *settings_attest_notes(struct arena *a, const struct settings *s,
                                         int64_t now, size_t *count)
{
    const char **notes = arena_array(a, s->directories.count + 2, sizeof *notes);
    const char *list = settings_path(a, s, s->attest_android_status);
    int64_t changed = 0;

    *count = 0;
    if (!settings_attest_is_offered(s))
        return notes;
    /* draft-ietf-acme-device-attest 6.1 */
    for (size_t i = 0; i < s->directories.count; i++) {
        const struct settings_directory *directory = s->directories.members[i];
        if ((directory->challenge_types & 1U << CHALLENGE_DEVICE_ATTEST_01) != 0 &&
            !directory->external_required)
            notes[(*count)++] = arena_printf(
                a,
                "directories.%s: external_account: required is recommended where "
                "device-attest-01 is offered: a device proves what it is, not whose",
                directory->name);
    }
    if ((s->attest_formats & 1U << ATTEST_ANDROID_KEY) == 0)
        return notes;
    if (s->attest_android_status[0] == '\0')
        notes[(*count)++] = "attest.android_status: without Google's list, attestations "
                            "by keys that were revoked are taken";
    else if (file_changed(list, &changed) && now - changed > LIST_AGE)
        notes[(*count)++] = arena_printf(
            a, "attest.android_status: the list is %lld days old; fetch a new one",
            (long long)((now - changed) / DAY_SECONDS));
    return notes;
}
