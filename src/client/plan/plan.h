/* What is to be done: which certificates are due. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/store/certificate_store.h"

/* When a certificate is to be renewed: when a third of its life is left. Seconds. */
int64_t plan_due(const struct certificate_metadata *m);

/* Are these exactly the certificate's names, in any order? */
bool plan_same_names(const struct certificate_metadata *m, const char *const *names,
                     size_t count);
