/* What is written beside the store: lines of a log. */
#pragma once

#include "server/store/store.h"

/* What is written beside the store's changes and must be on disk no later: lines of a
 * log. All are called on the store's thread, `write` with the store's lock held. */
struct store_notes {
    void *context;
    /* Write what was noted; a failure undoes the batch. */
    enum err (*write)(void *context, struct err_info *why);
    /* The changes beside what was just written were undone. */
    void (*undone)(void *context);
    /* What was written is to be on disk; a failure ends the process. */
    bool (*sync)(void *context);
};

/* Have notes written from now on; before the first change. */
void store_notes_use(struct store *store, const struct store_notes *notes);

/* Who writes them, for those who have a session only; NULL: nobody. */
void *store_notes_context(const struct store_session *s);

/* What this thread changes and notes until the release goes into one batch, so that a
 * change is never kept without its line, nor called undone for the sake of a line that
 * went into a later batch. Everyone else waits meanwhile: be short, and wait for nothing,
 * least of all for the store. */
void store_notes_hold(struct store_session *s);
void store_notes_release(struct store_session *s);

/* Something was noted: the session's work depends on the batch that writes it. */
void store_notes_add(struct store_session *s);
