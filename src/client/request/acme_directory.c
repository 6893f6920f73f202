/* Directories of CAs. */
#include "client/request/acme_directory.h"

#include <string.h>

static bool read_origin(struct arena *a, const char *text, struct url *u)
{
    struct err_info ignored = {0};

    return strlen(text) <= URL_MAX &&
           url_parse(a, span_of(text), u, &ignored) == ERR_OK && u->https;
}

enum err acme_directory_check(const struct acme_directory *d, const char *url,
                              struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct url u = {0};

    if (!read_origin(a, url, &u))
        return err_set(why, ERR_PROTOCOL, "the CA gave \"%.200s\" for an https URL", url);
    if (!url_same_origin(&d->origin, &u))
        return err_set(why, ERR_PROTOCOL,
                       "the CA at %.200s named %.200s, which is another host or port and "
                       "is not asked",
                       d->url, url);
    return ERR_OK;
}

bool acme_directory_same_origin(const char *directory, const char *other)
{
    AUTO(arena) struct arena *a = arena_new();
    struct url first = {0};
    struct url second = {0};

    return read_origin(a, directory, &first) && read_origin(a, other, &second) &&
           url_same_origin(&first, &second);
}

bool acme_directory_has_profile(const struct acme_directory *d, const char *name)
{
    for (size_t i = 0; i < d->profile_count; i++)
        if (strcmp(d->profiles[i], name) == 0)
            return true;
    return false;
}

/* A resource; one that may be missing is NULL then. */
static enum err take_url(struct arena *a, const struct acme_directory *d,
                         const struct json *object, const char *name, const char **url,
                         struct err_info *why)
{
    const char *text = json_text(json_member(object, name));

    if (text == NULL)
        return ERR_OK;
    if (acme_directory_check(d, text, why) != ERR_OK)
        return err_prefix(why, "%s of the directory", name);
    *url = arena_string(a, text);
    return ERR_OK;
}

static enum err need_url(struct arena *a, const struct acme_directory *d,
                         const struct json *object, const char *name, const char **url,
                         struct err_info *why)
{
    TRY(take_url(a, d, object, name, url, why));
    if (*url == NULL)
        return err_set(why, ERR_PROTOCOL, "%.200s is no ACME directory: it has no %s",
                       d->url, name);
    return ERR_OK;
}

static void read_profiles(struct arena *a, const struct json *profiles,
                          struct acme_directory *d)
{
    size_t count = json_is_object(profiles) ? json_count(profiles) : 0;
    const char **names;
    const char **about;

    if (count > ACME_DIRECTORY_PROFILES_MAX)
        count = ACME_DIRECTORY_PROFILES_MAX;
    names = arena_array(a, count + 1, sizeof *names);
    about = arena_array(a, count + 1, sizeof *about);
    for (size_t i = 0; i < count; i++) {
        const char *name = NULL;
        const struct json *words = json_member_at(profiles, i, &name);
        if (words == NULL || name == NULL)
            continue;
        about[d->profile_count] =
            json_text(words) != NULL ? arena_string(a, json_text(words)) : "";
        names[d->profile_count++] = arena_string(a, name);
    }
    d->profiles = names;
    d->about = about;
}

static enum err read_meta(struct arena *a, const struct json *meta,
                          struct acme_directory *d, struct err_info *why)
{
    const char *terms = NULL;
    const char *attestation = NULL;

    if (meta == NULL)
        return ERR_OK;
    TRY(json_take_text(meta, "termsOfService", &terms, why));
    if (terms != NULL)
        d->terms = arena_string(a, terms);
    TRY(json_take_text(meta, "attestationEnrollment", &attestation, why));
    if (attestation != NULL && strncmp(attestation, "https://", 8) == 0)
        d->attestation_ca = arena_string(a, attestation);
    const char *identity = json_text(json_element(json_member(meta, "caaIdentities"), 0));
    if (identity != NULL)
        d->caa_identity = arena_string(a, identity);
    read_profiles(a, json_member(meta, "profiles"), d);
    return json_take_bool(meta, "externalAccountRequired", false, &d->needs_external,
                          why);
}

enum err acme_directory_read(struct arena *a, const char *url, struct span text,
                             struct acme_directory *d, struct err_info *why)
{
    AUTO(arena) struct arena *scratch = arena_new();
    struct acme_directory made = {.url = arena_string(a, url)};
    const struct json *object = NULL;

    if (!read_origin(a, made.url, &made.origin))
        return err_set(why, ERR_USAGE, "%.200s is no https URL", url);
    if (json_read(scratch, text, &object, why) != ERR_OK || !json_is_object(object))
        return err_set(why, ERR_PROTOCOL,
                       "%.200s is no ACME directory: what it shows is no JSON object",
                       url);
    TRY(need_url(a, &made, object, "newNonce", &made.new_nonce, why));
    TRY(need_url(a, &made, object, "newAccount", &made.new_account, why));
    TRY(need_url(a, &made, object, "newOrder", &made.new_order, why));
    TRY(take_url(a, &made, object, "revokeCert", &made.revoke_cert, why));
    TRY(take_url(a, &made, object, "keyChange", &made.key_change, why));
    TRY(take_url(a, &made, object, "renewalInfo", &made.renewal_info, why));
    if (read_meta(a, json_member(object, "meta"), &made, why) != ERR_OK) {
        why->code = ERR_PROTOCOL;
        return err_prefix(why, "the directory %.200s", url);
    }
    *d = made;
    return ERR_OK;
}
