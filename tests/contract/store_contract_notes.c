/* The store's contract: what is written beside its changes (server/store/store_notes.h).
 */
#include "contract.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "server/store/store_notes.h"

/* Who writes: it counts, and fails when it is told to. */
struct writer {
    atomic_int written;
    atomic_int synced;
    atomic_int undone;
    atomic_bool fails;
};

static enum err write_notes(void *context, struct err_info *why)
{
    struct writer *w = context;

    if (atomic_load(&w->fails))
        return err_set(why, ERR_IO, "the disk is full");
    atomic_fetch_add(&w->written, 1);
    return ERR_OK;
}

static void undone(void *context)
{
    struct writer *w = context;

    atomic_fetch_add(&w->undone, 1);
}

static bool sync_notes(void *context)
{
    struct writer *w = context;

    atomic_fetch_add(&w->synced, 1);
    return true;
}

static void use(struct contract *f, struct writer *w)
{
    const struct store_notes notes = {
        .context = w, .write = write_notes, .undone = undone, .sync = sync_notes};

    store_notes_use(f->store, &notes);
    assert_ptr_equal(store_notes_context(f->session), w);
}

/* Nobody writes: then nobody is asked, and changes are what they were. */
static void none_are_kept(void **state)
{
    struct contract *f = *state;

    store_session_begin(f->session);
    assert_null(store_notes_context(f->session));
    assert_int_equal(store_setting_add(f->session, "a", span_of("1"), &f->why), ERR_OK);
    contract_settle(f);
}

/* When a session's work is decided, what it noted is written and synced; also where
 * nothing else was changed. Without a note nothing is written. */
static void are_on_disk_with_the_change(void **state)
{
    struct contract *f = *state;
    struct writer w = {0};

    use(f, &w);
    store_session_begin(f->session);
    assert_int_equal(store_setting_add(f->session, "a", span_of("1"), &f->why), ERR_OK);
    contract_settle(f);
    assert_int_equal(atomic_load(&w.written), 0);
    store_session_begin(f->session);
    assert_int_equal(store_setting_add(f->session, "b", span_of("1"), &f->why), ERR_OK);
    store_notes_add(f->session);
    assert_int_equal(store_wait(f->store, store_session_ticket(f->session), &f->why),
                     ERR_OK);
    assert_true(atomic_load(&w.written) >= 1);
    assert_true(atomic_load(&w.synced) >= 1);
    int before = atomic_load(&w.synced);
    store_session_begin(f->session);
    store_notes_add(f->session);
    assert_true(store_session_ticket(f->session) > 0);
    assert_int_equal(store_wait(f->store, store_session_ticket(f->session), &f->why),
                     ERR_OK);
    assert_true(atomic_load(&w.synced) > before);
    assert_int_equal(atomic_load(&w.undone), 0);
    contract_close_store(f); /* while `w` is there */
    contract_open_store(f);
}

/* Notes that cannot be written undo the change they tell of, and later ones go on. */
static void that_fail_undo_the_change(void **state)
{
    struct contract *f = *state;
    struct writer w = {0};
    struct span value = {0};

    use(f, &w);
    atomic_store(&w.fails, true);
    store_session_begin(f->session);
    uint64_t before = store_session_undone(f->session);
    assert_int_equal(store_setting_add(f->session, "a", span_of("1"), &f->why), ERR_OK);
    store_notes_add(f->session);
    assert_int_equal(store_wait(f->store, store_session_ticket(f->session), &f->why),
                     ERR_STORE);
    assert_true(store_session_undone(f->session) > before);
    store_session_begin(f->session);
    assert_int_equal(store_setting_get(f->session, f->arena, "a", &value, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(atomic_load(&w.synced), 0);
    store_notes_add(f->session); /* and one that nothing depends on but itself */
    assert_int_equal(store_wait(f->store, store_session_ticket(f->session), &f->why),
                     ERR_STORE);
    atomic_store(&w.fails, false);
    store_session_begin(f->session);
    assert_int_equal(store_setting_add(f->session, "a", span_of("2"), &f->why), ERR_OK);
    store_notes_add(f->session);
    assert_int_equal(store_wait(f->store, store_session_ticket(f->session), &f->why),
                     ERR_OK);
    assert_int_equal(store_setting_get(f->session, f->arena, "a", &value, &f->why),
                     ERR_OK);
    assert_true(span_is(value, "2"));
    contract_close_store(f);
    contract_open_store(f);
}

/* A change and its note that are held together have one fate, however long it takes
 * from one to the other. */
static void that_are_held_go_with_the_change(void **state)
{
    struct contract *f = *state;
    struct writer w = {0};
    struct span value = {0};

    use(f, &w);
    atomic_store(&w.fails, true);
    store_session_begin(f->session);
    store_notes_hold(f->session);
    assert_int_equal(store_setting_add(f->session, "a", span_of("1"), &f->why), ERR_OK);
    store_ticket_number changed = store_session_ticket(f->session);
    (void)usleep(50000); /* long enough for the change to be committed without it */
    store_notes_add(f->session);
    store_notes_release(f->session);
    assert_int_equal(store_session_ticket(f->session), changed);
    assert_int_equal(store_wait(f->store, changed, &f->why), ERR_STORE);
    atomic_store(&w.fails, false);
    store_session_begin(f->session);
    assert_int_equal(store_setting_get(f->session, f->arena, "a", &value, &f->why),
                     ERR_NOT_FOUND);
    contract_close_store(f);
    contract_open_store(f);
}

/* Work that lost one of its batches changes nothing more, is never called good for the
 * sake of a later batch, and disturbs nobody else's. */
static void that_are_lost_end_the_work(void **state)
{
    struct contract *f = *state;
    struct writer w = {0};
    struct span value = {0};
    struct store_session *other = NULL;

    use(f, &w);
    assert_int_equal(store_session_open(f->store, &other, &f->why), ERR_OK);
    atomic_store(&w.fails, true);
    store_session_begin(f->session);
    store_notes_add(f->session);
    store_ticket_number lost = store_session_ticket(f->session);
    assert_int_equal(store_wait(f->store, lost, &f->why), ERR_STORE);
    atomic_store(&w.fails, false);
    store_session_begin(other);
    assert_int_equal(store_setting_add(other, "other", span_of("1"), &f->why), ERR_OK);
    assert_int_equal(store_setting_add(f->session, "a", span_of("1"), &f->why),
                     ERR_STORE);
    assert_int_equal(store_wait(f->store, store_session_ticket(other), &f->why), ERR_OK);
    assert_int_equal(store_setting_get(f->session, f->arena, "other", &value, &f->why),
                     ERR_OK);
    store_notes_add(f->session);
    store_session_depend(f->session, store_session_ticket(other));
    assert_int_equal(store_session_ticket(f->session), lost);
    assert_int_equal(store_wait(f->store, lost, &f->why), ERR_STORE);
    store_session_begin(f->session);
    assert_int_equal(store_setting_get(f->session, f->arena, "a", &value, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(store_setting_add(f->session, "a", span_of("1"), &f->why), ERR_OK);
    contract_settle(f);
    store_session_close(other);
    contract_close_store(f);
    contract_open_store(f);
}

int contract_notes(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(none_are_kept),
        CONTRACT_TEST(are_on_disk_with_the_change),
        CONTRACT_TEST(that_fail_undo_the_change),
        CONTRACT_TEST(that_are_held_go_with_the_change),
        CONTRACT_TEST(that_are_lost_end_the_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
