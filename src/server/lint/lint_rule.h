/* Inside lint: the certificate as the rules see it, read once for all of them. */
#pragma once

#include <stdbool.h>

#include "core/crypto/der_read.h"
#include "core/crypto/key.h"
#include "core/x509/oid.h"
#include "server/lint/lint.h"

#define LINT_ATTRIBUTES_MAX 16   /* of a name */
#define LINT_NAMES_MAX      1000 /* of a subjectAltName */
#define LINT_USAGES_MAX     32   /* extended key usages */
#define LINT_POLICIES_MAX   32
#define LINT_POINTERS_MAX   32 /* URLs of one extension */

/* Bits of a key usage (RFC 5280 4.2.1.3). */
enum {
    LINT_DIGITAL_SIGNATURE = 1 << 0,
    LINT_CONTENT_COMMITMENT = 1 << 1,
    LINT_KEY_ENCIPHERMENT = 1 << 2,
    LINT_DATA_ENCIPHERMENT = 1 << 3,
    LINT_KEY_AGREEMENT = 1 << 4,
    LINT_CERT_SIGN = 1 << 5,
    LINT_CRL_SIGN = 1 << 6
};

struct lint_extension {
    enum oid oid; /* OID_COUNT: none that lint knows */
    struct span id;
    bool critical;
    struct span value;
};

/* An attribute of a distinguished name. */
struct lint_attribute {
    struct span type;
    uint8_t tag;
    struct span value;
    bool alone; /* in its RelativeDistinguishedName */
};

/* A GeneralName: its identifier octet and content. */
struct lint_name {
    uint8_t tag;
    struct span value;
};

/* A GeneralName with what it is for: the method of an authority information access. */
struct lint_pointer {
    struct span method;
    struct lint_name at;
};

struct lint_subject {
    const struct lint_question *question;
    struct arena *arena;
    const struct lint_issuer *issuer_expected;
    struct span tbs;
    struct span serial;    /* content octets of the INTEGER */
    struct span algorithm; /* whole AlgorithmIdentifier of the signature */
    struct span issuer;
    uint8_t not_before_tag;
    uint8_t not_after_tag;
    int64_t not_before;
    int64_t not_after;
    struct span subject;
    struct span spki;
    const struct key *key; /* out of spki; NULL if it is malformed or weak */
    struct lint_extension extensions[LINT_EXTENSIONS_MAX];
    size_t extension_count;
    /* What stands in them. Of what is malformed, as much as could be read, and its bit in
     * `broken`. */
    struct lint_attribute attributes[LINT_ATTRIBUTES_MAX]; /* of the subject */
    size_t attribute_count;
    const struct lint_name *names; /* subjectAltName */
    size_t name_count;
    uint32_t key_usage;
    struct span usages[LINT_USAGES_MAX]; /* content octets, as those below */
    size_t usage_count;
    struct span policies[LINT_POLICIES_MAX];
    size_t policy_count;
    bool policy_qualified; /* one has qualifiers */
    struct lint_pointer access[LINT_POINTERS_MAX];
    size_t access_count;
    struct lint_name lists[LINT_POINTERS_MAX]; /* of the one distribution point */
    size_t list_count;
    bool is_ca;
    int path_length;     /* LINT_PATH_ANY if it says none */
    unsigned int broken; /* bits 1 << enum lint_part */
};

/* What can be broken beside the frame. */
enum lint_part {
    LINT_PART_SUBJECT,
    LINT_PART_NAMES,
    LINT_PART_KEY_USAGE,
    LINT_PART_USAGES,
    LINT_PART_POLICIES,
    LINT_PART_ACCESS,
    LINT_PART_LISTS,
    LINT_PART_BASIC
};

/* A rule: NULL if the certificate keeps it, else what is wrong (a static phrase). */
typedef const char *lint_rule(const struct lint_subject *s);

/* Read the to-be-signed octets and their extensions; of `s` the question and the arena
 * are set. ERR_LINT if they are no certificate; what only a rule can judge is left to it.
 */
MUST_CHECK enum err lint_rule_read(struct span tbs, struct lint_subject *s,
                                   struct err_info *why);

/* The extension of that kind; NULL if there is none. */
const struct lint_extension *lint_rule_extension(const struct lint_subject *s,
                                                 enum oid oid);

/* How it is signed, if that is said in the very octets that are allowed (Baseline
 * Requirements 7.1.3.2, RFC 8410 3). */
bool lint_rule_algorithm(const struct lint_subject *s, enum key_signature *kind);

/* Could that part not be read? */
bool lint_rule_is_broken(const struct lint_subject *s, enum lint_part part);

/* Is that one of the extended key usages? */
bool lint_rule_has_usage(const struct lint_subject *s, enum oid usage);

/* The first attribute of that type in the subject; NULL if there is none. */
const struct lint_attribute *lint_rule_attribute(const struct lint_subject *s,
                                                 enum oid type);

/* Seconds it is valid, both ends counted (RFC 5280 4.1.2.5). */
int64_t lint_rule_lifetime(const struct lint_subject *s);

/* The longest that one may be valid that is issued now, in seconds (Baseline Requirements
 * 6.3.2). */
int64_t lint_rule_lifetime_most(const struct lint_subject *s);

/* Does its revocation need no pointer (Baseline Requirements 1.6.1): valid for at most
 * seven days? */
bool lint_rule_is_short(const struct lint_subject *s);

/* Is that where an authority information access says to ask for OCSP? */
bool lint_rule_has_ocsp(const struct lint_subject *s);

/* A URL as certificates have them: IA5 without spaces, of the scheme, with a host. */
bool lint_rule_is_http(const struct lint_name *name);

/* The rules, one in each file. */
#define LINT(function, kinds, set, severity, citation) lint_rule function;
#include "server/lint/lints.def"
#undef LINT
