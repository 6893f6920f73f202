/* Provider "manual": somebody is told what to add, and asked at a terminal whether it is
 * done. Where nobody can answer, the record is waited for as any other. */
#include "client/dns/dns_manual.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "client/dns/dns_provider.h"
#include "core/base/interrupt.h"

static bool answers; /* somebody at a terminal */

void dns_manual_remember_terminal(void)
{
    answers = isatty(STDIN_FILENO) != 0;
}

static enum err check(const struct settings_dns *dns, struct err_info *why)
{
    if (dns->program[0] != '\0')
        return err_set(why, ERR_CONFIG, "dns.%s.program: the provider manual runs none",
                       dns->name);
    return ERR_OK;
}

/* Until a line has come. */
static enum err wait_for_line(struct err_info *why)
{
    struct pollfd polled = {STDIN_FILENO, POLLIN, 0};
    char last = 0;

    while (last != '\n') {
        if (interrupt_signal() != 0)
            return err_set(why, ERR_INTERRUPTED, "interrupted");
        if (interrupt_poll(&polled, 1, -1, 0) <= 0)
            continue;
        ssize_t got = read(STDIN_FILENO, &last, 1);
        if (got == 0 || (got < 0 && errno != EINTR))
            return ERR_OK; /* there is nobody any more: it is waited for */
    }
    return ERR_OK;
}

static enum err add(const struct dns_use *use, struct dns_task *task,
                    struct err_info *why)
{
    bool asks = answers && !use->report->json;

    report_step(use->report, "add", "%s. TXT \"%s\"%s", task->owner, task->value,
                asks ? "; press Enter when it is there" : "");
    return asks ? wait_for_line(why) : ERR_OK;
}

static enum err remove_record(const struct dns_use *use, const struct dns_task *task,
                              struct err_info *why)
{
    (void)why;
    report_step(use->report, "remove", "%s. TXT \"%s\" is not needed any more",
                task->owner, task->value);
    return ERR_OK;
}

const struct dns_provider dns_provider_manual = {
    .name = "manual", .check = check, .add = add, .remove = remove_record};
