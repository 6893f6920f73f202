/* The WAL written with one system call for a transaction instead of two for a page. Only
 * for the store. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

/* The name of the VFS to open a database with: SQLite's own, but that the WAL can be
 * gathered. NULL if SQLite has none. Any number of times, one thread at a time. */
const char *store_wal_file_vfs(void);

/* Before a COMMIT: what it appends to the connection's WAL is written when its commit
 * frame is there (SQLite file format 4.1), which is before SQLite tells other
 * connections. Spilled pages, and all else that is done to the file, are written as they
 * come. Nothing happens to a connection of another VFS. */
void store_wal_file_gather(sqlite3 *db);

/* Behind it, with what it came to: a transaction that failed leaves nothing that is
 * written later. False if one that did not cannot be written, so that what others were
 * told of is not there. */
bool store_wal_file_gathered(sqlite3 *db, bool committed);
