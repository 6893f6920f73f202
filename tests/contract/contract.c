/* Fixture of the store's contract test; see contract.h. */
#include "contract.h"

#include <stdlib.h>
#include <string.h>

void contract_open_store(struct contract *f)
{
    assert_int_equal(store_open(f->where, &f->store, &f->why), ERR_OK);
    assert_int_equal(store_session_open(f->store, &f->session, &f->why), ERR_OK);
}

void contract_close_store(struct contract *f)
{
    store_session_close(f->session);
    store_close(f->store);
    f->session = NULL;
    f->store = NULL;
}

void contract_restart(struct contract *f)
{
    contract_close_store(f);
    contract_open_store(f);
}

int contract_set_up(void **state)
{
    struct contract *f = calloc(1, sizeof *f);

    if (f == NULL || !contract_backend.make(f->where, sizeof f->where))
        return -1;
    f->arena = arena_new();
    contract_open_store(f);
    *state = f;
    return 0;
}

int contract_tear_down(void **state)
{
    struct contract *f = *state;

    contract_close_store(f);
    contract_backend.remove(f->where);
    arena_free(f->arena);
    free(f);
    return 0;
}

void contract_settle(struct contract *f)
{
    assert_int_equal(store_wait(f->store, store_session_ticket(f->session), &f->why),
                     ERR_OK);
}

struct store_account *contract_add_account(struct contract *f, uint8_t mark,
                                           bool *existed)
{
    struct store_account fresh = {.directory = "default",
                                  .jwk = "{\"kty\":\"EC\"}",
                                  .contacts = "[]",
                                  .terms_agreed = false,
                                  .created = CONTRACT_NOW};
    struct store_account *row = NULL;

    memset(fresh.thumbprint, mark, sizeof fresh.thumbprint);
    assert_int_equal(
        store_account_add(f->session, f->arena, &fresh, existed, &row, &f->why), ERR_OK);
    contract_settle(f);
    return row;
}

void contract_deactivate_account(struct contract *f, int64_t id)
{
    const struct store_account_change change = {.status = STORE_ACCOUNT_DEACTIVATED};

    assert_int_equal(store_account_update(f->session, id, &change, &f->why), ERR_OK);
}

struct store_order *contract_add_order(struct contract *f, int64_t account_id,
                                       size_t names)
{
    struct store_order *order = arena_get(f->arena, sizeof *order);
    struct store_identifier *identifiers =
        arena_array(f->arena, names, sizeof *identifiers);

    order->account_id = account_id;
    order->created = CONTRACT_NOW;
    order->expires = CONTRACT_NOW + 1000;
    order->profile = "";
    order->authzs = arena_array(f->arena, names, sizeof *order->authzs);
    for (size_t i = 0; i < names; i++) {
        identifiers[i].value = arena_printf(f->arena, "name%zu.example.test", i);
        order->authzs[i].identifier = identifiers[i];
        order->authzs[i].expires = CONTRACT_NOW + 1000;
        memset(order->authzs[i].seed, (int)i + 1, STORE_SEED_SIZE);
    }
    order->identifiers = identifiers;
    order->identifier_count = names;
    assert_int_equal(store_order_add(f->session, order, &f->why), ERR_OK);
    contract_settle(f);
    return order;
}

struct store_order *contract_add_proved_order(struct contract *f, int64_t account_id,
                                              size_t names)
{
    struct store_order *order = contract_add_order(f, account_id, names);

    for (size_t i = 0; i < names; i++)
        assert_int_equal(store_attempt_finish(f->session, order->authzs[i].id, 0,
                                              STORE_VERDICT_VALID, NULL, "[]",
                                              CONTRACT_NOW, &f->why),
                         ERR_OK);
    contract_settle(f);
    return order;
}

struct store_issuance contract_issuance_for(const struct store_order *order, uint8_t mark)
{
    struct store_issuance i = {.order_id = order->id,
                               .account_id = order->account_id,
                               .serial_len = 16,
                               .tbs = span_of("tbs"),
                               .begun = CONTRACT_NOW,
                               .not_after = CONTRACT_NOW + 90};
    memset(i.serial, mark, i.serial_len);
    memset(i.key_thumbprint, 0xff, sizeof i.key_thumbprint); /* no account's */
    return i;
}
