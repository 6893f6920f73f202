/* cairn agent, and what it is asked: agent status, agent renew, agent reload. */
#include <stdio.h>
#include <string.h>

#include "client/agent/agent.h"
#include "client/agent/agent_control.h"
#include "client/command/client_command.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/json/json_write.h"

#define QUESTION_MAX AGENT_CONTROL_REQUEST /* octets */

enum err command_agent(const struct client_command *c, struct err_info *why)
{
    struct agent_options options = {.config = c->config,
                                    .agree_terms = c->agree_terms,
                                    .report = {.quiet = c->quiet}};

    if (c->directory != NULL)
        TRY(client_command_directory(c, NULL, &options.directory, why));
    return agent_run(&options, why);
}

/* ---- asking it ---- */

/* The agent goes on with the settings it has when cairn.yaml is broken, and that is just
 * when it is asked: it is mostly where it is without a word about it. */
static enum err find_socket(const struct client_command *c, const char **path,
                            struct err_info *why)
{
    struct settings settings;
    const char *directory = NULL;

    enum err result = settings_load(c->arena, c->config, &settings, why);
    if (result != ERR_OK)
        settings = (struct settings){.agent_socket = "", .state = ""};
    *path = settings.agent_socket;
    if ((*path)[0] != '\0')
        return ERR_OK;
    struct err_info ignored = {0};
    if (client_command_directory(c, &settings, &directory,
                                 result == ERR_OK ? why : &ignored) != ERR_OK)
        return why->code;
    *path = file_path(c->arena, directory, AGENT_LINE_SOCKET);
    return result == ERR_OK || file_exists(*path) ? ERR_OK : result;
}

static enum err ask(const struct client_command *c, const char *command, const char *name,
                    const struct json **answer, struct span *text, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(QUESTION_MAX);
    struct json_writer w = json_writer_make(&b);
    const char *path = NULL;

    TRY(find_socket(c, &path, why));
    json_write_begin_object(&w, NULL);
    json_write_text(&w, "command", command);
    if (name != NULL)
        json_write_text(&w, "name", name);
    if (c->force)
        json_write_bool(&w, "force", true);
    json_write_end_object(&w);
    buf_add_octet(&b, '\n');
    if (b.failed)
        return err_set(why, ERR_USAGE, "\"%.100s\" is no certificate's name", name);
    TRY(agent_control_ask(c->arena, path, buf_span(&b), answer, text, why));
    return agent_line_failure(*answer, why);
}

static const char *text_of(const struct json *object, const char *name)
{
    const char *text = json_text(json_member(object, name));

    return text != NULL ? text : "-";
}

static void print_certificate(const struct json *e)
{
    const char *error = json_text(json_member(e, "error"));
    int64_t failures = json_whole(json_member(e, "failures"));

    printf("%-40s %-8s ends %.16s  next %.16s\n", text_of(e, "name"), text_of(e, "state"),
           text_of(e, "not_after"), text_of(e, "next"));
    if (failures > 0)
        printf("    failed %lld time%s: %s\n", (long long)failures,
               failures == 1 ? "" : "s", text_of(e, "error"));
    else if (error != NULL)
        printf("    %s\n", error);
    if (json_text(json_member(e, "not_deployed")) != NULL)
        printf("    %s\n", text_of(e, "not_deployed"));
}

static void print_tls(const struct json *tls)
{
    const struct json *listen = json_member(tls, "listen");

    if (tls == NULL)
        return;
    printf("holds ");
    for (size_t i = 0; i < json_count(listen); i++)
        printf("%s%s", i > 0 ? ", " : "", json_text(json_element(listen, i)));
    printf(" (%s%s), open %lld, passed on %lld, answered %lld\n", text_of(tls, "behind"),
           json_is_true(json_member(tls, "reached")) ? "" : ", which is not reached",
           (long long)json_whole(json_member(tls, "open")),
           (long long)json_whole(json_member(tls, "passed")),
           (long long)json_whole(json_member(tls, "answered")));
}

static void print_status(const struct json *status)
{
    const struct json *list = json_member(status, "certificates");

    printf("cairn agent %s, process %lld, since %s%s\n", text_of(status, "version"),
           (long long)json_whole(json_member(status, "pid")), text_of(status, "since"),
           json_is_true(json_member(status, "ending")) ? ", about to end" : "");
    printf("settings %s, state %s, working on %lld\n", text_of(status, "config"),
           text_of(status, "directory"),
           (long long)json_whole(json_member(status, "working")));
    print_tls(json_member(status, "tls"));
    for (size_t i = 0; i < json_count(list); i++)
        print_certificate(json_element(list, i));
}

static void print_text(struct span text)
{
    printf("%.*s", (int)text.len, (const char *)text.data);
}

enum err command_agent_status(const struct client_command *c, struct err_info *why)
{
    const struct json *answer = NULL;
    struct span text = span_of("");

    TRY(ask(c, "status", NULL, &answer, &text, why));
    if (c->json)
        print_text(text);
    else
        print_status(answer);
    return ERR_OK;
}

enum err command_agent_reload(const struct client_command *c, struct err_info *why)
{
    const struct json *answer = NULL;
    struct span text = span_of("");

    TRY(ask(c, "reload", NULL, &answer, &text, why));
    if (c->json)
        print_text(text);
    else
        printf("reloaded   %s\n", text_of(answer, "config"));
    return ERR_OK;
}

static void print_outcome(const struct json *answer, const char *outcome)
{
    const char *reason = json_text(json_member(answer, "reason"));
    const char *end = json_text(json_member(answer, "not_after"));

    printf("%-10s %s", outcome, text_of(answer, "name"));
    if (end != NULL)
        printf(", valid until %.10s", end);
    if (reason != NULL && strcmp(outcome, "waiting") == 0)
        printf(": %s", reason);
    printf("\n");
}

enum err command_agent_renew(const struct client_command *c, struct err_info *why)
{
    const struct json *answer = NULL;
    struct span text = span_of("");

    if (c->arguments.count != 1)
        return err_set(why, ERR_USAGE, "say which certificate, one at a time");
    TRY(ask(c, "renew", c->arguments.items[0], &answer, &text, why));
    const char *outcome = text_of(answer, "outcome");
    *c->unchanged = strcmp(outcome, "unchanged") == 0 || strcmp(outcome, "waiting") == 0;
    if (c->json)
        print_text(text);
    else
        print_outcome(answer, outcome);
    return ERR_OK;
}
