/* The table of administration commands, and arguments as handlers ask for them. */
#include "server/admin/admin.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "server/admin/admin_request.h"
#include "server/exchange/account_cache.h"
#include "server/store/store_notes.h"

static const struct admin_command commands[] = {
#define ADMIN(noun, verb, handler, sentence, example)                                    \
    {                                                                                    \
        noun " " verb, noun, handler, (const struct admin_argument[])                    \
        {
#define POSITION(name, kind, shown, least, most, sentence)                               \
    {ADMIN_POSITION, name, ADMIN_##kind, shown, least, most, sentence},
#define NEEDED(name, kind, shown, least, most, sentence)                                 \
    {ADMIN_NEEDED, name, ADMIN_##kind, shown, least, most, sentence},
#define OPTION(name, kind, shown, least, most, sentence)                                 \
    {ADMIN_OPTION, name, ADMIN_##kind, shown, least, most, sentence},
#define END                                                                              \
    {                                                                                    \
        0                                                                                \
    }                                                                                    \
    }                                                                                    \
    }                                                                                    \
    ,
#include "server/admin/commands.def"
};

const struct admin_command *admin_find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

bool admin_is_noun(const char *noun)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].noun, noun) == 0)
            return true;
    return false;
}

const struct admin_argument *admin_argument(const struct admin_command *command,
                                            const char *name)
{
    for (const struct admin_argument *g = command->arguments; g->name != NULL; g++)
        if (strcmp(g->name, name) == 0)
            return g;
    return NULL;
}

const char *admin_argument_text(struct arena *a, const struct admin_argument *argument)
{
    if (argument->place == ADMIN_POSITION)
        return argument->shown;
    char *text = arena_printf(a, "--%s", argument->name);
    for (char *p = text; *p != '\0'; p++)
        if (*p == '_')
            *p = '-';
    return text;
}

const char *admin_text(const struct admin_call *call, const char *name)
{
    return json_text(json_member(call->arguments, name));
}

int64_t admin_number(const struct admin_call *call, const char *name, int64_t missing)
{
    const struct json *value = json_member(call->arguments, name);

    return value != NULL ? json_whole(value) : missing;
}

bool admin_flag(const struct admin_call *call, const char *name)
{
    return json_is_true(json_member(call->arguments, name));
}

size_t admin_count(const struct admin_call *call, const char *name)
{
    return json_count(json_member(call->arguments, name));
}

const char *admin_item(const struct admin_call *call, const char *name, size_t index)
{
    return json_text(json_element(json_member(call->arguments, name), index));
}

int64_t admin_duration(const struct admin_call *call, const char *name, int64_t missing)
{
    const char *text = admin_text(call, name);
    int64_t milliseconds = missing;

    if (text != NULL)
        (void)text_duration_ms(span_of(text), &milliseconds);
    return milliseconds;
}

int64_t admin_time(const struct admin_call *call, const char *name, int64_t missing)
{
    const char *text = admin_text(call, name);
    int64_t seconds = missing;

    if (text != NULL)
        (void)admin_request_time(text, call->now, &seconds);
    return seconds;
}

int64_t admin_past(const struct admin_call *call, const char *name, int64_t missing)
{
    const char *text = admin_text(call, name);
    int64_t seconds = missing;

    if (text != NULL)
        (void)admin_request_past(text, call->now, &seconds);
    return seconds;
}

void admin_hold(struct admin_call *call)
{
    if (!call->held)
        store_notes_hold(call->session);
    call->held = true;
}

void admin_forget_account(const struct admin_call *call, int64_t id)
{
    if (call->services != NULL)
        account_cache_forget(call->services->accounts, id);
}

void admin_forget_accounts(const struct admin_call *call)
{
    if (call->services != NULL)
        account_cache_forget_all(call->services->accounts);
}
