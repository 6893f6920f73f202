/* What the commands about perspectives share. */
#pragma once

/* Say it on stderr if the region is none that the Baseline Requirements (3.2.2.9) count:
 * a CA may call its regions as it likes. */
void command_perspective_warn(const char *region);
