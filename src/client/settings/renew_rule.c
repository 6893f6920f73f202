/* The option `renew`. */
#include "client/settings/renew_rule.h"

#include <string.h>

#include "core/base/text.h"

#define PERCENT_MAX 99

static bool read_share(struct span text, struct renew_rule *rule)
{
    uint64_t percent = 0;

    if (!text_number(span_slice(text, 0, text.len - 1), PERCENT_MAX, &percent) ||
        percent == 0)
        return false;
    *rule = (struct renew_rule){.kind = RENEW_RULE_SHARE, .percent = (int)percent};
    return true;
}

bool renew_rule_read(const char *text, struct renew_rule *rule)
{
    struct span s = span_of(text);
    int64_t before_ms = 0;

    if (span_is(s, "auto") || span_is(s, "never")) {
        *rule = (struct renew_rule){.kind = text[0] == 'a' ? RENEW_RULE_AUTO
                                                           : RENEW_RULE_NEVER};
        return true;
    }
    if (s.len > 1 && s.data[s.len - 1] == '%')
        return read_share(s, rule);
    if (!text_duration_ms(s, &before_ms) || before_ms < 1000)
        return false;
    *rule = (struct renew_rule){.kind = RENEW_RULE_BEFORE, .before_s = before_ms / 1000};
    return true;
}
