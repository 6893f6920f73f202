/* The signer's process: no network, no store, one key. */
#include "server/signer/signer_main.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/crypto/key.h"
#include "server/proc/ipc_channel.h"
#include "server/proc/sandbox.h"
#include "server/proc/supervisor.h"
#include "server/proc/user.h"
#include "server/signer/serial_book.h"
#include "server/signer/signer_core.h"

#define JOURNAL_FILE         "signer.journal"
#define CERTIFICATE_MAX_FILE (256 * 1024) /* octets */

/* Octets of the journal's end that are read at the start: a line has less than 128. */
#define JOURNAL_READ_MAX (SERIAL_BOOK_MAX * 128)

struct signer_process {
    const struct settings *settings; /* those it was started with */
    struct signer_core *core;
    struct ipc_channel *front;
    struct ipc_channel *control;
    struct arena *arena; /* of one request */
};

static enum err answer_sign(struct signer_process *p, const struct message_sign *question,
                            struct err_info *why)
{
    struct err_info refusal = {0};
    struct span certificate = {0};

    arena_reset(p->arena);
    enum err result =
        signer_core_sign(p->core, p->arena, question->tbs, &certificate, &refusal);
    if (result != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "signer.refused", "id=%llu why=" LOG_QUOTE,
                  (unsigned long long)question->id, refusal.detail);
        struct message_sign_refused refused = {.id = question->id,
                                               .code = (int64_t)result,
                                               .detail = span_of(refusal.detail)};
        return ipc_channel_send_sign_refused(p->front, &refused, why);
    }
    struct message_signed answer = {.id = question->id, .certificate = certificate};
    return ipc_channel_send_signed(p->front, &answer, why);
}

static enum err on_front(struct ipc_channel *c, struct ipc_message *m, void *context,
                         struct err_info *why)
{
    (void)c;
    if (m->type == IPC_SIGN)
        return answer_sign(context, &m->as_sign, why);
    return err_set(why, ERR_PROTOCOL, "the front sent %s", ipc_type_name(m->type));
}

/* The longest lifetime is taken over; the key stays as it was loaded: a new one needs a
 * restart. */
static enum err reload(struct signer_process *p, const struct message_reload *m,
                       struct err_info *why)
{
    const struct settings *fresh = NULL;
    struct err_info bad = {0};
    struct span text;

    arena_reset(p->arena);
    enum err result = supervisor_settings_text(p->arena, m->settings_fd, &text, &bad);
    (void)close(m->settings_fd);
    if (result == ERR_OK)
        result = settings_reread(p->arena, p->settings, text, &fresh, &bad);
    if (result == ERR_OK)
        signer_core_set_lifetime(p->core, fresh->certificate_lifetime / 1000);
    struct message_reloaded reloaded = {.generation = m->generation,
                                        .code = (int64_t)result,
                                        .detail = span_of(bad.detail)};
    return ipc_channel_send_reloaded(p->control, &reloaded, why);
}

static enum err on_control(struct ipc_channel *c, struct ipc_message *m, void *context,
                           struct err_info *why)
{
    struct signer_process *p = context;

    switch (m->type) {
    case IPC_PEER:
        ipc_channel_replace(p->front, m->as_peer.fd);
        return ERR_OK;
    case IPC_PING: {
        struct message_pong pong = {.id = m->as_ping.id};
        return ipc_channel_send_pong(c, &pong, why);
    }
    case IPC_RELOAD:
        return reload(p, &m->as_reload, why);
    default:
        return ERR_OK;
    }
}

/* The end of the journal. */
static enum err read_journal(struct arena *a, const char *path, struct span *text,
                             struct err_info *why)
{
    struct stat status;
    ssize_t got = 0;
    /* what is no regular file has nothing to be read, and must not block */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    *text = span_make(NULL, 0);
    if (fd < 0 || fstat(fd, &status) != 0) {
        int error = errno;
        if (fd >= 0)
            (void)close(fd);
        return err_set_os(why, ERR_IO, error, "cannot read %s", path);
    }
    if (S_ISREG(status.st_mode) && status.st_size > 0) {
        off_t size =
            status.st_size < JOURNAL_READ_MAX ? status.st_size : JOURNAL_READ_MAX;
        uint8_t *data = arena_get(a, (size_t)size);
        got = pread(fd, data, (size_t)size, status.st_size - size);
        *text = span_make(data, got > 0 ? (size_t)got : 0);
    }
    int error = errno;
    (void)close(fd);
    if (got < 0)
        return err_set_os(why, ERR_IO, error, "cannot read %s", path);
    return ERR_OK;
}

static enum err load(const struct settings *s, const struct secret *passphrase,
                     struct signer_process *p, struct err_info *why)
{
    struct signer_options options = {.passphrase =
                                         passphrase->len > 0 ? passphrase : NULL,
                                     .max_lifetime = s->certificate_lifetime / 1000};
    char *journal = settings_path(p->arena, s, JOURNAL_FILE);

    TRY(file_read(p->arena, settings_path(p->arena, s, s->intermediate_file),
                  CERTIFICATE_MAX_FILE, &options.certificate_pem, why));
    TRY(file_read(p->arena, settings_path(p->arena, s, s->intermediate_key_file),
                  KEY_PEM_MAX, &options.key_pem, why));
    options.journal_fd =
        open(journal, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (options.journal_fd < 0)
        return err_set_os(why, ERR_IO, errno, "cannot open %s", journal);
    TRY(read_journal(p->arena, journal, &options.journal, why));
    enum err result = signer_core_new(&options, &p->core, why);
    if (result != ERR_OK)
        (void)err_prefix(why, "%s", settings_path(p->arena, s, s->intermediate_key_file));
    memory_wipe((void *)(uintptr_t)options.key_pem.data, options.key_pem.len);
    return result;
}

static enum err start(const struct settings *s, const struct secret *passphrase,
                      struct signer_process *p, struct err_info *why)
{
    struct sandbox_plan plan = {.role = IPC_SIGNER};
    struct message_ready ready = {.url = span_of("")};

    TRY(supervisor_child_begin(IPC_SIGNER, why));
    TRY(load(s, passphrase, p, why));
    TRY(user_find(s->signer_user, "cairn-signer", USER_SIGNER_UID, &plan.uid, &plan.gid,
                  why));
    TRY(sandbox_enter(&plan, why));
    p->control =
        ipc_channel_new(SUPERVISOR_CONTROL_FD, IPC_SIGNER, IPC_SUPERVISOR, on_control, p);
    p->front = ipc_channel_new(SUPERVISOR_FRONT_FD, IPC_SIGNER, IPC_FRONT, on_front, p);
    return ipc_channel_send_ready(p->control, &ready, why);
}

int signer_main(const struct settings *settings, const struct secret *passphrase)
{
    struct signer_process p = {.arena = arena_new(), .settings = settings};
    struct err_info why = {0};
    size_t failed = 0;

    if (start(settings, passphrase, &p, &why) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "signer.cannot_start", "why=" LOG_QUOTE, why.detail);
        return 1;
    }
    for (;;) {
        struct ipc_channel *channels[] = {p.control, p.front};
        enum err result = ipc_channel_wait(channels, 2, -1, &failed, &why);
        if (result != ERR_OK && failed == 0)
            break; /* the house closes */
    }
    ipc_channel_free(p.front);
    ipc_channel_free(p.control);
    signer_core_free(p.core);
    arena_free(p.arena);
    return 0;
}
