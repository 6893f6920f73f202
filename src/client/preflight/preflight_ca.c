/* The CA. */
#include <inttypes.h>
#include <string.h>

#include "client/preflight/preflight_private.h"
#include "client/renewal/ca_state.h"
#include "client/store/account_store.h"
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/file.h"

#define PROFILES_SHOWN 4000              /* octets */
#define CLOCK_OFF_S    60                /* what is worth telling */
#define ROOTS_MAX      (2 * 1024 * 1024) /* octets of a CA file */

static void look_at_clock(struct preflight *p, const struct settings_ca *ca,
                          const struct flow_directory *d)
{
    int64_t off = clock_now() - d->date;

    if (d->date == 0)
        return;
    if (off > -CLOCK_OFF_S && off < CLOCK_OFF_S)
        preflight_add(p, PREFLIGHT_GOOD, "clock", ca->name, "",
                      "this host's clock agrees with the CA's");
    else
        preflight_add(p, PREFLIGHT_WRONG, "clock", ca->name,
                      "set it: timedatectl set-ntp true",
                      "this host's clock is %" PRId64 " s %s of the CA's",
                      off > 0 ? off : -off, off > 0 ? "ahead" : "behind");
}

/* Is the profile among them? All of them in words: "short (six days), long". */
static bool has_profile(const char *lines, const char *profile, struct buf *shown)
{
    size_t len = strlen(profile);
    bool found = false;

    for (const char *at = lines; *at != '\0';) {
        size_t name = strcspn(at, "\t\n");
        size_t one = strcspn(at, "\n");
        found = found || (name == len && strncmp(at, profile, len) == 0);
        buf_printf(shown, "%s%.*s", at == lines ? "" : ", ", (int)name, at);
        if (one > name + 1)
            buf_printf(shown, " (%.*s)", (int)(one - name - 1), at + name + 1);
        at += one + (at[one] == '\n');
    }
    return found;
}

static void look_at_account(struct preflight *p, const struct settings_ca *ca,
                            const struct flow_directory *d)
{
    struct account account = {0};
    struct err_info ignored = {0};
    bool agrees = ca->agree_tos || p->wanted->settings->agree_tos;

    if (account_store_find(p->arena, p->directory, ca->directory, &account, &ignored) ==
            ERR_OK &&
        account.url != NULL) {
        preflight_add(p, PREFLIGHT_GOOD, "account", ca->name, "", "%s", account.url);
        return;
    }
    preflight_add(p, PREFLIGHT_NOTE, "account", ca->name, "",
                  "there is none yet; it is made with the first certificate");
    if (d->terms[0] != '\0' && !agrees)
        preflight_add(p, PREFLIGHT_WRONG, "terms", ca->name,
                      "read them, then say --agree-tos, or agree_tos: true",
                      "the CA has terms of service: %s", d->terms);
    if (d->needs_external && ca->eab_kid[0] == '\0')
        preflight_add(p, PREFLIGHT_WRONG, "account", ca->name,
                      "take --eab-kid and --eab-key-file, which the CA gives its "
                      "customers",
                      "the CA wants an external account binding");
}

static void look_at_profile(struct preflight *p, const struct settings_ca *ca,
                            const struct flow_directory *d)
{
    const struct settings_certificate *c = p->wanted->certificate;
    AUTO(buf) struct buf shown = buf_make(PROFILES_SHOWN);

    bool there = has_profile(d->profiles, c->profile, &shown);
    int len = (int)shown.len;
    const char *text = len > 0 ? (const char *)shown.data : "";
    if (c->profile[0] != '\0' && !there)
        preflight_add(p, c->profile_required ? PREFLIGHT_WRONG : PREFLIGHT_NOTE,
                      "profile", ca->name, "take one of those, or none",
                      "the CA has no profile \"%s\", but: %.*s", c->profile,
                      len > 0 ? len : 4, len > 0 ? text : "none");
    else if (len > 0)
        preflight_add(p, PREFLIGHT_GOOD, "profile", ca->name, "",
                      "%s is asked for, of: %.*s",
                      there ? c->profile : "none in particular", len, text);
}

/* What runs before this one learned. */
static void look_at_memory(struct preflight *p, const struct settings_ca *ca)
{
    struct ca_state state = {0};
    int64_t now = clock_now();
    char until[CLOCK_TEXT_SIZE];

    ca_state_load(p->arena, p->directory, ca->directory, &state);
    clock_text(until, state.limited_until);
    if (state.limited_until > now)
        preflight_add(p, PREFLIGHT_WRONG, "limits", ca->name, "wait until then",
                      "the CA refuses more until %s: %s", until,
                      state.limit != NULL ? state.limit : "rate limit");
    clock_text(until, state.closed_until);
    if (state.closed_until > now)
        preflight_add(p, PREFLIGHT_NOTE, "ca", ca->name, "",
                      "it failed %" PRId64 " times in a row, and is left alone until %s: "
                      "%s",
                      state.failures, until, state.detail != NULL ? state.detail : "");
}

enum err preflight_ca(struct preflight *p, const struct settings_ca *ca,
                      struct flow_directory *d, bool *known, struct err_info *why)
{
    struct err_info one = {0};
    struct span roots = span_of("");

    *known = false;
    look_at_memory(p, ca);
    enum err result = ERR_OK;
    if (ca->ca_file[0] != '\0')
        result = file_read(p->arena, ca->ca_file, ROOTS_MAX, &roots, &one);
    if (result == ERR_OK)
        result = flow_directory_ask(p->crew->network.fd, p->arena, ca->directory, roots,
                                    d, &one);
    if (result == ERR_INTERRUPTED || result == ERR_IO)
        return err_set(why, result, "%s", one.detail);
    if (result != ERR_OK) {
        preflight_add(p, PREFLIGHT_WRONG, "ca", ca->name,
                      result == ERR_TLS ? "take --ca-file if it is a private CA; a clock "
                                          "that is wrong has the same effect"
                                        : "",
                      "%s", one.detail);
        return ERR_OK;
    }
    *known = true;
    preflight_add(p, PREFLIGHT_GOOD, "ca", ca->name, "", "%s answers", ca->directory);
    look_at_clock(p, ca, d);
    look_at_account(p, ca, d);
    look_at_profile(p, ca, d);
    return ERR_OK;
}
