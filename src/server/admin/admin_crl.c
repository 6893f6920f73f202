/* cairn-ca crl ...: revocation lists (RFC 5280 5). */
#include "core/base/text.h"
#include "server/admin/admin.h"
#include "server/issue/publication.h"
#include "server/store/store_crl.h"

#define LISTS_MAX 1100 /* shown at once; there are at most so many of one issuer */

/* A key identifier; empty if the argument is not there. */
static enum err read_issuer(const struct admin_call *call, struct span *issuer,
                            struct err_info *why)
{
    const char *text = admin_text(call, "issuer");
    uint8_t *octets = arena_get(call->arena, STORE_HASH_SIZE);
    size_t len = 0;

    *issuer = span_make(octets, 0);
    if (text == NULL)
        return ERR_OK;
    if (!text_unhex(span_of(text), octets, STORE_HASH_SIZE, &len) || len == 0)
        return err_set(why, ERR_USAGE, "\"%.70s\" is no key identifier in hexadecimal",
                       text);
    *issuer = span_make(octets, len);
    return ERR_OK;
}

static struct span issuer_of(const struct store_crl *row)
{
    return span_make(row->issuer, row->issuer_len);
}

static void write_members(const struct admin_call *call, const struct store_crl *row)
{
    struct json_writer *w = call->result;
    char hex[2 * STORE_HASH_SIZE + 1];

    text_hex(hex, row->issuer, row->issuer_len);
    json_write_text(w, "issuer", hex);
    json_write_number(w, "shard", row->shard);
    json_write_number(w, "number", row->number);
    if (row->number != 0) {
        json_write_time(w, "this_update", row->this_update);
        json_write_time(w, "next_update", row->next_update);
    } else {
        json_write_text(w, "this_update", NULL);
        json_write_text(w, "next_update", NULL);
    }
    json_write_number(w, "entries", row->entries);
    json_write_bool(w, "current",
                    row->number != 0 && row->covers == row->changed &&
                        row->next_update > call->now);
}

enum err admin_crl_list(struct admin_call *call, struct err_info *why)
{
    struct store_crl *rows = NULL;
    struct span issuer;
    size_t count = 0;

    TRY(read_issuer(call, &issuer, why));
    TRY(store_crl_list(call->session, call->arena, issuer, LISTS_MAX, &rows, &count,
                       why));
    json_write_begin_array(call->result, "lists");
    for (size_t i = 0; i < count; i++) {
        json_write_begin_object(call->result, NULL);
        write_members(call, &rows[i]);
        json_write_end_object(call->result);
    }
    json_write_end_array(call->result);
    return ERR_OK;
}

enum err admin_crl_show(struct admin_call *call, struct err_info *why)
{
    int64_t shard = admin_number(call, "shard", 0);
    struct store_crl *rows = NULL;
    struct span issuer;
    size_t count = 0;
    char hex[2 * STORE_HASH_SIZE + 1];

    TRY(read_issuer(call, &issuer, why));
    TRY(store_crl_list(call->session, call->arena, issuer, LISTS_MAX, &rows, &count,
                       why));
    size_t i = 0;
    while (i < count && rows[i].shard != shard)
        i++;
    if (i == count)
        return err_set(why, ERR_NOT_FOUND, "there is no such revocation list");
    write_members(call, &rows[i]);
    const char *url =
        publication_crl_url(call->arena, call->settings, issuer_of(&rows[i]), shard);
    const char *path = publication_crl_path(call->arena, issuer_of(&rows[i]), shard);
    json_write_text(call->result, "url", url);
    json_write_text(call->result, "file",
                    arena_printf(call->arena, "%s%s",
                                 settings_path(call->arena, call->settings,
                                               call->settings->crl_directory),
                                 path));
    text_hex(hex, rows[i].hash, STORE_HASH_SIZE);
    json_write_text(call->result, "sha256", rows[i].number != 0 ? hex : NULL);
    return ERR_OK;
}

enum err admin_crl_renew(struct admin_call *call, struct err_info *why)
{
    int64_t count = 0;
    struct span issuer;

    TRY(read_issuer(call, &issuer, why));
    admin_hold(call);
    TRY(store_crl_renew(call->session, issuer, admin_number(call, "shard", -1), &count,
                        why));
    if (count == 0)
        return err_set(why, ERR_NOT_FOUND, "there is no such revocation list");
    json_write_number(call->result, "lists", count);
    return ERR_OK;
}
