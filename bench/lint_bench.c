/* Microseconds of CPU of what the signer does for a certificate: reading and judging it,
 * signing it, judging it again, verifying it. Prints one line each, judges nothing. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/x509/oid.h"
#include "meter.h"
#include "server/issue/template.h"
#include "server/lint/lint.h"

#define NAMES_MOST 100

struct bench {
    struct arena *arena;
    struct key *issuer_key;
    struct lint_question question;
    struct span tbs;
    const struct lint_pass *pass;
    struct span der;
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t signature_len;
};

static struct lint_issuer issuer = {.not_after = INT64_C(1) << 40};
static const struct lint_key keys[] = {{KEY_P256, 0}, {KEY_RSA, 0}};
static struct lint_profile profile = {.name = "bench",
                                      .lifetime = 90 * 86400,
                                      .key_usage = 0xff,
                                      .names_most = NAMES_MOST,
                                      .name_types = LINT_NAMES_DNS,
                                      .keys = keys,
                                      .key_count = 2};

static void check(enum err result, const struct err_info *why)
{
    meter_check("lint_bench", result, why);
}

static void run(const char *subject, const char *name, struct bench *b, int rounds,
                void (*step)(struct bench *b))
{
    step(b);
    arena_reset(b->arena);
    double start = meter_us();
    for (int i = 0; i < rounds; i++) {
        step(b);
        arena_reset(b->arena);
    }
    printf("%-28s %-22s %9.2f us\n", subject, name, (meter_us() - start) / rounds);
}

static void step_key(struct bench *b)
{
    struct key *key = NULL;
    struct err_info why = {0};

    check(key_from_spki(b->pass->spki, &key, &why), &why);
    key_free(key);
}

static void step_lint(struct bench *b)
{
    const struct lint_pass *pass = NULL;
    struct err_info why = {0};

    check(lint_tbs(b->arena, &b->question, b->tbs, &pass, &why), &why);
}

static void step_sign(struct bench *b)
{
    struct err_info why = {0};

    check(key_sign(b->issuer_key, issuer.signature_kind, b->tbs, b->signature,
                   &b->signature_len, &why),
          &why);
}

static void step_verify(struct bench *b)
{
    struct err_info why = {0};

    check(key_verify(issuer.key, issuer.signature_kind, b->tbs,
                     span_make(b->signature, b->signature_len), &why),
          &why);
}

static void step_again(struct bench *b)
{
    struct err_info why = {0};

    check(lint_signed(b->arena, &b->question, b->pass, b->der, &why), &why);
}

/* A certificate with that many names of a registered domain. */
static struct span write_tbs(struct arena *a, const struct key *key, size_t name_count)
{
    static const char *const urls[] = {"http://ca.example.com/ca/one.cer"};
    const struct template_issuer from = {issuer.name, issuer.key_id,
                                         issuer.signature_kind, 0, issuer.not_after};
    struct template_leaf leaf = {.usages = {profile.usages, profile.usage_count},
                                 .policies = {profile.policies, profile.policy_count},
                                 .issuer_urls = {urls, 1},
                                 .crl_urls = {urls, 1},
                                 .dns_name_count = name_count,
                                 .spki = key_spki(key),
                                 .without_key_id = true,
                                 .key_usage = TEMPLATE_USAGE_DIGITAL_SIGNATURE,
                                 .key_type = key_type(key)};
    const char **names = arena_array(a, name_count, sizeof *names);
    struct err_info why = {0};
    struct span tbs = {0};

    for (size_t i = 0; i < name_count; i++)
        names[i] = arena_printf(a, "host-%zu.www.example.com", i);
    leaf.dns_names = names;
    leaf.not_before = clock_now() - 60;
    leaf.not_after = leaf.not_before + profile.lifetime - 1;
    serial_make(clock_now(), leaf.serial);
    check(template_leaf_write(a, &from, &leaf, &tbs, &why), &why);
    return tbs;
}

static void measure(const char *what, const struct key *key, const struct key *of_issuer,
                    size_t name_count, enum lint_set set, int rounds)
{
    struct arena *kept = arena_new();
    struct err_info why = {0};
    struct bench b = {.arena = arena_new(),
                      .issuer_key = (struct key *)(uintptr_t)of_issuer,
                      .question = {.kind = LINT_CERTIFICATE,
                                   .set = set,
                                   .issuers = &issuer,
                                   .issuer_count = 1,
                                   .profile = &profile,
                                   .now = clock_now()}};

    b.tbs = write_tbs(kept, key, name_count);
    check(lint_tbs(kept, &b.question, b.tbs, &b.pass, &why), &why);
    step_sign(&b);
    b.der = template_assemble(kept, b.tbs, issuer.signature_kind,
                              span_make(b.signature, b.signature_len));
    run(what, "key of the subject", &b, rounds, step_key);
    run(what, "lint with that", &b, rounds, step_lint);
    run(what, "signature", &b, rounds, step_sign);
    run(what, "verification", &b, rounds, step_verify);
    run(what, "lint again with that", &b, rounds, step_again);
    arena_free(b.arena);
    arena_free(kept);
}

static void measure_issuer(enum key_type type, int bits, const char *text)
{
    static const char name[] = "\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04Test";
    struct key *subject = NULL;
    struct key *rsa = NULL;
    struct key *key = NULL;
    struct err_info why = {0};
    char what[64];

    check(key_generate(type, bits, &key, &why), &why);
    check(key_generate(KEY_P256, 0, &subject, &why), &why);
    check(key_generate(KEY_RSA, 2048, &rsa, &why), &why);
    issuer.name = span_make(name, sizeof name - 1);
    issuer.key_id = span_of("kkkkkkkkkkkkkkkkkkkk");
    issuer.signature_kind = key_x509_signature(key);
    issuer.key = key;
    issuer.path_length = LINT_PATH_ANY;
    (void)snprintf(what, sizeof what, "%s, P-256, rfc5280", text);
    measure(what, subject, key, 1, LINT_SET_RFC5280, 2000);
    (void)snprintf(what, sizeof what, "%s, P-256, br", text);
    measure(what, subject, key, 1, LINT_SET_BR, 2000);
    (void)snprintf(what, sizeof what, "%s, P-256, br, 100", text);
    measure(what, subject, key, NAMES_MOST, LINT_SET_BR, 2000);
    (void)snprintf(what, sizeof what, "%s, RSA-2048, br", text);
    measure(what, rsa, key, 1, LINT_SET_BR, 2000);
    key_free(key);
    key_free(subject);
    key_free(rsa);
}

int main(void)
{
    const struct span usage = oid_octets(OID_SERVER_AUTH);
    const struct span policy = oid_octets(OID_DOMAIN_VALIDATED);

    profile.usages = &usage;
    profile.usage_count = 1;
    profile.policies = &policy;
    profile.policy_count = 1;
    measure_issuer(KEY_P256, 0, "P-256");
    measure_issuer(KEY_RSA, 2048, "RSA-2048");
    return 0;
}
