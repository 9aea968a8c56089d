/*
 * Changes the file system's view of who this thread is, and back.
 */
#include "os/acting.h"

#include <errno.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

static int set_groups(int n, const gid_t *groups)
{
	/* The library's own function would change every thread. */
	return syscall(SYS_setgroups, n, groups) < 0 ? -errno : 0;
}

int acting_begin(const struct peek_identity *who, struct acting *ret_before)
{
	int r;

	memset(ret_before, 0, sizeof(*ret_before));
	if (!who || (who->uid == geteuid() && who->gid == getegid()))
		return 0;
	ret_before->gid = getegid();
	ret_before->n_groups = getgroups(ACTING_GROUPS_MAX, ret_before->groups);
	if (ret_before->n_groups < 0)
		return -errno;
	r = set_groups((int)who->n_groups, who->groups);
	if (r < 0)
		return r;
	ret_before->is_other = 1;
	(void)setfsgid(who->gid);
	(void)setfsuid(who->uid); /* takes the rights of root over files away, too */
	if ((uid_t)setfsuid((uid_t)-1) == who->uid && (gid_t)setfsgid((gid_t)-1) == who->gid)
		return 0;
	acting_end(ret_before);
	ret_before->is_other = 0;
	return -EPERM;
}

void acting_end(const struct acting *before)
{
	int kept = errno;

	if (before->is_other) {
		(void)setfsuid(geteuid());
		(void)setfsgid(before->gid);
		(void)set_groups(before->n_groups, before->groups);
	}
	errno = kept;
}
