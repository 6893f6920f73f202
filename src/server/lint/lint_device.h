/* Inside lint: what rules about devices have in common. */
#pragma once

#include "core/x509/device_name.h"
#include "server/lint/lint_rule.h"

/* Is a device named in the subjectAltName, in whatever form? */
bool lint_device_is_named(const struct lint_subject *s);

/* Is each otherName of that type written in the only form there is, and the name of an
 * identifier of ACME (draft-ietf-acme-device-attest-09 3.1, 4.1)? */
bool lint_device_judge(const struct lint_subject *s, enum oid type);

/* The value of the identifier that the name stands for, in the arena of the subject; NULL
 * if it stands for none. */
const char *lint_device_value(const struct lint_subject *s, const struct lint_name *name);
