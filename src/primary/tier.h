/*
 * Which tier runs: steered, where the kernel chooses by our program, or shared,
 * which needs no right at all.
 */
#ifndef BERTH_PRIMARY_TIER_H
#define BERTH_PRIMARY_TIER_H

#include <limits.h>

#include "core/app_config.h"
#include "os/steer.h"

#define TIER_TEXT_MAX (PATH_MAX + 256)

/*
 * tier_choose - load the steering program if it's wanted and allowed
 *
 * @ret_steer: yours; NULL in the shared tier
 * @ret_text:  which tier and why, as the rest of a sentence; also on error
 *
 * Returns 0; -EPERM and the like when MODE_STEERED was asked for and cannot be
 * had. Primary's thread only. Takes some 50 ms where the program is loaded.
 */
int tier_choose(const struct app_config *config, struct steer **ret_steer,
		char ret_text[static TIER_TEXT_MAX]);

#endif
