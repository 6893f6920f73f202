/* A certificate in parts, each of which a test may replace; and what the lint says of it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/x509/der_write.h"
#include "core/x509/oid.h"
#include "server/issue/template.h"
#include "server/lint/lint.h"

#define NOW      INT64_C(1800000000)
#define DAY      INT64_C(86400)
#define LIFETIME (90 * DAY)
#define TBS_MAX  8192

/* What a certificate is put together from; a test changes one thing. */
struct parts {
    int version;
    struct span serial;
    enum key_signature signature;
    struct span issuer;
    int64_t not_before;
    int64_t not_after;
    bool generalized; /* notBefore has the wrong form for its year */
    struct span subject;
    struct span spki;
    struct span extensions[12]; /* whole elements */
    size_t count;
};

static struct lint_issuer issuer;
static struct arena *arena;
static struct span p256_spki;
static struct span rsa_spki;

/* An extension: `value` is the content of the OCTET STRING. */
static struct span extension(enum oid oid, bool critical, const char *value, size_t len)
{
    uint8_t *room = arena_get(arena, len + 64);
    struct der_writer w = der_writer_make(room, len + 64);
    size_t mark = der_write_mark(&w);

    der_write_element(&w, DER_OCTET_STRING, span_make(value, len));
    if (critical)
        der_write_true(&w);
    oid_write(&w, oid);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    return der_write_take(&w);
}

#define EXTENSION(oid, critical, value) extension(oid, critical, value, sizeof(value) - 1)

#define USAGE_SIGN  "\x03\x02\x07\x80"
#define SERVER_AUTH "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
#define KEY_ID      "kkkkkkkkkkkkkkkkkkkk"
#define AUTHORITY   "\x30\x16\x80\x14" KEY_ID
#define SUBJECT_KEY "\x04\x14ssssssssssssssssssss"
#define NAMES                                                                            \
    "\x30\x0d\x82\x0b"                                                                   \
    "a.flow.test"
#define POLICY "\x30\x0a\x30\x08\x06\x06\x67\x81\x0c\x01\x02\x01"
#define EMPTY  "\x30\x00"

enum {
    AT_USAGE,
    AT_EXTENDED,
    AT_BASIC,
    AT_SUBJECT_KEY,
    AT_AUTHORITY,
    AT_NAMES,
    AT_POLICY
};

static struct parts good(void)
{
    struct parts p = {
        .version = 2,
        .serial = span_of("\x2a-16-octets-here"),
        .signature = KEY_SIGNATURE_ECDSA_SHA256,
        .issuer = issuer.name,
        .not_before = NOW,
        .not_after = NOW + LIFETIME - 1,
        .subject = span_make(EMPTY, 2),
        .spki = p256_spki,
        .count = 7,
    };

    p.extensions[AT_USAGE] = EXTENSION(OID_KEY_USAGE, true, USAGE_SIGN);
    p.extensions[AT_EXTENDED] = EXTENSION(OID_EXTENDED_KEY_USAGE, false, SERVER_AUTH);
    p.extensions[AT_BASIC] = EXTENSION(OID_BASIC_CONSTRAINTS, true, EMPTY);
    p.extensions[AT_SUBJECT_KEY] =
        EXTENSION(OID_SUBJECT_KEY_IDENTIFIER, false, SUBJECT_KEY);
    p.extensions[AT_AUTHORITY] =
        EXTENSION(OID_AUTHORITY_KEY_IDENTIFIER, false, AUTHORITY);
    p.extensions[AT_NAMES] = EXTENSION(OID_SUBJECT_ALTERNATIVE_NAME, true, NAMES);
    p.extensions[AT_POLICY] = EXTENSION(OID_CERTIFICATE_POLICIES, false, POLICY);
    return p;
}

/* The wrong form of a time, on request. */
static void put_time(struct der_writer *w, int64_t seconds, bool generalized)
{
    if (generalized)
        der_write_element(w, DER_GENERALIZED_TIME, span_of("20270115080000Z"));
    else
        der_write_time(w, seconds);
}

static struct span put_together(const struct parts *p)
{
    struct der_writer w = der_writer_make(arena_get(arena, TBS_MAX), TBS_MAX);
    size_t whole = der_write_mark(&w);
    uint8_t version = (uint8_t)p->version;

    for (size_t i = p->count; i > 0; i--)
        der_write_raw(&w, p->extensions[i - 1]);
    der_write_wrap(&w, DER_SEQUENCE, whole);
    der_write_wrap(&w, DER_CONTEXT_CONSTRUCTED(3), whole);
    der_write_raw(&w, p->spki);
    der_write_raw(&w, p->subject);
    size_t mark = der_write_mark(&w);
    put_time(&w, p->not_after, false);
    put_time(&w, p->not_before, p->generalized);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    der_write_raw(&w, p->issuer);
    oid_write_signature(&w, p->signature);
    der_write_element(&w, DER_INTEGER, p->serial);
    mark = der_write_mark(&w);
    der_write_unsigned(&w, span_make(&version, 1));
    der_write_wrap(&w, DER_CONTEXT_CONSTRUCTED(0), mark);
    der_write_wrap(&w, DER_SEQUENCE, whole);
    return der_write_take(&w);
}

static void assert_good(const struct parts *p)
{
    const struct lint_pass *pass = NULL;
    struct err_info why = {0};
    struct span tbs = put_together(p);

    if (lint_tbs(arena, &issuer, tbs, &pass, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    assert_true(span_equal(pass->tbs, tbs));
    assert_true(span_equal(pass->serial, p->serial));
}

/* Refused, and the sentence begins with the rule's name and has its citation. */
static void assert_broken(const struct parts *p, const char *rule)
{
    const struct lint_pass *pass = NULL;
    struct err_info why = {0};

    assert_int_equal(lint_tbs(arena, &issuer, put_together(p), &pass, &why), ERR_LINT);
    assert_null(pass);
    if (strncmp(why.detail, rule, strlen(rule)) != 0 || why.detail[strlen(rule)] != ' ')
        fail_msg("%s instead of %s", why.detail, rule);
    assert_non_null(strstr(why.detail, "("));
}

static struct span rsa_key(size_t octets, const char *exponent, size_t exponent_len,
                           uint8_t top)
{
    uint8_t *modulus = arena_get(arena, octets);
    size_t room = octets + 64;
    struct der_writer w = der_writer_make(arena_get(arena, room), room);
    size_t mark = der_write_mark(&w);
    static const uint8_t algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                        0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};

    memset(modulus, 0x55, octets);
    modulus[0] = top;
    modulus[octets - 1] = 1;
    der_write_unsigned(&w, span_make(exponent, exponent_len));
    der_write_unsigned(&w, span_make(modulus, octets));
    der_write_wrap(&w, DER_SEQUENCE, mark);
    struct span key = arena_span(arena, der_write_take(&w));
    w = der_writer_make(arena_get(arena, room), room);
    mark = der_write_mark(&w);
    der_write_bits(&w, key);
    der_write_raw(&w, span_make(algorithm, sizeof algorithm));
    der_write_wrap(&w, DER_SEQUENCE, mark);
    return der_write_take(&w);
}
