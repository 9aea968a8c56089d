/*
 * A request's life in as few system calls as it takes. On loopback a connection is made by
 * the time connect() returns, so the request is sent at once and only a connection that
 * isn't made yet is waited for.
 */
#include "client.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "response.h"

void client_init(struct client *c)
{
	memset(c, 0, offsetof(struct client, response));
	c->fd = -EBADF;
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -EBADF;
	c->state = CLIENT_IDLE;
}

static enum client_step end(struct client *c, enum outcome outcome, int error)
{
	c->outcome = outcome;
	c->error = error;
	return STEP_ENDED;
}

static enum client_step fail(struct client *c, int error)
{
	if (c->n_received > 0)
		return end(c, OUTCOME_BAD_RESPONSE, error);
	switch (error) {
	case ECONNREFUSED: return end(c, OUTCOME_REFUSED, error);
	case ECONNRESET:
	case EPIPE: return end(c, OUTCOME_RESET_BEFORE_RESPONSE, error);
	case ETIMEDOUT: return end(c, OUTCOME_TIMEOUT, error);
	default: return end(c, OUTCOME_CONNECT_ERROR, error);
	}
}

static enum client_step ask(struct client *c, const struct client_rules *rules)
{
	ssize_t n = send(c->fd, rules->request, rules->request_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN) {
		c->state = CLIENT_CONNECTING;
		return STEP_GOES_ON;
	}
	if (n < 0)
		return fail(c, errno);
	c->state = CLIENT_READING;
	return STEP_GOES_ON;
}

static int watch(const struct client *c, int epoll_fd, int operation)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = (void *)c };

	if (c->state == CLIENT_CONNECTING)
		event.events = EPOLLOUT;
	return epoll_ctl(epoll_fd, operation, c->fd, &event) < 0 ? -errno : 0;
}

enum client_step client_begin(struct client *c, struct client_rules *rules)
{
	enum client_step step;
	int r;

	c->n_received = 0;
	if (c->fd >= 0)
		return ask(c, rules);
	r = target_connect(&rules->target, &c->fd);
	if (r == -EAGAIN)
		return STEP_AGAIN;
	rules->n_connections++;
	if (r < 0)
		return fail(c, -r);
	step = ask(c, rules);
	if (step != STEP_GOES_ON)
		return step;
	r = watch(c, rules->epoll_fd, EPOLL_CTL_ADD);
	return r < 0 ? fail(c, -r) : STEP_GOES_ON;
}

static enum client_step goes_on_connecting(struct client *c, const struct client_rules *rules)
{
	enum client_step step = ask(c, rules);
	int r;

	if (step != STEP_GOES_ON || c->state == CLIENT_CONNECTING)
		return step;
	r = watch(c, rules->epoll_fd, EPOLL_CTL_MOD);
	return r < 0 ? fail(c, -r) : STEP_GOES_ON;
}

static enum client_step judge(struct client *c, bool is_ended)
{
	if (is_ended && c->n_received == 0)
		return end(c, OUTCOME_EOF_BEFORE_RESPONSE, 0);
	switch (response_check(c->response, c->n_received, is_ended)) {
	case RESPONSE_WHOLE: return end(c, OUTCOME_OK, 0);
	case RESPONSE_BAD: return end(c, OUTCOME_BAD_RESPONSE, 0);
	default: return STEP_GOES_ON;
	}
}

/* Keeps the first bytes; of a long body only the number counts. */
static ssize_t receive(struct client *c, bool *ret_took_all)
{
	static char rest[65536];
	bool is_kept = c->n_received < RESPONSE_KEPT_BYTES;
	char *to = is_kept ? c->response + c->n_received : rest;
	size_t room = is_kept ? RESPONSE_KEPT_BYTES - c->n_received : sizeof(rest);
	ssize_t n = recv(c->fd, to, room, MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	c->n_received += (size_t)n;
	if (is_kept)
		c->response[c->n_received] = '\0';
	*ret_took_all = (size_t)n < room;
	return n;
}

static enum client_step read_on(struct client *c, const struct client_rules *rules, uint32_t events)
{
	/* Once the server's end has come in good order, what can be read now is all. */
	bool is_last = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == EPOLLRDHUP;
	bool is_over = events & (EPOLLHUP | EPOLLERR), took_all = false;
	enum client_step step = STEP_GOES_ON;
	ssize_t n;

	do {
		n = receive(c, &took_all);
		if (n == -EAGAIN)
			return STEP_GOES_ON;
		if (n < 0)
			return fail(c, (int)-n);
		if (n == 0 || (is_last && took_all))
			step = judge(c, true);
		else if (rules->keeps_alive)
			step = judge(c, false);
	} while (step == STEP_GOES_ON && is_over);
	return step;
}

/* A failed connection is left open for its owner, who wants to know its address. */
static void keep_or_close(struct client *c, const struct client_rules *rules, uint32_t events)
{
	c->state = CLIENT_IDLE;
	if (c->outcome != OUTCOME_OK)
		return;
	if (!rules->keeps_alive || events & (EPOLLRDHUP | EPOLLHUP) || response_closes(c->response))
		client_close(c);
}

enum client_step client_event(struct client *c, struct client_rules *rules, uint32_t events)
{
	enum client_step step;

	switch (c->state) {
	case CLIENT_CONNECTING: return goes_on_connecting(c, rules);
	case CLIENT_READING:
		step = read_on(c, rules, events);
		if (step == STEP_ENDED)
			keep_or_close(c, rules, events);
		return step;
	default: client_close(c); return STEP_GOES_ON; /* the server gave up a kept connection */
	}
}
