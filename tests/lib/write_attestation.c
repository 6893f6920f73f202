/* write_attestation step ALG SIG X5C... | tpm ALG SIG PUBAREA CERTINFO X5C...: what a
 * client would send, from octets in hexadecimal, on standard output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/attest/attest.h"
#include "core/attest/attest_write.h"
#include "core/base/text.h"

static struct span unhex(struct arena *a, const char *hex)
{
    size_t len = 0;
    uint8_t *octets = arena_get(a, strlen(hex) / 2 + 1);

    if (!text_unhex(span_of(hex), octets, strlen(hex) / 2 + 1, &len))
        exit(2);
    return span_make(octets, len);
}

int main(int argc, char **argv)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(ATTEST_OBJECT_MAX);
    struct span given[16];
    size_t count = 0;

    if (argc < 4)
        return 2;
    bool tpm = strcmp(argv[1], "tpm") == 0;
    long algorithm = strtol(argv[2], NULL, 10);
    for (int i = 3; i < argc && count < sizeof given / sizeof *given; i++)
        given[count++] = unhex(a, argv[i]);
    size_t fixed = tpm ? 3 : 1;
    if (count < fixed)
        return 2;
    if (tpm) {
        struct attest_write_tpm what = {algorithm, given + fixed, count - fixed,
                                        given[0],  given[2],      given[1]};
        attest_write_tpm(&b, &what);
    } else {
        struct attest_write_step what = {algorithm, given + fixed, count - fixed,
                                         given[0]};
        attest_write_step(&b, &what);
    }
    return b.failed || fwrite(b.data, 1, b.len, stdout) != b.len;
}
