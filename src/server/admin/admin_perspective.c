/* How perspectives on other hosts are reached. */
#include <stdlib.h>

#include "core/base/memory.h"
#include "server/admin/admin.h"
#include "server/exchange/outlook.h"

#define WAIT_MS 15000

static void write_outlook(struct json_writer *w, const struct outlook *o)
{
    json_write_begin_object(w, NULL);
    json_write_text(w, "name", o->perspective);
    json_write_text(w, "state",
                    o->connected ? "connected"
                    : o->tried   ? "away"
                                 : "connecting");
    json_write_time(w, "since", o->since);
    json_write_text(w, "at", o->address);
    json_write_text(w, "version", o->version);
    json_write_number(w, "asked", (int64_t)o->asked);
    json_write_number(w, "answered", (int64_t)o->answered);
    json_write_number(w, "unreached", (int64_t)o->unreached);
    json_write_number(w, "mean_ms",
                      o->answered > 0 ? (int64_t)(o->taken_ms / o->answered) : 0);
    json_write_text(w, "error", o->error);
    json_write_end_object(w);
}

static void write_all(const struct admin_call *call)
{
    struct outlook *rows = memory_get_zeroed(SETTINGS_PERSPECTIVES_MAX, sizeof *rows);
    size_t count =
        call->services != NULL ? outlook_board_list(call->services->outlooks, rows) : 0;

    json_write_bool(call->result, "running", call->services != NULL);
    json_write_begin_array(call->result, "perspectives");
    for (size_t i = 0; i < count; i++)
        write_outlook(call->result, &rows[i]);
    json_write_end_array(call->result);
    free(rows);
}

enum err admin_perspective_state(struct admin_call *call, struct err_info *why)
{
    const char *name = admin_text(call, "wait");
    uint64_t generation = 0;
    struct outlook ignored;

    if (call->services != NULL && admin_flag(call, "reload"))
        TRY(outlook_board_reload(call->services->outlooks, &generation, why));
    if (call->services != NULL && name != NULL)
        (void)outlook_board_wait(call->services->outlooks, name, generation, WAIT_MS,
                                 &ignored);
    write_all(call);
    return ERR_OK;
}
