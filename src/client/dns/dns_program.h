/* Providers that are programs: what they share. They run as hooks.user and confined
 * (run/run.h), and see the credentials of their own dns.NAME only. */
#pragma once

#include "client/dns/dns_provider.h"
#include "client/run/run.h"

#define DNS_PROGRAM_VARIABLES_MAX 16

/* What is run beside the settings of dns.NAME. */
struct dns_program {
    const char *const *arguments; /* ends with NULL; the first is the program */
    const char *variables[DNS_PROGRAM_VARIABLES_MAX + 1]; /* NAME=VALUE; ends with NULL */
    const char *called;          /* in sentences; NULL: its path */
    const char *folder_readable; /* beside hooks.readable; or NULL */
    struct span input;
};

/* Run it with the variables, the credentials, and CAIRN_RECORD, CAIRN_VALUE, CAIRN_ZONE,
 * CAIRN_DOMAIN. An end other than 0 is a failure with that code, whose sentence begins
 * with "dns.NAME". */
MUST_CHECK enum err dns_program_run(const struct dns_use *use,
                                    const struct dns_task *task,
                                    const struct dns_program *program, enum err failure,
                                    struct run_result *result, struct err_info *why);

/* Is that option the path of a program, and are the credentials to be read? ERR_CONFIG.
 */
MUST_CHECK enum err dns_program_check(const struct settings_dns *dns, const char *option,
                                      const char *path, struct err_info *why);

/* For protocols that put _acme-challenge in front of what they are told themselves: the
 * name for which that gives the record's place. Where an alias leads to a name that does
 * not begin so, the domain itself. In the arena. */
const char *dns_program_domain(struct arena *a, const struct dns_task *task);
