/* The process that shows metrics by HTTP. It has the text it shows and nothing else. */
#pragma once

#include "client/proc/child.h"
#include "core/base/err.h"
#include "core/base/span.h"

/* Start it, showing nothing yet, on "ADDRESS:PORT". To be called before a key is in
 * memory. ERR_CONFIG for an address that is none; ERR_NETWORK if it cannot be listened on
 * there. To be ended with child_end. */
MUST_CHECK enum err agent_page_start(const char *address, struct child *page,
                                     struct err_info *why);

/* Let it show this text from now on. ERR_IO if it is gone. */
MUST_CHECK enum err agent_page_show(const struct child *page, struct span text,
                                    struct err_info *why);
