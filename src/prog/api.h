/*
 * Joins the primary to the control API.
 */
#ifndef BERTH_PROG_API_H
#define BERTH_PROG_API_H

#include "primary/primary.h"

/* Zeroed before its primary is started. */
struct api {
	struct primary *primary;
	const char *app;         /* its name; the primary's */
	struct control *control; /* NULL while it does not answer */
	uv_timer_t stop_soon;
	bool is_stop_now;
};

/* What the primary calls: @a, which it reaches, has to outlive it. */
struct primary_api api_for_primary(struct api *a);

#endif
