/* COSE algorithms of attestation statements (RFC 9053 2, RFC 8812 2). */
#pragma once

#define ATTEST_COSE_ES256 (-7)
#define ATTEST_COSE_EDDSA (-8)
#define ATTEST_COSE_ES384 (-35)
#define ATTEST_COSE_RS256 (-257)
#define ATTEST_COSE_RS1   (-65535)
