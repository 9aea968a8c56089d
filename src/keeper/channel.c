/*
 * What is trusted about a message: nothing, before channel_accepts() has seen it.
 */
#include "keeper/channel.h"

#include <string.h>
#include <sys/socket.h>

#include "base/own.h"
#include "os/rights.h"

static bool is_name(const char name[KEEPER_NAME_SIZE])
{
	return name[0] && memchr(name, '\0', KEEPER_NAME_SIZE);
}

bool channel_accepts(const struct keeper_message *m, size_t size, bool has_fd)
{
	if (size != sizeof(*m) || m->magic != KEEPER_MAGIC || m->version != KEEPER_VERSION)
		return false;
	switch (m->type) {
	case KEEPER_STORE: return has_fd && is_name(m->name);
	case KEEPER_DROP: return !has_fd && is_name(m->name);
	case KEEPER_WATCH: return !has_fd && m->pid > 0;
	case KEEPER_FINISH: return !has_fd && m->number >= 0 && m->number <= 255;
	case KEEPER_DONE:
	case KEEPER_READY: return !has_fd;
	case KEEPER_PROGRAM:
	case KEEPER_ADOPT: return has_fd;
	default: return false;
	}
}

int channel_receive(int channel_fd, struct keeper_message *ret_message, int *ret_fd)
{
	struct keeper_message m;
	own_fd fd = NO_FD;
	ssize_t size = rights_receive(channel_fd, &m, sizeof(m), MSG_DONTWAIT | MSG_TRUNC, &fd);

	if (size < 0)
		return (int)size;
	if (size == 0)
		return -EPIPE; /* or an empty message, which is no better */
	if (fd == -E2BIG || !channel_accepts(&m, (size_t)size, fd != NO_FD))
		return -EBADMSG;
	*ret_message = m;
	*ret_fd = take_fd(&fd);
	return 0;
}
