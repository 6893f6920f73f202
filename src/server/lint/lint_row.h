/* What the rules of every kind have in common: a row of their table. Certificates have
 * theirs in lints.def; another kind of object brings a table, a subject and a runner of
 * its own (`lints_KIND.def`, `lint_KIND.c`) and has its rules' words reported here. */
#pragma once

#include <stdbool.h>

#include "core/base/err.h"
#include "core/base/span.h"
#include "server/lint/lint.h"

enum lint_severity {
    LINT_ERROR,   /* is never signed */
    LINT_WARNING, /* is signed, and said in the log */
};

struct lint_row {
    const char *name;   /* "rule_serial" */
    unsigned int kinds; /* bits 1 << enum lint_kind */
    enum lint_set set;  /* LINT_SET_RFC5280: always; LINT_SET_BR: only where asked for */
    enum lint_severity severity;
    const char *citation;
};

/* Is it a rule for that kind of object, under that set of rules? */
bool lint_row_applies(const struct lint_row *row, enum lint_kind kind, enum lint_set set);

/* Pass on what the rule said. ERR_OK for NULL, and for a warning, which goes to the log
 * with `serial` (content octets: of a certificate its serial, of a list its number); else
 * ERR_LINT with "NAME (citation): complaint". */
MUST_CHECK enum err lint_row_report(const struct lint_row *row, struct span serial,
                                    const char *complaint, struct err_info *why);
