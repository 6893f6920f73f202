/* Root without root's rights (capabilities(7)). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Keep these capabilities only (a set of bits, CAP_* of linux/capability.h), and none
 * that could come back: neither in the bounding set nor the ambient one. Whoever is not
 * root has none to begin with. False if it cannot be done. */
bool rights_keep(uint32_t kept);
