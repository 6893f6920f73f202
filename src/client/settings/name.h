/* Names of a certificate as they are kept and shown: "www.example.test",
 * "*.example.test", "192.0.2.1", and with their type in front those of devices,
 * "permanent-identifier:ABCDEF". */
#pragma once

#include "core/acme/identifier.h"

/* What such a text names; its value points into it. What is no device's is as it stands:
 * canonical already. */
struct identifier name_identifier(const char *name);

/* The text of an identifier, in the arena. */
char *name_text(struct arena *a, const struct identifier *identifier);

/* Is it a device's? */
bool name_is_device(const char *name);

/* The same identifier? Without regard to case where it is a DNS name. */
bool name_equal(const struct identifier *x, const struct identifier *y);
