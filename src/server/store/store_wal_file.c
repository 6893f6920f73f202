/* SQLite writes each frame of the WAL in two pieces, its header and its page, and a batch
 * has twenty frames and more. Here they wait in memory until the last one of the
 * transaction, whose header has the size of the database in it, or until the file is used
 * in any other way. What is lost with the process was not committed. */
#include "server/store/store_wal_file.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

#define VFS_NAME    "cairn-wal"
#define HEADER_SIZE 24 /* octets of a frame's header */
#define SIZE_AT     4  /* of the database, in pages; not 0 in a commit frame */
#define SIZE_LEN    4
#define WAITING_MAX (128 * 1024)

/* What SQLite has as the WAL; its own one is behind it, in the same memory. */
struct wal_file {
    sqlite3_file base;
    sqlite3_file *file;
    uint8_t *waiting; /* WAITING_MAX octets; NULL before the first write */
    int len;
    sqlite3_int64 at;   /* of the first octet that waits */
    sqlite3_int64 next; /* behind the last write */
    bool commit;        /* the frame whose header came last ends a transaction */
};

static sqlite3_vfs *below; /* SQLite's own */

static struct wal_file *wal_of(sqlite3_file *file)
{
    return (struct wal_file *)(void *)file;
}

/* A failure is told to whoever asks next, as if his own write had failed; SQLite gives up
 * the transaction either way. */
static int write_waiting(struct wal_file *w)
{
    int len = w->len;

    w->len = 0;
    return len == 0 ? SQLITE_OK
                    : w->file->pMethods->xWrite(w->file, w->waiting, len, w->at);
}

static int wal_close(sqlite3_file *file)
{
    struct wal_file *w = wal_of(file);
    int result = write_waiting(w);
    int closed = w->file->pMethods->xClose(w->file);

    free(w->waiting);
    return result != SQLITE_OK ? result : closed;
}

static int wal_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
    struct wal_file *w = wal_of(file);
    int result = write_waiting(w);

    return result != SQLITE_OK ? result : w->file->pMethods->xRead(w->file, to, len, at);
}

static bool ends_transaction(const uint8_t *header)
{
    static const uint8_t none[SIZE_LEN];

    return memcmp(header + SIZE_AT, none, SIZE_LEN) != 0;
}

static int wait_or_write(struct wal_file *w, const void *data, int len, sqlite3_int64 at)
{
    if (at != w->next || len > WAITING_MAX - w->len) {
        int result = write_waiting(w);
        if (result != SQLITE_OK)
            return result;
    }
    if (at != w->next || len > WAITING_MAX) {
        w->next = at + len;
        return w->file->pMethods->xWrite(w->file, data, len, at);
    }
    if (w->waiting == NULL)
        w->waiting = memory_get(WAITING_MAX);
    if (w->len == 0)
        w->at = at;
    memcpy(w->waiting + w->len, data, (size_t)len);
    w->len += len;
    w->next = at + len;
    return SQLITE_OK;
}

static int wal_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    struct wal_file *w = wal_of(file);
    int result = wait_or_write(w, data, len, at);

    if (len == HEADER_SIZE) {
        w->commit = ends_transaction(data);
        return result;
    }
    if (result == SQLITE_OK && w->commit)
        result = write_waiting(w);
    w->commit = false;
    return result;
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct wal_file *w = wal_of(file);
    int result = write_waiting(w);

    return result != SQLITE_OK ? result : w->file->pMethods->xTruncate(w->file, size);
}

static int wal_sync(sqlite3_file *file, int flags)
{
    struct wal_file *w = wal_of(file);
    int result = write_waiting(w);

    return result != SQLITE_OK ? result : w->file->pMethods->xSync(w->file, flags);
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *size)
{
    struct wal_file *w = wal_of(file);
    int result = write_waiting(w);

    return result != SQLITE_OK ? result : w->file->pMethods->xFileSize(w->file, size);
}

static int wal_lock(sqlite3_file *file, int lock)
{
    return wal_of(file)->file->pMethods->xLock(wal_of(file)->file, lock);
}

static int wal_unlock(sqlite3_file *file, int lock)
{
    return wal_of(file)->file->pMethods->xUnlock(wal_of(file)->file, lock);
}

static int wal_is_reserved(sqlite3_file *file, int *reserved)
{
    return wal_of(file)->file->pMethods->xCheckReservedLock(wal_of(file)->file, reserved);
}

static int wal_control(sqlite3_file *file, int operation, void *argument)
{
    return wal_of(file)->file->pMethods->xFileControl(wal_of(file)->file, operation,
                                                      argument);
}

static int wal_sector_size(sqlite3_file *file)
{
    return wal_of(file)->file->pMethods->xSectorSize(wal_of(file)->file);
}

static int wal_characteristics(sqlite3_file *file)
{
    return wal_of(file)->file->pMethods->xDeviceCharacteristics(wal_of(file)->file);
}

static const sqlite3_io_methods wal_methods = {
    .iVersion = 1, /* no shared memory, no mapping: those are of the database's file */
    .xClose = wal_close,
    .xRead = wal_read,
    .xWrite = wal_write,
    .xTruncate = wal_truncate,
    .xSync = wal_sync,
    .xFileSize = wal_size,
    .xLock = wal_lock,
    .xUnlock = wal_unlock,
    .xCheckReservedLock = wal_is_reserved,
    .xFileControl = wal_control,
    .xSectorSize = wal_sector_size,
    .xDeviceCharacteristics = wal_characteristics,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                    int *flags_out)
{
    struct wal_file *w = wal_of(file);

    (void)vfs;
    if ((flags & SQLITE_OPEN_WAL) == 0)
        return below->xOpen(below, name, file, flags, flags_out);
    memset(w, 0, sizeof *w);
    w->next = -1;
    w->file = (sqlite3_file *)(void *)(w + 1);
    int result = below->xOpen(below, name, w->file, flags, flags_out);
    /* SQLite closes what has methods, even if it could not be opened */
    w->base.pMethods = w->file->pMethods != NULL ? &wal_methods : NULL;
    return result;
}

const char *store_wal_file_vfs(void)
{
    static sqlite3_vfs vfs;

    if (below != NULL)
        return VFS_NAME;
    sqlite3_vfs *own = sqlite3_vfs_find(NULL);
    if (own == NULL)
        return NULL;
    vfs = *own; /* its other functions take it from their argument, or need none of it */
    vfs.pNext = NULL;
    vfs.zName = VFS_NAME;
    vfs.szOsFile = own->szOsFile + (int)sizeof(struct wal_file);
    vfs.xOpen = vfs_open;
    below = own;
    return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? VFS_NAME : NULL;
}
