/* The OCSP desk, the signer and the store. */
#include "core/base/log.h"
#include "server/front/front_private.h"
#include "server/store/store_search.h"

static bool ask_responder(void *context, struct span key_id, struct span instead)
{
    struct front *f = context;
    struct err_info why = {0};
    const struct message_responder m = {.issuer = key_id, .instead = instead};

    return ipc_channel_send_responder(f->signer.channel, &m, &why) == ERR_OK;
}

static bool ask_signature(void *context, uint64_t id, enum lint_kind kind,
                          struct span tbs)
{
    struct front *f = context;
    struct err_info why = {0};
    const struct message_sign m = {.id = id, .kind = kind, .tbs = tbs};

    return ipc_channel_send_sign(f->signer.channel, &m, &why) == ERR_OK;
}

/* That a responder's certificate is going to be signed, on its way to the disk. */
struct record {
    struct front *front;
    uint64_t question;
    enum err outcome;
};

/* On the loop. */
static void recorded(void *argument)
{
    const struct record *r = argument;

    ocsp_desk_recorded(r->front->services.ocsp, r->question, r->outcome);
}

/* On the store's thread. */
static void decided(void *argument, enum err result)
{
    struct record *r = argument;

    r->outcome = result;
    loop_post(r->front->loop, recorded, r);
}

/* There are few: each issuer has one in some days. */
static enum err record(void *context, uint64_t id, struct store_issuance *issuance,
                       int64_t replaced, struct err_info *why)
{
    struct front *f = context;
    struct record *r = arena_get(f->arena, sizeof *r);

    *r = (struct record){.front = f, .question = id};
    store_session_begin(f->session);
    TRY(store_issuance_begin_own(f->session, issuance, replaced, why));
    store_when_durable(f->services.store, store_session_ticket(f->session), decided, r);
    return ERR_OK;
}

/* Without it the certificate is known by what was recorded before. */
static void keep(void *context, int64_t issuance_id, struct span certificate,
                 struct span issuers)
{
    struct front *f = context;
    struct err_info why = {0};

    store_session_begin(f->session);
    if (store_issuance_finish(f->session, issuance_id, certificate, issuers, &why) !=
        ERR_OK)
        log_event(LOG_LEVEL_ERROR, "ocsp.not_recorded", "why=" LOG_QUOTE, why.detail);
}

/* One that cannot be looked up is looked up again a second later. */
static bool revoked(void *context, struct span serial)
{
    AUTO(arena) struct arena *a = arena_new();
    struct front *f = context;
    struct store_found *row = NULL;

    store_session_begin(f->session);
    return store_search_serial(f->session, a, serial, &row, NULL) == ERR_OK &&
           row->revocation.at != 0;
}

enum err front_ocsp_open(struct front *f, struct err_info *why)
{
    const struct ocsp_desk_ports ports = {.context = f,
                                          .responder = ask_responder,
                                          .sign = ask_signature,
                                          .record = record,
                                          .keep = keep,
                                          .revoked = revoked};

    TRY(ocsp_desk_new(&ports, f->issuers_shared, &f->services.ocsp, why));
    ocsp_desk_configure(f->services.ocsp, f->settings);
    return ERR_OK;
}

bool front_ocsp_asked(uint64_t id)
{
    return id >= OCSP_DESK_FIRST && id <= OCSP_DESK_LAST;
}
