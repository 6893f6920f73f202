/* Lists of devices as files of comma-separated values (RFC 4180), read. */
#pragma once

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "server/store/store_device.h"

#define ADMIN_DEVICE_CSV_MAX   10000 /* devices in one file */
#define ADMIN_DEVICE_LABEL_MAX 200   /* octets; of a reason, too */
#define ADMIN_DEVICE_KID_MAX   64    /* octets */

/* Every column there may be, as the header names them. */
#define ADMIN_DEVICE_COLUMNS "identifier, type, label, eab, ek, ak, key, blocked, reason"

/* A line that was read: identifier, label, keys, blocked, reason and kid are set. */
struct admin_device_line {
    size_t number; /* of the line in the file, from 1 */
    struct store_device device;
};

/* One that is wrong. */
struct admin_device_fault {
    size_t number;
    const char *problem;
};

struct admin_device_csv {
    struct admin_device_line *lines;
    size_t count;
    struct admin_device_fault *faults; /* by their numbers, at most one a line */
    size_t fault_count;
};

/* Read a whole file, in UTF-8 with or without a byte order mark; lines end with LF or
 * CRLF, those that are empty are passed over. Everything lives in the arena. What is
 * wrong with single lines is noted in `csv`; ERR_USAGE if it is the file: no header,
 * columns that nobody knows, too many lines. `now`: blocked devices were not blocked
 * later. */
MUST_CHECK enum err admin_device_csv_read(struct arena *a, struct span text, int64_t now,
                                          struct admin_device_csv *csv,
                                          struct err_info *why);

/* Append a field, in quotes if it needs some. */
void admin_device_csv_field(struct buf *b, const char *text);
