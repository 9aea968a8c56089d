/*
 * What a Unix address means to the worker that binds it, said so that it means the
 * same to us.
 */
#include "primary/unix_port.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "os/acting.h"
#include "os/peek.h"

static bool is_absolute(const struct addr *a)
{
	return a->u.path[0] == '\0' || a->u.path[0] == '/';
}

bool unix_port_is_ours(pid_t tid, struct addr *a)
{
	char directory[ADDR_UNIX_MAX];
	struct addr whole = { .family = AF_UNIX };
	int n;

	if (!peek_sees_our_files(tid))
		return false;
	if (is_absolute(a))
		return true;
	if (peek_cwd(tid, directory, sizeof(directory)) < 0)
		return false;
	n = snprintf(whole.u.path, sizeof(whole.u.path), "%s/%.*s", directory, (int)a->unix_len,
		     a->u.path);
	if (n < 0 || (size_t)n >= sizeof(whole.u.path))
		return false;
	whole.unix_len = (uint16_t)n;
	*a = whole;
	return true;
}

int unix_port_claim(struct ports *p, const struct peek_identity *owner, const struct addr *a,
		    const struct sock_facts *like, struct port **ret_port)
{
	struct acting before;
	mode_t umask_before;
	int r = acting_begin(owner, &before);

	if (r < 0)
		return r;
	umask_before = umask(owner->umask);
	r = ports_claim(p, a, like, PORT_NONE, ret_port);
	(void)umask(umask_before);
	acting_end(&before);
	if (r == 0)
		unix_path_set_owner(&(*ret_port)->path, owner);
	return r;
}
