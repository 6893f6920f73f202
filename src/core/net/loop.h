/* One thread's event loop: timers, descriptors, and work posted by other threads.
 * A thin cover over libevent's core. All but loop_post and loop_stop belong to the thread
 * that runs the loop (or to the one that made it, before it runs). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

struct event_base;
struct loop;
struct loop_fd;
struct loop_timer;

enum loop_event {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
};

/* A new loop; free with loop_free. ERR_IO when the kernel gives no epoll or eventfd. */
MUST_CHECK enum err loop_new(struct loop **loop, struct err_info *why);

/* The same for descriptors that live shortly: what is waited for is told to the kernel
 * once a turn, not at each change. Nobody may have a duplicate of one that is closed, nor
 * a child that began without exec (see libevent's EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST).
 */
MUST_CHECK enum err loop_new_brief(struct loop **loop, struct err_info *why);

/* Free it; timers and descriptors must have been freed before. Work that was posted and
 * never run is dropped. NULL is fine. */
void loop_free(struct loop *loop);

/* Run until loop_stop. */
void loop_run(struct loop *loop);

/* Let loop_run return after the turn it is in (or at once when called before); any
 * thread. */
void loop_stop(struct loop *loop);

/* Run fn(argument) on the loop's thread soon, in the order of posting; any thread, the
 * loop's own included. Many posts between two turns cost one wake-up, as do those of a
 * thread within wake_hold(). */
void loop_post(struct loop *loop, void (*fn)(void *argument), void *argument);

/* Run after_turn(argument) whenever posted work has been run, for replies that are
 * collected and written together. One per loop; NULL for none. */
void loop_after_posts(struct loop *loop, void (*after)(void *argument), void *argument);

/* libevent's base, for libraries that bring their own events (libunbound). */
struct event_base *loop_base(struct loop *loop);

/* A timer that is not set yet; free with loop_timer_free (NULL is fine). */
struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *argument),
                                  void *argument);
void loop_timer_free(struct loop_timer *t);

/* Fire once in `milliseconds` (0: next turn); replaces what was set. */
void loop_timer_set(struct loop_timer *t, int64_t milliseconds);
void loop_timer_clear(struct loop_timer *t);

/* Watch a descriptor, which stays the caller's; nothing is wanted yet. `fn` is called
 * with the events that are possible (enum loop_event, or-ed), as long as they are
 * possible. Free with loop_fd_free before closing the descriptor (NULL is fine); a watch
 * may be freed inside its own call. */
struct loop_fd *loop_fd_new(struct loop *loop, int fd,
                            void (*fn)(void *argument, int events), void *argument);
void loop_fd_free(struct loop_fd *w);

/* Want these events (or-ed, 0 for none) from now on. No system call if nothing changed.
 */
void loop_fd_want(struct loop_fd *w, int events);
