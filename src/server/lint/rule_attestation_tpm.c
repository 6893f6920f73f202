/* The TPM is named: manufacturer, model and version, in one directoryName. */
#include "core/crypto/der_read.h"
#include "core/x509/tpm_certificate.h"
#include "server/lint/lint_rule.h"

const char *rule_attestation_tpm(const struct lint_subject *s)
{
    struct tpm_certificate_name name;
    size_t found = 0;

    for (size_t i = 0; i < s->name_count; i++) {
        if (s->names[i].tag != DER_CONTEXT_CONSTRUCTED(4))
            continue;
        if (!tpm_certificate_name_read(s->names[i].value, &name))
            return "a directoryName does not have the TPM's manufacturer, model and "
                   "version";
        if (!tpm_certificate_name_is_good(&name))
            return "manufacturer and version are not id: and hexadecimal digits";
        found++;
    }
    return found == 1 ? NULL : "there is not just one directoryName";
}
