/* Providers "exec", "certbot", "dehydrated", "uacme" and "mod_md": programs that were
 * written for those clients, called as those call them. */
#include <string.h>

#include "client/dns/dns_program.h"
#include "core/base/text.h"

#define NOTE_MAX 4096 /* octets of a hook's output that its clean-up is shown */

/* Only where the record is surely not there something else may be tried at once. */
#define FAILED ERR_VALIDATION

static enum err call(const struct dns_use *use, const struct dns_task *task,
                     const char *const *arguments, enum err failure, struct err_info *why)
{
    const struct dns_program program = {.arguments = arguments};
    struct run_result ignored;

    return dns_program_run(use, task, &program, failure, &ignored, why);
}

static enum err no_mode(const struct settings_dns *dns, const char *known,
                        struct err_info *why)
{
    if (dns->mode[0] == '\0' || strcmp(dns->mode, known) == 0)
        return ERR_OK;
    return err_set(why, ERR_CONFIG, "dns.%s.mode: \"%.50s\" is not %s", dns->name,
                   dns->mode, known[0] != '\0' ? known : "known; leave it out");
}

/* ---- exec: lego's (go-acme.github.io/lego/dns/exec) ---- */

static enum err exec_check(const struct settings_dns *dns, struct err_info *why)
{
    TRY(no_mode(dns, "raw", why));
    return dns_program_check(dns, "program", dns->program, why);
}

static enum err exec_call(const struct dns_use *use, const struct dns_task *task,
                          const char *verb, struct err_info *why)
{
    const char *name = arena_printf(use->arena, "%s.", task->owner);
    const char *const usual[] = {use->dns->program, verb, name, task->value, NULL};
    const char *const raw[] = {
        use->dns->program,       verb, "--", task->domain, task->token,
        task->key_authorization, NULL};

    return call(use, task, use->dns->mode[0] != '\0' ? raw : usual, FAILED, why);
}

static enum err exec_add(const struct dns_use *use, struct dns_task *task,
                         struct err_info *why)
{
    return exec_call(use, task, "present", why);
}

static enum err exec_remove(const struct dns_use *use, const struct dns_task *task,
                            struct err_info *why)
{
    return exec_call(use, task, "cleanup", why);
}

const struct dns_provider dns_provider_exec = {
    .name = "exec", .check = exec_check, .add = exec_add, .remove = exec_remove};

/* ---- certbot: --manual-auth-hook, --manual-cleanup-hook ---- */

static enum err certbot_check(const struct settings_dns *dns, struct err_info *why)
{
    TRY(no_mode(dns, "", why));
    if (dns->cleanup_program[0] != '\0')
        TRY(dns_program_check(dns, "cleanup_program", dns->cleanup_program, why));
    return dns_program_check(dns, "program", dns->program, why);
}

/* Each record is told of by itself, as if it were the last one: what a hook does after
 * the last one only would not be done else. */
static enum err certbot_call(const struct dns_use *use, const struct dns_task *task,
                             const char *path, const char *output, struct span *printed,
                             struct err_info *why)
{
    struct arena *a = use->arena;
    const char *domain = dns_program_domain(a, task);
    const char *const arguments[] = {path, NULL};
    const struct dns_program program = {
        .arguments = arguments,
        .variables = {arena_printf(a, "CERTBOT_DOMAIN=%s", domain),
                      arena_printf(a, "CERTBOT_IDENTIFIER=%s", domain),
                      arena_printf(a, "CERTBOT_VALIDATION=%s", task->value),
                      arena_printf(a, "CERTBOT_ALL_DOMAINS=%s", domain),
                      arena_printf(a, "CERTBOT_ALL_IDENTIFIERS=%s", domain),
                      "CERTBOT_REMAINING_CHALLENGES=0",
                      output != NULL ? arena_printf(a, "CERTBOT_AUTH_OUTPUT=%s", output)
                                     : NULL}};
    struct run_result result = {0};

    TRY(dns_program_run(use, task, &program, FAILED, &result, why));
    *printed = text_trim(result.output);
    return ERR_OK;
}

/* Without what no variable and no journal may hold. */
static enum err certbot_add(const struct dns_use *use, struct dns_task *task,
                            struct err_info *why)
{
    struct span printed = span_of("");

    TRY(certbot_call(use, task, use->dns->program, NULL, &printed, why));
    char *note = arena_string_of(use->arena, span_slice(printed, 0, NOTE_MAX));
    for (char *at = note; *at != '\0'; at++)
        if (*at == '\n')
            *at = '\t';
    if (!text_is_utf8(span_of(note)))
        text_make_printable(note);
    for (char *at = note; *at != '\0'; at++)
        if (*at == '\t')
            *at = '\n';
    task->note = note;
    return ERR_OK;
}

static enum err certbot_remove(const struct dns_use *use, const struct dns_task *task,
                               struct err_info *why)
{
    struct span ignored;

    if (use->dns->cleanup_program[0] == '\0')
        return ERR_OK;
    return certbot_call(use, task, use->dns->cleanup_program, task->note, &ignored, why);
}

const struct dns_provider dns_provider_certbot = {.name = "certbot",
                                                  .check = certbot_check,
                                                  .add = certbot_add,
                                                  .remove = certbot_remove};

/* ---- dehydrated: HOOK, without and with HOOK_CHAIN (one record is a chain of one) ----
 */

static enum err hook_check(const struct settings_dns *dns, struct err_info *why)
{
    TRY(no_mode(dns, "", why));
    return dns_program_check(dns, "program", dns->program, why);
}

static enum err dehydrated_call(const struct dns_use *use, const struct dns_task *task,
                                const char *verb, struct err_info *why)
{
    const char *const arguments[] = {
        use->dns->program, verb,        dns_program_domain(use->arena, task),
        task->token,       task->value, NULL};

    return call(use, task, arguments, FAILED, why);
}

static enum err dehydrated_add(const struct dns_use *use, struct dns_task *task,
                               struct err_info *why)
{
    return dehydrated_call(use, task, "deploy_challenge", why);
}

static enum err dehydrated_remove(const struct dns_use *use, const struct dns_task *task,
                                  struct err_info *why)
{
    return dehydrated_call(use, task, "clean_challenge", why);
}

const struct dns_provider dns_provider_dehydrated = {.name = "dehydrated",
                                                     .check = hook_check,
                                                     .add = dehydrated_add,
                                                     .remove = dehydrated_remove};

/* ---- uacme: -h HOOK (uacme(1), HOOK) ---- */

static enum err uacme_call(const struct dns_use *use, const struct dns_task *task,
                           const char *method, enum err failure, struct err_info *why)
{
    struct arena *a = use->arena;
    const char *domain = dns_program_domain(a, task);
    const char *const arguments[] = {use->dns->program, method,      "dns-01", domain,
                                     task->token,       task->value, NULL};
    const struct dns_program program = {
        .arguments = arguments,
        .variables = {arena_printf(a, "UACME_METHOD=%s", method), "UACME_TYPE=dns-01",
                      arena_printf(a, "UACME_IDENT=%s", domain),
                      arena_printf(a, "UACME_TOKEN=%s", task->token),
                      arena_printf(a, "UACME_AUTH=%s", task->value)}};
    struct run_result ignored;

    return dns_program_run(use, task, &program, failure, &ignored, why);
}

/* A failure of "begin" declines the challenge: nothing was done, and "done" is not
 * called.
 */
static enum err uacme_add(const struct dns_use *use, struct dns_task *task,
                          struct err_info *why)
{
    enum err code = uacme_call(use, task, "begin", FAILED, why);

    if (code == FAILED && strstr(why->detail, "ended with exit code") != NULL)
        return err_set(why, ERR_DNS, "%s (so it declines dns-01)", why->detail);
    return code;
}

static enum err uacme_remove(const struct dns_use *use, const struct dns_task *task,
                             struct err_info *why)
{
    return uacme_call(use, task, "done", FAILED, why);
}

const struct dns_provider dns_provider_uacme = {
    .name = "uacme", .check = hook_check, .add = uacme_add, .remove = uacme_remove};

/* ---- mod_md: MDChallengeDns01 (MDChallengeDns01Version 2; mode 1: without the value)
 * ----
 */

static enum err mod_md_check(const struct settings_dns *dns, struct err_info *why)
{
    TRY(no_mode(dns, "1", why));
    return dns_program_check(dns, "program", dns->program, why);
}

static enum err mod_md_add(const struct dns_use *use, struct dns_task *task,
                           struct err_info *why)
{
    const char *const arguments[] = {use->dns->program, "setup",
                                     dns_program_domain(use->arena, task), task->value,
                                     NULL};

    return call(use, task, arguments, FAILED, why);
}

static enum err mod_md_remove(const struct dns_use *use, const struct dns_task *task,
                              struct err_info *why)
{
    const char *const arguments[] = {use->dns->program, "teardown",
                                     dns_program_domain(use->arena, task),
                                     use->dns->mode[0] == '1' ? NULL : task->value, NULL};

    return call(use, task, arguments, FAILED, why);
}

const struct dns_provider dns_provider_mod_md = {
    .name = "mod_md", .check = mod_md_check, .add = mod_md_add, .remove = mod_md_remove};
