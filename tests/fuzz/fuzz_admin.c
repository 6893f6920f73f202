/* A request of an administration command: what is accepted has arguments of the table
 * only, each of its kind, and those that are needed. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/admin/admin_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every way a handler may ask for the argument. */
static void look(const struct admin_call *call, const struct admin_argument *g)
{
    bool given = json_member(call->arguments, g->name) != NULL;

    if (!given && g->place != ADMIN_OPTION)
        abort();
    if (!given)
        return;
    if ((g->kind == ADMIN_TEXT || g->kind == ADMIN_TIME || g->kind == ADMIN_PAST ||
         g->kind == ADMIN_DURATION) &&
        admin_text(call, g->name) == NULL)
        abort();
    if (g->kind == ADMIN_TIME && admin_time(call, g->name, 0) <= call->now)
        abort();
    if (g->kind == ADMIN_PAST && admin_past(call, g->name, INT64_MAX) > call->now)
        abort();
    if (g->kind == ADMIN_DURATION && (admin_duration(call, g->name, -1) < g->least ||
                                      admin_duration(call, g->name, -1) > g->most))
        abort();
    if (g->kind == ADMIN_NUMBER && (admin_number(call, g->name, 0) < g->least ||
                                    admin_number(call, g->name, 0) > g->most))
        abort();
    if (g->kind == ADMIN_FILE && (int64_t)strlen(admin_text(call, g->name)) > g->most)
        abort();
    if (g->kind == ADMIN_LIST || g->kind == ADMIN_LINES || g->kind == ADMIN_KEYS)
        for (size_t i = 0; i < admin_count(call, g->name); i++)
            if (admin_item(call, g->name, i) == NULL)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct admin_call call = {.arena = a};
    struct err_info why = {0};
    size_t known = 0;

    if (admin_request_read(&call, span_make(data, size), &why) != ERR_OK) {
        if (why.detail[0] == '\0' || call.command != NULL)
            abort();
        return 0;
    }
    for (const struct admin_argument *g = call.command->arguments; g->name != NULL; g++) {
        look(&call, g);
        known += json_member(call.arguments, g->name) != NULL;
    }
    if (known != json_count(call.arguments))
        abort();
    return 0;
}
