/* Tests of core/acme/key_authorization: token "." base64url(thumbprint), RFC 8555 8.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/acme/key_authorization.h"
#include "core/json/json_read.h"

/* S-KA-1: The key and the thumbprint of RFC 7638 3.1, the token of RFC 8555 8.1. */
static void example(void **state)
{
    static const char jwk[] =
        "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbb"
        "fAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n"
        "9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgd"
        "AZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINH"
        "aQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\"}";
    AUTO(arena) struct arena *a = arena_new();
    const struct json *document = NULL;
    struct key *key = NULL;
    uint8_t thumbprint[JWK_THUMBPRINT_SIZE];

    (void)state;
    assert_int_equal(json_read(a, span_of(jwk), &document, NULL), ERR_OK);
    assert_int_equal(jwk_read(a, document, &key, NULL), ERR_OK);
    jwk_thumbprint(key, thumbprint);
    assert_string_equal(key_authorization_text(
                            a, "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", thumbprint),
                        "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0."
                        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(example)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
