/* What the signer is asked, and its answers, which are on record before they leave. */
#pragma once

#include "core/pkcs11/pkcs11.h"
#include "server/proc/ipc_channel.h"
#include "server/signer/signer_audit.h"
#include "server/signer/signer_core.h"
#include "server/signer/signer_desk.h"

/* Each thread that answers has a copy with an arena of its own. */
struct signer_process {
    const struct settings *settings; /* those it was started with */
    struct signer_core *core;
    struct signer_audit *audit;
    struct ipc_channel *front;
    struct ipc_channel *control;
    struct arena *arena;      /* of one request */
    struct arena *profiles;   /* and what they point into */
    struct pkcs11 *tokens;    /* NULL: no key is in one */
    struct signer_desk *desk; /* NULL: this thread answers */
    struct arena *own;        /* of this process */
    struct signer_process *workers;
    int wake[2];  /* a pipe from who answers to who writes what is left over */
    bool batches; /* answers leave together, behind one sync of the audit log */
    bool leaves;  /* it ends, to be started again with other keys */
};

/* Answer a question of the front, between signer_core_enter and signer_core_leave. */
MUST_CHECK enum err signer_answer(struct signer_process *p, struct ipc_message *m,
                                  struct err_info *why);

/* Around each wait for messages: what is answered in it leaves behind one sync. */
void signer_answer_hold(struct signer_process *p);
void signer_answer_release(struct signer_process *p);

/* The audit log goes on in that file. */
void signer_answer_segment(struct signer_process *p,
                           const struct message_audit_segment *m);
