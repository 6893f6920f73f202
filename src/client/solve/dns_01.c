/* dns-01 (RFC 8555 8.4). */
#include "client/solve/dns_records.h"

static const char *name_of(struct solver *s, const struct solve_task *task)
{
    return arena_printf(s->arena, "_acme-challenge.%s", task->identifier.value);
}

enum err dns_01_open(struct solver *s, struct err_info *why)
{
    return dns_records_open(s, name_of, why);
}
