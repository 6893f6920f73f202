/* A row beside that of an authorization. */
#include "server/store/store_attestation.h"

#include "server/store/store_private.h"

static enum err finish(struct store_connection *c, int64_t authz_id, int challenge_type,
                       const char *record, const struct store_attestation *attestation,
                       struct err_info *why)
{
    TRY(store_attempt_record(c, authz_id, challenge_type, STORE_VERDICT_VALID, NULL,
                             record, attestation->at, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ATTESTATION_ADD);
    sqlite3_bind_int64(q, 1, authz_id);
    sqlite3_bind_int(q, 2, attestation->format);
    store_connection_bind_span(q, 3, span_make(attestation->key_hash, STORE_HASH_SIZE));
    sqlite3_bind_int64(q, 4, attestation->at);
    TRY(store_connection_do(c, q, why));
    return store_device_note_attested(c, authz_id, attestation->at, why);
}

enum err store_attestation_finish(struct store_session *s, int64_t authz_id,
                                  int challenge_type, const char *record,
                                  const struct store_attestation *attestation,
                                  struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result =
            finish(&s->store->writer, authz_id, challenge_type, record, attestation, why);
    return store_batch_end(s, result);
}

static enum err find(struct store_connection *c, int64_t authz_id,
                     struct store_attestation *attestation, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ATTESTATION_OF);
    bool found = false;

    sqlite3_bind_int64(q, 1, authz_id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "nothing was attested for it");
    attestation->format = sqlite3_column_int(q, 0);
    store_connection_octets(q, 1, attestation->key_hash, STORE_HASH_SIZE);
    attestation->at = sqlite3_column_int64(q, 2);
    sqlite3_reset(q);
    return ERR_OK;
}

enum err store_attestation_of(struct store_session *s, int64_t authz_id,
                              struct store_attestation *attestation, struct err_info *why)
{
    return store_read_end(s, find(store_read_begin(s), authz_id, attestation, why));
}
