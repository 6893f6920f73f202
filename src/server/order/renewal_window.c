/* Suggested windows (RFC 9773 4.2) and how often to ask for them (4.3). */
#include "core/crypto/hash.h"
#include "server/order/renewal.h"

#define MINUTE 60 /* seconds */
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define SHORT_LIFE      (10 * DAY) /* shorter ones are renewed at the half */
#define WIDTH_PARTS     45         /* of the lifetime is the window's width */
#define SHIFT_PARTS     60         /* of the lifetime it is moved to either side */
#define POLLS_OF_LIFE   40         /* at least that often it is asked for in a life */
#define POLLS_OF_WINDOW 8          /* and in a window */
#define POLL_LEAST      MINUTE     /* RFC 9773 4.3.2: clients take less for a minute */
#define POLL_NO_MORE    DAY        /* and more for a day: nothing is expected */
#define REVOKED_STARTS  (2 * HOUR) /* before the revocation */
#define REVOKED_ENDS    (1 * HOUR)

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* A number from -range to range, always the same for that name. */
static int64_t shift_of(struct span id, int64_t range)
{
    uint8_t digest[HASH_SHA256_SIZE];
    uint64_t number = 0;

    hash_sha256(id, digest);
    for (int i = 0; i < 8; i++)
        number = number << 8 | digest[i];
    return (int64_t)(number % (uint64_t)(2 * range + 1)) - range;
}

static void usual_window(const struct renewal_life *life, struct renewal_window *w)
{
    int64_t lifetime = most(life->not_after - life->not_before + 1, 1);
    int64_t centre = lifetime < SHORT_LIFE ? lifetime / 2 : lifetime / 3 * 2;
    int64_t half = lifetime / WIDTH_PARTS / 2;

    centre += life->not_before + shift_of(life->id, lifetime / SHIFT_PARTS);
    w->start = most(centre - half, life->not_before);
    w->end = most(least(centre + half, life->not_after), w->start + 1);
}

/* Those that were issued in bulk ask in bulk, so what is far from its window asks rarely.
 */
static int64_t poll_seconds(const struct renewal_life *life,
                            const struct settings *settings,
                            const struct renewal_window *w, int64_t now)
{
    int64_t wait = settings->renewal_poll / 1000;

    if (now > life->not_after || (life->replaced && life->revoked == 0))
        return POLL_NO_MORE;
    wait = least(wait, (life->not_after - life->not_before + 1) / POLLS_OF_LIFE);
    if (now + wait >= w->start)
        wait = least(wait, (w->end - w->start) / POLLS_OF_WINDOW);
    return most(wait, POLL_LEAST);
}

void renewal_window_make(const struct renewal_life *life, const struct settings *settings,
                         const struct store_incident *incident, int64_t now,
                         struct renewal_window *window)
{
    struct renewal_window w = {0};

    usual_window(life, &w);
    if (incident != NULL) {
        /* never later than without it */
        w.start = least(w.start, incident->created);
        w.end = least(w.end, incident->created + incident->over);
        w.explanation = incident->explanation;
    }
    if (life->revoked != 0) {
        w.start = life->revoked - REVOKED_STARTS;
        w.end = life->revoked - REVOKED_ENDS;
        if (incident == NULL || incident->explanation[0] == '\0')
            w.explanation = settings->renewal_revoked_url;
    }
    if (w.explanation != NULL && w.explanation[0] == '\0')
        w.explanation = NULL;
    w.poll = poll_seconds(life, settings, &w, now);
    *window = w;
}
