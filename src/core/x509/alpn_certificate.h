/* Certificates that answer tls-alpn-01 (RFC 8737 3): what is in one, read strictly.
 * Whether it proves anything is for core/acme/alpn_proof to say. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/key.h"

#define ALPN_CERTIFICATE_MAX            (16 * 1024) /* octets */
#define ALPN_CERTIFICATE_NAMES_MAX      200
#define ALPN_CERTIFICATE_EXTENSIONS_MAX 50

/* GeneralName (RFC 5280 4.2.1.6), by its context-specific number. */
enum alpn_certificate_name_kind {
    ALPN_CERTIFICATE_OTHER_NAME = 0,
    ALPN_CERTIFICATE_EMAIL = 1,
    ALPN_CERTIFICATE_DNS = 2,
    ALPN_CERTIFICATE_X400 = 3,
    ALPN_CERTIFICATE_DIRECTORY = 4,
    ALPN_CERTIFICATE_EDI = 5,
    ALPN_CERTIFICATE_URI = 6,
    ALPN_CERTIFICATE_IP = 7,
    ALPN_CERTIFICATE_REGISTERED_ID = 8,
};

struct alpn_certificate_name {
    enum alpn_certificate_name_kind kind;
    struct span value; /* content octets, whatever they are */
};

/* Spans point into the octets that were read. */
struct alpn_certificate {
    struct span tbs;      /* the whole TBSCertificate element */
    struct span issuer;   /* whole Name element */
    struct span subject;  /* whole Name element */
    struct span spki;     /* whole SubjectPublicKeyInfo element */
    bool signature_known; /* by an algorithm of core/x509/oid */
    enum key_signature signature_kind;
    struct span signature;
    bool has_names;                            /* a subjectAltName is there */
    const struct alpn_certificate_name *names; /* in the arena */
    size_t name_count;
    bool has_identifier; /* an acmeIdentifier is there (RFC 8737 6.1) */
    bool is_critical;
    struct span digest; /* content of its OCTET STRING; empty if it holds anything else */
    bool has_draft_identifier; /* the extension that drafts of RFC 8737 had */
};

/* Read one: strict DER, version 3, nothing behind it, no extension twice. Dates, key
 * usages and constraints are passed over. ERR_MALFORMED with what is wrong. */
MUST_CHECK enum err alpn_certificate_read(struct arena *a, struct span der,
                                          struct alpn_certificate **certificate,
                                          struct err_info *why);
