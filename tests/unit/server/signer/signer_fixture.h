/* What tests of the signer begin with: two hierarchies whose issuing keys are in the
 * safe, a profile, a subject's key, and a journal. */
#pragma once

#include "../hierarchy_fixture.h"
#include "core/crypto/key.h"
#include "core/x509/crl.h"
#include "server/issue/serial.h"
#include "server/issue/template.h"
#include "server/settings/settings.h"
#include "server/signer/signer_core.h"

#define SIGNER_FIXTURE_LIFETIME INT64_C(7776000)

struct signer_fixture {
    struct arena *arena;
    struct hierarchy ca;
    struct hierarchy second; /* another of the same name, whose key is in the safe too */
    struct template_issuer issuer;    /* of `ca` */
    struct key *subject;              /* P-256 */
    struct lint_profile profile;      /* "test": for one DNS name and P-256 */
    const struct settings *published; /* NULL: lists may point anywhere */
    char journal[64];
};

extern struct signer_fixture fixture;

/* For cmocka_run_group_tests. */
int signer_fixture_set_up(void **state);
int signer_fixture_tear_down(void **state);

/* A safe with both keys; what is in the journal is read if a descriptor of it is given
 * (owned from now on; -1: none). Errors of signer_core_new; ERR_IO. */
enum err signer_fixture_open(struct signer_core **core, int journal_fd);

/* A key as signer_core takes it. */
struct span signer_fixture_key(const struct secret *pem);

/* The journal, for appending. */
int signer_fixture_journal(void);

/* A certificate of the profile for one name, which must live as long; to be changed and
 * written. */
struct template_leaf signer_fixture_leaf(const uint8_t serial[SERIAL_SIZE],
                                         const char *const *name);
struct span signer_fixture_write(const struct template_issuer *from,
                                 const struct template_leaf *leaf);

/* The same as it is. */
struct span signer_fixture_tbs(const uint8_t serial[SERIAL_SIZE], const char *name,
                               const struct template_issuer *from);

/* A revocation list without entries; with a URL, a part of it. */
struct span signer_fixture_list(const struct template_issuer *from, uint64_t number,
                                int64_t next_update, const char *url);

/* Read and sign it. */
enum err signer_fixture_sign_list(struct signer_core *core, struct span tbs,
                                  uint8_t *signature, size_t *len, struct err_info *why);
