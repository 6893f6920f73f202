/* Tests of client/run/port_holder: the kernel's table of sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "client/run/port_holder.h"
#include "core/base/err.h"
#include "core/net/socket.h"

#define FIRST                                                                            \
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid " \
    " timeout inode\n"
#define REST " 00000000:00000000 00:00000000 00000000     0        0 "

static void lines(void **state)
{
    static const struct {
        const char *line;
        uint64_t inode;
    } rows[] = {
        {"   0: 0100007F:01BB 00000000:0000 0A" REST "31337 1 0000000000000000 100 0\n",
         31337},
        {"  12: 00000000000000000000000000000000:01BB "
         "00000000000000000000000000000000:0000 "
         "0A" REST "99 1 0000000000000000 100 0\n",
         99},
        {"   0: 0100007F:01BB 0100007F:9999 01" REST "31337 1 0\n", 0}, /* connected */
        {"   0: 0100007F:01BC 00000000:0000 0A" REST "31337 1 0\n", 0},
        {"   0: 0100007F:9999 0100007F:01BB 0A" REST "31337 1 0\n", 0},
        {"   0: 01BB 00000000:0000 0A" REST "31337 1 0\n", 0},
        {"   0: 0100007F:01BB 00000000:0000 0A" REST "x 1 0\n", 0},
        {"   0: 0100007F:01BB 00000000:0000 0A\n", 0},
        {FIRST, 0},
        {"\n", 0},
        {"", 0},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(port_holder_inode(rows[i].line, 443), rows[i].inode);
}

static void ourselves(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct address any = {.family = ADDRESS_V4, .octets = {127, 0, 0, 1}};
    struct err_info why = {0};
    int fd = -1;
    (void)state;

    assert_int_equal(socket_listen(&any, false, &fd, &why), ERR_OK);
    assert_int_equal(socket_local_address(fd, &any, &why), ERR_OK);
    const char *holder = port_holder_find(a, any.port);
    assert_non_null(holder);
    assert_non_null(strstr(holder, arena_printf(a, "(process %d)", (int)getpid())));
    (void)close(fd);
    assert_null(port_holder_find(a, any.port));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(ourselves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
