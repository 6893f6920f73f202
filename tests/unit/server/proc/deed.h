/* What a process in the sandbox tries to do: each deed gives DEED_WENT_WELL or errno. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#define DEED_WENT_WELL 0

/* What the deeds are about; filled by the test. */
struct deed_world {
    char inside[64];  /* a file that may be among the allowed ones */
    char outside[64]; /* one beside it */
    uint16_t port;    /* of a TCP listener on 127.0.0.1 */
    int listener;
    pid_t parent; /* of the sandboxed process, and of its user */
};
extern struct deed_world deed_world;

/* The deeds, by their names. */
int deed_nothing(void);
int deed_read_inside(void);
int deed_read_outside(void);
int deed_read_passwd(void);
int deed_write_inside(void);
int deed_create_inside(void);
int deed_execute(void);
int deed_trace(void);
int deed_make_process(void);
int deed_make_thread(void);
int deed_make_tcp_socket(void);
int deed_make_udp_socket(void);
int deed_make_unix_socket(void);
int deed_make_packet_socket(void);
int deed_connect_out(void);
int deed_bind_tcp(void);
int deed_accept_connection(void);
int deed_truncate_inside(void);
int deed_rename_inside(void);
int deed_remove_inside(void);
int deed_give_away(void);
int deed_kill_parent(void);
int deed_kill_all(void);
int deed_kill_itself(void);
int deed_get_uid_back(void);
int deed_get_group_back(void);
int deed_has_no_dumps(void);
int deed_change_limits_of_parent(void);
int deed_mount_something(void);
int deed_change_root(void);
int deed_leave_namespace(void);
int deed_read_memory_of_parent(void);
int deed_have_dumps_again(void);
