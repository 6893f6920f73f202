/* Tests of server/signer/signer_sealed: only what nobody can change any more is mapped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/signer/signer_sealed.h"

#define TEXT "before, list, behind"

static int file_of(int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, TEXT, sizeof TEXT - 1), sizeof TEXT - 1);
    if (seals != 0)
        assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void mapped(void **state)
{
    struct span map = {0};
    int fd = file_of(F_SEAL_WRITE | F_SEAL_SHRINK);

    (void)state;
    assert_int_equal(signer_sealed_map(fd, 8, 4, &map, NULL), ERR_OK);
    assert_int_equal(map.len, 12);
    assert_memory_equal(map.data + 8, "list", 4);
    assert_int_equal(munmap((void *)(uintptr_t)map.data, map.len), 0);
    assert_int_not_equal(ftruncate(fd, 0), 0); /* which would end whoever reads */
    (void)close(fd);
}

static void refused(void **state)
{
    static const int too_few[] = {0, F_SEAL_WRITE, F_SEAL_SHRINK, F_SEAL_GROW,
                                  F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK};
    static const uint64_t bad[][2] = {{0, 0},          {0, 21},         {20, 1},
                                      {UINT64_MAX, 2}, {2, UINT64_MAX}, {1U << 31, 1},
                                      {0, 1U << 31}};
    struct span map = {0};

    (void)state;
    for (size_t i = 0; i < sizeof too_few / sizeof too_few[0]; i++) {
        int fd = file_of(too_few[i]);
        assert_int_equal(signer_sealed_map(fd, 0, 4, &map, NULL), ERR_LINT);
        (void)close(fd);
    }
    int fd = file_of(F_SEAL_WRITE | F_SEAL_SHRINK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(signer_sealed_map(fd, bad[i][0], bad[i][1], &map, NULL),
                         ERR_LINT);
    (void)close(fd);
    assert_int_equal(signer_sealed_map(fd, 0, 4, &map, NULL), ERR_LINT);
    fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_int_equal(signer_sealed_map(fd, 0, 4, &map, NULL), ERR_LINT);
    (void)close(fd);
    assert_null(map.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapped),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
