/* Devices, by what the inventory says of them. */
#include "server/order/device.h"

#include <string.h>

#include "core/acme/problem.h"
#include "core/base/buf.h"
#include "core/json/json_write.h"
#include "server/store/store_device.h"

#define SUBPROBLEMS_OCTETS_MAX (64 * 1024)

_Static_assert(ATTEST_KNOWN_MAX >= STORE_DEVICE_KEYS_MAX,
               "all keys of a device can be asked about");

/* The row of a device, NULL if there is none. */
static enum err find(struct store_session *session, struct arena *a,
                     const struct identifier *identifier, struct store_device **row,
                     struct err_info *why)
{
    const struct store_identifier wanted = {(int)identifier->type, identifier->value};
    enum err result = store_device_find(session, a, &wanted, row, why);

    if (result != ERR_NOT_FOUND)
        return result;
    *row = NULL;
    return ERR_OK;
}

static enum err judge(const struct device_scope *scope,
                      const struct identifier *identifier, const struct store_device *row,
                      struct err_info *why)
{
    bool known_only = scope->directory->known_devices ||
                      (scope->profile != NULL && scope->profile->known_devices);

    if (row != NULL && row->blocked != 0)
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "the device \"%s\" is blocked: it gets no certificates",
                       identifier->value);
    if (row == NULL && known_only)
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "the device \"%s\" is not in the inventory of this CA",
                       identifier->value);
    if (row != NULL && row->external_key != 0 && row->external_key != scope->external_key)
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "the device \"%s\" is not for this account: the inventory gives "
                       "it to those of another external account key",
                       identifier->value);
    return ERR_OK;
}

/* All that are refused, each a subproblem. */
struct refusals {
    struct buf text;
    struct json_writer writer;
    struct err_info first;
    size_t count;
};

static void refuse(struct refusals *r, const struct identifier *identifier,
                   const struct err_info *why)
{
    if (r->count++ == 0) {
        r->text = buf_make(SUBPROBLEMS_OCTETS_MAX);
        r->writer = json_writer_make(&r->text);
        r->first = *why;
        json_write_begin_array(&r->writer, NULL);
    }
    problem_add_subproblem(&r->writer, why, terms_identifier_type(identifier->type),
                           identifier->value);
}

static enum err sum_up(struct arena *a, struct refusals *r, struct err_info *why)
{
    if (r->count == 0)
        return ERR_OK;
    json_write_end_array(&r->writer);
    char *list = r->text.failed ? NULL : arena_string_of(a, buf_span(&r->text));
    buf_free(&r->text);
    if (r->count == 1)
        (void)err_set(why, r->first.code, "%s", r->first.detail);
    else
        (void)err_set(why, r->first.code, "%s (and %zu more; see the subproblems)",
                      r->first.detail, r->count - 1);
    if (why != NULL)
        why->subproblems = list;
    return r->first.code;
}

enum err device_check(struct store_session *session, struct arena *a,
                      const struct device_scope *scope,
                      const struct identifier *identifiers, size_t count,
                      struct err_info *why)
{
    struct refusals refusals = {0};
    enum err result = ERR_OK;

    for (size_t i = 0; i < count && result == ERR_OK; i++) {
        struct store_device *row = NULL;
        struct err_info wrong = {0};
        if (!terms_is_device(identifiers[i].type))
            continue;
        result = find(session, a, &identifiers[i], &row, why);
        if (result == ERR_OK && judge(scope, &identifiers[i], row, &wrong) != ERR_OK)
            refuse(&refusals, &identifiers[i], &wrong);
    }
    if (result == ERR_OK)
        return sum_up(a, &refusals, why);
    if (refusals.count > 0)
        buf_free(&refusals.text);
    return result;
}

enum err device_known(struct store_session *session, struct arena *a,
                      const struct identifier *identifier,
                      const struct attest_known **known, size_t *count,
                      struct err_info *why)
{
    struct attest_known *list = arena_array(a, STORE_DEVICE_KEYS_MAX, sizeof *list);
    struct store_device *row = NULL;

    if (terms_is_device(identifier->type))
        TRY(find(session, a, identifier, &row, why));
    size_t found = row != NULL ? row->key_count : 0;
    for (size_t i = 0; i < found; i++) {
        list[i].kind = (enum attest_known_kind)row->keys[i].kind;
        memcpy(list[i].sha256, row->keys[i].sha256, sizeof list[i].sha256);
    }
    *known = list;
    *count = found;
    return ERR_OK;
}

enum err device_check_key(const struct attest_known *known, size_t count,
                          const uint8_t key_sha256[HASH_SHA256_SIZE],
                          struct err_info *why)
{
    bool is_named = false;

    for (size_t i = 0; i < count; i++) {
        if (known[i].kind != ATTEST_KNOWN_KEY)
            continue;
        is_named = true;
        if (memcmp(known[i].sha256, key_sha256, HASH_SHA256_SIZE) == 0)
            return ERR_OK;
    }
    return is_named ? err_set(why, ERR_BAD_ATTESTATION_STATEMENT,
                              "the attested key is none of those that the inventory has "
                              "for this device")
                    : ERR_OK;
}
