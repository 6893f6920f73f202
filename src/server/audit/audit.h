/* The audit log of a process that has the store: what happened, a line each, on disk no
 * later than the answer that tells of it. Lines are noted from any thread and written by
 * the store's thread with the batch their session depends on. */
#pragma once

#include "core/base/buf.h"
#include "core/json/json_write.h"
#include "server/audit/audit_file.h"
#include "server/store/store_notes.h"

#define AUDIT_FOLDER        "audit" /* in the CA's folder; one below for each chain */
#define AUDIT_FOLDER_FRONT  "audit/front"
#define AUDIT_FOLDER_SIGNER "audit/signer"
#define AUDIT_REQUEST_MAX   4096 /* octets of a command that are kept as they are */

#define AUDIT_LIST_MAX 16384 /* octets of a list's texts */

enum audit_event {
#define AUDIT_EVENT(NAME, name, chain, sentence) AUDIT_##NAME,
#include "server/audit/audit_events.def"
#undef AUDIT_EVENT
    AUDIT_EVENTS,
};

/* Is there an event of that name? */
bool audit_event_is(const char *name);

struct audit;

/* Open the chain of the front and have the store write it; to be called before the first
 * change. The folder's parent is made, too. */
MUST_CHECK enum err audit_open(const char *parent, const char *folder,
                               int64_t segment_max, struct store *store,
                               struct audit **audit, struct err_info *why);

/* The number of the segment that is to be begun, 0: not yet; and the file for it (owned
 * from now on), which the next lines go into. Any thread. */
unsigned int audit_next_number(struct audit *audit);
void audit_go_on(struct audit *audit, unsigned int number, int fd);

/* After the store was closed, which writes what was noted. NULL is fine. */
void audit_close(struct audit *audit);

/* The last line that is on disk. Any thread. */
struct audit_place audit_place(struct audit *audit);

/* How many lines were noted since it was opened. Any thread. */
uint64_t audit_noted(struct audit *audit);

/* A line that is being made. */
struct audit_line {
    struct buf text;
    struct json_writer w; /* an open object, for its members */
};

/* Begin one: its time and event are there. */
void audit_begin(struct audit_line *l, enum audit_event event);

/* A digest as a member: SHA-256 of octets, in hexadecimal; and octets in hexadecimal. */
void audit_digest(struct audit_line *l, const char *name, struct span octets);
void audit_octets(struct audit_line *l, const char *name, struct span octets);

/* A list of texts as a member: as many as fit into AUDIT_LIST_MAX octets, and how many
 * more there are in a member `name`_left_out. */
void audit_texts(struct audit_line *l, const char *name, const char *const *texts,
                 size_t count);

/* What came of it: "result" is "ok", or the error's name, with its sentence. */
void audit_result(struct audit_line *l, enum err result, const struct err_info *why);

/* Note it, for a session whose work it belongs to; freed. Where no log is kept, nothing
 * happens. A line that is too long loses its last members, and has "cut" instead: what it
 * tells of is not undone for that. */
void audit_end(struct audit_line *l, struct store_session *s);

/* Or add it to a chain that this process writes by itself. */
void audit_end_file(struct audit_line *l, struct audit_file *file);
