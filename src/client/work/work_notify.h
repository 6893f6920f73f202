/* Telling somebody: notify.command, with what became of a certificate. */
#pragma once

#include "client/renewal/renewal_notice.h"
#include "client/work/work.h"

/* What is known of the certificate for that. */
void work_notify_facts(struct arena *a, const char *directory, const struct wanted *w,
                       const struct certificate_metadata *there,
                       struct renewal_notice_facts *facts);

/* Run notify.command if there is anything to tell, and take down that it was told. A
 * command that fails is a warning, and is run again in an hour. The lock of the
 * certificate must be held. */
void work_notify(struct arena *a, const struct work *k, const struct wanted *w);
