/* Who watches that nothing takes too long.
 *
 * Code of others, the module of a token, runs inside this process, and a thread that
 * hangs in there cannot be stopped. So this process ends when a call takes longer than it
 * may: the supervisor starts it again, and the front asks again what was not answered. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct signer_watch;

/* Watch `places` threads, from a thread of its own. */
struct signer_watch *signer_watch_new(size_t places, int64_t limit_ms);

/* The thread at that place begins and ends what may not take longer. */
void signer_watch_begin(struct signer_watch *w, size_t place);
void signer_watch_end(struct signer_watch *w, size_t place);

/* Stop watching. NULL is fine. */
void signer_watch_free(struct signer_watch *w);
