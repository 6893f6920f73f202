/* Tests of server/audit/audit_head. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/audit/audit_head.h"

#define FRONT  "8ee791d4ab76d3f6399938207c0e8ea6c4cf55e6d17f166404e4a1026fa4229c"
#define SIGNER "c1d13eb4cc395e5490a6a3309b08caf52312c8d494e41c0701c6275fb30a18cf"

static void one_spelling(void **state)
{
    static const char good[] =
        "cairn-audit-head 1 front 7 " FRONT " signer 3 " SIGNER " 2026-11-29T11:20:41Z";
    static const char *const bad[] = {
        "cairn-audit-head 1 front 7 " FRONT " signer 3 " SIGNER,
        "cairn-audit-head 2 front 7 " FRONT " signer 3 " SIGNER " 2026-11-29T11:20:41Z",
        "cairn-audit-head 1 front 07 " FRONT " signer 3 " SIGNER " 2026-11-29T11:20:41Z",
        "cairn-audit-head 1 front 7 "
        "8EE791d4ab76d3f6399938207c0e8ea6c4cf55e6d17f166404e4a1"
        "026fa4229c signer 3 " SIGNER " 2026-11-29T11:20:41Z",
        "cairn-audit-head 1 signer 7 " FRONT " front 3 " SIGNER " 2026-11-29T11:20:41Z",
        "cairn-audit-head 1 front 7 " FRONT " signer 3 " SIGNER " 2026-11-29T11:20:41Z ",
        "cairn-audit-head 1 front 7 " FRONT " signer 3 " SIGNER " 2026-11-29 11:20:41",
        ""};
    char again[AUDIT_HEAD_TEXT_MAX];
    struct audit_head head = {0};

    (void)state;
    assert_true(audit_head_read(span_of(good), &head));
    assert_int_equal(head.front.seq, 7);
    assert_int_equal(head.signer.seq, 3);
    audit_head_text(again, &head);
    assert_string_equal(again, good);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(audit_head_read(span_of(bad[i]), &head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_spelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
