/* cairn-ca account ... */
#include <string.h>

#include "server/admin/admin.h"

#define PAGE_MAX 500 /* accounts of one list */
#define AT_ONCE  500 /* looked at in one step */
#define STEPS    200 /* in one call; then --after goes on */

static const char *const statuses[] = {"valid", "deactivated", "revoked"};

static void write_account(struct json_writer *w, const struct store_account *account)
{
    json_write_number(w, "id", account->id);
    json_write_text(w, "status", statuses[account->status]);
    json_write_raw(w, "contact", span_of(account->contacts));
    json_write_bool(w, "terms_agreed", account->terms_agreed);
    json_write_time(w, "created", account->created);
    json_write_text(w, "directory", account->directory);
    json_write_base64url(w, "thumbprint",
                         span_make(account->thumbprint, sizeof account->thumbprint));
}

enum err admin_account_show(struct admin_call *call, struct err_info *why)
{
    struct store_account *account = NULL;

    TRY(store_account_by_id(call->session, call->arena, admin_number(call, "id", 0),
                            &account, why));
    write_account(call->result, account);
    return ERR_OK;
}

/* Closed by the server, which RFC 8555 7.1.6 tells apart from what its holder does
 * (S-ACCT-2). */
enum err admin_account_revoke(struct admin_call *call, struct err_info *why)
{
    struct store_account *account = NULL;
    int64_t id = admin_number(call, "id", 0);

    const struct store_account_change change = {.status = STORE_ACCOUNT_REVOKED};
    admin_hold(call);
    enum err result = store_account_update(call->session, id, &change, why);
    if (result == ERR_UNAUTHORIZED) /* so it would be for the account itself */
        return err_set(why, ERR_CONFLICT, "account %lld is not valid any more",
                       (long long)id);
    if (result != ERR_OK)
        return result;
    admin_forget_account(call, id);
    TRY(store_account_by_id(call->session, call->arena, id, &account, why));
    write_account(call->result, account);
    return ERR_OK;
}

static bool is_wanted(const struct admin_call *call, const struct store_account *account)
{
    const char *status = admin_text(call, "status");
    const char *directory = admin_text(call, "directory");
    const char *contact = admin_text(call, "contact");

    return (status == NULL || strcmp(status, statuses[account->status]) == 0) &&
           (directory == NULL || strcmp(directory, account->directory) == 0) &&
           (contact == NULL || strstr(account->contacts, contact) != NULL);
}

static enum err check_status(const char *status, struct err_info *why)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (status == NULL || strcmp(statuses[i], status) == 0)
            return ERR_OK;
    return err_set(why, ERR_USAGE,
                   "--status: \"%.50s\" is none of valid, deactivated and revoked",
                   status);
}

/* `next` is where to go on, 0 at the end. */
static enum err write_list(const struct admin_call *call, int64_t *next,
                           struct err_info *why)
{
    size_t listed = 0;
    size_t count = AT_ONCE;

    *next = admin_number(call, "after", INT64_MAX);
    for (int steps = 0; count == AT_ONCE && listed < PAGE_MAX && steps < STEPS; steps++) {
        AUTO(arena) struct arena *a = arena_new();
        struct store_account *rows = NULL;
        TRY(store_account_list(call->session, a, *next, AT_ONCE, &rows, &count, why));
        for (size_t i = 0; i < count && listed < PAGE_MAX; i++) {
            *next = rows[i].id;
            if (!is_wanted(call, &rows[i]))
                continue;
            json_write_begin_object(call->result, NULL);
            write_account(call->result, &rows[i]);
            json_write_end_object(call->result);
            listed++;
        }
    }
    if (count < AT_ONCE && listed < PAGE_MAX)
        *next = 0;
    return ERR_OK;
}

enum err admin_account_list(struct admin_call *call, struct err_info *why)
{
    int64_t next = 0;

    TRY(check_status(admin_text(call, "status"), why));
    json_write_begin_array(call->result, "accounts");
    TRY(write_list(call, &next, why));
    json_write_end_array(call->result);
    if (next > 1)
        json_write_number(call->result, "next_after", next);
    return ERR_OK;
}
