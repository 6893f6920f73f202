/* Tokens: found, logged in to, missed and found again. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/pkcs11/pkcs11_private.h"

#define SLOTS_MAX 256
#define RETRY_US  1000000 /* between two looks for a token that is not there */
#define FAILURES_ALL_ANEW                                                                \
    2 /* in a row: after these not the sessions are made anew only */

enum err pkcs11_token_code(const struct pkcs11_token *t, enum err code)
{
    return t->owner->pin_option != NULL ? code : ERR_CRYPTO;
}

/* ---- finding it ---- */

/* Fields are filled up with blanks. */
static bool field_is(const unsigned char *field, size_t size, const char *wanted)
{
    if (wanted == NULL)
        return true;
    while (size > 0 && (field[size - 1] == ' ' || field[size - 1] == '\0'))
        size--;
    return span_is(span_make(field, size), wanted);
}

static bool is_meant(const struct pkcs11_token *t, ck_slot_id_t slot,
                     const struct ck_token_info *info)
{
    return (info->flags & CKF_TOKEN_INITIALIZED) != 0 &&
           (!t->has_slot || t->slot_wanted == slot) &&
           field_is(info->label, sizeof info->label, t->label) &&
           field_is(info->serial_number, sizeof info->serial_number, t->serial) &&
           field_is(info->manufacturer_id, sizeof info->manufacturer_id,
                    t->manufacturer) &&
           field_is(info->model, sizeof info->model, t->model);
}

static enum err find_slot(struct pkcs11_token *t, struct ck_token_info *info,
                          bool *is_missing, struct err_info *why)
{
    const struct ck_function_list *call = t->module->call;
    ck_slot_id_t slots[SLOTS_MAX];
    unsigned long count = 0;
    size_t found = 0;

    *is_missing = true;
    /* the question for the number lets a module look again */
    ck_rv_t answer = call->C_GetSlotList(PKCS11_TRUE, NULL, &count);
    count = SLOTS_MAX;
    if (answer == CKR_OK)
        answer = call->C_GetSlotList(PKCS11_TRUE, slots, &count);
    if (answer != CKR_OK && t->owner->pin_option != NULL) { /* ykcs11 without pcscd */
        (void)pkcs11_module_failed(why, answer,
                                   "%s is not there: %s can list no slots (is what it "
                                   "needs running, such as pcscd?)",
                                   t->name, t->module->path);
        return why->code = ERR_NOT_FOUND;
    }
    if (answer != CKR_OK)
        return pkcs11_module_failed(why, answer, "the slots of %s cannot be listed",
                                    t->module->path);
    for (unsigned long i = 0; i < count; i++) {
        struct ck_token_info seen;
        if (call->C_GetTokenInfo(slots[i], &seen) != CKR_OK ||
            !is_meant(t, slots[i], &seen))
            continue;
        found++;
        t->slot = slots[i];
        *info = seen;
    }
    if (found == 0)
        return err_set(
            why, pkcs11_token_code(t, ERR_NOT_FOUND),
            "%s is not there: see that it is plugged in, that what its module "
            "needs is running, and that this process's user may use its files"
            "%s",
            t->name, t->owner->pin_option != NULL ? "" : " (pkcs11.read, pkcs11.write)");
    *is_missing = false;
    if (found > 1)
        return err_set(why, ERR_CRYPTO,
                       "%s: there are %zu such tokens; name the serial number, too",
                       t->name, found);
    return ERR_OK;
}

/* ---- logging in ---- */

static enum err bar(struct pkcs11_token *t, enum err result)
{
    t->is_barred = true;
    return result;
}

/* What the token says of its attempts after a wrong PIN: it has no number for it. */
static const char *attempts_left(struct pkcs11_token *t)
{
    struct ck_token_info info = {0};

    if (t->module->call->C_GetTokenInfo(t->slot, &info) != CKR_OK)
        return "";
    if ((info.flags & CKF_USER_PIN_LOCKED) != 0)
        return "; it is locked now";
    if ((info.flags & CKF_USER_PIN_FINAL_TRY) != 0)
        return "; one try is left before it is locked";
    return (info.flags & CKF_USER_PIN_COUNT_LOW) != 0
               ? "; each wrong one brings the token closer to being locked"
               : "";
}

static enum err code_of(ck_rv_t answer)
{
    switch (answer) {
    case CKR_PIN_LOCKED:
        return ERR_LOCKED;
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
    case CKR_PIN_EXPIRED:
        return ERR_UNAUTHORIZED;
    default:
        return ERR_CRYPTO;
    }
}

static enum err refused(struct pkcs11_token *t, ck_rv_t answer, struct err_info *why)
{
    struct err_info said = {0};

    (void)pkcs11_module_failed(&said, answer, "%s", t->name);
    *why = said;
    if (pkcs11_module_loss(answer) != PKCS11_LOSS_NOTHING)
        return ERR_CRYPTO;
    if (t->owner->pin_option == NULL)
        return bar(t, err_prefix(why, "the login is not tried again before a restart"));
    return bar(t, err_set(why, code_of(answer), "%s%s", said.detail,
                          answer == CKR_PIN_LOCKED ? "" : attempts_left(t)));
}

/* Never the last attempt that the token allows, and only one with the same PIN. */
static enum err log_in(struct pkcs11_token *t, ck_session_handle_t session,
                       const struct ck_token_info *info, struct err_info *why)
{
    bool has_own_way = (info->flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
    const char *option = t->owner->pin_option;

    if ((info->flags & CKF_LOGIN_REQUIRED) == 0)
        return ERR_OK;
    if (t->pin.len == 0 && !has_own_way)
        return bar(t, err_set(why, pkcs11_token_code(t, ERR_UNAUTHORIZED),
                              "%s wants a PIN, and none is configured (%s)", t->name,
                              option != NULL ? option : "pkcs11.pin"));
    if ((info->flags & CKF_USER_PIN_LOCKED) != 0)
        return bar(t, err_set(why, pkcs11_token_code(t, ERR_LOCKED),
                              "%s: the PIN is locked; the token's security officer can "
                              "set a new one",
                              t->name));
    if ((info->flags & CKF_USER_PIN_FINAL_TRY) != 0)
        return bar(t, err_set(why, pkcs11_token_code(t, ERR_UNAUTHORIZED),
                              "%s: one more wrong PIN would lock it, so none is tried; "
                              "log in once with the right one by the token's own tool%s",
                              t->name, option != NULL ? "" : ", then restart"));
    ck_rv_t answer = t->module->call->C_Login(
        session, CKU_USER, t->pin.len > 0 ? t->pin.data : NULL, t->pin.len);
    if (answer == CKR_OK || answer == CKR_USER_ALREADY_LOGGED_IN)
        return ERR_OK;
    return refused(t, answer, why);
}

static enum err connect_now(struct pkcs11_token *t, bool *is_missing,
                            struct err_info *why)
{
    struct ck_token_info info = {0};
    ck_session_handle_t session = 0;

    TRY(find_slot(t, &info, is_missing, why));
    ck_rv_t answer =
        t->module->call->C_OpenSession(t->slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (answer != CKR_OK)
        return pkcs11_module_failed(why, answer, "%s", t->name);
    enum err result = log_in(t, session, &info, why);
    if (result != ERR_OK) {
        (void)t->module->call->C_CloseSession(session);
        return result;
    }
    t->anchor = session;
    t->starts = t->module->starts;
    t->connection++;
    t->is_connected = true;
    return ERR_OK;
}

static void tell(struct pkcs11_token *t, const struct err_info *trouble)
{
    bool is_news = t->is_missed != (trouble != NULL);

    t->is_missed = trouble != NULL;
    if (is_news && t->owner->watcher != NULL)
        t->owner->watcher(t->owner->context, t->name, trouble);
}

static void disconnect(struct pkcs11_token *t)
{
    if (t->is_connected && t->starts == t->module->starts)
        (void)t->module->call->C_CloseSession(t->anchor);
    t->is_connected = false;
}

/* Connected, or why not. `wants_restart`: only a new start of the module can help. */
static enum err connect(struct pkcs11_token *t, bool *wants_restart, struct err_info *why)
{
    bool is_missing = false;

    *wants_restart = false;
    if (t->is_connected && t->starts != t->module->starts)
        t->is_connected = false;
    if (t->is_connected)
        return ERR_OK;
    if (t->is_barred || clock_monotonic_us() < t->retry_due_us) {
        if (why != NULL)
            *why = t->trouble;
        return t->trouble.code;
    }
    struct err_info trouble = {0};
    enum err result = connect_now(t, &is_missing, &trouble);
    if (result == ERR_OK) {
        tell(t, NULL);
        return ERR_OK;
    }
    *wants_restart = is_missing;
    t->trouble = trouble;
    if (why != NULL)
        *why = trouble;
    return result;
}

/* ---- lending sessions ---- */

static bool take_place(struct pkcs11_token *t, size_t *place)
{
    for (size_t i = 0; i < t->place_count; i++)
        if (!t->places[i].is_busy) {
            t->places[i].is_busy = true;
            *place = i;
            return true;
        }
    return false;
}

/* A session of the present connection at that place. */
static enum err open_session(struct pkcs11_token *t, struct pkcs11_place *place,
                             struct err_info *why)
{
    if (place->connection == t->connection)
        return ERR_OK;
    if (place->connection != 0) /* may be gone already */
        (void)t->module->call->C_CloseSession(place->session);
    place->connection = 0;
    ck_rv_t answer = t->module->call->C_OpenSession(t->slot, CKF_SERIAL_SESSION, NULL,
                                                    NULL, &place->session);
    if (answer != CKR_OK) {
        if (pkcs11_module_loss(answer) != PKCS11_LOSS_NOTHING)
            disconnect(t);
        return pkcs11_module_failed(why, answer, "%s", t->name);
    }
    place->connection = t->connection;
    return ERR_OK;
}

/* The module is entered, the token locked. */
static enum err lend(struct pkcs11_token *t, struct pkcs11_lease *lease,
                     bool *wants_restart, struct err_info *why)
{
    size_t at = 0;

    while (!take_place(t, &at))
        (void)pthread_cond_wait(&t->free_place, &t->lock);
    enum err result = connect(t, wants_restart, why);
    if (result == ERR_OK)
        result = open_session(t, &t->places[at], why);
    if (result != ERR_OK) {
        t->places[at].is_busy = false;
        (void)pthread_cond_signal(&t->free_place);
        return result;
    }
    *lease = (struct pkcs11_lease){
        .place = at, .session = t->places[at].session, .connection = t->connection};
    return ERR_OK;
}

static enum err try_to_lend(struct pkcs11_token *t, struct pkcs11_lease *lease,
                            bool *wants_restart, uint64_t *starts, struct err_info *why)
{
    TRY(pkcs11_module_enter(t->module, why));
    *starts = t->module->starts;
    (void)pthread_mutex_lock(&t->lock);
    enum err result = lend(t, lease, wants_restart, why);
    (void)pthread_mutex_unlock(&t->lock);
    if (result != ERR_OK)
        pkcs11_module_leave(t->module);
    return result;
}

static bool all_anew(struct pkcs11_token *t, uint64_t *starts)
{
    (void)pthread_mutex_lock(&t->lock);
    bool anew = t->failures >= FAILURES_ALL_ANEW;
    *starts = t->starts;
    (void)pthread_mutex_unlock(&t->lock);
    return anew;
}

/* Nobody needs to look again for a moment. */
static void note_trouble(struct pkcs11_token *t, const struct err_info *why)
{
    (void)pthread_mutex_lock(&t->lock);
    if (!t->is_connected) {
        bool is_due = clock_monotonic_us() >= t->retry_due_us;
        if (is_due)
            t->retry_due_us = clock_monotonic_us() + RETRY_US;
        t->trouble = *why;
        tell(t, why);
    }
    (void)pthread_mutex_unlock(&t->lock);
}

enum err pkcs11_token_borrow(struct pkcs11_token *t, struct pkcs11_lease *lease,
                             struct err_info *why)
{
    struct err_info trouble = {0};
    bool wants_restart = false;
    uint64_t starts = 0;

    if (all_anew(t, &starts))
        pkcs11_module_restart(t->module, starts);
    enum err result = try_to_lend(t, lease, &wants_restart, &starts, &trouble);
    if (result != ERR_OK && wants_restart) {
        pkcs11_module_restart(t->module, starts);
        result = try_to_lend(t, lease, &wants_restart, &starts, &trouble);
    }
    if (result == ERR_OK)
        return ERR_OK;
    note_trouble(t, &trouble);
    if (why != NULL)
        *why = trouble;
    return result;
}

bool pkcs11_token_return(struct pkcs11_token *t, struct pkcs11_lease *lease, bool worked)
{
    bool is_lost = !worked && (lease->is_lost ||
                               pkcs11_module_loss(lease->answer) != PKCS11_LOSS_NOTHING);

    (void)pthread_mutex_lock(&t->lock);
    if (worked)
        t->failures = 0;
    if (is_lost && lease->connection == t->connection && t->is_connected) {
        t->failures++;
        disconnect(t);
    }
    t->places[lease->place].is_busy = false;
    (void)pthread_cond_signal(&t->free_place);
    (void)pthread_mutex_unlock(&t->lock);
    pkcs11_module_leave(t->module);
    return is_lost;
}

enum err pkcs11_token_open_writer(struct pkcs11_token *t, ck_session_handle_t *session,
                                  struct err_info *why)
{
    ck_rv_t answer = t->module->call->C_OpenSession(
        t->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, session);

    if (answer != CKR_OK)
        return pkcs11_module_failed(why, answer, "%s cannot be written to", t->name);
    return ERR_OK;
}

void pkcs11_token_close_writer(struct pkcs11_token *t, ck_session_handle_t session)
{
    (void)t->module->call->C_CloseSession(session);
}

/* ---- the tokens there are ---- */

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_of(const struct pkcs11_token *t, const struct pkcs11_module *m,
                  const struct pkcs11_uri *uri)
{
    return t->module == m && same(t->label, uri->token) && same(t->serial, uri->serial) &&
           same(t->manufacturer, uri->manufacturer) && same(t->model, uri->model) &&
           t->has_slot == uri->has_slot &&
           (!uri->has_slot || t->slot_wanted == uri->slot);
}

static char *copy(const char *text)
{
    return text != NULL ? memory_copy_string(text) : NULL;
}

static void make_name(struct pkcs11_token *t)
{
    if (t->label != NULL)
        (void)snprintf(t->name, sizeof t->name, "the token \"%s\"", t->label);
    else if (t->serial != NULL)
        (void)snprintf(t->name, sizeof t->name, "the token with serial number %s",
                       t->serial);
    else
        (void)snprintf(t->name, sizeof t->name, "the token in slot %llu",
                       (unsigned long long)t->slot_wanted);
}

static size_t count_of_places(size_t wanted)
{
    if (wanted == 0)
        return 1;
    return wanted < PKCS11_SESSIONS_MAX ? wanted : PKCS11_SESSIONS_MAX;
}

enum err pkcs11_token_get(struct pkcs11 *p, const struct pkcs11_uri *uri,
                          const struct pkcs11_access *access, struct pkcs11_token **token,
                          struct err_info *why)
{
    struct pkcs11_module *m = NULL;

    TRY(pkcs11_module_get(p, uri->module_path != NULL ? uri->module_path : access->module,
                          &m, why));
    for (struct pkcs11_token *t = p->tokens; t != NULL; t = t->next)
        if (is_of(t, m, uri)) {
            *token = t;
            return ERR_OK;
        }
    struct pkcs11_token *t = memory_get_zeroed(1, sizeof *t);
    t->owner = p;
    t->module = m;
    t->label = copy(uri->token);
    t->serial = copy(uri->serial);
    t->manufacturer = copy(uri->manufacturer);
    t->model = copy(uri->model);
    t->has_slot = uri->has_slot;
    t->slot_wanted = uri->slot;
    t->place_count = count_of_places(access->sessions);
    if (access->pin != NULL && access->pin->len > 0)
        t->pin = secret_make(span_make(access->pin->data, access->pin->len));
    make_name(t);
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->free_place, NULL);
    t->next = p->tokens;
    p->tokens = t;
    *token = t;
    return ERR_OK;
}

void pkcs11_token_free(struct pkcs11_token *t)
{
    disconnect(t);
    secret_free(&t->pin);
    free(t->label);
    free(t->serial);
    free(t->manufacturer);
    free(t->model);
    (void)pthread_cond_destroy(&t->free_place);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}
