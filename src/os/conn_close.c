/*
 * Between the last look at a connection and its FIN lies the time in which a request
 * may still come and be lost: two system calls, one behind the other. Whatever else
 * there is to check is checked before.
 *
 * Both directions are shut. To shut only ours would let the worker take a request that
 * it can no longer answer, and do what it says; and would hold the worker up until the
 * client closes, too. Every server that closes an idle connection does the same.
 */
#include "os/conn_close.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/own.h"
#include "os/fault.h"

/*
 * Bytes that came meanwhile are counted, whether they were read or not. Of those that
 * went, the last one would be fresher than it was.
 */
static bool is_unchanged(int fd, const struct conn_info *then)
{
	struct tcp_info now;
	socklen_t size = sizeof(now);

	memset(&now, 0, sizeof(now));
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &now, &size) == 0 &&
	       now.tcpi_bytes_received == then->n_received &&
	       now.tcpi_bytes_acked == then->n_acked && now.tcpi_notsent_bytes == then->n_unsent &&
	       now.tcpi_last_data_sent >= then->sent_ms;
}

static int shut(int fd)
{
	if (shutdown(fd, SHUT_RDWR) < 0)
		return errno == ENOTCONN ? -ESRCH : -errno;
	fault_point("conn_shut");
	return 0;
}

int conn_close(const struct conn *conn)
{
	own_fd fd = NO_FD;
	int r = conn_take(conn, &fd);

	if (r < 0)
		return r;
	if (!is_unchanged(fd, &conn->info))
		return -EAGAIN;
	return shut(fd);
}

static int cork(const struct conn *conn, int is_on)
{
	own_fd fd = NO_FD;
	int r = conn_take(conn, &fd);

	if (r < 0)
		return r;
	if (setsockopt(fd, IPPROTO_TCP, TCP_CORK, &is_on, sizeof(is_on)) < 0)
		return -errno;
	fault_point("conn_cork");
	return 0;
}

int conn_hold(struct conn *conn)
{
	int r = cork(conn, 1);

	if (r == 0)
		conn->info.is_held = true;
	return r;
}

int conn_release(struct conn *conn)
{
	int r = cork(conn, 0);

	if (r == 0)
		conn->info.is_held = false;
	return r;
}

int conn_cut(const struct conn *conn)
{
	own_fd fd = NO_FD;
	int r = conn_take(conn, &fd);

	return r < 0 ? r : shut(fd);
}
