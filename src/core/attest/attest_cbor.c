/* CBOR, by the streaming decoder of libcbor: it allocates nothing, so a length that is
 * claimed costs nothing. */
#include "core/attest/attest_cbor.h"

#include <cbor.h>

#include "core/attest/attest.h"
#include "core/base/text.h"

#define INDEFINITE SIZE_MAX

/* A map or array that is being filled. */
struct level {
    struct attest_cbor *item;
    struct attest_cbor *last; /* item in it */
    size_t left;              /* items still to come, or INDEFINITE */
};

struct builder {
    struct arena *arena;
    struct level levels[ATTEST_DEPTH_MAX];
    size_t depth; /* levels in use */
    size_t items;
    struct attest_cbor *top;
    const char *error; /* the first one; NULL while all is well */
};

static void fail(struct builder *b, const char *error)
{
    if (b->error == NULL)
        b->error = error;
}

/* The level the next item goes to; NULL for the outermost item. */
static struct level *level_of(struct builder *b)
{
    return b->depth == 0 ? NULL : &b->levels[b->depth - 1];
}

/* Close whatever is full. */
static void close_full(struct builder *b)
{
    while (b->depth > 0 && b->levels[b->depth - 1].left == 0)
        b->depth--;
}

static bool has_name(const struct attest_cbor *map, const struct attest_cbor *name)
{
    for (const struct attest_cbor *i = map->first; i != NULL && i != name;
         i = i->next->next)
        if (span_equal(i->octets, name->octets))
            return true;
    return false;
}

/* Is it a name? Its place in the map says so. */
static void check_name(struct builder *b, const struct level *level,
                       const struct attest_cbor *item)
{
    if (level->item->kind != ATTEST_CBOR_MAP || level->item->count % 2 == 0)
        return;
    if (item->kind != ATTEST_CBOR_TEXT)
        fail(b, "a name in a map is no text");
    else if (has_name(level->item, item))
        fail(b, "a map has the same name twice");
}

/* A new item at its place; NULL after an error. */
static struct attest_cbor *add(struct builder *b, enum attest_cbor_kind kind,
                               struct span octets)
{
    struct level *level = level_of(b);

    if (++b->items > ATTEST_ITEMS_MAX)
        fail(b, "it has too many items");
    if (kind == ATTEST_CBOR_TEXT && !text_is_utf8(octets))
        fail(b, "a text is not UTF-8");
    if (b->error != NULL)
        return NULL;
    struct attest_cbor *item = arena_get(b->arena, sizeof *item);
    item->kind = kind;
    item->octets = octets;
    if (level == NULL) {
        b->top = item;
        return item;
    }
    if (level->last == NULL)
        level->item->first = item;
    else
        level->last->next = item;
    level->last = item;
    level->item->count++;
    if (level->left != INDEFINITE)
        level->left--;
    check_name(b, level, item);
    return item;
}

static void open_level(struct builder *b, enum attest_cbor_kind kind, size_t items)
{
    struct attest_cbor *item = NULL;

    if (items != INDEFINITE && items > ATTEST_ITEMS_MAX)
        fail(b, "it has too many items");
    if (b->depth == ATTEST_DEPTH_MAX)
        fail(b, "maps and arrays are nested too deeply");
    if (b->error == NULL)
        item = add(b, kind, (struct span){0});
    if (b->error != NULL)
        return;
    b->levels[b->depth++] = (struct level){.item = item, .left = items};
    close_full(b);
}

static void add_number(struct builder *b, int64_t number)
{
    struct attest_cbor *item = add(b, ATTEST_CBOR_NUMBER, (struct span){0});

    if (item != NULL)
        item->number = number;
    close_full(b);
}

static void on_uint64(void *context, uint64_t number)
{
    if (number > INT64_MAX)
        fail(context, "a number is too large");
    else
        add_number(context, (int64_t)number);
}

static void on_negint64(void *context, uint64_t number)
{
    if (number > INT64_MAX)
        fail(context, "a number is too small");
    else
        add_number(context, -1 - (int64_t)number);
}

static void on_uint8(void *context, uint8_t number)
{
    on_uint64(context, number);
}

static void on_uint16(void *context, uint16_t number)
{
    on_uint64(context, number);
}

static void on_uint32(void *context, uint32_t number)
{
    on_uint64(context, number);
}

static void on_negint8(void *context, uint8_t number)
{
    on_negint64(context, number);
}

static void on_negint16(void *context, uint16_t number)
{
    on_negint64(context, number);
}

static void on_negint32(void *context, uint32_t number)
{
    on_negint64(context, number);
}

static void on_octets(void *context, cbor_data data, size_t len)
{
    (void)add(context, ATTEST_CBOR_OCTETS, span_make(data, len));
    close_full(context);
}

static void on_text(void *context, cbor_data data, size_t len)
{
    (void)add(context, ATTEST_CBOR_TEXT, span_make(data, len));
    close_full(context);
}

static void on_array(void *context, size_t items)
{
    open_level(context, ATTEST_CBOR_ARRAY, items);
}

static void on_array_indefinite(void *context)
{
    open_level(context, ATTEST_CBOR_ARRAY, INDEFINITE);
}

static void on_map(void *context, size_t pairs)
{
    open_level(context, ATTEST_CBOR_MAP,
               pairs > ATTEST_ITEMS_MAX ? ATTEST_ITEMS_MAX + 1 : 2 * pairs);
}

static void on_map_indefinite(void *context)
{
    open_level(context, ATTEST_CBOR_MAP, INDEFINITE);
}

static void on_break(void *context)
{
    struct builder *b = context;
    struct level *level = level_of(b);

    if (level == NULL || level->left != INDEFINITE) {
        fail(b, "a break ends nothing");
    } else if (level->item->kind == ATTEST_CBOR_MAP && level->item->count % 2 != 0) {
        fail(b, "a map has a name without a value");
    } else {
        b->depth--;
        close_full(b);
    }
}

static void on_pieces(void *context)
{
    fail(context, "octets or a text are of indefinite length");
}

static void on_tag(void *context, uint64_t tag)
{
    (void)tag;
    fail(context, "it has a tag");
}

static void on_float(void *context, float number)
{
    (void)number;
    fail(context, "it has a float");
}

static void on_double(void *context, double number)
{
    (void)number;
    fail(context, "it has a float");
}

static void on_simple(void *context)
{
    fail(context, "it has a simple value");
}

static void on_bool(void *context, bool value)
{
    (void)value;
    fail(context, "it has a simple value");
}

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negint8,
    .negint16 = on_negint16,
    .negint32 = on_negint32,
    .negint64 = on_negint64,
    .byte_string = on_octets,
    .byte_string_start = on_pieces,
    .string = on_text,
    .string_start = on_pieces,
    .array_start = on_array,
    .indef_array_start = on_array_indefinite,
    .map_start = on_map,
    .indef_map_start = on_map_indefinite,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_simple,
    .null = on_simple,
    .boolean = on_bool,
    .indef_break = on_break,
};

enum err attest_cbor_read(struct arena *a, struct span octets,
                          const struct attest_cbor **item, struct err_info *why)
{
    struct builder b = {.arena = a};
    size_t at = 0;

    if (octets.len > ATTEST_OBJECT_MAX)
        return err_set(why, ERR_MALFORMED, "the CBOR is longer than %d octets",
                       ATTEST_OBJECT_MAX);
    while (b.error == NULL && (b.top == NULL || b.depth > 0)) {
        struct cbor_decoder_result step =
            at == octets.len
                ? (struct cbor_decoder_result){.status = CBOR_DECODER_NEDATA}
                : cbor_stream_decode(octets.data + at, octets.len - at, &callbacks, &b);
        if (step.status == CBOR_DECODER_NEDATA)
            fail(&b, "it ends too early");
        else if (step.status != CBOR_DECODER_FINISHED)
            fail(&b, "it is malformed");
        else if (b.error == NULL)
            at += step.read;
    }
    if (b.error == NULL && at != octets.len)
        fail(&b, "something follows it");
    if (b.error != NULL)
        return err_set(why, ERR_MALFORMED, "the CBOR is not good: %s, at octet %zu",
                       b.error, at);
    *item = b.top;
    return ERR_OK;
}

const struct attest_cbor *attest_cbor_member(const struct attest_cbor *map,
                                             const char *name)
{
    if (map->kind != ATTEST_CBOR_MAP)
        return NULL;
    for (const struct attest_cbor *i = map->first; i != NULL; i = i->next->next)
        if (span_is(i->octets, name))
            return i->next;
    return NULL;
}
