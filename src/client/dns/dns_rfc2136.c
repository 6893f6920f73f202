/* Provider "rfc2136": updates of the zone (RFC 2136), signed with a TSIG key (RFC 8945).
 * The key file is opened here and read by the process that uses the network. */
#include <string.h>
#include <unistd.h>

#include "client/dns/dns_place.h"
#include "client/dns/dns_provider.h"
#include "core/base/secret_file.h"

static enum err check(const struct settings_dns *dns, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    int key = -1;

    if (dns->key_file[0] == '\0')
        return err_set(why, ERR_CONFIG, "%s: rfc2136 needs a file with a TSIG key",
                       dns_provider_option(a, dns, "key_file"));
    if (dns->server[0] != '\0' && !dns_place_is_server(dns->server))
        return err_set(why, ERR_CONFIG, "%s: \"%.100s\" is neither HOST nor HOST:PORT",
                       dns_provider_option(a, dns, "server"), dns->server);
    TRY(secret_file_open(dns_provider_option(a, dns, "key_file"), dns->key_file, &key,
                         why));
    (void)close(key);
    return ERR_OK;
}

static enum err change(const struct dns_use *use, enum wire_type type,
                       const struct dns_task *task, struct err_info *why)
{
    const char *path = use->dns->key_file;
    const struct wire_message m = {type,
                                   {span_of(task->owner), span_of(task->zone),
                                    span_of(task->primary), span_of(task->value),
                                    span_of(path)},
                                   5};
    struct wire_message answer;
    int key = -1;

    TRY(secret_file_open(dns_provider_option(use->arena, use->dns, "key_file"), path,
                         &key, why));
    enum err result =
        dns_line_call_with(use->worker, use->arena, &m, key, &answer, use->cleaning, why);
    (void)close(key);
    return result;
}

static enum err add(const struct dns_use *use, struct dns_task *task,
                    struct err_info *why)
{
    return change(use, WIRE_DNS_ADD, task, why);
}

static enum err remove_record(const struct dns_use *use, const struct dns_task *task,
                              struct err_info *why)
{
    return change(use, WIRE_DNS_REMOVE, task, why);
}

const struct dns_provider dns_provider_rfc2136 = {.name = "rfc2136",
                                                  .needs_primary = true,
                                                  .check = check,
                                                  .add = add,
                                                  .remove = remove_record};
