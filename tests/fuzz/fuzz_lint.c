/* What the signer is asked to sign, by a front that is not trusted: every rule reads it.
 * One octet says what it is, two how long the issuing certificate behind them is. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/x509/certificate.h"
#include "server/lint/lint.h"
#include "server/lint/lint_crl.h"
#include "server/lint/lint_ocsp.h"

#define HEAD 3
#define NOW  INT64_C(1795952000) /* when the corpus was made */
#define BR   0x80                /* with the Baseline Requirements */
#define DAY  INT64_C(86400)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct lint_key keys[] = {{KEY_RSA, 0},  {KEY_P256, 0},    {KEY_P384, 0},
                                       {KEY_P521, 0}, {KEY_ED25519, 0}, {KEY_RSA, 2048}};
static const uint8_t server[] = {0x2b, 6, 1, 5, 5, 7, 3, 1};
static const uint8_t validated[] = {0x67, 0x81, 0x0c, 1, 2, 1};

static void certificate(const struct lint_issuer *issuer, uint8_t kind, struct span tbs)
{
    const struct span usage = span_make(server, sizeof server);
    const struct span policy = span_make(validated, sizeof validated);
    const struct lint_profile profile = {
        .name = "fuzz",
        .set = (kind & BR) != 0 ? LINT_SET_BR : LINT_SET_RFC5280,
        .lifetime = 90 * DAY,
        .keys = keys,
        .key_count = sizeof keys / sizeof keys[0],
        .key_usage = 0xffff,
        .usages = &usage,
        .usage_count = 1,
        .policies = &policy,
        .policy_count = 1,
        .names_most = 100,
        .name_types = LINT_NAMES_DNS | LINT_NAMES_ADDRESS,
        .common_name = true,
        .staple = LINT_STAPLE_ALLOWED};
    const struct lint_question question = {.kind = kind & 7U,
                                           .set = profile.set,
                                           .issuers = issuer,
                                           .issuer_count = 1,
                                           .profile = &profile,
                                           .now = NOW};
    AUTO(arena) struct arena *a = arena_new();
    const struct lint_pass *pass = NULL;
    struct certificate *read = NULL;
    struct err_info why = {0};

    if (lint_tbs(a, &question, tbs, &pass, &why) != ERR_OK)
        return;
    /* what may be signed is what everybody can read */
    if (!span_equal(pass->tbs, tbs) || pass->key == NULL || pass->serial.len == 0 ||
        certificate_read_tbs(a, tbs, &read, &why) != ERR_OK)
        abort();
}

static void other(const struct lint_issuer *issuer, uint8_t kind, struct span tbs)
{
    struct lint_responder responder = {.issuer = issuer, .key_hash = {0}};
    struct lint_ocsp_pass answer = {0};
    struct lint_crl_pass list = {0};
    struct err_info why = {0};

    if (kind == LINT_REVOCATION_LIST) {
        (void)!lint_crl(issuer, 1, tbs, NOW, &list, &why);
        return;
    }
    (void)!lint_ocsp(&responder, 1, tbs, NOW, &answer, &why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct lint_issuer issuer = {0};
    struct err_info why = {0};

    if (size < HEAD)
        return 0;
    const uint8_t kind = data[0] & 7U;
    const size_t len = (size_t)data[1] << 8 | data[2];
    const struct span rest = span_make(data + HEAD, size - HEAD);
    if (len > rest.len ||
        lint_issuer_read(a, span_slice(rest, 0, len), &issuer, &why) != ERR_OK)
        return 0;
    const struct span tbs = span_slice(rest, len, rest.len);
    if (kind == LINT_REVOCATION_LIST || kind == LINT_OCSP_RESPONSE)
        other(&issuer, kind, tbs);
    else if (kind != LINT_AUDIT_HEAD && kind < LINT_KIND_COUNT)
        certificate(&issuer, data[0], tbs);
    return 0;
}
