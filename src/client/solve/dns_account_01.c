/* dns-account-01 (draft-ietf-acme-dns-account-label): as dns-01, at a name that has the
 * account in it. */
#include "client/solve/dns_records.h"
#include "core/acme/dns_account.h"

static const char *name_of(struct solver *s, const struct solve_task *task)
{
    char label[DNS_ACCOUNT_LABEL_SIZE];

    dns_account_label(task->account_url, label);
    return arena_printf(s->arena, "%s._acme-challenge.%s", label, task->identifier.value);
}

enum err dns_account_01_open(struct solver *s, struct err_info *why)
{
    return dns_records_open(s, name_of, why);
}
