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

#define NOW      INT64_C(1800000000) /* 2027-01-15 */
#define DAY      INT64_C(86400)
#define LIFETIME (90 * DAY)
#define TBS_MAX  (64 * 1024)

/* What a certificate is put together from; a test changes one thing. */
struct parts {
    int version;
    struct span serial;
    struct span algorithm; /* whole; empty: that of `signature` */
    enum key_signature signature;
    struct span issuer;
    int64_t not_before;
    int64_t not_after;
    bool generalized; /* notBefore has the wrong form for its year */
    struct span subject;
    struct span spki;
    struct span extensions[16]; /* whole elements */
    size_t count;
};

extern struct lint_issuer issuer;
extern struct lint_profile profile; /* allows much */
extern struct lint_question question;
extern struct arena *arena;
extern struct span p256_spki;
extern struct span ed25519_spki;
extern struct span mldsa_spki; /* ML-DSA-65, where there is such */
extern struct span rsa_spki;

/* An extension: `value` is the content of the OCTET STRING. */
struct span extension(enum oid oid, bool critical, const char *value, size_t len);

#define EXTENSION(oid, critical, value) extension(oid, critical, value, sizeof(value) - 1)

#define USAGE_SIGN  "\x03\x02\x07\x80"
#define SERVER_AUTH "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
#define KEY_ID      "kkkkkkkkkkkkkkkkkkkk"
#define AUTHORITY   "\x30\x16\x80\x14" KEY_ID
#define SUBJECT_KEY "\x04\x14ssssssssssssssssssss"
#define NAMES                                                                            \
    "\x30\x0d\x82\x0b"                                                                   \
    "a.flow.test"
#define PUBLIC_NAMES                                                                     \
    "\x30\x11\x82\x0f"                                                                   \
    "www.example.com"
#define POLICY "\x30\x0a\x30\x08\x06\x06\x67\x81\x0c\x01\x02\x01"
#define ACCESS                                                                           \
    "\x30\x1b\x30\x19\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86\x0d"                   \
    "http://ca.a/i"
#define OCSP_ACCESS                                                                      \
    "\x30\x1b\x30\x19\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x01\x86\x0d"                   \
    "http://ca.a/o"
#define LISTS                                                                            \
    "\x30\x15\x30\x13\xa0\x11\xa0\x0f\x86\x0d"                                           \
    "http://ca.a/c"
#define EMPTY      "\x30\x00"
#define NULL_VALUE "\x05\x00"

enum {
    AT_USAGE,
    AT_EXTENDED,
    AT_BASIC,
    AT_SUBJECT_KEY,
    AT_AUTHORITY,
    AT_NAMES,
    AT_POLICY,
    AT_ACCESS,                /* of those that are public */
    AT_LISTS = AT_SUBJECT_KEY /* in them */
};

/* Certificates without a fault: by RFC 5280, and by the Baseline Requirements (with the
 * question to match). */
struct parts good(void);
struct parts good_public(void);

/* A Name with attributes of UTF8String or PrintableString: "CN=x" ... up to NULL; 'C',
 * 'O', 'U' (unit) and 'N' (common name) before '='; a '+' in front joins the one before.
 */
struct span name_of(const char *const *attributes);

struct span put_together(const struct parts *p);

void assert_good(const struct parts *p);

/* Refused, and the sentence begins with the rule's name and has its citation. */
void assert_broken(const struct parts *p, const char *rule);

/* Good, but that rule warns. */
void assert_warned(const struct parts *p, const char *rule);

/* Remember that the rule was seen to complain. */
void saw(const char *rule);
bool was_seen(const char *rule);

/* What lint_ca_certificate says; `rule` NULL: good. */
void assert_ca(const struct parts *p, const struct lint_issuer *from, enum lint_set set,
               const char *rule);

struct span rsa_key(size_t octets, const char *exponent, size_t exponent_len,
                    uint8_t top);

int set_up(void **state);
int tear_down(void **state);

/* The files of this folder. */
int lint_public_run(void);
int lint_ca_run(void);
int lint_profile_run(void);
int lint_attestation_run(void);
int lint_device_run(void);
int lint_signed_run(void);
