/* A revocation list that is mapped. */
#include "server/signer/signer_sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define LIST_MAX (1U << 30) /* octets of a revocation list */

enum err signer_sealed_map(int fd, uint64_t offset, uint64_t length, struct span *map,
                           struct err_info *why)
{
    const int needed = F_SEAL_WRITE | F_SEAL_SHRINK;
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & needed) != needed || fstat(fd, &status) != 0)
        return err_set(why, ERR_LINT, "the list is in no sealed file");
    if (length == 0 || length > LIST_MAX || offset > LIST_MAX ||
        offset + length > (uint64_t)status.st_size)
        return err_set(why, ERR_LINT, "the list is not in its file");
    size_t size = (size_t)(offset + length);
    void *at = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return err_set_os(why, ERR_IO, errno, "the list cannot be read");
    *map = span_make(at, size);
    return ERR_OK;
}
