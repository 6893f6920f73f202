/* Where the SQLite backend has its stores. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"

static bool make(char *where, size_t size)
{
    char directory[] = "/tmp/cairn-store-XXXXXX";

    return mkdtemp(directory) != NULL &&
           snprintf(where, size, "%s/cairn.db", directory) < (int)size;
}

static void remove_all(const char *where)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    char path[300];

    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", where, endings[i]);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof path, "%.*s", (int)(strrchr(where, '/') - where), where);
    (void)rmdir(path);
}

const struct contract_backend contract_backend = {make, remove_all};
