/* The signer's journal: a line for each serial, written before it is signed. Only the
 * first octets behind the time are kept in memory, sorted. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "server/check/check_private.h"
#include "server/signer/serial_book.h"
#include "server/store/store_search.h"

#define JOURNAL_FILE "signer.journal"

struct line {
    uint8_t serial[SERIAL_SIZE];
};

struct check_journal {
    bool known;
    struct line *lines; /* sorted, each serial once */
    size_t count;
    size_t room;
};

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct line));
}

static void add(struct check_journal *journal, struct span text)
{
    uint8_t serial[SERIAL_SIZE];
    struct serial_book_entry entry;

    if (!serial_book_line(text, serial, &entry))
        return;
    if (journal->count == journal->room) {
        journal->room = journal->room > 0 ? 2 * journal->room : 1024;
        journal->lines =
            memory_resize(journal->lines, journal->room * sizeof journal->lines[0]);
    }
    memcpy(journal->lines[journal->count++].serial, serial, sizeof serial);
}

static void add_all(struct check_journal *journal, struct span text)
{
    while (text.len > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.data) : text.len;
        add(journal, span_slice(text, 0, len));
        text = span_slice(text, len + (end != NULL), text.len);
    }
    if (journal->count == 0)
        return;
    qsort(journal->lines, journal->count, sizeof journal->lines[0], compare);
    size_t kept = 1;
    for (size_t i = 1; i < journal->count; i++)
        if (compare(&journal->lines[i], &journal->lines[kept - 1]) != 0)
            journal->lines[kept++] = journal->lines[i];
    journal->count = kept;
}

static enum err read_file(int fd, const char *path, struct check_journal *journal,
                          struct err_info *why)
{
    struct stat about;

    if (fstat(fd, &about) != 0)
        return err_set_os(why, ERR_IO, errno, "%s", path);
    journal->known = true;
    if (about.st_size == 0)
        return ERR_OK;
    size_t size = (size_t)about.st_size;
    void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return err_set_os(why, ERR_IO, errno, "%s", path);
    add_all(journal, span_make(map, size));
    (void)munmap(map, size);
    return ERR_OK;
}

enum err check_journal_read(struct check_run *run, struct err_info *why)
{
    const char *path = settings_path(run->arena, run->check->settings, JOURNAL_FILE);

    run->journal = memory_get_zeroed(1, sizeof *run->journal);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == EACCES)
        return ERR_OK; /* another user's: what it says is not known */
    if (fd < 0 && errno != ENOENT)
        return err_set_os(why, ERR_IO, errno, "cannot open %s", path);
    if (fd < 0)
        return ERR_OK;
    enum err result = read_file(fd, path, run->journal, why);
    (void)close(fd);
    return result;
}

void check_journal_free(struct check_journal *journal)
{
    if (journal == NULL)
        return;
    free(journal->lines);
    free(journal);
}

bool check_journal_is_known(const struct check_journal *journal)
{
    return journal->known;
}

bool check_journal_has(const struct check_journal *journal, struct span serial)
{
    struct line wanted;

    if (serial.len != sizeof wanted.serial || journal->count == 0)
        return false;
    memcpy(wanted.serial, serial.data, sizeof wanted.serial);
    return bsearch(&wanted, journal->lines, journal->count, sizeof wanted, compare) !=
           NULL;
}

/* Serials begin with their time, so the newest lines are the last. */
enum err check_journal_compare(struct check_run *run, struct err_info *why)
{
    const struct check_journal *journal = run->journal;
    const struct check *check = run->check;

    if (!journal->known && run->sums->issuances > 0) {
        struct stat about;
        const char *path = settings_path(run->step, check->settings, JOURNAL_FILE);
        if (stat(path, &about) != 0)
            check_report(run, CHECK_FOUND_JOURNAL_MISSING, span_make(NULL, 0), path, NULL,
                         "there is no such file");
    }
    for (size_t i = 0; i < journal->count; i++) {
        struct store_found *row = NULL;
        struct span serial = span_make(journal->lines[i].serial, SERIAL_SIZE);
        if (i % STORE_REVIEW_SPAN == 0)
            check->progress(check->argument, "lines of the signer's journal", (int64_t)i,
                            (int64_t)journal->count);
        uint32_t time = 0;
        arena_reset(run->step);
        if (serial_read_time(serial, &time) && (int64_t)time < check->since)
            continue;
        enum err result =
            store_search_serial(check->session, run->step, serial, &row, why);
        if (result == ERR_NOT_FOUND)
            check_report(run, CHECK_FOUND_UNRECORDED, serial, NULL, NULL,
                         "the signer's journal has it, the database has not");
        else if (result != ERR_OK)
            return result;
    }
    return ERR_OK;
}
