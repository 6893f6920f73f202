/* Values that were read, written again. */
#pragma once

#include "core/json/json_read.h"
#include "core/json/json_write.h"

/* Write a value under `name` (as the functions of json_write.h have it); NULL and numbers
 * that are not whole become null. */
void json_copy_value(struct json_writer *w, const char *name, const struct json *value);

/* Write the members of an object into the one that is open. */
void json_copy_members(struct json_writer *w, const struct json *object);
