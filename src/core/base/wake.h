/* Waking other threads, later: whoever wakes somebody while it holds a lock that he needs
 * first has him run into it, and whoever wakes one somebody after the other has each of
 * them run alone. Between wake_hold() and wake_release() this thread only notes who is to
 * be woken. */
#pragma once

/* From now on; may be nested. What is held must be short: others wait for it. */
void wake_hold(void);

/* Wake all that were noted, unless an outer hold goes on. */
void wake_release(void);

/* Call `wake(whom)` now, or when this thread's hold ends. `whom` must be there until
 * then. */
void wake_up(void (*wake)(void *whom), void *whom);
