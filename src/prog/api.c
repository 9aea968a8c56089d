/*
 * What the API asks becomes a call of the primary's, and its result a sentence.
 */
#include "prog/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "control/control.h"
#include "control/control_socket.h"

static json_t *on_describe(void *data)
{
	return primary_describe(data);
}

static json_t *on_upgrade_state(void *data)
{
	return primary_describe_upgrade(data);
}

static int on_scale(void *data, const struct control_peer *who, const struct control_scale *scale,
		    unsigned *ret_workers, char ret_text[static CONTROL_TEXT_MAX])
{
	int n = scale->workers + (scale->is_change ? (int)primary_n_wanted(data) : 0);
	int r = primary_scale(data, n);

	(void)who;
	if (r == -EINVAL)
		(void)snprintf(ret_text, CONTROL_TEXT_MAX, "an app has 1 to %d workers, not %d",
			       APP_WORKERS_MAX, n);
	else if (r == -EALREADY)
		(void)snprintf(ret_text, CONTROL_TEXT_MAX,
			       "a reload is under way: slots stay as they are until it is final");
	else if (r < 0)
		(void)snprintf(ret_text, CONTROL_TEXT_MAX, "berth is stopping");
	*ret_workers = primary_n_wanted(data);
	return r == -EALREADY ? -EBUSY : r;
}

static int on_reload(void *data, const struct control_peer *who,
		     const struct control_reload *reload, uint64_t *ret_id, const char **ret_answer,
		     char ret_text[static CONTROL_TEXT_MAX])
{
	const struct primary_reload_wish wish = {
		.canary_percent = reload->canary_percent,
		.has_watch = reload->has_watch,
		.watch_ms = reload->watch_ms,
		.uid = who->uid,
	};
	int r = primary_reload(data, &wish, ret_id, ret_answer);

	if (r == -EBUSY)
		(void)snprintf(ret_text, CONTROL_TEXT_MAX, "berth is stopping");
	else if (r == -EOPNOTSUPP)
		(void)snprintf(
			ret_text, CONTROL_TEXT_MAX,
			"a canary needs the steered tier: berth doctor says what that needs");
	return r;
}

static int on_undo(void *data, const struct control_peer *who, uint64_t *ret_id,
		   char ret_text[static CONTROL_TEXT_MAX])
{
	int r = primary_undo(data, who->uid, ret_id);

	if (r == -EBUSY)
		(void)snprintf(ret_text, CONTROL_TEXT_MAX, "berth is stopping");
	else if (r == -ENOENT)
		(void)snprintf(ret_text, CONTROL_TEXT_MAX,
			       "the last generation is not there any more: put its files back and "
			       "reload");
	return r;
}

static json_t *on_reload_state(void *data)
{
	return primary_describe_reload(data);
}

static int on_upgrade(void *data, const struct control_peer *who, const char *binary,
		      uint64_t *ret_id, char ret_text[static CONTROL_TEXT_MAX])
{
	int r = primary_upgrade(data, binary, ret_id);

	(void)who;
	if (r == -EALREADY) {
		(void)snprintf(ret_text, CONTROL_TEXT_MAX, "another upgrade is under way");
		return -EBUSY;
	}
	if (r == -EBUSY)
		(void)snprintf(ret_text, CONTROL_TEXT_MAX, "berth is stopping");
	else if (r < 0)
		(void)snprintf(ret_text, CONTROL_TEXT_MAX, "cannot upgrade to %s: %s",
			       binary ? binary : "the program on the disk", strerror(-r));
	return r == -ENOENT ? -EINVAL : r;
}

static const struct control_ops ops = {
	.describe = on_describe,
	.scale = on_scale,
	.reload = on_reload,
	.undo = on_undo,
	.reload_state = on_reload_state,
	.upgrade = on_upgrade,
	.upgrade_state = on_upgrade_state,
};

static int begin(void *data, struct primary *p, uv_loop_t *loop, const char *app, int *fd)
{
	struct api *a = data;
	struct control_options options = { .loop = loop, .ops = &ops, .data = p };
	char path[CONTROL_PATH_MAX];
	own_fd made = NO_FD;
	int r = *fd >= 0 ? 0 : control_socket_open(app, &made, path);

	if (r < 0)
		return r;
	options.listen_fd = *fd >= 0 ? *fd : made;
	r = control_new(&options, &a->control);
	if (r == 0 && made >= 0)
		*fd = take_fd(&made);
	return r;
}

static void end(void *data, const char *app, int fd)
{
	struct api *a = data;
	char directories[CONTROL_DIRECTORIES_MAX][CONTROL_PATH_MAX];
	size_t n = control_socket_directories(directories);

	a->control = control_free(a->control);
	for (size_t i = 0; i < n; i++) {
		char path[CONTROL_PATH_MAX];

		if (control_socket_path(directories[i], app, path) == 0)
			control_socket_remove(path, fd);
	}
}

struct primary_api api_for_primary(struct api *a)
{
	return (struct primary_api){ .begin = begin, .end = end, .data = a };
}
