/* Perspectives on other hosts, in the settings of their CA. */
#pragma once

#include "server/settings/settings.h"
#include "server/settings/settings_family.h"

/* Put DIRECTORY/perspectives.yaml, if it is there, behind the text of cairn-ca.yaml, as
 * settings_read() takes it. ERR_CONFIG, ERR_IO, ERR_TOO_LARGE. */
MUST_CHECK enum err settings_perspective_join(struct arena *a, const char *directory,
                                              struct span *text, struct err_info *why);

/* The two halves again; the second is empty if there is none. */
void settings_perspective_split(struct span text, struct span *first,
                                struct span *second);

/* Add the perspectives of that text to those there are. ERR_CONFIG also for a name that
 * is there already. */
MUST_CHECK enum err settings_perspective_read(struct arena *a, struct span text,
                                              struct settings *s, struct err_info *why);

/* Append the text of a perspectives.yaml with all that are in `s`. */
void settings_perspective_write(struct buf *b, const struct settings *s);

/* Check them and fill in what they come to. ERR_CONFIG names the perspective. */
MUST_CHECK enum err settings_perspective_check(struct arena *a, struct settings *s,
                                               struct err_info *why);

/* Check one, its name too, and fill in what it comes to. ERR_CONFIG. */
MUST_CHECK enum err settings_perspective_check_one(struct arena *a,
                                                   struct settings_perspective *p,
                                                   struct err_info *why);

/* Add one to, or take one out of, what settings_perspective_write() writes; false if it
 * is not there. */
void settings_perspective_append(struct arena *a, struct settings *s,
                                 const struct settings_perspective *p);
bool settings_perspective_drop(struct settings *s, const char *name);

/* What one may be called, on both sides. ERR_CONFIG. */
MUST_CHECK enum err settings_perspective_check_name(const char *name,
                                                    struct err_info *why);

/* A region is a word. ERR_CONFIG. And is it one of those the Baseline Requirements
 * (3.2.2.9) count, a regional Internet registry? */
MUST_CHECK enum err settings_perspective_check_region(const char *region,
                                                      struct err_info *why);
bool settings_perspective_region_is_known(const char *region);

/* "sha256:" and 64 hexadecimal digits, to and from octets. */
bool settings_perspective_pin(struct span text, uint8_t pin[SETTINGS_PIN_SIZE]);
const char *settings_perspective_pin_text(struct arena *a, const uint8_t *pin);

/* A list of them, at least one; `option` is named in errors. ERR_CONFIG. */
MUST_CHECK enum err settings_perspective_pins(struct arena *a, const char *option,
                                              const struct config_list *keys,
                                              const uint8_t (**pins)[SETTINGS_PIN_SIZE],
                                              struct err_info *why);
