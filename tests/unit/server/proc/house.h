/* A house of toys (tests/lib/supervised.c under the real supervisor), started and
 * listened to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HOUSE_PATIENCE_MS 10000        /* for anything that must come */
#define HOUSE_LOG_MAX     (256 * 1024) /* octets a house may say */

/* A running house, and all it said: the children on stdout, the log on stderr. */
struct house {
    pid_t pid;
    int out;
    char said[HOUSE_LOG_MAX];
    size_t len, read; /* said; and up to where it was looked at */
    bool ended;
};

struct variable {
    const char *name, *value;
};

/* Path of the supervised program, beside this test's folder. */
const char *house_program(void);

/* Start one with these environment variables, which end with a NULL name; NULL: none. */
struct house *house_start(const struct variable *variables);

/* Wait for more; false when the time (monotonic) is over or nobody is left to speak. */
bool house_listen(struct house *h, int64_t until_us);

/* The next line that has `text` in it, behind what was found before; NULL if none comes.
 */
const char *house_heard(struct house *h, const char *text, int64_t wait_ms);

/* The same; without it the test fails. */
const char *house_expect(struct house *h, const char *text);

/* Look at all that was said again, from the beginning. */
void house_rewind(struct house *h);

/* The process number in the next "ROLE start PID uid UID", or the first of all. */
pid_t house_expect_start(struct house *h, const char *role);
pid_t house_first_start(struct house *h, const char *role);

/* The front has got an answer from that process. */
void house_expect_answer(struct house *h, const char *role, pid_t pid);

/* Wait for its end, or ask for it first (SIGTERM): the exit code, -1 for a signal. What
 * it said is kept. */
int house_end(struct house *h);
int house_stop(struct house *h);
