/* Tests of client/device/tpm_key_file: keys as OpenSSL's programs for TPMs write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/device/tpm_key_file.h"
#include "core/x509/pem.h"

#define LABEL "TSS2 PRIVATE KEY"

/* openssl genpkey -provider tpm2 -algorithm EC -pkeyopt group:P-256, with swtpm */
static const char theirs[] =
    "-----BEGIN TSS2 PRIVATE KEY-----\n"
    "MIHwBgZngQUKAQOgAwEBAQIEQAAAAQRYAFYAIwALAAYAcgAAABAAEAADABAAII6x\n"
    "52cIV37jkFb1AgxFvr3XENt9gQNQl/DO+ht3SQbNACBsGMr/3Q77Wcmfjor5mXY6\n"
    "jo6hkf7kQXZYszgRWyzU7QSBgAB+ACAVTzk4ALayRpk2g6mD0AOp+EMkiRCj13TI\n"
    "NjL9Iz2C3AAQcmBP3ZkG8exr5cQXJK55FmBjroyX5YKCiTH5CCj++BvIExb43P5t\n"
    "N7LOk9hNu+nSGXOVOl5C568TRK8g0TGoWOULjDg9jBtA/+bNCWGoyxBh4+/NSa5d\n"
    "aHFk\n"
    "-----END TSS2 PRIVATE KEY-----\n";

static struct span der_of(struct arena *a, const char *text)
{
    static const struct pem_kind kind = {LABEL, "key"};
    struct span der = {0};
    size_t count = 0;

    assert_int_equal(pem_read(a, span_of(text), &kind, &der, 1, &count, NULL), ERR_OK);
    return der;
}

static void theirs_read_and_written(void **state)
{
    AUTO(buf) struct buf b = buf_make(10000);
    struct tpm_blob blob;
    struct tpm_blob again;

    (void)state;
    assert_int_equal(tpm_key_file_read(span_of(theirs), &blob, NULL), ERR_OK);
    assert_int_equal(blob.parent, TPM2_RH_OWNER);
    assert_int_equal(blob.public_half.publicArea.type, TPM2_ALG_ECC);
    assert_int_equal(tpm_key_file_write(&b, &blob, NULL), ERR_OK);
    /* they write a TRUE that is not DER, everything else is the same */
    assert_int_equal(tpm_key_file_read(buf_span(&b), &again, NULL), ERR_OK);
    assert_memory_equal(&blob, &again, sizeof blob);
    AUTO(arena) struct arena *a = arena_new();
    struct span one = der_of(a, theirs);
    struct span other = der_of(a, arena_string_of(a, buf_span(&b)));
    size_t differ = 0;
    assert_int_equal(one.len, other.len);
    for (size_t i = 0; i < one.len; i++)
        differ += one.data[i] != other.data[i];
    assert_int_equal(differ, 1);
}

static enum err read_der(struct span der)
{
    AUTO(buf) struct buf b = buf_make(20000);
    struct tpm_blob blob;

    pem_add(&b, LABEL, der);
    return tpm_key_file_read(buf_span(&b), &blob, NULL);
}

/* Every prefix, and every octet changed where the structure has no choice. */
static void broken(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span der = der_of(a, theirs);
    uint8_t *copy = arena_copy(a, der.data, der.len);

    (void)state;
    assert_int_equal(read_der(der), ERR_OK);
    for (size_t len = 0; len < der.len; len++)
        assert_int_not_equal(read_der(span_make(copy, len)), ERR_OK);
    for (size_t i = 0; i < 16; i++) { /* headers, type, emptyAuth */
        copy[i] ^= 0x01;
        assert_int_not_equal(read_der(span_make(copy, der.len)), ERR_OK);
        copy[i] ^= 0x01;
    }
}

static void others(void **state)
{
    struct tpm_blob blob;

    (void)state;
    assert_int_equal(tpm_key_file_read(span_of(""), &blob, NULL), ERR_MALFORMED);
    assert_int_equal(tpm_key_file_read(span_of("-----BEGIN PRIVATE KEY-----\nAAAA\n"
                                               "-----END PRIVATE KEY-----\n"),
                                       &blob, NULL),
                     ERR_MALFORMED);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(theirs_read_and_written),
        cmocka_unit_test(broken),
        cmocka_unit_test(others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
