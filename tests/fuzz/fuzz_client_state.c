/* What cairn keeps between two runs: metadata.json, renewal.json, deploy.json, entries of
 * dns-01. The first octet says which. What was read and written again reads the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/deploy/deploy_status.h"
#include "client/dns/dns_journal.h"
#include "client/renewal/renewal_state.h"
#include "client/renewal/renewal_when.h"
#include "client/store/metadata.h"

#define TEXT_MAX (1024 * 1024)
#define NOW      1700000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_same(const struct buf *first, const struct buf *second)
{
    if (first->failed || second->failed || !span_equal(buf_span(first), buf_span(second)))
        abort();
}

static void metadata(struct arena *a, struct span text, struct buf *b, struct buf *again)
{
    struct certificate_metadata m = {0};
    struct err_info why = {0};

    if (metadata_read(a, text, &m, &why) != ERR_OK)
        return;
    metadata_write(b, &m);
    if (metadata_read(a, buf_span(b), &m, &why) != ERR_OK)
        abort();
    metadata_write(again, &m);
    must_be_same(b, again);
}

static void renewal(struct arena *a, struct span text, struct buf *b, struct buf *again)
{
    static const struct renew_rule rule = {.kind = RENEW_RULE_AUTO};
    struct renewal_state s = {0};
    struct renewal_state t = {0};
    struct err_info why = {0};

    if (renewal_state_read(a, text, &s, &why) != ERR_OK)
        return;
    (void)renewal_when(&rule, NOW, NOW + 86400, &s, NOW);
    (void)renewal_when_ask(&s, "a.b", NOW);
    renewal_state_write(b, &s);
    if (renewal_state_read(a, buf_span(b), &t, &why) != ERR_OK)
        abort();
    renewal_state_write(again, &t);
    must_be_same(b, again);
    (void)err_set(&why, ERR_UNAVAILABLE, "no");
    renewal_state_unanswered(a, &s, "a.b", &why, NOW);
    renewal_state_fail(a, &s, &why, NOW + 86400, NOW);
    renewal_state_suggest(a, &s, "a.b", NOW, NOW + 10, NULL, 0, NOW);
}

static void deployments(struct arena *a, struct span text, struct buf *b,
                        struct buf *again)
{
    struct deploy_statuses *all = arena_get(a, sizeof *all);
    struct deploy_statuses *other = arena_get(a, sizeof *other);

    deploy_status_read(a, text, all);
    for (size_t i = 0; i < all->count; i++) {
        (void)deploy_status_need(&all->items[i], "1", "2", NOW);
        if (all->items[i].failures < INT64_MAX)
            deploy_status_failed(&all->items[i], "1", "2", "no", NOW);
    }
    deploy_status_write(b, all);
    deploy_status_read(a, buf_span(b), other);
    deploy_status_write(again, other);
    must_be_same(b, again);
}

static void journal(struct arena *a, struct span text, struct buf *b, struct buf *again)
{
    struct dns_entry e = {0};
    struct dns_entry f = {0};
    struct err_info why = {0};

    if (dns_journal_read(a, text, &e, &why) != ERR_OK)
        return;
    dns_journal_write(b, &e);
    if (dns_journal_read(a, buf_span(b), &f, &why) != ERR_OK)
        abort();
    dns_journal_write(again, &f);
    must_be_same(b, again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(TEXT_MAX);
    AUTO(buf) struct buf again = buf_make(TEXT_MAX);

    if (size == 0 || size > 16 * 1024)
        return 0;
    const struct span text = span_make(data + 1, size - 1);
    switch (data[0]) {
    case 'm':
        metadata(a, text, &b, &again);
        break;
    case 'r':
        renewal(a, text, &b, &again);
        break;
    case 'd':
        deployments(a, text, &b, &again);
        break;
    default:
        journal(a, text, &b, &again);
    }
    return 0;
}
