/* What the relay says besides verdicts, and reloads that administrators ask for. */
#include "core/base/log.h"
#include "core/base/text.h"
#include "server/exchange/outlook.h"
#include "server/front/front_private.h"

static void copy(char *to, size_t room, struct span text)
{
    size_t len = text.len < room ? text.len : room - 1;

    if (len > 0)
        memcpy(to, text.data, len);
    to[len] = '\0';
    text_make_printable(to);
}

enum err front_relay_unreached(struct front *f, const struct message_unreached *m)
{
    AUTO(arena) struct arena *a = arena_new();

    /* each check asks again each second: that is no news */
    if (order_desk_away(f->services.orders, (int64_t)m->id,
                        arena_string_of(a, m->perspective),
                        arena_string_of(a, m->detail)))
        log_event(LOG_LEVEL_INFO, "front.perspective_unreached",
                  "perspective=%.*s authz=%llu why=\"%.*s\"", (int)m->perspective.len,
                  (const char *)m->perspective.data, (unsigned long long)m->id,
                  (int)m->detail.len, (const char *)m->detail.data);
    return ERR_OK;
}

enum err front_relay_outlook(struct front *f, const struct message_outlook *m)
{
    struct outlook news = {.generation = m->generation,
                           .tried = m->tried != 0,
                           .connected = m->connected != 0,
                           .since = m->since,
                           .asked = m->asked,
                           .answered = m->answered,
                           .unreached = m->unreached,
                           .taken_ms = m->taken_ms};

    copy(news.perspective, sizeof news.perspective, m->perspective);
    copy(news.error, sizeof news.error, m->error);
    copy(news.address, sizeof news.address, m->address);
    copy(news.version, sizeof news.version, m->version);
    outlook_board_put(f->services.outlooks, &news);
    return ERR_OK;
}

/* On the thread of a command. */
static bool ask_for_reload(void *context, uint64_t id)
{
    struct front *f = context;
    const struct message_reload_wanted m = {.id = id};
    struct err_info why = {0};

    return ipc_channel_send_reload_wanted(f->control.channel, &m, &why) == ERR_OK;
}

void front_relay_convene(struct front *f, struct arena *a)
{
    order_desk_set_panel(f->services.orders, order_desk_panel_of(a, f->settings));
    if (f->settings->perspectives.count > 0 && !f->settings->quorum.enforced)
        log_event(LOG_LEVEL_WARNING, "front.quorum_decides_nothing",
                  "perspectives=%zu quorum.mode=%s", f->settings->perspectives.count,
                  f->settings->quorum_mode);
}

void front_relay_open(struct front *f)
{
    f->services.outlooks = outlook_board_new(ask_for_reload, f);
}

void front_relay_close(struct front *f)
{
    outlook_board_free(f->services.outlooks);
}

void front_relay_reloaded(struct front *f, const struct message_reload_begun *m)
{
    char detail[ERR_DETAIL_MAX];

    copy(detail, sizeof detail, m->detail);
    outlook_board_reloaded(f->services.outlooks, m->id, m->generation, detail);
}
