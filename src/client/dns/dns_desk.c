/* The calls. */
#include "client/dns/dns_desk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/proc/wire.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"

#define REMOVE_WAIT_US 40000000 /* a little more than the other process takes at most */
#define FIND_FIELDS    3

/* ---- one call at a time ---- */

/* The process answers in order; what an interrupt did not wait for comes first. */
static enum err receive(struct dns_desk *d, struct arena *a, struct wire_message *answer,
                        bool patient, struct err_info *why)
{
    int64_t end_us = clock_monotonic_us() + REMOVE_WAIT_US;

    for (d->unanswered++; d->unanswered > 0; d->unanswered--)
        TRY(patient ? wire_receive_until(a, d->fd, answer, end_us, why)
                    : wire_receive(a, d->fd, answer, NULL, why));
    return answer->type == WIRE_ANSWER ? ERR_OK : wire_failure(answer, why);
}

static enum err call(struct dns_desk *d, struct arena *a, const struct wire_message *m,
                     struct wire_message *answer, bool patient, struct err_info *why)
{
    TRY(wire_send(d->fd, m, why));
    return receive(d, a, answer, patient, why);
}

/* ---- the key ---- */

static enum err open_key(const char *path, int *fd, struct err_info *why)
{
    struct stat about = {0};
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (opened < 0)
        return err_set_os(why, ERR_CONFIG, errno, "--dns-key: cannot read %s", path);
    if (fstat(opened, &about) == 0 && S_ISREG(about.st_mode) &&
        (about.st_mode & 0077) == 0) {
        *fd = opened;
        return ERR_OK;
    }
    (void)close(opened);
    if (!S_ISREG(about.st_mode))
        return err_set(why, ERR_CONFIG, "--dns-key: %s is no file", path);
    return err_set(why, ERR_CONFIG,
                   "--dns-key: %s can be read by others; give it mode 0600", path);
}

enum err dns_desk_check_key(const char *path, struct err_info *why)
{
    int key = -1;

    TRY(open_key(path, &key, why));
    (void)close(key);
    return ERR_OK;
}

enum err dns_desk_open(struct dns_desk *d, const struct dns_desk_options *options,
                       struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct wire_message m = {WIRE_DNS_OPEN,
                                   {span_of(options->server), span_of(options->resolver),
                                    span_of(options->check), span_of(options->key_file)},
                                   4};
    struct wire_message answer;
    int key = -1;

    TRY(open_key(options->key_file, &key, why));
    enum err result = wire_send_descriptor(d->fd, &m, key, why);
    (void)close(key);
    TRY(result);
    return receive(d, a, &answer, false, why);
}

/* ---- records ---- */

static struct wire_message change_of(enum wire_type type, const struct dns_entry *e)
{
    const struct wire_message m = {
        type,
        {span_of(e->owner), span_of(e->zone), span_of(e->servers), span_of(e->value)},
        4};
    return m;
}

enum err dns_desk_add(struct dns_desk *d, struct arena *a, const char *name,
                      const char *value, const char *key_file, struct dns_entry *e,
                      struct err_info *why)
{
    const struct wire_message find = {WIRE_DNS_FIND, {span_of(name)}, 1};
    struct wire_message place;
    struct wire_message answer;

    TRY(call(d, a, &find, &place, false, why));
    if (place.count != FIND_FIELDS)
        return err_set(why, ERR_PROTOCOL, "the DNS process found no place");
    const struct dns_entry made = {.owner = (const char *)place.fields[0].data,
                                   .zone = (const char *)place.fields[1].data,
                                   .servers = (const char *)place.fields[2].data,
                                   .value = arena_string(a, value),
                                   .key_file = arena_string(a, key_file)};
    TRY(dns_journal_add(a, d->directory, &made, why));
    *e = made;
    const struct wire_message add = change_of(WIRE_DNS_ADD, &made);
    enum err result = call(d, a, &add, &answer, false, why);
    if (result == ERR_UNAUTHORIZED || result == ERR_REFUSED ||
        result == ERR_NETWORK) { /* it is not there */
        *e = (struct dns_entry){0};
        TRY(dns_journal_remove(a, d->directory, &made, why));
    }
    return result;
}

enum err dns_desk_remove(struct dns_desk *d, const struct dns_entry *e,
                         struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct wire_message m = change_of(WIRE_DNS_REMOVE, e);
    struct wire_message answer;

    TRY(call(d, a, &m, &answer, true, why));
    return dns_journal_remove(a, d->directory, e, why);
}

enum err dns_desk_look(struct dns_desk *d, struct buf *missing, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct wire_message m = {.type = WIRE_DNS_LOOK};
    struct wire_message answer;

    TRY(call(d, a, &m, &answer, false, why));
    if (answer.count == 1)
        buf_add_span(missing, answer.fields[0]);
    return ERR_OK;
}

void dns_desk_close(struct dns_desk *d)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct wire_message m = {.type = WIRE_CLOSE};
    struct wire_message answer;
    struct err_info ignored = {0};

    /* a process that is gone knows nothing any more */
    (void)!call(d, a, &m, &answer, true, &ignored);
}

/* ---- what earlier runs left ---- */

static enum err clean_one(struct dns_desk *d, const struct dns_entry *e,
                          struct err_info *why)
{
    const struct dns_desk_options options = {
        .key_file = e->key_file, .server = "", .resolver = "", .check = "none"};

    TRY(dns_desk_open(d, &options, why));
    return dns_desk_remove(d, e, why);
}

/* One of them; `gone` is where nobody answers, so that it is not waited for again. */
static enum err clean_next(struct dns_desk *d, const struct dns_entry *e,
                           const char **gone, const struct report *report,
                           struct err_info *why)
{
    enum err result = *gone != NULL && strcmp(*gone, e->servers) == 0
                          ? why->code
                          : clean_one(d, e, why);

    if (result == ERR_NETWORK || result == ERR_TIMEOUT)
        *gone = e->servers;
    if (result == ERR_OK)
        report_step(report, "clean", "removed a TXT record of %s, left by an earlier run",
                    e->owner);
    else
        report_warning("a TXT record of %s, left by an earlier run, is still there: %s; "
                       "the next run tries again",
                       e->owner, why->detail);
    return result;
}

enum err dns_desk_clean(struct dns_desk *d, const struct report *report,
                        struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct dns_entry *entries = NULL;
    const char *gone = NULL;
    size_t count = 0;
    size_t damaged = 0;

    TRY(dns_journal_list(a, d->directory, &entries, &count, &damaged, why));
    if (damaged > 0)
        report_warning("%zu files in %s/dns-01 cannot be understood; they told of TXT "
                       "records to remove",
                       damaged, d->directory);
    for (size_t i = 0; i < count; i++) {
        enum err result = clean_next(d, &entries[i], &gone, report, why);
        if (result == ERR_IO || result == ERR_INTERRUPTED)
            return result;
        if (interrupt_signal() != 0)
            return err_set(why, ERR_INTERRUPTED, "interrupted");
    }
    dns_desk_close(d);
    return ERR_OK;
}
