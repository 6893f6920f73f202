/* Certificate requests in the audit log. */
#include "core/x509/csr.h"
#include "server/audit/audit.h"
#include "server/exchange/account_cache.h"
#include "server/resource/resource.h"

enum err resource_csr_note(struct exchange *x, const struct csr_checked *csr,
                           enum err result, const struct err_info *why)
{
    struct audit_line l;

    audit_begin(&l, AUDIT_CSR);
    json_write_number(&l.w, "order", x->id);
    json_write_number(&l.w, "account", x->account->id);
    if (csr != NULL) {
        audit_digest(&l, "csr_sha256", csr->der);
        audit_digest(&l, "key_hash", key_spki(csr->key));
    }
    audit_result(&l, result, why);
    audit_end(&l, x->session);
    return result;
}
