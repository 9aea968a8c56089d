/*
 * The file of a shared Unix socket: a name that is made again from a second one.
 */
#include "os/unix_path.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "os/acting.h"
#include "os/fault.h"
#include "os/sock.h"

static bool has_file(const struct addr *a)
{
	return a->unix_len > 0 && a->u.path[0] != '\0';
}

static char *second_name(const char *first, pid_t origin)
{
	const char *slash = strrchr(first, '/');
	int n_dir = slash ? (int)(slash + 1 - first) : 0;
	char *name = NULL;

	if (asprintf(&name, "%.*s.%s.berth-%d", n_dir, first, first + n_dir, (int)origin) < 0)
		return NULL;
	return name;
}

int unix_path_init(struct unix_path *p, const struct addr *a, pid_t origin)
{
	struct stat st;

	memset(p, 0, sizeof(*p));
	if (!has_file(a))
		return 0;
	p->first = strndup(a->u.path, a->unix_len);
	if (!p->first)
		return -ENOMEM;
	if (lstat(p->first, &st) < 0)
		return -errno;
	p->device = st.st_dev;
	p->inode = st.st_ino;
	p->second = second_name(p->first, origin);
	if (!p->second)
		return -ENOMEM;
	(void)unlink(p->second);
	fault_point("unix_path_clear_second");
	if (link(p->first, p->second) < 0) {
		free(p->second);
		p->second = NULL;
	}
	fault_point("unix_path_init");
	return 0;
}

int unix_path_resume(struct unix_path *p, const struct addr *a, const struct unix_path_mark *mark)
{
	struct stat st;

	memset(p, 0, sizeof(*p));
	if (!has_file(a))
		return 0;
	p->device = mark->device;
	p->inode = mark->inode;
	p->first = strndup(a->u.path, a->unix_len);
	p->second = p->first ? second_name(p->first, mark->origin) : NULL;
	if (!p->second)
		return -ENOMEM;
	if (lstat(p->second, &st) < 0 || st.st_dev != p->device || st.st_ino != p->inode) {
		free(p->second);
		p->second = NULL;
	}
	return 0;
}

/* 0 if the first name is our file, -ENOENT if there is none, -EADDRINUSE if it's another's. */
static int check_first(const struct unix_path *p)
{
	struct stat st;

	if (lstat(p->first, &st) < 0)
		return -errno;
	return st.st_dev == p->device && st.st_ino == p->inode ? 0 : -EADDRINUSE;
}

static const struct peek_identity *owner_of(const struct unix_path *p)
{
	return p->has_owner ? &p->owner : NULL;
}

static void remove_names(const struct unix_path *p)
{
	struct acting before;

	if (!p->first || acting_begin(owner_of(p), &before) < 0)
		return; /* as somebody else we must not */
	if (check_first(p) == 0)
		(void)unlink(p->first);
	fault_point("unix_path_remove_first");
	if (p->second)
		(void)unlink(p->second);
	fault_point("unix_path_done");
	acting_end(&before);
}

void unix_path_done(struct unix_path *p)
{
	remove_names(p);
	free(p->first);
	free(p->second);
	memset(p, 0, sizeof(*p));
}

static int restore(const struct unix_path *p)
{
	int r = check_first(p);

	if (r != -ENOENT)
		return r;
	if (!p->second)
		return -EADDRINUSE;
	if (link(p->second, p->first) < 0)
		return errno == EEXIST ? -EADDRINUSE : -errno; /* somebody was quicker */
	fault_point("unix_path_restore");
	return 0;
}

int unix_path_restore(const struct unix_path *p)
{
	struct acting before;
	int r;

	if (!p->first)
		return 0;
	r = acting_begin(owner_of(p), &before);
	if (r < 0)
		return r;
	r = restore(p);
	acting_end(&before);
	return r;
}

void unix_path_set_owner(struct unix_path *p, const struct peek_identity *owner)
{
	p->has_owner = true;
	p->owner = *owner;
}

bool unix_path_remove_stale(const struct addr *a)
{
	own_free char *path = NULL;
	struct stat st;

	if (!has_file(a) || sock_unix_is_alive(a))
		return false;
	path = strndup(a->u.path, a->unix_len);
	if (!path || lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode) || unlink(path) < 0)
		return false;
	fault_point("unix_path_remove_stale");
	return true;
}
