/* Policies of external account keys, from arguments. */
#include "server/admin/admin_eab_policy.h"

#include <string.h>

#include "core/acme/terms.h"
#include "core/net/address.h"
#include "server/policy/policy_external.h"

#define POLICY_MAX (256 * 1024) /* octets: all lists full of the longest texts */

typedef enum err check(const struct admin_call *call, const char *text, const char **made,
                       struct err_info *why);

static enum err check_name(const struct admin_call *call, const char *text,
                           const char **made, struct err_info *why)
{
    return policy_external_pattern(call->arena, text, made, why);
}

static enum err check_device(const struct admin_call *call, const char *text,
                             const char **made, struct err_info *why)
{
    return policy_external_device(call->arena, text, made, why);
}

static enum err check_network(const struct admin_call *call, const char *text,
                              const char **made, struct err_info *why)
{
    struct address_network network;
    char canonical[ADDRESS_TEXT_SIZE];

    if (!address_network_parse(span_of(text), &network))
        return err_set(why, ERR_USAGE,
                       "\"%.100s\" is no network, such as 10.0.0.0/8 or fd00::/8", text);
    address_network_text(&network, canonical);
    *made = arena_string(call->arena, canonical);
    return ERR_OK;
}

static enum err check_identifier(const struct admin_call *call, const char *text,
                                 const char **made, struct err_info *why)
{
    enum identifier_type type;

    (void)call;
    *made = text;
    return terms_read_identifier_type(text, &type)
               ? ERR_OK
               : err_set(why, ERR_USAGE,
                         "there is no type of identifiers \"%.50s\"; there are dns, "
                         "ip, permanent-identifier and hardware-module",
                         text);
}

static enum err check_challenge(const struct admin_call *call, const char *text,
                                const char **made, struct err_info *why)
{
    enum challenge_type type;

    (void)call;
    *made = text;
    return terms_read_challenge_type(text, &type)
               ? ERR_OK
               : err_set(why, ERR_USAGE,
                         "there is no type of challenges \"%.50s\"; there are http-01 "
                         "and dns-01",
                         text);
}

static enum err check_profile(const struct admin_call *call, const char *text,
                              const char **made, struct err_info *why)
{
    *made = text;
    return settings_profile(call->settings, text) != NULL
               ? ERR_OK
               : err_set(why, ERR_USAGE,
                         "there is no profile \"%.100s\" in the configuration", text);
}

static enum err check_directory(const struct admin_call *call, const char *text,
                                const char **made, struct err_info *why)
{
    *made = text;
    return settings_directory(call->settings, text) != NULL
               ? ERR_OK
               : err_set(why, ERR_USAGE,
                         "there is no directory \"%.100s\" in the configuration", text);
}

static bool has(const struct admin_call *call, const char *list, const char *item)
{
    for (size_t i = 0; i < admin_count(call, list); i++)
        if (strcmp(admin_item(call, list, i), item) == 0)
            return true;
    return false;
}

/* A key whose accounts could have nothing at all is a mistake. */
static enum err check_together(const struct admin_call *call, struct err_info *why)
{
    bool names = admin_count(call, "allow_name") > 0;
    bool networks = admin_count(call, "allow_network") > 0;
    bool devices = admin_count(call, "allow_device") > 0;

    if (admin_count(call, "identifier") == 0)
        return ERR_OK;
    if (names && !has(call, "identifier", "dns"))
        return err_set(why, ERR_USAGE,
                       "--allow-name is of no use without --identifier dns");
    if (networks && !has(call, "identifier", "ip"))
        return err_set(why, ERR_USAGE,
                       "--allow-network is of no use without --identifier ip");
    if (devices && !has(call, "identifier", "permanent-identifier") &&
        !has(call, "identifier", "hardware-module"))
        return err_set(why, ERR_USAGE,
                       "--allow-device is of no use without --identifier "
                       "permanent-identifier or hardware-module");
    return ERR_OK;
}

/* As rates.* of the configuration; "off" is what a key has anyhow. */
static enum err write_orders(const struct admin_call *call, struct json_writer *w,
                             struct err_info *why)
{
    const char *text = admin_text(call, "orders");
    struct rate rate = {0};
    char canonical[RATE_TEXT_SIZE];

    if (text == NULL)
        return ERR_OK;
    if (rate_read(span_of(text), &rate, why) != ERR_OK) {
        (void)err_prefix(why, "--orders");
        why->code = ERR_USAGE;
        return ERR_USAGE;
    }
    rate_text(&rate, canonical);
    if (rate.count > 0)
        json_write_text(w, "orders", canonical);
    return ERR_OK;
}

enum err admin_eab_policy(const struct admin_call *call, const char **text,
                          struct err_info *why)
{
    static const struct {
        const char *argument;
        const char *member;
        check *check;
    } lists[] = {
        {"allow_name", "names", check_name},
        {"allow_network", "networks", check_network},
        {"allow_device", "devices", check_device},
        {"identifier", "identifiers", check_identifier},
        {"challenge", "challenges", check_challenge},
        {"profile", "profiles", check_profile},
        {"directory", "directories", check_directory},
    };
    AUTO(buf) struct buf b = buf_make(POLICY_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        size_t count = admin_count(call, lists[i].argument);
        if (count == 0)
            continue;
        json_write_begin_array(&w, lists[i].member);
        for (size_t j = 0; j < count; j++) {
            const char *made = NULL;
            TRY(lists[i].check(call, admin_item(call, lists[i].argument, j), &made, why));
            json_write_text(&w, NULL, made);
        }
        json_write_end_array(&w);
    }
    TRY(write_orders(call, &w, why));
    json_write_end_object(&w);
    TRY(check_together(call, why));
    if (b.failed)
        return err_set(why, ERR_USAGE, "that is too much for the policy of one key");
    *text = arena_string_of(call->arena, buf_span(&b));
    return ERR_OK;
}
