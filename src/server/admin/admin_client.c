/* The side of who gives a command. */
#include "server/admin/admin_client.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/base/file.h"
#include "server/admin/admin_request.h"
#include "server/admin/admin_socket.h"
#include "server/audit/audit.h"

#define READ_SIZE (16 * 1024) /* octets at a time */

struct admin_client {
    struct arena *arena;
    const char *directory;
    int fd; /* to the running CA; -1 if it is to be reached anew, or none runs */
    const struct settings *settings;
    struct store *store; /* NULL if a CA runs */
    struct store_session *session;
    struct audit *audit;
};

/* ---- a CA runs ---- */

static enum err receive(int fd, struct buf *answer, struct err_info *why)
{
    uint8_t octets[READ_SIZE];
    ssize_t got = 0;

    do {
        got = recv(fd, octets, sizeof octets, 0);
        if (got > 0)
            buf_add(answer, octets, (size_t)got);
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return err_set(why, ERR_TIMEOUT,
                       "the CA has not answered within %d seconds: whether it was done "
                       "is not known",
                       ADMIN_CLIENT_WAIT_S);
    if (answer->len == 0 || answer->failed)
        return err_set(why, ERR_PROTOCOL,
                       "the CA ended before it answered: whether it was done is not "
                       "known");
    return ERR_OK;
}

static enum err ask_running(int fd, struct span request, struct buf *answer,
                            struct err_info *why)
{
    const struct timeval wait = {.tv_sec = ADMIN_CLIENT_WAIT_S};

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0)
        return err_set_os(why, ERR_IO, errno, "the control socket");
    /* a CA that does not want all of it says why: so the answer is read in any case */
    if (file_write_all(fd, request))
        (void)shutdown(fd, SHUT_WR);
    return receive(fd, answer, why);
}

/* ---- none runs ---- */

/* Root makes no files in other people's stores that those could not open later. */
static enum err become_owner(const char *directory, const char *store,
                             struct err_info *why)
{
    struct stat about;

    if (geteuid() != 0 || (stat(store, &about) != 0 && stat(directory, &about) != 0) ||
        about.st_uid == 0)
        return ERR_OK;
    if (setegid(about.st_gid) != 0 || seteuid(about.st_uid) != 0)
        return err_set_os(why, ERR_UNAUTHORIZED, errno, "changing to the owner of %s",
                          directory);
    return ERR_OK;
}

static enum err open_store(struct admin_client *client, struct err_info *why)
{
    struct arena *a = client->arena;

    TRY(settings_load(a, client->directory, NULL, 0, &client->settings, why));
    const char *path = settings_path(a, client->settings, client->settings->store_file);
    TRY(become_owner(client->directory, path, why));
    TRY(store_open(path, &client->store, why));
    TRY(audit_open(settings_path(a, client->settings, AUDIT_FOLDER),
                   settings_path(a, client->settings, AUDIT_FOLDER_FRONT),
                   client->settings->audit_segment, client->store, &client->audit, why));
    return store_session_open(client->store, &client->session, why);
}

static void ask_store(const struct admin_client *client, struct span request,
                      struct buf *answer)
{
    AUTO(arena) struct arena *a = arena_new();
    struct admin_call call = {.arena = a,
                              .settings = client->settings,
                              .session = client->session,
                              .uid = (int64_t)getuid()};

    (void)admin_request_run(&call, client->store, request, answer); /* it says how */
}

/* ---- either ---- */

static enum err reach(struct admin_client *client, struct err_info *why)
{
    TRY(admin_socket_reach(client->arena, client->directory, &client->fd, why));
    return client->fd < 0 ? open_store(client, why) : ERR_OK;
}

enum err admin_client_open(struct arena *a, const char *directory,
                           struct admin_client **client, struct err_info *why)
{
    struct admin_client *made = arena_get(a, sizeof *made);

    *made = (struct admin_client){.arena = a, .directory = directory, .fd = -1};
    enum err result = reach(made, why);
    if (result == ERR_OK)
        *client = made;
    else
        admin_client_close(made);
    return result;
}

void admin_client_close(struct admin_client *client)
{
    if (client == NULL)
        return;
    if (client->fd >= 0)
        (void)close(client->fd);
    store_session_close(client->session);
    store_close(client->store);
    audit_close(client->audit);
}

enum err admin_client_send(struct admin_client *client, struct span request,
                           struct buf *answer, struct err_info *why)
{
    if (client->store == NULL && client->fd < 0) /* a connection is for one command */
        TRY(reach(client, why));
    if (client->store != NULL) {
        ask_store(client, request, answer);
        return ERR_OK;
    }
    enum err result = ask_running(client->fd, request, answer, why);
    (void)close(client->fd);
    client->fd = -1;
    return result;
}

enum err admin_client_ask(struct arena *a, const char *directory, struct span request,
                          struct buf *answer, struct err_info *why)
{
    AUTO(admin_client) struct admin_client *client = NULL;

    TRY(admin_client_open(a, directory, &client, why));
    return admin_client_send(client, request, answer, why);
}
