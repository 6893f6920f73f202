/* Questions of the front that are answered by threads, so that those to a slow device run
 * beside each other and who has to answer the supervisor never waits for one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/err.h"
#include "server/proc/ipc.h"

#define SIGNER_DESK_WAITING_MAX 1024 /* questions; then the front waits */

struct signer_desk;

/* Answer one, on one of the threads; its spans and descriptor are the callee's. */
typedef void signer_desk_answer(void *worker, struct ipc_message *question);

/* `count` threads, one for each of the workers. Each question may take `limit_ms`. */
struct signer_desk *signer_desk_new(signer_desk_answer *answer, void *const *workers,
                                    size_t count, int64_t limit_ms);

/* Leave a copy of a question there; its descriptor is the desk's from then on. Waits
 * while there are too many. */
MUST_CHECK enum err signer_desk_put(struct signer_desk *d,
                                    const struct ipc_message *question,
                                    struct err_info *why);

/* Wait until none is being answered, and let none begin before signer_desk_resume. */
void signer_desk_settle(struct signer_desk *d);
void signer_desk_resume(struct signer_desk *d);

/* Forget what waits, and end the threads; this process ends if one of them hangs. NULL is
 * fine. */
void signer_desk_free(struct signer_desk *d);
