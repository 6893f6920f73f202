/* SQLite writes each frame of the WAL in two pieces, its header and its page, and a batch
 * has twenty frames and more. While a COMMIT runs they wait here in memory until the last
 * one, whose header has the size of the database in it, or until the file is used in any
 * other way. Whatever fails meanwhile fails the COMMIT, and SQLite rolls all of it back;
 * a statement that failed for lack of space would be undone alone, with a hole in the
 * file, so nothing waits at any other time. */
#include "server/store/store_wal_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

#define VFS_NAME    "cairn-wal"
#define HEADER_SIZE 24 /* octets of a frame's header */
#define SIZE_AT     4  /* of the database, in pages; not 0 in a commit frame */
#define SIZE_LEN    4
#define WAITING_MAX (124 * 1024) /* SQLite writes less than 128 KiB at once */

/* What SQLite has as the WAL; its own one is behind it, in the same memory. */
struct wal_file {
    sqlite3_file base;
    sqlite3_file *file;
    uint8_t *waiting; /* WAITING_MAX octets; NULL before the first write */
    int len;
    sqlite3_int64 at;   /* of the first octet that waits */
    sqlite3_int64 next; /* behind the last write; -1: nothing was written yet */
    bool gathers;
    bool commit; /* the frame whose header came last ends a transaction */
};

static sqlite3_vfs *below; /* SQLite's own */

static struct wal_file *wal_of(sqlite3_file *file)
{
    return (struct wal_file *)(void *)file;
}

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

    free(w->waiting);
    return w->file->pMethods->xClose(w->file);
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

/* Only what is appended waits; what is written elsewhere goes at once, behind it. */
static int wait_or_write(struct wal_file *w, const void *data, int len, sqlite3_int64 at)
{
    bool appends = w->next < 0 || at == w->next;

    if (!appends || len > WAITING_MAX - w->len) {
        int result = write_waiting(w);
        if (result != SQLITE_OK)
            return result;
    }
    w->next = at + len;
    if (!appends || len > WAITING_MAX)
        return w->file->pMethods->xWrite(w->file, data, len, at);
    if (w->waiting == NULL)
        w->waiting = memory_get(WAITING_MAX);
    if (w->len == 0)
        w->at = at;
    memcpy(w->waiting + w->len, data, (size_t)len);
    w->len += len;
    return SQLITE_OK;
}

/* A header comes alone; SQLite cuts in two only where it syncs within a transaction,
 * which it does not with synchronous=NORMAL. */
static int wal_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    struct wal_file *w = wal_of(file);

    if (!w->gathers)
        return w->file->pMethods->xWrite(w->file, data, len, at);
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
    vfs = *own; /* its other functions need nothing of their argument */
    vfs.pNext = NULL;
    vfs.zName = VFS_NAME;
    vfs.szOsFile = own->szOsFile + (int)sizeof(struct wal_file);
    vfs.xOpen = vfs_open;
    below = own;
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
        below = NULL;
    return below != NULL ? VFS_NAME : NULL;
}

/* NULL: it has none, or one of another VFS. */
static struct wal_file *wal_of_connection(sqlite3 *db)
{
    sqlite3_file *file = NULL;
    int result =
        sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&file);

    return result == SQLITE_OK && file != NULL && file->pMethods == &wal_methods
               ? wal_of(file)
               : NULL;
}

void store_wal_file_gather(sqlite3 *db)
{
    struct wal_file *w = wal_of_connection(db);

    if (w == NULL)
        return;
    w->gathers = true;
    w->commit = false;
    w->next = -1;
}

bool store_wal_file_gathered(sqlite3 *db, bool committed)
{
    struct wal_file *w = wal_of_connection(db);

    if (w == NULL)
        return true;
    w->gathers = false;
    if (!committed)
        w->len = 0;
    return write_waiting(w) == SQLITE_OK; /* nothing, mostly: the commit frame was last */
}
