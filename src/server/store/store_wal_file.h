/* The WAL written with one system call for a transaction instead of two for a page. Only
 * for store_connection.c. */
#pragma once

/* The name of the VFS to open a database with: SQLite's own, but that what a transaction
 * appends to the WAL is written when its commit frame is there (SQLite file format 4.1),
 * which is before SQLite tells other connections. NULL if SQLite has no VFS. Any number
 * of times, one thread at a time. */
const char *store_wal_file_vfs(void);
