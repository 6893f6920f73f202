/* cairn-ca device import: all devices of a file, or none. */
#include <stdlib.h>
#include <string.h>

#include "server/admin/admin_device.h"
#include "server/admin/admin_device_csv.h"
#include "server/audit/audit_revocation.h"

#define FAULTS_OCTETS                                                                    \
    (800 * 1024) /* of the answer; lines behind that are only counted                    \
                  */

/* What is wrong, from the file and from the store. */
struct faults {
    struct admin_device_fault *list;
    size_t count;
};

/* The line that names this device first, if the file does before line `before`: 0 if
 * not. */
static size_t line_of(const struct admin_device_csv *csv, size_t before,
                      const struct store_identifier *identifier)
{
    for (size_t i = 0; i < before; i++)
        if (csv->lines[i].device.identifier.type == identifier->type &&
            strcmp(csv->lines[i].device.identifier.value, identifier->value) == 0)
            return csv->lines[i].number;
    return 0;
}

static const char *problem_of(const struct admin_call *call,
                              const struct admin_device_csv *csv,
                              const struct store_device_refusal *refusal)
{
    const struct store_device *device = &csv->lines[refusal->index].device;
    const char *text = admin_device_obstacle(call->arena, refusal, device);
    size_t line = line_of(csv, refusal->index, &refusal->identifier);

    return line != 0 && refusal->obstacle == STORE_DEVICE_IS_THERE
               ? arena_printf(call->arena, "%s is on line %zu, too",
                              admin_device_name(call->arena, &refusal->identifier), line)
           : line != 0 ? arena_printf(call->arena, "%s, on line %zu", text, line)
                       : text;
}

static int compare(const void *x, const void *y)
{
    size_t left = ((const struct admin_device_fault *)x)->number;
    size_t right = ((const struct admin_device_fault *)y)->number;

    return left < right ? -1 : left > right;
}

static struct faults all_faults(const struct admin_call *call,
                                const struct admin_device_csv *csv,
                                const struct store_device_put_result *put)
{
    struct faults faults = {.list = arena_array(call->arena,
                                                csv->fault_count + put->refusal_count + 1,
                                                sizeof *faults.list)};

    for (size_t i = 0; i < csv->fault_count; i++)
        faults.list[faults.count++] = csv->faults[i];
    for (size_t i = 0; i < put->refusal_count; i++)
        faults.list[faults.count++] =
            (struct admin_device_fault){csv->lines[put->refusals[i].index].number,
                                        problem_of(call, csv, &put->refusals[i])};
    qsort(faults.list, faults.count, sizeof *faults.list, compare);
    return faults;
}

static void write_faults(const struct admin_call *call, const struct faults *faults)
{
    struct json_writer *w = call->result;

    json_write_begin_array(w, "faults");
    for (size_t i = 0; i < faults->count && w->buf->len < FAULTS_OCTETS; i++) {
        json_write_begin_object(w, NULL);
        json_write_number(w, "line", (int64_t)faults->list[i].number);
        json_write_text(w, "problem", faults->list[i].problem);
        json_write_end_object(w);
    }
    json_write_end_array(w);
}

/* External account keys by their names; one that is not there is a fault of its line. */
static enum err bind_all(const struct admin_call *call, struct admin_device_csv *csv,
                         struct err_info *why)
{
    struct admin_device_fault *faults =
        arena_array(call->arena, csv->fault_count + csv->count + 1, sizeof *faults);
    const struct store_device *last = NULL;
    size_t kept = 0;

    if (csv->fault_count > 0)
        memcpy(faults, csv->faults, csv->fault_count * sizeof *faults);
    csv->faults = faults;
    for (size_t i = 0; i < csv->count; i++) {
        struct admin_device_line *line = &csv->lines[i];
        struct store_device *device = &line->device;
        enum err result = ERR_OK;
        if (device->kid != NULL && last != NULL && strcmp(device->kid, last->kid) == 0)
            device->external_key = last->external_key;
        else
            result = admin_device_bind(call, device, why);
        if (result == ERR_NOT_FOUND) {
            csv->faults[csv->fault_count++] = (struct admin_device_fault){
                line->number, arena_string(call->arena, why->detail)};
            continue;
        }
        TRY(result);
        csv->lines[kept++] = *line;
        last = device->kid != NULL ? &csv->lines[kept - 1].device : last;
    }
    csv->count = kept;
    return ERR_OK;
}

static enum err put(struct admin_call *call, const struct admin_device_csv *csv,
                    bool dry_run, struct store_device_put_result *result,
                    struct err_info *why)
{
    struct audit_revocation noted = {
        .session = call->session, .by = AUDIT_BY_COMMAND, .number = call->uid};
    const struct store_revoking told = audit_revocation_teller(&noted);
    const struct store_device_putting putting = {.replace = admin_flag(call, "replace"),
                                                 .dry_run = dry_run,
                                                 .now = call->now,
                                                 .reason = ADMIN_DEVICE_WITHDRAWN,
                                                 .told = &told};
    struct store_device *devices =
        arena_array(call->arena, csv->count + 1, sizeof *devices);

    for (size_t i = 0; i < csv->count; i++)
        devices[i] = csv->lines[i].device;
    admin_hold(call);
    enum err outcome = store_device_put(call->session, call->arena, devices, csv->count,
                                        &putting, result, why);
    return outcome == ERR_CONFLICT && result->refusal_count > 0 ? ERR_OK : outcome;
}

enum err admin_device_import(struct admin_call *call, struct err_info *why)
{
    struct admin_device_csv csv;
    struct store_device_put_result result;
    bool dry_run = admin_flag(call, "dry_run");

    TRY(admin_device_csv_read(call->arena, span_of(admin_text(call, "file")), call->now,
                              &csv, why));
    TRY(bind_all(call, &csv, why));
    /* whatever is wrong with the file, what is in the way in the store is told as well */
    TRY(put(call, &csv, dry_run || csv.fault_count > 0, &result, why));
    const struct faults faults = all_faults(call, &csv, &result);
    bool refused = faults.count > 0;
    json_write_bool(call->result, "dry_run", dry_run);
    json_write_number(call->result, "added", refused ? 0 : (int64_t)result.added);
    json_write_number(call->result, "replaced", refused ? 0 : (int64_t)result.replaced);
    json_write_number(call->result, "fault_count", (int64_t)faults.count);
    write_faults(call, &faults);
    if (!refused)
        return ERR_OK;
    call->refused = true;
    (void)err_set(why, ERR_CONFLICT,
                  "nothing was imported: %zu faults, the first of them on line %zu",
                  faults.count, faults.list[0].number);
    json_write_text(call->result, "refused", why->detail);
    return ERR_OK;
}
