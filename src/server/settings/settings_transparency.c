/* Logs, and whether the profiles that want timestamps can have enough of them. */
#include "server/settings/settings_transparency.h"

#include <string.h>

#include "core/base/base64.h"
#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/crypto/key.h"
#include "core/http/url.h"
#include "server/settings/settings_family.h"

static enum err check_url(struct arena *a, const char *text, struct err_info *why)
{
    struct url url;

    if (text[0] == '\0')
        return err_set(why, ERR_CONFIG, "url: where does it take submissions?");
    if (url_parse(a, span_of(text), &url, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return err_prefix(why, "url");
    }
    if (!url.https || url.query != NULL)
        return err_set(why, ERR_CONFIG, "url: \"%s\" is not https://HOST/PATH", text);
    return ERR_OK;
}

/* Which keys logs may have: RFC 6962 2.1.4. */
static enum err read_key(struct arena *a, struct settings_log *log, struct err_info *why)
{
    AUTO(key) struct key *key = NULL;

    if (log->key[0] == '\0')
        return err_set(why, ERR_CONFIG, "key: its public key is needed");
    if (!base64_decode(a, span_of(log->key), &log->spki))
        return err_set(why, ERR_CONFIG,
                       "key: not base64 on one line, as lists of logs have it");
    if (key_from_spki(log->spki, &key, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return err_prefix(why, "key");
    }
    if (key_type(key) != KEY_P256 && key_type(key) != KEY_RSA)
        return err_set(why, ERR_CONFIG,
                       "key: logs sign with P-256 or RSA (RFC 6962 2.1.4)");
    hash_sha256(log->spki, log->id);
    return ERR_OK;
}

static enum err read_time(const char *option, const char *text, int64_t *seconds,
                          struct err_info *why)
{
    *seconds = 0;
    if (text[0] == '\0' || clock_read(span_of(text), seconds))
        return ERR_OK;
    return err_set(why, ERR_CONFIG, "%s: \"%s\" is no time such as 2027-01-01T00:00:00Z",
                   option, text);
}

static enum err check_log(struct arena *a, struct settings_log *log, struct err_info *why)
{
    TRY(check_url(a, log->url, why));
    TRY(read_key(a, log, why));
    if (log->operator[0] == '\0')
        return err_set(why, ERR_CONFIG, "operator: who runs it?");
    log->is_static = strcmp(log->api, "static") == 0;
    if (!log->is_static && strcmp(log->api, "rfc6962") != 0)
        return err_set(why, ERR_CONFIG, "api: \"%s\" is neither rfc6962 nor static",
                       log->api);
    TRY(read_time("not_after_from", log->not_after_from, &log->from, why));
    TRY(read_time("not_after_before", log->not_after_before, &log->before, why));
    if (log->before != 0 && log->before <= log->from)
        return err_set(why, ERR_CONFIG,
                       "not_after_before must be later than not_after_from");
    return ERR_OK;
}

static enum err check_unique(const struct settings *s, size_t which, struct err_info *why)
{
    const struct settings_log *log = s->ct_logs.members[which];

    for (size_t i = 0; i < which; i++) {
        const struct settings_log *other = s->ct_logs.members[i];
        if (memcmp(log->id, other->id, sizeof log->id) == 0)
            return err_set(why, ERR_CONFIG, "key: it is that of ct_logs.%s as well",
                           other->name);
    }
    return ERR_OK;
}

bool settings_transparency_has(const struct settings_profile *profile,
                               const struct settings_log *log)
{
    bool named = profile->ct_logs.count == 0;

    for (size_t i = 0; i < profile->ct_logs.count; i++)
        named = named || strcmp(profile->ct_logs.items[i], log->name) == 0;
    return named;
}

static bool is_new_operator(const struct settings *s,
                            const struct settings_profile *profile, size_t which)
{
    const struct settings_log *log = s->ct_logs.members[which];

    for (size_t i = 0; i < which; i++) {
        const struct settings_log *other = s->ct_logs.members[i];
        if (settings_transparency_has(profile, other) &&
            strcmp(log->operator, other->operator) == 0)
            return false;
    }
    return true;
}

/* With the logs it may use, can it ever have what ct.* ask for? */
static enum err check_enough(const struct settings *s,
                             const struct settings_profile *profile, struct err_info *why)
{
    const int64_t minimum = profile->lifetime_seconds > SETTINGS_CT_LONG_SECONDS
                                ? s->ct_minimum_long
                                : s->ct_minimum;
    int64_t logs = 0;
    int64_t operators = 0;
    int64_t classic = 0;

    for (size_t i = 0; i < s->ct_logs.count; i++) {
        const struct settings_log *log = s->ct_logs.members[i];
        if (!settings_transparency_has(profile, log))
            continue;
        logs++;
        classic += !log->is_static;
        operators += is_new_operator(s, profile, i);
    }
    if (logs < minimum)
        return err_set(why, ERR_CONFIG,
                       "ct: it needs timestamps of %lld logs, and may use %lld",
                       (long long)minimum, (long long)logs);
    if (operators < s->ct_operators)
        return err_set(why, ERR_CONFIG,
                       "ct: ct.operators is %lld, and its logs are of %lld",
                       (long long)s->ct_operators, (long long)operators);
    if (classic < s->ct_rfc6962)
        return err_set(why, ERR_CONFIG,
                       "ct: ct.rfc6962 is %lld, and of its logs %lld have that API",
                       (long long)s->ct_rfc6962, (long long)classic);
    return ERR_OK;
}

/* What ct.* say of each other; of interest only where timestamps are wanted. */
static enum err check_policy(const struct settings *s, struct err_info *why)
{
    if (s->ct_operators > s->ct_minimum)
        return err_set(why, ERR_CONFIG,
                       "ct.operators must not be more than ct.minimum, the number of "
                       "timestamps");
    if (s->ct_rfc6962 > s->ct_minimum)
        return err_set(why, ERR_CONFIG, "ct.rfc6962 must not be more than ct.minimum");
    if (s->ct_minimum_long < s->ct_minimum)
        return err_set(why, ERR_CONFIG,
                       "ct.minimum_long must not be less than ct.minimum");
    return ERR_OK;
}

static enum err check_profile(const struct settings *s, struct settings_profile *profile,
                              struct err_info *why)
{
    profile->ct_required = strcmp(profile->ct, "required") == 0;
    if (!profile->ct_required && strcmp(profile->ct, "off") != 0)
        return err_set(why, ERR_CONFIG, "ct: \"%s\" is neither off nor required",
                       profile->ct);
    if (!profile->ct_required && profile->ct_logs.count > 0)
        return err_set(why, ERR_CONFIG, "ct_logs: logs are named, but ct is off");
    for (size_t i = 0; i < profile->ct_logs.count; i++)
        if (settings_log(s, profile->ct_logs.items[i]) == NULL)
            return err_set(why, ERR_CONFIG, "ct_logs: there is no log \"%s\"",
                           profile->ct_logs.items[i]);
    if (!profile->ct_required)
        return ERR_OK;
    if (!profile->for_server)
        return err_set(why, ERR_CONFIG,
                       "ct: logs are for certificates of TLS servers, and usages does "
                       "not name server");
    return check_enough(s, profile, why);
}

enum err settings_transparency_check(struct arena *a, struct settings *s,
                                     struct err_info *why)
{
    if (s->ct_logs.count > SETTINGS_CT_LOGS_MAX)
        return err_set(why, ERR_CONFIG, "ct_logs: at most %d logs", SETTINGS_CT_LOGS_MAX);
    for (size_t i = 0; i < s->ct_logs.count; i++) {
        struct settings_log *log = s->ct_logs.members[i];
        enum err result = check_log(a, log, why);
        if (result == ERR_OK)
            result = check_unique(s, i, why);
        if (result != ERR_OK)
            return err_prefix(why, "ct_logs.%s", log->name);
    }
    for (size_t i = 0; i < s->profiles.count; i++) {
        struct settings_profile *profile = s->profiles.members[i];
        if (strcmp(profile->ct, "required") == 0)
            TRY(check_policy(s, why));
        if (check_profile(s, profile, why) != ERR_OK)
            return err_prefix(why, "profiles.%s", profile->name);
    }
    return ERR_OK;
}
