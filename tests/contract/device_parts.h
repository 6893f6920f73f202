/* Devices, as the tests of the contract make and look for them. */
#pragma once

#include <string.h>

#include "contract.h"
#include "core/acme/terms.h"
#include "server/store/store_device.h"

#define EK        1 /* enum attest_known_kind */
#define AK        2
#define WITHDRAWN 9 /* CRLReason */

static inline struct store_identifier device_permanent(const char *value)
{
    return (struct store_identifier){IDENTIFIER_PERMANENT_IDENTIFIER, value};
}

static inline struct store_device_key device_key_of(int kind, uint8_t mark)
{
    struct store_device_key key = {.kind = kind};

    memset(key.sha256, mark, sizeof key.sha256);
    return key;
}

/* A device with an EK of that mark, if it is not 0. */
static inline struct store_device device_of(struct contract *f, const char *value,
                                            uint8_t mark)
{
    struct store_device_key *key = arena_get(f->arena, sizeof *key);

    *key = device_key_of(EK, mark);
    return (struct store_device){.identifier = device_permanent(value),
                                 .label = "a label",
                                 .reason = "",
                                 .keys = key,
                                 .key_count = mark != 0 ? 1 : 0};
}

static inline enum err device_put(struct contract *f, const struct store_device *devices,
                                  size_t count, bool replace,
                                  struct store_device_put_result *result)
{
    const struct store_device_putting putting = {
        .replace = replace, .now = CONTRACT_NOW, .reason = WITHDRAWN};

    return store_device_put(f->session, f->arena, devices, count, &putting, result,
                            &f->why);
}

static inline enum err device_find(struct contract *f, const char *value,
                                   struct store_device **row)
{
    const struct store_identifier identifier = device_permanent(value);

    return store_device_find(f->session, f->arena, &identifier, row, &f->why);
}

static inline struct store_device *device_found(struct contract *f, const char *value)
{
    struct store_device *row = NULL;

    assert_int_equal(device_find(f, value, &row), ERR_OK);
    return row;
}

static inline size_t device_count_of(struct contract *f, bool blocked)
{
    struct store_device *rows = NULL;
    size_t count = 0;

    assert_int_equal(
        store_device_list(f->session, f->arena, 0, blocked, 100, &rows, &count, &f->why),
        ERR_OK);
    return count;
}

static inline enum err device_block(struct contract *f, const char *value, int64_t now,
                                    struct store_device_blocked *result)
{
    const struct store_identifier identifier = device_permanent(value);

    return store_device_block(f->session, &identifier, "lost", WITHDRAWN, now, NULL,
                              result, &f->why);
}

/* An order of an account for that device and a name, with valid authorizations. */
static inline struct store_order *device_add_order(struct contract *f, const char *value)
{
    struct store_order *order = arena_get(f->arena, sizeof *order);
    struct store_identifier *identifiers = arena_array(f->arena, 2, sizeof *identifiers);
    bool existed = false;

    identifiers[0] = (struct store_identifier){IDENTIFIER_DNS, "a.example.test"};
    identifiers[1] = device_permanent(value);
    order->account_id = contract_add_account(f, 1, &existed)->id;
    order->created = CONTRACT_NOW;
    order->expires = CONTRACT_NOW + 1000;
    order->profile = "";
    order->identifiers = identifiers;
    order->identifier_count = 2;
    order->authzs = arena_array(f->arena, 2, sizeof *order->authzs);
    for (size_t i = 0; i < 2; i++) {
        order->authzs[i].identifier = identifiers[i];
        order->authzs[i].expires = CONTRACT_NOW + 1000;
    }
    assert_int_equal(store_order_add(f->session, order, &f->why), ERR_OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(store_attempt_finish(f->session, order->authzs[i].id, (int)i * 5,
                                              STORE_VERDICT_VALID, NULL, NULL,
                                              CONTRACT_NOW, &f->why),
                         ERR_OK);
    contract_settle(f);
    return order;
}
