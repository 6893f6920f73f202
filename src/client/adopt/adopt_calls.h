/* Where this system calls another client: crontabs, and services of systemd. What a
 * client keeps nowhere (lego its flags, uacme its hook) stands there, and there it is to
 * be switched off. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/adopt/adopt.h"

#define ADOPT_CALL_WORDS_MAX 256

/* One command line that calls it. Quotes are taken off; variables are not put in. */
struct adopt_call {
    const char *file;
    const char *unit; /* the timer, or else service, of systemd; NULL: a crontab */
    const char *const
        *assignments; /* NAME=VALUE before it, and Environment= of a service */
    size_t assignment_count;
    const char *const *words; /* behind the program's name */
    size_t count;
};

struct adopt_calls {
    struct adopt_call *items;
    size_t count;
};

/* All calls of `program` (a name without folder): in /etc/crontab, /etc/cron.d and its
 * like, crontabs of users, and services below /etc/systemd/system and the system's own.
 * What cannot be read is passed over. */
void adopt_calls_find(struct arena *a, const char *program, struct adopt_calls *calls);

/* Say of each that it is to be switched off, and how: two clients that renew the same get
 * into each other's way. */
void adopt_calls_remark(struct adopt *found, const char *program,
                        const struct adopt_calls *calls);

/* The value of an option, behind it or behind an equals sign, the last one that is there;
 * NULL if it is not. `name` is with its dashes; "" for a flag that has none. */
const char *adopt_calls_option(const struct adopt_call *call, const char *name);

/* As that, a whole number from 1 to `most`; 0 if it is none. */
int adopt_calls_number(const struct adopt_call *call, const char *name, int most);

/* The value of a variable that is set for it; NULL if it is not. */
const char *adopt_calls_variable(const struct adopt_call *call, const char *name);

/* The commands of the text of one file, for adopt_calls_find and its tests. */
void adopt_calls_read(struct arena *a, const char *file, struct span text,
                      const char *program, struct adopt_calls *calls);
