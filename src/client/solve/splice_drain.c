/* Going on with connections when the rest of cairn is done. */
#include <pthread.h>
#include <unistd.h>

#include "client/proc/child.h"
#include "client/solve/splice.h"

#define DRAINS_MAX 8 /* listeners, one after the other, that left connections */

static struct drain {
    pthread_t thread;
    struct loop *loop; /* NULL: free */
    struct loop_timer *timer;
    struct splice *splice;
} drains[DRAINS_MAX];

static void stop(void *argument)
{
    loop_stop(argument);
}

static void *run(void *argument)
{
    struct drain *d = argument;

    loop_timer_set(d->timer, SPLICE_DRAIN_MS);
    splice_resume(d->splice, d->loop, stop, d->loop);
    if (splice_count(d->splice) > 0)
        loop_run(d->loop);
    return NULL;
}

static void end(struct drain *d)
{
    (void)pthread_join(d->thread, NULL);
    loop_timer_free(d->timer);
    splice_free(d->splice);
    loop_free(d->loop);
    *d = (struct drain){0};
}

static bool begin(struct drain *d, struct splice *s)
{
    struct err_info ignored = {0};

    if (loop_new(&d->loop, &ignored) != ERR_OK)
        return false;
    d->splice = s;
    d->timer = loop_timer_new(d->loop, stop, d->loop);
    if (pthread_create(&d->thread, NULL, run, d) == 0)
        return true;
    loop_timer_free(d->timer);
    loop_free(d->loop);
    *d = (struct drain){0};
    return false;
}

void splice_drain(struct splice *s)
{
    struct drain *place = NULL;

    for (size_t i = 0; i < DRAINS_MAX && place == NULL; i++)
        place = drains[i].loop == NULL ? &drains[i] : NULL;
    child_stay();
    if (place == NULL || !begin(place, s))
        splice_free(s); /* more than anybody has */
}

/* Whoever reads our output to its end must not wait for strangers. */
void splice_drain_wait(void)
{
    for (size_t i = 0; i < DRAINS_MAX; i++) {
        if (drains[i].loop == NULL)
            continue;
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
            (void)close(fd);
        end(&drains[i]);
    }
}
