/* Answers that are kept: as many places as the settings say, one for each hash; a newer
 * answer takes the place. */
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "server/order/ocsp_desk_private.h"

struct ocsp_kept *ocsp_desk_place(struct ocsp_desk *desk, struct span whole,
                                  uint8_t key[HASH_SHA256_SIZE])
{
    uint64_t number = 0;

    if (desk->kept_count == 0)
        return NULL;
    hash_sha256(whole, key);
    memcpy(&number, key, sizeof number);
    return &desk->kept[number % desk->kept_count];
}

bool ocsp_desk_is_right(const struct ocsp_kept *kept, const struct ocsp_single *now,
                        int64_t seconds)
{
    return seconds >= kept->this_update && seconds < kept->renew &&
           kept->status == now->status && kept->reason == now->reason &&
           kept->revoked_at == now->revoked;
}

void ocsp_desk_resize(struct ocsp_desk *desk, size_t count)
{
    for (size_t i = 0; i < desk->kept_count; i++)
        free(desk->kept[i].der);
    free(desk->kept);
    desk->kept = count > 0 ? memory_get_zeroed(count, sizeof *desk->kept) : NULL;
    desk->kept_count = count;
}
