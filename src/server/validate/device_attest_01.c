/* Attestations of devices, between the front's messages and core/attest. */
#include "server/validate/device_attest_01.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/json/json_read.h"
#include "core/x509/pem.h"
#include "server/settings/settings_attest.h"
#include "server/settings/settings_bundle.h"

#define ROOTS_MAX  64 /* certificates in one file */
#define KNOWN_SIZE (1 + HASH_SHA256_SIZE)

static const char *const options[ATTEST_FORMAT_COUNT] = {
#define ATTEST_FORMAT(name, wire, option, proof, vendor) "attest." option "_roots",
#include "core/attest/formats.def"
#undef ATTEST_FORMAT
};

/* ---- files ---- */

static enum err read_file(struct arena *a, const struct settings *s, const char *option,
                          const char *file, struct span *content, struct err_info *why)
{
    if (settings_bundle_read(a, s, file, content, why) == ERR_OK)
        return ERR_OK;
    why->code = ERR_CONFIG;
    return err_prefix(why, "%s", option);
}

static enum err add_roots(struct arena *a, const struct settings *s, const char *option,
                          const char *file, struct buf *b, struct err_info *why)
{
    const struct pem_kind kind = {"CERTIFICATE", "certificate"};
    struct span ders[ROOTS_MAX];
    struct span content;
    size_t count = 0;

    TRY(read_file(a, s, option, file, &content, why));
    if (pem_read(a, content, &kind, ders, ROOTS_MAX, &count, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return err_prefix(why, "%s: %s", option, file);
    }
    for (size_t i = 0; i < count; i++)
        pem_add(b, kind.label, ders[i]);
    return b->failed ? err_set(why, ERR_CONFIG, "%s: more than %d octets", option,
                               SETTINGS_ATTEST_ROOTS_MAX)
                     : ERR_OK;
}

static enum err read_roots(struct arena *a, const struct settings *s, int format,
                           struct span *roots, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(SETTINGS_ATTEST_ROOTS_MAX);
    const struct config_list *files = settings_attest_roots(s, format);

    for (size_t i = 0; i < files->count; i++)
        TRY(add_roots(a, s, options[format], files->items[i], &b, why));
    *roots = arena_span(a, buf_span(&b));
    return ERR_OK;
}

static enum err read_status(struct arena *a, const struct settings *s,
                            struct span *status, struct err_info *why)
{
    AUTO(arena) struct arena *scratch = arena_new();
    const struct json *list = NULL;

    if (s->attest_android_status[0] == '\0')
        return ERR_OK;
    TRY(read_file(a, s, "attest.android_status", s->attest_android_status, status, why));
    if (json_read(scratch, *status, &list, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return err_prefix(why, "attest.android_status");
    }
    return json_is_object(json_member(list, "entries"))
               ? ERR_OK
               : err_set(why, ERR_CONFIG,
                         "attest.android_status: %s has no \"entries\", as Google's list "
                         "of attestation keys has",
                         s->attest_android_status);
}

enum err device_attest_01_open(struct arena *a, const struct settings *settings,
                               struct device_attest_01 *attest, struct err_info *why)
{
    struct device_attest_01 made = {.settings = settings};

    for (int i = 0; i < ATTEST_FORMAT_COUNT; i++)
        TRY(read_roots(a, settings, i, &made.roots[i], why));
    TRY(read_status(a, settings, &made.status, why));
    *attest = made;
    return ERR_OK;
}

/* ---- questions ---- */

/* A profile may be narrower than all others, and is gone after a reload at worst: then
 * what holds for all counts, and the front refuses to issue by it. */
static void set_rules(const struct device_attest_01 *attest, const char *profile_name,
                      struct attest_rules *rules)
{
    const struct settings *s = attest->settings;
    const struct settings_profile *profile = settings_profile(s, profile_name);
    const unsigned int formats =
        profile != NULL ? profile->attest_formats : s->attest_formats;

    for (unsigned int i = 0; i < ATTEST_FORMAT_COUNT; i++) {
        rules->formats[i].enabled = (formats >> i & 1U) != 0;
        rules->formats[i].roots = attest->roots[i];
    }
    rules->sha1 = s->attest_sha1;
    rules->presence = (enum attest_presence)(profile != NULL ? profile->attest_presence
                                                             : s->attest_presence);
    rules->strong_box = s->attest_strong_box;
    rules->verified_boot = s->attest_verified_boot;
    rules->android_status = attest->status;
}

/* Of the inventory; what is cut off in the middle is passed over. */
static size_t read_known(struct span octets, struct attest_known *known)
{
    size_t count = 0;

    for (size_t at = 0; at + KNOWN_SIZE <= octets.len && count < ATTEST_KNOWN_MAX;
         at += KNOWN_SIZE, count++) {
        known[count].kind = (enum attest_known_kind)octets.data[at];
        memcpy(known[count].sha256, octets.data + at + 1, HASH_SHA256_SIZE);
    }
    return count;
}

void device_attest_01_answer(const struct device_attest_01 *attest,
                             struct ipc_channel *front, const struct message_attest *m)
{
    AUTO(arena) struct arena *a = arena_new();
    struct attest_known known[ATTEST_KNOWN_MAX];
    struct attest_result result = {0};
    struct attest_rules rules = {0};
    struct message_attested answer = {.id = m->id};
    struct err_info refusal = {0};
    struct err_info why = {0};
    bool differs = false;

    set_rules(attest, arena_string_of(a, m->profile), &rules);
    const struct attest_question question = {
        .object = m->object,
        .token = arena_string_of(a, m->token),
        .key_authorization = arena_string_of(a, m->key_authorization),
        .identifier = {(enum identifier_type)m->type, arena_string_of(a, m->identifier)},
        .known = known,
        .known_count = read_known(m->known, known),
        .now = clock_now()};
    enum err code = attest_verify(a, &rules, &question, &result, &differs, &refusal);
    answer.code = (int64_t)code;
    answer.detail = span_of(refusal.detail);
    answer.differs = code != ERR_OK && differs;
    if (code == ERR_OK) {
        answer.format = (uint64_t)result.format;
        answer.key_hash = span_make(result.key_sha256, sizeof result.key_sha256);
        answer.facts = span_of(result.facts);
    }
    /* a front that is gone asks nothing again: its client does */
    if (ipc_channel_send_attested(front, &answer, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "validator.attestation_lost",
                  "id=%llu why=" LOG_QUOTE, (unsigned long long)m->id, why.detail);
}
