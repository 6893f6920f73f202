/* Inside lint: an OCSP answer as the rules see it. */
#pragma once

#include "server/lint/lint_ocsp.h"

struct lint_ocsp_subject {
    const struct lint_responder *responder_expected;
    const struct ocsp_data *data;
    int64_t now; /* seconds */
};

/* A rule: NULL if the answer keeps it, else what is wrong (a static phrase). */
typedef const char *lint_ocsp_rule(const struct lint_ocsp_subject *s);

/* The rules, one in each file. */
#define LINT_OCSP(function, citation) lint_ocsp_rule function;
#include "server/lint/lints_ocsp.def"
#undef LINT_OCSP
