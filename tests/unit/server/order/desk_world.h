/* A desk with a real store, and a validator and a signer that only note what they are
 * asked. */
#pragma once

#include "server/store_fixture.h"

#include <pthread.h>

#include "server/order/order_desk.h"
#include "server/settings/settings.h"

#define ASKED_MAX   32
#define PATIENCE_US 20000000 /* for what must happen */

/* SEQUENCEs that a certificate and its inside might be. */
#define TBS                                                                              \
    "\x30\x0c"                                                                           \
    "to be signed"
#define CERTIFICATE                                                                      \
    "\x30\x11" TBS "\x02\x01"                                                            \
    "x"
#define OTHER_CERTIFICATE                                                                \
    "\x30\x11"                                                                           \
    "\x30\x0c"                                                                           \
    "to be forged"                                                                       \
    "\x02\x01"                                                                           \
    "x"

/* What the others were asked. */
struct asked {
    pthread_mutex_t lock;
    bool away;        /* nothing can be sent to them */
    const char *deaf; /* names of perspectives that cannot be asked */
    size_t checks, signs, looks;
    char looked[256]; /* names of those that were, each with a space behind it */
    int64_t check_ids[ASKED_MAX];
    int64_t *all_ids; /* of all checks, if there is room for them; or NULL */
    int64_t sign_ids[ASKED_MAX];
    char token[64], identifier[64], authorization[128], tbs[64];
};

struct world {
    struct store_fixture *f;
    struct work_pool *workers;
    struct order_desk *desk;
    struct asked asked;
    int64_t account;
    struct settings settings;
};

void desk_world_open_desk(struct world *w);
void desk_world_close_desk(struct world *w);
int desk_world_set_up(void **state);
int desk_world_tear_down(void **state);
size_t desk_world_asked(struct world *w, const size_t *count);
bool desk_world_becomes_asked(struct world *w, const size_t *count, size_t number);
bool desk_world_validations_land(struct world *w);
bool desk_world_issuances_land(struct world *w);
struct store_authz *desk_world_authz_of(struct world *w, int64_t id);
struct store_order *desk_world_order_of(struct world *w, int64_t id);
enum err desk_world_validate(struct world *w, const struct store_authz *authz);

/* The same by a challenge of that type. */
enum err desk_world_validate_by(struct world *w, const struct store_authz *authz,
                                enum challenge_type type);
struct store_issuance desk_world_issuance_of(const struct store_order *order,
                                             uint8_t mark);

#define TEST(test)                                                                       \
    cmocka_unit_test_setup_teardown(test, desk_world_set_up, desk_world_tear_down)
