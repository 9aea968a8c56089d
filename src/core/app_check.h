/*
 * Whether what the user asked for can be had: options that are each fine may
 * contradict each other, and templates may have no number in some slot.
 */
#ifndef BERTH_CORE_APP_CHECK_H
#define BERTH_CORE_APP_CHECK_H

#include <stddef.h>

#include "core/app_config.h"

enum app_fault {
	APP_SOUND = 0,
	APP_LISTEN_COVERED,     /* two addresses to listen at, of which one has the other in it */
	APP_LISTEN_IS_PRIVATE,  /* a port that is to be shared and left alone */
	APP_LISTEN_IS_UNIQUE,   /* a port that is to be shared and to be each worker's own */
	APP_UNIQUE_IS_PRIVATE,  /* a port that is to be moved and left alone */
	APP_UNIQUE_TOO_HIGH,    /* no port numbers left for all slots */
	APP_UNIQUE_TOO_CLOSE,   /* two workers would be given the same port */
	APP_ARGUMENT_UNDEFINED, /* a sum in an argument has no number in some slot */
	APP_ENV_UNDEFINED,      /* the same in a variable */
	APP_WEIGHTS_UNUSED,     /* weights, and a policy that has none */
	APP_NEEDS_STEERED,      /* what nobody can know in the shared tier, and --mode shared */
};

#define APP_CHECK_TEXT_MAX 640

/*
 * app_check - find the first contradiction in @c
 *
 * @ret_text:  one sentence that names both sides; written unless @c is sound
 *
 * Any thread. Never blocks.
 */
enum app_fault app_check(const struct app_config *c, char ret_text[static APP_CHECK_TEXT_MAX]);

#endif
