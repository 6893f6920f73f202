/* Inside core/config: how a text becomes an option's value. */
#pragma once

#include "core/config/config.h"

/* The option of that path, or NULL. */
const struct config_option *config_value_find(const struct config_table *table,
                                              const char *path);

/* The path of the option or section that looks most like `path`; NULL if none does. */
const char *config_value_nearest(const struct config_table *table, const char *path);

/* Set one option from a text; ERR_CONFIG naming the option. */
MUST_CHECK enum err config_value_set(struct arena *a, const struct config_option *option,
                                     const char *text, void *settings,
                                     struct err_info *why);

/* A member of a family and its options under their full paths ("profiles.NAME.key"). */
struct config_member {
    void *settings;
    struct config_table table;
};

/* The family of that section, or NULL. */
const struct config_family *config_value_family(const struct config_table *table,
                                                const char *section);

/* The member of that name, made with its defaults if it is not there; its table lives in
 * `scratch`. ERR_CONFIG if the
 * name is no such name, or there are too many. */
MUST_CHECK enum err config_value_member(struct arena *a, struct arena *scratch,
                                        const struct config_family *family,
                                        const char *name, void *settings,
                                        struct config_member *member,
                                        struct err_info *why);

/* Read text, the outermost node of which is `root` (NULL if there is nothing); the
 * document lives in the arena. ERR_CONFIG with file, line and column. */
struct fy_node;
MUST_CHECK enum err config_value_document(struct arena *a, const char *file,
                                          struct span text, struct fy_node **root,
                                          struct err_info *why);
