/* Tests of server/exchange/shelf: documents are whole as long as somebody reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "core/base/err.h"
#include "server/exchange/shelf.h"

static atomic_int dropped;

static void drop(void *object)
{
    *(int *)object = 1;
    atomic_fetch_add(&dropped, 1);
}

static void put(struct shelf *shelf, const char *path, const char *text, const char *etag,
                int *object)
{
    const struct shelf_document d = {.content_type = "text/plain",
                                     .octets = span_of(text),
                                     .modified = 5,
                                     .expires = 9,
                                     .etag = etag};

    shelf_put(shelf, path, &d, object != NULL ? drop : NULL, object);
}

static void found_by_path(void **state)
{
    struct shelf *shelf = shelf_new();
    AUTO(arena) struct arena *a = arena_new();
    struct shelf_document d = {0};
    char path[32];

    (void)state;
    assert_false(shelf_get(shelf, "/a", a, &d));
    for (int i = 0; i < 3000; i++) { /* more than there are buckets */
        (void)snprintf(path, sizeof path, "/crl/%d", i);
        put(shelf, path, "x", "\"1\"", NULL);
    }
    put(shelf, "/crl/7", "seven", "\"7\"", NULL);
    assert_true(shelf_get(shelf, "/crl/7", a, &d));
    assert_true(span_is(d.octets, "seven"));
    assert_string_equal(d.etag, "\"7\"");
    assert_int_equal(d.modified, 5);
    assert_int_equal(d.expires, 9);
    assert_true(shelf_get(shelf, "/crl/2999", a, &d));
    assert_false(shelf_get(shelf, "/crl/3000", a, &d));
    assert_false(shelf_get(shelf, "/crl/", a, &d));
    shelf_free(shelf);
    shelf_free(NULL);
}

static void kept_while_read(void **state)
{
    struct shelf *shelf = shelf_new();
    struct arena *reader = arena_new();
    struct shelf_document d = {0};
    int gone[2] = {0};

    (void)state;
    put(shelf, "/a", "one", "\"1\"", &gone[0]);
    assert_true(shelf_get(shelf, "/a", reader, &d));
    put(shelf, "/a", "two", "\"2\"", &gone[1]);
    assert_int_equal(gone[0], 0);
    assert_string_equal(d.etag, "\"1\"");
    arena_free(reader);
    assert_int_equal(gone[0], 1);
    assert_int_equal(gone[1], 0);
    shelf_free(shelf);
    assert_int_equal(gone[1], 1);
}

#define ROUNDS 20000

static void *read_on(void *argument)
{
    struct shelf *shelf = argument;

    for (int i = 0; i < ROUNDS; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct shelf_document d = {0};
        if (!shelf_get(shelf, "/a", a, &d) || d.octets.len != 3)
            return shelf;
    }
    return NULL;
}

static void by_many_threads(void **state)
{
    struct shelf *shelf = shelf_new();
    pthread_t threads[4];
    static int objects[ROUNDS];
    void *failed = NULL;

    (void)state;
    put(shelf, "/a", "000", "\"0\"", NULL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, shelf), 0);
    for (int i = 0; i < 1000; i++)
        put(shelf, "/a", "111", "\"1\"", &objects[i]);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    shelf_free(shelf);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(objects[i], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_by_path),
        cmocka_unit_test(kept_while_read),
        cmocka_unit_test(by_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
