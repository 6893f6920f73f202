/* What the accounts bound with an external key may do (RFC 8555 7.3.4), as it is stored
 * with the key: a JSON object of lists, where one that is missing or empty forbids
 * nothing, and of the rate `orders`, a text. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/config/config.h"
#include "server/limit/limit_rules.h"

struct external_policy {
    int64_t key_id;
    struct limit_rules_key limits;
    struct config_list names;    /* "a.test": that name; ".a.test": every name below it */
    struct config_list networks; /* CIDR; with names alone, no address may be had, and
                                    the reverse */
    struct config_list devices;  /* "TYPE:VALUE", or "TYPE:BEGINNING*" */
    struct config_list profiles; /* also those that are restricted */
    struct config_list directories; /* where accounts may be made */
    unsigned int identifier_types;  /* bits 1 << enum identifier_type; all: every bit */
    unsigned int challenge_types;   /* bits 1 << enum challenge_type */
};

/* Read the policy of a key; it lives in the arena, and points to `kid`. ERR_STORE if it
 * is none of ours. */
MUST_CHECK enum err external_policy_read(struct arena *a, int64_t key_id, const char *kid,
                                         const char *text,
                                         const struct external_policy **policy,
                                         struct err_info *why);

/* Is the text in the list? */
bool external_policy_lists(const struct config_list *list, const char *text);
