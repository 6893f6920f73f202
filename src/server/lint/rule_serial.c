/* Serial: positive, at most 20 octets, at least 64 bits. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

const char *rule_serial(const struct lint_subject *s)
{
    /* 8 octets of randomness and one in front of them: shorter cannot hold 64 bits */
    if (s->serial.len > 20)
        return "the serial is longer than 20 octets";
    if (s->serial.len < 9)
        return "the serial is too short for 64 bits of randomness";
    if ((s->serial.data[0] & 0x80) != 0)
        return "the serial is negative";
    return NULL;
}
