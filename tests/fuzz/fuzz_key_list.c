/* A list of keys that are known to be bad, as the operator got it from somewhere. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/err.h"
#include "server/policy/policy_key_lists.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void load(struct settings *s, struct config_list *which, const char *path)
{
    struct policy_key_lists *lists = NULL;
    struct err_info why = {0};

    which->items = &path;
    which->count = 1;
    if (policy_key_lists_load(s, &lists, &why) == ERR_OK)
        policy_key_lists_free(lists);
    else if (why.detail[0] == '\0')
        abort(); /* without a complaint */
    which->count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings s = {.directory = "/"};
    char path[64];
    int fd = memfd_create("list", MFD_CLOEXEC);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    load(&s, &s.debian_weak, path);
    load(&s, &s.compromised_keys, path);
    (void)close(fd);
    return 0;
}
