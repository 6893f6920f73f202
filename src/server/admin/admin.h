/* Administration commands: what there is, and what a handler gets.
 *
 * The same handler runs in the front of a running CA, on a thread of its own, and in the
 * program that was called when no CA is running. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"
#include "server/exchange/exchange.h"
#include "server/settings/settings.h"
#include "server/store/store.h"

#define ADMIN_ARGUMENTS_MAX 24                /* of one command */
#define ADMIN_NAME_MAX      64                /* octets of "noun verb" */
#define ADMIN_ITEM_MAX      1000              /* octets of a text in a list */
#define ADMIN_FILE_MAX      (4 * 1024 * 1024) /* octets of a file that is sent */
#define ADMIN_REQUEST_MAX   (6 * 1024 * 1024) /* octets: that, as JSON */
#define ADMIN_ANSWER_MAX    (1000 * 1024)     /* octets; below JSON_READ_MAX_SIZE */

enum admin_kind {
    ADMIN_FLAG,
    ADMIN_TEXT,
    ADMIN_NUMBER,
    ADMIN_LIST,
    ADMIN_LINES,
    ADMIN_FILE,
    ADMIN_KEYS,
    ADMIN_DURATION,
    ADMIN_TIME,
    ADMIN_PAST,
};

enum admin_place {
    ADMIN_POSITION,
    ADMIN_NEEDED,
    ADMIN_OPTION,
};

/* One argument, as in commands.def. */
struct admin_argument {
    enum admin_place place;
    const char *name; /* in the request */
    enum admin_kind kind;
    const char *shown; /* what its value is called in the help */
    int64_t least, most;
    const char *sentence;
};

struct admin_call;

struct admin_command {
    const char *name; /* "noun verb" */
    const char *noun;
    enum err (*run)(struct admin_call *call, struct err_info *why);
    const struct admin_argument *arguments; /* ended by one without a name */
};

/* One command on its way. Its arguments have been checked against the table. */
struct admin_call {
    struct arena *arena; /* for the whole call */
    const struct admin_command *command;
    const struct json *arguments; /* an object */
    const struct settings *settings;
    struct store_session *session;
    struct services *services;  /* of the running CA; NULL if none is running */
    struct json_writer *result; /* the handler adds members to an open object */
    int64_t now;                /* seconds */
    int64_t uid;                /* whose process asked */
    const char *asked;          /* the command's name, also of one that is refused */
    bool held;                  /* until its line is noted: admin_hold() */
    bool refused; /* nothing was done, and the result says why at length: it has a member
                     "refused" with the sentence that `why` has */
};

/* Each handler. What it changed is on disk before its result is told; on a failure, what
 * it wrote into the result is dropped. */
#define ADMIN(noun, verb, handler, sentence, example)                                    \
    MUST_CHECK enum err handler(struct admin_call *call, struct err_info *why);
#include "server/admin/commands.def"

/* The command "noun verb", NULL if there is none. */
const struct admin_command *admin_find(const char *name);

/* Is there a command with that noun? */
bool admin_is_noun(const char *noun);

/* The argument `name` of a command, NULL if it has none. */
const struct admin_argument *admin_argument(const struct admin_command *command,
                                            const char *name);

/* How the user writes an argument: "--name" with dashes, or what a position is called. In
 * the arena. */
const char *admin_argument_text(struct arena *a, const struct admin_argument *argument);

/* Arguments of a call; texts live in its arena. What was not given is NULL, `missing`,
 * false, or a list of no items. */
const char *admin_text(const struct admin_call *call, const char *name);
int64_t admin_number(const struct admin_call *call, const char *name, int64_t missing);
bool admin_flag(const struct admin_call *call, const char *name);
size_t admin_count(const struct admin_call *call, const char *name);
const char *admin_item(const struct admin_call *call, const char *name, size_t index);

/* Milliseconds of a DURATION; seconds since 1970 of a TIME and of a PAST. */
int64_t admin_duration(const struct admin_call *call, const char *name, int64_t missing);
int64_t admin_time(const struct admin_call *call, const char *name, int64_t missing);
int64_t admin_past(const struct admin_call *call, const char *name, int64_t missing);

/* To be called before the store is changed: the change and the command's line go into one
 * batch then, so that neither is kept without the other. Until the handler returns
 * everyone else waits: nothing may be done then that takes long, or waits for a lock that
 * somebody may have who waits for the store. */
void admin_hold(struct admin_call *call);

/* An account was changed in the store, or many: a running CA must look at them anew. */
void admin_forget_account(const struct admin_call *call, int64_t id);
void admin_forget_accounts(const struct admin_call *call);
