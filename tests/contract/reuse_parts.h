/* Authorizations and orders as the tests of reuse and of subdomains need them. */
#pragma once

#include "contract.h"
#include "server/store/store_reuse.h"

#include <string.h>

#define LONG 5000 /* seconds an order asks for; those of contract_add_order live 1000 */

static inline int64_t account(struct contract *f, uint8_t mark)
{
    bool existed;

    return contract_add_account(f, mark, &existed)->id;
}

static inline struct store_reuse everything(void)
{
    return (struct store_reuse){.proved_last = CONTRACT_NOW,
                                .outlives = CONTRACT_NOW,
                                .subdomains = true,
                                .types = ~0U};
}

/* The authorization an order for `shown` would have: for its base, or all below `above`.
 */
static inline struct store_authz wanted(const char *shown, const char *above)
{
    bool wildcard = strncmp(shown, "*.", 2) == 0;

    return (struct store_authz){
        .identifier = {0, above != NULL ? above : shown + (wildcard ? 2 : 0)},
        .wildcard = wildcard || above != NULL,
        .subdomains = above != NULL,
        .created = CONTRACT_NOW,
        .expires = CONTRACT_NOW + LONG,
        .seed = {9}};
}

/* An order for names, each below the ancestor at its place if there is one. */
static inline struct store_order *order_names(struct contract *f, int64_t owner,
                                              size_t count, const char *const *names,
                                              const char *const *above,
                                              const struct store_reuse *reuse)
{
    struct store_order *order = arena_get(f->arena, sizeof *order);
    struct store_identifier *list = arena_array(f->arena, count, sizeof *list);

    order->account_id = owner;
    order->created = CONTRACT_NOW;
    order->expires = CONTRACT_NOW + LONG;
    order->profile = "";
    order->identifiers = list;
    order->identifier_count = count;
    order->authzs = arena_array(f->arena, count, sizeof *order->authzs);
    for (size_t i = 0; i < count; i++) {
        list[i].value = names[i];
        order->authzs[i] = wanted(names[i], above != NULL ? above[i] : NULL);
    }
    assert_int_equal(store_reuse_order_add(f->session, f->arena, order, reuse, &f->why),
                     ERR_OK);
    contract_settle(f);
    return order;
}

static inline struct store_order *order_name(struct contract *f, int64_t owner,
                                             const char *name,
                                             const struct store_reuse *reuse)
{
    return order_names(f, owner, 1, &name, NULL, reuse);
}

static inline void prove(struct contract *f, int64_t authz_id, int64_t when)
{
    assert_int_equal(store_attempt_finish(f->session, authz_id, 1, STORE_VERDICT_VALID,
                                          NULL, "[]", when, &f->why),
                     ERR_OK);
    contract_settle(f);
}

static inline struct store_authz *authz_of(struct contract *f, int64_t id)
{
    struct store_authz *row = NULL;

    assert_int_equal(store_authz_by_id(f->session, f->arena, id, &row, &f->why), ERR_OK);
    return row;
}

static inline enum err ask(struct contract *f, int64_t owner, const char *name,
                           bool subdomains, int64_t most, struct store_authz **row,
                           bool *existed)
{
    struct store_authz authz = wanted(name, subdomains ? name : NULL);
    const struct store_reuse reuse = everything();

    authz.account_id = owner;
    authz.lifetime = 700;
    enum err result = store_reuse_authz(f->session, f->arena, &authz, &reuse, most, row,
                                        existed, &f->why);
    contract_settle(f);
    return result;
}

static inline int64_t asked(struct contract *f, int64_t owner, const char *name,
                            bool subdomains, bool expected)
{
    struct store_authz *row = NULL;
    bool existed = !expected;

    assert_int_equal(ask(f, owner, name, subdomains, 10, &row, &existed), ERR_OK);
    assert_int_equal(existed, expected);
    assert_int_equal(row->account_id, owner);
    assert_string_equal(row->identifier.value, name);
    return row->id;
}
