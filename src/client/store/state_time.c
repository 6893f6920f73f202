/* Moments, known or not. */
#include "client/store/state_time.h"

#include "core/base/clock.h"

void state_time_write(struct json_writer *w, const char *name, int64_t seconds)
{
    if (seconds != 0)
        json_write_time(w, name, seconds);
}

enum err state_time_take(const struct json *object, const char *name, int64_t *seconds,
                         struct err_info *why)
{
    const char *text = NULL;

    TRY(json_take_text(object, name, &text, why));
    *seconds = 0;
    if (text != NULL && !clock_read(span_of(text), seconds))
        return err_set(why, ERR_MALFORMED, "%s is no time", name);
    return ERR_OK;
}
