/* A short list for each thread. */
#include "core/base/wake.h"

#include <assert.h>
#include <stddef.h>

#define NOTED_MAX 16 /* more are woken at once */

static _Thread_local struct {
    unsigned int depth;
    size_t count;
    struct {
        void (*wake)(void *whom);
        void *whom;
    } list[NOTED_MAX];
} noted;

void wake_hold(void)
{
    noted.depth++;
}

void wake_release(void)
{
    assert(noted.depth > 0);
    if (noted.depth > 1) {
        noted.depth--;
        return;
    }
    for (size_t i = 0; i < noted.count; i++) /* may grow meanwhile */
        noted.list[i].wake(noted.list[i].whom);
    noted.count = 0;
    noted.depth = 0;
}

void wake_up(void (*wake)(void *whom), void *whom)
{
    if (noted.depth == 0 || noted.count == NOTED_MAX) {
        wake(whom);
        return;
    }
    noted.list[noted.count].wake = wake;
    noted.list[noted.count].whom = whom;
    noted.count++;
}
