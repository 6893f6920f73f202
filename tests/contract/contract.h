/* Fixture of the store's contract test. A backend is a library that has the functions of
 * server/store/store.h, and one file here that says where its stores are. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/store/store.h"
#include "server/store/store_revocation.h"

#define CONTRACT_NOW 1790000000

/* A backend, to the tests. */
struct contract_backend {
    /* Make room for an empty store and write into `where` what store_open is to be given.
     * False if that cannot be. */
    bool (*make)(char *where, size_t size);
    void (*remove)(const char *where);
};
extern const struct contract_backend contract_backend;

struct contract {
    char where[256];
    struct store *store;
    struct store_session *session;
    struct arena *arena;
    struct err_info why;
};

#define CONTRACT_TEST(test)                                                              \
    cmocka_unit_test_setup_teardown(test, contract_set_up, contract_tear_down)

/* An open store that is empty, with a session; closed and removed. */
int contract_set_up(void **state);
int contract_tear_down(void **state);

/* Close and open again, as a restart does. */
void contract_open_store(struct contract *f);
void contract_close_store(struct contract *f);
void contract_restart(struct contract *f);

/* Everything changed so far is on disk. */
void contract_settle(struct contract *f);

/* An account whose thumbprint is `mark` all over. */
struct store_account *contract_add_account(struct contract *f, uint8_t mark,
                                           bool *existed);

/* Close it (RFC 8555 7.3.6). */
void contract_deactivate_account(struct contract *f, int64_t id);

/* An order of that account, for name0.example.test and so on. */
struct store_order *contract_add_order(struct contract *f, int64_t account_id,
                                       size_t names);

/* The same with all its authorizations valid, so that it may be issued. */
struct store_order *contract_add_proved_order(struct contract *f, int64_t account_id,
                                              size_t names);

/* An issuance to begin; its serial is `mark` all over. */
struct store_issuance contract_issuance_for(const struct store_order *order,
                                            uint8_t mark);

/* The tests of the other files; how many failed. */
int contract_facts(void);
int contract_batches(void);
int contract_notes(void);
int contract_endings(void);
int contract_keys(void);
int contract_star(void);
int contract_attestation(void);
int contract_caa(void);
int contract_crl(void);
int contract_evidence(void);
int contract_sweep(void);
int contract_external(void);
int contract_renewal(void);
int contract_limits(void);
int contract_reuse(void);
int contract_search(void);
int contract_subdomains(void);
int contract_precertificates(void);
int contract_devices(void);
int contract_device_blocks(void);
int contract_enrollments(void);
