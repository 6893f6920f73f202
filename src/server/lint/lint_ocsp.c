/* Lint of OCSP answers: read the to-be-signed octets and run every rule. */
#include "server/lint/lint_ocsp.h"

#include "server/lint/lint_ocsp_rule.h"

static const struct {
    const char *name;
    lint_ocsp_rule *check;
    const char *citation;
} rules[] = {
#define LINT_OCSP(function, citation) {#function, function, citation},
#include "server/lint/lints_ocsp.def"
#undef LINT_OCSP
};

/* Whose answer is it? The first one's if it is nobody's, who will complain. */
static size_t find_responder(struct lint_ocsp_subject *s,
                             const struct lint_responder *responders, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        s->responder_expected = &responders[i];
        if (rule_ocsp_responder(s) == NULL)
            return i;
    }
    s->responder_expected = responders;
    return 0;
}

enum err lint_ocsp(const struct lint_responder *responders, size_t count, struct span tbs,
                   int64_t now, struct lint_ocsp_pass *pass, struct err_info *why)
{
    struct lint_ocsp_pass made = {0};
    struct lint_ocsp_subject s = {.data = &made.data, .now = now};

    if (ocsp_data_read(tbs, &made.data, why) != ERR_OK) {
        if (why != NULL)
            why->code = ERR_LINT;
        return ERR_LINT;
    }
    made.responder = find_responder(&s, responders, count);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const char *complaint = rules[i].check(&s);
        if (complaint != NULL)
            return err_set(why, ERR_LINT, "%s (%s): %s", rules[i].name, rules[i].citation,
                           complaint);
    }
    *pass = made;
    return ERR_OK;
}
