/* Lint of revocation lists: read the to-be-signed octets and run every rule. */
#include "server/lint/lint_crl.h"

#include "core/crypto/der_read.h"
#include "server/lint/lint_crl_rule.h"

#define SERIAL_MAX 20 /* octets, RFC 5280 4.1.2.2 */

static const struct {
    const char *name;
    lint_crl_rule *check;
    const char *citation;
} rules[] = {
#define LINT_CRL(function, citation) {#function, function, citation},
#include "server/lint/lints_crl.def"
#undef LINT_CRL
};

static bool is_good_serial(struct span serial)
{
    return serial.len >= 1 && serial.len <= SERIAL_MAX && serial.data[0] < 0x80 &&
           (serial.len > 1 || serial.data[0] != 0);
}

static enum err walk(const struct crl *crl, int64_t now, struct lint_crl_entries *sum,
                     struct err_info *why)
{
    struct der_reader r = crl_entries(crl);
    struct crl_entry entry = {0};

    while (crl_entry_next(&r, &entry)) {
        sum->count++;
        sum->bad_serial = sum->bad_serial || !is_good_serial(entry.serial);
        sum->others = sum->others || entry.has_others;
        sum->in_future = sum->in_future || entry.revoked_at > now;
        sum->without_reason = sum->without_reason || entry.reason == CRL_NO_REASON;
        if (entry.reason != CRL_NO_REASON)
            sum->reasons |= 1U << entry.reason;
    }
    return der_read_finish(&r, ERR_LINT, "the revocation list", why);
}

/* Whose list is it? The first issuer's if it is nobody's, who will complain. */
static size_t find_issuer(struct lint_crl_subject *s, const struct lint_issuer *issuers,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        s->issuer_expected = &issuers[i];
        if (rule_crl_issuer(s) == NULL)
            return i;
    }
    s->issuer_expected = issuers;
    return 0;
}

static enum err judge(const struct lint_issuer *issuers, size_t count, struct span tbs,
                      int64_t now, bool of_authorities, struct lint_crl_pass *pass,
                      struct err_info *why)
{
    struct lint_crl_pass made = {0};
    struct lint_crl_subject s = {
        .crl = &made.crl, .now = now, .of_authorities = of_authorities};

    if (crl_read_tbs(tbs, &made.crl, why) != ERR_OK) {
        if (why != NULL)
            why->code = ERR_LINT;
        return ERR_LINT;
    }
    TRY(walk(&made.crl, now, &s.entries, why));
    made.issuer = find_issuer(&s, issuers, count);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const char *complaint = rules[i].check(&s);
        if (complaint != NULL)
            return err_set(why, ERR_LINT, "%s (%s): %s", rules[i].name, rules[i].citation,
                           complaint);
    }
    *pass = made;
    return ERR_OK;
}

enum err lint_crl(const struct lint_issuer *issuers, size_t count, struct span tbs,
                  int64_t now, struct lint_crl_pass *pass, struct err_info *why)
{
    return judge(issuers, count, tbs, now, false, pass, why);
}

enum err lint_crl_of_authorities(const struct lint_issuer *issuer, struct span tbs,
                                 int64_t now, struct lint_crl_pass *pass,
                                 struct err_info *why)
{
    return judge(issuer, 1, tbs, now, true, pass, why);
}
