/* Inside lint: the certificate as the rules see it. */
#pragma once

#include <stdbool.h>

#include "core/crypto/key.h"
#include "core/x509/oid.h"
#include "server/lint/lint.h"

struct lint_extension {
    struct span id;
    bool critical;
    struct span value;
};

struct lint_subject {
    const struct lint_issuer *issuer_expected;
    struct span serial; /* content octets of the INTEGER */
    enum key_signature signature_kind;
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
};

/* A rule: NULL if the certificate keeps it, else what is wrong (a static phrase). */
typedef const char *lint_rule(const struct lint_subject *s);

/* The extension of that kind; NULL if there is none. */
const struct lint_extension *lint_rule_extension(const struct lint_subject *s,
                                                 enum oid oid);

/* The rules, one in each file. */
#define LINT(function, citation) lint_rule function;
#include "server/lint/lints.def"
#undef LINT
