/* CPU time of a signature by the signer's own code, lints, journal and reading again
 * included:
 *
 *     signature CERTIFICATE KEY SECONDS [MODULE PIN]
 *
 * KEY is a file or, with a module and the file of a PIN, a PKCS #11 URI. Prints how many
 * microseconds of CPU each took, of all threads, and how many the key's alone took. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/crypto/key.h"
#include "core/pkcs11/pkcs11.h"
#include "core/x509/certificate.h"
#include "core/x509/oid.h"
#include "meter.h"
#include "server/issue/serial.h"
#include "server/issue/template.h"
#include "server/signer/signer_core.h"

#define PREPARED 200 /* certificates that are written before the clock runs */
#define LIFETIME 7776000

struct bench {
    struct arena *arena;
    struct signer_core *core;
    struct template_issuer issuer;
    struct key *subject;
    struct key *key; /* alone */
    enum key_signature kind;
    struct span tbs[PREPARED];
};

static void check(enum err result, const struct err_info *why)
{
    meter_check("signature", result, why);
}

static void prepare(struct bench *b)
{
    static const char *const name = "www.example.test";
    const struct span usage = oid_octets(OID_SERVER_AUTH);
    const struct span policy = oid_octets(OID_DOMAIN_VALIDATED);
    struct err_info why = {0};

    for (size_t i = 0; i < PREPARED; i++) {
        struct template_leaf leaf = {.usages = {&usage, 1},
                                     .policies = {&policy, 1},
                                     .not_before = clock_now() - 60,
                                     .dns_names = &name,
                                     .dns_name_count = 1,
                                     .spki = key_spki(b->subject),
                                     .key_type = KEY_P256};
        leaf.not_after = leaf.not_before + LIFETIME - 1;
        serial_make(clock_now(), leaf.serial);
        check(template_leaf_write(b->arena, &b->issuer, &leaf, &b->tbs[i], &why), &why);
    }
}

/* The signer's whole work for a certificate. */
static void sign_certificates(struct bench *b)
{
    AUTO(arena) struct arena *a = arena_new();

    signer_core_enter(b->core);
    for (size_t i = 0; i < PREPARED; i++) {
        struct err_info why = {0};
        struct span made;
        arena_reset(a);
        check(signer_core_sign(b->core, a, LINT_CERTIFICATE, span_of("bench"), b->tbs[i],
                               &made, &why),
              &why);
    }
    signer_core_leave(b->core);
}

static void use_key(struct bench *b)
{
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;

    for (size_t i = 0; i < PREPARED; i++) {
        struct err_info why = {0};
        check(key_sign(b->key, b->kind, b->tbs[i], signature, &len, &why), &why);
    }
}

/* Microseconds for each, in as many rounds as there is time for. */
static double measure(struct bench *b, void (*work)(struct bench *b), double seconds)
{
    int64_t end = clock_monotonic_us() + (int64_t)(seconds * 1e6);
    double used = 0;
    size_t count = 0;

    do {
        prepare(b);
        double start = meter_us();
        work(b);
        used += meter_us() - start;
        count += PREPARED;
    } while (clock_monotonic_us() < end);
    return used / (double)count;
}

static struct key *open_key(struct bench *b, struct pkcs11 *p, char *const *argv,
                            bool in_token)
{
    struct err_info why = {0};
    struct span text;
    struct key *k = NULL;

    if (!in_token) {
        check(file_read(b->arena, argv[2], KEY_PEM_MAX, &text, &why), &why);
        check(key_from_pem(text, NULL, &k, &why), &why);
        return k;
    }
    struct pkcs11_uri uri;
    check(file_read(b->arena, argv[5], PKCS11_PIN_MAX, &text, &why), &why);
    AUTO(secret) struct secret pin = secret_make(text);
    const struct pkcs11_access access = {argv[4], &pin, 1};
    check(pkcs11_uri_read(b->arena, span_of(argv[2]), &uri, &why), &why);
    check(pkcs11_key_open(p, &uri, &access, span_make(NULL, 0), &k, &why), &why);
    return k;
}

static const struct lint_key subject_key = {KEY_P256, 0};

static void open_core(struct bench *b, struct pkcs11 *p, char *const *argv, bool in_token)
{
    const struct span usage = oid_octets(OID_SERVER_AUTH);
    const struct span policy = oid_octets(OID_DOMAIN_VALIDATED);
    const struct lint_profile profile = {
        .name = "bench",
        .lifetime = LIFETIME,
        .keys = &subject_key,
        .key_count = 1,
        .key_usage = 1,
        .usages = arena_copy(b->arena, &usage, sizeof usage),
        .usage_count = 1,
        .policies = arena_copy(b->arena, &policy, sizeof policy),
        .policy_count = 1,
        .names_most = 1,
        .name_types = LINT_NAMES_DNS};
    struct signer_issuer from = {.key_name = argv[2]};
    struct signer_options options = {.issuers = &from,
                                     .issuer_count = 1,
                                     .profiles =
                                         arena_copy(b->arena, &profile, sizeof profile),
                                     .profile_count = 1,
                                     .lists_fd = -1};
    struct span ders[CERTIFICATE_CHAIN_MAX];
    struct err_info why = {0};
    size_t count = 0;

    check(file_read(b->arena, argv[1], 65536, &from.certificate_pem, &why), &why);
    if (!in_token)
        check(file_read(b->arena, argv[2], KEY_PEM_MAX, &from.key_pem, &why), &why);
    options.journal_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    check(signer_core_new(&options, &b->core, &why), &why);
    if (in_token)
        check(signer_core_set_key(b->core, 0, open_key(b, p, argv, true), &why), &why);
    check(certificate_from_pem(b->arena, from.certificate_pem, ders,
                               CERTIFICATE_CHAIN_MAX, &count, &why),
          &why);
    check(template_issuer_read(b->arena, ders[0], &b->issuer, &why), &why);
}

int main(int argc, char **argv)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(pkcs11) struct pkcs11 *p = pkcs11_new();
    struct bench b = {.arena = a};
    struct err_info why = {0};

    if (argc != 4 && argc != 6) {
        (void)fprintf(stderr, "usage: %s CERTIFICATE KEY SECONDS [MODULE PIN]\n",
                      argv[0]);
        return 64;
    }
    bool in_token = argc == 6;
    double seconds = strtod(argv[3], NULL);
    check(key_generate(KEY_P256, 0, &b.subject, &why), &why);
    open_core(&b, p, argv, in_token);
    b.key = open_key(&b, p, argv, in_token);
    b.kind = b.issuer.signature_kind;
    double whole = measure(&b, sign_certificates, seconds);
    double alone = measure(&b, use_key, seconds);
    printf("%.1f %.1f\n", whole, alone);
    key_free(b.key);
    key_free(b.subject);
    signer_core_free(b.core);
    return 0;
}
