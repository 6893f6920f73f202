/* What the files of this folder share and nobody else sees. */
#pragma once

#define CRYPTOKI_GNU 1 /* names that are no macros */
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/secret.h"
#include "core/pkcs11/pkcs11.h"

#define PKCS11_TRUE      1 /* of CK_BBOOL, which the header leaves out */
#define PKCS11_FALSE     0
#define PKCS11_NAME_SIZE 128 /* octets of how a token is called in sentences */

/* A loaded module. */
struct pkcs11_module {
    struct pkcs11_module *next;
    char *path; /* owned */
    const struct ck_function_list *call;
    pthread_rwlock_t lock; /* shared by who calls; exclusive for starting it anew */
    bool is_started;
    bool is_single;  /* it cannot be called by several threads */
    uint64_t starts; /* what was had from an earlier start is worth nothing */
    int64_t pause_us;
    int64_t restart_due_us; /* not started anew before that */
};

/* What an answer of a module takes away. */
enum pkcs11_loss { PKCS11_LOSS_NOTHING, PKCS11_LOSS_CONNECTION, PKCS11_LOSS_TOKEN };

/* The module of that path, loaded if it was not yet. ERR_CONFIG, ERR_NOT_FOUND. */
MUST_CHECK enum err pkcs11_module_get(struct pkcs11 *p, const char *path,
                                      struct pkcs11_module **module,
                                      struct err_info *why);

/* Call into it between these two; started at the first time. */
MUST_CHECK enum err pkcs11_module_enter(struct pkcs11_module *m, struct err_info *why);
void pkcs11_module_leave(struct pkcs11_module *m);

/* Start it anew, unless somebody did so since `starts` was read or it was tried a moment
 * ago. Not between enter and leave. */
void pkcs11_module_restart(struct pkcs11_module *m, uint64_t starts);

/* End and free. */
void pkcs11_module_free(struct pkcs11_module *m);

/* "FORMAT...: what the answer means (CKR_NAME)" as ERR_CRYPTO, and what it takes away. */
enum err pkcs11_module_failed(struct err_info *why, ck_rv_t answer, const char *format,
                              ...) __attribute__((format(printf, 3, 4)));
enum pkcs11_loss pkcs11_module_loss(ck_rv_t answer);

struct pkcs11_place {
    ck_session_handle_t session;
    uint64_t connection; /* of which it is; 0: none */
    bool is_busy;
};

/* A token and the sessions with it. */
struct pkcs11_token {
    struct pkcs11_token *next;
    struct pkcs11 *owner;
    struct pkcs11_module *module;
    char *label; /* what it must match; NULL: anything; owned */
    char *serial;
    char *manufacturer;
    char *model;
    bool has_slot;
    uint64_t slot_wanted;
    struct secret pin;
    char name[PKCS11_NAME_SIZE];

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t free_place;
    ck_slot_id_t slot;
    ck_session_handle_t anchor; /* keeps the login alive */
    bool is_connected;
    bool is_missed;        /* the last attempt to connect failed */
    bool is_barred;        /* the PIN is wrong: a token counts the attempts */
    unsigned int failures; /* in a row */
    uint64_t connection;   /* number of the newest */
    uint64_t starts;       /* of the module, when it was connected */
    int64_t retry_due_us;
    struct err_info trouble; /* of the last attempt to connect */
    size_t place_count;
    struct pkcs11_place places[PKCS11_SESSIONS_MAX];
};

/* A session, for as long as it is used by one thread. */
struct pkcs11_lease {
    size_t place;
    ck_session_handle_t session;
    uint64_t connection;
    ck_rv_t answer; /* of the call that failed, for pkcs11_token_return */
    bool is_lost;   /* the same for what is no answer, such as a key that is gone */
};

/* The token a URI means, known already or not. ERR_CONFIG, ERR_NOT_FOUND. */
MUST_CHECK enum err pkcs11_token_get(struct pkcs11 *p, const struct pkcs11_uri *uri,
                                     const struct pkcs11_access *access,
                                     struct pkcs11_token **token, struct err_info *why);

/* Wait for a free session, connecting and logging in as needed, and give it back. Between
 * the two the module is entered. ERR_CRYPTO with the token's name and what to do. */
MUST_CHECK enum err pkcs11_token_borrow(struct pkcs11_token *t,
                                        struct pkcs11_lease *lease, struct err_info *why);
/* True if what failed is worth another attempt. */
bool pkcs11_token_return(struct pkcs11_token *t, struct pkcs11_lease *lease, bool worked);

/* A session that may write; closed by pkcs11_token_close_writer. Within a lease. */
MUST_CHECK enum err pkcs11_token_open_writer(struct pkcs11_token *t,
                                             ck_session_handle_t *session,
                                             struct err_info *why);
void pkcs11_token_close_writer(struct pkcs11_token *t, ck_session_handle_t session);

/* End the sessions and free. */
void pkcs11_token_free(struct pkcs11_token *t);

/* All modules and tokens of a process. */
struct pkcs11 {
    struct pkcs11_module *modules;
    struct pkcs11_token *tokens;
    void (*watcher)(void *context, const char *token, const struct err_info *trouble);
    void *context;
    const char *pin_option; /* pkcs11_serve_user; NULL: a CA's */
};

/* Which objects are meant: those of a class with this label and id, as far as given. */
struct pkcs11_object {
    ck_object_class_t class;
    const char *label;
    struct span id;
};

/* The handles of those there are, at most `room`. */
MUST_CHECK enum err pkcs11_object_find(struct pkcs11_token *t, struct pkcs11_lease *lease,
                                       const struct pkcs11_object *wanted,
                                       ck_object_handle_t *found, size_t room,
                                       size_t *count, struct err_info *why);

/* An attribute's value into the arena; empty if the object has none or does not tell. */
struct span pkcs11_object_value(struct arena *a, struct pkcs11_token *t,
                                ck_session_handle_t session, ck_object_handle_t object,
                                ck_attribute_type_t type);

/* The attribute of a yes or no; false if it is not there. */
bool pkcs11_object_flag(struct pkcs11_token *t, ck_session_handle_t session,
                        ck_object_handle_t object, ck_attribute_type_t type);

/* The DER SubjectPublicKeyInfo that belongs to a private key: from the public key or the
 * certificate with the same id or label, or from an RSA key itself; empty if the token
 * has none of them. ERR_CRYPTO, ERR_BAD_PUBLIC_KEY. */
MUST_CHECK enum err pkcs11_public_read(struct arena *a, struct pkcs11_token *t,
                                       struct pkcs11_lease *lease,
                                       ck_object_handle_t private_key, struct span *spki,
                                       struct err_info *why);

/* The code of a failure: this one for a program that somebody runs, ERR_CRYPTO for a CA,
 * whose clients can do nothing about it. */
enum err pkcs11_token_code(const struct pkcs11_token *t, enum err code);
