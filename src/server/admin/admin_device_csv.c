/* Comma-separated values: records and fields first, then what the columns mean. */
#include "server/admin/admin_device_csv.h"

#include <string.h>

#include "core/acme/identifier_device.h"
#include "core/attest/attest.h"
#include "core/base/clock.h"
#include "server/admin/admin_fingerprint.h"

#define FIELD_MAX 4096 /* octets */
#define MARK      "\xef\xbb\xbf"

enum column {
    IDENTIFIER,
    TYPE,
    LABEL,
    EAB,
    EK,
    AK,
    KEY,
    BLOCKED,
    REASON,
    COLUMNS,
};

/* A file on its way. */
struct reading {
    struct arena *arena;
    struct span rest;
    size_t line; /* where `rest` begins */
    int64_t now;
    enum column order[COLUMNS]; /* what the fields of a record are */
    size_t columns;
    struct admin_device_csv *csv;
    size_t line_room;
    size_t fault_room;
};

/* ---- records ---- */

struct record {
    size_t line;
    const char *fields[COLUMNS + 1]; /* one more than there may be */
    size_t count;
};

static uint8_t next(const struct reading *r)
{
    return r->rest.len > 0 ? r->rest.data[0] : '\n';
}

static void pass(struct reading *r)
{
    r->line += next(r) == '\n' ? 1 : 0;
    r->rest = span_slice(r->rest, r->rest.len > 0 ? 1 : 0, r->rest.len);
}

/* Is this the end of a record? A carriage return counts with its line feed only. */
static bool at_end(const struct reading *r)
{
    return next(r) == '\n' ||
           (next(r) == '\r' && (r->rest.len < 2 || r->rest.data[1] == '\n'));
}

/* Behind the opening quote, to behind the closing one. */
static enum err quoted(struct reading *r, struct buf *b, struct err_info *why)
{
    while (r->rest.len > 0) {
        uint8_t octet = next(r);
        pass(r);
        if (octet == '"' && next(r) != '"')
            return at_end(r) || next(r) == ',' || r->rest.len == 0
                       ? ERR_OK
                       : err_set(why, ERR_USAGE, "something stands behind a quote");
        if (octet == '"')
            pass(r);
        buf_add_octet(b, octet);
    }
    return err_set(why, ERR_USAGE, "a quote is not closed");
}

static enum err bare(struct reading *r, struct buf *b, struct err_info *why)
{
    for (; !at_end(r) && next(r) != ','; pass(r)) {
        if (next(r) == '"')
            return err_set(why, ERR_USAGE,
                           "a quote stands inside a field that does not begin with one");
        buf_add_octet(b, next(r));
    }
    /* values are compared octet for octet: nothing is trimmed */
    return b->len > 0 && (b->data[0] == ' ' || b->data[b->len - 1] == ' ')
               ? err_set(why, ERR_USAGE,
                         "a field begins or ends with a space; write it in quotes if "
                         "that is meant")
               : ERR_OK;
}

static enum err field(struct reading *r, const char **text, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(FIELD_MAX);

    if (next(r) == '"') {
        pass(r);
        TRY(quoted(r, &b, why));
    } else {
        TRY(bare(r, &b, why));
    }
    if (b.failed)
        return err_set(why, ERR_USAGE, "a field is longer than %d octets", FIELD_MAX);
    for (size_t i = 0; i < b.len; i++)
        if (b.data[i] < ' ' || b.data[i] == 0x7f)
            return err_set(why, ERR_USAGE, "a field has control characters");
    *text = arena_string_of(r->arena, buf_span(&b));
    return ERR_OK;
}

/* After a mistake the next record begins behind the next line's end. */
static enum err record(struct reading *r, struct record *made, struct err_info *why)
{
    enum err result = ERR_OK;
    bool more = true;

    made->line = r->line;
    made->count = 0;
    while (more && result == ERR_OK) {
        const char *text = NULL;
        result = field(r, &text, why);
        if (result == ERR_OK && made->count <= COLUMNS)
            made->fields[made->count++] = text;
        more = result == ERR_OK && next(r) == ',' && r->rest.len > 0;
        if (more)
            pass(r);
    }
    while (!at_end(r))
        pass(r);
    while (next(r) == '\r')
        pass(r);
    pass(r);
    return result;
}

static bool is_empty(const struct record *made)
{
    return made->count == 1 && made->fields[0][0] == '\0';
}

/* ---- the header ---- */

static const char *const names[COLUMNS] = {"identifier", "type", "label",   "eab",   "ek",
                                           "ak",         "key",  "blocked", "reason"};

static enum err find_column(const char *name, enum column *column, struct err_info *why)
{
    for (int i = 0; i < COLUMNS; i++) {
        if (strcmp(names[i], name) == 0) {
            *column = (enum column)i;
            return ERR_OK;
        }
    }
    return err_set(why, ERR_USAGE,
                   "the column \"%.100s\" is none of " ADMIN_DEVICE_COLUMNS
                   ", which the first line names with commas between",
                   name);
}

static enum err header(struct reading *r, struct err_info *why)
{
    bool there[COLUMNS] = {false};
    struct record first;

    TRY(record(r, &first, why));
    for (size_t i = 0; i < first.count; i++) {
        enum column column = IDENTIFIER;
        TRY(find_column(first.fields[i], &column, why));
        if (there[column])
            return err_set(why, ERR_USAGE, "the column \"%s\" is there twice",
                           names[column]);
        there[column] = true;
        r->order[r->columns++] = column;
    }
    return there[IDENTIFIER]
               ? ERR_OK
               : err_set(why, ERR_USAGE, "there is no column \"identifier\"");
}

/* ---- what a line says ---- */

static enum err read_identifier(struct arena *a, const char *const *fields,
                                struct store_device *device, struct err_info *why)
{
    const char *word = fields[TYPE];
    struct identifier read;
    enum identifier_type type;

    if (fields[IDENTIFIER][0] == '\0')
        return err_set(why, ERR_USAGE, "there is no identifier");
    if (word[0] == '\0') {
        TRY(identifier_device_read(a, fields[IDENTIFIER], &read, why));
    } else {
        if (!terms_read_identifier_type(word, &type) || !terms_is_device(type))
            return err_set(why, ERR_USAGE,
                           "\"%.50s\" is neither permanent-identifier nor "
                           "hardware-module",
                           word);
        TRY(identifier_read_device(a, type, span_of(fields[IDENTIFIER]), &read, why));
    }
    device->identifier = (struct store_identifier){(int)read.type, read.value};
    return ERR_OK;
}

/* Fingerprints with spaces between. */
static enum err read_keys(const char *name, const char *text, enum attest_known_kind kind,
                          struct store_device_key *keys, size_t *count,
                          struct err_info *why)
{
    for (const char *p = text + strspn(text, " "); *p != '\0'; p += strspn(p, " ")) {
        size_t len = strcspn(p, " ");
        if (*count == STORE_DEVICE_KEYS_MAX)
            return err_set(why, ERR_USAGE, "more than %d keys", STORE_DEVICE_KEYS_MAX);
        if (!admin_fingerprint_read(span_make(p, len), keys[*count].sha256))
            return err_set(why, ERR_USAGE,
                           "%s: \"%.*s\" is no SHA-256 in hexadecimal or base64", name,
                           len < 100 ? (int)len : 100, p);
        for (size_t i = 0; i < *count; i++)
            if (keys[i].kind == (int)kind &&
                memcmp(keys[i].sha256, keys[*count].sha256, STORE_HASH_SIZE) == 0)
                return err_set(why, ERR_USAGE, "%s: a key is there twice", name);
        keys[(*count)++].kind = (int)kind;
        p += len;
    }
    return ERR_OK;
}

static enum err read_blocked(const char *text, const char *reason, int64_t now,
                             struct store_device *device, struct err_info *why)
{
    if (text[0] != '\0' && !clock_read(span_of(text), &device->blocked))
        return err_set(why, ERR_USAGE,
                       "blocked: \"%.50s\" is no time, such as 2030-01-31T00:00:00Z",
                       text);
    if (device->blocked > now || device->blocked < 0)
        return err_set(why, ERR_USAGE, "blocked: that is a time to come, or of no clock");
    if (reason[0] != '\0' && device->blocked == 0)
        return err_set(why, ERR_USAGE, "there is a reason, but it is not blocked");
    device->reason = reason;
    return ERR_OK;
}

static enum err check_length(const char *name, const char *text, size_t most,
                             struct err_info *why)
{
    return strlen(text) <= most
               ? ERR_OK
               : err_set(why, ERR_USAGE, "%s: more than %zu octets", name, most);
}

static enum err read_device(struct reading *r, const struct record *made,
                            struct store_device *device, struct err_info *why)
{
    struct store_device_key *keys =
        arena_array(r->arena, STORE_DEVICE_KEYS_MAX, sizeof *keys);
    const char *fields[COLUMNS] = {"", "", "", "", "", "", "", "", ""};

    if (made->count != r->columns)
        return err_set(why, ERR_USAGE, "%s%zu fields, but the first line has %zu",
                       made->count > COLUMNS ? "more than " : "",
                       made->count > COLUMNS ? (size_t)COLUMNS : made->count, r->columns);
    for (size_t i = 0; i < made->count; i++)
        fields[r->order[i]] = made->fields[i];
    TRY(read_identifier(r->arena, fields, device, why));
    TRY(check_length("label", fields[LABEL], ADMIN_DEVICE_LABEL_MAX, why));
    TRY(check_length("reason", fields[REASON], ADMIN_DEVICE_LABEL_MAX, why));
    TRY(check_length("eab", fields[EAB], ADMIN_DEVICE_KID_MAX, why));
    device->label = fields[LABEL];
    device->kid = fields[EAB][0] != '\0' ? fields[EAB] : NULL;
    TRY(read_keys("ek", fields[EK], ATTEST_KNOWN_EK, keys, &device->key_count, why));
    TRY(read_keys("ak", fields[AK], ATTEST_KNOWN_AK, keys, &device->key_count, why));
    TRY(read_keys("key", fields[KEY], ATTEST_KNOWN_KEY, keys, &device->key_count, why));
    device->keys = keys;
    return read_blocked(fields[BLOCKED], fields[REASON], r->now, device, why);
}

/* ---- the file ---- */

static void add_fault(struct reading *r, size_t number, const char *problem)
{
    struct admin_device_csv *csv = r->csv;

    if (csv->fault_count == r->fault_room) {
        size_t room = r->fault_room > 0 ? 2 * r->fault_room : 16;
        struct admin_device_fault *list = arena_array(r->arena, room, sizeof *list);
        if (csv->fault_count > 0)
            memcpy(list, csv->faults, csv->fault_count * sizeof *list);
        csv->faults = list;
        r->fault_room = room;
    }
    csv->faults[csv->fault_count++] =
        (struct admin_device_fault){number, arena_string(r->arena, problem)};
}

static void add_line(struct reading *r, const struct admin_device_line *line)
{
    struct admin_device_csv *csv = r->csv;

    if (csv->count == r->line_room) {
        size_t room = r->line_room > 0 ? 2 * r->line_room : 64;
        struct admin_device_line *list = arena_array(r->arena, room, sizeof *list);
        if (csv->count > 0)
            memcpy(list, csv->lines, csv->count * sizeof *list);
        csv->lines = list;
        r->line_room = room;
    }
    csv->lines[csv->count++] = *line;
}

static void take_record(struct reading *r)
{
    struct admin_device_line line = {0};
    struct err_info wrong = {0};
    struct record made;

    enum err result = record(r, &made, &wrong);
    if (result == ERR_OK && is_empty(&made))
        return;
    line.number = made.line;
    if (result == ERR_OK)
        result = read_device(r, &made, &line.device, &wrong);
    if (result == ERR_OK)
        add_line(r, &line);
    else
        add_fault(r, made.line, wrong.detail);
}

enum err admin_device_csv_read(struct arena *a, struct span text, int64_t now,
                               struct admin_device_csv *csv, struct err_info *why)
{
    struct reading reading = {
        .arena = a, .rest = text, .line = 1, .now = now, .csv = csv};

    *csv = (struct admin_device_csv){0};
    if (text.len >= 3 && memcmp(text.data, MARK, 3) == 0)
        reading.rest = span_slice(text, 3, text.len);
    if (header(&reading, why) != ERR_OK)
        return err_prefix(why, "line 1");
    while (reading.rest.len > 0) {
        take_record(&reading);
        if (csv->count + csv->fault_count > ADMIN_DEVICE_CSV_MAX)
            return err_set(why, ERR_USAGE, "more than %d devices; make several files",
                           ADMIN_DEVICE_CSV_MAX);
    }
    return ERR_OK;
}

void admin_device_csv_field(struct buf *b, const char *text)
{
    if (text[strcspn(text, ",\" ")] == '\0') {
        buf_add_text(b, text);
        return;
    }
    buf_add_octet(b, '"');
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"')
            buf_add_octet(b, '"');
        buf_add_octet(b, (uint8_t)*p);
    }
    buf_add_octet(b, '"');
}
