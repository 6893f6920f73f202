/* Kinds of certificates as lints.def and lint_extensions.def name them. */
#pragma once

#include "server/lint/lint.h"

enum {
    CERTIFICATE = 1 << LINT_CERTIFICATE,
    PRECERTIFICATE = 1 << LINT_PRECERTIFICATE,
    LEAF = CERTIFICATE | PRECERTIFICATE,
    RESPONDER = 1 << LINT_RESPONDER_CERTIFICATE,
    CA = 1 << LINT_CA_CERTIFICATE,
    ATTESTATION = 1 << LINT_ATTESTATION_CERTIFICATE,
    ANY = LEAF | RESPONDER | CA | ATTESTATION
};
