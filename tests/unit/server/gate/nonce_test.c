/* Tests of server/gate/nonce: sealed, timed, used once, over restarts, threads
 * and a power loss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "server/gate/nonce.h"

#define THREADS  8
#define MINUTE   INT64_C(60000) /* milliseconds */
#define BOOT_AT  40             /* octets in front of the boot id: magic and key */
#define CLEAN_AT 76             /* ... and behind it */

static char path[64];
static struct arena *arena;

static struct nonce_jar *open_jar(void)
{
    struct nonce_jar *jar = NULL;
    struct err_info why = {0};

    if (nonce_jar_open(path, &jar, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    return jar;
}

static char *give(struct nonce_jar *jar)
{
    char *text = arena_get(arena, NONCE_TEXT_SIZE);

    assert_int_equal(nonce_give(jar, text, NULL), ERR_OK);
    return text;
}

static enum err take(struct nonce_jar *jar, const char *text)
{
    return nonce_take(jar, arena, text, NULL);
}

static void once(void **state)
{
    struct nonce_jar *jar = open_jar();
    char *nonces[100];

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        nonces[i] = give(jar);
        assert_int_equal(strlen(nonces[i]), 32);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(nonces[i], nonces[j]);
    }
    for (size_t i = 100; i > 0; i--) {
        assert_int_equal(take(jar, nonces[i - 1]), ERR_OK);
        assert_int_equal(take(jar, nonces[i - 1]), ERR_BAD_NONCE);
    }
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    nonce_jar_close(jar);
    nonce_jar_close(NULL);
}

/* Every bit counts, and so does the length. */
static void forged(void **state)
{
    struct nonce_jar *jar = open_jar();
    const char *good = give(jar);
    struct span raw;

    (void)state;
    assert_true(base64url_decode(arena, span_of(good), &raw));
    for (size_t bit = 0; bit < raw.len * 8; bit++) {
        uint8_t *changed = arena_copy(arena, raw.data, raw.len);
        changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(take(jar, base64url_string(arena, span_make(changed, raw.len))),
                         ERR_BAD_NONCE);
    }
    for (size_t len = 0; len < raw.len; len++)
        assert_int_equal(take(jar, base64url_string(arena, span_make(raw.data, len))),
                         ERR_BAD_NONCE);
    assert_int_equal(take(jar, arena_printf(arena, "%sAAAA", good)), ERR_BAD_NONCE);
    assert_int_equal(take(jar, arena_printf(arena, "%s=", good)), ERR_BAD_NONCE);
    assert_int_equal(take(jar, "!"), ERR_BAD_NONCE);
    assert_int_equal(take(jar, good), ERR_OK); /* none of that used it up */
    nonce_jar_close(jar);
}

/* S-NONCE-12 */
static void timed(void **state)
{
    struct nonce_jar *jar = open_jar();
    const char *nonce = give(jar);
    const char *later = give(jar);
    const char *unused = give(jar);

    (void)state;
    clock_shift_ms(59 * MINUTE);
    assert_int_equal(take(jar, nonce), ERR_OK);
    assert_int_equal(take(jar, nonce), ERR_BAD_NONCE);
    clock_shift_ms(62 * MINUTE);
    assert_int_equal(take(jar, later), ERR_BAD_NONCE);
    /* hours later, when other minutes were in its slot: still refused, and new ones work
     */
    for (int64_t m = 62; m < 200; m++) {
        clock_shift_ms(m * MINUTE);
        const char *fresh = give(jar);
        assert_int_equal(take(jar, nonce), ERR_BAD_NONCE);
        assert_int_equal(take(jar, unused), ERR_BAD_NONCE);
        assert_int_equal(take(jar, fresh), ERR_OK);
        assert_int_equal(take(jar, fresh), ERR_BAD_NONCE);
    }
    clock_shift_ms(0);
    nonce_jar_close(jar);
}

/* The clock is set back: nothing that was used comes to life again. */
static void clock_set_back(void **state)
{
    struct nonce_jar *jar = open_jar();

    (void)state;
    clock_shift_ms(600 * MINUTE);
    const char *used = give(jar);
    assert_int_equal(take(jar, used), ERR_OK);
    clock_shift_ms(300 * MINUTE);
    assert_int_equal(take(jar, used), ERR_BAD_NONCE);
    clock_shift_ms(600 * MINUTE);
    assert_int_equal(take(jar, used), ERR_BAD_NONCE);
    clock_shift_ms(0);
    nonce_jar_close(jar);
}

/* A clock that was far ahead for an hour and was then corrected: there are nonces in
 * every minute, and none of the future is good when that comes. */
static void clock_corrected(void **state)
{
    struct nonce_jar *jar = open_jar();
    const char *used[70];
    const char *unused[70];

    (void)state;
    for (int64_t m = 0; m < 70; m++) {
        clock_shift_ms((6000 + m) * MINUTE);
        used[m] = give(jar);
        unused[m] = give(jar);
        assert_int_equal(take(jar, used[m]), ERR_OK);
    }
    for (int64_t m = 0; m < 70; m++) {
        clock_shift_ms(m * MINUTE);
        const char *fresh = give(jar);
        assert_int_equal(take(jar, fresh), ERR_OK);
        assert_int_equal(take(jar, fresh), ERR_BAD_NONCE);
    }
    for (int64_t m = 0; m < 70; m++) {
        clock_shift_ms((6000 + m) * MINUTE);
        for (int i = 0; i < 3; i++)
            assert_int_equal(take(jar, give(jar)), ERR_OK);
        assert_int_equal(take(jar, used[m]), ERR_BAD_NONCE);
        assert_int_equal(take(jar, unused[m]), ERR_BAD_NONCE);
    }
    clock_shift_ms(0);
    nonce_jar_close(jar);
    (void)unlink(path);
}

/* S-NONCE-11 */
static void restart(void **state)
{
    struct nonce_jar *jar = open_jar();
    const char *used = give(jar);
    const char *unused = give(jar);

    (void)state;
    assert_int_equal(take(jar, used), ERR_OK);
    nonce_jar_close(jar);
    jar = open_jar();
    const char *fresh = give(jar);
    assert_string_not_equal(fresh, used);
    assert_string_not_equal(fresh, unused);
    assert_int_equal(take(jar, used), ERR_BAD_NONCE);
    assert_int_equal(take(jar, unused), ERR_OK);
    assert_int_equal(take(jar, unused), ERR_BAD_NONCE);
    nonce_jar_close(jar);
}

/* Killed without a word: in the same boot everything is still true. */
static void killed(void **state)
{
    int pipe_ends[2];
    char texts[2][NONCE_TEXT_SIZE];

    (void)state;
    assert_int_equal(pipe(pipe_ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct nonce_jar *jar = NULL;
        if (nonce_jar_open(path, &jar, NULL) != ERR_OK ||
            nonce_give(jar, texts[0], NULL) != ERR_OK ||
            nonce_give(jar, texts[1], NULL) != ERR_OK ||
            nonce_take(jar, arena, texts[0], NULL) != ERR_OK ||
            write(pipe_ends[1], texts, sizeof texts) != sizeof texts)
            _exit(1);
        (void)raise(SIGKILL);
    }
    assert_int_equal(read(pipe_ends[0], texts, sizeof texts), sizeof texts);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    (void)close(pipe_ends[0]);
    (void)close(pipe_ends[1]);
    struct nonce_jar *jar = open_jar();
    assert_int_equal(take(jar, texts[0]), ERR_BAD_NONCE);
    assert_int_equal(take(jar, texts[1]), ERR_OK);
    nonce_jar_close(jar);
}

static void patch(off_t at, const void *octets, size_t len)
{
    int fd = open(path, O_RDWR);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, octets, len, at), len);
    (void)close(fd);
}

/* S-NONCE-11: Another boot, and not closed: the marks may not have reached the disk, so
 * all older nonces are refused. Closed in order they are as good as before. */
static void power_loss(void **state)
{
    static const char other_boot[36] = "00000000-0000-0000-0000-00000000000f";
    static const uint8_t unclean[4] = {0};
    struct nonce_jar *jar = open_jar();
    const char *first = give(jar);
    const char *second = give(jar);

    (void)state;
    nonce_jar_close(jar);
    patch(BOOT_AT, other_boot, sizeof other_boot);
    jar = open_jar();
    assert_int_equal(take(jar, first), ERR_OK);
    nonce_jar_close(jar);
    patch(BOOT_AT, other_boot, sizeof other_boot);
    patch(CLEAN_AT, unclean, sizeof unclean);
    jar = open_jar();
    assert_int_equal(take(jar, first), ERR_BAD_NONCE);
    assert_int_equal(take(jar, second), ERR_BAD_NONCE);
    for (int i = 0; i < 10; i++) {
        const char *fresh = give(jar);
        assert_int_equal(take(jar, fresh), ERR_OK);
        assert_int_equal(take(jar, fresh), ERR_BAD_NONCE);
    }
    nonce_jar_close(jar);
}

/* A file that is none of ours is begun anew; one that cannot be opened is an error. */
static void other_files(void **state)
{
    struct nonce_jar *jar = NULL;

    (void)state;
    patch(0, "rubbish!", 8);
    jar = open_jar();
    assert_int_equal(take(jar, give(jar)), ERR_OK);
    nonce_jar_close(jar);
    assert_int_equal(truncate(path, 1000), 0);
    jar = open_jar();
    assert_int_equal(take(jar, give(jar)), ERR_OK);
    nonce_jar_close(jar);
    jar = NULL;
    assert_int_equal(nonce_jar_open("/nonexistent/nonces", &jar, NULL), ERR_IO);
    char *link = arena_printf(arena, "%s.link", path);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(nonce_jar_open(link, &jar, NULL), ERR_IO);
    (void)unlink(link);
    assert_null(jar);
}

struct race {
    struct nonce_jar *jar;
    pthread_barrier_t barrier;
    char nonce[NONCE_TEXT_SIZE];
    int won[THREADS];
};

struct runner {
    struct race *race;
    int number;
};

static void *run(void *argument)
{
    struct runner *r = argument;
    struct arena *a = arena_new();

    for (int round = 0; round < 300; round++) {
        if (r->number == 0 && nonce_give(r->race->jar, r->race->nonce, NULL) != ERR_OK)
            abort();
        pthread_barrier_wait(&r->race->barrier);
        if (nonce_take(r->race->jar, a, r->race->nonce, NULL) == ERR_OK)
            r->race->won[r->number]++;
        pthread_barrier_wait(&r->race->barrier);
    }
    arena_free(a);
    return NULL;
}

/* S-NONCE-10: Many threads with the same nonce: exactly one wins each time. */
static void race(void **state)
{
    struct race race = {.jar = open_jar()};
    struct runner runners[THREADS];
    pthread_t threads[THREADS];
    int won = 0;

    (void)state;
    pthread_barrier_init(&race.barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        runners[i] = (struct runner){&race, i};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        won += race.won[i];
    }
    assert_int_equal(won, 300);
    pthread_barrier_destroy(&race.barrier);
    nonce_jar_close(race.jar);
}

static void *give_many(void *argument)
{
    struct race *race = argument;
    char *texts = malloc(2000 * (size_t)NONCE_TEXT_SIZE);

    for (size_t i = 0; i < 2000; i++)
        if (nonce_give(race->jar, texts + i * NONCE_TEXT_SIZE, NULL) != ERR_OK)
            abort();
    return texts;
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* S-NONCE-7: No nonce is given twice. */
static void given_by_many(void **state)
{
    struct race race = {.jar = open_jar()};
    pthread_t threads[THREADS];
    size_t size = 2000 * (size_t)NONCE_TEXT_SIZE;
    char *all = arena_get(arena, THREADS * size);

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, give_many, &race), 0);
    for (int i = 0; i < THREADS; i++) {
        void *texts = NULL;
        pthread_join(threads[i], &texts);
        memcpy(all + (size_t)i * size, texts, size);
        free(texts);
    }
    qsort(all, THREADS * (size_t)2000, NONCE_TEXT_SIZE, compare);
    for (size_t i = 1; i < THREADS * (size_t)2000; i++)
        assert_string_not_equal(all + (i - 1) * NONCE_TEXT_SIZE,
                                all + i * NONCE_TEXT_SIZE);
    nonce_jar_close(race.jar);
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    (void)snprintf(path, sizeof path, "/tmp/cairn-nonces.%ld", (long)getpid());
    (void)unlink(path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once),
        cmocka_unit_test(forged),
        cmocka_unit_test(timed),
        cmocka_unit_test(clock_set_back),
        cmocka_unit_test(clock_corrected),
        cmocka_unit_test(restart),
        cmocka_unit_test(killed),
        cmocka_unit_test(power_loss),
        cmocka_unit_test(other_files),
        cmocka_unit_test(race),
        cmocka_unit_test(given_by_many),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
