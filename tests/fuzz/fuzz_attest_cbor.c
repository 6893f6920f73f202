/* The CBOR of an attestation object. */
#include <assert.h>
#include <stdint.h>

#include "core/attest/attest.h"
#include "core/attest/attest_cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Items in an item; a tree of the promised size and kinds. */
static size_t count(const struct attest_cbor *item, size_t depth)
{
    size_t items = 1;
    size_t children = 0;

    for (const struct attest_cbor *i = item->first; i != NULL; i = i->next, children++) {
        assert(item->kind == ATTEST_CBOR_ARRAY || item->kind == ATTEST_CBOR_MAP);
        assert(depth < ATTEST_DEPTH_MAX);
        assert(item->kind == ATTEST_CBOR_ARRAY || children % 2 != 0 ||
               i->kind == ATTEST_CBOR_TEXT);
        items += count(i, depth + 1);
    }
    assert(children == item->count);
    assert(item->kind != ATTEST_CBOR_MAP || children % 2 == 0);
    return items;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct attest_cbor *top = NULL;
    struct err_info why = {0};

    if (attest_cbor_read(a, span_make(data, size), &top, &why) == ERR_OK)
        assert(count(top, 0) <= ATTEST_ITEMS_MAX);
    return 0;
}
