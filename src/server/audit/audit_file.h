/* A chain of the audit log on disk: numbered segments of lines, each line with the
 * SHA-256 of the one before (docs/audit.md). One process writes a chain. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/hash.h"

#define AUDIT_FILE_LINE_MAX   (64 * 1024) /* octets of one line */
#define AUDIT_FILE_NAME       "%06u.jsonl"
#define AUDIT_FILE_NUMBER_MAX 999999U

struct audit_file;

/* Where a chain is: its last line. */
struct audit_place {
    uint64_t seq; /* 0: it is empty */
    uint8_t hash[HASH_SHA256_SIZE];
};

/* Open the chain in `folder`, which is made if it is not there, behind its last line; in
 * another segment if the last one has `segment_max` octets, or is of another day. A line
 * that an earlier process did not finish is ended, and one behind it says so. Before
 * rights are given up. ERR_IO; ERR_STORE if its last lines cannot be read. */
MUST_CHECK enum err audit_file_open(const char *folder, int64_t segment_max,
                                    struct audit_file **file, struct err_info *why);

/* The number of the segment that is to be begun: this one has as many octets as it may
 * have, or is of another day (UTC). 0: not yet. */
unsigned int audit_file_next_number(const struct audit_file *f);

/* Go on in that segment, an empty file (owned from now on). False, with errno set, if
 * what stands in the one before may not be on disk. */
bool audit_file_go_on(struct audit_file *f, unsigned int number, int fd);

/* For whoever may still open files: an empty segment for those who write the chain in
 * `folder` and cannot. What has lines already is never opened. ERR_IO, ERR_CONFLICT. */
MUST_CHECK enum err audit_file_open_segment(const char *folder, unsigned int number,
                                            int *fd, struct err_info *why);

/* Make a folder of the log, mode 0700, for the owner of the one it is in: what root makes
 * must be open to him later, for a command. ERR_IO. */
MUST_CHECK enum err audit_file_folder(const char *folder, struct err_info *why);

/* NULL is fine. */
void audit_file_close(struct audit_file *f);

/* One more line for the next audit_file_write(): the members of a JSON object, without
 * braces. Too long a line is left out, and makes that fail. */
void audit_file_add(struct audit_file *f, struct span members);

/* Write what was added, or nothing of it. ERR_IO. */
MUST_CHECK enum err audit_file_write(struct audit_file *f, struct err_info *why);

/* What was written is on disk; false with errno set. */
bool audit_file_sync(struct audit_file *f);

/* The last line that was written. */
struct audit_place audit_file_place(const struct audit_file *f);
