/* Revocation lists: made when they are due or something was revoked, on workers, a few
 * entries at a time; signed by the signer; put on the shelf and into crl.directory. */
#pragma once

#include "core/net/loop.h"
#include "server/exchange/work.h"
#include "server/issue/crl_build.h"
#include "server/issue/issuer.h"
#include "server/proc/ipc.h"

struct front;
struct front_crl;

/* Numbers of lists to be signed begin here and end where FRONT_TLS_FIRST begins. */
#define FRONT_CRL_FIRST (UINT64_C(1) << 62)

/* What the other functions need: f->crl. */
void front_crl_new(struct front *f);

/* The folder, for a process that will be `uid` and `gid` (0: stays who it is): made if it
 * is not there. Before the sandbox. */
MUST_CHECK enum err front_crl_open_folder(struct front *f, uid_t uid, gid_t gid,
                                          struct err_info *why);

/* Its descriptor. */
int front_crl_folder(const struct front *f);

/* Put on the shelf what was made before and is still what it should be; then watch over
 * all lists. Within the sandbox, before the workers are busy. */
MUST_CHECK enum err front_crl_open(struct front *f, struct err_info *why);
void front_crl_close(struct front *f);

/* Look at all lists soon: the clock jumped, or the settings are others. */
void front_crl_look(struct front *f);

/* The signer was started again: repeat what it has not answered. */
void front_crl_ask_again(struct front *f);

/* Answers; one to a question that was given up meanwhile is passed over. */
void front_crl_signed(struct front *f, const struct message_list_signed *m);
void front_crl_refused(struct front *f, const struct message_sign_refused *m);
