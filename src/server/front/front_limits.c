/* What bounds the front: limits of the HTTP server, descriptors of the process. */
#include <string.h>
#include <sys/resource.h>

#include "core/base/log.h"
#include "server/front/front_private.h"

#define OTHER_DESCRIPTORS 256 /* listeners, channels, event loops, the store's files */

struct http_server_limits front_limits_of(const struct settings *s, unsigned int cores)
{
    struct http_server_limits limits = http_server_limits_default();

    limits.io_threads = s->io_threads > 0 ? s->io_threads : (int64_t)cores;
#define FRONT_LIMIT(option, member, limit) limits.limit = s->member;
#include "server/front/front_limits.def"
#undef FRONT_LIMIT
    return limits;
}

int64_t front_limits_descriptors(int64_t connections)
{
    const rlim_t wanted = (rlim_t)connections + OTHER_DESCRIPTORS;
    struct rlimit now;

    if (getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur >= wanted)
        return connections;
    /* root may raise the hard limit too; others get as far as that one */
    struct rlimit more = {wanted, now.rlim_max < wanted ? wanted : now.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &more) == 0)
        return connections;
    more.rlim_cur = now.rlim_max < wanted ? now.rlim_max : wanted;
    more.rlim_max = now.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &more) != 0)
        more.rlim_cur = now.rlim_cur;
    if (more.rlim_cur >= wanted)
        return connections;
    int64_t possible = more.rlim_cur > 2 * OTHER_DESCRIPTORS
                           ? (int64_t)more.rlim_cur - OTHER_DESCRIPTORS
                           : (int64_t)more.rlim_cur / 2;
    log_event(LOG_LEVEL_WARNING, "front.few_descriptors",
              "allowed=%llu wanted=%llu connections=%lld "
              "hint=\"raise the limit of open files (LimitNOFILE=, ulimit -n) or lower "
              "limits.connections\"",
              (unsigned long long)more.rlim_cur, (unsigned long long)wanted,
              (long long)possible);
    return possible;
}

static bool same_list(const struct config_list *a, const struct config_list *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return a->count == b->count;
}

void front_limits_name_unchanged(const struct settings *old, const struct settings *fresh)
{
    const struct {
        const char *option;
        bool differs;
    } fixed[] = {
        {"listen", !same_list(&old->listen, &fresh->listen)},
        {"publish.listen", !same_list(&old->publish_listen, &fresh->publish_listen)},
        {"crl.directory", strcmp(old->crl_directory, fresh->crl_directory) != 0},
        {"files.store", strcmp(old->store_file, fresh->store_file) != 0},
#define FRONT_LIMIT(option, member, limit) {option, old->member != fresh->member},
#include "server/front/front_limits.def"
#undef FRONT_LIMIT
        {"keys.debian_weak", !same_list(&old->debian_weak, &fresh->debian_weak)},
        {"keys.compromised",
         !same_list(&old->compromised_keys, &fresh->compromised_keys)},
        {"rates.suffix_list", strcmp(old->suffix_list, fresh->suffix_list) != 0},
        {"threads.io", old->io_threads != fresh->io_threads},
        {"threads.workers", old->worker_threads != fresh->worker_threads},
        {"log.audit_segment", old->audit_segment != fresh->audit_segment},
        {"processes.front_user", strcmp(old->front_user, fresh->front_user) != 0},
    };

    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (fixed[i].differs)
            log_event(LOG_LEVEL_WARNING, "front.needs_restart", "option=%s",
                      fixed[i].option);
}
