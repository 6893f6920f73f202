/* Octets that must not be left behind or printed. */
#include "core/base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "core/base/memory.h"

struct secret secret_make(struct span s)
{
    struct secret made = {memory_get(s.len), s.len};

    if (s.len > 0)
        memcpy(made.data, s.data, s.len);
    return made;
}

void secret_free(struct secret *s)
{
    if (s->data != NULL)
        memory_wipe(s->data, s->len);
    free(s->data);
    s->data = NULL;
    s->len = 0;
}

bool secret_equal(struct span a, struct span b)
{
    volatile uint8_t difference = 0;

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        difference = (uint8_t)(difference | (a.data[i] ^ b.data[i]));
    return difference == 0;
}

void secret_protect_process(void)
{
    struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
