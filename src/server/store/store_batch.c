/* Group commit: one sync for every change that came while the sync before it ran.
 *
 * Changes run on the writer connection under the lock, inside the transaction of the
 * current batch. The committer ends that transaction (the pages are then in the WAL file,
 * in the kernel's memory), lets the next batch begin, and syncs the WAL through a
 * descriptor of its own. A batch is on disk when that returned: fdatasync covers the
 * whole file, so every frame up to the batch's commit frame, and SQLite replays a WAL up
 * to its last whole commit. synchronous=NORMAL makes SQLite sync the WAL before a
 * checkpoint copies it and the database before the WAL is begun anew, so a frame that was
 * acknowledged is always in one of them. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/wake.h"
#include "server/store/store_private.h"
#include "server/store/store_wal_file.h"

#define CHECKPOINT_PAGES 2048 /* of the WAL: 8 MiB; so many more start a checkpoint */
#define CHECKPOINT_BATCHES                                                               \
    256 /* while changes never pause, it is looked at after so many */
#define CHECKPOINT_PAGES_MOST                                                            \
    8192 /* 32 MiB: then at once; some batches have thousands of pages */
#define WAITERS_FIRST 64

static void *committer_main(void *argument);

/* Did this batch fail? With the lock held, for batches that are not open any more. Of
 * what is older than a forgotten failure nobody knows: it is called failed, since a
 * success that is not true must never be told. */
static enum err outcome(const struct store *store, store_ticket_number ticket)
{
    size_t kept = store->failure_count < STORE_FAILURES_KEPT ? store->failure_count
                                                             : STORE_FAILURES_KEPT;

    if (ticket <= store->forgotten)
        return ERR_STORE;
    for (size_t i = 0; i < kept; i++)
        if (store->failures[i].first <= ticket && ticket <= store->failures[i].last)
            return ERR_STORE;
    return ERR_OK;
}

/* With the lock held: was a batch undone that the session's work depends on? */
static bool is_lost(const struct store_session *s)
{
    return s->ticket != 0 && s->ticket < s->store->batch &&
           outcome(s->store, s->ticket) != ERR_OK;
}

/* With the lock held. A piece of work of several batches is as good as the worst: one
 * that was undone stays what it depends on, whatever comes later. */
static void depend(struct store_session *s, store_ticket_number ticket)
{
    if (is_lost(s))
        return;
    if (ticket > s->ticket)
        s->ticket = ticket;
}

/* With the lock held. */
static void note_failure(struct store *store, store_ticket_number batch)
{
    struct store_failure *newest =
        &store->failures[(store->failure_count - 1) % STORE_FAILURES_KEPT];

    if (store->failure_count > 0 && newest->last + 1 == batch) {
        newest->last = batch;
        return;
    }
    newest = &store->failures[store->failure_count % STORE_FAILURES_KEPT];
    if (store->failure_count >= STORE_FAILURES_KEPT)
        store->forgotten = newest->last;
    newest->first = batch;
    newest->last = batch;
    store->failure_count++;
}

/* With the lock held. The thread is started by the first change, so that a process can
 * open the store, give up its rights, and only then have threads. */
static enum err start_committer(struct store *store, struct err_info *why)
{
    if (store->committer_runs)
        return ERR_OK;
    if (pthread_create(&store->committer, NULL, committer_main, store) != 0)
        return err_set(why, ERR_STORE, "cannot start the store's thread");
    store->committer_runs = true;
    return ERR_OK;
}

/* With the lock held. An error of the disk or of memory, of a read too, has SQLite roll
 * back the whole transaction by itself: what came next would be committed alone. */
static void look_for_rollback(struct store *store)
{
    if (store->dirty && sqlite3_get_autocommit(store->writer.db) != 0)
        store->poisoned = true;
}

enum err store_batch_begin(struct store_session *s, struct err_info *why)
{
    struct store *store = s->store;

    pthread_mutex_lock(&store->lock);
    look_for_rollback(store);
    s->lost = is_lost(s);
    if (s->lost)
        return err_set(why, ERR_STORE, "what this depends on could not be stored");
    if (store->poisoned)
        return err_set(why, ERR_STORE, "the store failed; its changes are being undone");
    if (store->dirty)
        return ERR_OK;
    TRY(start_committer(store, why));
    enum err result = store_connection_do(
        &store->writer, store_connection_statement(&store->writer, STATEMENT_BEGIN), why);
    if (result == ERR_OK)
        store->dirty = true;
    return result;
}

enum err store_batch_end(struct store_session *s, enum err result)
{
    struct store *store = s->store;

    if (result == ERR_STORE && store->dirty && !s->lost)
        store->poisoned = true;
    bool work = store->dirty;
    /* also a refusal depends on what the batch holds: it must not leave before it is
     * decided */
    if (work)
        depend(s, store->batch);
    pthread_mutex_unlock(&store->lock);
    if (work) /* not while the lock is held: the committer would wake only to wait */
        pthread_cond_signal(&store->work);
    return result;
}

struct store_connection *store_read_begin(struct store_session *s)
{
    pthread_mutex_lock(&s->store->lock);
    return &s->store->writer;
}

/* What an open batch holds was seen too. */
enum err store_read_end(struct store_session *s, enum err result)
{
    struct store *store = s->store;

    look_for_rollback(store);
    depend(s, store->dirty ? store->batch : store->committed);
    pthread_mutex_unlock(&store->lock);
    return result;
}

/* With the lock held: end the batch's transaction. */
static enum err commit(struct store *store, struct err_info *why)
{
    struct store_connection *c = &store->writer;
    enum err result = ERR_STORE;

    if (!store->poisoned) {
        store_wal_file_gather(c->db);
        result =
            store_connection_do(c, store_connection_statement(c, STATEMENT_COMMIT), why);
        if (!store_wal_file_gathered(c->db, result == ERR_OK)) {
            log_event(LOG_LEVEL_ERROR, "store.write_failed", "errno=%d",
                      sqlite3_system_errno(c->db));
            abort();
        }
    }
    if (result != ERR_OK && sqlite3_get_autocommit(c->db) == 0)
        (void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

/* With the lock held: notes first, for a disk that is full must undo what they tell of.
 */
static enum err write_batch(struct store *store, bool noted, struct err_info *why)
{
    struct err_info ignored = {0};
    enum err result = noted ? store->notes.write(store->notes.context, why) : ERR_OK;

    if (!store->dirty)
        return result;
    if (result != ERR_OK) {
        store->poisoned = true;
        (void)commit(store, &ignored);
        return ERR_STORE;
    }
    result = commit(store, why);
    if (result != ERR_OK && noted)
        store->notes.undone(store->notes.context);
    return result;
}

/* With the lock held: the waiters of decided batches, taken out of the list. */
static size_t take_decided(struct store *store, struct store_waiter **taken)
{
    size_t count = 0;
    size_t kept = 0;

    *taken = memory_get(store->waiter_count * sizeof **taken);
    for (size_t i = 0; i < store->waiter_count; i++) {
        if (store->waiters[i].ticket <= store->decided)
            (*taken)[count++] = store->waiters[i];
        else
            store->waiters[kept++] = store->waiters[i];
    }
    store->waiter_count = kept;
    return count;
}

/* Copy the WAL into the database, as far as it is committed. */
static void copy_wal(struct store *store)
{
    int copied = 0;
    int result = sqlite3_wal_checkpoint_v2(store->checkpointer.db, "main",
                                           SQLITE_CHECKPOINT_PASSIVE, NULL, &copied);

    if (result != SQLITE_OK && result != SQLITE_BUSY)
        log_event(LOG_LEVEL_WARNING, "store.checkpoint_failed", "code=%d", result);
    store->wal_copied = copied > 0 ? copied : 0;
}

/* With the lock held, which is let go meanwhile: commit, sync, tell. */
static void commit_one(struct store *store)
{
    struct err_info why = {0};
    store_ticket_number batch = store->batch;
    struct store_waiter *taken;

    bool noted = store->noted;
    bool dirty = store->dirty;
    enum err result = write_batch(store, noted, &why);
    if (store->wal_rest && store->wal_pages >= CHECKPOINT_PAGES)
        copy_wal(store); /* the little that came meanwhile: see checkpoint() */
    store->wal_rest = false;
    if (result != ERR_OK) { /* before anyone can read what is there instead */
        atomic_fetch_add(&store->undone, 1);
        note_failure(store, batch);
    }
    store->batch++;
    store->dirty = false;
    store->noted = false;
    store->poisoned = false;
    if (result == ERR_OK) /* what is undone nobody saw */
        store->committed = batch;
    pthread_mutex_unlock(&store->lock);
    if (result == ERR_OK && noted && !store->notes.sync(store->notes.context)) {
        log_event(LOG_LEVEL_ERROR, "store.notes_sync_failed", "errno=%d", errno);
        abort();
    }
    if (result == ERR_OK && dirty && fdatasync(store->wal_fd) != 0) {
        /* the kernel may have dropped the pages: nothing read from here on can be trusted
         */
        log_event(LOG_LEVEL_ERROR, "store.sync_failed", "errno=%d", errno);
        abort();
    }
    if (result != ERR_OK)
        log_event(LOG_LEVEL_ERROR, "store.batch_undone", "batch=%llu why=" LOG_QUOTE,
                  (unsigned long long)batch, why.detail);
    pthread_mutex_lock(&store->lock);
    store->decided = batch;
    size_t count = take_decided(store, &taken);
    pthread_mutex_unlock(&store->lock);
    pthread_cond_broadcast(&store->decided_changed);
    wake_hold(); /* whoever is told by several of them is woken once */
    for (size_t i = 0; i < count; i++)
        taken[i].done(taken[i].argument, taken[i].ticket == batch ? result : ERR_OK);
    wake_release();
    free(taken);
    pthread_mutex_lock(&store->lock);
}

int store_batch_on_wal(void *context, sqlite3 *db, const char *name, int pages)
{
    struct store *store = context;

    (void)db;
    (void)name;
    if (pages < store->wal_pages) /* it was begun anew */
        store->wal_copied = 0;
    store->wal_pages = pages;
    return SQLITE_OK;
}

/* Copy the WAL into the database when it has grown; changes go on meanwhile. It is begun
 * anew by the first change that finds all of it copied. Where changes never pause none
 * does, so the rest is copied once more with the lock held, right after a commit. */
static void checkpoint(struct store *store)
{
    if (store->wal_pages - store->wal_copied < CHECKPOINT_PAGES)
        return;
    copy_wal(store);
    store->wal_rest = true;
}

/* With the lock held, which is let go meanwhile. Whoever can run now may have something
 * to add to the batch, and this thread was woken by the first who had: on a core that is
 * busy it would sync for him alone. Where nobody else can run this is over at once. */
static void let_others_join(struct store *store)
{
    pthread_mutex_unlock(&store->lock);
    (void)sched_yield();
    pthread_mutex_lock(&store->lock);
}

static void *committer_main(void *argument)
{
    struct store *store = argument;
    unsigned int batches = 0;

    pthread_mutex_lock(&store->lock);
    for (;;) {
        while (!store->dirty && !store->noted && !store->stopping)
            pthread_cond_wait(&store->work, &store->lock);
        if (!store->dirty && !store->noted)
            break;
        let_others_join(store);
        commit_one(store);
        if (++batches % CHECKPOINT_BATCHES == 0 || !store->dirty ||
            store->wal_pages - store->wal_copied >= CHECKPOINT_PAGES_MOST) {
            pthread_mutex_unlock(&store->lock);
            checkpoint(store);
            pthread_mutex_lock(&store->lock);
        }
    }
    pthread_mutex_unlock(&store->lock);
    return NULL;
}

void store_notes_use(struct store *store, const struct store_notes *notes)
{
    store->notes = *notes;
}

void *store_notes_context(const struct store_session *s)
{
    return s->store->notes.context;
}

void store_notes_add(struct store_session *s)
{
    struct store *store = s->store;
    struct err_info why = {0};

    pthread_mutex_lock(&store->lock);
    if (start_committer(store, &why) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "store.cannot_start", "why=" LOG_QUOTE, why.detail);
        abort();
    }
    store->noted = true;
    depend(s, store->batch);
    pthread_mutex_unlock(&store->lock);
    pthread_cond_signal(&store->work);
}

void store_notes_hold(struct store_session *s)
{
    pthread_mutex_lock(&s->store->lock);
}

void store_notes_release(struct store_session *s)
{
    pthread_mutex_unlock(&s->store->lock);
}

void store_session_depend(struct store_session *s, store_ticket_number ticket)
{
    if (s->ticket == 0) { /* mostly */
        s->ticket = ticket;
        return;
    }
    pthread_mutex_lock(&s->store->lock);
    depend(s, ticket);
    pthread_mutex_unlock(&s->store->lock);
}

void store_when_durable(struct store *store, store_ticket_number ticket,
                        void (*done)(void *argument, enum err result), void *argument)
{
    pthread_mutex_lock(&store->lock);
    if (ticket <= store->decided) {
        enum err result = ticket == 0 ? ERR_OK : outcome(store, ticket);
        pthread_mutex_unlock(&store->lock);
        done(argument, result);
        return;
    }
    if (store->waiter_count == store->waiter_room) {
        store->waiter_room =
            store->waiter_room > 0 ? store->waiter_room * 2 : WAITERS_FIRST;
        store->waiters =
            memory_resize(store->waiters, store->waiter_room * sizeof store->waiters[0]);
    }
    store->waiters[store->waiter_count].ticket = ticket;
    store->waiters[store->waiter_count].done = done;
    store->waiters[store->waiter_count].argument = argument;
    store->waiter_count++;
    pthread_mutex_unlock(&store->lock);
}

enum err store_wait(struct store *store, store_ticket_number ticket, struct err_info *why)
{
    pthread_mutex_lock(&store->lock);
    while (ticket > store->decided)
        pthread_cond_wait(&store->decided_changed, &store->lock);
    enum err result = ticket == 0 ? ERR_OK : outcome(store, ticket);
    pthread_mutex_unlock(&store->lock);
    return result == ERR_OK ? ERR_OK
                            : err_set(why, ERR_STORE, "the change could not be stored");
}

void store_batch_stop(struct store *store)
{
    if (!store->committer_runs)
        return;
    pthread_mutex_lock(&store->lock);
    store->stopping = true;
    pthread_cond_signal(&store->work);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->committer, NULL);
    store->committer_runs = false;
}
